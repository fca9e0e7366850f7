//! Another job's context, reached by safe code: a `SendWrapper` is `Send` because it checks the
//! thread, so a job can find the context of a job that waits on the same worker.
#![forbid(unsafe_code)]

mod common;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU32, Ordering};

use common::{system, watch};
use rustfiber::{Context, Counter, Event};
use send_wrapper::SendWrapper;

/// Calls `misuse` in a job, with the context of the job that waits for it.
fn with_the_outer_context(misuse: impl Fn(&Context, &Context) + Sync) {
    let jobs = system(1);
    jobs.run(|cx| {
        let outer = SendWrapper::new(cx);
        cx.scope(|s| {
            s.spawn(|cx| {
                let caught = catch_unwind(AssertUnwindSafe(|| misuse(&outer, cx)));
                let panic = caught.expect_err("it is not this job's context");
                let message = panic.downcast_ref::<&str>().expect("a message");
                assert!(message.contains("use the `cx`"), "{message}");
                // Nothing is broken: this job goes on, and can wait.
                cx.spawn(|_| ()).join(cx).unwrap();
            });
        });
    });
}

#[test]
fn a_wait() {
    let _watchdog = watch();
    with_the_outer_context(|outer, _| Event::manual().wait(outer));
}

#[test]
fn a_yield() {
    let _watchdog = watch();
    with_the_outer_context(|outer, _| outer.yield_now());
}

#[test]
fn a_scope_that_lends_its_frame() {
    let _watchdog = watch();
    let ran = AtomicU32::new(0);
    with_the_outer_context(|outer, _| {
        let local = String::from("lent");
        outer.scope(|s| {
            s.spawn(|_| ran.fetch_add(local.len() as u32, Ordering::Relaxed));
        });
    });
    assert_eq!(
        ran.into_inner(),
        0,
        "it is refused before anything is spawned"
    );
}

#[test]
fn a_join_that_lends_its_frame() {
    let _watchdog = watch();
    let ran = AtomicU32::new(0);
    with_the_outer_context(|outer, _| {
        let local = String::from("lent");
        outer.join(
            |_| (),
            |_| ran.fetch_add(local.len() as u32, Ordering::Relaxed),
        );
    });
    assert_eq!(
        ran.into_inner(),
        0,
        "it is refused before anything is spawned"
    );
}

#[test]
fn a_loop_that_lends_its_context() {
    let _watchdog = watch();
    let ran = AtomicU32::new(0);
    let count = |_: &Context<'_>, _: usize| _ = ran.fetch_add(1, Ordering::Relaxed);
    for length in [0, 1, 64, 1_000] {
        with_the_outer_context(|outer, _| outer.par_for(0..length, count));
        with_the_outer_context(|outer, _| outer.with_grain(10).par_for(0..length, count));
    }
    assert_eq!(
        ran.into_inner(),
        0,
        "it is refused before any element is run"
    );
}

#[test]
fn a_continuation() {
    let _watchdog = watch();
    with_the_outer_context(|outer, _| drop(outer.then(&Counter::new(), |_| ())));
}
