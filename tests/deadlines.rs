//! Waits that end with a deadline or a token: nobody is late too early, and what comes at the same
//! moment is not lost. Time is only ever a lower bound here.
#![forbid(unsafe_code)]

mod common;
#[path = "common/moments.rs"]
mod moments;
#[macro_use]
#[path = "common/who.rs"]
mod who;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use common::{WORKERS, system, watch};
use moments::{HOUR, micros, scattered};
use rustfiber::{Blocking, CancelToken, Context, Counter, Event};
use who::in_all_pairs;

/// Signals and deadlines meet: the setter sleeps until the same moment, about. Each set is consumed
/// by a waiter that is told so, or is still there.
#[test]
fn a_set_of_an_auto_event_is_not_lost_to_a_deadline() {
    in_all_pairs(|jobs, waits, sets| {
        let event = Arc::new(Event::auto());
        for round in 0..300 {
            let at = Instant::now() + micros(20 + scattered(round, 200));
            let sets_at = at - micros(10) + micros(scattered(round, 20));
            let (awaited, set) = (Arc::clone(&event), Arc::clone(&event));
            let waiter = waits.start(
                jobs,
                move |who| wait_as!(who, w => awaited.wait(w.until(at)).is_ok()),
            );
            let setter = sets.start(jobs, move |who| {
                wait_as!(who, w => w.within(HOUR).sleep_until(sets_at)).unwrap();
                set.set();
            });
            setter.join();
            if !waiter.join() {
                assert!(event.is_set(), "round {round}");
                event.wait(Blocking);
            }
            assert!(!event.is_set(), "round {round}");
        }
    });
}

/// Many waiters with deadlines, one set for each: every one is accounted for.
#[test]
fn sets_among_many_late_waiters_add_up() {
    let _watchdog = watch();
    for workers in WORKERS {
        let jobs = system(workers);
        for _ in 0..20 {
            let (event, passed) = (Event::auto(), AtomicUsize::new(0));
            let mut sets = 0;
            jobs.run(|cx| {
                cx.scope(|s| {
                    for n in 0..100 {
                        let (event, passed) = (&event, &passed);
                        s.spawn(move |cx| {
                            let through = event.wait(cx.within(micros(scattered(n, 300))));
                            passed.fetch_add(usize::from(through.is_ok()), Ordering::Relaxed);
                        });
                    }
                    while sets < 50 {
                        // A set is not added to one that is still there.
                        while event.is_set() {
                            if event.wait(cx.within(Duration::ZERO)).is_ok() {
                                passed.fetch_add(1, Ordering::Relaxed);
                            }
                        }
                        event.set();
                        sets += 1;
                        cx.yield_now();
                    }
                });
            });
            let through = passed.into_inner() + usize::from(event.is_set());
            assert_eq!(through, sets);
        }
    }
}

/// Waits for something with a deadline at the moment at which it happens, again and again, and then
/// for as long as it takes.
macro_rules! deadline_against {
    ($make:expr, $waited:ident, $who:ident => $wait:expr, $happen:expr, $has_happened:expr) => {
        in_all_pairs(|jobs, waits, signals| {
            for round in 0..100 {
                let at = Instant::now() + micros(20 + scattered(round, 200));
                let happens_at = at - micros(10) + micros(scattered(round, 20));
                let $waited = Arc::new($make);
                let signalled = Arc::clone(&$waited);
                let waiter = waits.start(jobs, move |who| {
                    let ended = match who {
                        who::Who::Job(cx) => {
                            let $who = cx.until(at);
                            $wait
                        }
                        who::Who::Thread => {
                            let $who = Blocking.until(at);
                            $wait
                        }
                    };
                    match ended {
                        Ok(()) => assert!($has_happened),
                        Err(interrupted) => {
                            assert!(interrupted.is_late() && Instant::now() >= at);
                        }
                    }
                    wait_as!(who, $who => $wait);
                    assert!($has_happened);
                });
                let signaller = signals.start(jobs, move |who| {
                    wait_as!(who, w => w.within(HOUR).sleep_until(happens_at)).unwrap();
                    let $waited = signalled;
                    $happen;
                });
                signaller.join();
                waiter.join();
            }
        });
    };
}

#[test]
fn a_deadline_against_a_manual_event() {
    deadline_against!(
        Event::manual(),
        event,
        who => event.wait(who),
        event.set(),
        event.is_set()
    );
}

