//! Awaiting a job, in any executor.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use super::handle::{Done, JobHandle};
use super::panic::JobPanic;
use crate::wait::Enlisted;

/// Awaits the end of the job, from any executor, and gives its result.
///
/// Dropping the future detaches the job, as dropping the handle does, which it is. To keep the handle, await
/// `&mut handle`.
///
/// ```
/// use rustfiber::{Blocking, JobSystem};
///
/// async fn sum(jobs: &JobSystem) -> u32 {
///     let (one, two) = (jobs.spawn(|_| 1), jobs.spawn(|_| 2));
///     one.await.unwrap() + two.await.unwrap()
/// }
///
/// let jobs = JobSystem::new()?;
/// assert_eq!(Blocking.block_on(sum(&jobs)), 3);
/// # Ok::<(), rustfiber::BuildError>(())
/// ```
///
/// # Errors
/// If the job panicked.
///
/// # Panics
/// If it is polled again after it has given the result.
impl<T> Future for JobHandle<T> {
    type Output = Result<T, JobPanic>;

    fn poll(self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        let done = this.cell().done();
        if !done.is_closed() {
            let waker = task.waker();
            let polled = match &this.awaits {
                Some(enlisted) => enlisted.poll(waker),
                None => {
                    this.awaits = Enlisted::new(&Done(done), waker);
                    match this.awaits {
                        Some(_) => Poll::Pending,
                        None => Poll::Ready(()),
                    }
                }
            };
            if polled.is_pending() {
                return Poll::Pending;
            }
        }
        Poll::Ready(this.take_cell().take_result().map_err(JobPanic::new))
    }
}

/// The result is never pinned.
impl<T> Unpin for JobHandle<T> {}
