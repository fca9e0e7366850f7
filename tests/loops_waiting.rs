//! Elements that wait, yield, spawn, join and loop; and where reports say that they come from.
#![forbid(unsafe_code)]

mod common;

use std::collections::HashSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Barrier, Mutex};
use std::thread;

use common::{WORKERS, system, watch};
use rustfiber::{Context, Counter, Event};

const LENGTHS: [usize; 5] = [1, 10, 64, 65, 1_000];

#[test]
fn elements_of_their_own_wait_for_later_ones() {
    let _watchdog = watch();
    for workers in WORKERS {
        let jobs = system(workers);
        for length in [2, 64, 500] {
            let gates: Vec<Event> = (0..length).map(|_| Event::manual()).collect();
            // Each waits for the next one, so they end in reverse.
            let chain = |cx: &Context<'_>, index: usize| {
                if index + 1 < length {
                    gates[index + 1].wait(cx);
                }
                gates[index].set();
            };
            jobs.run(|cx| cx.with_grain(1).par_for(0..length, chain));
            assert!(gates.iter().all(Event::is_set));
            if length <= 64 {
                gates.iter().for_each(Event::reset);
                jobs.run(|cx| cx.par_for(0..length, chain));
                assert!(gates.iter().all(Event::is_set));
            }
        }
    }
}

#[test]
fn elements_wait_for_earlier_ones_in_any_loop() {
    let _watchdog = watch();
    for workers in WORKERS {
        let jobs = system(workers);
        for length in LENGTHS {
            let gates: Vec<Event> = (0..length).map(|_| Event::manual()).collect();
            jobs.run(|cx| {
                cx.par_for(0..length, |cx, index| {
                    if index > 0 {
                        gates[index - 1].wait(cx);
                    }
                    gates[index].set();
                });
            });
            assert!(gates.iter().all(Event::is_set));
        }
    }
}

#[test]
fn elements_wait_for_jobs_that_they_spawn() {
    let _watchdog = watch();
    for workers in WORKERS {
        let jobs = system(workers);
        for length in LENGTHS {
            let sum = jobs.run(|cx| {
                let map = |cx: &Context<'_>, index| {
                    let counter = Counter::new();
                    let handle = cx.spawn_counted(&counter, move |cx| {
                        cx.yield_now();
                        index
                    });
                    counter.wait(cx);
                    assert!(handle.is_finished());
                    handle.join(cx).unwrap()
                };
                cx.par_map_reduce(0..length, || 0, map, |a, b| a + b)
            });
            assert_eq!(sum, length * (length - 1) / 2);
        }
    }
}

#[test]
fn elements_yield() {
    let _watchdog = watch();
    for workers in WORKERS {
        let jobs = system(workers);
        for length in LENGTHS {
            let mut items = vec![0; length];
            jobs.run(|cx| {
                cx.par_for_each(&mut items, |cx, index, item| {
                    for _ in 0..3 {
                        cx.yield_now();
                    }
                    *item = index;
                });
            });
            assert!(items.into_iter().enumerate().all(|(n, item)| n == item));
        }
    }
}

#[test]
fn loops_run_in_loops() {
    let _watchdog = watch();
    for workers in WORKERS {
        let jobs = system(workers);
        for outer in LENGTHS {
            for inner in [0, 1, 64, 65, 300] {
                let mut rows = vec![vec![0; inner]; outer];
                let sum = jobs.run(|cx| {
                    cx.par_for_each(&mut rows, |cx, y, row| {
                        cx.par_for_each(row, |_, x, item| *item = x * y);
                    });
                    let row = |cx: &Context<'_>, y: usize| {
                        cx.par_map_reduce(0..inner, || 0, |_, x| rows[y][x], |a, b| a + b)
                    };
                    cx.par_map_reduce(0..outer, || 0, row, |a, b| a + b)
                });
                let triangle = |n: usize| n * n.saturating_sub(1) / 2;
                assert_eq!(sum, triangle(outer) * triangle(inner));
            }
        }
    }
}

