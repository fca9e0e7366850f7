//! Mutexes: one at a time, whoever waits and however, and nobody is forgotten.
#![forbid(unsafe_code)]

mod common;
#[macro_use]
#[path = "common/who.rs"]
mod who;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use common::{WORKERS, let_others_go_on, quiet_panic, spawn_waiter, system, watch};
use rustfiber::{Blocking, CancelToken, Counter, Event, JobHandle, Mutex, MutexGuard};
use who::{Kind, Running, Who, in_all_pairs};

/// Adds one in two steps, with others in between.
fn add_slowly(mut sum: MutexGuard<'_, usize>, who: Who<'_, '_>) {
    let before = *sum;
    who.yield_now();
    *sum = before + 1;
}

#[test]
fn one_at_a_time() {
    in_all_pairs(|jobs, left, right| {
        let mutex = Arc::new(Mutex::new(0));
        let sides: Vec<_> = [left, right, left, right]
            .map(|kind| {
                let mutex = Arc::clone(&mutex);
                kind.start(jobs, move |who| {
                    for _ in 0..100 {
                        add_slowly(wait_as!(who, w => mutex.lock(w)), who);
                    }
                })
            })
            .into();
        sides.into_iter().for_each(Running::join);
        assert_eq!(*mutex.lock(Blocking), 400);
    });
}

#[test]
fn who_waits_gets_it_when_it_is_let_go() {
    in_all_pairs(|jobs, holds, waits| {
        let mutex = Arc::new(Mutex::new(0));
        let (held, go) = (Arc::new(Event::manual()), Arc::new(Event::manual()));
        let holder = {
            let (mutex, held, go) = (Arc::clone(&mutex), Arc::clone(&held), Arc::clone(&go));
            holds.start(jobs, move |who| {
                let mut guard = wait_as!(who, w => mutex.lock(w));
                held.set();
                wait_as!(who, w => go.wait(w));
                *guard = 1;
            })
        };
        held.wait(Blocking);
        let waiter = waits.start(jobs, move |who| {
            assert!(mutex.is_locked() && mutex.try_lock().is_none());
            go.set();
            assert_eq!(*wait_as!(who, w => mutex.lock(w)), 1);
        });
        waiter.join();
        holder.join();
    });
}

#[test]
fn ten_thousand_jobs_add_under_the_lock() {
    let _watchdog = watch();
    for workers in WORKERS {
        let jobs = system(workers);
        let sum = Mutex::new(0);
        jobs.run(|cx| {
            cx.scope(|s| {
                for n in 0..10_000 {
                    let sum = &sum;
                    s.spawn(move |cx| {
                        let mut guard = sum.lock(cx);
                        let before = *guard;
                        if n % 16 == 0 {
                            cx.yield_now();
                        }
                        *guard = before + 1;
                    });
                }
            });
        });
        assert_eq!(sum.into_inner(), 10_000);
    }
}

#[test]
fn waiters_on_one_worker_are_served_in_the_order_of_their_arrival() {
    let _watchdog = watch();
    system(1).run(|cx| {
        let order = Arc::new(Mutex::new(Vec::new()));
        let guard = order.lock(cx);
        let waiters: Vec<_> = (0..5)
            .map(|n| {
                let order = Arc::clone(&order);
                spawn_waiter(cx, move |cx| order.lock(cx).push(n))
            })
            .collect();
        drop(guard);
        for waiter in waiters {
            waiter.join(cx).unwrap();
        }
        assert_eq!(*order.lock(cx), [0, 1, 2, 3, 4]);
    });
}

#[test]
fn a_guard_lives_across_yields_waits_and_loops() {
    let _watchdog = watch();
    for workers in WORKERS {
        let jobs = system(workers);
        let (mutex, others) = (Mutex::new(0_usize), AtomicUsize::new(0));
        jobs.run(|cx| {
            cx.scope(|s| {
                for _ in 0..8 {
                    s.spawn(|cx| {
                        let mut guard = mutex.lock(cx);
                        let before = others.load(Ordering::Relaxed);
                        cx.yield_now();
                        let child = s.spawn(|cx| cx.yield_now());
                        child.join(cx).unwrap();
                        let looped = AtomicUsize::new(0);
                        cx.par_for(0..100, |cx, n| {
                            if n % 10 == 0 {
                                cx.yield_now();
                            }
                            looped.fetch_add(1, Ordering::Relaxed);
                        });
                        assert_eq!(others.load(Ordering::Relaxed), before, "nobody came in");
                        others.store(before + 1, Ordering::Relaxed);
                        *guard += looped.into_inner();
                    });
                }
            });
        });
        assert_eq!(mutex.into_inner(), 800);
    }
}

