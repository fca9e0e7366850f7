//! A panic in a loop: it reaches the caller when all borrows have ended, and nothing runs or is
//! dropped twice.
#![forbid(unsafe_code)]

mod common;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use common::{OnDrop, WORKERS, quiet_panic, system, system_with_panics, watch};
use rustfiber::Context;

/// How a loop is split: on demand, in single elements, in pieces, not at all.
const GRAINS: [Option<usize>; 4] = [None, Some(1), Some(7), Some(usize::MAX)];

fn par_for(
    cx: &Context<'_>,
    grain: Option<usize>,
    length: usize,
    f: impl Fn(&Context<'_>, usize) + Sync,
) {
    match grain {
        Some(grain) => cx.with_grain(grain).par_for(0..length, f),
        None => cx.par_for(0..length, f),
    }
}

fn par_map_reduce<R: Send>(
    cx: &Context<'_>,
    grain: Option<usize>,
    length: usize,
    identity: impl Fn() -> R + Sync,
    map: impl Fn(&Context<'_>, usize) -> R + Sync,
    reduce: impl Fn(R, R) -> R + Sync,
) -> R {
    match grain {
        Some(grain) => cx
            .with_grain(grain)
            .par_map_reduce(0..length, identity, map, reduce),
        None => cx.par_map_reduce(0..length, identity, map, reduce),
    }
}

/// The message of the panic that `f` ends with.
fn caught<R>(f: impl FnOnce() -> R) -> &'static str {
    match catch_unwind(AssertUnwindSafe(f)) {
        Ok(_) => panic!("it was to panic"),
        Err(payload) => *payload.downcast().expect("a literal"),
    }
}

/// Calls `test` with each number of workers, each way to split and some lengths.
fn in_all_ways(test: impl Fn(usize, Option<usize>, usize)) {
    let _watchdog = watch();
    for workers in WORKERS {
        for grain in GRAINS {
            for length in [1, 2, 50, 64, 65, 300, 5_000] {
                test(workers, grain, length);
            }
        }
    }
}

#[test]
fn a_panic_of_one_element_reaches_the_caller_when_no_other_is_under_way() {
    in_all_ways(|workers, grain, length| {
        let jobs = system(workers);
        for bad in [0, 1, length / 2, length - 1] {
            let bad = bad.min(length - 1);
            let calls: Vec<AtomicUsize> = (0..length).map(|_| AtomicUsize::new(0)).collect();
            let under_way = AtomicUsize::new(0);
            jobs.run(|cx| {
                let message = caught(|| {
                    par_for(cx, grain, length, |_, index| {
                        under_way.fetch_add(1, Ordering::Relaxed);
                        let _ends = OnDrop(|| _ = under_way.fetch_sub(1, Ordering::Release));
                        calls[index].fetch_add(1, Ordering::Relaxed);
                        if index == bad {
                            quiet_panic("bad");
                        }
                    });
                });
                assert_eq!(message, "bad");
                assert_eq!(under_way.load(Ordering::Acquire), 0);
            });
            let calls: Vec<usize> = calls.into_iter().map(AtomicUsize::into_inner).collect();
            assert_eq!(calls[bad], 1);
            assert!(calls.iter().all(|&calls| calls <= 1));
        }
    });
}

#[test]
fn each_panic_is_handed_on_or_reported() {
    in_all_ways(|workers, grain, length| {
        let (jobs, panics) = system_with_panics(workers);
        let thrown = AtomicUsize::new(0);
        let message = caught(|| {
            jobs.run(|cx| {
                par_for(cx, grain, length, |_, _| {
                    thrown.fetch_add(1, Ordering::Relaxed);
                    quiet_panic("bad");
                });
            });
        });
        assert_eq!(message, "bad");
        assert_eq!(panics.sorted(), vec!["bad"; thrown.into_inner() - 1]);
    });
}

#[test]
fn what_was_not_begun_when_an_element_panicked_is_left_out() {
    let _watchdog = watch();
    let jobs = system(1);
    for grain in [None, Some(1), Some(7)] {
        for length in [50, 5_000] {
            let calls = AtomicUsize::new(0);
            let message = caught(|| {
                jobs.run(|cx| {
                    par_for(cx, grain, length, |_, _| {
                        calls.fetch_add(1, Ordering::Relaxed);
                        quiet_panic("bad");
                    });
                });
            });
            assert_eq!(message, "bad");
            assert_eq!(
                calls.into_inner(),
                1,
                "of {length} elements, grain {grain:?}"
            );
        }
    }
}

#[test]
fn what_was_split_off_before_an_element_panicked_is_left_out() {
    let _watchdog = watch();
    // Alone, the worker goes from left to right.
    let jobs = system(1);
    for (grain, bad) in [(None, 200_000), (None, 999_999), (Some(100), 5_050)] {
        let calls = AtomicUsize::new(0);
        let message = caught(|| {
            jobs.run(|cx| {
                par_for(cx, grain, 1_000_000, |_, index| {
                    calls.fetch_add(1, Ordering::Relaxed);
                    if index == bad {
                        quiet_panic("bad");
                    }
                });
            });
        });
        assert_eq!(message, "bad");
        assert_eq!(calls.into_inner(), bad + 1);
    }
}

#[test]
fn what_was_not_begun_when_two_results_were_put_together_is_left_out() {
    let _watchdog = watch();
    let jobs = system(1);
    let calls = AtomicUsize::new(0);
    let message = caught(|| {
        jobs.run(|cx| {
            let map = |_: &Context<'_>, _| calls.fetch_add(1, Ordering::Relaxed) + 1;
            let reduce = |left, right| match left {
                0 => right,
                _ => quiet_panic("bad"),
            };
            cx.with_grain(1).par_map_reduce(0..100, || 0, map, reduce);
        });
    });
    assert_eq!(message, "bad");
    // A hundred: 25, of them 12, of them 6, of them 3, of which two are the first to meet.
    assert_eq!(calls.into_inner(), 3);
}

#[test]
fn what_is_under_way_when_an_element_panics_elsewhere_ends() {
    let _watchdog = watch();
    for workers in [2, 8] {
        let (jobs, _panics) = system_with_panics(workers);
        let right_is_under_way = AtomicBool::new(false);
        let message = caught(|| {
            jobs.run(|cx| {
                // Too many to wait for, left and right.
                cx.par_for(0..usize::MAX, |_, index| {
                    if index > usize::MAX / 2 {
                        right_is_under_way.store(true, Ordering::Relaxed);
                    } else if index < 1_000_000_000_000
                        && right_is_under_way.load(Ordering::Relaxed)
                    {
                        quiet_panic("bad");
                    }
                });
            });
        });
        assert_eq!(message, "bad");
    }
}

#[test]
fn what_is_under_way_on_the_same_worker_ends_too() {
    let _watchdog = watch();
    let (jobs, _panics) = system_with_panics(1);
    let right_is_under_way = AtomicBool::new(false);
    let left_panics = AtomicBool::new(false);
    let queued = AtomicBool::new(false);
    let message = caught(|| {
        jobs.run(|cx| {
            cx.par_for(0..usize::MAX, |cx, index| {
                if index > usize::MAX / 2 {
                    right_is_under_way.store(true, Ordering::Relaxed);
                } else if right_is_under_way.load(Ordering::Relaxed) {
                    left_panics.store(true, Ordering::Relaxed);
                    quiet_panic("bad");
                }
                if !left_panics.load(Ordering::Relaxed) {
                    cx.yield_now();
                }
                if left_panics.load(Ordering::Relaxed) && !queued.swap(true, Ordering::Relaxed) {
                    // With this in the queue, and nobody to take it, nothing is split off any more.
                    cx.spawn(|_| ());
                }
            });
        });
    });
    assert_eq!(message, "bad");
}

#[test]
fn slices_are_the_callers_again_after_a_panic() {
    in_all_ways(|workers, grain, length| {
        let jobs = system(workers);
        let mut items: Vec<(usize, Box<usize>)> = (0..length).map(|n| (0, Box::new(n))).collect();
        let bad = length / 2;
        let visit = |_: &Context<'_>, index: usize, item: &mut (usize, Box<usize>)| {
            if index == bad {
                quiet_panic("bad");
            }
            *item = (item.0 + 1, Box::new(*item.1 + 1));
        };
        let message = jobs.run(|cx| {
            caught(|| match grain {
                Some(grain) => cx.with_grain(grain).par_for_each(&mut items, visit),
                None => cx.par_for_each(&mut items, visit),
            })
        });
        assert_eq!(message, "bad");
        for (index, (calls, item)) in items.into_iter().enumerate() {
            assert!(calls <= 1 && *item == index + calls && (index != bad || calls == 0));
        }
    });
}

