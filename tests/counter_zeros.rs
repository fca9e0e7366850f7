//! A wait for a counter is ended by every zero since its call, however short, and by none before
//! it.
#![forbid(unsafe_code)]

mod common;

use std::sync::atomic::{AtomicU32, Ordering};

use common::{system, watch};
use rustfiber::{Blocking, Counter};

const ROUNDS: u64 = if cfg!(debug_assertions) {
    2_000
} else {
    20_000
};

/// The call is seen in the statistics, which count it before the fiber stands in any list.
#[test]
fn a_zero_right_after_the_call_ends_the_wait() {
    let _watchdog = watch();
    for workers in [1, 2] {
        let jobs = system(workers);
        let counter = Counter::new();
        for round in 1..=ROUNDS {
            counter.add(1);
            let waiter = {
                let counter = counter.clone();
                jobs.spawn(move |cx| counter.wait(cx))
            };
            while jobs.stats().waits() < round {
                std::thread::yield_now();
            }
            counter.done();
            counter.add(1);
            waiter.join(Blocking).unwrap();
            counter.done();
        }
    }
}

/// The same with a continuation, and others that wait and are woken at the same time.
#[test]
fn a_zero_right_after_the_call_starts_the_continuation() {
    let _watchdog = watch();
    let jobs = system(2);
    let counter = Counter::new();
    for _ in 0..ROUNDS {
        counter.add(1);
        let waiter = {
            let counter = counter.clone();
            jobs.spawn(move |cx| counter.wait(cx))
        };
        let answer = jobs.run(|cx| {
            let then = cx.then(&counter, |_| 42);
            counter.done();
            counter.add(1);
            then
        });
        assert_eq!(answer.join(Blocking).unwrap(), 42);
        counter.done();
        waiter.join(Blocking).unwrap();
    }
}

/// Who sees zero, raises the count again and waits, is not let through before the count is lowered:
/// the waker of the job before it may still be at work.
#[test]
fn no_zero_before_the_call_ends_the_wait() {
    let _watchdog = watch();
    const LINKS: u32 = 200;
    for workers in [1, 2, 8] {
        let jobs = system(workers);
        let counter = Counter::new();
        let lowered = AtomicU32::new(0);
        for _ in 0..ROUNDS / 1_000 {
            lowered.store(0, Ordering::Relaxed);
            jobs.run(|cx| {
                cx.scope(|s| {
                    counter.add(1);
                    s.spawn(|cx| {
                        for link in 0..LINKS {
                            counter.wait(cx);
                            assert!(lowered.load(Ordering::Acquire) > link);
                            counter.add(1);
                        }
                    });
                    for link in 0..LINKS {
                        while counter.is_zero() {
                            cx.yield_now();
                        }
                        lowered.store(link + 1, Ordering::Release);
                        counter.done();
                    }
                });
            });
            while !counter.is_zero() {
                counter.done();
            }
        }
    }
}
