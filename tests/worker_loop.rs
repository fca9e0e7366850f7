//! A worker calls jobs as long as none of them stops, and tells why one stops: it yields, it waits, or it is complete.
#![forbid(unsafe_code)]

mod common;

use std::hint::black_box;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use common::{WORKERS, system, watch};
use rustfiber::{Blocking, Context, Counter, Event, JobSystem, Stats};

const JOBS: usize = 100_000;

/// Runs `f` and returns how the statistics were before and after it.
fn measured(jobs: &JobSystem, f: impl FnOnce()) -> (Stats, Stats) {
    let before = jobs.stats();
    f();
    (before, jobs.stats())
}

#[test]
fn jobs_that_never_wait_cost_no_switch() {
    let _watchdog = watch();
    for workers in [1, 2, 8, 64] {
        let jobs = system(workers);
        let (counter, ran) = (Counter::new(), Arc::new(AtomicUsize::new(0)));
        jobs.run(|cx| {
            for _ in 0..JOBS {
                let ran = Arc::clone(&ran);
                cx.spawn_counted(&counter, move |_| ran.fetch_add(1, Ordering::Relaxed));
            }
        });
        counter.wait(Blocking);
        assert_eq!(ran.load(Ordering::Relaxed), JOBS);
        let stats = jobs.stats();
        assert_eq!((stats.waits(), stats.yields()), (0, 0));
        assert!(
            stats.switches() <= workers as u64,
            "{} switches on {workers} workers: one to the runner of each will do",
            stats.switches()
        );
    }
}

#[test]
fn jobs_from_outside_that_never_wait_cost_no_switch() {
    let _watchdog = watch();
    for workers in WORKERS {
        let jobs = system(workers);
        let counter = Counter::new();
        for _ in 0..JOBS {
            jobs.job().counter(&counter).spawn(|_| ());
        }
        counter.wait(Blocking);
        assert!(jobs.stats().switches() <= workers as u64);
    }
}

#[test]
fn only_waits_cost_switches() {
    let _watchdog = watch();
    for workers in WORKERS {
        let jobs = system(workers);
        let (before, after) = measured(&jobs, || {
            for _ in 0..100 {
                jobs.run(|cx| {
                    cx.scope(|s| {
                        for _ in 0..1_000 {
                            s.spawn(|_| ());
                        }
                    });
                });
            }
        });
        let waits = after.waits() - before.waits();
        let switches = after.switches() - before.switches();
        assert!(waits <= 100, "only the scopes wait");
        // One to what runs meanwhile, and one back.
        assert!(switches <= workers as u64 + 2 * waits, "{after:?}");
    }
}

/// Also those that the other worker takes along for later. Out of turn is one now and then: a
/// worker that has jobs looks at the others' too.
#[test]
fn another_worker_runs_the_jobs_of_a_held_one_oldest_first() {
    const JOBS: usize = 6_400;
    let _watchdog = watch();
    let jobs = system(2);
    for _ in 0..20 {
        let steals = jobs.stats().steals();
        let order = Mutex::new(Vec::with_capacity(JOBS));
        let ran = || order.lock().unwrap().len();
        jobs.run(|cx| {
            cx.scope(|s| {
                for n in 0..JOBS {
                    let order = &order;
                    s.spawn(move |_| order.lock().unwrap().push(n));
                }
                // Holds this worker.
                while ran() < JOBS {
                    std::thread::yield_now();
                }
            });
        });
        assert!(jobs.stats().steals() - steals >= JOBS as u64);
        let order = order.into_inner().unwrap();
        let out_of_turn = order.windows(2).filter(|two| two[0] > two[1]).count();
        assert!(out_of_turn < JOBS / 16, "{out_of_turn} of {JOBS}");
    }
}

fn fib(cx: &Context<'_>, n: u64) -> u64 {
    if n < 2 {
        return n;
    }
    let (a, b) = cx.join(|cx| fib(cx, n - 1), |cx| fib(cx, n - 2));
    a + b
}

#[test]
fn joins_that_nobody_shares_cost_no_switch() {
    let _watchdog = watch();
    let jobs = system(1);
    assert_eq!(jobs.run(|cx| fib(cx, 20)), 6765);
    let stats = jobs.stats();
    assert_eq!(stats.switches(), 1);
    assert_eq!(stats.jobs(), 10_946, "the run, and each right half");
}

#[test]
fn a_wait_that_is_over_before_it_begins_is_none() {
    let _watchdog = watch();
    let jobs = system(1);
    jobs.run(|cx| {
        let (counter, event) = (Counter::new(), Event::manual());
        event.set();
        for _ in 0..1_000 {
            counter.wait(cx);
            event.wait(cx);
            cx.scope(|_| ());
        }
    });
    let stats = jobs.stats();
    assert_eq!((stats.waits(), stats.switches()), (0, 1));
}

