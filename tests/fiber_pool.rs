//! How many fibers there are: no more than wait at once and one per worker, and never more than
//! `max_fibers`.
#![forbid(unsafe_code)]

mod common;

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Barrier};

use common::{WORKERS, build, system, watch};
use rustfiber::{Blocking, Context, Counter, Event, JobSystem, Stall};

const JOBS: usize = 100_000;
const BATCH: usize = 100;

/// How many jobs have started and not ended, at present and at most.
#[derive(Default)]
struct Census {
    present: AtomicUsize,
    most: AtomicUsize,
}

impl Census {
    /// Counts a job as long as `f` runs.
    fn count(&self, f: impl FnOnce()) {
        let now = self.present.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(now, Ordering::SeqCst);
        f();
        self.present.fetch_sub(1, Ordering::SeqCst);
    }

    /// There are no more fibers than jobs at one time, and one for each worker.
    fn check(&self, jobs: &JobSystem) {
        let (fibers, most) = (jobs.stats().fibers, self.most.load(Ordering::SeqCst));
        let workers = jobs.workers();
        assert!(
            fibers <= most + workers,
            "{fibers} fibers for {most} jobs at once on {workers} workers"
        );
    }
}

#[test]
fn a_hundred_thousand_waits_need_as_many_fibers_as_wait_at_once() {
    let _watchdog = watch();
    for workers in [1, 2, 8, 64] {
        let jobs = system(workers);
        let (census, ended) = (Census::default(), AtomicUsize::new(0));
        jobs.run(|cx| {
            census.count(|| {
                for _ in 0..JOBS / BATCH {
                    one_batch(cx, &census, &ended);
                }
            });
        });
        assert_eq!(ended.into_inner(), JOBS);
        census.check(&jobs);
        assert!(
            census.most.into_inner() <= BATCH + 1,
            "those of a batch, and the one that has spawned them"
        );
        if workers == 1 {
            assert!(jobs.stats().waits() >= JOBS as u64, "each job has waited");
        }
    }
}

/// Many systems, so that many workers meet their first peaks in many ways.
#[test]
fn a_thousand_systems_need_no_more_fibers_than_that() {
    let _watchdog = watch();
    const SYSTEMS: usize = if cfg!(debug_assertions) { 200 } else { 1_000 };
    for system_number in 0..SYSTEMS {
        let jobs = system([1, 2, 8][system_number % 3]);
        let (census, ended) = (Census::default(), AtomicUsize::new(0));
        jobs.run(|cx| {
            census.count(|| {
                for _ in 0..5 {
                    one_batch(cx, &census, &ended);
                }
            });
        });
        census.check(&jobs);
    }
}

/// The peaks of the workers come one after the other: each holds all other workers while its jobs
/// wait.
#[test]
fn peaks_of_different_workers_share_fibers() {
    let _watchdog = watch();
    const WAITERS: usize = 50;
    for workers in [2, 8] {
        // The jobs of one peak (the first one, those that hold workers, and the waiters), and one
        // each.
        let builder = JobSystem::builder()
            .workers(workers)
            .max_fibers(WAITERS + 2 * workers)
            .on_stall(|stall| panic!("{stall}"));
        let jobs = build(builder);
        let census = Census::default();
        for _ in 0..20 {
            jobs.run(|cx| census.count(|| one_peak(cx, workers, WAITERS, &census)));
        }
        census.check(&jobs);
    }
}

/// Jobs that all start on the worker of this one and wait at the same time, once, while the others
/// are held.
fn one_peak(cx: &Context<'_>, workers: usize, waiters: usize, census: &Census) {
    let (held, arriving, gate) = (Barrier::new(workers), Counter::new(), Event::manual());
    let over = AtomicBool::new(false);
    arriving.add(waiters as u32);
    cx.scope(|s| {
        for _ in 1..workers {
            s.spawn(|_| {
                census.count(|| {
                    held.wait();
                    while !over.load(Ordering::Acquire) {
                        std::thread::yield_now();
                    }
                });
            });
        }
        held.wait();
        for _ in 0..waiters {
            s.spawn(|cx| {
                census.count(|| {
                    arriving.done();
                    gate.wait(cx);
                });
            });
        }
        arriving.wait(cx);
        gate.set();
        over.store(true, Ordering::Release);
    });
}

/// A worker that sleeps at the limit, because all its fibers wait, is woken when another one's
/// become idle: it must start a job that the other worker's running job waits for on its thread.
#[test]
fn a_worker_at_the_limit_wakes_for_another_ones_idle_fiber() {
    let _watchdog = watch();
    for _ in 0..20 {
        let builder = JobSystem::builder().workers(2).max_fibers(4);
        let jobs = build(builder.on_stall(|stall| panic!("{stall}")));
        let (both, last) = (Barrier::new(2), Barrier::new(2));
        let (sleeper, waiters) = (Event::manual(), Event::manual());
        let (arriving, ended) = (Counter::new(), AtomicUsize::new(0));
        let go = AtomicBool::new(false);
        arriving.add(2);
        jobs.run(|cx| {
            cx.scope(|s| {
                // The one fiber of the other worker.
                s.spawn(|cx| {
                    both.wait();
                    while !go.load(Ordering::Acquire) {
                        std::thread::yield_now();
                    }
                    sleeper.wait(cx);
                });
                both.wait();
                // With this job's, the three fibers of this worker.
                for _ in 0..2 {
                    s.spawn(|cx| {
                        arriving.done();
                        waiters.wait(cx);
                        ended.fetch_add(1, Ordering::Release);
                    });
                }
                arriving.wait(cx);
                let parks = || -> u64 { jobs.stats().workers.iter().map(|w| w.parks).sum() };
                let parked = parks();
                go.store(true, Ordering::Release);
                while parks() == parked {
                    std::thread::yield_now();
                }
                waiters.set();
                while ended.load(Ordering::Acquire) < 2 {
                    cx.yield_now();
                }
                s.spawn(|_| last.wait());
                last.wait();
                sleeper.set();
            });
        });
        assert_eq!(jobs.stats().fibers, 4);
    }
}

