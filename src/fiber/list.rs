//! Suspended fibers in a row, linked through their headers.

use std::cell::Cell;
use std::ptr::NonNull;

use super::{Fiber, Protocol, Suspended};
use crate::primitive::prefetch_all;

/// A first-in-first-out list of suspended fibers, held by one thread. It allocates nothing.
pub(crate) struct FiberList<P: Protocol> {
    head: Cell<Option<NonNull<Fiber<P>>>>,
    tail: Cell<Option<NonNull<Fiber<P>>>>,
    len: Cell<usize>,
}

// SAFETY: the list holds rights, which are `Send`, and is used by one thread at a time.
unsafe impl<P: Protocol> Send for FiberList<P> {}

impl<P: Protocol> FiberList<P> {
    pub(crate) const fn new() -> Self {
        Self {
            head: Cell::new(None),
            tail: Cell::new(None),
            len: Cell::new(0),
        }
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.head.get().is_none()
    }

    pub(crate) fn len(&self) -> usize {
        self.len.get()
    }

    pub(crate) fn push_back(&self, fiber: Suspended<P>) {
        fiber.set_link(None);
        let fiber = fiber.into_raw();
        match self.tail.get() {
            None => self.head.set(Some(fiber)),
            Some(tail) => {
                // SAFETY: the list holds the rights of its fibers; this one goes straight back.
                let tail = unsafe { Suspended::from_raw(tail) };
                tail.set_link(Some(fiber));
                tail.into_raw();
            }
        }
        self.tail.set(Some(fiber));
        self.len.set(self.len.get() + 1);
    }

    pub(crate) fn push_front(&self, fiber: Suspended<P>) {
        fiber.set_link(self.head.get());
        let fiber = fiber.into_raw();
        self.head.set(Some(fiber));
        if self.tail.get().is_none() {
            self.tail.set(Some(fiber));
        }
        self.len.set(self.len.get() + 1);
    }

    /// Takes the first one, and asks for what the next ones touch first: for a list of fibers that
    /// have stopped so long ago that neither their headers nor their stacks are in a cache.
    pub(crate) fn pop_cold(&self) -> Option<Suspended<P>> {
        let fiber = self.pop_front();
        if let Some(next) = self.head.get() {
            // SAFETY: the list holds the rights of its fibers; this one goes straight back. Its
            // header has been asked for when the one before it was taken.
            let next = unsafe { Suspended::from_raw(next) };
            next.fiber().switch.prefetch_frames();
            if let Some(second) = next.link() {
                prefetch_all(second.as_ptr());
            }
            next.into_raw();
        }
        fiber
    }

    pub(crate) fn pop_front(&self) -> Option<Suspended<P>> {
        // SAFETY: the list holds the rights of its fibers, and gives this one away.
        let fiber = unsafe { Suspended::from_raw(self.head.get()?) };
        self.head.set(fiber.link());
        if self.head.get().is_none() {
            self.tail.set(None);
        }
        self.len.set(self.len.get() - 1);
        Some(fiber)
    }
}

impl<P: Protocol> Drop for FiberList<P> {
    fn drop(&mut self) {
        debug_assert!(
            self.is_empty() || std::thread::panicking(),
            "a list of suspended fibers was dropped with fibers in it"
        );
    }
}
