//! Sleeping, deadlines and tokens: nobody wakes early, nobody is forgotten, and what comes at the
//! same moment as a deadline is not lost. Time is only ever a lower bound here.
#![forbid(unsafe_code)]

mod common;
#[macro_use]
#[path = "common/who.rs"]
mod who;

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use common::{OnDrop, WORKERS, build, quiet_panic, spawn_waiter, system, watch};
use rustfiber::{Blocking, CancelToken, Context, Counter, Event, JobSystem};
use who::in_all_pairs;

const HOUR: Duration = Duration::from_secs(3600);
const MOMENT: Duration = Duration::from_millis(1);

fn micros(n: usize) -> Duration {
    Duration::from_micros(n as u64)
}

/// Numbers below `below` in no order.
fn scattered(n: usize, below: usize) -> usize {
    n.wrapping_mul(0x9e37_79b9_7f4a_7c15_u64 as usize) / 7 % below
}

// --- Sleeping

#[test]
fn a_hundred_thousand_jobs_sleep_at_once() {
    let _watchdog = watch();
    const SLEEPERS: usize = 100_000;
    for workers in WORKERS {
        // Small stacks, so that the address space suffices everywhere.
        let jobs = build(JobSystem::builder().workers(workers).stack_size(64 * 1024));
        let awake = AtomicUsize::new(0);
        jobs.run(|cx| {
            cx.scope(|s| {
                for n in 0..SLEEPERS {
                    let awake = &awake;
                    s.spawn(move |cx| {
                        let at = Instant::now() + micros(scattered(n, 100_000));
                        cx.sleep_until(at);
                        assert!(Instant::now() >= at, "nobody wakes early");
                        awake.fetch_add(1, Ordering::Relaxed);
                    });
                }
            });
        });
        assert_eq!(awake.into_inner(), SLEEPERS);
    }
}

/// All must be asleep before the first deadline; if not all are, it is tried again with more time.
#[test]
fn jobs_of_one_worker_wake_in_the_order_of_their_deadlines() {
    let _watchdog = watch();
    const SLEEPERS: usize = 500;
    let jobs = system(1);
    let mut lead = MOMENT * 20;
    loop {
        let first = Instant::now() + lead;
        let (in_time, order) = (AtomicBool::new(true), Mutex::new(Vec::new()));
        jobs.run(|cx| {
            cx.scope(|s| {
                for n in 0..SLEEPERS {
                    let (in_time, order) = (&in_time, &order);
                    s.spawn(move |cx| {
                        let at = first + micros(scattered(n, 10_000));
                        in_time.fetch_and(Instant::now() < first, Ordering::Relaxed);
                        cx.sleep_until(at);
                        order.lock().unwrap().push(at);
                    });
                }
            });
        });
        if in_time.into_inner() {
            assert!(order.into_inner().unwrap().is_sorted());
            return;
        }
        lead *= 2;
    }
}

#[test]
fn a_sleeping_job_does_not_hold_its_worker() {
    let _watchdog = watch();
    system(1).run(|cx| {
        let token = CancelToken::new();
        let sleeps = token.clone();
        let sleeper = spawn_waiter(cx, move |cx| cx.or_cancelled(&sleeps).sleep(HOUR));
        assert_eq!(cx.spawn(|_| 42).join(cx).unwrap(), 42);
        assert!(!sleeper.is_finished());
        token.cancel();
        assert!(sleeper.join(cx).unwrap().unwrap_err().is_cancelled());
    });
}

#[test]
fn a_sleep_ends_with_its_token_wherever_that_is_cancelled() {
    in_all_pairs(|jobs, sleeps, cancels| {
        for round in 0..50 {
            let token = CancelToken::new();
            let minds = token.child();
            let sleeper = sleeps.start(
                jobs,
                move |who| wait_as!(who, w => w.or_cancelled(&minds).sleep(HOUR)),
            );
            let canceller = cancels.start(jobs, move |who| {
                (0..round % 10).for_each(|_| who.yield_now());
                token.cancel();
            });
            assert!(sleeper.join().unwrap_err().is_cancelled());
            canceller.join();
        }
    });
}

