//! The end of the thieves.

use super::{Bounds, Shared, Word};
use crate::primitive::atomic::Ordering::{Acquire, Relaxed, Release, SeqCst};
use crate::primitive::{Arc, barrier};

/// What came of an attempt to take the oldest element.
#[must_use = "a stolen element is lost unless it is used"]
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Steal<T> {
    /// The element, now the caller's.
    Success(T),
    /// There was none, or none that is public.
    Empty,
    /// Someone else took it first; there may be more.
    Retry,
}

/// How far below `top` a `limit` lies that says "always". Further than any deque is long.
const DEEP: isize = isize::MAX / 4;

/// The end of the thieves; any number of threads may hold one.
pub(crate) struct Stealer<T> {
    shared: Arc<Shared<T>>,
}

impl<T> Clone for Stealer<T> {
    fn clone(&self) -> Self {
        let shared = Arc::clone(&self.shared);
        Self { shared }
    }
}

impl<T: Word> Stealer<T> {
    pub(super) fn new(shared: Arc<Shared<T>>) -> Self {
        Self { shared }
    }

    /// Takes the oldest public element.
    #[cfg(test)]
    pub(crate) fn steal(&self) -> Steal<T> {
        self.steal_unless(|_| false)
    }

    /// Takes the oldest public element, unless it is the only one, and `is_young` says that its
    /// owner shall have more time to take it back. It is told the element's position, which no
    /// other element gets as long as it stays public.
    pub(crate) fn steal_unless(&self, is_young: impl FnOnce(isize) -> bool) -> Steal<T> {
        // SeqCst: see the ledger.
        let top = self.shared.top.load(SeqCst);
        super::seq_cst_in_model();
        let public = self.shared.bounds().public_from(top);
        if public <= 0 || (public == 1 && is_young(top)) {
            return Steal::Empty;
        }
        // Acquire: pairs with the Release in `grow`. After `bounds`: step 7.
        let buffer = self.shared.open.buffer.load(Acquire);
        // SAFETY: buffers are valid as long as `shared`.
        let raw = unsafe { &*buffer }.slot(top).load(Relaxed);
        if !self.shared.claim(top) {
            return Steal::Retry;
        }
        if public == 1 {
            self.call_owner();
        }
        // SAFETY: by steps 6 and 7 `raw` is the element at `top`, and the claim makes this its
        // only taker.
        Steal::Success(unsafe { T::from_raw(raw) })
    }

    /// How many elements are public, or were a moment ago.
    #[inline]
    pub(crate) fn public(&self) -> usize {
        let top = self.shared.top.load(Relaxed);
        let bounds = Bounds(self.shared.open.bounds.load(Relaxed));
        bounds.public_from(top).max(0) as usize
    }

    /// Makes half of the private elements public, also while the owner is elsewhere; says whether
    /// there may be something to steal then. It costs some microseconds, and the owner's processor
    /// about as much.
    #[cold]
    pub(crate) fn force(&self) -> bool {
        let open = &self.shared.open;
        // Acquire: pairs with the release of the last holder below.
        if self.shared.eager || open.forcing.swap(true, Acquire) {
            return false;
        }
        let forced = self.force_alone();
        open.forcing.store(false, Release);
        forced
    }

    /// Steps 8 and 9, for the one thief that holds `forcing`.
    fn force_alone(&self) -> bool {
        let bounds = self.shared.bounds();
        let (top, bottom) = self.shared.ends();
        if bounds.public_from(top) > 0 {
            return true;
        }
        let start = bounds.private_start(top);
        let private = bottom.wrapping_sub(start);
        if private <= 0 {
            return false;
        }
        let wanted = start.wrapping_add(private - private / 2);
        let announced = Bounds::new(wanted, start);
        if !self.shared.replace_bounds(bounds, announced) {
            return true;
        }
        barrier::heavy();
        // Acquire: pairs with the Release in `push` and `pop`: the slots below `bottom` are
        // written.
        let bottom = self.shared.bottom.load(Acquire);
        let surplus = wanted.wrapping_sub(bottom).max(0);
        let end = wanted.wrapping_sub(surplus);
        let end = if end.wrapping_sub(start) > 0 {
            end
        } else {
            start
        };
        // If it fails, the owner has parted the deque anew.
        self.shared.replace_bounds(announced, Bounds::at(end));
        true
    }

    /// Lets the owner's next push look up.
    pub(crate) fn call_owner(&self) {
        // Not above the position of any push to come.
        let low = self.shared.top.load(Relaxed);
        let limit = &self.shared.open.limit;
        // The load spares the owner the cache line, and leaves a deeper mark where it is.
        if limit.load(Relaxed).wrapping_sub(low) > 0 {
            // Release: pairs with the swap in `make_room`.
            limit.store(low, Release);
        }
    }

    /// Whether the owner has looked up since it was called, and has not called for itself since.
    pub(crate) fn has_pushed(&self) -> bool {
        let low = self.shared.top.load(Relaxed);
        self.shared.open.limit.load(Relaxed).wrapping_sub(low) > 0
    }

    /// Lets every push look up from now on, until the owner raises `limit` again; says whether that
    /// has changed anything. If so, pushes are parted by a `heavy` that follows, into those
    /// that are visible and those that look up. If not, somebody else does that or has done it, and
    /// the owner has looked up at every push since.
    pub(crate) fn call_owner_always(&self) -> bool {
        let limit = &self.shared.open.limit;
        let low = self.shared.top.load(Relaxed).wrapping_sub(DEEP);
        // Half the depth tells it from a `limit` that is low for any other reason, and that `top`
        // has passed since.
        if limit.load(Relaxed).wrapping_sub(low) < DEEP / 2 {
            return false;
        }
        // Release: as in `call_owner`.
        limit.store(low, Release);
        true
    }

    /// Whether there was nothing to steal a moment ago, by force or without.
    pub(crate) fn is_empty(&self) -> bool {
        let (top, bottom) = self.shared.ends();
        bottom.wrapping_sub(top) <= 0
    }

    /// The position of the oldest element; it never falls.
    #[cfg(all(test, not(loom)))]
    pub(crate) fn top(&self) -> isize {
        self.shared.top.load(Relaxed)
    }
}
