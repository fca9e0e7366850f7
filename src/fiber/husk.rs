//! A fiber without a stack: what is left when its stack is given to another.
//!
//! A suspended fiber that will never have to go on where it stopped can be *emptied*: its stack is
//! taken from under it, and no frame of it runs again, neither by going on nor by unwinding. The
//! header stays where it is, because the worker that made the fiber knows it by its address, and
//! can be given another stack: then it is a fiber that has not started.

use std::ptr::NonNull;

use super::{Fiber, Protocol, Suspended};
use crate::stack::FiberStack;

/// The header of a fiber that has been emptied. The holder alone may reach its switch and its link.
#[must_use = "a husk that is neither filled nor discarded is leaked"]
pub(crate) struct Husk<P: Protocol>(NonNull<Fiber<P>>);

// SAFETY: as for `Suspended`; there is not even a frame left.
unsafe impl<P: Protocol> Send for Husk<P> {}

impl<P: Protocol> Suspended<P> {
    /// Takes the stack from under the fiber.
    ///
    /// # Safety
    /// Nothing on the stack needs to be dropped, and nobody refers to anything on it.
    pub(crate) unsafe fn empty(self) -> (FiberStack, Husk<P>) {
        let fiber = self.into_raw();
        // SAFETY: the right was this call's, so the fiber stands still and nobody else reaches its
        // switch; the rest by contract.
        let stack = unsafe { fiber.as_ref().switch.take_stack() };
        (stack, Husk(fiber))
    }
}

impl<P: Protocol> Husk<P> {
    /// A fiber that has not started, with this header and `stack`.
    pub(crate) fn fill(self, stack: FiberStack) -> Suspended<P> {
        // SAFETY: the husk is spent here, so nobody else reaches the switch, which has no stack.
        unsafe {
            self.0.as_ref().switch.give_stack(stack);
            Suspended::from_raw(self.0)
        }
    }

    /// Frees the header.
    ///
    /// # Safety
    /// Nobody uses the fiber's address any more.
    pub(crate) unsafe fn discard(self) {
        // SAFETY: by contract; the header is a box, see `Suspended::new`, and its switch has no
        // stack.
        drop(unsafe { Box::from_raw(self.0.as_ptr()) });
    }
}

/// Husks, linked through their headers; the last one that came goes first.
pub(crate) struct Husks<P: Protocol>(Option<NonNull<Fiber<P>>>);

// SAFETY: as for `Husk`.
unsafe impl<P: Protocol> Send for Husks<P> {}

impl<P: Protocol> Husks<P> {
    pub(crate) const fn new() -> Self {
        Self(None)
    }

    pub(crate) fn push(&mut self, husk: Husk<P>) {
        // SAFETY: whoever holds the husk holds the link.
        let link = unsafe { &husk.0.as_ref().link };
        // SAFETY: as above.
        link.with_mut(|link| unsafe { *link = self.0 });
        self.0 = Some(husk.0);
    }

    pub(crate) fn pop(&mut self) -> Option<Husk<P>> {
        let husk = Husk(self.0?);
        // SAFETY: as above.
        let link = unsafe { &husk.0.as_ref().link };
        // SAFETY: as above.
        self.0 = link.with(|link| unsafe { *link });
        Some(husk)
    }
}
