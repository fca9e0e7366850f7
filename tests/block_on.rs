//! Futures in jobs and on threads: they are polled when they have been woken, and given up when their
//! waiter is late, cancelled or unwinds.
#![forbid(unsafe_code)]

mod common;
#[path = "common/signal.rs"]
mod signal;
#[macro_use]
#[path = "common/who.rs"]
mod who;

use std::future::{pending, poll_fn, ready};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::thread;
use std::time::{Duration, Instant};

use common::{OnDrop, WORKERS, quiet_panic, system, watch};
use rustfiber::{Blocking, CancelToken};
use signal::Signal;
use who::{Running, in_all_pairs};

#[test]
fn a_future_completed_by_a_job_or_a_thread() {
    in_all_pairs(|jobs, waits, signals| {
        for _ in 0..100 {
            let signal = Signal::default();
            let waiter = {
                let signal = signal.clone();
                waits.start(jobs, move |who| {
                    wait_as!(who, w => w.block_on(signal.completed()));
                })
            };
            signals.start(jobs, move |_| signal.complete()).join();
            waiter.join();
        }
    });
}

#[test]
fn a_ready_future_is_polled_once() {
    let _watchdog = watch();
    let jobs = system(1);
    jobs.run(|cx| {
        let waits = jobs.stats().waits();
        assert_eq!(cx.block_on(ready(7)), 7);
        let text = String::from("borrowed");
        assert_eq!(cx.block_on(async { text.len() }), 8);
        assert_eq!(jobs.stats().waits(), waits);
    });
    assert_eq!(Blocking.block_on(ready(7)), 7);
}

/// Ten thousand jobs wait for futures at once.
#[test]
fn many_jobs_wait_for_futures() {
    let _watchdog = watch();
    for workers in WORKERS {
        let jobs = system(workers);
        let signals: Vec<_> = (0..10_000).map(|_| Signal::default()).collect();
        let waiters: Vec<_> = signals
            .iter()
            .map(|signal| {
                let signal = signal.clone();
                jobs.spawn(move |cx| cx.block_on(signal.completed()))
            })
            .collect();
        thread::scope(|s| {
            for half in signals.chunks(5_000) {
                s.spawn(|| half.iter().for_each(Signal::complete));
            }
        });
        for waiter in waiters {
            waiter.join(Blocking).unwrap();
        }
    }
}

#[test]
fn a_system_waits_for_a_job_that_waits_for_a_future() {
    let _watchdog = watch();
    for workers in WORKERS {
        let (jobs, signal) = (system(workers), Signal::default());
        let handle = jobs.handle();
        let done = Arc::new(AtomicBool::new(false));
        let completes = {
            let signal = signal.clone();
            thread::spawn(move || {
                while !handle.is_closed() {
                    thread::yield_now();
                }
                signal.complete();
            })
        };
        let seen = Arc::clone(&done);
        jobs.spawn(move |cx| {
            cx.block_on(signal.completed());
            seen.store(true, Ordering::Relaxed);
        });
        drop(jobs);
        assert!(done.load(Ordering::Relaxed));
        completes.join().unwrap();
    }
}

#[test]
fn a_panic_in_the_poll_unwinds_the_job() {
    let _watchdog = watch();
    for workers in WORKERS {
        let jobs = system(workers);
        let dropped = Arc::new(AtomicUsize::new(0));
        let waker = Arc::new(Mutex::new(None));
        let doomed = {
            let (dropped, waker) = (Arc::clone(&dropped), Arc::clone(&waker));
            jobs.spawn(move |cx| {
                let _frame = OnDrop(|| _ = dropped.fetch_add(1, Ordering::Relaxed));
                let in_future = OnDrop(|| _ = dropped.fetch_add(1, Ordering::Relaxed));
                let mut polls = 0;
                cx.block_on(poll_fn(move |task| -> Poll<()> {
                    let _in_future = &in_future;
                    polls += 1;
                    if polls == 2 {
                        quiet_panic("in the second poll");
                    }
                    *waker.lock().unwrap() = Some(task.waker().clone());
                    task.waker().wake_by_ref();
                    Poll::Pending
                }))
            })
        };
        let panic = doomed.join(Blocking).unwrap_err();
        assert_eq!(panic.message(), "in the second poll");
        assert_eq!(dropped.load(Ordering::Relaxed), 2);
        waker.lock().unwrap().take().unwrap().wake();
        let caught = catch_unwind(AssertUnwindSafe(|| {
            Blocking.block_on(async { quiet_panic("on a thread") })
        }));
        assert!(caught.is_err());
    }
}

