//! Two things at once.

use std::panic::{Location, resume_unwind};

use super::stack_job::StackJob;
use crate::sched::{Context, Hooks, JobMeta, Panicked};
use crate::unwind::{self, Payload};

/// What a join waits for, in reports. A type, so that it costs no argument.
pub(super) trait Awaited {
    const WHAT: &'static &'static str;
}

struct OtherHalf;

impl Awaited for OtherHalf {
    const WHAT: &'static &'static str = &"the other half of a join";
}

impl Context<'_> {
    /// Runs both closures, in parallel if a worker is free, and returns both results.
    ///
    /// `b` can be taken by another worker at every moment; this job runs `a` meanwhile, and then
    /// `b` itself if nobody has taken it. If somebody has, the job waits for it like for anything
    /// else: its worker goes on with other work, and no unrelated job runs on top of this one.
    ///
    /// # Panics
    /// With the first panic of the two, after both have ended. If both panic, that of `b` goes to
    /// the [`on_panic`](crate::Builder::on_panic) hook.
    ///
    /// # Examples
    /// ```
    /// use rustfiber::{Context, JobSystem};
    ///
    /// fn fib(cx: &Context, n: u32) -> u64 {
    ///     if n < 2 {
    ///         return n.into();
    ///     }
    ///     let (a, b) = cx.join(|cx| fib(cx, n - 1), |cx| fib(cx, n - 2));
    ///     a + b
    /// }
    ///
    /// let jobs = JobSystem::new()?;
    /// assert_eq!(jobs.run(|cx| fib(cx, 20)), 6765);
    /// # Ok::<(), rustfiber::BuildError>(())
    /// ```
    #[inline(always)]
    #[track_caller]
    pub fn join<A, B>(
        &self,
        a: impl FnOnce(&Context<'_>) -> A + Send,
        b: impl FnOnce(&Context<'_>) -> B + Send,
    ) -> (A, B)
    where
        A: Send,
        B: Send,
    {
        let at = Location::caller();
        self.join_at::<OtherHalf, _, _>(at, a, b)
    }

    /// `join` for a caller that knows better what is waited for, and where.
    ///
    /// Not inlined: in a recursion one function must be called, and if it is this one, the compiler
    /// inlines the caller's own into the halves, and a half that has nothing to do costs no call.
    #[inline(never)]
    pub(super) fn join_at<W: Awaited, A, B>(
        &self,
        at: &'static Location<'static>,
        a: impl FnOnce(&Context<'_>) -> A + Send,
        b: impl FnOnce(&Context<'_>) -> B + Send,
    ) -> (A, B)
    where
        A: Send,
        B: Send,
    {
        self.assert_running();
        let right = StackJob::new(at, b);
        // SAFETY: this frame takes the job back, or waits for it, before it is left: nothing
        // between here and there unwinds.
        self.worker().spawn(unsafe { right.as_job_ref() });
        let a = match unwind::catch(|| a(self)) {
            Ok(a) => a,
            Err(first) => self.resume_first(at, first, self.finish::<W, _, _>(&right)),
        };
        // The worker is read again: `a` may have waited.
        let b = match self.worker().take_back(right.as_ptr()) {
            Some(job) => {
                let b = right.take_closure(job);
                unwind::catch(|| b(self))
            }
            None => self.wait_for_half::<W, _, _>(&right),
        };
        match b {
            Ok(b) => (a, b),
            Err(first) => self.resume_first(at, first, Ok(a)),
        }
    }

    /// Runs the right half, or waits for it.
    #[cold]
    fn finish<W: Awaited, B, F>(&self, right: &StackJob<B, F>) -> Result<B, Payload>
    where
        B: Send,
        F: FnOnce(&Context<'_>) -> B + Send,
    {
        match self.worker().take_back(right.as_ptr()) {
            Some(job) => {
                let b = right.take_closure(job);
                unwind::catch(|| b(self))
            }
            None => self.wait_for_half::<W, _, _>(right),
        }
    }

    #[cold]
    #[inline(never)]
    fn wait_for_half<W: Awaited, B, F>(&self, right: &StackJob<B, F>) -> Result<B, Payload>
    where
        B: Send,
        F: FnOnce(&Context<'_>) -> B + Send,
    {
        right.wait(self, W::WHAT)
    }

    /// Goes on with the first panic. The other half's, or that of its result's destructor, goes to
    /// the hook.
    #[cold]
    fn resume_first<T>(
        &self,
        at: &'static Location<'static>,
        first: Payload,
        other: Result<T, Payload>,
    ) -> ! {
        if let Err(second) = other.and_then(unwind::drop_caught) {
            let meta = JobMeta::at(at);
            self.hooks().unclaimed(Panicked::new(second, &meta));
        }
        resume_unwind(first)
    }

    pub(super) fn hooks(&self) -> &std::sync::Arc<dyn Hooks> {
        &self.worker().shared().config().hooks
    }

    /// Shows the hook a panic that another one has overtaken.
    #[track_caller]
    pub(super) fn report(&self, payload: Payload) {
        let meta = JobMeta::at(Location::caller());
        self.hooks().unclaimed(Panicked::new(payload, &meta));
    }
}
