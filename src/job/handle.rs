//! Handles to spawned jobs.

use std::fmt;
use std::marker::PhantomData;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::ptr::NonNull;

use super::cell::CellHandle;
use super::panic::JobPanic;
use crate::sync::wait_for;
use crate::wait::{Enlisted, Interrupted, Site, Source, WaitList, WaitNode, Waiter};

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
pub struct JobHandle<T> {
    /// Gone with the result, when an await has taken it.
    cell: Option<CellHandle<T>>,
    /// The task that awaits the job, in the list of `done`.
    pub(super) awaits: Option<Enlisted>,
}

impl<T> JobHandle<T> {
    #[inline(always)]
    pub(super) fn new(cell: CellHandle<T>) -> Self {
        Self {
            cell: Some(cell),
            awaits: None,
        }
    }

    #[track_caller]
    pub(super) fn cell(&self) -> &CellHandle<T> {
        match &self.cell {
            Some(cell) => cell,
            None => taken(),
        }
    }

    /// Takes the cell out; no task awaits the job any more.
    #[inline(always)]
    #[track_caller]
    pub(super) fn take_cell(&mut self) -> CellHandle<T> {
        if let Some(enlisted) = self.awaits.take() {
            leave(enlisted, self.cell.as_ref());
        }
        match self.cell.take() {
            Some(cell) => cell,
            None => taken(),
        }
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
    /// With [`Blocking`](crate::Blocking) inside a job; the job is detached then. If the result has
    /// been taken, by awaiting `&mut` the handle.
    ///
    /// # Deadlocks
    /// A job that joins itself, or one that waits for it, never goes on.
    #[inline(always)]
    #[track_caller]
    pub fn join<W: Waiter>(mut self, who: W) -> W::Outcome<Result<T, JobPanic>> {
        let cell = self.take_cell();
        // SAFETY: the handle was given away for this call.
        let done = unsafe { DoneAlone::new(&cell) };
        if let Err(interrupted) = cell.wait_until_done(who, &done, Site::here(&"a job to end")) {
            return who.outcome(Err(interrupted));
        }
        who.outcome(Ok(cell.take_result().map_err(JobPanic::new)))
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
        let site = Site::here(&"a job to end");
        who.outcome(match &self.cell {
            Some(cell) => cell.wait_until_done(who, &Done(cell.done()), site),
            None => who.check(),
        })
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
        // Without a cell the result has been taken.
        self.cell
            .as_ref()
            .is_none_or(|cell| cell.done().is_closed())
    }
}

impl<T> CellHandle<T> {
    #[inline(always)]
    fn wait_until_done<W: Waiter>(
        &self,
        who: W,
        done: &dyn Source,
        site: Site,
    ) -> Result<(), Interrupted> {
        who.check()?;
        if self.done().is_closed() {
            return Ok(());
        }
        wait_for(who, done, site)
    }
}

/// Somebody asks for the result of a job whose handle has been awaited to its end.
#[cold]
#[inline(never)]
#[track_caller]
fn taken() -> ! {
    panic!("the result of this job has been taken: its `JobHandle` was awaited before")
}

impl<T> Drop for JobHandle<T> {
    #[inline(always)]
    fn drop(&mut self) {
        if let Some(enlisted) = self.awaits.take() {
            leave(enlisted, self.cell.as_ref());
        }
    }
}

/// Before the handle goes, which tells the job that nobody is in its list. Without a cell the list
/// has been closed, which delivers everybody.
#[cold]
fn leave<T>(enlisted: Enlisted, cell: Option<&CellHandle<T>>) {
    if let Some(cell) = cell {
        enlisted.leave(&Done(cell.done()));
    }
}

// The result is reached only by taking it.
impl<T> UnwindSafe for JobHandle<T> {}
impl<T> RefUnwindSafe for JobHandle<T> {}

impl<T> fmt::Debug for JobHandle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let job = self.cell.as_ref().map(|cell| cell.meta().to_string());
        let job = job.as_deref().unwrap_or("one whose result has been taken");
        f.debug_struct("JobHandle")
            .field("job", &job)
            .field("is_finished", &self.is_finished())
            .finish()
    }
}

/// A handle to a job of a [`Scope`](crate::Scope): waits for it and takes its result.
///
/// Dropping it leaves the job to the scope, which waits for it and hands its panic on. Unlike a
/// [`JobHandle`] it is no future: a job joins it.
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

/// `Done` of a job whose handle nobody else has: if the job has just been spawned here, its waiter
/// needs no atomic exchange.
struct DoneAlone<'a, T>(&'a CellHandle<T>);

impl<'a, T> DoneAlone<'a, T> {
    /// # Safety
    /// Nobody else uses the handle while this is used.
    #[inline(always)]
    unsafe fn new(cell: &'a CellHandle<T>) -> Self {
        Self(cell)
    }
}

impl<T> Source for DoneAlone<'_, T> {
    unsafe fn register(&self, node: NonNull<WaitNode>) -> bool {
        // SAFETY: by contract, and as `new` says.
        unsafe { self.0.register_unshared(node) || self.0.done().register(node) }
    }

    unsafe fn leave(&self, node: NonNull<WaitNode>) -> bool {
        // SAFETY: by contract.
        unsafe { self.0.done().deregister(node) }
    }
}
