//! Jobs that make jobs: spawn, join, scopes, loops, yields.

use std::sync::Arc;

use rustfiber::{Blocking, Context, Counter, JobHandle, JobSystem};
use shuttle::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use shuttle::thread;

use crate::{build, explore, system};

#[test]
fn spawned_jobs_are_joined_by_jobs_and_threads() {
    explore([1, 2, 3], |workers| {
        let jobs = system(workers);
        let spawner = jobs.handle();
        let thread = thread::spawn(move || {
            let job = spawner.spawn(|cx| cx.spawn(|_| 1).join(cx).unwrap());
            job.unwrap().join(Blocking).unwrap()
        });
        let job: JobHandle<i32> = jobs.spawn(|cx| {
            let children: Vec<_> = (0..3).map(|n| cx.spawn(move |_| n)).collect();
            // A handle that is dropped detaches its job.
            drop(cx.spawn(|cx| cx.yield_now()));
            children.into_iter().map(|job| job.join(cx).unwrap()).sum()
        });
        assert_eq!(job.join(Blocking).unwrap(), 3);
        assert_eq!(thread.join().unwrap(), 1);
    });
}

fn sum(cx: &Context<'_>, from: usize, to: usize) -> usize {
    if to - from == 1 {
        return from;
    }
    let middle = from.midpoint(to);
    let (left, right) = cx.join(|cx| sum(cx, from, middle), |cx| sum(cx, middle, to));
    left + right
}

#[test]
fn joins_in_joins_while_others_steal() {
    explore([2, 3], |workers| {
        let jobs = system(workers);
        assert_eq!(jobs.run(|cx| sum(cx, 0, 8)), 28);
    });
}

/// Lets other jobs go first, and other workers: PCT schedules starve those unless this thread
/// yields, too.
fn let_all_go_first(cx: &Context<'_>) {
    cx.yield_now();
    thread::yield_now();
}

#[test]
fn both_halves_of_a_join_meet() {
    // Neither ends without the other: the right half must be stolen, or its worker given free.
    explore([1, 2, 3], |workers| {
        let jobs = system(workers);
        let (left, right) = (AtomicBool::new(false), AtomicBool::new(false));
        let meet = |cx: &Context<'_>, own: &AtomicBool, other: &AtomicBool| {
            own.store(true, Relaxed);
            while !other.load(Relaxed) {
                let_all_go_first(cx);
            }
        };
        jobs.run(|cx| cx.join(|cx| meet(cx, &left, &right), |cx| meet(cx, &right, &left)));
    });
}

#[test]
fn a_half_that_never_calls_the_library_leaves_the_other_one_to_thieves() {
    explore([2, 3], |workers| {
        let jobs = system(workers);
        let ran = AtomicBool::new(false);
        let left = |_: &Context<'_>| {
            while !ran.load(Relaxed) {
                shuttle::hint::spin_loop();
            }
        };
        jobs.run(|cx| cx.join(left, |_| ran.store(true, Relaxed)));
    });
}

#[test]
fn scopes_and_loops_touch_everything_once() {
    explore([2, 3], |workers| {
        let jobs = system(workers);
        let touched: Vec<_> = (0..6).map(|_| AtomicUsize::new(0)).collect();
        let touch = |_: &Context<'_>, n: usize| _ = touched[n].fetch_add(1, Relaxed);
        jobs.run(|cx| {
            cx.scope(|s| {
                s.spawn(|cx| cx.with_grain(1).par_for(0..3, touch));
                s.spawn(|cx| cx.with_grain(2).par_for(3..6, touch));
            });
            assert!(touched.iter().all(|times| times.load(Relaxed) == 1));
        });
    });
}

#[test]
fn a_loop_whose_elements_wait_for_each_other() {
    explore([1, 2, 3], |workers| {
        let jobs = system(workers);
        let counter = Counter::new();
        counter.add(3);
        jobs.run(|cx| {
            cx.with_grain(1).par_for(0..3, |cx, _| {
                counter.done();
                counter.wait(cx);
            });
        });
    });
}

#[test]
fn jobs_that_yield_let_all_others_run() {
    explore([1, 2], |workers| {
        let jobs = system(workers);
        let turn = Arc::new(AtomicUsize::new(0));
        let players: Vec<JobHandle<()>> = (0..3)
            .map(|own| {
                let turn = Arc::clone(&turn);
                jobs.spawn(move |cx| {
                    while turn.load(Relaxed) != own {
                        let_all_go_first(cx);
                    }
                    turn.store(own + 1, Relaxed);
                })
            })
            .collect();
        players
            .into_iter()
            .for_each(|job| job.join(Blocking).unwrap());
    });
}

#[test]
fn few_fibers_serve_many_waiting_jobs() {
    // Jobs that find no fiber start when another one has ended; whoever ends them is a thread.
    explore([1, 2], |workers| {
        // Meanwhile they may be reported as stalled, which they are.
        let builder = JobSystem::builder().workers(workers).on_stall(|_| ());
        let jobs = build(builder.max_fibers(workers + 1));
        let counter = Counter::new();
        counter.add(1);
        let handles: Vec<_> = (0..4)
            .map(|_| {
                let counter = counter.clone();
                jobs.spawn(move |cx| counter.wait(cx))
            })
            .collect();
        let ends = counter.clone();
        let thread = thread::spawn(move || ends.done());
        handles
            .into_iter()
            .for_each(|job| job.join(Blocking).unwrap());
        thread.join().unwrap();
    });
}

#[test]
fn a_panic_comes_to_whoever_joins() {
    explore([2], |workers| {
        let jobs = system(workers);
        let job = jobs.spawn(|cx| {
            let child = cx.spawn(|_| std::panic::resume_unwind(Box::new("on purpose")));
            child.join(cx).unwrap_err().message().to_owned()
        });
        assert_eq!(job.join(Blocking).unwrap(), "on purpose");
    });
}
