//! The context of a job: the only way to stop a fiber.
//!
//! **Inlined switches.** A switch is a return on one stack and a call on the other, and the
//! processor predicts it when calls and returns pair. A function of its own around it would cost
//! two mispredicted returns, several times the switch. So waits and yields are inlined into the job
//! that says them. The compiler may then keep a thread-local's address in that job's frame across
//! the switch, as it may anyway, and it stays right, because a fiber never changes its thread. With
//! the feature `migration` it may, and the switch stands in a function of its own, so that at least
//! nothing of the library is merged across it.

use std::fmt;
use std::marker::PhantomData;
use std::ptr::NonNull;
use std::time::Instant;

use super::current;
use super::fiber::{FiberWaiter, JobFiber, Request};
use super::nested;
use super::task::{JobHeader, JobMeta};
use super::timers::Timer;
use super::worker::Worker;
use crate::wait::{
    Arm, Deadline, Interrupted, Limits, Site, Source, Waiter, Wake, sealed, wait_for_any,
};

/// What a running job is lent: the right to wait, to yield, and to start other jobs.
///
/// A function that may wait says so by taking a `&Context`, usually as its first parameter
/// `cx`. Every job closure gets one.
///
/// A context belongs to one job while it runs. It can't be stored, sent to another
/// thread, captured by another job, or reached from a `thread_local!` initializer: it is
/// neither `Send` nor `Sync`, its lifetime is invariant, and it is only ever lent. That is what
/// makes waiting sound. To start a job that waits, use the context which that job is given.
///
/// ```
/// use rustfiber::{Context, JobSystem};
///
/// fn sum(cx: &Context, data: &[u64]) -> u64 {
///     if data.len() < 1024 {
///         return data.iter().sum();
///     }
///     let (left, right) = data.split_at(data.len() / 2);
///     let (a, b) = cx.join(|cx| sum(cx, left), |cx| sum(cx, right));
///     a + b
/// }
///
/// let jobs = JobSystem::new()?;
/// let data: Vec<u64> = (0..10_000).collect();
/// assert_eq!(jobs.run(|cx| sum(cx, &data)), 49_995_000);
/// # Ok::<(), rustfiber::BuildError>(())
/// ```
pub struct Context<'f> {
    /// A pointer, and so neither `Send` nor `Sync`.
    fiber: NonNull<UseTheContextThatTheJobIsGiven>,
    /// Invariant in `'f`, so that a context can't be smuggled through a scoped thread-local.
    lent: PhantomData<fn(&'f ()) -> &'f ()>,
}

/// The fiber, by the name that stands in the compiler's message.
#[repr(transparent)]
struct UseTheContextThatTheJobIsGiven(JobFiber);

impl<'f> Context<'f> {
    /// Lends a context of `fiber` to `f`. Only for the code that runs on that fiber.
    #[inline]
    pub(super) fn lend<R>(fiber: &JobFiber, f: impl for<'a, 'g> FnOnce(&'a Context<'g>) -> R) -> R {
        f(&Context {
            fiber: NonNull::from(fiber).cast(),
            lent: PhantomData,
        })
    }

    #[inline]
    pub(crate) fn fiber(&self) -> &JobFiber {
        // SAFETY: a context is lent by the fiber's own body, and the fiber outlives its body.
        unsafe { &self.fiber.as_ref().0 }
    }

    /// The worker that runs this job. Never keep it across a wait.
    #[inline]
    pub(crate) fn worker(&self) -> &Worker {
        self.fiber().local.worker()
    }

    /// Whether this worker's queue has no job that another worker could take: two loads.
    #[inline]
    pub(crate) fn has_no_jobs_to_share(&self) -> bool {
        self.worker().deque.is_empty()
    }

    /// Lets everything else that is ready go first, and comes back by itself.
    ///
    /// The job goes to the back of its worker's queue. A job that yields until another job,
    /// in any queue, has run always ends, also with one worker.
    /// When nothing else is ready it returns at once.
    ///
    /// # Examples
    /// ```
    /// use std::sync::atomic::{AtomicBool, Ordering};
    /// use rustfiber::JobSystem;
    ///
    /// let jobs = JobSystem::builder().workers(1).build()?;
    /// let ready = AtomicBool::new(false);
    /// jobs.run(|cx| {
    ///     cx.scope(|s| {
    ///         s.spawn(|_| ready.store(true, Ordering::Release));
    ///         while !ready.load(Ordering::Acquire) {
    ///             cx.yield_now();
    ///         }
    ///     });
    /// });
    /// assert!(ready.into_inner());
    /// # Ok::<(), rustfiber::BuildError>(())
    /// ```
    ///
    /// # Panics
    /// If this is not the context of the running job.
    #[inline(always)]
    pub fn yield_now(&self) {
        self.assert_running();
        if self.worker().has_nothing_else() {
            return;
        }
        self.give_way();
    }

    /// The switch of a yield, on the running fiber: see "Inlined switches" above.
    #[cfg_attr(not(feature = "migration"), inline(always))]
    #[cfg_attr(feature = "migration", cold, inline(never))]
    fn give_way(&self) {
        let fiber = self.running_fiber();
        if nested::must_nest(fiber) {
            nested::turn(fiber);
        } else {
            // SAFETY: checked above: this code runs on the fiber.
            unsafe { fiber.suspend(Request::Yield) };
        }
    }

