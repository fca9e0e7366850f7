//! Models of falling asleep against everything that wakes.

use super::*;
use crate::primitive::Arc;
use crate::wait::testing::explore;

/// Workers with a queue of jobs and one inbox. Both are counts without any order of their own:
/// what a sleeper or a waker must see, it sees by the protocol.
pub(super) struct System {
    pub(super) idle: Idle,
    pub(super) jobs: AtomicUsize,
    /// Left out of models without fibers.
    pub(super) inbox: Option<AtomicUsize>,
    /// How many sleeps have ended.
    pub(super) slept: AtomicUsize,
    /// How many look as the searcher.
    searchers: AtomicUsize,
}

pub(super) fn take(from: &AtomicUsize) -> bool {
    from.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| n.checked_sub(1))
        .is_ok()
}

pub(super) fn holds(queue: &AtomicUsize) -> bool {
    queue.load(Ordering::Relaxed) > 0
}

impl System {
    pub(super) fn new(workers: usize, has_fibers: bool) -> Arc<Self> {
        Arc::new(Self {
            idle: Idle::new(workers),
            jobs: AtomicUsize::new(0),
            inbox: has_fibers.then(|| AtomicUsize::new(0)),
            slept: AtomicUsize::new(0),
            searchers: AtomicUsize::new(0),
        })
    }

    /// P1 to P4.
    pub(super) fn push(&self) {
        self.jobs.fetch_add(1, Ordering::Relaxed);
        self.idle.notify_one(|_| 0);
    }

    pub(super) fn deliver(&self, worker: usize) {
        let inbox = self.inbox.as_ref().expect("a model with fibers");
        inbox.fetch_add(1, Ordering::Relaxed);
        self.idle.wake(worker);
    }

    pub(super) fn take_fiber(&self) -> bool {
        self.inbox.as_ref().is_some_and(take)
    }

    /// S2 to S5, with `busy` for S4.
    pub(super) fn sleep(&self, worker: usize, can_start: bool, busy: bool) -> Token {
        let asleep = self.idle.fall_asleep(worker, can_start, || ());
        let token = if busy || self.has_job_for(can_start) || self.inbox.as_ref().is_some_and(holds)
        {
            asleep.cancel()
        } else {
            asleep.park()
        };
        self.slept.fetch_add(1, Ordering::Relaxed);
        token
    }

    fn has_job_for(&self, can_start: bool) -> bool {
        can_start && holds(&self.jobs) && !self.idle.is_searched()
    }

    /// What a worker does until it has something: the loop of `search`. True for a job.
    pub(super) fn next(&self, worker: usize) -> bool {
        loop {
            if self.take_fiber() {
                return false;
            }
            if take(&self.jobs) {
                return true;
            }
            let searching = self.idle.try_search();
            if let Some(found) = self.search_or_sleep(worker, searching) {
                return found;
            }
        }
    }

    /// `None`: look again.
    pub(super) fn search_or_sleep(&self, worker: usize, mut searching: bool) -> Option<bool> {
        loop {
            if let Some(found) = searching.then(|| self.search()).flatten() {
                return Some(found);
            }
            searching = match self.sleep(worker, true, false) {
                Token::Search => true,
                // S6.
                Token::Look => holds(&self.jobs) && self.idle.try_search(),
            };
            if !searching {
                return None;
            }
        }
    }

    /// Looks once, as the searcher.
    pub(super) fn search(&self) -> Option<bool> {
        let found = self.look();
        self.idle.end_search();
        self.pass_on(found)
    }

    /// True for a job, false for a fiber.
    pub(super) fn look(&self) -> Option<bool> {
        assert_eq!(self.searchers.fetch_add(1, Ordering::Relaxed), 0);
        let fiber = self.take_fiber();
        let job = !fiber && take(&self.jobs);
        self.searchers.store(0, Ordering::Relaxed);
        (fiber || job).then_some(job)
    }

