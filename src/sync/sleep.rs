//! Waiting for nothing but time.

use std::time::{Duration, Instant};

use super::limited::Limited;
use crate::sched::Context;
use crate::wait::{Interrupted, Site, Waiter, sealed::Sealed};

/// As good as never: some of the clock's arithmetic ends not far beyond.
const FOR_EVER: Duration = Duration::from_secs(100 * 365 * 24 * 3600);

/// `at`, and `duration` later; as late as the clock can tell if that is later.
pub(super) fn later(at: Instant, duration: Duration) -> Instant {
    at.checked_add(duration.min(FOR_EVER)).unwrap_or(at)
}

impl Context<'_> {
    /// Suspends this job for `duration`, or a little longer.
    ///
    /// The clock is monotonic. The job goes on on its own worker, so it is late by as long as that
    /// worker is busy with a job that neither waits nor yields. Sleeps that end on one worker less
    /// than 250 us apart may end together, with the last of them.
    ///
    /// ```
    /// use std::time::{Duration, Instant};
    /// use rustfiber::JobSystem;
    ///
    /// let jobs = JobSystem::builder().workers(1).build()?;
    /// let begin = Instant::now();
    /// jobs.run(|cx| {
    ///     cx.scope(|s| {
    ///         for _ in 0..1000 {
    ///             s.spawn(|cx| cx.sleep(Duration::from_millis(10))); // all at once, on one worker
    ///         }
    ///     });
    /// });
    /// assert!(begin.elapsed() >= Duration::from_millis(10));
    /// # Ok::<(), rustfiber::BuildError>(())
    /// ```
    #[track_caller]
    pub fn sleep(&self, duration: Duration) {
        self.sleep_until(later(Instant::now(), duration));
    }

    /// Suspends this job until `at`, or a little longer. Returns at once if that has passed.
    ///
    /// ```
    /// use std::time::{Duration, Instant};
    /// use rustfiber::JobSystem;
    ///
    /// let jobs = JobSystem::new()?;
    /// let at = Instant::now() + Duration::from_millis(5);
    /// jobs.run(|cx| cx.sleep_until(at));
    /// assert!(Instant::now() >= at);
    /// # Ok::<(), rustfiber::BuildError>(())
    /// ```
    #[track_caller]
    pub fn sleep_until(&self, at: Instant) {
        let _ = Sealed::wait_until(self, at, Site::here(&"a moment to come"));
    }
}

#[allow(private_bounds)]
impl<W, T> Limited<W, T>
where
    Self: Waiter<Outcome<()> = Result<(), Interrupted>>,
{
    /// Suspends the job, or blocks the thread, for `duration`, unless a limit ends that early.
    ///
    /// ```
    /// use std::time::Duration;
    /// use rustfiber::{CancelToken, JobSystem};
    ///
    /// let jobs = JobSystem::new()?;
    /// let token = CancelToken::new();
    /// jobs.run(|cx| {
    ///     cx.scope(|s| {
    ///         let sleeper = s.spawn(|cx| cx.or_cancelled(&token).sleep(Duration::from_secs(3600)));
    ///         token.cancel();
    ///         assert!(sleeper.join(cx).unwrap().unwrap_err().is_cancelled());
    ///     });
    /// });
    /// # Ok::<(), rustfiber::BuildError>(())
    /// ```
    ///
    /// # Errors
    /// If the deadline comes before the end of the sleep, or the token is cancelled.
    ///
    /// # Panics
    /// With [`Blocking`](crate::Blocking) inside a job.
    #[track_caller]
    pub fn sleep(self, duration: Duration) -> Result<(), Interrupted> {
        self.sleep_until(later(Instant::now(), duration))
    }

    /// Suspends the job, or blocks the thread, until `at`, unless a limit ends that early.
    ///
    /// # Errors
    /// As for [`sleep`](Self::sleep).
    ///
    /// # Panics
    /// With [`Blocking`](crate::Blocking) inside a job.
    #[track_caller]
    pub fn sleep_until(self, at: Instant) -> Result<(), Interrupted> {
        self.check()?;
        self.wait_until(at, Site::here(&"a moment to come"))
    }
}
