//! How many fibers there may be.

use crate::primitive::atomic::{AtomicUsize, Ordering};

/// How many fibers there are and may be. They are reused, and given up only at the end. One for
/// each worker is set aside; the others go to whoever needs one first.
pub(super) struct FiberBudget {
    spare: AtomicUsize,
    created: AtomicUsize,
}

// Relaxed throughout: bare counts. The stacks' memory is published by their own lock.
impl FiberBudget {
    pub(super) fn new(spare: usize) -> Self {
        Self {
            spare: AtomicUsize::new(spare),
            created: AtomicUsize::new(0),
        }
    }

    /// Takes the right to create one more fiber; says whether there was one.
    pub(super) fn reserve(&self) -> bool {
        let one_less = |spare: usize| spare.checked_sub(1);
        self.spare
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_less)
            .is_ok()
    }

    /// Gives it back unused.
    pub(super) fn unreserve(&self) {
        self.spare.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn count_created(&self) {
        self.created.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn created(&self) -> usize {
        self.created.load(Ordering::Relaxed)
    }
}
