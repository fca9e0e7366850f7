//! Settings of a job system.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::error::{Blocked, BuildError, Problem, Stall};
use crate::job::JobPanic;
use crate::sched::{self, BlockedWorker, Census, Config, Hooks, Migration, Panicked};
use crate::stack::{self, StackArena, StackError};
use crate::system::JobSystem;
use crate::unwind;

/// More workers than any machine has cores; a number above it is a mistake.
const MOST_WORKERS: usize = 4096;

/// Fibers unless the builder is told otherwise: as many as a system's default limit on mappings
/// allows where each guard is a mapping, with room for the rest of the process.
const DEFAULT_MAX_FIBERS: usize = if cfg!(target_os = "linux") {
    1 << 20
} else {
    16_000
};

type PanicHook = dyn Fn(&JobPanic) + Send + Sync;
type StallHook = dyn Fn(&Stall) + Send + Sync;
type BlockedHook = dyn Fn(&Blocked) + Send + Sync;

/// A shorter time would mistake a thread that has no processor for one that is blocked.
const MIN_BLOCKED_AFTER: Duration = Duration::from_millis(10);

/// After what time a worker counts as blocked, unless the builder is told otherwise. A guess: longer
/// than what a careful program reads or locks.
const DEFAULT_BLOCKED_AFTER: Option<Duration> = if cfg!(debug_assertions) {
    Some(Duration::from_secs(10))
} else {
    None
};

/// Settings of a new [`JobSystem`]: from [`JobSystem::builder`].
///
/// ```
/// use rustfiber::JobSystem;
///
/// let jobs = JobSystem::builder()
///     .workers(2)
///     .stack_size(512 * 1024)
///     .max_fibers(1000)
///     .thread_name("worker")
///     .on_panic(|panic| eprintln!("{panic}"))
///     .build()?;
/// assert_eq!(jobs.workers(), 2);
/// # Ok::<(), rustfiber::BuildError>(())
/// ```
#[must_use = "a builder does nothing until `build`"]
pub struct Builder {
    workers: Option<usize>,
    stack_size: usize,
    max_fibers: usize,
    thread_name: String,
    migration: Migration,
    on_panic: Option<Box<PanicHook>>,
    on_stall: Option<Box<StallHook>>,
    blocked_after: Option<Duration>,
    on_blocked: Option<Box<BlockedHook>>,
}

impl Builder {
    pub(crate) fn new() -> Self {
        Self {
            workers: None,
            stack_size: stack::DEFAULT_STACK,
            max_fibers: DEFAULT_MAX_FIBERS,
            thread_name: "rustfiber".to_owned(),
            migration: Migration::default(),
            on_panic: None,
            on_stall: None,
            blocked_after: DEFAULT_BLOCKED_AFTER,
            on_blocked: None,
        }
    }

    /// The number of worker threads. Default: one per available core.
    ///
    /// ```
    /// let jobs = rustfiber::JobSystem::builder().workers(3).build()?;
    /// assert_eq!(jobs.workers(), 3);
    /// # Ok::<(), rustfiber::BuildError>(())
    /// ```
    pub fn workers(mut self, workers: usize) -> Self {
        self.workers = Some(workers);
        self
    }

    /// The bytes of stack that each job has. Default: 256 KiB, and 1 MiB in debug builds. Only what
    /// a job touches takes memory, one page at least.
    ///
    /// ```
    /// let jobs = rustfiber::JobSystem::builder().stack_size(4 << 20).build()?;
    /// let last = jobs.run(|_| std::hint::black_box([7_u8; 2 << 20])[1 << 20]);
    /// assert_eq!(last, 7);
    /// # Ok::<(), rustfiber::BuildError>(())
    /// ```
    pub fn stack_size(mut self, bytes: usize) -> Self {
        self.stack_size = bytes;
        self
    }

    /// The most fibers, that is, jobs that are running or waiting at a time. Default: a million on
    /// Linux, 16,000 elsewhere.
    ///
    /// At the limit no new job is started until one ends. If then no job can go on either, the
    /// [`on_stall`](Self::on_stall) hook is told who waits for what.
    ///
    /// ```
    /// let error = rustfiber::JobSystem::builder().workers(2).max_fibers(1).build().unwrap_err();
    /// assert!(error.to_string().contains("`max_fibers` to at least 2"));
    /// ```
    pub fn max_fibers(mut self, fibers: usize) -> Self {
        self.max_fibers = fibers;
        self
    }

    /// The name of the worker threads, to which a number is added. Default: `"rustfiber"`.
    ///
    /// ```
    /// let jobs = rustfiber::JobSystem::builder().workers(1).thread_name("worker").build()?;
    /// let name = jobs.run(|_| std::thread::current().name().map(str::to_owned));
    /// assert_eq!(name.as_deref(), Some("worker-0"));
    /// # Ok::<(), rustfiber::BuildError>(())
    /// ```
    pub fn thread_name(mut self, name: impl Into<String>) -> Self {
        self.thread_name = name.into();
        self
    }

