//! Counters: who waits goes on when it may, not earlier, and sees what was done before.
#![forbid(unsafe_code)]

mod common;
#[macro_use]
#[path = "common/who.rs"]
mod who;

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use common::{WORKERS, let_others_go_on, spawn_waiter, system, watch};
use rustfiber::{Blocking, Counter, Event};
use who::{Kind, Running, in_all_pairs};

#[test]
fn a_signal_comes_before_during_or_after_the_registration() {
    in_all_pairs(|jobs, waits, signals| {
        for _ in 0..200 {
            let counter = Counter::new();
            counter.add(1);
            let done = Arc::new(AtomicBool::new(false));
            let (awaited, seen) = (counter.clone(), Arc::clone(&done));
            let waiter = waits.start(jobs, move |who| {
                wait_as!(who, w => awaited.wait(w));
                assert!(seen.load(Ordering::Relaxed));
            });
            let signaller = signals.start(jobs, move |_| {
                done.store(true, Ordering::Relaxed);
                counter.done();
            });
            waiter.join();
            signaller.join();
        }
    });
}

#[test]
fn a_counter_at_zero_lets_everybody_through_without_a_wait() {
    let _watchdog = watch();
    for workers in WORKERS {
        let jobs = system(workers);
        let counter = Counter::new();
        for _ in 0..2 {
            counter.wait(Blocking);
            jobs.run(|cx| counter.wait(cx));
            counter.add(1);
            counter.done();
        }
        assert_eq!(jobs.stats().waits(), 0);
    }
}

#[test]
fn a_signal_after_the_registration() {
    let _watchdog = watch();
    system(1).run(|cx| {
        let counter = Counter::new();
        counter.add(2);
        let awaited = counter.clone();
        let waiter = spawn_waiter(cx, move |cx| awaited.wait(cx));
        counter.done();
        let_others_go_on(cx);
        assert!(!waiter.is_finished());
        counter.done();
        waiter.join(cx).unwrap();
    });
}

#[test]
fn ten_thousand_waiters_are_woken_by_one_signal() {
    const WAITERS: usize = 10_000;
    let _watchdog = watch();
    for workers in WORKERS {
        let jobs = system(workers);
        let gate = Counter::new();
        gate.add(1);
        let gone_on = AtomicUsize::new(0);
        jobs.run(|cx| {
            cx.scope(|s| {
                let all = Counter::new();
                for _ in 0..WAITERS {
                    s.spawn_counted(&all, |cx| {
                        gate.wait(cx);
                        gone_on.fetch_add(1, Ordering::Relaxed);
                    });
                }
                while jobs.stats().waits() < WAITERS as u64 {
                    cx.yield_now();
                }
                assert_eq!(gone_on.load(Ordering::Relaxed), 0);
                gate.done();
                all.wait(cx);
                assert_eq!(gone_on.load(Ordering::Relaxed), WAITERS);
            });
        });
        // One wait each, and at most two of the job that has started them.
        let waits = jobs.stats().waits() - WAITERS as u64;
        assert!(waits <= 2);
    }
}

#[test]
fn waiters_for_levels_go_on_as_the_count_falls() {
    let _watchdog = watch();
    system(1).run(|cx| {
        let counter = Counter::new();
        counter.add(9);
        let order = Arc::new(Mutex::new(Vec::new()));
        let waiters: Vec<_> = [0, 3, 7, 3, 9, 100, u32::MAX]
            .map(|level| {
                let (counter, order) = (counter.clone(), Arc::clone(&order));
                spawn_waiter(cx, move |cx| {
                    counter.wait_until(cx, level);
                    order.lock().unwrap().push((level, counter.count()));
                })
            })
            .into();
        for _ in 0..9 {
            counter.done();
            let_others_go_on(cx);
        }
        for waiter in waiters {
            waiter.join(cx).unwrap();
        }
        let order = order.lock().unwrap();
        let at_once = [(9, 9), (100, 9), (u32::MAX, 9)];
        assert_eq!(order[..3], at_once);
        assert_eq!(order[3..], [(7, 7), (3, 3), (3, 3), (0, 0)]);
    });
}

#[test]
fn jobs_and_threads_wait_for_levels_while_the_count_falls() {
    let _watchdog = watch();
    for workers in WORKERS {
        let jobs = system(workers);
        for _ in 0..50 {
            let counter = Counter::new();
            counter.add(20);
            let waiters: Vec<_> = [0, 1, 5, 19]
                .into_iter()
                .flat_map(|level| [(level, Kind::Job), (level, Kind::Thread)])
                .map(|(level, kind)| {
                    let counter = counter.clone();
                    kind.start(&jobs, move |who| {
                        wait_as!(who, w => counter.wait_until(w, level));
                        assert!(counter.count() <= level);
                    })
                })
                .collect();
            (0..20).for_each(|_| counter.done());
            waiters.into_iter().for_each(Running::join);
        }
    }
}

