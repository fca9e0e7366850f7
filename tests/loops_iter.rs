//! Parallel iterators give what the standard library's give, in its order.
#![forbid(unsafe_code)]

mod common;

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};

use common::{OnDrop, WORKERS, quiet_panic, system, watch};
use rustfiber::{Context, Event};

/// Runs the code for each number of workers, some lengths, and each way to split: `$iter` is a
/// parallel iterator over `$items`, and `$same` has the same elements.
macro_rules! in_all_ways {
    ($items:ident: $par:ident => |$iter:ident, $same:ident| $test:block) => {
        let _watchdog = watch();
        for workers in WORKERS {
            let jobs = system(workers);
            for length in [0, 1, 2, 63, 64, 65, 300, 5_000, 100_003] {
                #[allow(unused_mut)]
                let mut $items: Vec<u64> = (0..length).map(|n| n * 7919 % 1009).collect();
                #[allow(unused_mut)]
                let mut $same = $items.clone();
                jobs.run(|cx| {
                    let $iter = cx.$par(borrow!($par $items));
                    $test
                });
                for grain in [1, 7, usize::MAX] {
                    jobs.run(|cx| {
                        let $iter = cx.with_grain(grain).$par(borrow!($par $items));
                        $test
                    });
                }
            }
        }
    };
}

macro_rules! borrow {
    (par_iter $items:ident) => {
        &$items
    };
    (par_iter_mut $items:ident) => {
        &mut $items
    };
}

#[test]
fn collect_keeps_the_order() {
    in_all_ways!(items: par_iter => |iter, same| {
        let expected: Vec<&u64> = same.iter().collect();
        assert_eq!(iter.collect::<Vec<_>>(), expected);
    });
}

#[test]
fn collections_of_other_kinds() {
    in_all_ways!(items: par_iter => |iter, same| {
        let set = |n: &u64| (*n < 1_000).then(|| n.to_string()).ok_or(*n);
        let expected: Result<BTreeSet<String>, u64> = same.iter().map(set).collect();
        assert_eq!(iter.map(|_, n| set(n)).collect::<Result<BTreeSet<_>, _>>(), expected);
    });
}

#[test]
fn a_pipe_of_all_parts() {
    in_all_ways!(items: par_iter => |iter, same| {
        let expected: Vec<(usize, String)> = same
            .iter()
            .enumerate()
            .filter(|(_, n)| **n % 3 != 0)
            .filter_map(|(i, n)| n.checked_sub(100).map(|n| (i, n.to_string())))
            .collect();
        let found: Vec<(usize, String)> = iter
            .filter(|_, n| **n % 3 != 0)
            .filter_map(|_, n| n.checked_sub(100))
            .map(|_, n| n.to_string())
            .with_index()
            .collect();
        assert_eq!(found, expected);
    });
}

#[test]
fn sums() {
    in_all_ways!(items: par_iter => |iter, same| {
        assert_eq!(iter.sum::<u64>(), same.iter().sum());
    });
}

#[test]
fn counts() {
    in_all_ways!(items: par_iter => |iter, same| {
        let expected = same.iter().filter(|n| **n > 500).count();
        assert_eq!(iter.filter(|_, n| **n > 500).count(), expected);
    });
}

/// Of equal items the same one as in the standard library: they differ in their index.
#[test]
fn the_least_is_the_first_of_several() {
    in_all_ways!(items: par_iter => |iter, _same| {
        let address = |n: Option<&u64>| n.map(|n| std::ptr::from_ref(n).addr());
        assert_eq!(address(iter.min()), address(items.iter().min()));
    });
}

#[test]
fn the_greatest_is_the_last_of_several() {
    in_all_ways!(items: par_iter => |iter, _same| {
        let address = |n: Option<&u64>| n.map(|n| std::ptr::from_ref(n).addr());
        assert_eq!(address(iter.max()), address(items.iter().max()));
    });
}