#[test]
fn loops_run_in_the_halves_of_a_join_and_in_a_scope() {
    let _watchdog = watch();
    for workers in WORKERS {
        let jobs = system(workers);
        let calls = AtomicUsize::new(0);
        let count = |_: &Context<'_>, _: usize| _ = calls.fetch_add(1, Ordering::Relaxed);
        jobs.run(|cx| {
            cx.join(
                |cx| cx.par_for(0..1_000, count),
                |cx| cx.par_for(0..1_000, count),
            );
            cx.scope(|s| {
                for _ in 0..10 {
                    s.spawn(|cx| cx.with_grain(7).par_for(0..100, count));
                }
            });
        });
        assert_eq!(calls.into_inner(), 3_000);
    }
}

#[test]
fn coarse_pieces_meet_at_a_barrier() {
    let _watchdog = watch();
    for workers in [2, 4, 8] {
        let jobs = system(workers);
        for _ in 0..100 {
            let barrier = Barrier::new(workers);
            // The last index of each piece: the ones that run after it would be kept waiting.
            let last = |index: usize| index % 100 == 99;
            jobs.run(|cx| {
                cx.with_grain(100).par_for(0..100 * workers, |_, index| {
                    if last(index) {
                        barrier.wait();
                    }
                });
            });
        }
    }
}

#[test]
fn more_elements_than_workers_meet_in_rounds() {
    let _watchdog = watch();
    for workers in [2, 4, 8] {
        let jobs = system(workers);
        for _ in 0..100 {
            let barrier = Barrier::new(workers);
            jobs.run(|cx| {
                cx.par_for(0..3 * workers, |_, _| _ = barrier.wait());
                cx.with_grain(1)
                    .par_for(0..100 * workers, |_, _| _ = barrier.wait());
            });
        }
    }
}

#[test]
fn a_long_loop_is_shared_sooner_or_later() {
    let _watchdog = watch();
    let jobs = system(2);
    let threads_of_a_loop = || {
        let threads = Mutex::new(HashSet::new());
        jobs.run(|cx| {
            cx.par_for_init(
                0..100_000,
                || _ = threads.lock().unwrap().insert(thread::current().id()),
                |_, (), index| _ = std::hint::black_box((0..100).fold(index, |a, b| a ^ b)),
            );
        });
        threads.into_inner().unwrap().len()
    };
    while threads_of_a_loop() < 2 {}
}

#[test]
fn a_short_loop_of_cheap_elements_starts_no_job() {
    let _watchdog = watch();
    let jobs = system(2);
    // More than a few; quick enough also where nothing is optimized.
    let mut items = vec![0; 100];
    // Unless the thread is held up in the middle.
    let mut started = || {
        let before = jobs.stats().jobs();
        jobs.run(|cx| cx.par_for_each(&mut items, |_, index, item| *item += index));
        jobs.stats().jobs() - before
    };
    while started() != 1 {}
}

#[test]
fn the_jobs_of_a_loop_are_said_to_be_spawned_where_it_is_called() {
    let _watchdog = watch();
    let jobs = system(2);
    let barrier = Barrier::new(2);
    let seen = Mutex::new(vec![]);
    let look = |cx: &Context<'_>, _: usize| {
        barrier.wait();
        seen.lock().unwrap().push(format!("{cx:?}"));
    };
    let here = |line: u32| format!("{}:{line}:", file!());
    let mut places = vec![];
    let mut items = [0; 2];
    jobs.run(|cx| {
        cx.par_for(0..2, look);
        places.push(line!() - 1);
        cx.par_for_each(&mut items, |cx, index, _| look(cx, index));
        places.push(line!() - 1);
        cx.par_chunks_mut(&mut items, 1, |cx, index, _| look(cx, index));
        places.push(line!() - 1);
        cx.par_map_reduce(0..2, || (), look, |(), ()| ());
        places.push(line!() - 1);
        cx.with_grain(1).par_for(0..2, look);
        places.push(line!() - 1);
        let loops = cx.with_grain(1);
        loops.par_for_each(&mut items, |cx, index, _| look(cx, index));
        places.push(line!() - 1);
        loops.par_chunks_mut(&mut items, 1, |cx, index, _| look(cx, index));
        places.push(line!() - 1);
        loops.par_map_reduce(0..2, || (), look, |(), ()| ());
        places.push(line!() - 1);
    });
    let seen = seen.into_inner().unwrap();
    for (line, of_one_loop) in places.into_iter().zip(seen.chunks(2)) {
        let place = here(line);
        assert!(
            of_one_loop.iter().any(|job| job.contains(&place)),
            "{place} {of_one_loop:?}"
        );
    }
}