    pub(super) fn pass_on(&self, found: Option<bool>) -> Option<bool> {
        if found.is_some() && holds(&self.jobs) {
            self.idle.notify_one(|_| 0);
        }
        found
    }

    /// When all is done: nobody searches, no bit is set, no token is left, and each sleep has
    /// ended once.
    pub(super) fn is_at_rest(&self) {
        assert_eq!(self.idle.searching.load(Ordering::Relaxed), NOBODY);
        assert!(!self.idle.drowsers.any(Ordering::Relaxed));
        assert!(!self.idle.starters.any(Ordering::Relaxed));
        assert!(!self.idle.resumers.any(Ordering::Relaxed));
        for bed in &self.idle.beds {
            assert_eq!(bed.token.load(Ordering::Relaxed), NONE);
        }
        assert_eq!(self.idle.wakes(), self.slept.load(Ordering::Relaxed));
    }
}

/// Starts a worker that goes on until it has had so many jobs and fibers. Then it is
/// busy for ever. `loom` reports a deadlock if it sleeps for ever instead.
pub(super) fn worker(
    system: &Arc<System>,
    worker: usize,
    jobs: usize,
    fibers: usize,
) -> thread::JoinHandle<()> {
    let system = Arc::clone(system);
    thread::spawn(move || {
        system.idle.move_in(worker);
        let (mut jobs, mut fibers) = (jobs, fibers);
        while jobs + fibers > 0 {
            let left = if system.next(worker) {
                &mut jobs
            } else {
                &mut fibers
            };
            *left = left.checked_sub(1).expect("more than was pushed");
        }
    })
}

pub(super) fn spawn(system: &Arc<System>, part: fn(&System)) -> thread::JoinHandle<()> {
    let system = Arc::clone(system);
    thread::spawn(move || part(&system))
}

pub(super) fn join<const N: usize>(threads: [thread::JoinHandle<()>; N]) {
    threads.into_iter().for_each(|t| t.join().unwrap());
}

#[test]
fn loom_push_against_falling_asleep() {
    explore(None, || {
        let system = System::new(1, false);
        let worker = worker(&system, 0, 1, 0);
        system.push();
        join([worker]);
        system.is_at_rest();
    });
}

/// The second push may rely on the search that the first has begun.
#[test]
fn loom_two_pushes_against_one_worker() {
    explore(3, || {
        let system = System::new(1, false);
        let worker = worker(&system, 0, 2, 0);
        system.push();
        system.push();
        join([worker]);
        system.is_at_rest();
    });
}

/// A pusher may rely on the other's `searching`, which that one then takes back.
#[test]
fn loom_two_pushers_against_one_worker() {
    explore(2, || {
        let system = System::new(1, false);
        let worker = worker(&system, 0, 2, 0);
        let pusher = spawn(&system, System::push);
        system.push();
        join([worker, pusher]);
        system.is_at_rest();
    });
}

/// Starts a worker that sleeps already, until it is told to search; it takes one job.
pub(super) fn sleeper(system: &Arc<System>, worker: usize) -> thread::JoinHandle<()> {
    let sleeper = {
        let system = Arc::clone(system);
        thread::spawn(move || {
            let asleep = Asleep {
                idle: &system.idle,
                mask: &system.idle.starters,
                worker,
            };
            assert_eq!(asleep.park(), Token::Search);
            system.slept.fetch_add(1, Ordering::Relaxed);
            assert!(system.search().unwrap_or_else(|| system.next(worker)));
        })
    };
    let thread = sleeper.thread().clone();
    system.idle.beds[worker].thread.with(|t| *t = Some(thread));
    let _ = system.idle.fall_asleep(worker, true, || ());
    sleeper
}

/// Each worker takes one job and is lost for the other one: who had the search must pass it on,
/// whether it finds a job as the searcher or when it was about to sleep.
#[test]
fn loom_searcher_that_found_wakes_the_next() {
    explore(2, || {
        let system = System::new(2, false);
        let asleep = sleeper(&system, 0);
        let awake = worker(&system, 1, 1, 0);
        system.push();
        system.push();
        join([asleep, awake]);
        system.is_at_rest();
    });
}

