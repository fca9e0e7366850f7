//! What the workers of one job system share, and what each shows to the others.

use std::sync::Arc;
use std::time::Duration;

use crossbeam_utils::CachePadded;

use super::budget::FiberBudget;
use super::current;
use super::deque::Stealer;
use super::fiber::{Jobs, ReadyFiber};
use super::gate::Gate;
use super::hooks::Hooks;
use super::idle::{Idle, part_pushes};
use super::inbox::Inbox;
use super::injector::Injector;
use super::migrate::{Commons, Migration};
use super::shelf::Shelf;
use super::stats::StatCells;
use super::task::JobRef;
use super::timers::Timers;
use super::watch::Watch;
use super::worker::Worker;
use crate::primitive::atomic::{AtomicBool, AtomicUsize, Ordering, fence};
use crate::stack::StackArena;

/// How a job system is set up.
pub(crate) struct Config {
    pub(crate) workers: usize,
    pub(crate) max_fibers: usize,
    pub(crate) stacks: Arc<StackArena>,
    pub(crate) thread_name: String,
    pub(crate) migration: Migration,
    pub(crate) hooks: Arc<dyn Hooks>,
    /// After what time a worker counts as blocked, if anybody shall look.
    pub(crate) blocked_after: Option<Duration>,
}

/// The shared part of a job system. It lives as long as anybody may reach it.
pub(crate) struct Shared {
    pub(super) config: Config,
    pub(super) remotes: Box<[CachePadded<Remote>]>,
    pub(super) injector: Injector,
    pub(super) idle: Idle,
    pub(super) gate: Gate,
    pub(super) fibers: FiberBudget,
    /// Jobs that start when a counter reaches zero, and are in no queue until then.
    pub(super) postponed: AtomicUsize,
    /// The workers end: nothing runs, waits or is postponed, and nothing can come any more.
    pub(super) terminated: AtomicBool,
    pub(super) desk: super::census::Desk,
    /// Who looks for blocked workers.
    pub(super) watch: Option<Watch>,
    #[cfg_attr(
        not(feature = "migration"),
        expect(dead_code, reason = "pinned workers share nothing more")
    )]
    pub(super) commons: Commons,
}

/// What a worker shows to other threads.
pub(crate) struct Remote {
    pub(super) stealer: Stealer<JobRef>,
    pub(super) inbox: Inbox<Jobs>,
    pub(super) stats: StatCells,
    /// Fibers of this worker that wait; written by the worker.
    pub(super) waiting: AtomicUsize,
    /// Fibers of this worker without a job.
    pub(super) shelf: Shelf,
    /// Waits of this worker's fibers that end by themselves.
    pub(super) timers: Timers,
}

/// The system takes no more jobs from outside.
#[derive(Debug)]
pub(crate) struct Closed;

impl Shared {
    pub(super) fn new(config: Config, stealers: Vec<Stealer<JobRef>>) -> Self {
        let workers = config.workers;
        let spare_fibers = config.max_fibers - workers;
        let remote = |stealer| {
            CachePadded::new(Remote {
                stealer,
                inbox: Inbox::new(),
                stats: StatCells::default(),
                waiting: AtomicUsize::new(0),
                shelf: Shelf::new(workers == 1),
                timers: Timers::new(),
            })
        };
        let watch = config
            .blocked_after
            .and_then(|after| Watch::new(after, workers));
        Self {
            config,
            watch,
            remotes: stealers.into_iter().map(remote).collect(),
            injector: Injector::new(),
            idle: Idle::new(workers),
            gate: Gate::new(),
            fibers: FiberBudget::new(spare_fibers),
            postponed: AtomicUsize::new(0),
            terminated: AtomicBool::new(false),
            desk: super::census::Desk::new(workers),
            commons: Commons::new(),
        }
    }

    pub(crate) fn config(&self) -> &Config {
        &self.config
    }

    /// Starts a job: on this thread's own queue if it is one of the system's workers, else through
    /// the injector. Gives the job back when the system is closed. Says whether a worker had to be
    /// woken for it.
    pub(crate) fn submit(&self, job: JobRef) -> Result<bool, (JobRef, Closed)> {
        match self.this_worker() {
            // A running job keeps the system from ending, so the gate need not be asked.
            Some(worker) => {
                worker.spawn(job);
                Ok(false)
            }
            None => {
                if !self.gate.enter() {
                    return Err((job, Closed));
                }
                let woke = self.inject(job);
                self.gate.leave();
                Ok(woke)
            }
        }
    }