/// A value that is counted as long as it lives.
struct Counted<'a>(&'a AtomicUsize);

impl<'a> Counted<'a> {
    fn new(living: &'a AtomicUsize) -> Self {
        living.fetch_add(1, Ordering::Relaxed);
        Self(living)
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        let before = self.0.fetch_sub(1, Ordering::Relaxed);
        assert_ne!(before, 0, "a value was dropped twice");
    }
}

/// Panics at its `nth` call, counted from 0.
fn panic_at(calls: &AtomicUsize, nth: usize) {
    if calls.fetch_add(1, Ordering::Relaxed) == nth {
        quiet_panic("bad");
    }
}

#[test]
fn results_are_dropped_once_whichever_closure_panics() {
    // Large ones travel in boxes.
    fn test<const SIZE: usize>(workers: usize, grain: Option<usize>, length: usize) {
        let jobs = system(workers);
        for closure in 0..4 {
            for nth in [0, 1, length / 2] {
                let (living, calls) = (AtomicUsize::new(0), AtomicUsize::new(0));
                let new = || (Counted::new(&living), [0_u8; SIZE]);
                let panic_in = |this: usize| {
                    if closure == this {
                        panic_at(&calls, nth);
                    }
                };
                let result = catch_unwind(AssertUnwindSafe(|| {
                    jobs.run(|cx| {
                        let identity = || {
                            panic_in(1);
                            new()
                        };
                        let map = |_: &Context<'_>, _| {
                            panic_in(2);
                            new()
                        };
                        let reduce = |left, _right| {
                            panic_in(3);
                            left
                        };
                        par_map_reduce(cx, grain, length, identity, map, reduce)
                    })
                }));
                let panicked = result.is_err();
                assert_eq!(living.load(Ordering::Relaxed), usize::from(!panicked));
                drop(result);
                assert_eq!(living.into_inner(), 0);
                assert_eq!(panicked, calls.into_inner() > nth, "closure {closure}");
            }
        }
    }
    in_all_ways(test::<0>);
    in_all_ways(test::<1_000>);
}

