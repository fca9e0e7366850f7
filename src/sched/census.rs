//! Who waits for what. Each worker lists its own waiting fibers, because only it may look at them.
//!
//! Whoever wants to know opens the desk and wakes everybody. A worker answers when it next finds
//! nothing to do. The last answer of a stall goes to the hook; a shutdown that ran out of time
//! takes what has come in.

use std::borrow::Cow;
use std::panic::Location;
use std::ptr::NonNull;
use std::sync::PoisonError;
use std::time::{Duration, Instant};

use super::shared::Shared;
use super::task::JobHeader;
use super::worker::Worker;
use crate::primitive::atomic::{AtomicU64, Ordering};
use crate::primitive::{Condvar, Mutex, MutexGuard};

/// The waiting jobs of a system.
#[derive(Clone, Debug, Default)]
pub(crate) struct Census {
    pub(crate) waiting: Vec<WaitingJob>,
    /// Workers that have not answered: each is in the middle of a job.
    pub(crate) busy_workers: Vec<usize>,
    /// Fibers that wait but can't be listed, because they move between workers.
    pub(crate) unlisted: usize,
}

/// A job that waits.
#[derive(Clone, Debug)]
pub(crate) struct WaitingJob {
    pub(crate) name: Option<String>,
    pub(crate) spawned_at: Option<&'static Location<'static>>,
    pub(crate) waits_for: &'static str,
    pub(crate) waits_at: &'static Location<'static>,
    pub(crate) worker: usize,
}

/// Where the workers leave their answers.
pub(super) struct Desk {
    /// Counts the censuses; a worker that has not seen this number owes an answer.
    number: AtomicU64,
    answers: Mutex<Answers>,
    complete: Condvar,
}

struct Answers {
    by_worker: Vec<Option<Census>>,
    for_stall: bool,
    /// The switches there had been when a stall was last reported: without one more, nothing has
    /// changed.
    stalled_at: Option<u64>,
}

impl Desk {
    pub(super) fn new(workers: usize) -> Self {
        Self {
            number: AtomicU64::new(0),
            answers: Mutex::new(Answers {
                by_worker: vec![Some(Census::default()); workers],
                for_stall: false,
                stalled_at: None,
            }),
            complete: Condvar::new(),
        }
    }

    fn answers(&self) -> MutexGuard<'_, Answers> {
        self.answers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn open(&self, answers: &mut Answers, for_stall: bool) {
        answers
            .by_worker
            .iter_mut()
            .for_each(|answer| *answer = None);
        answers.for_stall |= for_stall;
        // Release: pairs with the acquire in `census_is_due`.
        self.number.fetch_add(1, Ordering::Release);
    }

    /// Takes an answer; returns the whole if it was the last one that a stall's report waits for.
    fn answer(&self, worker: usize, census: Census) -> Option<Census> {
        let mut answers = self.answers();
        answers.by_worker[worker] = Some(census);
        if answers.by_worker.iter().any(Option::is_none) {
            return None;
        }
        self.complete.notify_all();
        std::mem::take(&mut answers.for_stall).then(|| answers.gather())
    }
}

impl Answers {
    fn gather(&self) -> Census {
        let mut whole = Census::default();
        for (worker, answer) in self.by_worker.iter().enumerate() {
            match answer {
                None => whole.busy_workers.push(worker),
                Some(part) => {
                    whole.waiting.extend(part.waiting.iter().cloned());
                    whole.unlisted += part.unlisted;
                }
            }
        }
        whole
    }
}

impl Worker {
    pub(super) fn census_is_due(&self) -> bool {
        self.shared.desk.number.load(Ordering::Acquire) != self.census_seen.get()
    }

    /// Answers the census if one is due.
    #[inline]
    pub(super) fn answer_census(&self) {
        if self.census_is_due() {
            self.answer_census_now();
        }
    }

    #[cold]
    fn answer_census_now(&self) {
        self.census_seen
            .set(self.shared.desk.number.load(Ordering::Acquire));
        if let Some(census) = self.shared.desk.answer(self.index, self.list_waiting()) {
            let error = self.take_stack_error();
            self.shared.config.hooks.stalled(census, error.as_ref());
        }
    }