    /// Whether a fiber is ready and waits for this worker.
    ///
    /// A started job always goes on where it has started, so a long job that never waits should ask
    /// now and then, and [`yield_now`](Self::yield_now) if so. It costs a load or two. Timers that are
    /// due are let go first. Jobs that have not started don't count, since other workers can take
    /// them: with one worker, a job that never waits and wants them to start yields now and then.
    ///
    /// ```
    /// let jobs = rustfiber::JobSystem::builder().workers(1).build()?;
    /// assert!(!jobs.run(|cx| cx.should_yield()));
    /// # Ok::<(), rustfiber::BuildError>(())
    /// ```
    #[inline]
    #[must_use]
    pub fn should_yield(&self) -> bool {
        self.worker().mind_timers();
        self.worker().has_ready_fiber()
    }

    /// How the running job is told apart.
    fn job_meta(&self) -> Option<JobMeta> {
        let job = NonNull::new(self.fiber().local.job.get().cast_mut())?;
        // SAFETY: the header of the running job lives as long as its closure runs.
        Some(unsafe { JobHeader::meta(job) })
    }

    /// Panics unless this is the running job's context. For what must not find that out when others
    /// rely on its wait.
    ///
    /// Safe code can get at another job's context on the same thread (a wrapper that is `Send`
    /// because it checks the thread), so the worker of the context's fiber is this thread's.
    #[inline(always)]
    #[track_caller]
    pub(crate) fn assert_running(&self) {
        if !self.worker().runs(self.fiber.cast()) {
            foreign_context();
        }
    }

    /// The fiber, after the check that it is the one that runs here. Unlike `assert_running` it
    /// trusts nothing that another thread's worker may be writing.
    #[inline(always)]
    fn running_fiber(&self) -> &JobFiber {
        let runs = current::worker().is_some_and(|worker| {
            // SAFETY: a thread's worker lives until the thread leaves its main loop, which
            // is below this frame.
            unsafe { worker.as_ref() }.runs(self.fiber.cast())
        });
        if !runs {
            foreign_context();
        }
        self.fiber()
    }
}

#[cold]
#[inline(never)]
fn foreign_context() -> ! {
    panic!(
        "a wait through a context that is not the running job's: \
         use the `cx` that this job's own closure was given"
    );
}

impl fmt::Debug for Context<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context")
            .field("job", &self.job_meta().map(|job| job.to_string()))
            .finish_non_exhaustive()
    }
}

impl Waiter for &Context<'_> {
    type Outcome<T> = T;

    fn outcome<T>(self, result: Result<T, Interrupted>) -> T {
        result.expect("a wait without deadline and token is never interrupted")
    }
}

impl sealed::Sealed for &Context<'_> {
    type Base = Self;

    #[inline(always)]
    fn without_limits(self) -> Self {
        self
    }

    /// Only waits are checked, where it costs nothing beside the switch.
    #[inline(always)]
    fn check(&self) -> Result<(), Interrupted> {
        Ok(())
    }

    fn step_aside(self) -> Result<(), Interrupted> {
        self.yield_now();
        Ok(())
    }

    #[inline(always)]
    #[allow(private_interfaces)]
    fn wait_for(self, source: &dyn Source, site: Site) -> Result<Wake, Interrupted> {
        Ok(self.wait(source, site))
    }

    #[allow(private_interfaces)]
    fn wait_until(self, at: Instant, site: Site) -> Result<(), Interrupted> {
        self.wait(&Timer::new(at, self.fiber()), site);
        Ok(())
    }

    #[allow(private_interfaces)]
    fn wait_for_any(self, arms: &[Arm<'_>], site: Site) -> Result<(usize, Wake), Interrupted> {
        wait_for_any(self, arms, Limits::NONE, site)
    }
}

impl sealed::Unlimited for &Context<'_> {
    #[allow(private_interfaces, private_bounds)]
    fn with_timer<R>(self, at: Instant, f: impl FnOnce(Option<&dyn Source>) -> R) -> R {
        f(Some(&Timer::new(at, self.fiber())))
    }

    #[allow(private_interfaces)]
    fn wait_with(self, source: &dyn Source, site: Site, _: Deadline<'_>) -> Wake {
        self.wait(source, site)
    }
}

impl Context<'_> {
    /// Waits until the node is delivered. See "Inlined switches" above.
    #[cfg_attr(not(feature = "migration"), inline(always))]
    #[cfg_attr(feature = "migration", cold, inline(never))]
    pub(crate) fn wait(&self, source: &dyn Source, site: Site) -> Wake {
        let fiber = self.running_fiber();
        if nested::must_nest(fiber) {
            return nested::wait_for(fiber, source, site);
        }
        let waiter = FiberWaiter::new(erase(source), site);
        // SAFETY: checked above: this code runs on the fiber. The waiter and the source stay in
        // place until the fiber goes on.
        unsafe { fiber.suspend(Request::Wait(NonNull::from(&waiter))) };
        waiter.outcome()
    }
}

/// Forgets for how long `source` lives: the fiber stands still, in the frame that lends it, until
/// it is done with.
fn erase(source: &dyn Source) -> NonNull<dyn Source> {
    // SAFETY: only the lifetime changes.
    unsafe {
        std::mem::transmute::<NonNull<dyn Source + '_>, NonNull<dyn Source>>(NonNull::from(source))
    }
}
