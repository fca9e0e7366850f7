//! How many fibers there are: no more than wait at once and one per worker, and never more than `max_fibers`.
#![forbid(unsafe_code)]

mod common;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier};

use common::{WORKERS, build, system, watch};
use rustfiber::{Blocking, Context, Counter, Event, JobSystem, Stall};

const JOBS: usize = 100_000;
const BATCH: usize = 100;

/// How many jobs have started and not ended on each worker, at present and at most.
struct Census(Vec<[AtomicUsize; 2]>);

impl Census {
    fn new(workers: usize) -> Self {
        Self((0..workers).map(|_| Default::default()).collect())
    }

    /// Counts a job as long as `f` runs. A job ends on the worker that has started it.
    fn count(&self, f: impl FnOnce()) {
        let thread = std::thread::current();
        let number = thread.name().and_then(|name| name.rsplit('-').next());
        let [present, most] = &self.0[number.unwrap().parse::<usize>().unwrap()];
        let now = present.fetch_add(1, Ordering::Relaxed) + 1;
        most.fetch_max(now, Ordering::Relaxed);
        f();
        present.fetch_sub(1, Ordering::Relaxed);
    }

    fn most(&self) -> usize {
        let most = |[_, most]: &[AtomicUsize; 2]| most.load(Ordering::Relaxed);
        self.0.iter().map(most).sum()
    }
}

/// A fiber stays on the worker that has made it, so on each worker there are no more than have waited there at once, and
/// the one that runs.
#[test]
fn a_hundred_thousand_waits_need_as_many_fibers_as_wait_at_once() {
    let _watchdog = watch();
    for workers in [1, 2, 8, 64] {
        let jobs = system(workers);
        let (census, ended) = (Census::new(workers), AtomicUsize::new(0));
        jobs.run(|cx| {
            census.count(|| {
                for _ in 0..JOBS / BATCH {
                    one_batch(cx, &census, &ended);
                }
            });
        });
        assert_eq!(ended.into_inner(), JOBS);
        let (fibers, most) = (jobs.stats().fibers, census.most());
        assert!(
            fibers <= most + workers,
            "{fibers} fibers for {most} waits at once on {workers} workers"
        );
        if workers == 1 {
            assert_eq!(
                most,
                BATCH + 1,
                "those of a batch, and the one that has spawned them"
            );
            assert!(jobs.stats().waits() >= JOBS as u64, "each job has waited");
        }
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
        // The hook opens the next gate. It runs on a worker, so nobody takes the opening of a gate for a stall.
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
