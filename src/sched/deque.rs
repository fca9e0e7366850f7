//! The deque of jobs that have not started: its owner works at one end, thieves at the other.
//!
//! A growable Chase-Lev deque (Chase and Lev, "Dynamic Circular Work-Stealing Deque", 2005; Lê,
//! Pop, Cohen and Zappa Nardelli, "Correct and Efficient Work-Stealing for Weak Memory Models",
//! 2013) of one-word elements. They sit at positions `top..bottom`, and position `p` is slot
//! `p % capacity` of the current buffer:
//!
//! ```text
//!               top                        bottom
//!                v                           v
//!   ... | gone | oldest |  ...  | newest | free | ...
//!                ^                       ^
//!       thieves: one CAS             owner: push, pop
//! ```
//!
//! There is no private end: every element is open to thieves from the moment it is pushed.
//! Anyone may change `top`, but only by a CAS from `t` to `t + 1`: a *claim* of `t`. The owner
//! alone writes everything else. A buffer that was outgrown is written no more and freed with the
//! deque, for a thief may still read it; all such together are smaller than the current one.
//! Positions wrap around, and only their wrapping difference is ever compared; no thief is held
//! up in mid-steal for as long as `top` takes to go once around.
//!
//! # Ledger of orderings
//!
//! "Take newest" is what `pop` and `pop_if` share. What is not listed is Relaxed, and ordered by
//! what is: slots, the owner's reads of its own `bottom`, and hints.
//!
//! | operation                   | ordering | partner, and what it is for                        |
//! |-----------------------------|----------|----------------------------------------------------|
//! | push: store `bottom`        | Release  | steal's load of `bottom`: slot, buffer, and payload |
//! | take newest: swap `bottom`  | SeqCst   | steal's load of `bottom`: step 2, and as in push   |
//! | take newest: load `top`     | SeqCst   | steal's load of `top`: step 2                      |
//! | take last: restore `bottom` | Release  | steal's load of `bottom`: as in push               |
//! | steal: load `top`           | SeqCst   | take newest's load of `top`: step 2                |
//! | steal: load `bottom`        | SeqCst   | take newest's swap: step 2; acquires every store of `bottom` |
//! | steal: load `buffer`        | Acquire  | grow's store of `buffer`: the copied slots         |
//! | grow: store `buffer`        | Release  | steal's load of `buffer`                           |
//! | claim: CAS of `top`         | Release  | make room's load of `top`: the slot has been read  |
//! | make room: load `top`       | Acquire  | the claims of all positions below                  |
//!
//! # Why nothing is lost or taken twice
//!
//! 1. *Claims.* `top` only grows, by one at a time: at most one claim of a position succeeds.
//! 2. *Barrier.* The owner swaps `bottom` from `p + 1` to `p`, then reads `top`; a thief reads
//!    `top` as `p` or more, then reads `bottom`. Either the owner reads `p` or more as well, or the
//!    thief reads what the swap or a later store wrote. Otherwise, in the single order of SeqCst
//!    operations, the owner's load of `top` is before the thief's, and so before the thief's load
//!    of `bottom`, which is before the swap, and so before the owner's load of `top`.
//! 3. *Newest.* An owner that reads `top` below `p` takes `p` without a claim. A thief can claim
//!    `p` only after it reads `top` as `p`. Then by step 2 it finds `bottom` at `p` or below, and
//!    nothing to take, or it finds a later push to `p`, and claims that element. So the owner is
//!    the only taker.
//! 4. *Last.* An owner that reads `top` as `p` claims `p` like a thief, and who succeeds has it.
//!    Then both ends are at `p + 1`, and the deque is empty.
//! 5. *Gone.* An owner that reads `top` as `p + 1` takes nothing, and puts `bottom` back to
//!    `p + 1`. Meanwhile thieves find the deque empty, which it is.
//! 6. *The right word.* A thief reads `top` as `t`, then `bottom` above `t` as some store `S` left
//!    it. At `S` an element is at `t`, its slot written. It stays until `t` is claimed: to take it
//!    otherwise, the owner swaps `bottom` to `t` after `S`, but then reads `top` as `t` or more,
//!    by step 2. The slot is reused only when the owner has read `top` above `t`. If that is
//!    another's claim, this thief's fails; if it is this thief's, its Release puts the reading of
//!    the slot before the reuse.
//! 7. *The right buffer.* A thief reads `buffer` after `bottom`, so it finds the one of the time
//!    of `S`, which has the element, or a later one with a copy, which the Acquire shows it. The
//!    copy lacks `t` only if the owner has read `top` above `t`, and then the claim fails. (Read
//!    before `bottom`, the buffer may be one that was outgrown before `t` was pushed.)
//! 8. *`pop_if`* looks at the slot of `bottom - 1` first. If the deque is empty, that word is
//!    stale, and whether equal or not, the answer is `None`, by step 5.
//! 9. *`take_oldest`* is a steal whose view of `bottom`, buffer and slots is exact.