/// Systems end with idle fibers on all shelves, while workers still look for some.
#[test]
fn a_system_ends_with_idle_fibers_on_all_workers() {
    let _watchdog = watch();
    for round in 0..100 {
        let jobs = system([2, 3, 8][round % 3]);
        let (census, ended) = (Census::default(), AtomicUsize::new(0));
        jobs.run(|cx| one_batch(cx, &census, &ended));
        let late = jobs.spawn(|cx| {
            for _ in 0..10 {
                cx.spawn(|cx| cx.spawn(|_| ()).join(cx));
            }
        });
        drop(jobs);
        assert!(late.is_finished());
    }
}

/// Some jobs that all wait at the same time, once.
fn one_batch(cx: &Context<'_>, census: &Census, ended: &AtomicUsize) {
    let (arriving, gate) = (Counter::new(), Event::manual());
    arriving.add(BATCH as u32);
    cx.scope(|s| {
        for _ in 0..BATCH {
            s.spawn(|cx| {
                census.count(|| {
                    arriving.done();
                    gate.wait(cx);
                    ended.fetch_add(1, Ordering::Relaxed);
                });
            });
        }
        arriving.wait(cx);
        gate.set();
    });
}

#[test]
fn jobs_that_wait_one_after_the_other_share_two_fibers() {
    let _watchdog = watch();
    let jobs = system(1);
    for _ in 0..1_000 {
        let answer = jobs.run(|cx| cx.spawn(|_| 42).join(cx).unwrap());
        assert_eq!(answer, 42);
    }
    let stats = jobs.stats();
    assert_eq!(stats.waits(), 1_000);
    assert_eq!(stats.fibers, 2, "one that waits, and one that runs");
}

#[test]
fn at_the_limit_jobs_go_on_but_none_starts() {
    let _watchdog = watch();
    const STEPS: usize = 4;
    for workers in WORKERS {
        let max_fibers = workers + 3;
        let gates: Arc<[Event; STEPS]> = Arc::new(std::array::from_fn(|_| Event::manual()));
        let started = Arc::new(AtomicUsize::new(0));
        let passed = Arc::new(AtomicUsize::new(0));
        let stalls = Arc::new(AtomicUsize::new(0));
        // The hook opens the next gate. It runs on a worker, so nobody takes the opening of a gate
        // for a stall.
        let on_stall = {
            let (gates, started) = (Arc::clone(&gates), Arc::clone(&started));
            let (passed, stalls) = (Arc::clone(&passed), Arc::clone(&stalls));
            move |_: &Stall| {
                let step = stalls.fetch_add(1, Ordering::Relaxed);
                assert_eq!(started.load(Ordering::Relaxed), max_fibers);
                assert_eq!(passed.load(Ordering::Relaxed), step * max_fibers);
                gates[step].set();
            }
        };
        let builder = JobSystem::builder()
            .workers(workers)
            .max_fibers(max_fibers)
            .on_stall(on_stall);
        let jobs = build(builder);
        let counter = Counter::new();
        jobs.run(|cx| {
            for _ in 0..1_000 {
                let (gates, started) = (Arc::clone(&gates), Arc::clone(&started));
                let passed = Arc::clone(&passed);
                cx.spawn_counted(&counter, move |cx| {
                    started.fetch_add(1, Ordering::Relaxed);
                    for gate in &*gates {
                        gate.wait(cx);
                        passed.fetch_add(1, Ordering::Relaxed);
                    }
                });
            }
        });
        counter.wait(Blocking);
        assert_eq!(passed.load(Ordering::Relaxed), 1_000 * STEPS);
        assert_eq!(stalls.load(Ordering::Relaxed), STEPS, "one report a stall");
        assert_eq!(jobs.stats().fibers, max_fibers);
    }
}

/// Meets all the others in the leaves of nested joins.
fn meet(cx: &Context<'_>, parties: usize, barrier: &Barrier) {
    if parties == 1 {
        barrier.wait();
        return;
    }
    let left = parties / 2;
    cx.join(
        |cx| meet(cx, left, barrier),
        |cx| meet(cx, parties - left, barrier),
    );
}

#[test]
fn each_worker_has_a_fiber_of_its_own() {
    let _watchdog = watch();
    for workers in [1, 2, 4, 8] {
        let builder = JobSystem::builder()
            .workers(workers)
            .max_fibers(workers)
            .on_stall(|stall| panic!("{stall}"));
        let jobs = build(builder);
        let barrier = Barrier::new(workers);
        for _ in 0..100 {
            jobs.run(|cx| meet(cx, workers, &barrier));
        }
        assert_eq!(jobs.stats().fibers, workers);
    }
}
