//! Floor 2: something that can be stopped and carried on.
//!
//! A `Fiber` is a stack with a header. What it computes, what it says when it stops and what it is
//! told when it goes on are its `Protocol`'s: this floor knows no scheduler and no job.
//!
//! **The right to go on is a value.** A `Suspended` is the one handle to a fiber that stands still.
//! It can't be copied; `resume` spends it and gives a new one back when the fiber stops again. So
//! nobody can resume a running fiber, a finished one, or one that is another's. It must not be lost
//! either: dropping it leaks the fiber with all that its frames own and lend (`Drop` says so in
//! debug builds). A fiber that owns or lends anything ends only by itself.
//!
//! ```text
//!           new            resume             suspend
//!  (stack) -----> Suspended ------> running ---------> Suspended
//!                                      | the body returns
//!                                      v
//!                                  Complete, with the stack
//! ```
//!
//! A fiber that stands still and has nothing left to do can also be emptied, see `husk`.
//!
//! **Who may touch what.** `local` is the protocol's: shared, with the cells it needs. `link`
//! belongs to the holder of the `Suspended`. The coroutine is entered only by `resume`; `yielder`
//! is written by the fiber when it starts, and read by the fiber, or by whoever holds the right (as an
//! address only).

mod husk;
mod list;
mod switch;
#[cfg(test)]
pub(crate) mod testing;

use std::mem::ManuallyDrop;
use std::ptr::NonNull;

pub(crate) use husk::{Husk, Husks};
pub(crate) use list::FiberList;
use switch::Switch;

use crate::primitive::UnsafeCell;
use crate::stack::FiberStack;

/// What a kind of fiber does, hears and says.
pub(crate) trait Protocol: Sized + 'static {
    /// What a fiber is told when it goes on.
    type Resume: Copy;
    /// What a fiber says when it stops.
    type Suspend;
    /// The protocol's own data in the fiber's header.
    type Local;

    /// The body of a fiber. It must not unwind.
    fn body(fiber: &Fiber<Self>, first: Self::Resume);
}

/// A stack that can be stopped and carried on, with its header.
pub(crate) struct Fiber<P: Protocol> {
    pub(crate) local: P::Local,
    link: UnsafeCell<Option<NonNull<Fiber<P>>>>,
    switch: Switch<P>,
}

impl<P: Protocol> Fiber<P> {
    /// Stops the fiber that this is called on; returns what it is told when it goes on.
    ///
    /// # Safety
    /// The caller runs on this fiber.
    #[inline]
    pub(crate) unsafe fn suspend(&self, word: P::Suspend) -> P::Resume {
        // SAFETY: by contract.
        unsafe { self.switch.suspend(word) }
    }
}

/// The right to let a suspended fiber go on. Spent once, never copied, never dropped.
#[must_use = "a suspended fiber that nobody resumes is lost with all that it owns"]
pub(crate) struct Suspended<P: Protocol>(NonNull<Fiber<P>>);

// SAFETY: the right travels between threads on its way home (a waker on another thread pushes it to
// an inbox), and only whoever resumes it touches what the fiber's frames own. That this is the
// fiber's home worker, or that the user has promised that any will do, is the scheduler's rule.
unsafe impl<P: Protocol> Send for Suspended<P> {}

/// How a fiber came back from `resume`.
pub(crate) enum Resumed<P: Protocol> {
    /// It has stopped, and says why.
    Stopped(Suspended<P>, P::Suspend),
    /// Its body has returned. Here is its stack.
    Complete(FiberStack),
}

impl<P: Protocol> Suspended<P> {
    /// A fiber that has not started.
    pub(crate) fn new(stack: FiberStack, local: P::Local) -> Self {
        let fiber = Box::new(Fiber {
            local,
            link: UnsafeCell::new(None),
            switch: Switch::new(stack),
        });
        Self(NonNull::from(Box::leak(fiber)))
    }

    pub(crate) fn fiber(&self) -> &Fiber<P> {
        // SAFETY: a fiber lives until `resume` finds it complete, which spends the right.
        unsafe { self.0.as_ref() }
    }

    /// The fiber's address: says which fiber it is, and stays valid until it is complete.
    pub(crate) fn as_ptr(&self) -> NonNull<Fiber<P>> {
        self.0
    }

    /// Lets the fiber go on until it stops again.
    #[inline]
    pub(crate) fn resume(self, told: P::Resume) -> Resumed<P> {
        let fiber = self.into_raw();
        // SAFETY: the right was this call's, so the fiber stands still and nobody else resumes it.
        let said = unsafe { fiber.as_ref().switch.resume(fiber, told) };
        match said {
            Some(word) => Resumed::Stopped(Self(fiber), word),
            None => {
                // SAFETY: the fiber is complete, and its only handle is spent.
                let fiber = unsafe { Box::from_raw(fiber.as_ptr()) };
                Resumed::Complete(fiber.switch.into_stack())
            }
        }
    }

    /// Gives the right away as an address.
    pub(crate) fn into_raw(self) -> NonNull<Fiber<P>> {
        ManuallyDrop::new(self).0
    }

    /// # Safety
    /// `fiber` comes from `into_raw`, and is spent once.
    pub(crate) unsafe fn from_raw(fiber: NonNull<Fiber<P>>) -> Self {
        Self(fiber)
    }

    /// The link, which is the holder's.
    pub(crate) fn link(&self) -> Option<NonNull<Fiber<P>>> {
        // SAFETY: whoever holds the right holds the link.
        self.fiber().link.with(|link| unsafe { *link })
    }

    pub(crate) fn set_link(&self, to: Option<NonNull<Fiber<P>>>) {
        // SAFETY: as above.
        self.fiber().link.with_mut(|link| unsafe { *link = to });
    }
}

impl<P: Protocol> Drop for Suspended<P> {
    fn drop(&mut self) {
        debug_assert!(
            std::thread::panicking(),
            "the right to resume a fiber was dropped"
        );
    }
}

impl<P: Protocol> std::fmt::Debug for Suspended<P> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Suspended").field(&self.0).finish()
    }
}

#[cfg(all(test, not(loom)))]
mod tests;