#[test]
fn a_deadline_against_a_counter() {
    deadline_against!(
        {
            let counter = Counter::new();
            counter.add(1);
            counter
        },
        counter,
        who => counter.wait(who),
        counter.done(),
        counter.is_zero()
    );
}

#[test]
fn a_deadline_against_the_end_of_a_job() {
    in_all_pairs(|jobs, waits, signals| {
        for round in 0..100 {
            let at = Instant::now() + micros(20 + scattered(round, 200));
            let ends_at = at - micros(10) + micros(scattered(round, 20));
            let go = Arc::new(Event::manual());
            let goes = Arc::clone(&go);
            let handle = jobs.spawn(move |cx| goes.wait(cx));
            let waiter = waits.start(jobs, move |who| {
                match wait_as!(who, w => handle.wait(w.until(at))) {
                    Ok(()) => assert!(handle.is_finished()),
                    Err(late) => assert!(late.is_late() && Instant::now() >= at),
                }
                wait_as!(who, w => handle.join(w)).unwrap();
            });
            let signaller = signals.start(jobs, move |who| {
                wait_as!(who, w => w.within(HOUR).sleep_until(ends_at)).unwrap();
                go.set();
            });
            signaller.join();
            waiter.join();
        }
    });
}

/// A thousand jobs wait, half of them not for long.
fn half_of_a_thousand(wait: impl Fn(&Context, Duration) -> bool + Sync, signal: impl Fn() + Sync) {
    let (late, through) = (Counter::new(), AtomicUsize::new(0));
    late.add(500);
    system(2).run(|cx| {
        cx.scope(|s| {
            for n in 0..1000 {
                let (wait, late, through) = (&wait, &late, &through);
                s.spawn(move |cx| {
                    let impatient = n % 2 == 0;
                    let limit = if impatient { micros(n) } else { HOUR };
                    assert_eq!(wait(cx, limit), !impatient);
                    if impatient {
                        late.done();
                    } else {
                        through.fetch_add(1, Ordering::Relaxed);
                    }
                });
            }
            late.wait(cx);
            assert_eq!(through.load(Ordering::Relaxed), 0);
            signal();
        });
    });
    assert_eq!(through.into_inner(), 500);
}

#[test]
fn half_the_waiters_of_an_event_are_late() {
    let _watchdog = watch();
    let event = Event::manual();
    half_of_a_thousand(|cx, d| event.wait(cx.within(d)).is_ok(), || event.set());
}

#[test]
fn half_the_waiters_of_a_counter_are_late() {
    let _watchdog = watch();
    let counter = Counter::new();
    counter.add(2);
    half_of_a_thousand(
        |cx, d| counter.wait_until(cx.within(d), 1).is_ok(),
        || counter.done(),
    );
    counter.done();
}

#[test]
fn a_passed_deadline_does_not_end_what_has_nothing_to_wait_for() {
    in_all_pairs(|jobs, waits, _| {
        let (event, counter, done) = (Event::manual(), Counter::new(), jobs.spawn(|_| 42));
        event.set();
        done.wait(Blocking);
        let passed = Instant::now();
        // Later than the deadline, and passed, too.
        let at = passed + micros(1);
        thread::sleep(micros(1));
        let waiter = waits.start(jobs, move |who| {
            wait_as!(who, w => {
                let late = w.until(passed);
                event.wait(late).unwrap();
                counter.wait(late).unwrap();
                late.sleep_until(passed).unwrap();
                late.sleep_until(at).unwrap();
                done.wait(late).unwrap();
                assert_eq!(done.join(late).unwrap().unwrap(), 42);
            });
        });
        waiter.join();
    });
}

#[test]
fn a_cancelled_token_ends_waits_before_they_begin() {
    in_all_pairs(|jobs, waits, _| {
        let (event, counter) = (Arc::new(Event::auto()), Counter::new());
        event.set();
        let awaited = Arc::clone(&event);
        let waiter = waits.start(jobs, move |who| {
            let token = CancelToken::new();
            token.cancel();
            wait_as!(who, w => {
                let ends = w.within(HOUR).or_cancelled(&token);
                assert!(awaited.wait(ends).unwrap_err().is_cancelled());
                assert!(counter.wait(ends).unwrap_err().is_cancelled());
                assert!(ends.sleep(HOUR).unwrap_err().is_cancelled());
                assert!(ends.sleep(Duration::ZERO).unwrap_err().is_cancelled());
                token.wait(w);
            });
        });
        waiter.join();
        assert!(event.is_set(), "what was not waited for is still there");
    });
}
