//! Starting jobs without settings; each of these is the builder in short.

use super::builder::{JobBuilder, spawn_in, spawn_on};
use super::cell::Label;
use super::handle::{JobHandle, ScopedJobHandle};
use super::scope::Scope;
use crate::sched::Context;
use crate::sync::Counter;

impl Context<'_> {
    /// A builder for a job: its name, the counter that counts it.
    ///
    /// ```
    /// let jobs = rustfiber::JobSystem::new()?;
    /// let sum = jobs.run(|cx| {
    ///     let handle = cx.job().name("sum").spawn(|_| (1..=4).sum::<u32>());
    ///     handle.join(cx).unwrap()
    /// });
    /// assert_eq!(sum, 10);
    /// # Ok::<(), rustfiber::BuildError>(())
    /// ```
    #[track_caller]
    pub fn job(&self) -> JobBuilder<&Self> {
        JobBuilder::new(self)
    }

    /// Spawns a job that does not borrow. Dropping the handle detaches it.
    ///
    /// It starts on this worker, or on another one that has nothing to do. For jobs that borrow,
    /// see [`scope`](Self::scope).
    ///
    /// ```
    /// let jobs = rustfiber::JobSystem::new()?;
    /// let answer = jobs.run(|cx| cx.spawn(|_| 42).join(cx).unwrap());
    /// assert_eq!(answer, 42);
    /// # Ok::<(), rustfiber::BuildError>(())
    /// ```
    #[track_caller]
    pub fn spawn<T: Send + 'static>(
        &self,
        f: impl FnOnce(&Context<'_>) -> T + Send + 'static,
    ) -> JobHandle<T> {
        spawn_on(self, Label::here(), None, f)
    }

    /// Spawns a job that `counter` counts, until it has ended, also by a panic.
    ///
    /// ```
    /// use rustfiber::{Counter, JobSystem};
    ///
    /// let jobs = JobSystem::new()?;
    /// jobs.run(|cx| {
    ///     let counter = Counter::new();
    ///     let handle = cx.spawn_counted(&counter, |_| 42);
    ///     counter.wait(cx);
    ///     assert!(handle.is_finished());
    /// });
    /// # Ok::<(), rustfiber::BuildError>(())
    /// ```
    #[track_caller]
    pub fn spawn_counted<T: Send + 'static>(
        &self,
        counter: &Counter,
        f: impl FnOnce(&Context<'_>) -> T + Send + 'static,
    ) -> JobHandle<T> {
        spawn_on(self, Label::here(), Some(counter.ticket()), f)
    }

    /// A continuation: a job that starts when `counter` is zero, on any worker.
    ///
    /// Unlike a job that waits for the counter, it has no fiber until it starts. If the counter can
    /// no longer reach zero (it is not zero, and its last handle is gone), the loss is reported as
    /// the job's panic.
    ///
    /// # Deadlocks
    /// A continuation that owns a handle to its own counter keeps it alive: if the counter never
    /// reaches zero, the loss is not noticed, and the system waits for it when it is dropped.
    ///
    /// # Examples
    ///
    /// ```
    /// use rustfiber::{Counter, JobSystem};
    ///
    /// let jobs = JobSystem::new()?;
    /// jobs.run(|cx| {
    ///     let loading = Counter::new();
    ///     loading.add(1);
    ///     let next = cx.then(&loading, |_| "loaded");
    ///     assert!(!next.is_finished());
    ///     loading.done();
    ///     assert_eq!(next.join(cx).unwrap(), "loaded");
    /// });
    /// # Ok::<(), rustfiber::BuildError>(())
    /// ```
    #[track_caller]
    pub fn then<T: Send + 'static>(
        &self,
        counter: &Counter,
        f: impl FnOnce(&Context<'_>) -> T + Send + 'static,
    ) -> JobHandle<T> {
        self.job().then(counter, f)
    }
}

impl<'scope, 'env> Scope<'scope, 'env> {
    /// A builder for a job of this scope: its name, the counter that counts it.
    ///
    /// ```
    /// let jobs = rustfiber::JobSystem::new()?;
    /// let text = String::from("borrowed");
    /// let length = jobs.run(|cx| {
    ///     cx.scope(|s| s.job().name("measure").spawn(|_| text.len()).join(cx).unwrap())
    /// });
    /// assert_eq!(length, 8);
    /// # Ok::<(), rustfiber::BuildError>(())
    /// ```
    #[track_caller]
    pub fn job(&'scope self) -> JobBuilder<&'scope Self> {
        JobBuilder::new(self)
    }

    /// Spawns a job that may borrow what outlives the scope. Dropping the handle leaves it to the
    /// scope.
    ///
    /// Called from a job of the system, it queues the job on that job's worker, else with the
    /// system.
    ///
    /// ```
    /// let jobs = rustfiber::JobSystem::new()?;
    /// let (mut left, mut right) = (0, 0);
    /// jobs.run(|cx| {
    ///     cx.scope(|s| {
    ///         s.spawn(|_| left = 1);
    ///         s.spawn(|_| right = 2);
    ///     })
    /// });
    /// assert_eq!((left, right), (1, 2));
    /// # Ok::<(), rustfiber::BuildError>(())
    /// ```
    #[track_caller]
    pub fn spawn<T: Send + 'scope>(
        &'scope self,
        f: impl FnOnce(&Context<'_>) -> T + Send + 'scope,
    ) -> ScopedJobHandle<'scope, T> {
        spawn_in(self, Label::here(), None, f)
    }

    /// Spawns a job that `counter` counts, until it has ended, also by a panic.
    ///
    /// ```
    /// let jobs = rustfiber::JobSystem::new()?;
    /// let words = ["some", "words"];
    /// jobs.run(|cx| {
    ///     let counter = rustfiber::Counter::new();
    ///     cx.scope(|s| {
    ///         let handles = words.each_ref().map(|word| s.spawn_counted(&counter, |_| word.len()));
    ///         counter.wait(cx);
    ///         assert!(handles.iter().all(|handle| handle.is_finished()));
    ///     });
    /// });
    /// # Ok::<(), rustfiber::BuildError>(())
    /// ```
    #[track_caller]
    pub fn spawn_counted<T: Send + 'scope>(
        &'scope self,
        counter: &Counter,
        f: impl FnOnce(&Context<'_>) -> T + Send + 'scope,
    ) -> ScopedJobHandle<'scope, T> {
        spawn_in(self, Label::here(), Some(counter.ticket()), f)
    }
}