#[test]
fn add_and_done_by_hand_from_many_sides() {
    let _watchdog = watch();
    for workers in WORKERS {
        let jobs = system(workers);
        let (counter, sum) = (Counter::new(), Arc::new(AtomicUsize::new(0)));
        counter.add(400);
        let sides: Vec<_> = [Kind::Job, Kind::Thread, Kind::Job, Kind::Thread]
            .map(|kind| {
                let (counter, sum) = (counter.clone(), Arc::clone(&sum));
                kind.start(&jobs, move |_| {
                    for _ in 0..100 {
                        counter.add(1);
                        sum.fetch_add(1, Ordering::Relaxed);
                        counter.done();
                        counter.done();
                    }
                })
            })
            .into();
        jobs.run(|cx| counter.wait(cx));
        counter.wait(Blocking);
        assert_eq!(sum.load(Ordering::Relaxed), 400);
        sides.into_iter().for_each(Running::join);
        assert_eq!(counter.count(), 0);
    }
}

#[test]
fn a_hold_keeps_the_counter_up_while_jobs_are_added() {
    let _watchdog = watch();
    for workers in WORKERS {
        let jobs = system(workers);
        let ended = Arc::new(AtomicUsize::new(0));
        jobs.run(|cx| {
            let counter = Counter::new();
            let hold = counter.hold();
            let (awaited, seen) = (counter.clone(), Arc::clone(&ended));
            let waiter = cx.spawn(move |cx| {
                awaited.wait(cx);
                seen.load(Ordering::Relaxed)
            });
            for _ in 0..100 {
                let ended = Arc::clone(&ended);
                let job =
                    cx.spawn_counted(&counter, move |_| ended.fetch_add(1, Ordering::Relaxed));
                job.join(cx).unwrap();
                assert!(!waiter.is_finished());
            }
            counter.wait_until(cx, 1);
            assert_eq!(counter.count(), 1);
            drop(hold);
            assert_eq!(waiter.join(cx).unwrap(), 100);
        });
    }
}

#[test]
fn a_waiter_goes_on_although_the_counter_is_raised_again_at_once() {
    let _watchdog = watch();
    system(1).run(|cx| {
        let counter = Counter::new();
        counter.add(1);
        let before = {
            let counter = counter.clone();
            spawn_waiter(cx, move |cx| counter.wait(cx))
        };
        counter.done();
        counter.add(1);
        let after = {
            let counter = counter.clone();
            spawn_waiter(cx, move |cx| counter.wait(cx))
        };
        before.join(cx).unwrap();
        assert_eq!(counter.count(), 1);
        let_others_go_on(cx);
        assert!(
            !after.is_finished(),
            "the count was zero before its call only"
        );
        counter.done();
        after.join(cx).unwrap();
    });
}

/// `raised` counts the times the counter was raised, `falls` those it was about to fall. Who calls after the nth raise
/// goes on after the nth fall.
#[test]
fn nobody_goes_on_for_a_zero_before_the_call() {
    in_all_pairs(|jobs, waits, signals| {
        const ROUNDS: usize = 300;
        let counter = Counter::new();
        counter.add(1);
        let raised = Arc::new(AtomicUsize::new(1));
        let falls = Arc::new(AtomicUsize::new(0));
        let waiters: Vec<_> = (0..3)
            .map(|_| {
                let counter = counter.clone();
                let (raised, falls) = (Arc::clone(&raised), Arc::clone(&falls));
                waits.start(jobs, move |who| {
                    loop {
                        let at_call = raised.load(Ordering::Acquire);
                        wait_as!(who, w => counter.wait(w));
                        assert!(falls.load(Ordering::Acquire) >= at_call);
                        if at_call == ROUNDS {
                            break;
                        }
                    }
                })
            })
            .collect();
        signals
            .start(jobs, move |who| {
                for _ in 1..ROUNDS {
                    falls.fetch_add(1, Ordering::Release);
                    counter.done();
                    counter.add(1);
                    raised.fetch_add(1, Ordering::Release);
                    who.yield_now();
                }
                falls.fetch_add(1, Ordering::Release);
                counter.done();
            })
            .join();
        waiters.into_iter().for_each(Running::join);
    });
}

#[test]
fn what_is_waited_for_may_go_as_soon_as_the_wait_ends() {
    let _watchdog = watch();
    for workers in WORKERS {
        system(workers).run(|cx| {
            for _ in 0..500 {
                let counter = Counter::new();
                cx.spawn_counted(&counter, |_| ());
                counter.wait(cx);
                drop(counter);
                cx.scope(|s| {
                    let event = Arc::new(Event::manual());
                    let set = Arc::downgrade(&event);
                    s.spawn(move |_| set.upgrade().inspect(|event| event.set()));
                    event.wait(cx);
                });
            }
        });
    }
}
