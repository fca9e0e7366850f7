//! A plain thread as a waiter.

use super::current;
use crate::wait::{Interrupted, Patience, Site, Source, ThreadWaiter, Waiter, Wake, sealed};

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
    #[track_caller]
    fn check(&self) {
        assert!(
            !current::is_worker(),
            "`Blocking` inside a job would block its worker: \
             pass the job's context instead, as in `counter.wait(cx)`"
        );
    }

    #[inline(never)]
    #[allow(private_interfaces)]
    fn wait_for(self, source: &dyn Source, _site: Site) -> Wake {
        ThreadWaiter::wait_for(source, Patience::Spin)
    }
}
