//! What the statistics count.
#![forbid(unsafe_code)]

mod common;

use std::collections::BTreeSet;
use std::sync::{Arc, Barrier, OnceLock};

use common::{WORKERS, build, system, watch};
use rustfiber::{Blocking, Counter, Event, JobSystem};

#[test]
fn a_new_system_has_done_nothing() {
    let _watchdog = watch();
    for workers in [1, 2, 64] {
        let stats = system(workers).stats();
        assert_eq!(stats.workers.len(), workers);
        assert_eq!((stats.jobs(), stats.waits(), stats.yields()), (0, 0, 0));
        assert_eq!((stats.switches(), stats.steals()), (0, 0));
        assert!(stats.fibers <= workers);
    }
}

#[test]
fn every_job_is_counted_once() {
    let _watchdog = watch();
    for workers in WORKERS {
        let jobs = system(workers);
        let counter = Counter::new();
        jobs.run(|cx| {
            for _ in 0..100 {
                cx.spawn_counted(&counter, |cx| cx.yield_now());
            }
            cx.join(|_| (), |_| ());
            cx.scope(|s| (0..10).for_each(|_| drop(s.spawn(|_| ()))));
        });
        counter.wait(Blocking);
        jobs.spawn(|_| ()).join(Blocking).unwrap();
        // The run, the spawned ones, the right half, the scope's, the last one.
        assert_eq!(jobs.stats().jobs(), 1 + 100 + 1 + 10 + 1);
        assert_eq!(jobs.handle().stats().jobs(), jobs.stats().jobs());
    }
}

#[test]
fn sums_are_those_of_the_workers() {
    let _watchdog = watch();
    let jobs = system(2);
    let barrier = Barrier::new(2);
    jobs.run(|cx| cx.join(|_| barrier.wait(), |_| barrier.wait()));
    let stats = jobs.stats();
    let [a, b] = &stats.workers[..] else {
        panic!("two workers");
    };
    assert_eq!(stats.jobs(), a.jobs + b.jobs);
    assert_eq!(stats.waits(), a.waits + b.waits);
    assert_eq!(stats.yields(), a.yields + b.yields);
    assert_eq!(stats.switches(), a.switches + b.switches);
    assert_eq!(stats.steals(), a.steals + b.steals);
    assert_eq!(stats.parks(), a.parks + b.parks);
    assert_eq!(stats.busy(), a.busy + b.busy);
    assert_eq!((a.jobs, b.jobs), (1, 1), "each took one half");
}

#[test]
fn a_half_that_another_worker_takes_is_a_steal() {
    let _watchdog = watch();
    let jobs = system(2);
    let barrier = Barrier::new(2);
    for round in 1..=100 {
        jobs.run(|cx| cx.join(|_| barrier.wait(), |_| barrier.wait()));
        assert_eq!(jobs.stats().steals(), round);
    }
}

/// A 64th of what it can see, besides the one that it needs. Each counts as stolen.
#[test]
fn a_worker_takes_few_jobs_along() {
    const JOBS: usize = 640;
    let _watchdog = watch();
    let barrier = Barrier::new(2);
    for _ in 0..100 {
        // A worker that has run many jobs sometimes looks at another's for a single one.
        let jobs = system(2);
        let first = OnceLock::new();
        let stolen = jobs.run(|cx| {
            cx.scope(|s| {
                // Nobody looks for jobs before all are there.
                s.spawn(|_| {
                    barrier.wait();
                    barrier.wait();
                });
                barrier.wait();
                let before = jobs.stats().steals();
                for _ in 0..JOBS {
                    s.spawn(|_| _ = first.get_or_init(|| jobs.stats().steals()));
                }
                barrier.wait();
                loop {
                    match first.get() {
                        Some(now) => break now - before,
                        None => std::thread::yield_now(),
                    }
                }
            })
        });
        // At least half of the jobs become public at once.
        let along = stolen - 1;
        assert!(
            (JOBS as u64 / 2 / 64 - 1..=JOBS as u64 / 64).contains(&along),
            "{along} of {JOBS} jobs were taken along"
        );
    }
}

#[test]
fn one_worker_steals_nothing() {
    let _watchdog = watch();
    let jobs = system(1);
    jobs.run(|cx| {
        for _ in 0..1_000 {
            cx.spawn(|cx| cx.join(|_| (), |_| ()));
        }
    });
    assert_eq!(jobs.stats().steals(), 0);
}

#[test]
fn a_worker_parks_when_there_is_nothing_to_do_and_is_busy_when_there_is() {
    let _watchdog = watch();
    let jobs = system(1);
    let event = Arc::new(Event::manual());
    let waits = Arc::clone(&event);
    let waiting = jobs.spawn(move |cx| waits.wait(cx));
    while jobs.stats().waits() == 0 {
        std::thread::yield_now();
    }
    // All that is left to do is to sleep.
    while jobs.stats().parks() == 0 {
        std::thread::yield_now();
    }
    let busy = jobs.stats().busy();
    event.set();
    waiting.join(Blocking).unwrap();
    jobs.run(|_| (0..1_000).map(std::hint::black_box).sum::<u64>());
    assert!(jobs.stats().busy() > busy);
}

#[test]
fn threads_have_the_builders_name_and_a_number() {
    let _watchdog = watch();
    for workers in [1, 2, 8] {
        let jobs = build(JobSystem::builder().workers(workers).thread_name("loom"));
        let barrier = Arc::new(Barrier::new(workers));
        let handles = Vec::from_iter((0..workers).map(|_| {
            let barrier = Arc::clone(&barrier);
            jobs.spawn(move |_| {
                // Each holds its worker until all have one.
                barrier.wait();
                std::thread::current().name().map(str::to_owned)
            })
        }));
        let names = handles.into_iter().map(|job| job.join(Blocking).unwrap());
        let expected = (0..workers).map(|index| Some(format!("loom-{index}")));
        assert_eq!(BTreeSet::from_iter(names), BTreeSet::from_iter(expected));
    }
}

#[test]
fn threads_are_named_after_the_library_by_default() {
    let _watchdog = watch();
    let name = system(1).run(|_| std::thread::current().name().map(str::to_owned));
    assert_eq!(name.as_deref(), Some("rustfiber-0"));
}
