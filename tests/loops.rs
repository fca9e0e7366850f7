//! Parallel loops: each element once, whatever the length, the grain and the number of workers.
#![forbid(unsafe_code)]

mod common;

use std::sync::Barrier;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use common::{WORKERS, system, watch};
use rustfiber::Context;

/// With more workers than most machines have cores.
const MANY_WORKERS: [usize; 4] = [1, 2, 8, 64];

/// All small lengths, and some around which the loops change how they split.
fn lengths() -> impl Iterator<Item = usize> {
    (0..=200).chain([511, 512, 513, 1_000, 4_099, 100_003])
}

const GRAINS: [usize; 4] = [1, 3, 64, usize::MAX];

fn each_grain(length: usize) -> impl Iterator<Item = usize> {
    // Thousands of jobs of one element show nothing new.
    GRAINS
        .into_iter()
        .filter(move |&grain| length / grain <= 5_000)
}

#[test]
fn par_for_calls_each_index_once() {
    let _watchdog = watch();
    for workers in MANY_WORKERS {
        let jobs = system(workers);
        for length in lengths() {
            let calls: Vec<AtomicUsize> = (0..length).map(|_| AtomicUsize::new(0)).collect();
            let count =
                |_: &Context<'_>, index: usize| _ = calls[index].fetch_add(1, Ordering::Relaxed);
            let mut loops = 1;
            jobs.run(|cx| {
                cx.par_for(0..length, count);
                for grain in each_grain(length) {
                    cx.with_grain(grain).par_for(0..length, count);
                    loops += 1;
                }
            });
            for (index, calls) in calls.into_iter().enumerate() {
                assert_eq!(
                    calls.into_inner(),
                    loops,
                    "{index} of {length}, {workers} workers"
                );
            }
        }
    }
}

/// The second loop's first element waits for one of its second half.
#[test]
fn a_loop_that_was_long_before_is_shared_before_its_first_element() {
    const LEN: usize = 1_000;
    let _watchdog = watch();
    let jobs = system(2);
    jobs.run(|cx| {
        let both = Barrier::new(2);
        for loops_before in 0..10 {
            cx.par_for(0..LEN, |_, index| {
                if loops_before > 0 && (index == 0 || index == LEN / 2) {
                    both.wait();
                }
                if index == 0 {
                    let begun = Instant::now();
                    while begun.elapsed() < Duration::from_millis(1) {}
                }
            });
        }
    });
}

#[test]
fn par_for_each_lends_each_element_once_with_its_index() {
    let _watchdog = watch();
    for workers in MANY_WORKERS {
        let jobs = system(workers);
        for length in lengths() {
            let mut items: Vec<(usize, usize)> = vec![(0, 0); length];
            let visit = |_: &Context<'_>, index: usize, item: &mut (usize, usize)| {
                *item = (item.0 + index, item.1 + 1);
            };
            let mut loops = 1;
            jobs.run(|cx| {
                cx.par_for_each(&mut items, visit);
                for grain in each_grain(length) {
                    cx.with_grain(grain).par_for_each(&mut items, visit);
                    loops += 1;
                }
            });
            assert!(
                items
                    .into_iter()
                    .enumerate()
                    .all(|(n, item)| item == (n * loops, loops))
            );
        }
    }
}

#[test]
fn par_chunks_mut_lends_each_chunk_once_with_its_index() {
    let _watchdog = watch();
    for workers in WORKERS {
        let jobs = system(workers);
        for length in lengths() {
            for chunk_len in [1, 2, 7, 64, 1_000, usize::MAX] {
                let mut items: Vec<(usize, usize, usize)> = vec![(0, 0, 0); length];
                let visit = |_: &Context<'_>, index: usize, chunk: &mut [(usize, usize, usize)]| {
                    let len = chunk.len();
                    for item in chunk {
                        *item = (item.0 + index, item.1 + len, item.2 + 1);
                    }
                };
                let mut loops = 1;
                jobs.run(|cx| {
                    cx.par_chunks_mut(&mut items, chunk_len, visit);
                    for grain in each_grain(length.div_ceil(chunk_len)) {
                        cx.with_grain(grain)
                            .par_chunks_mut(&mut items, chunk_len, visit);
                        loops += 1;
                    }
                });
                for (n, chunk) in items.chunks(chunk_len).enumerate() {
                    assert!(
                        chunk
                            .iter()
                            .all(|item| *item == (n * loops, chunk.len() * loops, loops))
                    );
                }
            }
        }
    }
}

#[test]
fn par_map_reduce_keeps_the_order() {
    let _watchdog = watch();
    let concat = |left: String, right: String| left + &right;
    for workers in MANY_WORKERS {
        let jobs = system(workers);
        for length in lengths() {
            let expected: String = (0..length).map(|n| format!("{n} ")).collect();
            let map = |_: &Context<'_>, n: usize| format!("{n} ");
            jobs.run(|cx| {
                let text = cx.par_map_reduce(0..length, String::new, map, concat);
                assert_eq!(text, expected);
                for grain in each_grain(length) {
                    let loops = cx.with_grain(grain);
                    let text = loops.par_map_reduce(0..length, String::new, map, concat);
                    assert_eq!(text, expected);
                }
            });
        }
    }
}

#[test]
fn few_elements_meet_at_a_barrier() {
    let _watchdog = watch();
    for workers in [2, 4, 8] {
        let jobs = system(workers);
        for _ in 0..100 {
            let barrier = Barrier::new(workers);
            let mut items = vec![0; workers];
            jobs.run(|cx| {
                cx.par_for(0..workers, |_, _| _ = barrier.wait());
                cx.with_grain(1)
                    .par_for(0..workers, |_, _| _ = barrier.wait());
                cx.par_for_each(&mut items, |_, _, _| _ = barrier.wait());
                cx.par_chunks_mut(&mut items, 1, |_, _, _| _ = barrier.wait());
                cx.par_map_reduce(0..workers, || (), |_, _| _ = barrier.wait(), |(), ()| ());
            });
        }
    }
}
