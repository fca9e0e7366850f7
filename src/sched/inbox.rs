//! The place where other threads leave a worker's fibers when they are ready.
//!
//! A Treiber stack of suspended fibers, linked through their headers: a waker pushes (release), the
//! home worker takes all of it at once (acquire) and turns it round, so that fibers go on in the
//! order in which they were woken. Nobody pops a single fiber, so there is no ABA problem.

use std::ptr::{self, NonNull};

use crate::fiber::{Fiber, FiberList, Protocol, Suspended};
use crate::primitive::atomic::{AtomicPtr, Ordering};

/// Fibers on their way home.
pub(crate) struct Inbox<P: Protocol> {
    head: AtomicPtr<Fiber<P>>,
}

// SAFETY: a fiber's right is `Send`; the header's link, the only thing touched here, belongs to
// the holder of the right: the pusher until the exchange succeeds, then the home worker.
unsafe impl<P: Protocol> Sync for Inbox<P> {}
// SAFETY: as above.
unsafe impl<P: Protocol> Send for Inbox<P> {}

impl<P: Protocol> Inbox<P> {
    pub(crate) fn new() -> Self {
        Self {
            head: AtomicPtr::new(ptr::null_mut()),
        }
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.head.load(Ordering::Relaxed).is_null()
    }

    /// Adds a fiber. From then on it may run, end, and be gone.
    pub(crate) fn push(&self, fiber: Suspended<P>) {
        let fiber = fiber.into_raw();
        let mut head = self.head.load(Ordering::Relaxed);
        loop {
            // SAFETY: the right is this call's until the exchange succeeds.
            let right = unsafe { Suspended::from_raw(fiber) };
            right.set_link(NonNull::new(head));
            right.into_raw();
            // Release: pairs with the acquire in `take_into`.
            match self.head.compare_exchange_weak(
                head,
                fiber.as_ptr(),
                Ordering::Release,
                Ordering::Relaxed,
            ) {
                Ok(_) => return,
                Err(now) => head = now,
            }
        }
    }

    /// Moves all fibers to the end of `ready`, in the order of their arrival. Home worker only.
    #[inline]
    pub(crate) fn take_into(&self, ready: &FiberList<P>) {
        if !self.is_empty() {
            self.take_all_into(ready);
        }
    }

    #[cold]
    fn take_all_into(&self, ready: &FiberList<P>) {
        // Acquire: pairs with the release in `push`.
        let mut newest = NonNull::new(self.head.swap(ptr::null_mut(), Ordering::Acquire));
        let arrived = FiberList::new();
        while let Some(fiber) = newest {
            // SAFETY: the exchange has given the rights of the whole chain to this call.
            let fiber = unsafe { Suspended::from_raw(fiber) };
            newest = fiber.link();
            arrived.push_front(fiber);
        }
        while let Some(fiber) = arrived.pop_front() {
            ready.push_back(fiber);
        }
    }
}

#[cfg(test)]
mod tests;
