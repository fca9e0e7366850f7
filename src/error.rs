//! What can go wrong at the front door, and reports about waiting jobs.

use std::error::Error;
use std::fmt;
use std::io;
use std::panic::Location;
use std::time::Duration;

use crate::sched::{BlockedWorker, Census, WaitingJob};

/// A [`JobSystem`](crate::JobSystem) could not be built. The message says what to change.
///
/// ```
/// let error = rustfiber::JobSystem::builder().workers(0).build().unwrap_err();
/// assert!(error.to_string().contains("at least 1"));
/// ```
#[derive(Debug)]
pub struct BuildError {
    problem: Problem,
}

#[derive(Debug)]
pub(crate) enum Problem {
    NoWorkers,
    TooManyWorkers { asked: usize, most: usize },
    SmallStack { asked: usize, least: usize },
    FewFibers { asked: usize, workers: usize },
    ThreadName(String),
    BlockedAtOnce { least: Duration },
    Stacks(io::Error),
    Threads { asked: usize, error: io::Error },
}

impl From<Problem> for BuildError {
    fn from(problem: Problem) -> Self {
        Self { problem }
    }
}

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.problem {
            Problem::NoWorkers => f.write_str(
                "a job system needs workers: set `workers` to at least 1, or leave it out for one per core",
            ),
            Problem::TooManyWorkers { asked, most } => {
                write!(f, "{asked} workers are too many: set `workers` to at most {most}")
            }
            Problem::SmallStack { asked, least } => write!(
                f,
                "a stack of {asked} bytes is too small to report a panic on: \
                 set `stack_size` to at least {least}"
            ),
            Problem::FewFibers { asked, workers } => write!(
                f,
                "{asked} fibers are too few for {workers} workers, each of which needs one: \
                 set `max_fibers` to at least {workers}"
            ),
            Problem::ThreadName(name) => write!(
                f,
                "a thread can't be named {name:?}: set a `thread_name` without NUL characters"
            ),
            Problem::BlockedAtOnce { least } => write!(
                f,
                "a worker that has no processor for a moment is not blocked: \
                 set `blocked_after` to at least {least:?}"
            ),
            Problem::Stacks(error) => write!(
                f,
                "no memory for stacks ({error}): set a smaller `stack_size` or `max_fibers`, \
                 or raise the limit on address space"
            ),
            Problem::Threads { asked, error } => write!(
                f,
                "{asked} worker threads can't be started ({error}): \
                 set fewer `workers`, or raise the limit on threads"
            ),
        }
    }
}

impl Error for BuildError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match &self.problem {
            Problem::Stacks(error) | Problem::Threads { error, .. } => Some(error),
            _ => None,
        }
    }
}

/// A job that waits, as reports show it.
///
/// ```
/// use std::time::Duration;
/// use rustfiber::{Counter, JobSystem};
///
/// let counter = Counter::new();
/// counter.add(1);
/// let jobs = JobSystem::builder().workers(1).build()?;
/// let waited = counter.clone();
/// drop(jobs.job().name("loader").spawn(move |cx| waited.wait(cx)));
/// let error = jobs.shutdown_timeout(Duration::from_millis(50)).unwrap_err();
/// let waiting = &error.waiting()[0];
/// assert_eq!(waiting.job_name.as_deref(), Some("loader"));
/// assert!(waiting.to_string().ends_with("a counter to reach zero"));
/// counter.done();
/// # Ok::<(), rustfiber::BuildError>(())
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Waiting {
    /// The job's name, if it has one.
    pub job_name: Option<String>,
    /// Where the job was spawned.
    pub spawned_at: Option<&'static Location<'static>>,
    /// What it waits for, such as `"a counter to reach zero"`.
    pub waits_for: &'static str,
    /// Where it waits.
    pub waits_at: &'static Location<'static>,
    /// The worker that it will go on on.
    pub worker: usize,
}

impl From<WaitingJob> for Waiting {
    fn from(job: WaitingJob) -> Self {
        Self {
            job_name: job.name,
            spawned_at: job.spawned_at,
            waits_for: job.waits_for,
            waits_at: job.waits_at,
            worker: job.worker,
        }
    }
}

impl fmt::Display for Waiting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.job_name {
            Some(name) => write!(f, "job {name:?}")?,
            None => f.write_str("a job")?,
        }
        if let Some(spawned_at) = self.spawned_at {
            write!(f, ", spawned at {spawned_at},")?;
        }
        write!(f, " waits at {} for {}", self.waits_at, self.waits_for)
    }
}

/// Who waits for what. Displayed, it is one line a job; many of the same kind are counted.
#[derive(Debug)]
struct Report(Census);

impl Report {
    fn waiting(&self) -> Vec<Waiting> {
        self.0.waiting.iter().cloned().map(Waiting::from).collect()
    }
}

