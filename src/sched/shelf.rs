//! Where a worker leaves its fibers that have no job.
//!
//! ```text
//!  warm:  the fiber that stopped last        rest: the others, under a lock
//! ```
//!
//! The worker puts and takes; another worker that needs a fiber takes one too, and *empties* it
//! (see `runner`), since a fiber that has started must not go on elsewhere. What lies in the rest has
//! often been used long ago, and is asked for one before it is taken.
//!
//! **What each shows.** `puts` counts what the worker has put, and `backs` what others have given
//! back, before it can be found: whoever finds all shelves empty, and all of these as before, knows
//! an instant at which all were empty, or in the hands of somebody who has taken one. (A
//! put may be seen late, as if the fiber were in the worker's hand for longer; not later than what
//! the worker does after it.) `homed` is the number of fibers that the worker has, wherever they
//! are: the worker adds to it, and whoever takes one away subtracts.
//!
//! # Who has the warm fiber
//!
//! The worker puts and takes it with plain loads and stores, thousands of times for each time that
//! another one wants it. `light` and `heavy` are those of `primitive::barrier`. `asks`
//! counts how often others have asked, `asking` those who do so now, and `answered` is what the
//! worker knows of `asks`. `stolen` is a fiber that was taken out of `warm` since the worker last
//! held the lock.
//!
//! **The worker** puts or takes.
//! - W1. It loads `warm`, and stores the new fiber or null.
//! - W2. It says `light`, and looks at `asks`. If it has answered that, it is done: what it has
//!   loaded is its own.
//! - W3. Else it takes the lock. If what it has loaded is `stolen`, it has nothing. What it has put
//!   goes to the rest, unless that is `stolen`. It forgets `stolen`. If nobody asks any more, it
//!   has answered.
//!
//! **Another worker** takes.
//! - A1. Under the lock it takes one from the rest. If there is none it raises `asking` and `asks`.
//! - A2. It says `heavy`.
//! - A3. Under the lock it lowers `asking`, and takes one from the rest. If there is none, and
//!   none is `stolen`, it takes what is in `warm`: it replaces it by null, and notes it as
//!   `stolen`.
//!
//! *Nobody takes what another has.* Let W2 of some step of the worker's come before A2. Then A3 sees
//! its W1, and what the worker has loaded there it doesn't find any more. Let W2 come after A2. Then
//! it sees the new `asks`, which is answered only when `asking` is lowered, after A3: so W3 is
//! done under the lock. If it comes before A3, what this step has loaded and put is not in `warm`
//! any more. (Nor is what later steps put: they come by W3, too.) If it comes after A3, it knows
//! from `stolen` what A3 has taken.
//!
//! *One word is enough.* Between two W3 the worker can be in one step only. A3 takes at most one
//! fiber out of `warm` until the next W3 has forgotten it. Nor does the worker meet another fiber
//! at that address: the header stays with it (`runner`), and comes back, emptied or not, only
//! under the lock, where the worker forgets `stolen`.
//!
//! *What is seen.* The store of W1 is Release, and A3 takes with Acquire; the worker itself has
//! put what it loads, or holds the lock.
//!
//! Where barriers are not asymmetric the shelf is *eager*: both sides exchange what is in `warm`,
//! and nobody asks. A worker that is alone loads and stores, and nobody ever asks.

use std::ptr::{self, NonNull};

use super::fiber::Jobs;
use crate::fiber::{Fiber, FiberList, Husk, Husks, Protocol, Suspended};
use crate::primitive::atomic::{AtomicPtr, AtomicUsize, Ordering};
use crate::primitive::barrier;
use crate::wait::SpinLock;

/// The idle fibers of one worker.
pub(super) struct Shelf<P: Protocol = Jobs> {
    /// Null, or the right to resume this fiber: see "Who has the warm fiber".
    warm: AtomicPtr<Fiber<P>>,
    /// Changed under the lock.
    asks: AtomicUsize,
    /// The worker's own.
    answered: AtomicUsize,
    /// Each puts and takes the warm fiber by an exchange.
    eager: bool,
    rest: SpinLock<Rest<P>>,
    /// How many are in `rest`, for those who only look.
    rest_len: AtomicUsize,
    puts: AtomicUsize,
    /// Written under the lock.
    backs: AtomicUsize,
    homed: AtomicUsize,
}

struct Rest<P: Protocol> {
    fibers: FiberList<P>,
    /// How many other workers ask for the warm fiber.
    asking: usize,
    /// Null, or a fiber that one of them has taken out of `warm`, and the worker may not know it.
    stolen: *mut Fiber<P>,
    /// Headers of the worker's fibers that others have emptied.
    husks: Husks<P>,
    /// The worker has ended, and takes nothing any more.
    closed: bool,
}

// SAFETY: `stolen` is only compared; the others are `Send`.
unsafe impl<P: Protocol> Send for Rest<P> {}

