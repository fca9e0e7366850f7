//! The wakers of futures in jobs and on threads: anybody may call them, at any time, and each ends exactly the
//! wait that it belongs to.
#![forbid(unsafe_code)]

mod common;
#[path = "common/signal.rs"]
mod signal;

use std::future::{Future, poll_fn};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::task::{Poll, Waker};
use std::thread;
use std::time::Duration;

use common::{WORKERS, let_others_go_on, spawn_waiter, system, watch};
use rustfiber::{Blocking, Event};
use signal::Signal;

/// Hands its waker out, and is done when it is polled again.
fn twice(out: impl FnOnce(Waker)) -> impl Future<Output = ()> {
    let mut out = Some(out);
    poll_fn(move |task| match out.take() {
        None => Poll::Ready(()),
        Some(out) => {
            out(task.waker().clone());
            Poll::Pending
        }
    })
}

#[test]
fn woken_during_the_poll() {
    let _watchdog = watch();
    for workers in WORKERS {
        system(workers).run(|cx| {
            for _ in 0..200 {
                cx.block_on(twice(|waker| waker.wake()));
                cx.block_on(twice(|waker| {
                    thread::spawn(|| waker.wake()).join().unwrap()
                }));
                cx.block_on(twice(|waker| {
                    waker.wake_by_ref();
                    thread::spawn(|| waker.wake());
                }));
            }
        });
    }
}

#[test]
fn woken_by_many_at_once() {
    let _watchdog = watch();
    for workers in WORKERS {
        let jobs = system(workers);
        for _ in 0..50 {
            let (polls, left) = (AtomicUsize::new(0), Arc::new(AtomicUsize::new(4)));
            jobs.run(|cx| {
                cx.block_on(poll_fn(|task| {
                    if polls.fetch_add(1, Ordering::Relaxed) == 0 {
                        for _ in 0..4 {
                            let (left, waker) = (Arc::clone(&left), task.waker().clone());
                            cx.spawn(move |_| {
                                left.fetch_sub(1, Ordering::Relaxed);
                                waker.wake_by_ref();
                                waker.wake();
                            });
                        }
                    }
                    match left.load(Ordering::Relaxed) {
                        0 => Poll::Ready(()),
                        _ => Poll::Pending,
                    }
                }));
            });
            assert!(polls.into_inner() <= 9, "one poll a wake-up at most");
        }
    }
}

/// A future waits through the context of its job while it is polled. A wake-up does not end that
/// wait; it is kept for the future.
#[test]
fn woken_while_the_poll_waits_for_something_else() {
    let _watchdog = watch();
    system(1).run(|cx| {
        let (signal, event) = (Signal::default(), Arc::new(Event::manual()));
        let went_on = Arc::new(AtomicBool::new(false));
        let waiter = {
            let (signal, event, went_on) =
                (signal.clone(), Arc::clone(&event), Arc::clone(&went_on));
            spawn_waiter(cx, move |cx| {
                let mut polls = 0;
                cx.block_on(poll_fn(|task| {
                    polls += 1;
                    if polls == 2 {
                        return Poll::Ready(());
                    }
                    signal.0.lock().unwrap().1 = Some(task.waker().clone());
                    event.wait(cx);
                    went_on.store(true, Ordering::Relaxed);
                    Poll::Pending
                }));
                polls
            })
        };
        let waker = signal.waker().expect("it has been polled");
        for _ in 0..3 {
            waker.wake_by_ref();
            let_others_go_on(cx);
            assert!(!went_on.load(Ordering::Relaxed), "its event is not set");
        }
        event.set();
        assert_eq!(waiter.join(cx).unwrap(), 2);
    });
}

/// A waker that is called after its future is done ends no other wait of the job.
#[test]
fn woken_after_completion() {
    let _watchdog = watch();
    system(1).run(|cx| {
        let (wakers, event) = (Arc::new(Mutex::new(Vec::new())), Arc::new(Event::manual()));
        let waiter = {
            let (wakers, event) = (Arc::clone(&wakers), Arc::clone(&event));
            spawn_waiter(cx, move |cx| {
                let keep = |waker: Waker| wakers.lock().unwrap().push(waker);
                cx.block_on(twice(|waker| {
                    keep(waker.clone());
                    waker.wake();
                }));
                let late = cx.within(Duration::ZERO).block_on(poll_fn(|task| {
                    keep(task.waker().clone());
                    Poll::<()>::Pending
                }));
                assert!(late.unwrap_err().is_late());
                event.wait(cx);
            })
        };
        while wakers.lock().unwrap().len() < 2 {
            cx.yield_now();
        }
        for _ in 0..3 {
            wakers.lock().unwrap().iter().for_each(Waker::wake_by_ref);
            let_others_go_on(cx);
            assert!(!waiter.is_finished());
        }
        event.set();
        waiter.join(cx).unwrap();
    });
}

/// A waker may outlive the job, and the system.
#[test]
fn woken_when_job_and_system_are_gone() {
    let _watchdog = watch();
    for workers in WORKERS {
        let jobs = system(workers);
        let (sender, kept) = mpsc::channel();
        let ended = jobs.spawn(move |cx| {
            for _ in 0..10 {
                cx.block_on(twice(|waker| {
                    sender.send(waker.clone()).unwrap();
                    waker.wake();
                }));
            }
        });
        ended.join(Blocking).unwrap();
        let wakers: Vec<_> = kept.iter().collect();
        assert_eq!(wakers.len(), 10);
        wakers.iter().for_each(Waker::wake_by_ref);
        drop(jobs);
        for waker in wakers {
            waker.wake_by_ref();
            thread::spawn(move || waker.wake()).join().unwrap();
        }
    }
}

/// The waker is called while the job ends, and while the system does.
#[test]
fn woken_while_job_and_system_end() {
    let _watchdog = watch();
    for workers in WORKERS {
        for _ in 0..100 {
            let jobs = system(workers);
            let (sender, wakers) = mpsc::channel::<Waker>();
            let rings = thread::spawn(move || {
                for waker in wakers {
                    waker.wake_by_ref();
                    waker.wake();
                }
            });
            jobs.spawn(move |cx| {
                for _ in 0..4 {
                    cx.block_on(twice(|waker| sender.send(waker).unwrap()));
                }
            });
            drop(jobs);
            rings.join().unwrap();
        }
    }
}