use std::cell::Cell;
use std::marker::PhantomData;
use std::ptr;

use crossbeam_utils::CachePadded;

use crate::primitive::Arc;
use crate::primitive::atomic::Ordering::{Acquire, Relaxed, Release, SeqCst};
use crate::primitive::atomic::{AtomicIsize, AtomicPtr};

#[cfg(test)]
mod tests;

/// Slots of the first buffer, a power of two. The 64 is a guess: deeper than most nests of
/// joins, and small enough to give to every worker.
const FIRST_CAPACITY: usize = if cfg!(loom) { 2 } else { 64 };

/// A value that is one word: given away as that word, and got back from it once.
///
/// # Safety
///
/// All of the value travels in the word: `from_raw` of what `into_raw` made is the same value, on
/// whichever thread it happens.
pub(crate) unsafe trait Word: Send + Sized {
    /// Gives the value up for its word.
    fn into_raw(self) -> *mut ();

    /// Takes the value back.
    ///
    /// # Safety
    ///
    /// `raw` comes from `into_raw` of the same type, and no other `from_raw` gets that result.
    unsafe fn from_raw(raw: *mut ()) -> Self;
}

/// What came of an attempt to take the oldest element.
#[must_use = "a stolen element is lost unless it is used"]
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Steal<T> {
    /// The element, now the caller's.
    Success(T),
    /// There was none.
    Empty,
    /// Someone else took it first; there may be more.
    Retry,
}

/// Makes an empty deque.
pub(crate) fn deque<T: Word>() -> (Owner<T>, Stealer<T>) {
    starting_at(0)
}

/// Makes an empty deque whose first element goes to the given position.
fn starting_at<T: Word>(position: isize) -> (Owner<T>, Stealer<T>) {
    let buffer = Buffer::allocate(FIRST_CAPACITY, ptr::null_mut());
    let shared = Arc::new(Shared {
        top: CachePadded::new(AtomicIsize::new(position)),
        bottom: CachePadded::new(AtomicIsize::new(position)),
        buffer: AtomicPtr::new(buffer),
        elements: PhantomData,
    });
    let owner = Owner {
        shared: Arc::clone(&shared),
        buffer: Cell::new(buffer),
        limit: Cell::new(position.wrapping_add_unsigned(FIRST_CAPACITY)),
    };
    (owner, Stealer { shared })
}

/// Memory for the elements: a power of two of slots.
struct Buffer {
    slots: Box<[AtomicPtr<()>]>,
    /// The buffer before this one, or null; owned by this one.
    outgrown: *mut Buffer,
}

impl Buffer {
    fn allocate(capacity: usize, outgrown: *mut Buffer) -> *mut Buffer {
        debug_assert!(capacity.is_power_of_two());
        let slots = (0..capacity).map(|_| AtomicPtr::default()).collect();
        Box::into_raw(Box::new(Buffer { slots, outgrown }))
    }

    #[inline]
    fn slot(&self, position: isize) -> &AtomicPtr<()> {
        let index = position as usize & (self.slots.len() - 1);
        // SAFETY: the length is a power of two (`allocate`), so the mask keeps the index below it.
        unsafe { self.slots.get_unchecked(index) }
    }
}

/// What the owner and its thieves have in common.
struct Shared<T> {
    /// The position of the oldest element.
    top: CachePadded<AtomicIsize>,
    /// The position of the next push.
    bottom: CachePadded<AtomicIsize>,
    /// The current buffer. It and all that it has outgrown are valid until `Shared` is dropped.
    buffer: AtomicPtr<Buffer>,
    /// Elements pass through, and `Word` makes them `Send`.
    elements: PhantomData<fn(T) -> T>,
}

