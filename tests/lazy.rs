//! Lazy values, made by the first job that needs them, in the middle of anything.
#![forbid(unsafe_code)]

mod common;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};

use common::{WORKERS, quiet_panic, system, watch};
use rustfiber::{Blocking, Context, Lazy};

/// With rayon the loop inside waits by running other elements of the loop outside, on the stack of
/// the one that makes the value: they need the value, and wait for what lies below them.
#[test]
fn rayon_1251_a_lazy_in_a_parallel_loop_that_itself_runs_a_parallel_loop() {
    let _watchdog = watch();
    for workers in WORKERS {
        let jobs = system(workers);
        for grain in [1, 7] {
            let calls = AtomicUsize::new(0);
            let table = Lazy::new(|cx: &Context<'_>| {
                calls.fetch_add(1, Ordering::Relaxed);
                let mut table = vec![0; 1_000];
                cx.with_grain(grain)
                    .par_for_each(&mut table, |cx, n, entry| {
                        if n % 10 == 0 {
                            cx.yield_now();
                        }
                        *entry = n;
                    });
                table
            });
            jobs.run(|cx| {
                let check = |cx: &Context<'_>, n: usize| assert_eq!(table.force(cx)[n], n);
                cx.with_grain(grain).par_for(0..1_000, check);
            });
            assert_eq!(calls.load(Ordering::Relaxed), 1);
        }
    }
}

#[test]
fn a_static_lazy_of_several_systems() {
    static CALLS: AtomicUsize = AtomicUsize::new(0);
    static LAZY: Lazy<usize> = Lazy::new(|cx| {
        cx.yield_now();
        CALLS.fetch_add(1, Ordering::Relaxed) + 42
    });
    let _watchdog = watch();
    assert_eq!(LAZY.get(), None);
    let waits = std::thread::spawn(|| *LAZY.wait(Blocking));
    std::thread::scope(|s| {
        for workers in WORKERS {
            s.spawn(move || {
                system(workers).run(|cx| {
                    cx.with_grain(1)
                        .par_for(0..100, |cx, _| assert_eq!(*LAZY.force(cx), 42));
                });
            });
        }
    });
    assert_eq!(waits.join().unwrap(), 42);
    assert_eq!(LAZY.get(), Some(&42));
    assert_eq!(CALLS.load(Ordering::Relaxed), 1);
}

#[test]
fn a_lazy_is_not_poisoned_by_a_panic() {
    let _watchdog = watch();
    for workers in WORKERS {
        let calls = AtomicUsize::new(0);
        let lazy = Lazy::new(|cx: &Context<'_>| {
            cx.yield_now();
            match calls.fetch_add(1, Ordering::Relaxed) {
                n @ 5.. => n,
                _ => quiet_panic("while it makes the value"),
            }
        });
        let panicked = AtomicUsize::new(0);
        system(workers).run(|cx| {
            cx.with_grain(1).par_for(0..100, |cx, _| {
                match catch_unwind(AssertUnwindSafe(|| *lazy.force(cx))) {
                    Ok(value) => assert_eq!(value, 5),
                    Err(_) => _ = panicked.fetch_add(1, Ordering::Relaxed),
                }
            });
        });
        assert_eq!(panicked.into_inner(), 5);
        assert_eq!(format!("{lazy:?}"), "Lazy(5)");
    }
}

#[test]
fn the_other_ways_to_use_a_lazy() {
    let _watchdog = watch();
    let jobs = system(1);
    let mut lazy: Lazy<Vec<u8>> = Lazy::default();
    assert_eq!(format!("{lazy:?}"), "Lazy(<uninit>)");
    assert!(lazy.get_mut().is_none());
    jobs.run(|cx| assert!(lazy.force(cx).is_empty()));
    lazy.get_mut().unwrap().push(1);
    assert_eq!(lazy.into_value().ok(), Some(vec![1]));
    let unused = Lazy::new(|_: &Context<'_>| 7);
    let make = unused.into_value().unwrap_err();
    assert_eq!(jobs.run(make), 7);
}
