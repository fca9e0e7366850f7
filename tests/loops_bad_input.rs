//! Loops over nothing, over the ends of the integers, and over what fits nowhere.
#![forbid(unsafe_code)]

mod common;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use common::{WORKERS, quiet_panic, system, system_with_panics, watch};
use rustfiber::{Context, JobSystem};

/// The text of the panic that `f` ends with in a job.
fn complaint(jobs: &JobSystem, f: impl FnOnce(&Context<'_>) + Send) -> String {
    let payload = catch_unwind(AssertUnwindSafe(|| jobs.run(f))).expect_err("it was to panic");
    match payload.downcast::<String>() {
        Ok(text) => *text,
        Err(payload) => (*payload.downcast::<&str>().expect("a text")).to_owned(),
    }
}

fn never(_: &Context<'_>, _: usize) {
    unreachable!("there is no element");
}

#[test]
fn an_empty_range_has_no_element_and_its_result_is_the_identity() {
    let _watchdog = watch();
    #[expect(clippy::reversed_empty_ranges, reason = "that is what is tested")]
    let empty = [0..0, 7..7, 7..3, usize::MAX..0, usize::MAX..usize::MAX];
    for workers in WORKERS {
        system(workers).run(|cx| {
            for range in empty.clone() {
                for grain in [1, usize::MAX] {
                    cx.with_grain(grain).par_for(range.clone(), never);
                }
                cx.par_for(range.clone(), never);
                let no_map = |_: &Context<'_>, _| unreachable!();
                let no_reduce = |_, _| unreachable!();
                assert_eq!(cx.par_map_reduce(range, || 42, no_map, no_reduce), 42);
            }
            cx.par_for_each(&mut [(); 0], |_, _, ()| unreachable!());
            cx.par_chunks_mut(&mut [(); 0], 3, |_, _, _| unreachable!());
        });
    }
}

#[test]
fn no_state_is_made_for_no_element() {
    let _watchdog = watch();
    system(2).run(|cx| {
        let init = || unreachable!();
        cx.par_for_init(0..0, init, |_, (), _| ());
        cx.par_for_each_init(&mut [0; 0], init, |_, (), _, _| ());
        cx.par_chunks_mut_init(&mut [0; 0], 1, init, |_, (), _, _| ());
        cx.par_map_reduce_init(0..0, init, || (), |_, (), _| (), |(), ()| ());
        let loops = cx.with_grain(1);
        loops.par_for_init(0..0, init, |_, (), _| ());
        loops.par_for_each_init(&mut [0; 0], init, |_, (), _, _| ());
        loops.par_chunks_mut_init(&mut [0; 0], 1, init, |_, (), _, _| ());
        loops.par_map_reduce_init(0..0, init, || (), |_, (), _| (), |(), ()| ());
    });
}

#[test]
fn a_grain_of_zero_is_refused_with_advice() {
    let _watchdog = watch();
    let text = complaint(&system(1), |cx| cx.with_grain(0).par_for(0..10, never));
    for part in ["grain of 0", "with_grain(1)", "without `with_grain`"] {
        assert!(text.contains(part), "{text}");
    }
}

#[test]
fn chunks_of_zero_elements_are_refused_with_advice() {
    let _watchdog = watch();
    let jobs = system(1);
    for length in [0, 10] {
        let text = complaint(&jobs, |cx| {
            cx.par_chunks_mut(&mut vec![0; length], 0, |_, _, _| unreachable!());
        });
        for part in ["chunks of 0", "`chunk_len`", "at least 1"] {
            assert!(text.contains(part), "{text}");
        }
        let text = complaint(&jobs, |cx| {
            let mut items = vec![0; length];
            let loops = cx.with_grain(1);
            loops.par_chunks_mut(&mut items, 0, |_, _, _| unreachable!());
        });
        assert!(text.contains("chunks of 0"), "{text}");
    }
}

#[test]
fn ranges_at_the_end_of_the_integers_are_like_any_other() {
    let _watchdog = watch();
    for workers in WORKERS {
        let jobs = system(workers);
        for length in [1, 10, 63, 64, 65, 1_000, 10_000] {
            let start = usize::MAX - length;
            let calls: Vec<AtomicUsize> = (0..length).map(|_| AtomicUsize::new(0)).collect();
            let count = |_: &Context<'_>, index: usize| {
                calls[index - start].fetch_add(1, Ordering::Relaxed);
            };
            jobs.run(|cx| {
                cx.par_for(start..usize::MAX, count);
                for grain in [1, 7, usize::MAX] {
                    cx.with_grain(grain).par_for(start..usize::MAX, count);
                }
                let highest =
                    cx.par_map_reduce(start..usize::MAX, || 0, |_, index| index, usize::max);
                assert_eq!(highest, usize::MAX - 1);
            });
            assert!(calls.into_iter().all(|calls| calls.into_inner() == 4));
        }
    }
}

