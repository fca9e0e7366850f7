//! `then`: jobs that start when a counter is zero.
#![forbid(unsafe_code)]

mod common;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use common::{WORKERS, system, system_with_panics, watch};
use rustfiber::{Blocking, Context, Counter};

#[test]
fn it_starts_at_zero_and_runs_once() {
    let _watchdog = watch();
    for workers in WORKERS {
        let jobs = system(workers);
        let runs = Arc::new(AtomicUsize::new(0));
        jobs.run(|cx| {
            let counter = Counter::new();
            counter.add(2);
            let counted = Arc::clone(&runs);
            let next = cx.then(&counter, move |_| {
                counted.fetch_add(1, Ordering::Relaxed) + 1
            });
            for _ in 0..2 {
                cx.yield_now();
                assert!(!next.is_finished());
                counter.done();
            }
            assert_eq!(next.join(cx).unwrap(), 1);
            // The counter goes up and down again, and nothing more comes of it.
            counter.add(1);
            counter.done();
        });
        drop(jobs);
        assert_eq!(runs.load(Ordering::Relaxed), 1);
    }
}

#[test]
fn it_starts_although_the_counter_is_raised_again_at_once() {
    let _watchdog = watch();
    for workers in WORKERS {
        system(workers).run(|cx| {
            let counter = Counter::new();
            counter.add(1);
            let next = cx.then(&counter, |_| 42);
            counter.done();
            counter.add(1);
            let after = cx.then(&counter, |_| 43);
            assert_eq!(next.join(cx).unwrap(), 42);
            cx.yield_now();
            assert!(!after.is_finished());
            counter.done();
            assert_eq!(after.join(cx).unwrap(), 43);
        });
    }
}

#[test]
fn it_starts_at_once_when_the_counter_is_zero() {
    let _watchdog = watch();
    for workers in WORKERS {
        let jobs = system(workers);
        let answer = jobs.run(|cx| cx.then(&Counter::new(), |_| 42).join(cx).unwrap());
        assert_eq!(answer, 42);
    }
}

#[test]
fn it_sees_what_the_counted_jobs_did() {
    let _watchdog = watch();
    for workers in WORKERS {
        let jobs = system(workers);
        for _ in 0..100 {
            let sum = Arc::new(AtomicUsize::new(0));
            let counter = Counter::new();
            let next = jobs.run(|cx| {
                let hold = counter.hold();
                let all = Arc::clone(&sum);
                let next = cx.then(&counter, move |_| all.load(Ordering::Relaxed));
                for n in 1..=10 {
                    let sum = Arc::clone(&sum);
                    cx.spawn_counted(&counter, move |cx| {
                        cx.yield_now();
                        sum.fetch_add(n, Ordering::Relaxed);
                    });
                }
                drop(hold);
                next
            });
            assert_eq!(next.join(Blocking).unwrap(), 55);
        }
    }
}

#[test]
fn a_thousand_on_one_counter() {
    let _watchdog = watch();
    for workers in WORKERS {
        let jobs = system(workers);
        let (gate, ran) = (Counter::new(), Arc::new(AtomicUsize::new(0)));
        gate.add(1);
        jobs.run(|cx| {
            for _ in 0..1000 {
                let ran = Arc::clone(&ran);
                cx.then(&gate, move |_| ran.fetch_add(1, Ordering::Relaxed));
            }
            assert_eq!(ran.load(Ordering::Relaxed), 0);
        });
        gate.done(); // from a plain thread
        drop(jobs);
        assert_eq!(ran.load(Ordering::Relaxed), 1000);
    }
}

#[test]
fn one_after_the_other() {
    let _watchdog = watch();
    for workers in WORKERS {
        let jobs = system(workers);
        let order = Arc::new(Mutex::new(Vec::new()));
        jobs.run(|cx| {
            let first = Counter::new();
            first.add(1);
            let mut last = first.clone();
            for n in 0..100 {
                let (stage, order) = (Counter::new(), Arc::clone(&order));
                // A continuation is counted from the start, before it runs.
                cx.job()
                    .counter(&stage)
                    .then(&last, move |_| order.lock().unwrap().push(n));
                last = stage;
            }
            first.done();
            last.wait(cx);
            assert!(order.lock().unwrap().iter().copied().eq(0..100));
        });
    }
}