impl<T> Shared<T> {
    /// Takes position `top` for the caller, unless someone else did since it read `top`.
    fn claim(&self, top: isize) -> bool {
        // Release: pairs with the Acquire in `make_room`, which lets the owner reuse the slot that
        // the caller has read. Later claims are read-modify-writes, so they carry it on.
        self.top
            .compare_exchange(top, top.wrapping_add(1), Release, Relaxed)
            .is_ok()
    }
}

impl<T> Drop for Shared<T> {
    fn drop(&mut self) {
        // Relaxed: the last handle is gone, and counting the handles has ordered all before this.
        let (top, bottom) = (self.top.load(Relaxed), self.bottom.load(Relaxed));
        debug_assert!(
            top == bottom || std::thread::panicking(),
            "a deque is dropped with {} elements in it",
            bottom.wrapping_sub(top),
        );
        let mut next = self.buffer.load(Relaxed);
        while !next.is_null() {
            // SAFETY: it came from `Box::into_raw` in `allocate`, each buffer is in the chain
            // once, and no handle is left to read it.
            next = unsafe { Box::from_raw(next) }.outgrown;
        }
    }
}

/// The end of the one thread that pushes.
pub(crate) struct Owner<T> {
    shared: Arc<Shared<T>>,
    /// The current buffer: the owner's own copy of `Shared::buffer`.
    buffer: Cell<*mut Buffer>,
    /// A capacity above some earlier `top`: pushes below this position have a free slot.
    limit: Cell<isize>,
}

// SAFETY: `buffer` points to what `shared` keeps alive on any thread, and elements are `Send`. The
// cells keep `Owner` from being `Sync`, so there is one owner at a time.
unsafe impl<T: Word> Send for Owner<T> {}

impl<T: Word> Owner<T> {
    /// Adds an element at the newest end, at once open to thieves.
    ///
    /// # Memory ordering
    ///
    /// What comes before is visible to the one that takes the element. A caller that next looks
    /// for sleeping thieves needs a barrier of its own in between.
    #[inline]
    pub(crate) fn push(&self, element: T) {
        let bottom = self.bottom();
        if bottom == self.limit.get() {
            self.make_room(bottom);
        }
        self.slot(bottom).store(element.into_raw(), Relaxed);
        // Release: pairs with the load of `bottom` in `steal`.
        self.shared.bottom.store(bottom.wrapping_add(1), Release);
    }

    /// Takes the newest element.
    pub(crate) fn pop(&self) -> Option<T> {
        let newest = self.bottom().wrapping_sub(1);
        // Relaxed: `top` never falls, so even a stale one can tell that nothing is left.
        if newest.wrapping_sub(self.shared.top.load(Relaxed)) < 0 {
            return None;
        }
        self.take_newest(newest, self.slot(newest).load(Relaxed))
    }

    /// Takes the newest element if its word is this one: neither if there are newer ones, nor if
    /// a thief took it.
    #[inline]
    pub(crate) fn pop_if(&self, expected: *mut ()) -> Option<T> {
        let newest = self.bottom().wrapping_sub(1);
        let raw = self.slot(newest).load(Relaxed);
        if raw != expected {
            return None;
        }
        self.take_newest(newest, raw)
    }

