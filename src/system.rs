//! The front door: a job system, and handles to it.

use std::fmt;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use crate::builder::Builder;
use crate::error::{BuildError, ShutdownError};
use crate::job::{JobBuilder, JobHandle, SpawnError, run_from_outside};
use crate::sched::{Context, Shared, Stats, Threads, is_worker};

/// How long a shutdown that ran out of time waits for the workers' answers to the question who
/// waits.
const CENSUS_PATIENCE: Duration = Duration::from_millis(200);

/// A job system: worker threads, and the jobs that run on them.
///
/// # Leaving
/// Dropping the system waits until every job that was spawned has ended, then joins the threads. A
/// job that waits for something that never happens makes that take for ever;
/// [`shutdown_timeout`](Self::shutdown_timeout) does not. Dropped inside a job (one of its own, as
/// the last `Arc`, or another system's), it does not wait: its workers end by themselves when the
/// last job has.
///
/// # Examples
/// ```
/// use rustfiber::JobSystem;
///
/// let jobs = JobSystem::new()?;
/// let words = vec!["stackful", "fibers"];
/// let lengths = jobs.run(|cx| cx.join(|_| words[0].len(), |_| words[1].len()));
/// assert_eq!(lengths, (8, 6));
/// # Ok::<(), rustfiber::BuildError>(())
/// ```
pub struct JobSystem {
    shared: Arc<Shared>,
    threads: Option<Threads>,
}

impl JobSystem {
    pub(crate) fn from_parts(shared: Arc<Shared>, threads: Threads) -> Self {
        Self {
            shared,
            threads: Some(threads),
        }
    }

    /// A system with one worker per available core, and defaults for everything else.
    ///
    /// # Errors
    /// If the threads or the memory for stacks can't be had.
    ///
    /// ```
    /// let jobs = rustfiber::JobSystem::new()?;
    /// assert!(jobs.workers() >= 1);
    /// # Ok::<(), rustfiber::BuildError>(())
    /// ```
    pub fn new() -> Result<Self, BuildError> {
        Self::builder().build()
    }

    /// Settings for a new system.
    ///
    /// ```
    /// let jobs = rustfiber::JobSystem::builder().workers(2).build()?;
    /// assert_eq!(jobs.workers(), 2);
    /// # Ok::<(), rustfiber::BuildError>(())
    /// ```
    pub fn builder() -> Builder {
        Builder::new()
    }

    /// A system for the whole process, with the defaults, which is started by the first call.
    ///
    /// It is never dropped. When the process ends, by a return from `main` or by `exit`, its jobs
    /// are cut off where they are: wait for what must be finished.
    ///
    /// # Panics
    /// If the system can't be started.
    ///
    /// ```
    /// use rustfiber::JobSystem;
    ///
    /// assert_eq!(JobSystem::global().run(|cx| cx.join(|_| 1, |_| 2)), (1, 2));
    /// ```
    pub fn global() -> &'static Self {
        static GLOBAL: OnceLock<JobSystem> = OnceLock::new();
        GLOBAL.get_or_init(|| match Self::new() {
            Ok(jobs) => jobs,
            Err(error) => panic!("the global job system can't be started: {error}"),
        })
    }

    /// Runs `f` as a job, blocks the calling thread until it has ended, and returns its result.
    ///
    /// The job may borrow from the caller.
    ///
    /// # Panics
    /// With the panic of the job. And inside a job, of any job system: it would block the worker.
    ///
    /// ```
    /// let jobs = rustfiber::JobSystem::new()?;
    /// let mut data = vec![3, 1, 2];
    /// jobs.run(|_| data.sort());
    /// assert_eq!(data, [1, 2, 3]);
    /// # Ok::<(), rustfiber::BuildError>(())
    /// ```
    #[track_caller]
    pub fn run<R: Send>(&self, f: impl FnOnce(&Context<'_>) -> R + Send) -> R {
        assert!(
            !is_worker(),
            "`JobSystem::run` inside a job would block its worker: \
             use the job's context instead, as in `cx.scope(|s| ..)`, `cx.join(.., ..)`, \
             or `handle.spawn(..)` and `join(cx)` for another system"
        );
        run_from_outside(&self.shared, f)
    }

    /// Spawns a job. Dropping the handle detaches it; the system waits for it all the same when it
    /// is dropped.
    ///
    /// ```
    /// use rustfiber::{Blocking, JobSystem};
    ///
    /// let jobs = JobSystem::new()?;
    /// let handle = jobs.spawn(|_| 42);
    /// assert_eq!(handle.join(Blocking).unwrap(), 42);
    /// # Ok::<(), rustfiber::BuildError>(())
    /// ```
    #[track_caller]
    pub fn spawn<T: Send + 'static>(
        &self,
        f: impl FnOnce(&Context<'_>) -> T + Send + 'static,
    ) -> JobHandle<T> {
        self.job().spawn(f)
    }

    /// A builder for a job: its name, the counter that counts it.
    ///
    /// ```
    /// let jobs = rustfiber::JobSystem::new()?;
    /// let handle = jobs.job().name("answer").spawn(|_| 42);
    /// assert_eq!(handle.join(rustfiber::Blocking).unwrap(), 42);
    /// # Ok::<(), rustfiber::BuildError>(())
    /// ```
    #[track_caller]
    pub fn job(&self) -> JobBuilder<&Self> {
        JobBuilder::new(self)
    }

    /// A handle that can spawn, and does not keep the system alive.
    ///
    /// ```
    /// let jobs = rustfiber::JobSystem::new()?;
    /// let handle = jobs.handle();
    /// assert!(!handle.is_closed());
    /// drop(jobs);
    /// assert!(handle.is_closed());
    /// # Ok::<(), rustfiber::BuildError>(())
    /// ```
    #[must_use]
    pub fn handle(&self) -> Handle {
        Handle {
            shared: Arc::clone(&self.shared),
        }
    }

    /// What the workers have done so far.
    ///
    /// ```
    /// let jobs = rustfiber::JobSystem::new()?;
    /// jobs.run(|_| ());
    /// assert_eq!(jobs.stats().jobs(), 1);
    /// # Ok::<(), rustfiber::BuildError>(())
    /// ```
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.shared.stats()
    }

    /// The number of workers.
    #[must_use]
    pub fn workers(&self) -> usize {
        self.shared.config().workers
    }

    /// Takes no more jobs, and waits until all have ended, but not longer than `patience`. If they have
    /// not, the workers are asked which jobs wait; those that answer late, since a job holds them, are waited for
    /// a fifth of a second.
    ///
    /// # Errors
    /// If some have not ended by then. The error says which jobs wait, where they were spawned and
    /// what they wait for. The workers go on with them in the background; if they never end, their
    /// threads and stacks, and the memory that these stand in, are leaked. Other threads may borrow
    /// from those stacks, so nothing is taken away by force.
    ///
    /// # Panics
    /// Inside a job: it would block its worker.
    ///
    /// ```
    /// use std::time::Duration;
    /// use rustfiber::{Counter, JobSystem};
    ///
    /// let never = Counter::new();
    /// never.add(1);
    /// let jobs = JobSystem::builder().workers(1).build()?;
    /// let waits = never.clone();
    /// jobs.job().name("patient").spawn(move |cx| waits.wait(cx));
    /// let error = jobs.shutdown_timeout(Duration::from_millis(50)).unwrap_err();
    /// assert!(error.to_string().contains("patient"));
    /// never.done();
    /// # Ok::<(), rustfiber::BuildError>(())
    /// ```
    pub fn shutdown_timeout(mut self, patience: Duration) -> Result<(), ShutdownError> {
        assert!(
            !is_worker(),
            "`JobSystem::shutdown_timeout` inside a job would block its worker: call it on a plain thread"
        );
        self.shared.close();
        let Some(threads) = self.threads.take() else {
            return Ok(());
        };
        match threads.join_timeout(patience) {
            Ok(()) => Ok(()),
            Err(threads) => {
                let census = self.shared.census(CENSUS_PATIENCE);
                // They may have ended while they were asked.
                match threads.join_timeout(Duration::ZERO) {
                    Ok(()) => Ok(()),
                    Err(_still_running) => Err(ShutdownError::new(census)),
                }
            }
        }
    }
}

