//! The way in for jobs from outside, until the system closes.

use crate::primitive::atomic::{AtomicUsize, Ordering};
use crate::primitive::thread;

/// Lets jobs in from outside until it is closed. Counts who is just passing, so that after `close`
/// everything that came in is visible.
pub(super) struct Gate(AtomicUsize);

const GATE_CLOSED: usize = 1 << (usize::BITS - 1);

impl Gate {
    pub(super) fn new() -> Self {
        Self(AtomicUsize::new(0))
    }

    /// Says whether the gate was open. Whoever is let in leaves again; whoever is not leaves no
    /// trace.
    pub(super) fn enter(&self) -> bool {
        let open = |word: usize| (word & GATE_CLOSED == 0).then(|| word + 1);
        self.0
            .fetch_update(Ordering::Acquire, Ordering::Relaxed, open)
            .is_ok()
    }

    pub(super) fn leave(&self) {
        // Release: whoever finds the gate shut sees what was done inside.
        self.0.fetch_sub(1, Ordering::Release);
    }

    pub(super) fn close(&self) {
        self.0.fetch_or(GATE_CLOSED, Ordering::AcqRel);
        while !self.is_shut() {
            thread::yield_now();
        }
    }

    /// Whether nobody can come in, and nobody is inside.
    pub(super) fn is_shut(&self) -> bool {
        self.0.load(Ordering::Acquire) == GATE_CLOSED
    }

    /// Whether nobody can come in any more. Somebody may still be inside.
    pub(super) fn is_closed(&self) -> bool {
        self.0.load(Ordering::Acquire) & GATE_CLOSED != 0
    }
}

#[cfg(test)]
mod tests;