#[test]
fn a_yield_to_nobody_comes_straight_back() {
    let _watchdog = watch();
    let jobs = system(1);
    jobs.run(|cx| (0..10).for_each(|_| cx.yield_now()));
    let stats = jobs.stats();
    assert_eq!((stats.yields(), stats.switches()), (0, 1));
}

#[test]
fn yields_waits_and_ends_are_told_apart() {
    let _watchdog = watch();
    let jobs = system(1);
    let counts = |stats: Stats| (stats.jobs(), stats.yields(), stats.waits());

    // Two that yield to each other, and the scope that waits for them.
    jobs.run(|cx| {
        cx.scope(|s| {
            for _ in 0..2 {
                s.spawn(|cx| (0..10).for_each(|_| cx.yield_now()));
            }
        });
    });
    assert_eq!(counts(jobs.stats()), (3, 20, 1));

    // Ten that wait, and one that wakes them.
    jobs.run(|cx| {
        let gate = Event::manual();
        cx.scope(|s| {
            s.spawn(|_| gate.set());
            for _ in 0..10 {
                s.spawn(|cx| gate.wait(cx));
            }
        });
    });
    assert_eq!(counts(jobs.stats()), (15, 20, 12));

    // Ten that just end.
    jobs.run(|cx| {
        cx.scope(|s| {
            for _ in 0..10 {
                s.spawn(|_| ());
            }
        });
    });
    assert_eq!(counts(jobs.stats()), (26, 20, 13));
    assert_eq!(
        jobs.stats().fibers,
        12,
        "the scope, ten that wait, and the one that wakes them"
    );
}

/// Ten thousand jobs wait at once, and no worker is held.
#[test]
fn a_wait_holds_no_worker() {
    let _watchdog = watch();
    for workers in WORKERS {
        let jobs = system(workers);
        let arriving = Counter::new();
        arriving.add(10_000);
        let gate = Event::manual();
        jobs.run(|cx| {
            cx.scope(|s| {
                for _ in 0..10_000 {
                    s.spawn(|cx| {
                        arriving.done();
                        gate.wait(cx);
                    });
                }
                arriving.wait(cx);
                assert_eq!(cx.spawn(|_| 42).join(cx).unwrap(), 42);
                gate.set();
            });
        });
    }
}

/// Something that a wrong stack or a lost register would change.
struct Locals {
    words: [u64; 24],
    floats: [f64; 4],
    text: String,
}

impl Locals {
    fn new(seed: u64) -> Self {
        Self {
            words: std::array::from_fn(|i| seed.wrapping_mul(i as u64 + 1)),
            floats: std::array::from_fn(|i| seed as f64 / (i + 1) as f64),
            text: format!("level {seed}"),
        }
    }

    fn check(&self, seed: u64) {
        let fresh = Self::new(seed);
        assert_eq!(self.words, fresh.words);
        assert_eq!(self.floats, fresh.floats);
        assert_eq!(self.text, fresh.text);
    }
}

/// Recurses, stops at the bottom and on the way up, and checks what it finds after each stop.
fn dive(cx: &Context<'_>, job: u64, level: u64, stop: &dyn Fn(&Context<'_>)) -> u64 {
    let seed = job * 1_000 + level;
    let locals = black_box(Locals::new(seed));
    let (mut sum, mut float) = (black_box(seed), black_box(seed as f64));
    if level > 0 {
        sum += dive(cx, job, level - 1, stop);
    }
    if level % 16 == 0 {
        stop(cx);
    }
    float += 0.5;
    locals.check(seed);
    assert_eq!(float, seed as f64 + 0.5);
    sum
}

fn dive_everywhere(stop: impl Fn(&Context<'_>) + Sync) {
    const LEVELS: u64 = 100;
    let _watchdog = watch();
    for workers in WORKERS {
        let jobs = system(workers);
        jobs.run(|cx| {
            cx.scope(|s| {
                for job in 0..50 {
                    let stop = &stop;
                    s.spawn(move |cx| {
                        let sum = dive(cx, job, LEVELS, stop);
                        assert_eq!(
                            sum,
                            (0..=LEVELS).map(|level| job * 1_000 + level).sum::<u64>()
                        );
                    });
                }
            });
        });
        let stats = jobs.stats();
        assert!(stats.waits() + stats.yields() > 50, "{stats:?}");
    }
}

#[test]
fn a_job_that_yields_at_any_depth_goes_on_with_its_locals() {
    dive_everywhere(|cx| cx.yield_now());
}

#[test]
fn a_job_that_waits_at_any_depth_goes_on_with_its_locals() {
    dive_everywhere(|cx| {
        let event = Arc::new(Event::manual());
        let set = Arc::clone(&event);
        cx.spawn(move |_| set.set());
        event.wait(cx);
    });
}

#[test]
fn a_job_that_joins_at_any_depth_goes_on_with_its_locals() {
    dive_everywhere(|cx| {
        let (a, b) = cx.join(
            |cx| {
                cx.yield_now();
                1
            },
            |cx| cx.spawn(|_| 2).join(cx).unwrap(),
        );
        assert_eq!((a, b), (1, 2));
    });
}