#[test]
fn reduce_keeps_the_order() {
    in_all_ways!(items: par_iter => |iter, same| {
        let expected: String = same.iter().map(|n| format!("{n} ")).collect();
        let text = iter
            .map(|_, n| format!("{n} "))
            .reduce(String::new, |left, right| left + &right);
        assert_eq!(text, expected);
    });
}

#[test]
fn for_each_lends_each_item_once() {
    in_all_ways!(items: par_iter_mut => |iter, same| {
        iter.with_index().for_each(|_, (index, item)| *item += index as u64);
        for (index, item) in same.iter_mut().enumerate() {
            *item += index as u64;
        }
        assert_eq!(items, same);
    });
}

#[test]
fn with_a_grain_the_sum_of_floats_is_the_same_for_any_number_of_workers() {
    let _watchdog = watch();
    let parts: Vec<f64> = (1..50_000).map(|n| 1.0 / f64::from(n)).collect();
    let sums: Vec<u64> = WORKERS
        .into_iter()
        .map(|workers| {
            let sum: f64 = system(workers).run(|cx| cx.with_grain(97).par_iter(&parts).sum());
            sum.to_bits()
        })
        .collect();
    assert!(sums.iter().all(|&sum| sum == sums[0]), "{sums:?}");
}

/// Also the sum of nothing is that of the standard library: negative zero.
#[test]
fn the_sum_of_no_floats() {
    let sum: f64 = system(1).run(|cx| cx.par_iter(&[0.0; 0]).sum());
    assert_eq!(sum.to_bits(), [0.0; 0].iter().sum::<f64>().to_bits());
}

#[test]
fn elements_without_a_size() {
    let _watchdog = watch();
    for workers in WORKERS {
        let units = vec![(); 1_000_000];
        assert_eq!(
            system(workers).run(|cx| cx.par_iter(&units).count()),
            units.len()
        );
    }
}

#[test]
fn closures_may_wait() {
    let _watchdog = watch();
    for workers in WORKERS {
        let last_runs = Event::manual();
        let indices: Vec<usize> = (0..60).collect();
        let woken: Vec<usize> = system(workers).run(|cx| {
            cx.par_iter(&indices)
                .filter(|cx, index| {
                    if **index == 59 {
                        last_runs.set();
                    }
                    last_runs.wait(cx);
                    true
                })
                .map(|cx, index| cx.join(|_| *index, |_| 0).0)
                .collect()
        });
        assert_eq!(woken, indices);
    }
}

#[test]
fn a_panic_drops_every_item_once() {
    let _watchdog = watch();
    for workers in WORKERS {
        let jobs = system(workers);
        let numbers: Vec<usize> = (0..5_000).collect();
        let (made, dropped) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let make = |_: &Context<'_>, n: &usize| {
            if *n == 2_500 {
                quiet_panic("no more");
            }
            made.fetch_add(1, Ordering::Relaxed);
            OnDrop(|| _ = dropped.fetch_add(1, Ordering::Relaxed))
        };
        let collect = || {
            jobs.run(|cx| {
                cx.with_grain(10)
                    .par_iter(&numbers)
                    .map(make)
                    .collect::<Vec<_>>()
                    .len()
            })
        };
        assert!(catch_unwind(AssertUnwindSafe(collect)).is_err());
        assert_eq!(
            made.load(Ordering::Relaxed),
            dropped.load(Ordering::Relaxed)
        );
    }
}

#[test]
fn debug_shows_length_and_grain() {
    system(1).run(|cx| {
        let whole = format!("{:?}", cx.par_iter(&[1, 2, 3]));
        assert_eq!(whole, "ParIter { len: 3, grain: None, .. }");
        let grained = format!("{:?}", cx.with_grain(2).par_iter_mut(&mut [1]));
        assert_eq!(grained, "ParIter { len: 1, grain: Some(2), .. }");
    });
}
