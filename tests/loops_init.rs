//! The pieces of a loop, seen through their states: how large they are, who has them, in which tree
//! they are reduced.
#![forbid(unsafe_code)]

mod common;

use std::cell::Cell;
use std::collections::HashSet;
use std::ops::Range;
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, ThreadId};

use common::{WORKERS, system, watch};
use rustfiber::Context;

/// The lengths of all pieces of a loop, and how many states were made.
fn pieces(run: impl FnOnce(&(dyn Fn() -> Piece + Sync))) -> (Vec<usize>, usize) {
    let made = AtomicUsize::new(0);
    let ended = Arc::new(Mutex::new(vec![]));
    run(&|| {
        made.fetch_add(1, Ordering::Relaxed);
        let ended = Arc::clone(&ended);
        Piece { calls: 0, ended }
    });
    let lengths = std::mem::take(&mut *ended.lock().unwrap());
    (lengths, made.into_inner())
}

/// Counts the elements of its piece.
struct Piece {
    calls: usize,
    ended: Arc<Mutex<Vec<usize>>>,
}

impl Drop for Piece {
    fn drop(&mut self) {
        self.ended.lock().unwrap().push(self.calls);
    }
}

fn count(_: &Context<'_>, piece: &mut Piece, _: usize) {
    piece.calls += 1;
}

#[test]
fn pieces_have_at_most_the_grain_and_are_all_elements_together() {
    let _watchdog = watch();
    for workers in WORKERS {
        let jobs = system(workers);
        for length in [1, 2, 5, 64, 65, 1_000] {
            for grain in [1, 2, 3, 10, 64, 999, usize::MAX] {
                let (lengths, made) = pieces(|init| {
                    jobs.run(|cx| cx.with_grain(grain).par_for_init(0..length, init, count));
                });
                assert_eq!(lengths.iter().sum::<usize>(), length);
                assert!(lengths.iter().all(|&piece| (1..=grain).contains(&piece)));
                assert_eq!(lengths.len(), made);

                let mut items = vec![0; length];
                let (lengths, _) = pieces(|init| {
                    jobs.run(|cx| {
                        let loops = cx.with_grain(grain);
                        loops.par_for_each_init(&mut items, init, |cx, s, i, _| count(cx, s, i));
                    });
                });
                assert_eq!(lengths.iter().sum::<usize>(), length);
                assert!(lengths.iter().all(|&piece| (1..=grain).contains(&piece)));

                let (lengths, _) = pieces(|init| {
                    jobs.run(|cx| {
                        let loops = cx.with_grain(grain);
                        loops.par_chunks_mut_init(&mut items, 3, init, |cx, s, i, _| {
                            count(cx, s, i)
                        });
                    });
                });
                assert_eq!(lengths.iter().sum::<usize>(), length.div_ceil(3));
                assert!(lengths.iter().all(|&piece| (1..=grain).contains(&piece)));
            }
        }
    }
}

#[test]
fn few_elements_are_a_piece_each() {
    let _watchdog = watch();
    for workers in WORKERS {
        let jobs = system(workers);
        for length in [1, 2, 63, 64] {
            let (lengths, _) =
                pieces(|init| jobs.run(|cx| cx.par_for_init(0..length, init, count)));
            assert_eq!(lengths, vec![1; length]);
        }
    }
    // Eight for each worker, where those are more than 64.
    let jobs = system(16);
    let (lengths, _) = pieces(|init| jobs.run(|cx| cx.par_for_init(0..128, init, count)));
    assert_eq!(lengths, [1; 128]);
}

#[test]
fn a_state_is_made_for_every_piece_and_for_no_empty_one() {
    let _watchdog = watch();
    for workers in WORKERS {
        let jobs = system(workers);
        for length in [65, 200, 1_000, 100_000] {
            let (lengths, made) = pieces(|init| {
                jobs.run(|cx| {
                    cx.par_for_init(0..length, init, |cx, piece, index| {
                        // Now and then, one that is worth a share.
                        if index % 50 == 0 {
                            cx.yield_now();
                            std::hint::black_box(
                                (0..1_000).map(std::hint::black_box).sum::<usize>(),
                            );
                        }
                        count(cx, piece, index);
                    });
                });
            });
            assert_eq!(lengths.iter().sum::<usize>(), length);
            assert!(made >= 1 && made == lengths.len() && lengths.iter().all(|&piece| piece > 0));
        }
    }
}

struct Private {
    in_use: bool,
    made_on: ThreadId,
}

impl Private {
    fn new() -> Self {
        Self {
            in_use: false,
            made_on: thread::current().id(),
        }
    }

    /// Uses the state across a switch.
    fn use_across(&mut self, f: impl FnOnce()) {
        assert!(!self.in_use, "two elements have one state");
        self.in_use = true;
        f();
        self.in_use = false;
    }
}