impl<P: Protocol> Rest<P> {
    /// Takes out of the rest, whose length is in `len` for all to see.
    fn pop(&self, len: &AtomicUsize) -> Option<Suspended<P>> {
        let fiber = self.fibers.pop_cold();
        len.store(self.fibers.len(), Ordering::Relaxed);
        fiber
    }

    fn push(&self, fiber: Suspended<P>, len: &AtomicUsize) {
        self.fibers.push_front(fiber);
        // SeqCst: see `FiberBudget::is_short`.
        len.store(self.fibers.len(), Ordering::SeqCst);
    }
}

impl<P: Protocol> Shelf<P> {
    /// `alone`: there is no other worker.
    pub(super) fn new(alone: bool) -> Self {
        Self::with_exchanges(!alone && !barrier::is_asymmetric())
    }

    fn with_exchanges(eager: bool) -> Self {
        Self {
            warm: AtomicPtr::new(ptr::null_mut()),
            asks: AtomicUsize::new(0),
            answered: AtomicUsize::new(0),
            eager,
            rest: SpinLock::new(Rest {
                fibers: FiberList::new(),
                asking: 0,
                stolen: ptr::null_mut(),
                husks: Husks::new(),
                closed: false,
            }),
            rest_len: AtomicUsize::new(0),
            puts: AtomicUsize::new(0),
            backs: AtomicUsize::new(0),
            homed: AtomicUsize::new(0),
        }
    }

    /// Puts an idle fiber where the next `take` finds it. For the worker itself.
    #[inline]
    pub(super) fn put(&self, fiber: Suspended<P>) {
        // Only this thread writes. Release: whoever sees the fiber sees the count.
        let puts = self.puts.load(Ordering::Relaxed);
        self.puts.store(puts.wrapping_add(1), Ordering::Release);
        if let Some(colder) = self.swap_warm(fiber.into_raw().as_ptr()) {
            self.put_in_rest(colder);
        }
    }

    #[cold]
    fn put_in_rest(&self, fiber: Suspended<P>) {
        self.rest.with(|rest| rest.push(fiber, &self.rest_len));
    }

    /// Whether there is one at this moment.
    #[inline]
    pub(super) fn has_one(&self) -> bool {
        !self.warm.load(Ordering::Relaxed).is_null() || self.rest_len.load(Ordering::Relaxed) != 0
    }

    /// Takes a fiber, the warmest. For the worker itself.
    #[inline]
    pub(super) fn take(&self) -> Option<Suspended<P>> {
        self.take_warm().or_else(|| self.take_from_rest())
    }

    #[inline]
    fn take_warm(&self) -> Option<Suspended<P>> {
        // Relaxed: if another has taken what is seen here, W2 tells.
        if self.warm.load(Ordering::Relaxed).is_null() {
            return None;
        }
        self.swap_warm(ptr::null_mut())
    }

    /// W1 to W3: puts this one, or null, in the place of the warm fiber, and takes that.
    #[inline]
    fn swap_warm(&self, new: *mut Fiber<P>) -> Option<Suspended<P>> {
        let mut before = if self.eager {
            // Release and acquire: whoever takes a fiber sees what was done before it was put.
            // SeqCst: see `FiberBudget::is_short`.
            self.warm.swap(new, Ordering::SeqCst)
        } else {
            let before = self.warm.load(Ordering::Relaxed);
            // Release: pairs with the exchange in `steal_warm`.
            self.warm.store(new, Ordering::Release);
            before
        };
        barrier::light();
        if self.asks.load(Ordering::Relaxed) != self.answered.load(Ordering::Relaxed) {
            before = self.answer(before, new);
        }
        // SAFETY: it was put by `into_raw`, and nobody else has it: see "Who has the warm fiber".
        NonNull::new(before).map(|before| unsafe { Suspended::from_raw(before) })
    }

    /// W3, after `new` was put in the place of `before`; returns what is left of `before`.
    #[cold]
    fn answer(&self, before: *mut Fiber<P>, new: *mut Fiber<P>) -> *mut Fiber<P> {
        self.rest.with(|rest| {
            let stolen = self.forget_stolen(rest);
            // Relaxed: under the lock, which all others hold who write here.
            self.warm.store(ptr::null_mut(), Ordering::Relaxed);
            if let Some(new) = NonNull::new(new).filter(|new| new.as_ptr() != stolen) {
                // SAFETY: put by `into_raw` in W1; nobody has stolen it, and nobody can any more.
                rest.push(unsafe { Suspended::from_raw(new) }, &self.rest_len);
            }
            if before == stolen {
                ptr::null_mut()
            } else {
                before
            }
        })
    }

    /// The worker, between two steps or in W3, holds the lock: from now on it knows what was stolen.
    fn forget_stolen(&self, rest: &mut Rest<P>) -> *mut Fiber<P> {
        if rest.asking == 0 {
            // Relaxed: `asks` is written under the lock, `answered` by this thread alone.
            let asks = self.asks.load(Ordering::Relaxed);
            self.answered.store(asks, Ordering::Relaxed);
        }
        std::mem::replace(&mut rest.stolen, ptr::null_mut())
    }

