//! A plain thread as a waiter.

use std::time::Instant;

use super::current;
use crate::wait::{
    Arm, Deadline, Interrupted, Limits, Patience, Site, Source, ThreadWaiter, Waiter, Wake, sealed,
    wait_for_any,
};

/// The waiter for plain threads: blocks the calling thread.
///
/// ```
/// use rustfiber::{Blocking, Counter, JobSystem};
///
/// let jobs = JobSystem::new()?;
/// let counter = Counter::new();
/// jobs.job().counter(&counter).spawn(|_| 42);
/// counter.wait(Blocking);
/// assert!(counter.is_zero());
/// # Ok::<(), rustfiber::BuildError>(())
/// ```
///
/// # Panics
/// Every wait with `Blocking` panics inside a job, of any job system: it would hold the worker. A
/// job waits with its context.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Blocking;

impl Waiter for Blocking {
    type Outcome<T> = T;

    fn outcome<T>(self, result: Result<T, Interrupted>) -> T {
        result.expect("a wait without deadline and token is never interrupted")
    }
}

impl sealed::Sealed for Blocking {
    type Base = Self;

    #[inline(always)]
    fn without_limits(self) -> Self {
        self
    }

    #[track_caller]
    fn check(&self) -> Result<(), Interrupted> {
        assert!(
            !current::is_worker(),
            "`Blocking` inside a job would block its worker: \
             pass the job's context instead, as in `counter.wait(cx)`"
        );
        Ok(())
    }

    fn step_aside(self) -> Result<(), Interrupted> {
        crate::primitive::thread::yield_now();
        Ok(())
    }

    #[inline(never)]
    #[allow(private_interfaces)]
    fn wait_for(self, source: &dyn Source, site: Site) -> Result<Wake, Interrupted> {
        Ok(sealed::Unlimited::wait_with(
            self,
            source,
            site,
            Deadline::NONE,
        ))
    }

    #[allow(private_interfaces)]
    fn wait_until(self, at: Instant, _site: Site) -> Result<(), Interrupted> {
        std::thread::sleep(at.saturating_duration_since(Instant::now()));
        Ok(())
    }

    #[allow(private_interfaces)]
    fn wait_for_any(self, arms: &[Arm<'_>], site: Site) -> Result<(usize, Wake), Interrupted> {
        wait_for_any(self, arms, Limits::NONE, site)
    }
}

impl sealed::Unlimited for Blocking {
    #[allow(private_interfaces, private_bounds)]
    fn with_timer<R>(self, _at: Instant, f: impl FnOnce(Option<&dyn Source>) -> R) -> R {
        f(None)
    }

    #[allow(private_interfaces)]
    fn wait_with(self, source: &dyn Source, _site: Site, deadline: Deadline<'_>) -> Wake {
        ThreadWaiter::wait_for(source, Patience::Spin, deadline)
    }
}
