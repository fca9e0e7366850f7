//! Waits in destructors that run while their job unwinds.
#![forbid(unsafe_code)]

mod common;

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::panicking;

use common::{OnDrop, WORKERS, quiet_panic, system, watch};
use rustfiber::{Blocking, Context, Counter, Event, JobSystem, channel};

/// Runs `wait` in a destructor while its job unwinds, and checks that both come to their ends.
fn unwind_through(jobs: &JobSystem, wait: impl Fn(&Context<'_>) + Send + 'static) {
    let waited = Arc::new(AtomicBool::new(false));
    let went_on = Arc::clone(&waited);
    let handle = jobs.spawn(move |cx| {
        let _waits = OnDrop(|| {
            assert!(panicking());
            wait(cx);
            went_on.store(true, Ordering::Relaxed);
        });
        quiet_panic("on purpose");
    });
    let panic = handle.join(Blocking).unwrap_err();
    assert_eq!(panic.message(), "on purpose");
    assert!(waited.load(Ordering::Relaxed));
    assert!(jobs.run(|_| !panicking()), "the panic is over");
}

fn on_all_systems(wait: impl Fn(&Context<'_>) + Send + Clone + 'static) {
    let _watchdog = watch();
    for workers in WORKERS {
        let jobs = system(workers);
        for _ in 0..20 {
            unwind_through(&jobs, wait.clone());
        }
    }
}

#[test]
fn a_counter() {
    on_all_systems(|cx| {
        let counter = Counter::new();
        for _ in 0..10 {
            cx.spawn_counted(&counter, |cx| cx.yield_now());
        }
        counter.wait(cx);
        assert!(counter.is_zero());
    });
}

#[test]
fn a_counter_until_a_level() {
    on_all_systems(|cx| {
        let counter = Counter::new();
        for _ in 0..10 {
            cx.spawn_counted(&counter, |cx| cx.yield_now());
        }
        counter.wait_until(cx, 3);
        assert!(counter.count() <= 3);
    });
}

#[test]
fn a_manual_event() {
    on_all_systems(|cx| {
        let event = Arc::new(Event::manual());
        let set = Arc::clone(&event);
        cx.spawn(move |_| set.set());
        event.wait(cx);
    });
}

#[test]
fn an_auto_event_that_goes_back_and_forth() {
    on_all_systems(|cx| {
        let (ping, pong) = (Arc::new(Event::auto()), Arc::new(Event::auto()));
        let (hear, answer) = (Arc::clone(&ping), Arc::clone(&pong));
        cx.spawn(move |cx| {
            for _ in 0..10 {
                hear.wait(cx);
                answer.set();
            }
        });
        for _ in 0..10 {
            ping.set();
            pong.wait(cx);
        }
    });
}

#[test]
fn a_channel_in_both_directions() {
    on_all_systems(|cx| {
        let (sender, receiver) = channel::bounded(1);
        let (back, answers) = channel::bounded(1);
        cx.spawn(move |cx| {
            while let Ok(n) = receiver.recv(cx) {
                back.send(cx, n + 1).unwrap();
            }
        });
        for n in 0..10 {
            sender.send(cx, n).unwrap();
            assert_eq!(answers.recv(cx), Ok(n + 1));
        }
    });
}

#[test]
fn a_scope_whose_jobs_wait() {
    on_all_systems(|cx| {
        let sum = AtomicUsize::new(0);
        let gate = Event::manual();
        cx.scope(|s| {
            for n in 0..10 {
                let (sum, gate) = (&sum, &gate);
                s.spawn(move |cx| {
                    gate.wait(cx);
                    sum.fetch_add(n, Ordering::Relaxed);
                });
            }
            gate.set();
        });
        assert_eq!(sum.into_inner(), 45);
    });
}

#[test]
fn nested_joins() {
    fn sum(cx: &Context<'_>, from: u64, to: u64) -> u64 {
        if to - from == 1 {
            return from;
        }
        let middle = from.midpoint(to);
        let (a, b) = cx.join(|cx| sum(cx, from, middle), |cx| sum(cx, middle, to));
        a + b
    }
    on_all_systems(|cx| assert_eq!(sum(cx, 0, 256), 255 * 128));
}

#[test]
fn a_job_handle() {
    on_all_systems(|cx| {
        let outer = cx.spawn(|cx| cx.spawn(|_| 42).join(cx).unwrap());
        assert_eq!(outer.join(cx).unwrap(), 42);
    });
}

#[test]
fn yields_until_another_job_has_run() {
    on_all_systems(|cx| {
        let done = Arc::new(AtomicBool::new(false));
        let set = Arc::clone(&done);
        cx.spawn(move |cx| {
            cx.yield_now();
            set.store(true, Ordering::Release);
        });
        while !done.load(Ordering::Acquire) {
            cx.yield_now();
        }
    });
}

#[test]
fn a_plain_thread_wakes_it() {
    on_all_systems(|cx| {
        let event = Arc::new(Event::manual());
        let set = Arc::clone(&event);
        let thread = std::thread::spawn(move || set.set());
        event.wait(cx);
        thread.join().unwrap();
    });
}

/// An auto event as a lock: set while it is free.
fn unlocked() -> Event {
    let lock = Event::auto();
    lock.set();
    lock
}

#[test]
fn a_job_that_wants_a_lock_of_the_unwinding_one_gets_it() {
    let _watchdog = watch();
    for workers in WORKERS {
        let jobs = system(workers);
        for _ in 0..50 {
            let lock = unlocked();
            let taken = AtomicUsize::new(0);
            let want_lock = |cx: &Context<'_>| {
                lock.wait(cx);
                taken.fetch_add(1, Ordering::Relaxed);
                lock.set();
            };
            jobs.run(|cx| {
                cx.scope(|s| {
                    let unwinds = s.spawn(|cx| {
                        lock.wait(cx);
                        let _unlocks = OnDrop(|| lock.set());
                        let others = Counter::new();
                        let _waits = OnDrop(|| {
                            // Some want the lock, and wait for it across this wait.
                            for _ in 0..3 {
                                s.spawn(want_lock);
                                s.spawn_counted(&others, |cx| cx.yield_now());
                            }
                            others.wait(cx);
                        });
                        quiet_panic("holds the lock");
                    });
                    // These have waited before the panic, and are resumed while the other unwinds.
                    for _ in 0..3 {
                        s.spawn(|cx| {
                            cx.yield_now();
                            want_lock(cx);
                        });
                    }
                    assert!(unwinds.join(cx).is_err());
                });
            });
            assert_eq!(taken.into_inner(), 6);
            assert!(lock.is_set());
        }
    }
}

/// Two jobs unwind on one worker, and each waits in a destructor. `first` says whose wait ends first.
fn two_unwind(jobs: &JobSystem, first: usize) {
    let gates = [Event::manual(), Event::manual()];
    jobs.run(|cx| {
        cx.scope(|s| {
            let unwinding = [0, 1].map(|me| {
                let gates = &gates;
                s.spawn(move |cx| {
                    let _waits = OnDrop(|| {
                        gates[me].wait(cx);
                        gates[1 - me].set();
                    });
                    quiet_panic("one of two");
                })
            });
            let opens = s.spawn(|_| gates[first].set());
            for handle in unwinding {
                assert!(handle.join(cx).is_err());
            }
            opens.join(cx).unwrap();
        });
    });
    assert!(jobs.run(|_| !panicking()));
}

#[test]
fn two_unwinding_jobs_wait_on_one_worker() {
    let _watchdog = watch();
    for workers in WORKERS {
        let jobs = system(workers);
        for round in 0..50 {
            two_unwind(&jobs, round % 2);
        }
    }
}

/// While one unwinding job still waits on the worker, another ends. What its fiber runs next must not count as
/// unwinding: it would wait on top of the worker's stack, and be buried by the next one that does.
#[test]
fn a_job_after_an_unwinding_one_waits_like_any_other() {
    let _watchdog = watch();
    for workers in WORKERS {
        let jobs = system(workers);
        let [overtakes, overtaken, buries, buried, done] = [(); 5].map(|()| Event::manual());
        jobs.run(|cx| {
            cx.scope(|s| {
                let unwinds_last = s.spawn(|cx| {
                    let unwinds_first = s.spawn(|cx| {
                        let _waits = OnDrop(|| {
                            let between = s.spawn(|cx| {
                                let _waits = OnDrop(|| {
                                    overtakes.set();
                                    overtaken.wait(cx);
                                    buries.set();
                                });
                                quiet_panic("the second, whose wait ends after the first one's");
                            });
                            overtakes.wait(cx);
                            s.spawn(move |cx| assert!(between.join(cx).is_err()));
                            s.spawn(|cx| {
                                s.spawn(|_| overtaken.set());
                                buried.wait(cx);
                                done.set();
                            });
                        });
                        quiet_panic("the first");
                    });
                    buries.wait(cx);
                    assert!(unwinds_first.join(cx).is_err());
                    let _waits = OnDrop(|| {
                        s.spawn(|_| buried.set());
                        done.wait(cx);
                    });
                    quiet_panic("the third");
                });
                assert!(unwinds_last.join(cx).is_err());
            });
        });
        assert!(jobs.run(|_| !panicking()));
    }
}

#[test]
fn innocent_jobs_afterwards_do_not_see_the_panic() {
    let _watchdog = watch();
    for workers in WORKERS {
        let jobs = system(workers);
        for _ in 0..20 {
            unwind_through(&jobs, |cx| {
                cx.scope(|s| {
                    for _ in 0..10 {
                        s.spawn(|cx| cx.yield_now());
                    }
                });
            });
            jobs.run(|cx| {
                cx.scope(|s| {
                    for _ in 0..10 {
                        s.spawn(|cx| {
                            assert!(!panicking());
                            cx.yield_now();
                            assert!(!panicking());
                        });
                    }
                });
            });
        }
    }
}

#[test]
fn a_mutex_is_poisoned_by_the_panics_that_hold_it_and_by_no_other() {
    let _watchdog = watch();
    for workers in WORKERS {
        let jobs = system(workers);
        let (held, other) = (Mutex::new(0), Mutex::new(0));
        for _ in 0..20 {
            unwind_through(&jobs, |cx| {
                cx.spawn(|cx| cx.yield_now()).join(cx).unwrap();
            });
            jobs.run(|cx| {
                cx.scope(|s| {
                    let unwinds = s.spawn(|_| {
                        let _held = held.lock().unwrap();
                        quiet_panic("holds a mutex");
                    });
                    assert!(unwinds.join(cx).is_err());
                    s.spawn(|_| *other.lock().unwrap() += 1);
                });
            });
            assert!(held.is_poisoned());
            assert!(!other.is_poisoned());
            held.clear_poison();
        }
    }
}