#[test]
fn of_a_sleep_and_its_deadline_the_earlier_one_counts() {
    in_all_pairs(|jobs, sleeps, _| {
        let late = sleeps.start(jobs, |who| wait_as!(who, w => w.within(MOMENT).sleep(HOUR)));
        assert!(late.join().unwrap_err().is_late());
        let slept = sleeps.start(jobs, |who| {
            let at = Instant::now() + MOMENT;
            let slept = wait_as!(who, w => w.within(HOUR).sleep_until(at));
            assert!(Instant::now() >= at);
            slept
        });
        slept.join().unwrap();
    });
}

// --- Deadlines

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

// --- Workers that have other things to do

/// Runs `busy` on one worker until a sleeping job of that worker has woken.
fn until_a_timer_fires(busy: impl Fn(&Context, &Arc<AtomicBool>) + Sync) {
    let _watchdog = watch();
    let jobs = system(1);
    for _ in 0..20 {
        jobs.run(|cx| {
            let fired = Arc::new(AtomicBool::new(false));
            let fires = Arc::clone(&fired);
            let sleeper = spawn_waiter(cx, move |cx| {
                cx.sleep(MOMENT);
                fires.store(true, Ordering::Relaxed);
            });
            busy(cx, &fired);
            sleeper.join(cx).unwrap();
            assert!(fired.load(Ordering::Relaxed));
        });
    }
}

#[test]
fn a_timer_fires_although_jobs_never_run_out() {
    fn spawn_the_next(cx: &Context, fired: Arc<AtomicBool>, done: Counter) {
        if !fired.load(Ordering::Relaxed) {
            let next = done.clone();
            cx.spawn_counted(&done, move |cx| spawn_the_next(cx, fired, next));
        }
    }
    until_a_timer_fires(|cx, fired| {
        let done = Counter::new();
        spawn_the_next(cx, Arc::clone(fired), done.clone());
        done.wait(cx);
    });
}

#[test]
fn a_timer_fires_although_jobs_yield_all_the_time() {
    until_a_timer_fires(|cx, fired| {
        let spin = |cx: &Context| {
            while !fired.load(Ordering::Relaxed) {
                cx.yield_now();
            }
        };
        cx.join(spin, spin);
    });
    // Alone: a yield that would come straight back.
    until_a_timer_fires(|cx, fired| {
        while !fired.load(Ordering::Relaxed) {
            cx.yield_now();
        }
    });
}

#[test]
fn a_timer_fires_although_woken_jobs_never_run_out() {
    until_a_timer_fires(|cx, fired| {
        let (ping, pong) = (Event::auto(), Event::auto());
        let talk = |cx: &Context, says: &Event, hears: &Event| {
            while !fired.load(Ordering::Relaxed) {
                says.set();
                hears.wait(cx);
            }
            says.set();
        };
        cx.scope(|s| {
            s.spawn(|cx| talk(cx, &ping, &pong));
            s.spawn(|cx| talk(cx, &pong, &ping));
        });
    });
}

#[test]
fn a_job_that_asks_whether_to_yield_lets_timers_fire() {
    until_a_timer_fires(|cx, fired| {
        while !cx.should_yield() {
            assert!(!fired.load(Ordering::Relaxed));
        }
        cx.yield_now();
        assert!(fired.load(Ordering::Relaxed));
    });
}

// --- While unwinding

/// Calls `wait` in a destructor while its job unwinds, with others beside it that sleep.
fn while_unwinding(wait: impl Fn(&Context) + Send + Clone + 'static) {
    let _watchdog = watch();
    for workers in WORKERS {
        let jobs = system(workers);
        for _ in 0..20 {
            let waited = Arc::new(AtomicBool::new(false));
            let (went_on, wait) = (Arc::clone(&waited), wait.clone());
            let others: Vec<_> = (0..4)
                .map(|n| jobs.spawn(move |cx| cx.sleep(micros(50 * n))))
                .collect();
            let unwinds = jobs.spawn(move |cx| {
                let _waits = OnDrop(|| {
                    assert!(thread::panicking());
                    wait(cx);
                    went_on.store(true, Ordering::Relaxed);
                });
                quiet_panic("on purpose");
            });
            assert!(unwinds.join(Blocking).is_err());
            assert!(waited.load(Ordering::Relaxed));
            others
                .into_iter()
                .for_each(|other| other.join(Blocking).unwrap());
        }
    }
}