/// rayon#592: there the loop's wait may run another piece of the outer loop on the holder's own
/// stack, which waits for the lock that lies below it.
#[test]
fn rayon_592_a_lock_held_across_a_parallel_loop() {
    let _watchdog = watch();
    for workers in WORKERS {
        let jobs = system(workers);
        let mutex = Mutex::new(0);
        jobs.run(|cx| {
            cx.with_grain(1).par_for(0..64, |cx, _| {
                let mut sum = mutex.lock(cx);
                let inner = AtomicUsize::new(0);
                cx.with_grain(1).par_for(0..16, |_, n| {
                    inner.fetch_add(n, Ordering::Relaxed);
                });
                *sum += inner.into_inner();
            });
        });
        assert_eq!(mutex.into_inner(), 64 * 120);
    }
}

#[test]
fn a_guard_goes_to_another_job() {
    let _watchdog = watch();
    for workers in WORKERS {
        let mutex = Mutex::new(1);
        system(workers).run(|cx| {
            cx.scope(|s| {
                let mut guard = mutex.lock(cx);
                *guard = 2;
                let heir = s.spawn(move |cx| {
                    cx.yield_now();
                    *guard = 3;
                });
                assert_eq!(*mutex.lock(cx), 3);
                heir.join(cx).unwrap();
            });
        });
    }
}

#[test]
fn late_and_cancelled() {
    in_all_pairs(|jobs, holds, waits| {
        let mutex = Arc::new(Mutex::new(()));
        let (held, go) = (Arc::new(Event::manual()), Arc::new(Event::manual()));
        let holder = {
            let (mutex, held, go) = (Arc::clone(&mutex), Arc::clone(&held), Arc::clone(&go));
            holds.start(jobs, move |who| {
                let _guard = wait_as!(who, w => mutex.lock(w));
                held.set();
                wait_as!(who, w => go.wait(w));
            })
        };
        held.wait(Blocking);
        let waiter = {
            let mutex = Arc::clone(&mutex);
            waits.start(jobs, move |who| {
                let soon = Duration::from_millis(2);
                let late = wait_as!(who, w => mutex.lock(w.within(soon)).err());
                assert!(late.is_some_and(|why| why.is_late()));
                let token = CancelToken::new();
                let canceller = {
                    let token = token.clone();
                    // No `thread::scope` around a wait: its end belongs to the thread that began it.
                    std::thread::spawn(move || token.cancel())
                };
                let ended = wait_as!(who, w => mutex.lock(w.or_cancelled(&token)).err());
                assert!(ended.is_some_and(|why| why.is_cancelled()));
                canceller.join().unwrap();
            })
        };
        waiter.join();
        go.set();
        holder.join();
        assert!(mutex.try_lock().is_some(), "nobody is left behind");
    });
}

/// What a wait ends with that had nothing to wait for.
#[test]
fn a_free_lock_is_never_late_but_may_be_cancelled() {
    let mutex = Mutex::new(());
    let token = CancelToken::new();
    assert!(mutex.lock(Blocking.until(Instant::now())).is_ok());
    assert!(mutex.lock(Blocking.or_cancelled(&token)).is_ok());
    token.cancel();
    let cancelled = mutex.lock(Blocking.or_cancelled(&token)).unwrap_err();
    assert!(cancelled.is_cancelled() && !mutex.is_locked());
}

/// Who gives up takes nothing along: the others all get their turn, however it comes.
#[test]
fn hasty_and_patient_waiters() {
    let _watchdog = watch();
    for workers in WORKERS {
        let jobs = system(workers);
        let (mutex, in_time) = (Arc::new(Mutex::new(0)), Arc::new(AtomicUsize::new(0)));
        let sides: Vec<_> = [Kind::Job, Kind::Thread, Kind::Job, Kind::Job]
            .into_iter()
            .enumerate()
            .map(|(n, kind)| {
                let (mutex, in_time) = (Arc::clone(&mutex), Arc::clone(&in_time));
                kind.start(&jobs, move |who| {
                    for round in 0..300 {
                        if n == 3 {
                            add_slowly(wait_as!(who, w => mutex.lock(w)), who);
                            in_time.fetch_add(1, Ordering::Relaxed);
                            continue;
                        }
                        let haste = Duration::from_micros(round % 50);
                        wait_as!(who, w => {
                            if let Ok(guard) = mutex.lock(w.within(haste)) {
                                add_slowly(guard, who);
                                in_time.fetch_add(1, Ordering::Relaxed);
                            }
                        });
                    }
                })
            })
            .collect();
        sides.into_iter().for_each(Running::join);
        let in_time = in_time.load(Ordering::Relaxed);
        assert_eq!(*mutex.try_lock().expect("nobody holds it"), in_time);
        assert!(in_time >= 300);
    }
}

