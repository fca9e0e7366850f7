//! How many fibers there may be.

use crate::primitive::atomic::{AtomicBool, AtomicUsize, Ordering};
use crate::primitive::barrier;

/// How many fibers there are and may be. They are reused, and given up only at the end. One for
/// each worker is set aside; the others go to whoever needs one first.
pub(super) struct FiberBudget {
    spare: AtomicUsize,
    /// Fibers that there are, or that somebody is about to create.
    claimed: AtomicUsize,
    /// Fibers that there are, and the most of them at once.
    present: AtomicUsize,
    most: AtomicUsize,
    /// The most that were seen to wait at once.
    waited: AtomicUsize,
    /// Somebody wanted a fiber, and there may be no more. Stays set.
    short: AtomicBool,
    /// All who don't see `short` have shown what they had put before.
    short_is_known: AtomicBool,
}

// Relaxed but for `short`: bare counts. The stacks' memory is published by their own lock.
impl FiberBudget {
    pub(super) fn new(spare: usize) -> Self {
        Self {
            spare: AtomicUsize::new(spare),
            claimed: AtomicUsize::new(0),
            present: AtomicUsize::new(0),
            most: AtomicUsize::new(0),
            waited: AtomicUsize::new(0),
            short: AtomicBool::new(false),
            short_is_known: AtomicBool::new(false),
        }
    }

    /// Takes the right to have one more fiber; says whether there was one.
    pub(super) fn reserve(&self) -> bool {
        let one_less = |spare: usize| spare.checked_sub(1);
        self.spare
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_less)
            .is_ok()
    }

    /// Gives it back.
    pub(super) fn unreserve(&self) {
        self.spare.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn has_spare(&self) -> bool {
        self.spare() != 0
    }

    /// Fibers that there may be beyond those that are paid for.
    pub(super) fn spare(&self) -> usize {
        self.spare.load(Ordering::Relaxed)
    }

    /// Somebody found no fiber, and is about to sleep for want of one.
    pub(super) fn fall_short(&self) {
        // Acquire: pairs with the release below.
        if self.short_is_known.load(Ordering::Acquire) {
            return;
        }
        // SeqCst: pairs with the load in `is_short`, where shelves are eager.
        self.short.store(true, Ordering::SeqCst);
        // Pairs with W2 of `shelf`.
        barrier::heavy();
        // Release: whoever sees it may look at shelves as if it had said `heavy` itself.
        self.short_is_known.store(true, Ordering::Release);
    }

    /// Whether a worker may sleep for want of a fiber. For one that has put a fiber on its shelf:
    /// either it sees `fall_short`, or the fiber is seen by whoever looks at the shelf after that.
    #[inline]
    pub(super) fn is_short(&self) -> bool {
        // SeqCst: either an exchange or a store of `rest_len`, which are SeqCst, has put the fiber
        // (also where W3 moves it from `warm` to the rest): pairs with the store in `fall_short`. Or a plain store, and `light` has followed (W2 of
        // `shelf`), which pairs with the `heavy` there.
        self.short.load(Ordering::SeqCst)
    }

    /// Claims one more fiber, if `may` says so of the number of those that are claimed.
    pub(super) fn claim(&self, may: impl Fn(usize) -> bool) -> bool {
        let one_more = |claimed: usize| may(claimed).then_some(claimed + 1);
        self.claimed
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more)
            .is_ok()
    }

    pub(super) fn unclaim(&self) {
        self.claimed.fetch_sub(1, Ordering::Relaxed);
    }

    /// Fibers that there are, or are about to be.
    pub(super) fn present(&self) -> usize {
        self.claimed.load(Ordering::Relaxed)
    }

    /// A claimed fiber has been made.
    pub(super) fn count_created(&self) {
        let present = self.present.fetch_add(1, Ordering::Relaxed) + 1;
        self.most.fetch_max(present, Ordering::Relaxed);
    }

    pub(super) fn count_lost(&self) {
        self.present.fetch_sub(1, Ordering::Relaxed);
    }

    /// The most that there have been at once.
    pub(super) fn most(&self) -> usize {
        self.most.load(Ordering::Relaxed)
    }

    /// `waiting` were seen to wait at once; returns the most that were.
    pub(super) fn saw_waiting(&self, waiting: usize) -> usize {
        self.waited
            .fetch_max(waiting, Ordering::Relaxed)
            .max(waiting)
    }
}