#[test]
fn a_loop_of_which_nobody_takes_a_share_is_halved_and_no_more() {
    let _watchdog = watch();
    let jobs = system(1);
    let (lengths, _) = pieces(|init| jobs.run(|cx| cx.par_for_init(0..1_000_000, init, count)));
    // What ran before the first split, half of the rest, half of that, and so on, down to two
    // pieces of one element at most.
    let halvings = 1_000_000_usize.next_power_of_two().ilog2() as usize;
    assert!(lengths.len() <= 1 + halvings + 1, "{lengths:?}");
}

#[test]
fn a_state_need_not_be_send() {
    let _watchdog = watch();
    for workers in WORKERS {
        let jobs = system(workers);
        for length in [64, 65, 2_000] {
            let sum = jobs.run(|cx| {
                let map = |_: &Context<'_>, state: &mut Rc<Cell<usize>>, index| {
                    let other = Rc::clone(state);
                    other.set(index);
                    state.get()
                };
                cx.par_map_reduce_init(0..length, Rc::default, || 0, map, |a, b| a + b)
            });
            assert_eq!(sum, length * (length - 1) / 2);
        }
    }
}

#[test]
fn no_two_elements_have_a_state_at_the_same_time() {
    let _watchdog = watch();
    for workers in WORKERS {
        let jobs = system(workers);
        for length in [10, 64, 65, 2_000] {
            jobs.run(|cx| {
                let f = |cx: &Context<'_>, state: &mut Private, _| {
                    state.use_across(|| cx.yield_now());
                };
                cx.par_for_init(0..length, Private::new, f);
                cx.with_grain(10).par_for_init(0..length, Private::new, f);
                let map = |cx: &Context<'_>, state: &mut Private, _| {
                    state.use_across(|| cx.yield_now());
                    1
                };
                let calls =
                    cx.par_map_reduce_init(0..length, Private::new, || 0, map, |a, b| a + b);
                assert_eq!(calls, length);
            });
        }
    }
}

#[test]
fn a_state_stays_on_the_thread_that_made_it() {
    let _watchdog = watch();
    for workers in WORKERS {
        let jobs = system(workers);
        for length in [64, 65, 2_000] {
            jobs.run(|cx| {
                let f = |cx: &Context<'_>, state: &mut Private, _| {
                    cx.yield_now();
                    assert_eq!(state.made_on, thread::current().id());
                };
                cx.par_for_init(0..length, Private::new, f);
                cx.with_grain(10).par_for_init(0..length, Private::new, f);
            });
        }
    }
}

/// The tree that the documentation describes.
fn tree(range: Range<usize>, grain: usize, map: &dyn Fn(usize) -> f64) -> f64 {
    if range.len() <= grain {
        return range.fold(0.0, |sum, index| sum + map(index));
    }
    let middle = range.start + range.len() / 2;
    tree(range.start..middle, grain, map) + tree(middle..range.end, grain, map)
}

#[test]
fn a_sum_of_floats_with_a_grain_is_the_same_to_the_last_bit() {
    let _watchdog = watch();
    let map = |index: usize| 1.0 / (index + 1) as f64;
    for length in [0, 1, 10, 64, 65, 1_000, 30_001] {
        for grain in [1, 3, 64, 1_000, usize::MAX] {
            let expected = tree(5..5 + length, grain, &map);
            for workers in WORKERS {
                let jobs = system(workers);
                for _ in 0..3 {
                    let sum = jobs.run(|cx| {
                        let map = |cx: &Context<'_>, index| {
                            if index % 100 == 0 {
                                cx.yield_now();
                            }
                            map(index)
                        };
                        let loops = cx.with_grain(grain);
                        loops.par_map_reduce(5..5 + length, || 0.0, map, |a, b| a + b)
                    });
                    assert_eq!(sum.to_bits(), expected.to_bits(), "{sum} {expected}");
                }
            }
        }
    }
    let trees = [1, 3, 64, 1_000].map(|grain| tree(5..30_006, grain, &map).to_bits());
    let different: HashSet<u64> = trees.into_iter().collect();
    assert!(different.len() > 1, "the test can't see what tree it is");
}

#[test]
fn the_identity_is_called_once_a_piece() {
    let _watchdog = watch();
    for workers in WORKERS {
        let jobs = system(workers);
        for length in [0, 1, 64, 65, 10_000] {
            let (states, identities) = (AtomicUsize::new(0), AtomicUsize::new(0));
            jobs.run(|cx| {
                cx.par_map_reduce_init(
                    0..length,
                    || _ = states.fetch_add(1, Ordering::Relaxed),
                    || _ = identities.fetch_add(1, Ordering::Relaxed),
                    |_, (), _| (),
                    |(), ()| (),
                );
            });
            assert_eq!(identities.into_inner(), states.into_inner().max(1));
        }
    }
}
