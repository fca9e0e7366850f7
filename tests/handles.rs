//! Handles that several wait for.
#![forbid(unsafe_code)]

mod common;

use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::{array, hint, thread};

use common::{WORKERS, system, watch};
use rustfiber::{Blocking, JobHandle};

/// A job that has just been spawned is known to its spawner alone, and a `join` makes use of that. A
/// `wait` must not: the handle is only borrowed, and here a thread waits by it at the same instant.
#[test]
fn the_spawner_and_a_thread_wait_for_the_same_job() {
    let _watchdog = watch();
    for workers in WORKERS {
        let jobs = system(workers);
        for round in 0..50 {
            let handles: [OnceLock<JobHandle<usize>>; 64] = array::from_fn(|_| OnceLock::new());
            let through = AtomicUsize::new(0);
            thread::scope(|threads| {
                threads.spawn(|| {
                    for handle in &handles {
                        while handle.get().is_none() {
                            thread::yield_now();
                        }
                        handle.get().unwrap().wait(Blocking);
                        through.fetch_add(1, Ordering::Release);
                    }
                });
                jobs.run(|cx| {
                    for (n, handle) in handles.iter().enumerate() {
                        let handle = handle.get_or_init(|| cx.spawn(move |_| n));
                        // From one job to the next they meet a little earlier or later.
                        (0..(round * 7 + n * 3) % 60).for_each(|_| hint::spin_loop());
                        handle.wait(cx);
                        while through.load(Ordering::Acquire) <= n {
                            cx.yield_now();
                        }
                    }
                });
            });
            for (n, handle) in handles.into_iter().enumerate() {
                assert_eq!(handle.into_inner().unwrap().join(Blocking).unwrap(), n);
            }
        }
    }
}