/// The sleeper gets the second job, whichever pusher relied on whom.
#[test]
fn loom_two_pushers_against_two_workers() {
    explore(2, || {
        let system = System::new(2, false);
        let asleep = sleeper(&system, 0);
        let awake = worker(&system, 1, 1, 0);
        let pusher = spawn(&system, System::push);
        system.push();
        join([asleep, awake, pusher]);
        system.is_at_rest();
    });
}

#[test]
fn loom_fiber_against_falling_asleep() {
    explore(None, || {
        let system = System::new(1, true);
        let worker = worker(&system, 0, 0, 1);
        system.deliver(0);
        join([worker]);
        system.is_at_rest();
    });
}

/// Whichever of the two wakes the worker, it must come to see the other's too.
#[test]
fn loom_job_and_fiber_against_one_worker() {
    explore(2, || {
        let system = System::new(1, true);
        let worker = worker(&system, 0, 1, 1);
        let waker = spawn(&system, |system| system.deliver(0));
        system.push();
        join([worker, waker]);
        system.is_at_rest();
    });
}

/// A worker that can't start a job is not woken for one, and only for a fiber.
#[test]
fn loom_resumer_is_woken_by_fibers_only() {
    explore(3, || {
        let system = System::new(1, true);
        let resumer = spawn(&system, |system| {
            system.idle.move_in(0);
            while !system.take_fiber() {
                assert_eq!(system.sleep(0, false, false), Token::Look);
            }
        });
        let pusher = spawn(&system, System::push);
        system.deliver(0);
        join([resumer, pusher]);
        assert!(take(&system.jobs));
        system.is_at_rest();
    });
}

/// A sleep that is called off, against who would end it: the token comes once or not at all.
#[test]
fn loom_cancel_against_notify_and_wake() {
    explore(3, || {
        let system = System::new(1, false);
        let worker = spawn(&system, |system| {
            system.idle.move_in(0);
            for _ in 0..2 {
                if system.sleep(0, true, true) == Token::Search {
                    assert!(!system.idle.try_search());
                    system.idle.end_search();
                }
            }
        });
        let waker = spawn(&system, |system| system.idle.wake(0));
        system.idle.notify_one(|_| 0);
        join([worker, waker]);
        system.is_at_rest();
    });
}

/// What is read between two equal numbers of wakes, while everybody sleeps, belongs together:
/// nobody runs.
#[test]
fn loom_everyone_sleeps_means_that_nobody_runs() {
    explore(3, || {
        let system = System::new(2, false);
        let sleeper = spawn(&system, |system| {
            system.idle.move_in(1);
            system.sleep(1, true, false);
            // It runs, and its next sleep shows what it has done.
            system.jobs.store(1, Ordering::Release);
            system.jobs.store(2, Ordering::Release);
            let last = system.idle.fall_asleep(1, false, || ());
            system.slept.fetch_add(1, Ordering::Relaxed);
            last.park();
        });
        let waker = spawn(&system, |system| {
            while !system.idle.starters.has(1) {
                thread::yield_now();
            }
            system.idle.wake(1);
        });
        system.idle.move_in(0);
        let observer = system.idle.fall_asleep(0, false, || ());
        let wakes = system.idle.wakes();
        if system.idle.everyone_sleeps() {
            let jobs = system.jobs.load(Ordering::Acquire);
            if wakes == system.idle.wakes() {
                assert_ne!(jobs, 1, "read while the worker was running");
            }
        }
        assert_eq!(observer.cancel(), Token::Look);
        system.slept.fetch_add(1, Ordering::Relaxed);
        join([waker]);
        while !system.idle.resumers.has(1) {
            thread::yield_now();
        }
        system.idle.wake(1);
        join([sleeper]);
        system.is_at_rest();
    });
}