    /// Called with each panic of a job that nobody waits for: a detached job's, and second ones.
    /// Default: an error event with the cargo feature `tracing`, else a line on stderr.
    ///
    /// It is called on the thread where the panic is found, which may be a worker. If it panics
    /// itself, the process aborts with a message.
    ///
    /// ```
    /// use std::sync::mpsc;
    ///
    /// let (told, panics) = mpsc::channel();
    /// let jobs = rustfiber::JobSystem::builder()
    ///     .on_panic(move |panic| told.send(panic.message().to_owned()).unwrap())
    ///     .build()?;
    /// drop(jobs.spawn(|_| panic!("nobody waits for me")));
    /// assert_eq!(panics.recv().unwrap(), "nobody waits for me");
    /// # Ok::<(), rustfiber::BuildError>(())
    /// ```
    pub fn on_panic(mut self, hook: impl Fn(&JobPanic) + Send + Sync + 'static) -> Self {
        self.on_panic = Some(Box::new(hook));
        self
    }

    /// Called when there are jobs to start, but all fibers wait and there may be no more of them.
    /// Default: as for [`on_panic`](Self::on_panic).
    ///
    /// It is called on a worker, once for each such situation. A wake that is under way on another
    /// thread at that moment may have overtaken it.
    pub fn on_stall(mut self, hook: impl Fn(&Stall) + Send + Sync + 'static) -> Self {
        self.on_stall = Some(Box::new(hook));
        self
    }

    /// Looks for workers that something foreign blocks in the middle of a job (a std lock or channel,
    /// a read, C code), and tells the [`on_blocked`](Self::on_blocked) hook when one has been for
    /// that long. Default: after 10 s in debug builds, never in others.
    ///
    /// A job that computes is not blocked, nor is one that waits through its context. A thread of
    /// its own looks four times in `after`, and each start of a job costs some nanoseconds more.
    /// On Linux only; elsewhere this has no effect.
    ///
    /// ```
    /// use std::sync::{Arc, Mutex, mpsc};
    /// use std::time::Duration;
    /// use rustfiber::JobSystem;
    ///
    /// let (told, blocked) = mpsc::channel();
    /// let jobs = JobSystem::builder()
    ///     .blocked_after(Duration::from_millis(20))
    ///     .on_blocked(move |blocked| _ = told.send(blocked.to_string()))
    ///     .build()?;
    /// # if cfg!(target_os = "linux") {
    /// let lock = Arc::new(Mutex::new(())); // not rustfiber's
    /// let held = lock.lock().unwrap();
    /// let job = jobs.job().name("sinner").spawn({
    ///     let lock = Arc::clone(&lock);
    ///     move |_| drop(lock.lock())
    /// });
    /// assert!(blocked.recv().unwrap().contains("sinner"));
    /// # drop(held);
    /// # }
    /// # Ok::<(), rustfiber::BuildError>(())
    /// ```
    pub fn blocked_after(mut self, after: Duration) -> Self {
        self.blocked_after = Some(after);
        self
    }

    /// Called when a worker has been blocked for as long as [`blocked_after`](Self::blocked_after)
    /// says: once each time, on a thread of its own. Default: as for [`on_panic`](Self::on_panic).
    pub fn on_blocked(mut self, hook: impl Fn(&Blocked) + Send + Sync + 'static) -> Self {
        self.on_blocked = Some(Box::new(hook));
        self
    }

    /// Lets started jobs go on on any worker, instead of on the one that has started them.
    ///
    /// An idle worker then takes a woken job over, instead of leaving it to wait for a busy one.
    /// (Of several that are woken together, a busy worker may have taken in some, which wait for
    /// it.)
    ///
    /// # Safety
    /// The compiler takes it for granted that a function stays on its thread. So for every job of
    /// this system, across every wait:
    /// - nothing that is not `Send` lives on the job's stack;
    /// - no function whose frame is live across the wait reads a thread-local, after inlining,
    ///   std's and C's included;
    /// - no foreign state that belongs to a thread is held;
    /// - the job is not unwinding;
    /// - no code of a dynamically loaded library is on the job's stack.
    ///
    /// # Examples
    /// ```
    /// let builder = rustfiber::JobSystem::builder().workers(2);
    /// // SAFETY: the jobs below wait with nothing but numbers on their stacks.
    /// let jobs = unsafe { builder.migrate_started_jobs() }.build()?;
    /// assert_eq!(jobs.run(|cx| cx.join(|_| 1, |_| 2)), (1, 2));
    /// # Ok::<(), rustfiber::BuildError>(())
    /// ```
    #[cfg(feature = "migration")]
    pub unsafe fn migrate_started_jobs(mut self) -> Self {
        if self.migration == Migration::Pinned {
            self.migration = Migration::Free;
        }
        self
    }

