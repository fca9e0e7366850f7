//! The end of the one thread that pushes.

use std::cell::Cell;

use super::buffer::{Buffer, Slots};
use super::{Bounds, Shared, Steal, Word, seq_cst_in_model};
use crate::primitive::atomic::AtomicPtr;
use crate::primitive::atomic::Ordering::{Acquire, Relaxed, Release, SeqCst};
use crate::primitive::{Arc, barrier, prefetch};
use crate::unwind::abort;

/// Far from what positions and their halves can tell apart, on every platform.
const MOST_SLOTS: usize = 1 << 28;

/// A pop asks for the memory of the private element that is taken so many pops later. A guess; models
/// have fewer elements.
const AHEAD: isize = if cfg!(loom) { 1 } else { 8 };

/// What is left to do after a push.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "a push that says `Look` must be followed by `look_up`"]
pub(crate) enum Pushed {
    /// Nothing.
    Done,
    /// Somebody may want jobs, or there is no room for the next push: `look_up`.
    Look,
}

/// The end of the one thread that pushes.
pub(crate) struct Owner<T> {
    shared: Arc<Shared<T>>,
    /// The current buffer: the owner's own copy of `Open::buffer`, and its slots.
    buffer: Cell<*mut Buffer>,
    slots: Cell<Slots>,
}

// SAFETY: `buffer` points to what `shared` keeps alive on any thread, and elements are `Send`. The
// cells keep `Owner` from being `Sync`, so there is one owner at a time.
unsafe impl<T: Word> Send for Owner<T> {}

impl<T> Owner<T> {
    pub(super) fn new(shared: &Arc<Shared<T>>, buffer: *mut Buffer) -> Self {
        Self {
            shared: Arc::clone(shared),
            buffer: Cell::new(buffer),
            // SAFETY: just allocated.
            slots: Cell::new(unsafe { &*buffer }.slots()),
        }
    }
}

impl<T: Word> Owner<T> {
    /// Adds an element at the newest end. Thieves can take it from now on.
    ///
    /// # Memory ordering
    ///
    /// What comes before is visible to the one that takes the element.
    #[inline(always)]
    pub(crate) fn push(&self, element: T) -> Pushed {
        let bottom = self.bottom();
        // The slot is free: see `make_room`.
        self.slot(bottom).store(element.into_raw(), Relaxed);
        self.raise_bottom(bottom.wrapping_add(1))
    }

    #[inline(always)]
    fn raise_bottom(&self, next: isize) -> Pushed {
        // Release: pairs with the load of `bottom` in `force`.
        self.shared.bottom.store(next, Release);
        barrier::light();
        if self.shared.open.limit.load(Relaxed).wrapping_sub(next) > 0 {
            Pushed::Done
        } else {
            Pushed::Look
        }
    }

    /// After a push that said `Look`: makes room for the next one, and asks `is_wanted` whether
    /// anybody looks or sleeps for jobs. If so, makes some public if none are, and returns true:
    /// the caller sees to it that somebody comes. Pushes look up no more until `limit` is lowered
    /// again.
    ///
    /// # Memory ordering
    ///
    /// `is_wanted` loads with SeqCst, or a fence: either it sees who wants jobs, or that one sees
    /// the push.
    pub(crate) fn look_up(&self, is_wanted: impl FnOnce() -> bool) -> bool {
        self.make_room();
        let is_wanted = is_wanted();
        if is_wanted || self.shared.eager {
            self.publish();
        }
        is_wanted
    }

    /// Takes the newest element.
    #[inline]
    pub(crate) fn pop(&self) -> Option<T> {
        let newest = self.bottom().wrapping_sub(1);
        let bounds = Bounds(self.shared.open.bounds.load(Relaxed));
        // Relaxed: `top` never falls, so even a stale one can tell that nothing is left.
        if !bounds.leaves_to_owner(newest) && newest.wrapping_sub(self.shared.top.load(Relaxed)) < 0
        {
            return None;
        }
        let later = newest.wrapping_sub(AHEAD);
        if bounds.leaves_to_owner(later) {
            prefetch(self.slot(later).load(Relaxed));
        }
        self.take_newest(newest, self.slot(newest).load(Relaxed))
    }

    /// Takes the newest element if its word is this one: neither if there are newer ones, nor if
    /// a thief took it.
    #[inline(always)]
    pub(crate) fn pop_if(&self, expected: *mut ()) -> Option<T> {
        let newest = self.bottom().wrapping_sub(1);
        let raw = self.slot(newest).load(Relaxed);
        if raw != expected {
            return None;
        }
        self.take_newest(newest, raw)
    }

