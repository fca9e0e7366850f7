//! The one builder behind all spawns.

use std::borrow::Cow;
use std::error::Error;
use std::fmt;
use std::panic::Location;

use super::cell::{Label, Ties, new_job};
use super::handle::{JobHandle, ScopedJobHandle};
use super::scope::Scope;
use crate::sched::{Closed, Context, Details, Shared, Worker};
use crate::sync::{Counter, Ticket};

/// Settings of a job, and where it is to be spawned: from `cx.job()`, `scope.job()`, `jobs.job()`
/// or `handle.job()`.
///
/// ```
/// use rustfiber::{Counter, JobSystem};
///
/// let jobs = JobSystem::new()?;
/// let counter = Counter::new();
/// let handle = jobs.job().name("physics").counter(&counter).spawn(|cx| format!("{cx:?}"));
/// counter.wait(rustfiber::Blocking);
/// assert!(handle.join(rustfiber::Blocking).unwrap().contains("physics"));
/// # Ok::<(), rustfiber::BuildError>(())
/// ```
#[derive(Clone)]
#[must_use = "a job that is not spawned does not run"]
pub struct JobBuilder<S> {
    target: S,
    name: Option<Cow<'static, str>>,
    counter: Option<Counter>,
    spawned_at: &'static Location<'static>,
}

impl<S> JobBuilder<S> {
    #[track_caller]
    pub(crate) fn new(target: S) -> Self {
        Self {
            target,
            name: None,
            counter: None,
            spawned_at: Location::caller(),
        }
    }