/// Lines of a report before it only counts.
const MOST_LINES: usize = 32;

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut lines: Vec<(String, usize)> = Vec::new();
        for job in self.waiting() {
            let line = job.to_string();
            match lines.iter_mut().find(|(known, _)| *known == line) {
                Some((_, times)) => *times += 1,
                None => lines.push((line, 1)),
            }
        }
        for (line, times) in lines.iter().take(MOST_LINES) {
            write!(f, "\n  {line}")?;
            if *times > 1 {
                write!(f, " ({times} jobs)")?;
            }
        }
        if lines.len() > MOST_LINES {
            write!(
                f,
                "\n  and {} more kinds of waiting jobs",
                lines.len() - MOST_LINES
            )?;
        }
        if self.0.unlisted > 0 {
            write!(f, "\n  {} jobs that move between workers", self.0.unlisted)?;
        }
        for worker in &self.0.busy_workers {
            write!(f, "\n  worker {worker} is in the middle of a job")?;
        }
        Ok(())
    }
}

/// Some jobs had not ended in time: from
/// [`JobSystem::shutdown_timeout`](crate::JobSystem::shutdown_timeout).
///
/// Its message has one line for each job that waits.
///
/// ```
/// use std::time::Duration;
/// use rustfiber::{Event, JobSystem};
///
/// let event = std::sync::Arc::new(Event::manual());
/// let jobs = JobSystem::builder().workers(1).build()?;
/// let waited = event.clone();
/// drop(jobs.spawn(move |cx| waited.wait(cx)));
/// let error = jobs.shutdown_timeout(Duration::from_millis(50)).unwrap_err();
/// assert_eq!(error.waiting()[0].waits_for, "an event");
/// event.set();
/// # Ok::<(), rustfiber::BuildError>(())
/// ```
#[derive(Debug)]
pub struct ShutdownError {
    report: Report,
}

impl ShutdownError {
    pub(crate) fn new(census: Census) -> Self {
        Self {
            report: Report(census),
        }
    }

    /// The jobs that wait.
    #[must_use]
    pub fn waiting(&self) -> Vec<Waiting> {
        self.report.waiting()
    }
}

impl fmt::Display for ShutdownError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the job system did not shut down in time:{}",
            self.report
        )
    }
}

impl Error for ShutdownError {}

/// No worker can start a job, because all fibers wait and there may be no more of them: the
/// builder's [`on_stall`](crate::Builder::on_stall) hook is shown it.
///
/// ```
/// use std::sync::{Arc, Mutex};
/// use rustfiber::{Counter, JobSystem};
///
/// let report = Arc::new(Mutex::new(String::new()));
/// let written = Arc::clone(&report);
/// let gate = Counter::new();
/// gate.add(1);
/// let opened = gate.clone();
/// let jobs = JobSystem::builder()
///     .workers(1)
///     .max_fibers(2)
///     .on_stall(move |stall| {
///         *written.lock().unwrap() = stall.to_string();
///         opened.done();
///     })
///     .build()?;
/// for _ in 0..3 {
///     let gate = gate.clone();
///     jobs.job().name("third wheel").spawn(move |cx| gate.wait(cx));
/// }
/// drop(jobs);
/// assert!(report.lock().unwrap().contains("third wheel"));
/// # Ok::<(), rustfiber::BuildError>(())
/// ```
#[derive(Debug)]
pub struct Stall {
    report: Report,
    max_fibers: usize,
    stack_error: Option<String>,
}

impl Stall {
    pub(crate) fn new(census: Census, max_fibers: usize, stack_error: Option<String>) -> Self {
        Self {
            report: Report(census),
            max_fibers,
            stack_error,
        }
    }

    /// The jobs that wait.
    #[must_use]
    pub fn waiting(&self) -> Vec<Waiting> {
        self.report.waiting()
    }
}

impl fmt::Display for Stall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.stack_error {
            Some(error) => write!(f, "there is no stack for another fiber ({error})")?,
            None => write!(f, "all {} fibers wait (`max_fibers`)", self.max_fibers)?,
        }
        write!(
            f,
            ", so the jobs that have not started can't:{}",
            self.report
        )
    }
}

/// A worker that something foreign blocks in the middle of a job: the builder's
/// [`on_blocked`](crate::Builder::on_blocked) hook is shown it.
///
/// See [`blocked_after`](crate::Builder::blocked_after) for an example.
#[derive(Debug)]
pub struct Blocked(BlockedWorker);

impl Blocked {
    pub(crate) fn new(blocked: BlockedWorker) -> Self {
        Self(blocked)
    }

    /// Which worker it is, counted from 0.
    #[must_use]
    pub fn worker(&self) -> usize {
        self.0.worker
    }

    /// The name of the job in whose middle it is blocked, if it has one.
    #[must_use]
    pub fn job_name(&self) -> Option<&str> {
        self.0.job.name()
    }

    /// Where that job was spawned.
    #[must_use]
    pub fn spawned_at(&self) -> &'static Location<'static> {
        self.0.job.spawned_at
    }
}

impl fmt::Display for Blocked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "worker {} has been blocked for {:?} or longer, in a {}: it waits for something that is \
             not rustfiber's (a std lock or channel, a read), and nothing else that belongs to this \
             worker can go on meanwhile. Use rustfiber's own locks and channels, or \
             `cx.blocking(..)`",
            self.0.worker, self.0.after, self.0.job
        )
    }
}
