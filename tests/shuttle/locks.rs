//! Mutexes, condition variables and semaphores, between jobs and threads.

use std::sync::Arc;

use rustfiber::{Blocking, CancelToken, Condvar, Mutex, Semaphore};
use shuttle::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use shuttle::thread;

use crate::{explore, system};

#[test]
fn a_mutex_lets_one_in_at_a_time() {
    explore([1, 2, 3], |workers| {
        let jobs = system(workers);
        let (sum, inside) = (Arc::new(Mutex::new(0)), Arc::new(AtomicUsize::new(0)));
        let held: Vec<_> = (0..2)
            .map(|_| {
                let (sum, inside) = (Arc::clone(&sum), Arc::clone(&inside));
                jobs.spawn(move |cx| {
                    for _ in 0..2 {
                        let mut sum = sum.lock(cx);
                        assert_eq!(inside.fetch_add(1, Relaxed), 0);
                        cx.yield_now();
                        *sum += 1;
                        inside.fetch_sub(1, Relaxed);
                    }
                })
            })
            .collect();
        let thread = {
            let (sum, inside) = (Arc::clone(&sum), Arc::clone(&inside));
            thread::spawn(move || {
                let mut sum = sum.lock(Blocking);
                assert_eq!(inside.fetch_add(1, Relaxed), 0);
                *sum += 1;
                inside.fetch_sub(1, Relaxed);
            })
        };
        held.into_iter().for_each(|job| job.join(Blocking).unwrap());
        thread.join().unwrap();
        assert_eq!(*sum.lock(Blocking), 5);
    });
}

#[test]
fn a_lock_is_not_lost_on_a_cancelled_waiter() {
    explore([1, 2], |workers| {
        let jobs = system(workers);
        let (mutex, token) = (Arc::new(Mutex::new(0)), CancelToken::new());
        let held = mutex.lock(Blocking);
        let waiters: Vec<_> = (0..3)
            .map(|n| {
                let (mutex, token) = (Arc::clone(&mutex), token.clone());
                jobs.spawn(move |cx| match n {
                    0 => mutex.lock(cx.or_cancelled(&token)).is_ok_and(|mut n| {
                        *n += 1;
                        true
                    }),
                    _ => {
                        *mutex.lock(cx) += 1;
                        true
                    }
                })
            })
            .collect();
        let cancels = thread::spawn(move || token.cancel());
        drop(held);
        let locked: usize = waiters
            .into_iter()
            .map(|job| usize::from(job.join(Blocking).unwrap()))
            .sum();
        cancels.join().unwrap();
        assert!(!mutex.is_locked());
        assert_eq!(*mutex.lock(Blocking), locked);
    });
}

#[test]
fn a_loop_inside_a_lock() {
    explore([1, 2], |workers| {
        let jobs = system(workers);
        let sum = Mutex::new(0);
        jobs.run(|cx| {
            cx.scope(|s| {
                for _ in 0..2 {
                    s.spawn(|cx| {
                        let mut sum = sum.lock(cx);
                        let count = AtomicUsize::new(0);
                        cx.with_grain(1)
                            .par_for(0..2, |_, _| _ = count.fetch_add(1, Relaxed));
                        *sum += count.into_inner();
                    });
                }
            });
        });
        assert_eq!(sum.into_inner(), 4);
    });
}

#[test]
fn a_notification_is_not_lost_on_a_cancelled_waiter() {
    explore([1, 2], |workers| {
        let jobs = system(workers);
        let (state, token) = (
            Arc::new((Mutex::new(0), Condvar::new())),
            CancelToken::new(),
        );
        let give = |(count, given): &(Mutex<u32>, Condvar)| {
            *count.lock(Blocking) += 1;
            given.notify_one();
        };
        let patient = {
            let state = Arc::clone(&state);
            jobs.spawn(move |cx| {
                let mut count = state.0.lock(cx);
                state.1.wait_while(cx, &mut count, |count| *count == 0);
                *count -= 1;
            })
        };
        let other = {
            let (state, token) = (Arc::clone(&state), token.clone());
            jobs.spawn(move |cx| {
                let mut count = state.0.lock(cx);
                let who = cx.or_cancelled(&token);
                let given = state.1.wait_while(who, &mut count, |count| *count == 0);
                *count -= u32::from(given.is_ok());
                given.is_ok()
            })
        };
        let cancels = thread::spawn(move || token.cancel());
        give(&state);
        if other.join(Blocking).unwrap() {
            give(&state);
        }
        patient.join(Blocking).unwrap();
        cancels.join().unwrap();
        assert_eq!(*state.0.lock(Blocking), 0);
    });
}

#[test]
fn all_who_wait_for_a_condition_are_notified() {
    explore([1, 2], |workers| {
        let jobs = system(workers);
        let state = Arc::new((Mutex::new(false), Condvar::new()));
        let waiters: Vec<_> = (0..2)
            .map(|_| {
                let state = Arc::clone(&state);
                jobs.spawn(move |cx| {
                    let mut is_open = state.0.lock(cx);
                    state.1.wait_while(cx, &mut is_open, |is_open| !*is_open);
                })
            })
            .collect();
        let thread = {
            let state = Arc::clone(&state);
            thread::spawn(move || {
                let mut is_open = state.0.lock(Blocking);
                state
                    .1
                    .wait_while(Blocking, &mut is_open, |is_open| !*is_open);
            })
        };
        *state.0.lock(Blocking) = true;
        state.1.notify_all();
        waiters
            .into_iter()
            .for_each(|job| job.join(Blocking).unwrap());
        thread.join().unwrap();
    });
}

#[test]
fn a_semaphore_never_gives_more_than_it_has() {
    explore([1, 2], |workers| {
        let jobs = system(workers);
        let (permits, taken) = (Arc::new(Semaphore::new(2)), Arc::new(AtomicUsize::new(0)));
        let token = CancelToken::new();
        let users: Vec<_> = [1, 2, 1]
            .into_iter()
            .map(|n| {
                let (permits, taken) = (Arc::clone(&permits), Arc::clone(&taken));
                jobs.spawn(move |cx| {
                    let _permit = permits.acquire(cx, n);
                    assert!(taken.fetch_add(n, Relaxed) + n <= 2);
                    cx.yield_now();
                    taken.fetch_sub(n, Relaxed);
                })
            })
            .collect();
        let gives_up = {
            let (permits, token) = (Arc::clone(&permits), token.clone());
            thread::spawn(move || drop(permits.acquire(Blocking.or_cancelled(&token), 2)))
        };
        token.cancel();
        users
            .into_iter()
            .for_each(|job| job.join(Blocking).unwrap());
        gives_up.join().unwrap();
        assert_eq!(permits.available_permits(), 2);
    });
}
