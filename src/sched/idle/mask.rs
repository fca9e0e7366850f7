//! Sets of workers.

use crate::primitive::atomic::{AtomicU64, Ordering};

/// So many sleepers are compared at most, since each comparison may be a miss of the cache.
const COMPARED: usize = 8;

/// One bit per worker.
pub(super) struct Mask(Box<[AtomicU64]>);

impl Mask {
    pub(super) fn new(workers: usize) -> Self {
        Self(
            (0..workers.div_ceil(64))
                .map(|_| AtomicU64::new(0))
                .collect(),
        )
    }

    #[inline]
    pub(super) fn any(&self, ordering: Ordering) -> bool {
        self.0.iter().any(|word| word.load(ordering) != 0)
    }

    pub(super) fn has(&self, worker: usize) -> bool {
        self.0[worker / 64].load(Ordering::Acquire) & (1 << (worker % 64)) != 0
    }

    /// Release: what the worker did before it sleeps is visible to whoever sees the bit.
    pub(super) fn set(&self, worker: usize) {
        self.0[worker / 64].fetch_or(1 << (worker % 64), Ordering::AcqRel);
    }

    /// Clears the worker's bit; says whether this call did it.
    pub(super) fn clear(&self, worker: usize) -> bool {
        let bit = 1 << (worker % 64);
        let word = &self.0[worker / 64];
        // The load spares the awake the exclusive cache line.
        word.load(Ordering::Relaxed) & bit != 0 && word.fetch_and(!bit, Ordering::AcqRel) & bit != 0
    }

    /// Whose bits are set, in their order.
    fn iter(&self) -> impl Iterator<Item = usize> {
        self.0.iter().enumerate().flat_map(|(index, word)| {
            let mut bits = word.load(Ordering::Relaxed);
            std::iter::from_fn(move || {
                let bit = (bits != 0).then(|| bits.trailing_zeros() as usize)?;
                bits &= bits - 1;
                Some(index * 64 + bit)
            })
        })
    }

    /// Clears the bit of the worker with the least load among the first few, and says whose.
    pub(super) fn clear_least(&self, load: impl Fn(usize) -> usize) -> Option<usize> {
        loop {
            let least = self
                .iter()
                .take(COMPARED)
                .min_by_key(|&worker| load(worker))?;
            if self.clear(least) {
                return Some(least);
            }
        }
    }

    /// Clears the bit of some worker, and says whose.
    pub(super) fn clear_any(&self) -> Option<usize> {
        self.iter().find(|&worker| self.clear(worker))
    }
}