    /// Puts a job in the common queue. Says whether a worker had to be woken for it.
    pub(crate) fn inject(&self, job: JobRef) -> bool {
        self.injector.push(job);
        // Relaxed: a guess.
        let load = |worker: usize| self.remotes[worker].waiting.load(Ordering::Relaxed);
        let woke = self.idle.notify_one(load);
        if self.idle.nobody_could_start() {
            self.look_for_a_stall();
        }
        woke
    }

    /// A job has come in, and nobody could start it: one worker wakes and says so, unless it is
    /// known.
    #[cold]
    fn look_for_a_stall(&self) {
        if !self.stall_is_known() {
            self.idle.wake(0);
        }
    }

    /// A job is to start later, see `release`. It keeps the system from ending until then.
    pub(crate) fn postpone(&self) {
        self.postponed.fetch_add(1, Ordering::Relaxed);
    }

    /// A postponed job starts now, or (`None`) has been abandoned.
    pub(crate) fn release(&self, job: Option<JobRef>) {
        if let Some(job) = job {
            let _woke = self.inject(job);
        }
        // Release: whoever sees the lower count sees the job in the injector.
        self.postponed.fetch_sub(1, Ordering::Release);
        // SeqCst: pairs with the fence in `fall_asleep`, before which a closing thread has closed
        // the gate: either the gate is seen closed here, or the lower count there.
        fence(Ordering::SeqCst);
        if self.gate.is_closed() {
            // The end may have waited for this.
            self.idle.wake_all();
        }
    }

    /// This thread's worker, if it is one of this system's.
    #[inline]
    pub(crate) fn this_worker(&self) -> Option<&Worker> {
        let worker = current::worker()?;
        // SAFETY: the thread's worker outlives every frame on the thread and its fibers, and this
        // borrow can't leave the thread: `Worker` is not `Sync`.
        let worker = unsafe { worker.as_ref() };
        std::ptr::eq(Arc::as_ptr(worker.shared()), self).then_some(worker)
    }

    /// Whether some queue holds an unstarted job.
    pub(super) fn has_unstarted_job(&self) -> bool {
        !self.injector.is_empty() || self.remotes.iter().any(|remote| !remote.stealer.is_empty())
    }

    /// L1 to L3 of `idle`, for all workers.
    pub(super) fn part_pushes(&self) {
        part_pushes(self.remotes.iter().map(|remote| &remote.stealer));
    }

    /// Lets the next push of every worker look up.
    pub(super) fn call_owners(&self) {
        for remote in &self.remotes {
            remote.stealer.call_owner();
        }
    }

    /// Whether some worker has pushed a job since the last `call_owners`. A guess: it may have called
    /// for itself.
    pub(super) fn has_pushed_owner(&self) -> bool {
        self.remotes
            .iter()
            .any(|remote| remote.stealer.has_pushed())
    }

    pub(super) fn terminated(&self) -> bool {
        // Acquire: pairs with the release in `terminate`.
        self.terminated.load(Ordering::Acquire)
    }

    pub(super) fn terminate(&self) {
        self.terminated.store(true, Ordering::Release);
        self.idle.wake_all();
        if let Some(watch) = &self.watch {
            watch.end();
        }
    }

    /// Leaves a ready fiber to worker `index`.
    pub(super) fn deliver(&self, index: usize, fiber: ReadyFiber) {
        self.remotes[index].inbox.push(fiber);
        self.idle.wake(index);
    }

    /// Takes no more jobs from outside, and ends when there is nothing left to do.
    pub(crate) fn close(&self) {
        self.gate.close();
        self.idle.wake_all();
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.gate.is_closed()
    }

    pub(crate) fn stats(&self) -> super::Stats {
        super::Stats::collect(
            self.remotes.iter().map(|remote| &remote.stats),
            self.fibers.most(),
        )
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        // See "The limit" in `runner`.
        let beyond_the_first = |remote: &Remote| remote.shelf.homed().saturating_sub(1);
        let paid: usize = self.remotes.iter().map(|r| beyond_the_first(r)).sum();
        debug_assert!(
            paid + self.fibers.spare() + self.config.workers == self.config.max_fibers
                || std::thread::panicking(),
            "what is spare and what is paid for make up the limit"
        );
    }
}
