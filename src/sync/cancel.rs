//! A token that ends waits.

use std::fmt;
use std::ptr::NonNull;
use std::sync::Arc;

use crate::primitive::atomic::{AtomicBool, Ordering};
use crate::wait::{Site, Source, SpinLock, WaitNode, WaitQueue, Waiter, Wake};

/// Waiters that are woken under one lock.
const BATCH: usize = 32;

/// Ends waits: those that were told to mind it with `or_cancelled`, on any thread.
///
/// A token is a shared handle: clones are cancelled together. Cancelling never stops a job; it ends
/// its waits, and the job decides what to do about [`Interrupted`](crate::Interrupted).
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
#[derive(Clone)]
pub struct CancelToken(Arc<Inner>);

struct Inner {
    /// Set under the lock of `waiters`, which is empty from then on.
    is_cancelled: AtomicBool,
    waiters: SpinLock<WaitQueue>,
}

impl CancelToken {
    /// A token that is not cancelled.
    #[must_use]
    pub fn new() -> Self {
        Self(Arc::new(Inner {
            is_cancelled: AtomicBool::new(false),
            waiters: SpinLock::new(WaitQueue::new()),
        }))
    }

    /// Ends the waits that mind this token, now and for ever.
    pub fn cancel(&self) {
        loop {
            let (woken, done) = self.0.waiters.with(|waiters| {
                self.0.is_cancelled.store(true, Ordering::Release);
                (waiters.take(BATCH), waiters.is_empty())
            });
            woken.deliver(Wake::Signalled);
            if done {
                return;
            }
        }
    }

    /// Whether the token has been cancelled.
    #[must_use]
    #[inline]
    pub fn is_cancelled(&self) -> bool {
        // Acquire: what came before the `cancel` is visible.
        self.0.is_cancelled.load(Ordering::Acquire)
    }

    /// Waits until the token is cancelled.
    #[track_caller]
    pub fn wait<W: Waiter>(&self, who: W) -> W::Outcome<()> {
        if let Err(interrupted) = who.check() {
            return who.outcome(Err(interrupted));
        }
        if self.is_cancelled() {
            return who.outcome(Ok(()));
        }
        who.outcome(super::wait_for(
            who,
            self,
            Site::here("a token to be cancelled"),
        ))
    }
}

impl Source for CancelToken {
    unsafe fn register(&self, node: NonNull<WaitNode>) -> bool {
        self.0.waiters.with(|waiters| {
            // SAFETY: by contract.
            unsafe {
                if self.is_cancelled() {
                    let _ = WaitNode::claim(node);
                    return false;
                }
                waiters.push(node);
            }
            true
        })
    }

    unsafe fn leave(&self, node: NonNull<WaitNode>) -> bool {
        // SAFETY: by contract.
        self.0
            .waiters
            .with(|waiters| unsafe { waiters.remove(node) })
    }
}

impl Default for CancelToken {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for CancelToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CancelToken")
            .field("is_cancelled", &self.is_cancelled())
            .finish()
    }
}
