//! Sleeping: nobody wakes early, nobody is forgotten, and whatever else a worker has to do, its timers
//! fire. Time is only ever a lower bound here.
#![forbid(unsafe_code)]

mod common;
#[path = "common/moments.rs"]
mod moments;
#[macro_use]
#[path = "common/who.rs"]
mod who;

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Instant;

use common::{OnDrop, WORKERS, build, quiet_panic, spawn_waiter, system, watch};
use moments::{HOUR, MOMENT, micros, scattered};
use rustfiber::{Blocking, CancelToken, Context, Counter, Event, JobSystem};
use who::in_all_pairs;

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
        // It has fired already if the worker lost its processor for a while.
        if !fired.load(Ordering::Relaxed) {
            while !cx.should_yield() {}
            cx.yield_now();
        }
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
