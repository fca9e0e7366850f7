//! Many jobs of one counter, one after the other on each worker: that they have ended is seen by
//! whoever looks at the count or waits for it, also when the worker goes on to a job that takes long.
#![forbid(unsafe_code)]

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use common::{WORKERS, system, system_with_panics, watch};
use rustfiber::{Blocking, Context, Counter, Event, JobSystem};

/// Far more than are needed for workers to put anything off.
const MANY: u32 = 500;
const ROUNDS: usize = if cfg!(debug_assertions) { 20 } else { 100 };

/// Spawns `MANY` jobs that `counter` counts; the last one to start calls `last`.
fn spawn_many(
    jobs: &JobSystem,
    counter: &Counter,
    last: impl Fn(&Context<'_>) + Send + Sync + 'static,
) {
    let started = Arc::new(AtomicU32::new(0));
    let last = Arc::new(last);
    jobs.run(|cx| {
        for _ in 0..MANY {
            let (started, last) = (Arc::clone(&started), Arc::clone(&last));
            cx.spawn_counted(counter, move |cx| {
                if started.fetch_add(1, Ordering::Relaxed) == MANY - 1 {
                    last(cx);
                }
            });
        }
    });
}

/// A job that keeps its worker until it is told to end.
#[derive(Clone, Default)]
struct LongJob(Arc<[AtomicBool; 2]>);

impl LongJob {
    fn run(&self) {
        self.0[0].store(true, Ordering::Release);
        spin_until(|| self.0[1].load(Ordering::Acquire));
    }

    fn has_begun(&self) -> bool {
        self.0[0].load(Ordering::Acquire)
    }

    fn end(&self) {
        self.0[1].store(true, Ordering::Release);
    }
}

fn spin_until(condition: impl Fn() -> bool) {
    while !condition() {
        std::thread::yield_now();
    }
}

#[test]
fn a_long_job_keeps_no_other_in_the_count() {
    let _watchdog = watch();
    for workers in WORKERS {
        let jobs = system(workers);
        for _ in 0..ROUNDS {
            let (counter, long) = (Counter::new(), LongJob::default());
            let last = long.clone();
            spawn_many(&jobs, &counter, move |_| last.run());
            spin_until(|| long.has_begun());
            spin_until(|| counter.count() == 1);
            long.end();
            counter.wait(Blocking);
        }
    }
}

#[test]
fn a_long_job_keeps_nobody_from_a_level() {
    let _watchdog = watch();
    for workers in WORKERS {
        let jobs = system(workers);
        for round in 0..ROUNDS {
            let (counter, long) = (Counter::new(), LongJob::default());
            let last = long.clone();
            spawn_many(&jobs, &counter, move |_| last.run());
            if round % 2 == 0 {
                spin_until(|| long.has_begun());
            }
            counter.wait_until(Blocking, 1);
            assert_eq!(counter.count(), 1);
            long.end();
            counter.wait(Blocking);
        }
    }
}

/// The next job of the worker is none of the counter's.
#[test]
fn a_long_job_of_another_kind_keeps_nobody_from_zero() {
    let _watchdog = watch();
    for workers in WORKERS {
        let jobs = system(workers);
        let other = Counter::new();
        for round in 0..ROUNDS {
            let (counter, long) = (Counter::new(), LongJob::default());
            let (last, tally) = (long.clone(), other.clone());
            spawn_many(&jobs, &counter, move |cx| {
                let last = last.clone();
                match round % 3 {
                    0 => drop(cx.spawn(move |_| last.run())),
                    1 => drop(cx.spawn_counted(&tally, move |_| last.run())),
                    // The right half is the next job, unless another worker takes it.
                    _ => drop(cx.spawn(move |cx| cx.join(|_| (), |_| last.run()))),
                }
            });
            counter.wait(Blocking);
            spin_until(|| long.has_begun());
            long.end();
        }
        other.wait(Blocking);
    }
}

/// The worker goes on with a fiber that had waited or yielded.
#[test]
fn a_fiber_that_goes_on_keeps_nobody_from_zero() {
    let _watchdog = watch();
    for workers in WORKERS {
        let jobs = system(workers);
        for round in 0..ROUNDS {
            let (counter, long) = (Counter::new(), LongJob::default());
            let event = Arc::new(Event::manual());
            let (waits, then) = (Arc::clone(&event), long.clone());
            jobs.spawn(move |cx| {
                if round % 2 == 0 {
                    waits.wait(cx);
                } else {
                    while !waits.is_set() {
                        cx.yield_now();
                    }
                }
                then.run();
            });
            spawn_many(&jobs, &counter, move |_| event.set());
            counter.wait(Blocking);
            spin_until(|| long.has_begun());
            long.end();
        }
    }
}

/// Jobs of two counters by turns, some of which wait: each counter reaches zero once all of its own
/// have ended, and what they did is visible then.
#[test]
fn counters_by_turns() {
    let _watchdog = watch();
    for workers in WORKERS {
        let jobs = system(workers);
        for _ in 0..ROUNDS {
            let sums = [AtomicU32::new(0), AtomicU32::new(0)];
            jobs.run(|cx| {
                cx.scope(|s| {
                    let counters = [Counter::new(), Counter::new()];
                    for n in 0..MANY {
                        let which = (n / 7 % 2) as usize;
                        let sum = &sums[which];
                        s.spawn_counted(&counters[which], move |cx| {
                            if n % 11 == 0 {
                                cx.yield_now();
                            }
                            sum.fetch_add(1, Ordering::Relaxed);
                        });
                    }
                    for (counter, sum) in counters.iter().zip(&sums) {
                        counter.wait(cx);
                        assert_eq!(counter.count(), 0);
                        assert!(sum.load(Ordering::Relaxed) >= MANY / 2 - 7);
                    }
                });
            });
            let all = sums.map(AtomicU32::into_inner);
            assert_eq!(all.iter().sum::<u32>(), MANY);
        }
    }
}

/// The last handle goes while jobs are under way, some of which have another system's workers.
#[test]
fn two_systems_share_a_counter() {
    let _watchdog = watch();
    let systems = [system(1), system(2)];
    for _ in 0..ROUNDS {
        let counter = Counter::new();
        let ran = Arc::new(AtomicU32::new(0));
        for jobs in &systems {
            jobs.run(|cx| {
                for _ in 0..MANY {
                    let ran = Arc::clone(&ran);
                    cx.spawn_counted(&counter, move |_| ran.fetch_add(1, Ordering::Relaxed));
                }
            });
        }
        let then = systems[0].run(|cx| cx.then(&counter, move |_| ran.load(Ordering::Relaxed)));
        drop(counter);
        assert_eq!(then.join(Blocking).unwrap(), 2 * MANY);
    }
}

/// The jobs of a scope lower the count before the scope ends. With many workers to look at, who has
/// ended the last one takes longest to find nothing.
#[test]
fn a_scope_that_has_ended_leaves_nothing_in_the_count() {
    let _watchdog = watch();
    for workers in [1, 2, 8, 64] {
        let jobs = system(workers);
        for _ in 0..20 * ROUNDS {
            jobs.run(|cx| {
                let counter = Counter::new();
                cx.scope(|s| {
                    for _ in 0..MANY {
                        s.spawn_counted(&counter, |_| ());
                    }
                });
                assert!(counter.is_zero());
            });
        }
    }
}

/// A `done` too many is shown once, as the job's whose decrement it has taken.
#[test]
fn a_done_too_many_is_shown_once() {
    let _watchdog = watch();
    for workers in WORKERS {
        let (jobs, panics) = system_with_panics(workers);
        let counter = Counter::new();
        let started = Arc::new(AtomicU32::new(0));
        jobs.run(|cx| {
            for _ in 0..MANY {
                let (own, started) = (counter.clone(), Arc::clone(&started));
                cx.spawn_counted(&counter, move |_| {
                    if started.fetch_add(1, Ordering::Relaxed) == MANY / 2 {
                        own.done();
                    }
                });
            }
        });
        drop(jobs);
        assert_eq!(panics.sorted().len(), 1);
        assert!(counter.is_zero());
    }
}
