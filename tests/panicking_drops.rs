//! Destructors that panic: those of payloads, of results, and of what a job has captured.
#![forbid(unsafe_code)]

mod common;

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;

use common::{WORKERS, quiet_panic, system, system_with_panics, watch};
use rustfiber::{Blocking, Counter, Event};

/// The message of the panic that `f` ends with.
fn caught<R>(f: impl FnOnce() -> R) -> &'static str {
    match catch_unwind(AssertUnwindSafe(f)) {
        Ok(_) => panic!("it was to panic"),
        Err(payload) => *payload.downcast().expect("a literal"),
    }
}

/// Panics when it is dropped; the payload is another one as long as `again` is not zero.
struct Bomb {
    again: u32,
}

impl Drop for Bomb {
    fn drop(&mut self) {
        match self.again.checked_sub(1) {
            None => quiet_panic("a bomb"),
            Some(again) => resume_unwind(Box::new(Bomb { again })),
        }
    }
}

#[test]
fn a_payload_that_panics_when_it_is_dropped_hurts_nobody() {
    let _watchdog = watch();
    for workers in WORKERS {
        let (jobs, panics) = system_with_panics(workers);
        for again in 0..4 {
            drop(jobs.spawn(move |_| resume_unwind(Box::new(Bomb { again }))));
            let message = caught(|| {
                jobs.run(|cx| {
                    cx.scope(|s| {
                        s.spawn(move |_| resume_unwind(Box::new(Bomb { again })));
                        quiet_panic("the body");
                    })
                })
            });
            assert_eq!(message, "the body");
        }
        drop(jobs);
        assert_eq!(panics.sorted(), ["a payload that is not a string"; 8]);
    }
}

#[test]
fn a_result_that_panics_when_it_is_dropped_counts_as_the_jobs_panic() {
    let _watchdog = watch();
    for workers in WORKERS {
        let (jobs, panics) = system_with_panics(workers);
        let gate = Arc::new(Event::manual());
        let waits = Arc::clone(&gate);
        drop(jobs.spawn(move |cx| {
            waits.wait(cx);
            Bomb { again: 0 }
        }));
        gate.set();
        // A scope hands it on, as that of a job of its own.
        let message = caught(|| {
            jobs.run(|cx| {
                cx.scope(|s| {
                    drop(s.spawn(|cx| {
                        cx.yield_now();
                        Bomb { again: 0 }
                    }));
                    cx.yield_now();
                });
            });
        });
        assert_eq!(message, "a bomb");
        drop(jobs);
        assert_eq!(panics.sorted(), ["a bomb"]);
    }
}

#[test]
fn a_captured_value_that_panics_when_it_is_dropped_counts_as_the_jobs_panic() {
    let _watchdog = watch();
    for workers in WORKERS {
        let jobs = system(workers);
        let bomb = Bomb { again: 0 };
        let job = jobs.spawn(move |_| _ = &bomb);
        assert_eq!(job.join(Blocking).unwrap_err().message(), "a bomb");
        let (bomb, counter) = (Bomb { again: 0 }, Counter::new());
        counter.add(1);
        let never = jobs.run(|cx| cx.then(&counter, move |_| _ = &bomb));
        drop(counter);
        assert!(never.join(Blocking).is_err());
    }
}

/// The other half's result goes when a half has panicked; neither panic is lost.
#[test]
fn a_result_of_the_other_half_that_panics_when_it_is_dropped() {
    let _watchdog = watch();
    for workers in WORKERS {
        let (jobs, panics) = system_with_panics(workers);
        let caught = catch_unwind(|| {
            jobs.run(|cx| {
                cx.join(
                    |_| quiet_panic("a half"),
                    |_| common::OnDrop(|| quiet_panic("the other's result")),
                );
            });
        });
        let payload = caught.expect_err("the half's panic is handed on");
        assert_eq!(payload.downcast_ref::<&str>(), Some(&"a half"));
        drop(jobs);
        assert_eq!(panics.sorted(), ["the other's result"]);
    }
}
