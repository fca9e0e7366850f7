//! Random victims for thieves.

use std::cell::Cell;

/// A xorshift generator (Marsaglia, "Xorshift RNGs", 2003): spreads thieves, promises nothing more.
#[derive(Debug)]
pub(crate) struct Rng(Cell<u64>);

impl Rng {
    /// Two generators with different seeds start at different points of the sequence.
    pub(crate) fn new(seed: u64) -> Self {
        // The state must never be zero, or the sequence is constant.
        Self(Cell::new(
            seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ 0xD1B5_4A32_D192_ED03 | 1,
        ))
    }

    /// A number below `bound`, which must not be zero.
    pub(crate) fn below(&self, bound: usize) -> usize {
        let mut x = self.0.get();
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        self.0.set(x);
        // A multiplication in place of a division; the bias is below `bound / 2^32`.
        (((x >> 32) * bound as u64) >> 32) as usize
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::Rng;

    #[test]
    fn stays_below_the_bound_and_reaches_everyone() {
        let rng = Rng::new(1);
        let mut seen = [false; 7];
        for _ in 0..1000 {
            seen[rng.below(7)] = true;
        }
        assert_eq!(seen, [true; 7]);
    }
}