    /// Calls `f` while no thief can take the newest element, if it is private and its word is this
    /// one; says whether it was. It is a pop and a push, so the caller looks up like after a push.
    #[inline]
    pub(crate) fn while_private(&self, expected: *mut (), f: impl FnOnce()) -> (bool, Pushed) {
        let bottom = self.bottom();
        let newest = bottom.wrapping_sub(1);
        if self.slot(newest).load(Relaxed) != expected {
            return (false, Pushed::Done);
        }
        // Release, Relaxed: as in `take_newest`.
        self.shared.bottom.store(newest, Release);
        barrier::light();
        let bounds = Bounds(self.shared.open.bounds.load(Relaxed));
        let is_private = bounds.leaves_to_owner(newest);
        if is_private {
            f();
        }
        (is_private, self.raise_bottom(bottom))
    }

    /// Takes the oldest element, as a thief does.
    pub(crate) fn take_oldest(&self) -> Steal<T> {
        let (top, bottom) = self.positions();
        if bottom.wrapping_sub(top) <= 0 {
            return Steal::Empty;
        }
        let bounds = self.shared.bounds();
        if bounds.public_from(top) <= 0 {
            let oldest = bounds.private_start(top);
            // Both ends: puts an end to a thief's forcing, too.
            if !self
                .shared
                .replace_bounds(bounds, Bounds::at(oldest.wrapping_add(1)))
            {
                return Steal::Retry;
            }
        }
        let raw = self.slot(top).load(Relaxed);
        if !self.shared.claim(top) {
            return Steal::Retry;
        }
        // SAFETY: `raw` is the element at `top`, and the claim makes this its only taker.
        Steal::Success(unsafe { T::from_raw(raw) })
    }

    /// How many elements there are, or were a moment ago: thieves may have taken some since.
    pub(crate) fn len(&self) -> usize {
        let (top, bottom) = self.positions();
        bottom.wrapping_sub(top) as usize
    }

    /// Whether there is no element; `false` may be out of date.
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The positions of the oldest element and of the next push.
    ///
    /// `top` never falls. `bottom` falls with each pop, and the next push uses the position again.
    /// Once `top` reaches what `bottom` was at some moment, no element of that moment is left.
    #[inline]
    pub(crate) fn positions(&self) -> (isize, isize) {
        (self.shared.top.load(Relaxed), self.bottom())
    }

    /// Takes the element at `bottom - 1`, whose word is `raw`, or finds that it is gone.
    #[inline(always)]
    fn take_newest(&self, newest: isize, raw: *mut ()) -> Option<T> {
        // Release: as in `push`; a later value must carry on what an earlier one has published.
        self.shared.bottom.store(newest, Release);
        barrier::light();
        // Relaxed: step 8 is about visibility alone, and what `guard` keeps away is the owner's
        // own.
        let bounds = Bounds(self.shared.open.bounds.load(Relaxed));
        if bounds.leaves_to_owner(newest) || self.take_public(newest) {
            // SAFETY: `raw` is the element at `newest`, and its only taker is this call: by step 8,
            // or by what `take_public` found.
            Some(unsafe { T::from_raw(raw) })
        } else {
            None
        }
    }

    /// Settles who has the newest element, which is public or about to be; `bottom` is lowered to
    /// it already. Makes half of the public elements private again, since the owner has run out of
    /// those.
    #[cold]
    #[inline(never)]
    fn take_public(&self, newest: isize) -> bool {
        let lowered = loop {
            let bounds = self.shared.bounds();
            let top = self.shared.top.load(Relaxed);
            let end = newest.wrapping_add(1);
            if newest == top && bounds == Bounds::at(end) {
                // Step 5: it is the only one, and the claim alone settles it.
                let won = self.shared.claim(top);
                // Release: like every store of `bottom`.
                self.shared.bottom.store(end, Release);
                self.lower_limit(end);
                return won;
            }
            if bounds.public_from(newest) <= 0 {
                // Step 9: private, after all.
                let end = self.half_way(bounds.private_start(top), newest);
                if bounds.leaves_to_owner(newest)
                    || self.shared.replace_bounds(bounds, Bounds::at(end))
                {
                    return true;
                }
                continue;
            }
            let end = if self.shared.eager {
                newest
            } else {
                self.half_way(top, newest)
            };
            if self.shared.replace_bounds(bounds, Bounds::at(end)) {
                break end;
            }
        };
        seq_cst_in_model();
        // SeqCst: step 2.
        let top = self.shared.top.load(SeqCst);
        if lowered.wrapping_sub(top) > 0 {
            // Step 3.
            return true;
        }
        if newest.wrapping_sub(top) > 0 {
            // Step 4.
            self.part_at(newest);
            return true;
        }
        // Step 5.
        let won = newest == top && self.shared.claim(top);
        let end = newest.wrapping_add(1);
        self.part_at(end);
        // Release: like every store of `bottom`.
        self.shared.bottom.store(end, Release);
        self.lower_limit(end);
        won
    }

