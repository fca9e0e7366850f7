//! Where a worker leaves its fibers that have no job.
//!
//! ```text
//!  warm:  the fiber that stopped last        rest: the others, under a lock
//! ```
//!
//! The worker puts and takes; another worker that needs a fiber takes one too, and *empties* it
//! (see `runner`), since a fiber that has started must not go on elsewhere. In the common case one
//! exchange puts a fiber and one takes it. What lies in the rest has often been used long ago, and is
//! asked for one before it is taken.
//!
//! **What each shows.** `puts` counts what the worker has put, before it can be found: whoever
//! finds all shelves empty, and all `puts` as before, knows an instant at which all were empty.
//! `homed` is the number of fibers that the worker has, wherever they are: the worker adds to it,
//! and whoever takes one away subtracts.

use std::ptr::{self, NonNull};

use super::fiber::{JobFiber, Jobs, ReadyFiber};
use crate::fiber::{FiberList, Husk, Husks};
use crate::primitive::atomic::{AtomicPtr, AtomicUsize, Ordering};
use crate::wait::SpinLock;

/// The idle fibers of one worker.
pub(super) struct Shelf {
    /// Null, or the right to resume this fiber: whoever swaps it out has it.
    warm: AtomicPtr<JobFiber>,
    rest: SpinLock<Rest>,
    /// How many are in `rest`, for those who only look.
    rest_len: AtomicUsize,
    puts: AtomicUsize,
    homed: AtomicUsize,
    /// There is no other worker.
    alone: bool,
}

struct Rest {
    fibers: FiberList<Jobs>,
    /// Headers of the worker's fibers that others have emptied.
    husks: Husks<Jobs>,
    /// The worker has ended, and takes nothing any more.
    closed: bool,
}

impl Shelf {
    /// `alone`: there is no other worker.
    pub(super) fn new(alone: bool) -> Self {
        Self {
            alone,
            warm: AtomicPtr::new(ptr::null_mut()),
            rest: SpinLock::new(Rest {
                fibers: FiberList::new(),
                husks: Husks::new(),
                closed: false,
            }),
            rest_len: AtomicUsize::new(0),
            puts: AtomicUsize::new(0),
            homed: AtomicUsize::new(0),
        }
    }

    /// Puts an idle fiber where the next `take` finds it. For the worker itself.
    #[inline]
    pub(super) fn put(&self, fiber: ReadyFiber) {
        // Only this thread writes. Release: whoever sees the fiber sees the count.
        let puts = self.puts.load(Ordering::Relaxed);
        self.puts.store(puts.wrapping_add(1), Ordering::Release);
        let colder = self.swap_warm(fiber.into_raw().as_ptr());
        if let Some(colder) = NonNull::new(colder) {
            // SAFETY: swapped out, so the right is this call's.
            self.put_in_rest(unsafe { ReadyFiber::from_raw(colder) });
        }
    }

    #[cold]
    fn put_in_rest(&self, fiber: ReadyFiber) {
        self.rest.with(|rest| {
            rest.fibers.push_front(fiber);
            // SeqCst: see `FiberBudget::is_short`.
            self.rest_len.store(rest.fibers.len(), Ordering::SeqCst);
        });
    }

    /// Whether there is one at this moment.
    #[inline]
    pub(super) fn has_one(&self) -> bool {
        !self.warm.load(Ordering::Relaxed).is_null() || self.rest_len.load(Ordering::Relaxed) != 0
    }

    /// Takes a fiber: the warmest for the worker itself.
    #[inline]
    pub(super) fn take(&self) -> Option<ReadyFiber> {
        self.take_warm().or_else(|| self.take_from_rest())
    }

    /// Takes a fiber for another worker: the warmest last.
    pub(super) fn take_cold(&self) -> Option<ReadyFiber> {
        self.take_from_rest().or_else(|| self.take_warm())
    }

    #[inline]
    fn take_warm(&self) -> Option<ReadyFiber> {
        // The load spares the others the exclusive cache line.
        if self.warm.load(Ordering::Relaxed).is_null() {
            return None;
        }
        let warm = NonNull::new(self.swap_warm(ptr::null_mut()))?;
        // SAFETY: swapped out, so the right is this call's.
        Some(unsafe { ReadyFiber::from_raw(warm) })
    }

    #[inline]
    fn swap_warm(&self, fiber: *mut JobFiber) -> *mut JobFiber {
        if self.alone {
            // Relaxed: no other thread looks.
            let before = self.warm.load(Ordering::Relaxed);
            self.warm.store(fiber, Ordering::Relaxed);
            return before;
        }
        // Release and acquire: whoever takes a fiber sees what was done before it was put. SeqCst:
        // see `FiberBudget::is_short`.
        self.warm.swap(fiber, Ordering::SeqCst)
    }

    fn take_from_rest(&self) -> Option<ReadyFiber> {
        if self.rest_len.load(Ordering::Relaxed) == 0 {
            return None;
        }
        self.rest.with(|rest| {
            let fiber = rest.fibers.pop_cold();
            self.rest_len.store(rest.fibers.len(), Ordering::Relaxed);
            fiber
        })
    }

    /// Another worker gives a fiber back that it has taken here. `Err`: the worker has ended.
    pub(super) fn put_back(&self, fiber: ReadyFiber) -> Result<(), ReadyFiber> {
        self.rest.with(|rest| {
            if rest.closed {
                return Err(fiber);
            }
            rest.fibers.push_front(fiber);
            self.rest_len.store(rest.fibers.len(), Ordering::SeqCst);
            Ok(())
        })
    }

    /// The worker ends: it takes what is here, and nothing comes any more.
    pub(super) fn close(&self) {
        self.rest.with(|rest| rest.closed = true);
    }

    pub(super) fn puts(&self) -> usize {
        self.puts.load(Ordering::Acquire)
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
    pub(super) fn leave_husk(&self, husk: Husk<Jobs>) {
        self.rest.with(|rest| rest.husks.push(husk));
    }

    pub(super) fn take_husk(&self) -> Option<Husk<Jobs>> {
        self.rest.with(|rest| rest.husks.pop())
    }
}

impl Drop for Shelf {
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