#[test]
fn states_are_dropped_once_whichever_closure_panics() {
    in_all_ways(|workers, grain, length| {
        for closure in 0..3 {
            for nth in [0, 1, length / 2] {
                let (jobs, _panics) = system_with_panics(workers);
                let (living, calls) = (AtomicUsize::new(0), AtomicUsize::new(0));
                let panic_in = |this: usize| {
                    if closure == this {
                        panic_at(&calls, nth);
                    }
                };
                let init = || {
                    panic_in(0);
                    (Counted::new(&living), OnDrop(|| panic_in(1)))
                };
                let f = |_: &Context<'_>, _: &mut (Counted<'_>, _), _| panic_in(2);
                let result = catch_unwind(AssertUnwindSafe(|| {
                    jobs.run(|cx| match grain {
                        Some(grain) => cx.with_grain(grain).par_for_init(0..length, init, f),
                        None => cx.par_for_init(0..length, init, f),
                    });
                }));
                assert_eq!(living.into_inner(), 0);
                assert_eq!(
                    result.is_err(),
                    calls.into_inner() > nth,
                    "closure {closure}"
                );
            }
        }
    });
}

#[test]
fn a_loop_in_a_destructor_runs_while_its_job_unwinds() {
    in_all_ways(|workers, grain, length| {
        let jobs = system(workers);
        let calls = AtomicUsize::new(0);
        let message = caught(|| {
            jobs.run(|cx| {
                let _loops = OnDrop(|| {
                    par_for(cx, grain, length, |cx, _| {
                        cx.yield_now();
                        calls.fetch_add(1, Ordering::Relaxed);
                    });
                });
                quiet_panic("outer");
            });
        });
        assert_eq!(message, "outer");
        assert_eq!(calls.into_inner(), length);
    });
}

#[test]
fn a_loop_after_a_caught_panic_runs_in_full() {
    in_all_ways(|workers, grain, length| {
        let (jobs, _panics) = system_with_panics(workers);
        let calls = AtomicUsize::new(0);
        jobs.run(|cx| {
            par_for(cx, grain, length.min(300), |cx, _| {
                let message = caught(|| par_for(cx, grain, length, |_, _| quiet_panic("inner")));
                assert_eq!(message, "inner");
                calls.fetch_add(1, Ordering::Relaxed);
            });
        });
        assert_eq!(calls.into_inner(), length.min(300));
    });
}