    /// Takes the oldest element, as a thief does.
    pub(crate) fn take_oldest(&self) -> Steal<T> {
        // Relaxed: if it is stale, the claim fails.
        let top = self.shared.top.load(Relaxed);
        if self.bottom().wrapping_sub(top) <= 0 {
            return Steal::Empty;
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
        let (top, bottom) = self.bounds();
        bottom.wrapping_sub(top) as usize
    }

    /// Whether there is no element; `false` may be out of date.
    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The positions of the oldest element and of the next push.
    ///
    /// `top` never falls. `bottom` falls with each pop, and the next push uses the position again.
    /// Once `top` reaches what `bottom` was at some moment, no element of that moment is left.
    pub(crate) fn bounds(&self) -> (isize, isize) {
        (self.shared.top.load(Relaxed), self.bottom())
    }

    /// Takes the element at `bottom - 1`, whose word is `raw`, or finds that it is gone.
    #[inline(always)]
    fn take_newest(&self, newest: isize, raw: *mut ()) -> Option<T> {
        // SeqCst, both: pair with the loads in `Stealer::bounds`. A thief sees that `newest` is
        // spoken for, or this sees that thieves are that far (step 2). A swap costs less than a
        // store and a SeqCst fence.
        self.shared.bottom.swap(newest, SeqCst);
        seq_cst_in_model();
        let top = self.shared.top.load(SeqCst);
        if newest.wrapping_sub(top) > 0 || self.take_last(newest, top) {
            // SAFETY: `raw` is the element at `newest`, and its only taker is this call, by step
            // 3 or by its claim.
            Some(unsafe { T::from_raw(raw) })
        } else {
            None
        }
    }

    /// Settles with the thieves who has the last element, and leaves the deque empty.
    #[cold]
    fn take_last(&self, newest: isize, top: isize) -> bool {
        let won = newest == top && self.shared.claim(top);
        // Release: pairs with the load of `bottom` in `steal`, like every store of `bottom`.
        self.shared.bottom.store(newest.wrapping_add(1), Release);
        won
    }

    /// Sees to it that the slot for the position `bottom` is free.
    #[cold]
    fn make_room(&self, bottom: isize) {
        // Acquire: pairs with the Release in `claim`. Thieves have read the slots below `top`.
        let top = self.shared.top.load(Acquire);
        if bottom.wrapping_sub(top) as usize == self.capacity() {
            self.grow(top, bottom);
        }
        self.limit.set(top.wrapping_add_unsigned(self.capacity()));
    }

    /// Moves all elements to a buffer of twice the size.
    fn grow(&self, top: isize, bottom: isize) {
        let old = self.buffer.get();
        let new = Buffer::allocate(2 * self.capacity(), old);
        let mut position = top;
        while position != bottom {
            let raw = self.slot(position).load(Relaxed);
            // SAFETY: just allocated, and freed only with `shared`.
            unsafe { &*new }.slot(position).store(raw, Relaxed);
            position = position.wrapping_add(1);
        }
        self.buffer.set(new);
        // Release: pairs with the load of `buffer` in `steal`, which sees the copies above.
        self.shared.buffer.store(new, Release);
    }

    /// The owner's own `bottom`, which nobody else writes.
    #[inline(always)]
    fn bottom(&self) -> isize {
        self.shared.bottom.load(Relaxed)
    }

    #[inline(always)]
    fn slot(&self, position: isize) -> &AtomicPtr<()> {
        self.buffer().slot(position)
    }

    #[inline(always)]
    fn buffer(&self) -> &Buffer {
        // SAFETY: it is valid as long as `shared`, and only ever read through shared references.
        unsafe { &*self.buffer.get() }
    }

    fn capacity(&self) -> usize {
        self.buffer().slots.len()
    }
}

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
    /// Takes the oldest element.
    pub(crate) fn steal(&self) -> Steal<T> {
        let (top, bottom) = self.bounds();
        if bottom.wrapping_sub(top) <= 0 {
            return Steal::Empty;
        }
        // Acquire: pairs with the Release in `grow`. After `bottom`: step 7.
        let buffer = self.shared.buffer.load(Acquire);
        // SAFETY: buffers are valid as long as `shared`.
        let raw = unsafe { &*buffer }.slot(top).load(Relaxed);
        if !self.shared.claim(top) {
            return Steal::Retry;
        }
        // SAFETY: by steps 6 and 7 `raw` is the element at `top`, and the claim makes this its
        // only taker.
        Steal::Success(unsafe { T::from_raw(raw) })
    }

    /// Whether there was nothing to steal a moment ago.
    ///
    /// # Memory ordering
    ///
    /// When a thief announces its sleep and then asks here, and an owner pushes and then looks for
    /// sleepers, each with a SeqCst fence in between, then one of them sees the other.
    pub(crate) fn is_empty(&self) -> bool {
        let (top, bottom) = self.bounds();
        bottom.wrapping_sub(top) <= 0
    }

    /// The position of the oldest element; it never falls.
    #[cfg(test)]
    pub(crate) fn top(&self) -> isize {
        self.shared.top.load(Relaxed)
    }

    /// `top`, and then `bottom`.
    fn bounds(&self) -> (isize, isize) {
        // SeqCst, both: pair with the swap and the load in `take_newest` (step 2). The second one
        // also acquires what every store of `bottom` releases.
        let top = self.shared.top.load(SeqCst);
        seq_cst_in_model();
        let bottom = self.shared.bottom.load(SeqCst);
        (top, bottom)
    }
}

/// Keeps two SeqCst operations in order in a model too: `loom` takes such loads and swaps for
/// Acquire and AcqRel ones, but knows what a fence does. Nothing in production.
#[inline(always)]
fn seq_cst_in_model() {
    #[cfg(loom)]
    crate::primitive::atomic::fence(SeqCst);
}
