//! How many jobs of a scope have not ended, and who is the last of them.
//!
//! The *body* of a scope starts children, and so do children; each start is counted here before
//! the child can run, and each end once. Most children are started by the body, while others that
//! have ended count themselves off on other workers. So the body counts `CREDIT` children at a
//! time, ahead of starting them, and gives back what it has not used when it ends.
//!
//! - `pending` is the number of children that have not ended, and the body's unused credit, and one
//!   for the body until it ends. Whoever starts a child raises it, but for the body with credit, and
//!   whoever ends lowers it.
//! - `credit` is what the body has left, or `ENDED`. It is written by the body's own fiber alone.
//!
//! 1. *`pending` reaches zero once, and is never raised from zero.* Whoever starts a child is the
//!    body, or a child that has not ended, or somebody whom one of these waits for; so one at least
//!    is counted. Hence `pending` is zero only after all ends, and nobody is left who could start.
//! 2. *So exactly one end is the last*: the one whose subtraction brings `pending` to zero. If that
//!    is a child's, `end_child` is true there and `end_body` says that children are left; if it is
//!    the body's, `end_child` is false for all.
//! 3. *The last one comes after what all others did before their ends.* Each end is an `AcqRel`
//!    subtraction. The additions in between are read-modify-writes too, so they break no release
//!    sequence, and the last subtraction acquires from all before it.
//! 4. *Nobody but the last child touches the scope after its end.* The subtraction is the only
//!    access in `end_child`. The frame of the scope goes on when the last one has said so.

use crossbeam_utils::CachePadded;

use crate::primitive::atomic::{AtomicUsize, Ordering};

/// Children that the body counts at a time. A guess; in a model one is ahead.
const CREDIT: usize = if cfg!(loom) { 2 } else { 64 };

/// With the body's own one it makes nothing.
const ENDED: usize = usize::MAX;

#[derive(Debug)]
pub(super) struct Tally {
    /// On a line of its own: children lower it on all workers while the body starts others.
    pending: CachePadded<AtomicUsize>,
    credit: AtomicUsize,
}

impl Tally {
    /// For a body that begins now.
    pub(super) fn new() -> Self {
        Self {
            pending: CachePadded::new(AtomicUsize::new(1 + CREDIT)),
            credit: AtomicUsize::new(CREDIT),
        }
    }

    /// The body, on its own fiber, starts a child.
    #[inline]
    pub(super) fn start_by_body(&self) {
        // Relaxed, for both: only this fiber writes it. And by 1, nobody is at zero.
        let mut credit = self.credit.load(Ordering::Relaxed);
        debug_assert_ne!(credit, ENDED);
        if credit == 0 {
            self.pending.fetch_add(CREDIT, Ordering::Relaxed);
            credit = CREDIT;
        }
        self.credit.store(credit - 1, Ordering::Relaxed);
    }

    /// Anybody else starts a child.
    #[inline]
    pub(super) fn start(&self) {
        // Relaxed: by 1.
        self.pending.fetch_add(1, Ordering::Relaxed);
    }

    /// A child has ended. Says whether it is the last of all; if it isn't, the tally may be gone.
    #[inline]
    #[must_use]
    pub(super) fn end_child(&self) -> bool {
        // AcqRel: by 3.
        self.pending.fetch_sub(1, Ordering::AcqRel) == 1
    }

    /// The body has ended, on its own fiber. Says whether there are children that have not.
    #[must_use]
    pub(super) fn end_body(&self) -> bool {
        // Relaxed, for both: only this fiber writes it.
        let own = 1 + self.credit.load(Ordering::Relaxed);
        self.credit.store(ENDED, Ordering::Relaxed);
        // AcqRel: by 3.
        self.pending.fetch_sub(own, Ordering::AcqRel) != own
    }

    /// About so many children have not ended: what the body does between the two looks is seen by
    /// one of them, and may be `CREDIT` too many or too few, and one more when it ends.
    pub(super) fn unfinished(&self) -> usize {
        // Relaxed: nobody relies on it.
        let own = self.credit.load(Ordering::Relaxed).wrapping_add(1);
        self.pending.load(Ordering::Relaxed).saturating_sub(own)
    }
}

#[cfg(test)]
mod tests;
