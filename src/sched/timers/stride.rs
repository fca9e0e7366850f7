//! When a busy worker reads the clock.

use std::cell::Cell;

/// Between two readings of the clock, about, in nanoseconds. A guess.
const STRIDE_TIME: u64 = 10_000;
/// The most turns between two readings of the clock: so many jobs, if they become long all of a
/// sudden, make a timer late. Reading it in each turn would double the cost of the shortest; this
/// adds a few hundredths.
const LONGEST_STRIDE: u32 = 16;

/// Counts turns until the clock is read again: more while they are short, one when they are long.
#[derive(Debug)]
pub(in crate::sched) struct Stride {
    left: Cell<u32>,
    length: Cell<u32>,
    last: Cell<u64>,
}

impl Stride {
    pub(in crate::sched) fn new() -> Self {
        Self {
            left: Cell::new(0),
            length: Cell::new(1),
            last: Cell::new(0),
        }
    }

    /// The next turn reads the clock.
    pub(in crate::sched) fn end(&self) {
        self.left.set(0);
    }

    /// Counts a turn; says whether it reads the clock.
    #[inline]
    pub(super) fn is_over(&self) -> bool {
        let left = self.left.get();
        self.left.set(left.saturating_sub(1));
        left == 0
    }

    /// The clock has been read.
    pub(super) fn begin(&self, now: u64) {
        let took = now.saturating_sub(self.last.replace(now));
        let length = self.length.get();
        let length = if took < STRIDE_TIME {
            (length * 2).min(LONGEST_STRIDE)
        } else {
            // As many as would have fitted.
            (u64::from(length) * STRIDE_TIME / took).max(1) as u32
        };
        self.length.set(length);
        self.left.set(length - 1);
    }
}

#[cfg(all(test, not(loom)))]
mod tests;
