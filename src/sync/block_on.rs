//! Waiting for a future: the job, or the thread, is its executor.

mod flag;

use std::pin::pin;
use std::sync::Arc;
use std::task::{Context as Task, Poll, Waker};

use self::flag::Flag;
use super::limited::Limited;
use crate::sched::{Blocking, Context};
use crate::wait::{Interrupted, Site, Waiter};

/// Polls `future` until it is done; waits in between.
#[track_caller]
fn block_on<W: Waiter, F: IntoFuture>(who: W, future: F) -> Result<F::Output, Interrupted> {
    let site = Site::here(&"a future");
    who.check()?;
    let mut future = pin!(future.into_future());
    let flag = Arc::new(Flag::new());
    let waker = Waker::from(Arc::clone(&flag));
    let mut task = Task::from_waker(&waker);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut task) {
            return Ok(output);
        }
        if flag.is_raised() {
            // Woken during its own poll: it lets others go first.
            who.step_aside()?;
        } else {
            super::wait_for(who, &*flag, site)?;
        }
        flag.lower();
    }
}

impl Context<'_> {
    /// Runs a future to its end; suspends this job while the future waits.
    ///
    /// The future is polled in this job, on its stack, and may borrow from it; it need not be
    /// `Send`, and it may wait through this context itself. It may come from any crate that brings
    /// its own reactor (`async-io`, `async-channel`), or is in the context of one (a future of
    /// `tokio` within `Runtime::enter`). A future that wakes itself while it is polled lets other
    /// jobs go first, as [`yield_now`](Self::yield_now) does.
    ///
    /// It allocates once, some bytes for the waker, and never for a poll. The future lies on this
    /// job's stack: put a large one in a box.
    ///
    /// To do it with a deadline or a token, see [`Limited::block_on`].
    ///
    /// # Examples
    /// ```
    /// use rustfiber::JobSystem;
    ///
    /// let jobs = JobSystem::new()?;
    /// let (sender, receiver) = async_channel::bounded(1);
    /// let received = jobs.run(|cx| {
    ///     cx.scope(|s| {
    ///         let receiving = s.spawn(|cx| cx.block_on(receiver.recv()));
    ///         cx.block_on(async { sender.send(42).await }).unwrap();
    ///         receiving.join(cx).unwrap()
    ///     })
    /// });
    /// assert_eq!(received, Ok(42));
    /// # Ok::<(), rustfiber::BuildError>(())
    /// ```
    ///
    /// # Panics
    /// If the future does; the panic goes on through this job. If this is not the context of the
    /// running job and the future has to wait.
    ///
    /// # Memory ordering
    /// What came before a call of the waker is visible to the poll that it causes.
    ///
    /// # Deadlocks
    /// A future that blocks its thread (with another crate's `block_on`, a lock of `std`) holds the
    /// worker.
    #[track_caller]
    pub fn block_on<F: IntoFuture>(&self, future: F) -> F::Output {
        self.outcome(block_on(self, future))
    }
}

impl Blocking {
    /// Runs a future to its end; blocks this thread while the future waits.
    ///
    /// ```
    /// use rustfiber::{Blocking, JobSystem};
    ///
    /// let jobs = JobSystem::new()?;
    /// let (sender, receiver) = async_channel::bounded(1);
    /// jobs.spawn(move |cx| cx.block_on(sender.send(42)));
    /// assert_eq!(Blocking.block_on(receiver.recv()), Ok(42));
    /// # Ok::<(), rustfiber::BuildError>(())
    /// ```
    ///
    /// # Panics
    /// Inside a job; or if the future does.
    #[track_caller]
    pub fn block_on<F: IntoFuture>(self, future: F) -> F::Output {
        self.outcome(block_on(self, future))
    }
}

#[allow(private_bounds)]
impl<W, T> Limited<W, T>
where
    Self: Waiter,
{
    /// Runs a future to its end, unless a limit ends that early; suspends the job, or blocks the
    /// thread, while the future waits.
    ///
    /// The limits are minded between polls. When one ends the wait, the future is dropped. To go on
    /// with it later, pass it by reference: `future.as_mut()` of one that is pinned.
    ///
    /// As [`Context::block_on`] otherwise.
    ///
    /// ```
    /// use std::pin::pin;
    /// use std::time::Duration;
    /// use rustfiber::JobSystem;
    ///
    /// let jobs = JobSystem::new()?;
    /// let (sender, receiver) = async_channel::bounded(1);
    /// jobs.run(|cx| {
    ///     let mut receiving = pin!(receiver.recv());
    ///     let late = cx.within(Duration::from_millis(1)).block_on(receiving.as_mut());
    ///     assert!(late.unwrap_err().is_late());
    ///     cx.block_on(sender.send(42)).unwrap();
    ///     assert_eq!(cx.block_on(receiving), Ok(42));
    /// });
    /// # Ok::<(), rustfiber::BuildError>(())
    /// ```
    ///
    /// # Errors
    /// If the deadline passes while the future waits, or the token is cancelled.
    ///
    /// # Panics
    /// With [`Blocking`](crate::Blocking) inside a job; or if the future does.
    #[track_caller]
    pub fn block_on<F: IntoFuture>(self, future: F) -> Result<F::Output, Interrupted> {
        block_on(self, future)
    }
}

#[cfg(test)]
mod tests;
