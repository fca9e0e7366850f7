//! Tokens that end waits.

mod guard;
mod tree;

use std::fmt;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::ptr::NonNull;

pub use guard::CancelGuard;

use crate::wait::{Site, Source, WaitNode, Waiter};
use tree::Node;

/// Ends waits: those that were told to mind it with `or_cancelled`, on any thread.
///
/// A token is a shared handle: clones are the same token. [`child`](Self::child) makes another one
/// that is cancelled with this one, but can also be cancelled alone: one token for a server, a
/// child for each connection, a child of that for each request. Cancelling never stops a job; it
/// ends its waits, and the job decides what to do about [`Interrupted`](crate::Interrupted). A job
/// that computes asks [`is_cancelled`](Self::is_cancelled).
///
/// Making a token or a child allocates once; nothing else does. Making, cloning and dropping one
/// costs the same however many others there are.
///
/// # Memory ordering
/// What came before a `cancel` is visible to whoever finds the token cancelled by it, or whose wait
/// it ends.
///
/// # Examples
/// ```
/// use rustfiber::{CancelToken, Event, JobSystem};
///
/// let jobs = JobSystem::new()?;
/// let token = CancelToken::new();
/// let never = Event::manual();
/// jobs.run(|cx| {
///     cx.scope(|s| {
///         let waiter = s.spawn(|cx| never.wait(cx.or_cancelled(&token)));
///         token.cancel();
///         assert!(waiter.join(cx).unwrap().unwrap_err().is_cancelled());
///     });
/// });
/// # Ok::<(), rustfiber::BuildError>(())
/// ```
pub struct CancelToken {
    /// This handle has a reference to it.
    node: NonNull<Node>,
}

// SAFETY: the tree synchronizes itself, and counts its references.
unsafe impl Send for CancelToken {}
// SAFETY: as above.
unsafe impl Sync for CancelToken {}

// A panic never leaves it half changed: user code does not run while it is.
impl UnwindSafe for CancelToken {}
impl RefUnwindSafe for CancelToken {}

impl CancelToken {
    /// A token that is not cancelled.
    ///
    /// ```
    /// assert!(!rustfiber::CancelToken::new().is_cancelled());
    /// ```
    #[must_use]
    pub fn new() -> Self {
        Self { node: Node::root() }
    }

    /// A token that is cancelled with this one; cancelling it does not cancel this one. If this one
    /// is cancelled, so is the child.
    ///
    /// The child is cancelled also when all handles of this token are gone and a token further up
    /// is cancelled. Until then it keeps the memory of the tokens above it, some ten words each.
    ///
    /// ```
    /// use rustfiber::CancelToken;
    ///
    /// let server = CancelToken::new();
    /// let (one, other) = (server.child(), server.child());
    /// one.cancel();
    /// assert!(!server.is_cancelled() && !other.is_cancelled());
    /// server.cancel();
    /// assert!(other.is_cancelled() && server.child().is_cancelled());
    /// ```
    #[must_use]
    pub fn child(&self) -> Self {
        // SAFETY: this handle has a reference.
        let node = unsafe { Node::child_of(self.node) };
        Self { node }
    }

    /// Ends the waits that mind this token, or one below it, now and for ever. When it returns, all
    /// of these tokens are cancelled, also if another thread is in the middle of cancelling some of
    /// them.
    ///
    /// Takes time in proportion to the waiters and tokens below; other users of these tokens are
    /// held up for a bounded number of instructions each.
    ///
    /// ```
    /// use rustfiber::{Blocking, CancelToken};
    ///
    /// let token = CancelToken::new();
    /// let waiter = std::thread::spawn({
    ///     let token = token.clone();
    ///     move || token.wait(Blocking)
    /// });
    /// token.cancel();
    /// waiter.join().unwrap();
    /// ```
    pub fn cancel(&self) {
        // SAFETY: this handle has a reference.
        unsafe { Node::cancel(self.node) };
    }

    /// Whether the token has been cancelled: one load.
    ///
    /// ```
    /// let token = rustfiber::CancelToken::new();
    /// token.cancel();
    /// assert!(token.is_cancelled());
    /// ```
    #[must_use]
    #[inline]
    pub fn is_cancelled(&self) -> bool {
        self.node().is_cancelled()
    }

    /// Waits until the token is cancelled.
    ///
    /// ```
    /// use std::time::Duration;
    /// use rustfiber::{CancelToken, JobSystem};
    ///
    /// let jobs = JobSystem::new()?;
    /// let token = CancelToken::new();
    /// jobs.run(|cx| {
    ///     assert!(token.wait(cx.within(Duration::from_millis(1))).unwrap_err().is_late());
    ///     token.cancel();
    ///     token.wait(cx);
    /// });
    /// # Ok::<(), rustfiber::BuildError>(())
    /// ```
    ///
    /// # Panics
    /// With [`Blocking`](crate::Blocking) inside a job.
    #[track_caller]
    pub fn wait<W: Waiter>(&self, who: W) -> W::Outcome<()> {
        if let Err(interrupted) = who.check() {
            return who.outcome(Err(interrupted));
        }
        if self.is_cancelled() {
            return who.outcome(Ok(()));
        }
        let site = Site::here(&"a token to be cancelled");
        who.outcome(super::wait_for(who, self, site))
    }

    /// Cancels the token when the guard is dropped, also by a panic.
    ///
    /// ```
    /// use rustfiber::{CancelToken, JobSystem};
    ///
    /// let jobs = JobSystem::new()?;
    /// let token = CancelToken::new();
    /// jobs.run(|cx| {
    ///     cx.scope(|s| {
    ///         s.spawn(|cx| token.wait(cx)); // until the body ends
    ///         let _cancels = token.drop_guard();
    ///     });
    /// });
    /// assert!(token.is_cancelled());
    /// # Ok::<(), rustfiber::BuildError>(())
    /// ```
    pub fn drop_guard(&self) -> CancelGuard {
        CancelGuard::new(self.clone())
    }

    #[inline]
    fn node(&self) -> &Node {
        // SAFETY: this handle has a reference.
        unsafe { self.node.as_ref() }
    }
}

impl Source for CancelToken {
    unsafe fn register(&self, node: NonNull<WaitNode>) -> bool {
        // SAFETY: by contract.
        unsafe { self.node().register(node) }
    }

    unsafe fn leave(&self, node: NonNull<WaitNode>) -> bool {
        // SAFETY: by contract.
        self.node()
            .with_waiters(|waiters| unsafe { waiters.remove(node) })
    }
}

impl Clone for CancelToken {
    /// Another handle of the same token.
    fn clone(&self) -> Self {
        self.node().retain();
        Self { node: self.node }
    }
}

impl Drop for CancelToken {
    fn drop(&mut self) {
        // SAFETY: this handle's reference.
        unsafe { Node::release(self.node) };
    }
}

impl Default for CancelToken {
    /// As [`new`](Self::new).
    fn default() -> Self {
        Self::new()
    }
}

/// Two handles are equal if they are of the same token.
impl PartialEq for CancelToken {
    fn eq(&self, other: &Self) -> bool {
        self.node == other.node
    }
}

impl Eq for CancelToken {}

impl fmt::Debug for CancelToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CancelToken")
            .field("is_cancelled", &self.is_cancelled())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
