//! Programs that deadlock, or overflow the stack, where a wait runs other jobs on the waiter's stack.
//! The numbers are those of rayon's issues. Two more stand beside what they are about:
//! `rayon_592` in `locks`, `rayon_1251` in `once`.
#![forbid(unsafe_code)]

mod common;

use std::sync::atomic::{AtomicUsize, Ordering};

use common::{WORKERS, build, watch};
use rustfiber::{Context, Event, JobSystem};

/// Fewer with AddressSanitizer, which keeps more beside each stack than is on it, and where a system
/// has fewer fibers by default.
const DEEP: usize = if cfg!(any(feature = "sanitizer", not(target_os = "linux"))) {
    5_000
} else {
    100_000
};

/// A job's stack is small here, so that the address space of 100,000 fits everywhere.
fn system(workers: usize) -> JobSystem {
    build(JobSystem::builder().workers(workers).stack_size(64 * 1024))
}

/// Each task waits for the one that is taken after it: a wait that runs the next task on top of the
/// waiter's stack is 100,000 deep in the end.
fn wait_in_a_row(cx: &Context, order: impl Iterator<Item = usize>) {
    let ended = AtomicUsize::new(0);
    let events: Vec<Event> = (0..=DEEP).map(|_| Event::manual()).collect();
    events[DEEP].set();
    cx.scope(|s| {
        for task in order {
            let (events, ended) = (&events, &ended);
            s.spawn(move |cx| {
                events[task + 1].wait(cx);
                events[task].set();
                ended.fetch_add(1, Ordering::Relaxed);
            });
        }
    });
    assert_eq!(ended.into_inner(), DEEP);
}

/// Thieves take the oldest task first, owners the newest: deep in both orders.
#[test]
fn rayon_751_854_recursion_in_stealing_order() {
    let _watchdog = watch();
    for workers in WORKERS {
        let jobs = system(workers);
        jobs.run(|cx| wait_in_a_row(cx, 0..DEEP));
        jobs.run(|cx| wait_in_a_row(cx, (0..DEEP).rev()));
    }
}

/// Each task spawns the next and waits for it.
#[test]
fn rayon_751_854_recursion_by_spawning() {
    fn descend(cx: &Context, left: usize) -> usize {
        match left {
            0 => 0,
            _ => cx.scope(|s| s.spawn(|cx| descend(cx, left - 1)).join(cx).unwrap() + 1),
        }
    }

    let _watchdog = watch();
    for workers in WORKERS {
        assert_eq!(system(workers).run(|cx| descend(cx, DEEP)), DEEP);
    }
}
