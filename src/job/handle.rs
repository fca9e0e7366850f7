//! Handles to spawned jobs.

use std::fmt;
use std::marker::PhantomData;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::ptr::NonNull;

use super::cell::CellHandle;
use super::panic::JobPanic;
use crate::sync::wait_for;
use crate::wait::{Interrupted, Site, Source, WaitList, WaitNode, Waiter};

/// A handle to a job: waits for it and takes its result.
///
/// Dropping the handle detaches the job: it runs all the same, and a panic goes to the builder's
/// [`on_panic`](crate::Builder::on_panic) hook.
///
/// ```
/// use rustfiber::{Blocking, JobSystem};
///
/// let jobs = JobSystem::new()?;
/// let handle = jobs.spawn(|cx| cx.join(|_| 20, |_| 22));
/// assert_eq!(handle.join(Blocking).unwrap(), (20, 22));
/// # Ok::<(), rustfiber::BuildError>(())
/// ```
pub struct JobHandle<T>(CellHandle<T>);

impl<T> JobHandle<T> {
    pub(super) fn new(cell: CellHandle<T>) -> Self {
        Self(cell)
    }

    /// Waits until the job has ended, and returns its result.
    ///
    /// ```
    /// let jobs = rustfiber::JobSystem::new()?;
    /// assert_eq!(jobs.spawn(|_| 1).join(rustfiber::Blocking).unwrap(), 1);
    /// assert!(jobs.spawn(|_| panic!("no")).join(rustfiber::Blocking).map(|()| ()).is_err());
    /// # Ok::<(), rustfiber::BuildError>(())
    /// ```
    ///
    /// # Errors
    /// If the job panicked.
    ///
    /// # Panics
    /// With [`Blocking`](crate::Blocking) inside a job; the job is detached then.
    ///
    /// # Deadlocks
    /// A job that joins itself, or one that waits for it, never goes on.
    #[inline(always)]
    #[track_caller]
    pub fn join<W: Waiter>(self, who: W) -> W::Outcome<Result<T, JobPanic>> {
        if let Err(interrupted) = self.wait_until_done(who, Site::here("a job to end")) {
            return who.outcome(Err(interrupted));
        }
        who.outcome(Ok(self.0.take_result().map_err(JobPanic::new)))
    }

    /// Waits until the job has ended; the handle keeps its result.
    ///
    /// Unlike [`join`](Self::join), which takes the handle with it, a wait that ends early can be
    /// taken up again.
    ///
    /// ```
    /// use std::time::Duration;
    /// use rustfiber::{Blocking, Event, JobSystem};
    /// use std::sync::Arc;
    ///
    /// let jobs = JobSystem::new()?;
    /// let go = Arc::new(Event::manual());
    /// let handle = jobs.spawn({
    ///     let go = Arc::clone(&go);
    ///     move |cx| go.wait(cx)
    /// });
    /// assert!(handle.wait(Blocking.within(Duration::from_millis(1))).is_err());
    /// go.set();
    /// handle.wait(Blocking);
    /// assert!(handle.is_finished());
    /// # Ok::<(), rustfiber::BuildError>(())
    /// ```
    ///
    /// # Panics
    /// With [`Blocking`](crate::Blocking) inside a job.
    #[inline(always)]
    #[track_caller]
    pub fn wait<W: Waiter>(&self, who: W) -> W::Outcome<()> {
        who.outcome(self.wait_until_done(who, Site::here("a job to end")))
    }

    #[inline(always)]
    fn wait_until_done<W: Waiter>(&self, who: W, site: Site) -> Result<(), Interrupted> {
        who.check()?;
        if self.is_finished() {
            return Ok(());
        }
        wait_for(who, &Done(self.0.done()), site)
    }

    /// Whether the job has ended; then `join` returns at once.
    ///
    /// ```
    /// let jobs = rustfiber::JobSystem::new()?;
    /// let counter = rustfiber::Counter::new();
    /// let handle = jobs.job().counter(&counter).spawn(|_| 1);
    /// counter.wait(rustfiber::Blocking);
    /// assert!(handle.is_finished());
    /// # Ok::<(), rustfiber::BuildError>(())
    /// ```
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.0.done().is_closed()
    }
}

// The result is reached only by taking it.
impl<T> UnwindSafe for JobHandle<T> {}
impl<T> RefUnwindSafe for JobHandle<T> {}

impl<T> fmt::Debug for JobHandle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JobHandle")
            .field("job", &self.0.meta().to_string())
            .field("is_finished", &self.is_finished())
            .finish()
    }
}

/// A handle to a job of a [`Scope`](crate::Scope): waits for it and takes its result.
///
/// Dropping it leaves the job to the scope, which waits for it and hands its panic on.
///
/// ```
/// let jobs = rustfiber::JobSystem::new()?;
/// let words = ["a", "bc", "def"];
/// let total: usize = jobs.run(|cx| {
///     cx.scope(|s| {
///         let handles = words.each_ref().map(|word| s.spawn(|_| word.len()));
///         handles.into_iter().map(|handle| handle.join(cx).unwrap()).sum()
///     })
/// });
/// assert_eq!(total, 6);
/// # Ok::<(), rustfiber::BuildError>(())
/// ```
pub struct ScopedJobHandle<'scope, T> {
    handle: JobHandle<T>,
    scope: PhantomData<fn(&'scope ()) -> &'scope ()>,
}

impl<T> ScopedJobHandle<'_, T> {
    pub(super) fn new(cell: CellHandle<T>) -> Self {
        Self {
            handle: JobHandle::new(cell),
            scope: PhantomData,
        }
    }

    /// Waits until the job has ended, and returns its result.
    ///
    /// # Errors
    /// If the job panicked. The scope does not hand that panic on then.
    ///
    /// # Panics
    /// With [`Blocking`](crate::Blocking) inside a job.
    #[inline(always)]
    #[track_caller]
    pub fn join<W: Waiter>(self, who: W) -> W::Outcome<Result<T, JobPanic>> {
        self.handle.join(who)
    }

    /// Waits until the job has ended; the handle keeps its result. As [`JobHandle::wait`].
    ///
    /// # Panics
    /// With [`Blocking`](crate::Blocking) inside a job.
    #[inline(always)]
    #[track_caller]
    pub fn wait<W: Waiter>(&self, who: W) -> W::Outcome<()> {
        self.handle.wait(who)
    }

    /// Whether the job has ended; then `join` returns at once.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.handle.is_finished()
    }
}

impl<T> fmt::Debug for ScopedJobHandle<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.handle.fmt(f)
    }
}

/// Waits for a list to be closed.
pub(super) struct Done<'a>(pub(super) &'a WaitList);

impl Source for Done<'_> {
    unsafe fn register(&self, node: NonNull<WaitNode>) -> bool {
        // SAFETY: by contract.
        unsafe { self.0.register(node) }
    }

    unsafe fn leave(&self, node: NonNull<WaitNode>) -> bool {
        // SAFETY: by contract.
        unsafe { self.0.deregister(node) }
    }
}
