//! Counters of what the workers do.

use std::time::{Duration, Instant};

use crate::primitive::atomic::{AtomicU64, Ordering};

/// A number that one thread writes and others may read.
#[derive(Debug)]
pub(super) struct Tally(AtomicU64);

impl Default for Tally {
    fn default() -> Self {
        Self(AtomicU64::new(0))
    }
}

impl Tally {
    /// Adds one. For the one thread that writes: a load and a store, no read-modify-write.
    #[inline]
    pub(super) fn bump(&self) {
        self.add(1);
    }

    #[inline]
    pub(super) fn add(&self, more: u64) {
        self.set(self.get().wrapping_add(more));
    }

    #[inline]
    fn set(&self, value: u64) {
        self.0.store(value, Ordering::Relaxed);
    }

    #[inline]
    pub(super) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// One worker's counters; the worker writes them.
#[derive(Debug)]
pub(super) struct StatCells {
    pub(super) jobs: Tally,
    pub(super) waits: Tally,
    pub(super) yields: Tally,
    pub(super) switches: Tally,
    pub(super) steals: Tally,
    pub(super) parks: Tally,
    epoch: Instant,
    /// Nanoseconds without work, up to the end of the last such time.
    idle: Tally,
    /// When the present time without work began, in nanoseconds after `epoch`; 0 while there is
    /// work.
    idle_since: Tally,
}

impl Default for StatCells {
    fn default() -> Self {
        Self {
            jobs: Tally::default(),
            waits: Tally::default(),
            yields: Tally::default(),
            switches: Tally::default(),
            steals: Tally::default(),
            parks: Tally::default(),
            epoch: Instant::now(),
            idle: Tally::default(),
            idle_since: Tally::default(),
        }
    }
}

impl StatCells {
    fn now(&self) -> u64 {
        (self.epoch.elapsed().as_nanos() as u64).max(1)
    }

    /// The worker has nothing to do.
    pub(super) fn idle_begins(&self) {
        self.idle_since.set(self.now());
    }

    /// It has something again.
    pub(super) fn idle_ends(&self) {
        self.idle
            .add(self.now().saturating_sub(self.idle_since.get()));
        self.idle_since.set(0);
    }

    fn read(&self) -> WorkerStats {
        let idle_now = match self.idle_since.get() {
            0 => 0,
            since => self.now().saturating_sub(since),
        };
        let busy = self
            .now()
            .saturating_sub(self.idle.get())
            .saturating_sub(idle_now);
        WorkerStats {
            jobs: self.jobs.get(),
            waits: self.waits.get(),
            yields: self.yields.get(),
            switches: self.switches.get(),
            steals: self.steals.get(),
            parks: self.parks.get(),
            busy: Duration::from_nanos(busy),
        }
    }
}

/// What a job system's workers have done since it was built:
/// [`JobSystem::stats`](crate::JobSystem::stats).
///
/// Each number is exact for its worker; numbers of different workers, and the numbers of a busy
/// worker, are not read at one instant.
///
/// ```
/// let jobs = rustfiber::JobSystem::builder().workers(2).build()?;
/// jobs.run(|_| ());
/// let stats = jobs.stats();
/// assert_eq!(stats.workers.len(), 2);
/// assert_eq!(stats.jobs(), 1);
/// assert_eq!(stats.waits(), 0);
/// # Ok::<(), rustfiber::BuildError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// One entry a worker.
    pub workers: Vec<WorkerStats>,
    /// The most fibers, that is, stacks that there have been at once. A fiber is reused when its
    /// job has ended, and its stack when another worker needs one, so there are no more of them
    /// than jobs that had started and not ended at one time, and one for each worker.
    pub fibers: usize,
}

/// What one worker has done.
///
/// ```
/// let worker = rustfiber::WorkerStats::default();
/// assert_eq!(worker.switches, 0);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct WorkerStats {
    /// Jobs that it has run: spawned ones, and right halves of joins.
    pub jobs: u64,
    /// Waits that gave the worker free for other work (a wait that finds its end already there is
    /// none).
    pub waits: u64,
    /// Yields that let something else go first.
    pub yields: u64,
    /// Switches from the worker to a fiber.
    pub switches: u64,
    /// Unstarted jobs that it took from other workers.
    pub steals: u64,
    /// Times that its thread went to sleep.
    pub parks: u64,
    /// Time with work.
    pub busy: Duration,
}

impl Stats {
    pub(super) fn collect<'a>(cells: impl Iterator<Item = &'a StatCells>, fibers: usize) -> Self {
        Self {
            workers: cells.map(StatCells::read).collect(),
            fibers,
        }
    }

    /// Jobs run by all workers.
    #[must_use]
    pub fn jobs(&self) -> u64 {
        self.workers.iter().map(|worker| worker.jobs).sum()
    }

    /// Waits of all workers.
    #[must_use]
    pub fn waits(&self) -> u64 {
        self.workers.iter().map(|worker| worker.waits).sum()
    }

    /// Yields of all workers.
    #[must_use]
    pub fn yields(&self) -> u64 {
        self.workers.iter().map(|worker| worker.yields).sum()
    }

    /// Switches of all workers.
    #[must_use]
    pub fn switches(&self) -> u64 {
        self.workers.iter().map(|worker| worker.switches).sum()
    }

    /// Steals of all workers.
    #[must_use]
    pub fn steals(&self) -> u64 {
        self.workers.iter().map(|worker| worker.steals).sum()
    }

    /// Parks of all workers.
    #[must_use]
    pub fn parks(&self) -> u64 {
        self.workers.iter().map(|worker| worker.parks).sum()
    }

    /// Time with work, added up over the workers.
    #[must_use]
    pub fn busy(&self) -> Duration {
        self.workers.iter().map(|worker| worker.busy).sum()
    }
}