#[test]
fn jobs_and_continuations_start_continuations() {
    fn grow(cx: &Context<'_>, counter: &Counter, depth: u32, leaves: &Arc<AtomicUsize>) {
        if depth == 0 {
            leaves.fetch_add(1, Ordering::Relaxed);
            return;
        }
        for _ in 0..2 {
            let ready = Counter::new();
            cx.spawn_counted(&ready, |cx| cx.yield_now());
            let (all, leaves) = (counter.clone(), Arc::clone(leaves));
            cx.job()
                .counter(counter)
                .then(&ready, move |cx| grow(cx, &all, depth - 1, &leaves));
        }
    }
    let _watchdog = watch();
    for workers in WORKERS {
        let jobs = system(workers);
        let leaves = Arc::new(AtomicUsize::new(0));
        let all = Counter::new();
        jobs.run(|cx| {
            grow(cx, &all, 7, &leaves);
            all.wait(cx);
        });
        assert_eq!(leaves.load(Ordering::Relaxed), 128);
    }
}

#[test]
fn it_may_wait_like_any_job() {
    let _watchdog = watch();
    for workers in WORKERS {
        let jobs = system(workers);
        let (first, second) = (Counter::new(), Counter::new());
        first.add(1);
        second.add(1);
        let awaited = second.clone();
        let next = jobs.run(|cx| {
            cx.then(&first, move |cx| {
                awaited.wait(cx);
                cx.spawn(|_| 42).join(cx).unwrap()
            })
        });
        first.done();
        second.done();
        assert_eq!(next.join(Blocking).unwrap(), 42);
    }
}

#[test]
fn a_counter_without_handles_above_zero_is_an_error_for_who_joins() {
    let _watchdog = watch();
    for workers in WORKERS {
        let jobs = system(workers);
        let dropped = Arc::new(());
        let (captured, counter) = (Arc::clone(&dropped), Counter::new());
        counter.add(1);
        let next = jobs.run(|cx| {
            let job = cx.job().name("orphan");
            job.then(&counter, move |_| drop(captured))
        });
        let clone = counter.clone();
        drop(counter);
        assert!(!next.is_finished(), "the clone can still count down");
        drop(clone);
        let panic = next.join(Blocking).unwrap_err();
        assert!(panic.message().contains("counter was dropped"), "{panic}");
        assert!(panic.message().contains("never starts"), "{panic}");
        assert_eq!(panic.job_name(), Some("orphan"));
        assert_eq!(Arc::strong_count(&dropped), 1, "its closure is dropped");
        drop(jobs);
    }
}

#[test]
fn a_detached_one_that_never_starts_is_reported() {
    let _watchdog = watch();
    for workers in WORKERS {
        let (jobs, panics) = system_with_panics(workers);
        // Dropped by a job, by a plain thread.
        jobs.run(|cx| {
            let counter = Counter::new();
            counter.add(1);
            cx.then(&counter, |_| unreachable!());
        });
        let counter = Counter::new();
        counter.add(1);
        jobs.run(|cx| drop(cx.then(&counter, |_| unreachable!())));
        drop(counter);
        drop(jobs);
        let messages = panics.sorted();
        assert_eq!(messages.len(), 2);
        assert!(messages.iter().all(|m| m.contains("counter was dropped")));
    }
}

#[test]
fn what_counts_an_abandoned_one_reaches_zero_and_the_rest_goes_on() {
    let _watchdog = watch();
    for workers in WORKERS {
        let (jobs, panics) = system_with_panics(workers);
        jobs.run(|cx| {
            let (never, counts) = (Counter::new(), Counter::new());
            never.add(1);
            cx.job().counter(&counts).then(&never, |_| ());
            let after = cx.then(&counts, |_| "goes on");
            drop(never);
            counts.wait(cx);
            assert_eq!(after.join(cx).unwrap(), "goes on");
        });
        assert_eq!(panics.sorted().len(), 1);
    }
}

#[test]
fn a_system_that_is_dropped_waits_for_them() {
    let _watchdog = watch();
    for workers in WORKERS {
        for _ in 0..50 {
            let jobs = system(workers);
            let (gate, ran) = (Counter::new(), Arc::new(AtomicUsize::new(0)));
            gate.add(1);
            let counted = Arc::clone(&ran);
            jobs.run(|cx| {
                let inner = Counter::new();
                inner.add(1);
                let ends = inner.clone();
                let last = Arc::clone(&counted);
                cx.then(&inner, move |_| last.fetch_add(1, Ordering::Relaxed));
                cx.then(&gate, move |_| {
                    counted.fetch_add(1, Ordering::Relaxed);
                    ends.done();
                });
            });
            let opens = std::thread::spawn(move || gate.done());
            drop(jobs);
            assert_eq!(ran.load(Ordering::Relaxed), 2);
            opens.join().unwrap();
        }
    }
}