    /// Names the job, for panics, reports and traces.
    ///
    /// ```
    /// let jobs = rustfiber::JobSystem::new()?;
    /// let named = jobs.job().name("render").spawn(|cx| format!("{cx:?}"));
    /// assert!(named.join(rustfiber::Blocking).unwrap().contains("render"));
    /// # Ok::<(), rustfiber::BuildError>(())
    /// ```
    pub fn name(mut self, name: impl Into<Cow<'static, str>>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Lets `counter` count the job from its spawn until it has ended, also by a panic.
    ///
    /// ```
    /// let jobs = rustfiber::JobSystem::new()?;
    /// let counter = rustfiber::Counter::new();
    /// jobs.run(|cx| {
    ///     cx.job().counter(&counter).spawn(|_| ());
    ///     counter.wait(cx);
    /// });
    /// assert!(counter.is_zero());
    /// # Ok::<(), rustfiber::BuildError>(())
    /// ```
    pub fn counter(mut self, counter: &Counter) -> Self {
        self.counter = Some(counter.clone());
        self
    }

    /// The same settings for another place to spawn.
    pub(crate) fn retarget<R>(self, to: impl FnOnce(S) -> R) -> JobBuilder<R> {
        JobBuilder {
            target: to(self.target),
            name: self.name,
            counter: self.counter,
            spawned_at: self.spawned_at,
        }
    }

    /// Takes the settings apart; the counter counts the job from here on.
    fn parts(self) -> (S, Label, Option<Ticket>) {
        let details = self.name.map(|name| Box::new(Details::named(name)));
        let label = Label {
            spawned_at: self.spawned_at,
            details,
        };
        (self.target, label, self.counter.map(Counter::into_ticket))
    }
}

/// Spawns a job that does not borrow on the worker of `cx`.
#[inline]
pub(super) fn spawn_on<T, F>(
    cx: &Context<'_>,
    label: Label,
    ticket: Option<Ticket>,
    f: F,
) -> JobHandle<T>
where
    T: Send + 'static,
    F: FnOnce(&Context<'_>) -> T + Send + 'static,
{
    let worker = cx.worker();
    let ties = Ties {
        ticket,
        scope: None,
    };
    // SAFETY: nothing in the job borrows.
    let (job, handle) = unsafe { new_job(Some(worker), label, ties, f) };
    worker.spawn(job);
    JobHandle::new(handle)
}

/// Spawns a job in a scope.
#[inline]
pub(super) fn spawn_in<'scope, T, F>(
    scope: &'scope Scope<'scope, '_>,
    label: Label,
    ticket: Option<Ticket>,
    f: F,
) -> ScopedJobHandle<'scope, T>
where
    T: Send + 'scope,
    F: FnOnce(&Context<'_>) -> T + Send + 'scope,
{
    let core = scope.core();
    core.with_worker(|worker| {
        let ties = Ties {
            ticket,
            scope: Some(core.add_child(worker)),
        };
        // SAFETY: what the job borrows outlives `'scope`, and the scope's frame, which `'scope`
        // lies in, waits until the child has ended.
        let (job, handle) = unsafe { new_job(worker, label, ties, f) };
        core.queue(worker, job);
        ScopedJobHandle::new(handle)
    })
}

impl JobBuilder<&Context<'_>> {
    /// Spawns the job: see [`Context::spawn`].
    pub fn spawn<T, F>(self, f: F) -> JobHandle<T>
    where
        T: Send + 'static,
        F: FnOnce(&Context<'_>) -> T + Send + 'static,
    {
        let (cx, label, ticket) = self.parts();
        spawn_on(cx, label, ticket, f)
    }

    /// Starts the job when `counter` is zero: see [`Context::then`].
    pub fn then<T, F>(self, counter: &Counter, f: F) -> JobHandle<T>
    where
        T: Send + 'static,
        F: FnOnce(&Context<'_>) -> T + Send + 'static,
    {
        self.target.assert_running();
        let (cx, label, ticket) = self.parts();
        let ties = Ties {
            ticket,
            scope: None,
        };
        // SAFETY: nothing in the job borrows.
        let (job, handle) = unsafe { new_job(Some(cx.worker()), label, ties, f) };
        cx.postpone(counter, job);
        JobHandle::new(handle)
    }
}

impl<'scope, 'env> JobBuilder<&'scope Scope<'scope, 'env>> {
    /// Spawns the job: see [`Scope::spawn`].
    pub fn spawn<T, F>(self, f: F) -> ScopedJobHandle<'scope, T>
    where
        T: Send + 'scope,
        F: FnOnce(&Context<'_>) -> T + Send + 'scope,
    {
        let (scope, label, ticket) = self.parts();
        spawn_in(scope, label, ticket, f)
    }
}

impl JobBuilder<&Shared> {
    /// Spawns the job, or gives the closure back if the system takes no more jobs.
    pub(crate) fn try_spawn<T, F>(self, f: F) -> Result<JobHandle<T>, SpawnError<F>>
    where
        T: Send + 'static,
        F: FnOnce(&Context<'_>) -> T + Send + 'static,
    {
        let (shared, label, ticket) = self.parts();
        let ties = Ties {
            ticket,
            scope: None,
        };
        // SAFETY: nothing in the job borrows.
        let (job, handle) = Worker::with_this(|worker| unsafe { new_job(worker, label, ties, f) });
        match shared.submit(job) {
            Ok(_woke) => Ok(JobHandle::new(handle)),
            // SAFETY: the job is made of `T` and `F`, and was not queued.
            Err((job, Closed)) => Err(SpawnError(unsafe { handle.unspawn::<F>(job) })),
        }
    }
}

impl<S> fmt::Debug for JobBuilder<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JobBuilder")
            .field("name", &self.name)
            .field("counter", &self.counter)
            .field("spawned_at", &self.spawned_at.to_string())
            .finish_non_exhaustive()
    }
}

/// A job that was not spawned, because its system has shut down or is shutting down.
///
/// ```
/// use rustfiber::JobSystem;
///
/// let jobs = JobSystem::new()?;
/// let handle = jobs.handle();
/// drop(jobs);
/// let error = handle.spawn(|_| 42).unwrap_err();
/// let closure = error.into_inner(); // nothing is lost
/// # let _ = closure;
/// # Ok::<(), rustfiber::BuildError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct SpawnError<F>(F);

impl<F> SpawnError<F> {
    /// The job's closure.
    pub fn into_inner(self) -> F {
        self.0
    }
}

impl<F> fmt::Debug for SpawnError<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SpawnError").finish_non_exhaustive()
    }
}

impl<F> fmt::Display for SpawnError<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the job system has shut down and takes no more jobs")
    }
}

impl<F> Error for SpawnError<F> {}