    /// Starts the system.
    ///
    /// ```
    /// let error = rustfiber::JobSystem::builder().stack_size(100).build().unwrap_err();
    /// assert!(error.to_string().contains("`stack_size` to at least 32768"));
    /// ```
    ///
    /// # Errors
    /// If a setting makes no sense, or threads or memory can't be had; the error says what to
    /// change. No thread stays behind.
    pub fn build(self) -> Result<JobSystem, BuildError> {
        let workers = match self.workers {
            Some(0) => return Err(Problem::NoWorkers.into()),
            Some(asked) if asked > MOST_WORKERS => {
                return Err(Problem::TooManyWorkers {
                    asked,
                    most: MOST_WORKERS,
                }
                .into());
            }
            Some(workers) => workers,
            None => std::thread::available_parallelism().map_or(1, usize::from),
        };
        if self.thread_name.contains('\0') {
            return Err(Problem::ThreadName(self.thread_name).into());
        }
        if self.stack_size < stack::MIN_STACK {
            let (asked, least) = (self.stack_size, stack::MIN_STACK);
            return Err(Problem::SmallStack { asked, least }.into());
        }
        if self
            .blocked_after
            .is_some_and(|after| after < MIN_BLOCKED_AFTER)
        {
            return Err(Problem::BlockedAtOnce {
                least: MIN_BLOCKED_AFTER,
            }
            .into());
        }
        if self.max_fibers < workers {
            return Err(Problem::FewFibers {
                asked: self.max_fibers,
                workers,
            }
            .into());
        }
        let stacks = StackArena::new(self.stack_size, self.max_fibers).map_err(Problem::Stacks)?;
        let config = Config {
            workers,
            max_fibers: self.max_fibers,
            stacks,
            thread_name: self.thread_name,
            migration: self.migration,
            hooks: Arc::new(UserHooks {
                max_fibers: self.max_fibers,
                on_panic: self.on_panic,
                on_stall: self.on_stall,
                on_blocked: self.on_blocked,
            }),
            blocked_after: self.blocked_after,
        };
        let started = sched::start(config);
        let (shared, threads) = started.map_err(|error| Problem::Threads {
            asked: workers,
            error,
        })?;
        Ok(JobSystem::from_parts(shared, threads))
    }
}

impl Default for Builder {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("workers", &self.workers)
            .field("stack_size", &self.stack_size)
            .field("max_fibers", &self.max_fibers)
            .field("thread_name", &self.thread_name)
            .finish_non_exhaustive()
    }
}

/// The user's hooks, or the defaults.
struct UserHooks {
    max_fibers: usize,
    on_panic: Option<Box<PanicHook>>,
    on_stall: Option<Box<StallHook>>,
    on_blocked: Option<Box<BlockedHook>>,
}

impl Hooks for UserHooks {
    #[cold]
    fn unclaimed(&self, panicked: Panicked) {
        let panic = JobPanic::new(panicked);
        match &self.on_panic {
            Some(hook) => call_hook("on_panic", || hook(&panic)),
            None => report(&panic),
        }
        unwind::discard(panic.into_payload());
    }

    #[cold]
    #[track_caller]
    fn counter_below_zero(&self) {
        let payload = Box::new(
            "a counted job ended, but its counter was at zero: somewhere there is a `Counter::done` without its own `add`",
        );
        let meta = sched::JobMeta::at(std::panic::Location::caller());
        self.unclaimed(Panicked::new(payload, &meta));
    }

    #[cold]
    fn stalled(&self, census: Census, stack_error: Option<&StackError>) {
        let stall = Stall::new(
            census,
            self.max_fibers,
            stack_error.map(ToString::to_string),
        );
        match &self.on_stall {
            Some(hook) => call_hook("on_stall", || hook(&stall)),
            None => report(&stall),
        }
    }

    #[cold]
    fn blocked(&self, blocked: BlockedWorker) {
        let blocked = Blocked::new(blocked);
        match &self.on_blocked {
            Some(hook) => call_hook("on_blocked", || hook(&blocked)),
            None => report(&blocked),
        }
    }
}

/// A hook runs where nobody could take its panic.
fn call_hook(name: &str, hook: impl FnOnce()) {
    if let Err(payload) = unwind::catch(hook) {
        unwind::abort(format_args!(
            "the `{name}` hook panicked ({})",
            unwind::message(&payload)
        ));
    }
}

#[cfg(feature = "tracing")]
fn report(what: &dyn fmt::Display) {
    tracing::error!(target: "rustfiber", "{what}");
}

#[cfg(not(feature = "tracing"))]
fn report(what: &dyn fmt::Display) {
    unwind::complain(format_args!("{what}"));
}