#[test]
fn a_range_of_all_integers_ends_with_an_early_panic() {
    let _watchdog = watch();
    for workers in WORKERS {
        let jobs = system(workers);
        for early in [0, 1, 100] {
            let stop = |_: &Context<'_>, index: usize| {
                if index == early {
                    quiet_panic("stop");
                }
            };
            let text = complaint(&jobs, |cx| cx.par_for(0..usize::MAX, stop));
            assert_eq!(text, "stop");
            for grain in [1, 3, 1_000] {
                let text = complaint(&jobs, |cx| {
                    cx.with_grain(grain).par_for(0..usize::MAX, stop)
                });
                assert_eq!(text, "stop");
            }
        }
    }
}

#[test]
fn elements_without_a_size_are_counted_like_others() {
    let _watchdog = watch();
    for workers in WORKERS {
        let jobs = system(workers);
        for length in [1, 64, 65, 1_000, 100_000] {
            let (calls, indices) = (AtomicUsize::new(0), AtomicUsize::new(0));
            let count = |index: usize, elements: usize| {
                calls.fetch_add(elements, Ordering::Relaxed);
                indices.fetch_add(index, Ordering::Relaxed);
            };
            let mut items = vec![(); length];
            jobs.run(|cx| {
                cx.par_for_each(&mut items, |_, index, ()| count(index, 1));
                cx.with_grain(100)
                    .par_for_each(&mut items, |_, index, ()| count(index, 1));
            });
            assert_eq!(calls.swap(0, Ordering::Relaxed), 2 * length);
            assert_eq!(indices.swap(0, Ordering::Relaxed), length * (length - 1));
            jobs.run(|cx| {
                cx.par_chunks_mut(&mut items, 3, |_, index, chunk| count(index, chunk.len()));
                let loops = cx.with_grain(100);
                loops.par_chunks_mut(&mut items, 3, |_, index, chunk| count(index, chunk.len()));
            });
            let chunks = length.div_ceil(3);
            assert_eq!(calls.into_inner(), 2 * length);
            assert_eq!(indices.into_inner(), chunks * (chunks - 1));
        }
    }
}

#[test]
fn a_slice_of_as_many_elements_as_there_are_integers_ends_with_an_early_panic() {
    let _watchdog = watch();
    let jobs = system(2);
    let mut items = [(); usize::MAX];
    let text = complaint(&jobs, |cx| {
        cx.par_for_each(&mut items, |_, index, ()| {
            if index == 1_000 {
                quiet_panic("stop");
            }
        });
    });
    assert_eq!(text, "stop");
    // Two chunks, the second of one element.
    let lengths = Mutex::new(vec![]);
    jobs.run(|cx| {
        cx.par_chunks_mut(&mut items, usize::MAX - 1, |_, index, chunk| {
            lengths.lock().unwrap().push((index, chunk.len()));
        });
    });
    let mut lengths = lengths.into_inner().unwrap();
    lengths.sort_unstable();
    assert_eq!(lengths, [(0, usize::MAX - 1), (1, 1)]);
}

/// Larger than anything that is kept in place.
type Large = [u64; 512];

fn add(mut left: Large, right: Large) -> Large {
    for (left, right) in left.iter_mut().zip(right) {
        *left += right;
    }
    left
}

#[test]
fn closures_and_results_may_be_large() {
    let _watchdog = watch();
    for workers in WORKERS {
        let jobs = system(workers);
        let large: Large = std::array::from_fn(|n| n as u64);
        let map = move |_: &Context<'_>, index: usize| large.map(|n| n + index as u64);
        for length in [0, 1, 64, 65, 3_000] {
            let total = (0..length as u64).sum::<u64>();
            let expected = large.map(|n| n * length as u64 + total);
            jobs.run(|cx| {
                let sum = cx.par_map_reduce(0..length, || [0; 512], map, add);
                assert_eq!(sum, expected);
                for grain in [1, 100] {
                    let loops = cx.with_grain(grain);
                    let sum = loops.par_map_reduce(0..length, || [0; 512], map, add);
                    assert_eq!(sum, expected);
                }
                let calls = AtomicUsize::new(0);
                cx.par_for_each_init(
                    &mut vec![large; length.min(100)],
                    move || large,
                    |cx, state, _, item| {
                        assert_eq!(state, item);
                        cx.par_for(0..1, |_, _| _ = calls.fetch_add(1, Ordering::Relaxed));
                    },
                );
                assert_eq!(calls.into_inner(), length.min(100));
            });
        }
    }
}

#[test]
fn large_results_survive_a_deep_tree() {
    let _watchdog = watch();
    // The tree is as deep as it can be; what a frame of it holds does not depend on the result.
    let (jobs, _panics) = system_with_panics(2);
    let text = complaint(&jobs, |cx| {
        let map = |_: &Context<'_>, _| -> Large { quiet_panic("stop") };
        cx.with_grain(1)
            .par_map_reduce(0..usize::MAX, || [0; 512], map, add);
    });
    assert_eq!(text, "stop");
}