    fn list_waiting(&self) -> Census {
        if !self.shared.config.migration.is_pinned() {
            let unlisted = self.remote().waiting.load(Ordering::Relaxed);
            return Census {
                unlisted,
                ..Census::default()
            };
        }
        let created = self.created.borrow();
        let waiting = created.iter().filter_map(|fiber| {
            // SAFETY: fibers created here live until the worker ends; pinned ones are touched only
            // by this thread.
            let local = unsafe { &fiber.as_ref().local };
            // SAFETY: the site lies in a frame of the fiber, which stands still.
            let site = unsafe { local.site.get()?.as_ref() };
            // SAFETY: the header of a waiting job lives as long as its closure runs.
            let meta =
                NonNull::new(local.job.get().cast_mut()).map(|job| unsafe { JobHeader::meta(job) });
            Some(WaitingJob {
                spawned_at: meta.as_ref().map(|meta| meta.spawned_at),
                name: meta.and_then(|meta| meta.details.name.map(Cow::into_owned)),
                waits_for: site.what,
                waits_at: site.at,
                worker: self.index,
            })
        });
        Census {
            waiting: waiting.collect(),
            ..Census::default()
        }
    }
}

impl Shared {
    /// Called by a worker that is about to sleep and has nothing that it could do. If everybody sleeps, this
    /// is the end, a stall, or just silence; says whether the worker must stay awake.
    ///
    /// While `wakes` does not change, nobody who sleeps wakes, so what is read in between belongs
    /// together.
    pub(super) fn last_one_asleep(&self) -> bool {
        let wakes = self.idle.wakes();
        if !self.idle.everyone_sleeps() {
            return false;
        }
        // In this order: whoever comes in from outside, and whoever releases a postponed job, puts
        // it in a queue first.
        let shut = self.gate.is_shut();
        let postponed = self.postponed.load(Ordering::Acquire);
        let unstarted = self.has_unstarted_job();
        let waits = |remote: &super::shared::Remote| remote.waiting.load(Ordering::Acquire);
        // A sum that wraps is right in the end: with migration a fiber may stop on one worker and
        // go on on another.
        let waiting = self
            .remotes
            .iter()
            .fold(0, |sum, remote| waits(remote).wrapping_add(sum));
        // A starter that sleeps is about to be woken by whoever has brought a job, and the home of
        // a fiber on its way by whoever has sent it.
        let stalled = unstarted
            && self.idle.nobody_could_start()
            && self.inboxes_are_empty()
            && self.timers_are_empty();
        if wakes != self.idle.wakes() {
            return false;
        }
        if unstarted {
            return stalled && self.report_stall();
        }
        let nothing_left = shut && waiting == 0 && postponed == 0;
        if nothing_left {
            self.terminate();
        }
        nothing_left
    }

    fn inboxes_are_empty(&self) -> bool {
        self.remotes.iter().all(|remote| remote.inbox.is_empty())
    }

    /// A timer will make a fiber ready, which may end, and leave its stack to a job.
    fn timers_are_empty(&self) -> bool {
        self.remotes.iter().all(|remote| remote.timers.is_empty())
    }

    /// Whether nothing has happened since the last report of a stall.
    pub(super) fn stall_is_known(&self) -> bool {
        self.desk.answers().stalled_at == Some(self.stats().switches())
    }

    /// There are unstarted jobs, and nobody could start one. Says whether this is news.
    #[cold]
    fn report_stall(&self) -> bool {
        let switches = self.stats().switches();
        let mut answers = self.desk.answers();
        if answers.stalled_at == Some(switches) {
            return false;
        }
        answers.stalled_at = Some(switches);
        self.desk.open(&mut answers, true);
        drop(answers);
        self.idle.wake_all();
        true
    }

    /// Asks every worker who waits, and takes what has come in after `patience`.
    pub(crate) fn census(&self, patience: Duration) -> Census {
        let deadline = Instant::now() + patience;
        let mut answers = self.desk.answers();
        self.desk.open(&mut answers, false);
        drop(answers);
        self.idle.wake_all();
        let mut answers = self.desk.answers();
        while answers.by_worker.iter().any(Option::is_none) {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            let waited = self.desk.complete.wait_timeout(answers, left);
            answers = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        answers.gather()
    }
}