#[test]
fn a_panic_unlocks_and_poisons_nothing() {
    let _watchdog = watch();
    for workers in WORKERS {
        let jobs = system(workers);
        let mutex = Arc::new(Mutex::new(1));
        let broken: JobHandle<()> = jobs.spawn({
            let mutex = Arc::clone(&mutex);
            move |cx| {
                let mut guard = mutex.lock(cx);
                *guard = 2;
                cx.yield_now();
                quiet_panic("with the guard in its hands");
            }
        });
        let waiter = jobs.spawn({
            let mutex = Arc::clone(&mutex);
            move |cx| *mutex.lock(cx)
        });
        broken.join(Blocking).unwrap_err();
        waiter.join(Blocking).unwrap();
        assert_eq!(*mutex.lock(Blocking), 2);
    }
}

/// The greedy one always wants it again; each of the others gets it all the same.
#[test]
fn nobody_starves() {
    in_all_pairs(|jobs, greedy, modest| {
        let mutex = Arc::new(Mutex::new(()));
        let enough = Arc::new(AtomicBool::new(false));
        let hogs: Vec<_> = (0..2)
            .map(|_| {
                let (mutex, enough) = (Arc::clone(&mutex), Arc::clone(&enough));
                greedy.start(jobs, move |who| {
                    while !enough.load(Ordering::Relaxed) {
                        let guard = wait_as!(who, w => mutex.lock(w));
                        who.yield_now();
                        drop(guard);
                    }
                })
            })
            .collect();
        let others: Vec<_> = (0..4)
            .map(|_| {
                let mutex = Arc::clone(&mutex);
                modest.start(jobs, move |who| {
                    for _ in 0..20 {
                        drop(wait_as!(who, w => mutex.lock(w)));
                        who.yield_now();
                    }
                })
            })
            .collect();
        others.into_iter().for_each(Running::join);
        enough.store(true, Ordering::Relaxed);
        hogs.into_iter().for_each(Running::join);
    });
}

/// Woken in vain once, it goes before those behind it, and is handed the lock, although somebody else
/// wants it at that moment.
#[test]
fn a_waiter_that_has_lost_is_handed_the_lock() {
    let _watchdog = watch();
    system(1).run(|cx| {
        let mutex = Arc::new(Mutex::new(Vec::new()));
        let guard = mutex.lock(cx);
        let waiters = ["first", "second"].map(|name| {
            let mutex = Arc::clone(&mutex);
            spawn_waiter(cx, move |cx| mutex.lock(cx).push(name))
        });
        drop(guard);
        let again = mutex.try_lock().expect("it is free until the waiter comes");
        let_others_go_on(cx);
        assert!(again.is_empty());
        drop(again);
        assert!(mutex.try_lock().is_none(), "it is the first one's now");
        for waiter in waiters {
            waiter.join(cx).unwrap();
        }
        assert_eq!(*mutex.lock(cx), ["first", "second"]);
    });
}

/// A lock in a destructor of a job that unwinds, which waits nested: for one that its own worker's
/// other jobs hold.
#[test]
fn a_lock_while_unwinding() {
    struct Counts<'a, 'f>(&'a Mutex<usize>, &'a rustfiber::Context<'f>);
    impl Drop for Counts<'_, '_> {
        fn drop(&mut self) {
            *self.0.lock(self.1) += 1;
        }
    }
    let _watchdog = watch();
    for workers in WORKERS {
        let jobs = system(workers);
        let mutex = Arc::new(Mutex::new(0));
        let all = Counter::new();
        let handles: Vec<_> = (0..20)
            .map(|n| {
                let mutex = Arc::clone(&mutex);
                jobs.job().counter(&all).spawn(move |cx| {
                    if n % 2 == 0 {
                        let _counts = Counts(&mutex, cx);
                        quiet_panic("on the way to the lock");
                    }
                    let mut guard = mutex.lock(cx);
                    cx.yield_now();
                    *guard += 1;
                })
            })
            .collect();
        all.wait(Blocking);
        for (n, handle) in handles.into_iter().enumerate() {
            assert_eq!(handle.join(Blocking).is_err(), n % 2 == 0);
        }
        assert_eq!(*mutex.lock(Blocking), 20);
    }
}

#[test]
#[should_panic(expected = "`Blocking` inside a job")]
fn blocking_in_a_job() {
    system(1).run(|_| drop(Mutex::new(()).lock(Blocking)));
}