    fn take_from_rest(&self) -> Option<Suspended<P>> {
        if self.rest_len.load(Ordering::Relaxed) == 0 {
            return None;
        }
        self.rest.with(|rest| {
            self.forget_stolen(rest);
            rest.pop(&self.rest_len)
        })
    }

    /// Takes a fiber for another worker, the warmest last.
    pub(super) fn take_cold(&self) -> Option<Suspended<P>> {
        if !self.has_one() {
            return None;
        }
        if self.eager {
            // As in `swap_warm`.
            let take_warm = || NonNull::new(self.warm.swap(ptr::null_mut(), Ordering::SeqCst));
            // SAFETY: swapped out, so the right is this call's.
            let warm = || take_warm().map(|warm| unsafe { Suspended::from_raw(warm) });
            return self
                .rest
                .with(|rest| rest.pop(&self.rest_len))
                .or_else(warm);
        }
        self.ask().or_else(|| {
            barrier::heavy();
            self.take_asked()
        })
    }

    /// A1. If nothing is returned, A2 and A3 must follow.
    fn ask(&self) -> Option<Suspended<P>> {
        self.rest.with(|rest| {
            let fiber = rest.pop(&self.rest_len);
            if fiber.is_none() {
                rest.asking += 1;
                let asks = self.asks.load(Ordering::Relaxed);
                // Relaxed: A2 shows it to the worker.
                self.asks.store(asks.wrapping_add(1), Ordering::Relaxed);
            }
            fiber
        })
    }

    /// A3.
    fn take_asked(&self) -> Option<Suspended<P>> {
        self.rest.with(|rest| {
            rest.asking -= 1;
            rest.pop(&self.rest_len).or_else(|| self.steal_warm(rest))
        })
    }

    /// The end of A3.
    fn steal_warm(&self, rest: &mut Rest<P>) -> Option<Suspended<P>> {
        if !rest.stolen.is_null() {
            return None;
        }
        // Acquire: pairs with the store in `swap_warm`.
        let mut warm = self.warm.load(Ordering::Acquire);
        loop {
            let fiber = NonNull::new(warm)?;
            let null = ptr::null_mut();
            // Acquire: as above. The worker may be in W1.
            let now =
                (self.warm).compare_exchange(warm, null, Ordering::Acquire, Ordering::Acquire);
            match now {
                Ok(_) => {
                    rest.stolen = warm;
                    // SAFETY: put by `into_raw`, and taken out; the worker will know.
                    return Some(unsafe { Suspended::from_raw(fiber) });
                }
                Err(now) => warm = now,
            }
        }
    }

    /// Another worker gives a fiber back that it has taken here. `Err`: the worker has ended.
    pub(super) fn put_back(&self, fiber: Suspended<P>) -> Result<(), Suspended<P>> {
        self.rest.with(|rest| {
            if rest.closed {
                return Err(fiber);
            }
            // Release: as in `put`.
            let backs = self.backs.load(Ordering::Relaxed);
            self.backs.store(backs.wrapping_add(1), Ordering::Release);
            rest.push(fiber, &self.rest_len);
            Ok(())
        })
    }

    /// The worker ends: it takes what is here, and nothing comes any more.
    pub(super) fn close(&self) {
        self.rest.with(|rest| rest.closed = true);
    }

    /// Changes with every fiber that is put here or given back.
    pub(super) fn puts(&self) -> usize {
        let backs = self.backs.load(Ordering::Acquire);
        self.puts.load(Ordering::Acquire).wrapping_add(backs)
    }

    pub(super) fn homed(&self) -> usize {
        self.homed.load(Ordering::Acquire)
    }

    /// One more fiber belongs to the worker; returns how many did before. For the worker itself.
    pub(super) fn add_homed(&self) -> usize {
        self.homed.fetch_add(1, Ordering::AcqRel)
    }

    /// One fiber less belongs to the worker, if there are still as many as `seen`.
    pub(super) fn remove_homed(&self, seen: usize) -> bool {
        self.homed
            .compare_exchange(seen, seen - 1, Ordering::AcqRel, Ordering::Relaxed)
            .is_ok()
    }

    /// Leaves the header of an emptied fiber to the worker that has made it.
    pub(super) fn leave_husk(&self, husk: Husk<P>) {
        self.rest.with(|rest| rest.husks.push(husk));
    }

    /// A header for a new fiber. For the worker itself.
    pub(super) fn take_husk(&self) -> Option<Husk<P>> {
        self.rest.with(|rest| {
            self.forget_stolen(rest);
            rest.husks.pop()
        })
    }
}

impl<P: Protocol> Drop for Shelf<P> {
    fn drop(&mut self) {
        debug_assert!(
            !self.has_one() || std::thread::panicking(),
            "a worker has left idle fibers behind"
        );
        while let Some(husk) = self.take_husk() {
            // SAFETY: the worker, which knew the address, is gone: it holds what the shelf is in.
            unsafe { husk.discard() };
        }
    }
}

#[cfg(test)]
mod tests;