    /// The position half way up from `oldest` to `newest`, above `oldest` unless they are one.
    fn half_way(&self, oldest: isize, newest: isize) -> isize {
        let between = newest.wrapping_sub(oldest).max(0);
        newest.wrapping_sub(between / 2)
    }

    /// Sets both bounds, whatever a thief is doing with them.
    fn part_at(&self, position: isize) {
        // SeqCst: see the ledger.
        self.shared.open.bounds.swap(Bounds::at(position).0, SeqCst);
    }

    /// Makes the older half of the private elements public (all of them, if the deque is eager),
    /// unless some are public.
    fn publish(&self) {
        loop {
            let bounds = self.shared.bounds();
            // Acquire: a claim that has been seen below comes with what it was made after.
            let top = self.shared.top.load(Acquire);
            let start = bounds.private_start(top);
            let private = self.bottom().wrapping_sub(start);
            let has_public = bounds.public_from(top) > 0;
            if private <= 0 || (has_public && !self.shared.eager) {
                return;
            }
            let more = if self.shared.eager {
                private
            } else {
                private - private / 2
            };
            let end = start.wrapping_add(more);
            if self.shared.replace_bounds(bounds, Bounds::at(end)) {
                return;
            }
        }
    }

    /// Sees to it that the slot at `bottom` is free, and moves `limit` up to where that has to be
    /// done again.
    fn make_room(&self) {
        let bottom = self.bottom();
        // Acquire: pairs with the Release in `claim`. Thieves have read the slots below `top`.
        let top = self.shared.top.load(Acquire);
        if bottom.wrapping_sub(top) as usize == self.capacity() {
            self.grow(top, bottom);
        }
        let limit = if self.shared.eager {
            // Below every push to come, also after pops.
            top
        } else {
            top.wrapping_add_unsigned(self.capacity())
        };
        // SeqCst: see "Memory ordering" of `look_up`. And Acquire: pairs with the Release of who
        // has lowered it.
        self.shared.open.limit.swap(limit, SeqCst);
        seq_cst_in_model();
    }

    /// Nothing is public any more: the next push shall look up.
    fn lower_limit(&self, position: isize) {
        let limit = &self.shared.open.limit;
        if limit.load(Relaxed).wrapping_sub(position) > 0 {
            // Relaxed: for this thread.
            limit.store(position, Relaxed);
        }
    }

    /// Moves all elements to a buffer of twice the size.
    fn grow(&self, top: isize, bottom: isize) {
        let capacity = 2 * self.capacity();
        // Halves of positions must tell which is further (`Bounds`). A panic would leave the frame
        // that the newest job lies in.
        if capacity > MOST_SLOTS {
            abort(format_args!("more than 2^27 unstarted jobs on one worker"));
        }
        let old = self.buffer.get();
        let new = Buffer::allocate(capacity, old);
        let mut position = top;
        while position != bottom {
            let raw = self.slot(position).load(Relaxed);
            // SAFETY: just allocated, and freed only with `shared`.
            unsafe { &*new }.slot(position).store(raw, Relaxed);
            position = position.wrapping_add(1);
        }
        self.buffer.set(new);
        // SAFETY: as above.
        self.slots.set(unsafe { &*new }.slots());
        // Release: pairs with the load of `buffer` in `steal`, which sees the copies above.
        self.shared.open.buffer.store(new, Release);
    }

    /// The owner's own `bottom`, which nobody else writes.
    #[inline(always)]
    fn bottom(&self) -> isize {
        self.shared.bottom.load(Relaxed)
    }

    #[inline(always)]
    fn slot(&self, position: isize) -> &AtomicPtr<()> {
        // SAFETY: they are those of the current buffer, which is valid as long as `shared`.
        unsafe { self.slots.get().at(position) }
    }

    pub(super) fn capacity(&self) -> usize {
        self.slots.get().capacity()
    }
}
