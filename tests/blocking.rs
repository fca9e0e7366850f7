//! Calls that block their thread: the job waits, its worker does not.
#![forbid(unsafe_code)]

mod common;

use std::panic::{AssertUnwindSafe, catch_unwind, panic_any};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Barrier, mpsc};
use std::thread;

use common::{OnDrop, WORKERS, build, let_others_go_on, quiet_panic, system, watch};
use rustfiber::{Blocking, Counter, Event, JobSystem};

#[test]
fn the_result_comes_back_and_the_closure_borrows() {
    let _watchdog = watch();
    for workers in WORKERS {
        let jobs = system(workers);
        let mut lengths = vec![0; 100];
        let words: Vec<String> = (0..100).map(|n| "x".repeat(n)).collect();
        jobs.run(|cx| {
            cx.par_for_each(&mut lengths, |cx, n, length| {
                let word = &words[n];
                let mut calls = 0;
                let measured = cx.blocking(|| {
                    calls += 1;
                    *length = word.len();
                    thread::current().id()
                });
                assert_eq!(calls, 1);
                assert_ne!(measured, thread::current().id());
            });
        });
        assert!(lengths.into_iter().eq(0..100));
    }
}

/// The only worker runs a job that the blocking call waits for.
#[test]
fn the_worker_goes_on_with_other_jobs() {
    let _watchdog = watch();
    system(1).run(|cx| {
        for _ in 0..100 {
            let (sender, receiver) = mpsc::channel();
            cx.spawn(move |_| sender.send(42).unwrap());
            assert_eq!(cx.blocking(move || receiver.recv()), Ok(42));
        }
    });
}

/// More calls than cores, each of which blocks until all have begun.
#[test]
fn the_pool_grows_when_calls_wait_for_each_other() {
    let _watchdog = watch();
    for workers in WORKERS {
        let calls = 8 * workers + 56;
        let (jobs, all) = (system(workers), Barrier::new(calls));
        let leaders = AtomicUsize::new(0);
        jobs.run(|cx| {
            cx.scope(|s| {
                for _ in 0..calls {
                    s.spawn(|cx| {
                        let leads = cx.blocking(|| all.wait().is_leader());
                        leaders.fetch_add(leads.into(), Ordering::Relaxed);
                    });
                }
            });
        });
        assert_eq!(leaders.into_inner(), 1);
    }
}

#[test]
fn panics_come_back() {
    let _watchdog = watch();
    for workers in WORKERS {
        let jobs = system(workers);
        let dropped = AtomicUsize::new(0);
        jobs.run(|cx| {
            for n in 0..50_u32 {
                let owned = OnDrop(|| _ = dropped.fetch_add(1, Ordering::Relaxed));
                let caught = catch_unwind(AssertUnwindSafe(|| {
                    cx.blocking(move || {
                        let _owned = &owned;
                        std::panic::resume_unwind(Box::new(n));
                    })
                }));
                assert_eq!(*caught.unwrap_err().downcast::<u32>().unwrap(), n);
            }
        });
        assert_eq!(dropped.into_inner(), 50);
        let doomed = jobs.spawn(|cx| cx.blocking(|| panic_any("out of the pool")));
        assert_eq!(
            doomed.join(Blocking).unwrap_err().message(),
            "out of the pool"
        );
    }
}

/// A `Drop` calls while its job unwinds: the job waits nested.
#[test]
fn a_call_while_unwinding() {
    let _watchdog = watch();
    for workers in WORKERS {
        let jobs = system(workers);
        for _ in 0..20 {
            let called = Arc::new(AtomicBool::new(false));
            let sets = Arc::clone(&called);
            let doomed = jobs.spawn(move |cx| {
                let frame = [1_u32; 16];
                let _calls = OnDrop(|| {
                    let sum = cx.blocking(|| frame.iter().sum::<u32>());
                    sets.store(sum == 16, Ordering::Relaxed);
                });
                quiet_panic("unwinds")
            });
            assert!(doomed.join(Blocking).is_err());
            assert!(called.load(Ordering::Relaxed));
        }
    }
}

#[test]
fn a_system_waits_for_its_blocking_calls() {
    let _watchdog = watch();
    for workers in WORKERS {
        for _ in 0..20 {
            let jobs = system(workers);
            let (handle, ended) = (jobs.handle(), Arc::new(AtomicUsize::new(0)));
            for _ in 0..4 {
                let (handle, ended) = (handle.clone(), Arc::clone(&ended));
                jobs.spawn(move |cx| {
                    cx.blocking(|| {
                        while !handle.is_closed() {
                            thread::yield_now();
                        }
                    });
                    ended.fetch_add(1, Ordering::Relaxed);
                });
            }
            drop(jobs);
            assert_eq!(ended.load(Ordering::Relaxed), 4);
        }
    }
}

/// It counts as waiting, and a report says for what.
#[test]
fn a_shutdown_that_runs_out_of_time_names_the_call() {
    let _watchdog = watch();
    let jobs = system(1);
    let (begun, ends) = (Arc::new(Event::manual()), Arc::new(Barrier::new(2)));
    let ended = {
        let (begun, ends) = (Arc::clone(&begun), Arc::clone(&ends));
        jobs.job().name("reader").spawn(move |cx| {
            cx.blocking(|| {
                begun.set();
                ends.wait();
            });
        })
    };
    begun.wait(Blocking);
    let error = jobs
        .shutdown_timeout(std::time::Duration::ZERO)
        .unwrap_err();
    let report = error.to_string();
    assert!(
        report.contains("reader") && report.contains("a blocking call"),
        "{report}"
    );
    ends.wait();
    ended.join(Blocking).unwrap();
}

/// In the pool one is a plain thread: `Blocking` works there, and so does another system.
#[test]
fn the_closure_runs_on_a_plain_thread() {
    let _watchdog = watch();
    for workers in WORKERS {
        let (jobs, other) = (system(workers), system(1));
        let counter = Counter::new();
        counter.add(1);
        let sum = jobs.run(|cx| {
            cx.spawn({
                let counter = counter.clone();
                move |_| counter.done()
            });
            cx.blocking(|| {
                counter.wait(Blocking);
                other.run(|cx| cx.join(|_| 1, |_| 2))
            })
        });
        assert_eq!(sum, (1, 2));
    }
}

/// Thousands of jobs call at once, and each gets its own result.
#[test]
fn many_calls() {
    let _watchdog = watch();
    for workers in WORKERS {
        let jobs: JobSystem = build(JobSystem::builder().workers(workers));
        let handles: Vec<_> = (0..2_000)
            .map(|n: usize| jobs.spawn(move |cx| cx.blocking(|| n) + cx.blocking(|| n)))
            .collect();
        for (n, handle) in handles.into_iter().enumerate() {
            assert_eq!(handle.join(Blocking).unwrap(), 2 * n);
        }
    }
}

/// A job that calls keeps its place: what it waits for next is its own.
#[test]
fn calls_and_other_waits_alternate() {
    let _watchdog = watch();
    system(1).run(|cx| {
        let event = Event::auto();
        cx.scope(|s| {
            let waiter = s.spawn(|cx| {
                for _ in 0..50 {
                    event.wait(cx);
                    cx.blocking(|| ());
                }
            });
            for _ in 0..50 {
                let_others_go_on(cx);
                while event.is_set() {
                    cx.yield_now();
                }
                event.set();
            }
            waiter.join(cx).unwrap();
        });
    });
}