#[test]
fn a_destructor_that_sleeps() {
    while_unwinding(|cx| {
        let at = Instant::now() + micros(200);
        cx.sleep_until(at);
        assert!(Instant::now() >= at);
    });
}

#[test]
fn a_destructor_whose_wait_is_late() {
    while_unwinding(|cx| {
        let at = Instant::now() + micros(200);
        let late = Event::auto().wait(cx.until(at)).unwrap_err();
        assert!(late.is_late() && Instant::now() >= at);
    });
}

#[test]
fn a_destructor_whose_wait_is_served_before_its_deadline() {
    while_unwinding(|cx| {
        let event = Arc::new(Event::auto());
        let set = Arc::clone(&event);
        cx.spawn(move |cx| {
            cx.sleep(micros(100));
            set.set();
        });
        event.wait(cx.within(HOUR)).unwrap();
    });
}

#[test]
fn a_destructor_whose_wait_is_cancelled() {
    while_unwinding(|cx| {
        let token = CancelToken::new();
        let cancels = token.clone();
        cx.spawn(move |cx| {
            cx.sleep(micros(100));
            cancels.cancel();
        });
        let ended = cx.within(HOUR).or_cancelled(&token).sleep(HOUR);
        assert!(ended.unwrap_err().is_cancelled());
    });
}

// --- The system

#[test]
fn a_system_that_is_dropped_lets_sleepers_end() {
    let _watchdog = watch();
    for workers in WORKERS {
        let jobs = system(workers);
        let awake = Arc::new(AtomicUsize::new(0));
        for n in 0..100 {
            let awake = Arc::clone(&awake);
            jobs.spawn(move |cx| {
                cx.sleep(micros(100 * n));
                cx.spawn(move |cx| {
                    cx.sleep(MOMENT);
                    awake.fetch_add(1, Ordering::Relaxed);
                });
            });
        }
        drop(jobs);
        assert_eq!(awake.load(Ordering::Relaxed), 100);
    }
}

/// A system that has a fiber for each worker and no more, and the stalls that it reports.
fn without_spare_fibers(workers: usize) -> (JobSystem, Receiver<()>) {
    let (reports, stalls) = channel();
    let builder = JobSystem::builder().workers(workers).max_fibers(workers);
    let builder = builder.on_stall(move |_| reports.send(()).unwrap());
    (build(builder), stalls)
}

#[test]
fn jobs_that_wait_for_sleepers_to_leave_a_fiber_are_no_stall() {
    let _watchdog = watch();
    for workers in WORKERS {
        let (jobs, stalls) = without_spare_fibers(workers);
        for _ in 0..5 {
            let done = Counter::new();
            for _ in 0..3 * workers {
                let never = Event::auto();
                jobs.job().counter(&done).spawn(move |cx| {
                    cx.sleep(MOMENT);
                    assert!(never.wait(cx.within(MOMENT)).is_err());
                });
            }
            done.wait(Blocking);
        }
        assert!(stalls.try_recv().is_err());
    }
}

#[test]
fn a_stall_is_reported_when_the_last_timer_has_fired() {
    let _watchdog = watch();
    let (jobs, stalls) = without_spare_fibers(1);
    let (gate, token) = (Arc::new(Event::manual()), CancelToken::new());
    let (waits, ends) = (Arc::clone(&gate), token.clone());
    let first = jobs.spawn(move |cx| {
        assert!(cx.or_cancelled(&ends).sleep(HOUR).is_err());
        waits.wait(cx);
    });
    let second = jobs.spawn(|_| 42);
    for _ in 0..100 {
        thread::yield_now();
    }
    assert!(stalls.try_recv().is_err(), "a timer is pending");
    token.cancel();
    stalls.recv().unwrap();
    gate.set();
    first.join(Blocking).unwrap();
    assert_eq!(second.join(Blocking).unwrap(), 42);
}
