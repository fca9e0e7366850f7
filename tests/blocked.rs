//! A worker that something foreign blocks is found, and the job is named.
#![cfg(target_os = "linux")]
#![forbid(unsafe_code)]

mod common;

use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use common::{build, watch};
use rustfiber::{Event, JobSystem};

const SOON: Duration = Duration::from_millis(20);

/// The name and the message of the first worker that is found blocked.
fn first_blocked(start: impl FnOnce(&JobSystem, &Arc<Mutex<()>>)) -> (Option<String>, String) {
    let (told, found) = mpsc::channel();
    let told = Mutex::new(told);
    let lock = Arc::new(Mutex::new(()));
    let jobs = build(
        JobSystem::builder()
            .workers(2)
            .blocked_after(SOON)
            .on_blocked(move |blocked| {
                let name = blocked.job_name().map(str::to_owned);
                let _ = told.lock().unwrap().send((name, blocked.to_string()));
            }),
    );
    let held = lock.lock().unwrap();
    start(&jobs, &lock);
    let first = found.recv().unwrap();
    drop(held);
    first
}

#[test]
fn a_job_that_blocks_on_a_std_lock_is_named() {
    let _watchdog = watch();
    let (name, message) = first_blocked(|jobs, lock| {
        let lock = Arc::clone(lock);
        let job = jobs.job().name("sinner");
        drop(job.spawn(move |_| drop(lock.lock())));
    });
    assert_eq!(name.as_deref(), Some("sinner"));
    assert!(message.contains("tests/blocked.rs"), "{message}");
    assert!(message.contains("cx.blocking"), "{message}");
}

/// It has waited before, so that it is not the job that its worker has started last.
#[test]
fn a_job_that_has_waited_is_named() {
    let _watchdog = watch();
    let (name, _) = first_blocked(|jobs, lock| {
        let (lock, gate) = (Arc::clone(lock), Arc::new(Event::manual()));
        let opens = Arc::clone(&gate);
        drop(jobs.job().name("waiter").spawn(move |cx| {
            gate.wait(cx);
            drop(lock.lock());
        }));
        jobs.job()
            .name("opener")
            .spawn(move |_| opens.set())
            .join(rustfiber::Blocking)
            .unwrap();
    });
    assert_eq!(name.as_deref(), Some("waiter"));
}

#[test]
fn too_short_a_time_is_refused() {
    let error = JobSystem::builder()
        .blocked_after(Duration::ZERO)
        .build()
        .unwrap_err();
    assert!(error.to_string().contains("`blocked_after` to at least"));
}
