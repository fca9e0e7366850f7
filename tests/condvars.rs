//! Conditions: nobody misses a notification, and whoever comes back holds the lock.
#![forbid(unsafe_code)]

mod common;
#[macro_use]
#[path = "common/who.rs"]
mod who;

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use common::{WORKERS, let_others_go_on, quiet_panic, spawn_waiter, system, watch};
use rustfiber::{Blocking, CancelToken, Condvar, JobHandle, Mutex};
use who::{Kind, Running, in_all_pairs};

/// A value, and the condition that it has changed.
#[derive(Default)]
struct Watched<T> {
    value: Mutex<T>,
    changed: Condvar,
}

/// A queue with room for so many.
struct Bounded {
    queue: Mutex<VecDeque<usize>>,
    has_some: Condvar,
    has_room: Condvar,
}

impl Bounded {
    const ROOM: usize = 3;

    fn new() -> Arc<Self> {
        Arc::new(Self {
            queue: Mutex::default(),
            has_some: Condvar::new(),
            has_room: Condvar::new(),
        })
    }
}

macro_rules! put {
    ($bounded:expr, $who:expr, $value:expr) => {{
        let mut queue = $bounded.queue.lock($who);
        let is_full = |queue: &mut VecDeque<usize>| queue.len() == Bounded::ROOM;
        $bounded.has_room.wait_while($who, &mut queue, is_full);
        queue.push_back($value);
        drop(queue);
        $bounded.has_some.notify_one();
    }};
}

macro_rules! take {
    ($bounded:expr, $who:expr) => {{
        let mut queue = $bounded.queue.lock($who);
        let is_empty = |queue: &mut VecDeque<usize>| queue.is_empty();
        $bounded.has_some.wait_while($who, &mut queue, is_empty);
        let value = queue.pop_front().expect("somebody has put it there");
        $bounded.has_room.notify_one();
        value
    }};
}

#[test]
fn a_bounded_queue_with_producers_and_consumers() {
    const VALUES: usize = 500;
    in_all_pairs(|jobs, produces, consumes| {
        let bounded = Bounded::new();
        let producers: Vec<_> = (0..3)
            .map(|_| {
                let bounded = Arc::clone(&bounded);
                produces.start(jobs, move |who| {
                    for n in 1..=VALUES {
                        wait_as!(who, w => put!(bounded, w, n));
                    }
                })
            })
            .collect();
        let consumers: Vec<_> = (0..3)
            .map(|_| {
                let bounded = Arc::clone(&bounded);
                consumes.start(jobs, move |who| {
                    let taken = (0..VALUES).map(|_| wait_as!(who, w => take!(bounded, w)));
                    taken.sum::<usize>()
                })
            })
            .collect();
        producers.into_iter().for_each(Running::join);
        let sum: usize = consumers.into_iter().map(Running::join).sum();
        assert_eq!(sum, 3 * VALUES * (VALUES + 1) / 2);
    });
}

#[test]
fn ten_thousand_wait_and_all_are_notified() {
    const WAITERS: usize = 10_000;
    let _watchdog = watch();
    for workers in WORKERS {
        let jobs = system(workers);
        let (state, changed) = (Mutex::new((0, false)), Condvar::new());
        let woken = AtomicUsize::new(0);
        jobs.run(|cx| {
            cx.scope(|s| {
                for _ in 0..WAITERS {
                    s.spawn(|cx| {
                        let mut state = state.lock(cx);
                        state.0 += 1;
                        changed.wait_while(cx, &mut state, |(_, is_open)| !*is_open);
                        woken.fetch_add(1, Ordering::Relaxed);
                    });
                }
                // Whoever has been counted waits when the lock is free again.
                loop {
                    let mut state = state.lock(cx);
                    if state.0 == WAITERS {
                        assert_eq!(woken.load(Ordering::Relaxed), 0);
                        state.1 = true;
                        break;
                    }
                    drop(state);
                    cx.yield_now();
                }
                changed.notify_all();
            });
        });
        assert_eq!(woken.into_inner(), WAITERS);
    }
}

#[test]
fn notify_one_wakes_one_the_first() {
    let _watchdog = watch();
    system(1).run(|cx| {
        let watched = Arc::new(Watched::<()>::default());
        let waiters: Vec<_> = (0..4)
            .map(|_| {
                let watched = Arc::clone(&watched);
                spawn_waiter(cx, move |cx| {
                    let mut guard = watched.value.lock(cx);
                    watched.changed.wait(cx, &mut guard);
                })
            })
            .collect();
        let_others_go_on(cx);
        for woken in 0..4 {
            let finished = waiters.iter().map(JobHandle::is_finished);
            assert!(finished.eq((0..4).map(|n| n < woken)));
            watched.changed.notify_one();
            let_others_go_on(cx);
        }
        assert!(waiters.iter().all(JobHandle::is_finished));
    });
}

/// The one in front gives up at the moment at which it would be notified.
#[test]
fn a_notification_for_one_that_gives_up_goes_to_the_next() {
    let _watchdog = watch();
    system(1).run(|cx| {
        let watched = Arc::new(Watched::<()>::default());
        let token = CancelToken::new();
        let hasty = {
            let (watched, token) = (Arc::clone(&watched), token.clone());
            spawn_waiter(cx, move |cx| {
                let mut guard = watched.value.lock(cx);
                let ended = watched.changed.wait(cx.or_cancelled(&token), &mut guard);
                ended.unwrap_err().is_cancelled() && watched.value.is_locked()
            })
        };
        let patient = {
            let watched = Arc::clone(&watched);
            spawn_waiter(cx, move |cx| {
                let mut guard = watched.value.lock(cx);
                watched.changed.wait(cx, &mut guard);
            })
        };
        let_others_go_on(cx);
        token.cancel();
        watched.changed.notify_one();
        assert!(hasty.join(cx).unwrap());
        patient.join(cx).unwrap();
    });
}