// A panic never leaves it half changed: user code does not run while it is.
impl UnwindSafe for JobSystem {}
impl RefUnwindSafe for JobSystem {}
impl UnwindSafe for Handle {}
impl RefUnwindSafe for Handle {}

impl Drop for JobSystem {
    fn drop(&mut self) {
        let Some(threads) = self.threads.take() else {
            return;
        };
        self.shared.close();
        // A worker can't wait for itself, and must not be held for another system: then the threads
        // end alone.
        if !is_worker() {
            threads.join();
        }
    }
}

impl fmt::Debug for JobSystem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JobSystem")
            .field("workers", &self.workers())
            .finish_non_exhaustive()
    }
}

impl JobBuilder<&JobSystem> {
    /// Spawns the job: see [`JobSystem::spawn`].
    pub fn spawn<T, F>(self, f: F) -> JobHandle<T>
    where
        T: Send + 'static,
        F: FnOnce(&Context<'_>) -> T + Send + 'static,
    {
        self.retarget(|jobs| &*jobs.shared)
            .try_spawn(f)
            .expect("a system that has not been dropped takes jobs")
    }
}

/// Spawns jobs in a [`JobSystem`] that it does not keep alive; from [`JobSystem::handle`].
///
/// ```
/// use rustfiber::{Blocking, JobSystem};
///
/// let jobs = JobSystem::new()?;
/// let handle = jobs.handle();
/// let thread = std::thread::spawn(move || {
///     let job = handle.spawn(|_| 6 * 7).unwrap();
///     job.join(Blocking).unwrap()
/// });
/// assert_eq!(thread.join().unwrap(), 42);
/// # Ok::<(), rustfiber::BuildError>(())
/// ```
#[derive(Clone)]
pub struct Handle {
    shared: Arc<Shared>,
}

impl Handle {
    /// Spawns a job.
    ///
    /// # Errors
    /// Gives the closure back if the system has shut down or is shutting down. In the jobs of the
    /// system itself, spawning works to the end.
    #[track_caller]
    pub fn spawn<T, F>(&self, f: F) -> Result<JobHandle<T>, SpawnError<F>>
    where
        T: Send + 'static,
        F: FnOnce(&Context<'_>) -> T + Send + 'static,
    {
        self.job().spawn(f)
    }

    /// A builder for a job: its name, the counter that counts it.
    #[track_caller]
    pub fn job(&self) -> JobBuilder<&Self> {
        JobBuilder::new(self)
    }

    /// Whether the system has shut down, or is shutting down.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.shared.is_closed()
    }

    /// What the workers have done so far.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.shared.stats()
    }
}

impl JobBuilder<&Handle> {
    /// Spawns the job: see [`Handle::spawn`].
    ///
    /// # Errors
    /// Gives the closure back if the system has shut down or is shutting down.
    pub fn spawn<T, F>(self, f: F) -> Result<JobHandle<T>, SpawnError<F>>
    where
        T: Send + 'static,
        F: FnOnce(&Context<'_>) -> T + Send + 'static,
    {
        self.retarget(|handle| &*handle.shared).try_spawn(f)
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handle")
            .field("is_closed", &self.is_closed())
            .finish_non_exhaustive()
    }
}