/// A `Drop` that waits for a future while its job unwinds.
#[test]
fn a_future_is_awaited_while_unwinding() {
    let _watchdog = watch();
    for workers in WORKERS {
        let jobs = system(workers);
        for _ in 0..20 {
            let doomed = jobs.spawn(|cx| {
                let _waits = OnDrop(|| {
                    let signal = Signal::default();
                    let completes = signal.clone();
                    cx.spawn(move |_| completes.complete());
                    cx.block_on(signal.completed());
                });
                quiet_panic("unwinds")
            });
            assert!(doomed.join(Blocking).is_err());
        }
    }
}

#[test]
fn futures_in_futures() {
    let _watchdog = watch();
    for workers in WORKERS {
        system(workers).run(|cx| {
            let (inner, outer) = (Signal::default(), Signal::default());
            cx.scope(|s| {
                s.spawn(|_| {
                    outer.complete();
                    inner.complete();
                });
                cx.block_on(async {
                    cx.block_on(inner.completed());
                    outer.completed().await;
                });
            });
        });
    }
}

/// What wakes itself gives way, also on the only worker.
#[test]
fn a_future_that_wakes_itself_lets_others_go_first() {
    let _watchdog = watch();
    for workers in WORKERS {
        system(workers).run(|cx| {
            let done = Arc::new(AtomicBool::new(false));
            let sets = Arc::clone(&done);
            cx.spawn(move |_| sets.store(true, Ordering::Release));
            cx.block_on(poll_fn(|task| {
                task.waker().wake_by_ref();
                match done.load(Ordering::Acquire) {
                    true => Poll::Ready(()),
                    false => Poll::Pending,
                }
            }));
        });
    }
}

#[test]
fn late_and_cancelled() {
    in_all_pairs(|jobs, waits, cancels| {
        let (token, dropped) = (CancelToken::new(), Arc::new(AtomicUsize::new(0)));
        let waiter = {
            let (token, dropped) = (token.clone(), Arc::clone(&dropped));
            waits.start(jobs, move |who| {
                let at = Instant::now() + Duration::from_millis(1);
                let late = wait_as!(who, w => w.until(at).block_on(pending::<()>()));
                assert!(late.unwrap_err().is_late() && Instant::now() >= at);
                let guard = OnDrop(|| _ = dropped.fetch_add(1, Ordering::Relaxed));
                let future = async move {
                    let _guard = &guard;
                    pending::<()>().await;
                };
                let cancelled = wait_as!(who, w => w.or_cancelled(&token).block_on(future));
                assert!(cancelled.unwrap_err().is_cancelled());
                assert_eq!(dropped.load(Ordering::Relaxed), 1, "the future is dropped");
                let refused = wait_as!(who, w => w.or_cancelled(&token).block_on(ready(())));
                assert!(refused.is_err());
                let in_time = wait_as!(who, w => w.until(at).block_on(ready(())));
                assert_eq!(in_time, Ok(()), "it has nothing to wait for");
            })
        };
        cancels.start(jobs, move |_| token.cancel()).join();
        waiter.join();
    });
}

/// What was on its way when the wait ended is there for the next one.
#[test]
fn a_future_is_taken_up_again_after_its_deadline() {
    in_all_pairs(|jobs, waits, signals| {
        for round in 0..50 {
            let signal = Signal::default();
            let waiter = {
                let signal = signal.clone();
                waits.start(jobs, move |who| {
                    let mut future = pin!(signal.completed());
                    let limit = Duration::from_micros(round * 4);
                    let tried = wait_as!(who, w => w.within(limit).block_on(future.as_mut()));
                    if tried.is_err() {
                        wait_as!(who, w => w.block_on(future));
                    }
                })
            };
            let signaller = signals.start(jobs, move |_| signal.complete());
            waiter.join();
            Running::join(signaller);
        }
    });
}

#[test]
fn a_future_that_always_wakes_itself_can_be_late() {
    let _watchdog = watch();
    for workers in WORKERS {
        system(workers).run(|cx| {
            let token = CancelToken::new();
            let mut polls = 0;
            let mut restless = pin!(poll_fn(|task| {
                task.waker().wake_by_ref();
                polls += 1;
                if polls == 1000 {
                    token.cancel();
                }
                Poll::<()>::Pending
            }));
            let cancelled = cx.or_cancelled(&token).block_on(restless.as_mut());
            assert!(cancelled.unwrap_err().is_cancelled());
            let late = cx.within(Duration::from_millis(1)).block_on(restless);
            assert!(late.unwrap_err().is_late());
        });
    }
}

#[test]
fn a_plain_thread_s_waiter_is_refused_in_a_job() {
    let _watchdog = watch();
    let doomed = system(1).spawn(|_| Blocking.block_on(ready(())));
    let panic = doomed.join(Blocking).unwrap_err();
    assert!(panic.message().contains("pass the job's context instead"));
}