#[test]
fn an_interrupted_wait_keeps_the_guard() {
    in_all_pairs(|jobs, waits, disturbs| {
        let watched = Arc::new(Watched::<usize>::default());
        let waiter = {
            let watched = Arc::clone(&watched);
            waits.start(jobs, move |who| {
                let (mut guard, token) = wait_as!(who, w => {
                    (watched.value.lock(w), CancelToken::new())
                });
                for round in 0..100_u64 {
                    let soon = Duration::from_micros(round % 20 * 10);
                    let late = wait_as!(who, w => watched.changed.wait(w.within(soon), &mut guard));
                    assert!(late.is_err_and(|why| why.is_late()));
                    // If it did not hold the lock, some of these would be lost.
                    let before = *guard;
                    who.yield_now();
                    *guard = before + 1;
                }
                token.cancel();
                let ended = wait_as!(who, w => {
                    watched.changed.wait(w.or_cancelled(&token), &mut guard)
                });
                assert!(ended.is_err_and(|why| why.is_cancelled()) && watched.value.is_locked());
            })
        };
        let other = {
            let watched = Arc::clone(&watched);
            disturbs.start(jobs, move |who| {
                for _ in 0..100 {
                    let mut guard = wait_as!(who, w => watched.value.lock(w));
                    let before = *guard;
                    who.yield_now();
                    *guard = before + 1;
                }
            })
        };
        waiter.join();
        other.join();
        assert_eq!(*watched.value.try_lock().expect("nobody holds it"), 200);
    });
}

#[test]
fn what_has_come_true_is_not_late() {
    let watched = Watched::<u32>::default();
    let mut guard = watched.value.lock(Blocking);
    let past = Blocking.until(Instant::now());
    let mut asked = 0;
    let ended = watched.changed.wait_while(past, &mut guard, |_| {
        asked += 1;
        asked < 2
    });
    assert!(ended.is_ok());
    let ended = watched.changed.wait_while(past, &mut guard, |_| true);
    assert!(ended.unwrap_err().is_late());

    let token = CancelToken::new();
    token.cancel();
    let cancelled = Blocking.or_cancelled(&token);
    let ended = watched.changed.wait_while(cancelled, &mut guard, |_| false);
    assert!(ended.unwrap_err().is_cancelled());
}

/// Late and notified at about the same moment, again and again: a permit that one of them is told of
/// is taken by one of them.
#[test]
fn hasty_and_patient_waiters() {
    const PERMITS: usize = 1000;
    let _watchdog = watch();
    for workers in WORKERS {
        let jobs = system(workers);
        let watched = Arc::new(Watched::<usize>::default());
        let taken = Arc::new(AtomicUsize::new(0));
        let takers: Vec<_> = [Kind::Job, Kind::Thread, Kind::Job, Kind::Job]
            .into_iter()
            .enumerate()
            .map(|(n, kind)| {
                let (watched, taken) = (Arc::clone(&watched), Arc::clone(&taken));
                kind.start(&jobs, move |who| {
                    for round in 0.. {
                        let mut permits = wait_as!(who, w => watched.value.lock(w));
                        if taken.load(Ordering::Relaxed) == PERMITS {
                            break;
                        }
                        if *permits > 0 {
                            *permits -= 1;
                            if taken.fetch_add(1, Ordering::Relaxed) + 1 == PERMITS {
                                watched.changed.notify_all();
                            }
                        } else if n == 0 {
                            wait_as!(who, w => watched.changed.wait(w, &mut permits));
                        } else {
                            let haste = Duration::from_micros(round % 40);
                            let _ = wait_as!(who, w => {
                                watched.changed.wait(w.within(haste), &mut permits)
                            });
                        }
                    }
                })
            })
            .collect();
        jobs.run(|cx| {
            for _ in 0..PERMITS {
                *watched.value.lock(cx) += 1;
                watched.changed.notify_one();
                cx.yield_now();
            }
        });
        takers.into_iter().for_each(Running::join);
        assert_eq!(taken.load(Ordering::Relaxed), PERMITS);
        assert_eq!(*watched.value.lock(Blocking), 0);
    }
}

#[test]
fn a_panic_after_a_wait_unlocks() {
    let _watchdog = watch();
    for workers in WORKERS {
        let jobs = system(workers);
        let watched = Arc::new(Watched::<bool>::default());
        let broken: JobHandle<()> = {
            let watched = Arc::clone(&watched);
            jobs.spawn(move |cx| {
                let mut guard = watched.value.lock(cx);
                watched.changed.wait_while(cx, &mut guard, |is_set| {
                    if *is_set {
                        quiet_panic("with the mutex locked");
                    }
                    true
                });
            })
        };
        *watched.value.lock(Blocking) = true;
        watched.changed.notify_all();
        while !broken.is_finished() {
            watched.changed.notify_all();
            std::thread::yield_now();
        }
        broken.join(Blocking).unwrap_err();
        assert!(watched.value.try_lock().is_some());
    }
}

#[test]
#[should_panic(expected = "`Blocking` inside a job")]
fn blocking_in_a_job() {
    system(1).run(|cx| {
        let watched = Watched::<()>::default();
        let mut guard = watched.value.lock(cx);
        watched.changed.wait(Blocking, &mut guard);
    });
}
