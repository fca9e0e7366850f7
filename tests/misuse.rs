//! Errors of the program: each is told what to write instead, and nothing is lost by any of them.
#![forbid(unsafe_code)]

mod common;

use std::panic::{AssertUnwindSafe, Location, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use common::{WORKERS, build, quiet_panic, system, system_with_panics, watch};
use rustfiber::channel::bounded;
use rustfiber::{Blocking, BuildError, Builder, Context, Counter, Event, JobSystem};

/// The message of the panic that `f` ends with.
fn complaint<R>(f: impl FnOnce() -> R) -> String {
    match catch_unwind(AssertUnwindSafe(f)) {
        Ok(_) => panic!("it was to panic"),
        Err(payload) => match payload.downcast::<String>() {
            Ok(message) => *message,
            Err(payload) => payload.downcast::<&str>().expect("a text").to_string(),
        },
    }
}

fn says(message: &str, parts: &[&str]) {
    for part in parts {
        assert!(message.contains(part), "{part:?} is not in {message:?}");
    }
}

/// In a job, also when there is nothing to wait for.
fn blocks_in_a_job(wrong: impl Fn(&Context<'_>) + Send + Sync) {
    let _watchdog = watch();
    for workers in WORKERS {
        let jobs = system(workers);
        jobs.run(|cx| {
            let message = complaint(|| wrong(cx));
            says(
                &message,
                &["`Blocking` inside a job", "context", "wait(cx)"],
            );
            // The job goes on, and waits as it should.
            assert_eq!(cx.spawn(|_| 42).join(cx).unwrap(), 42);
        });
        // Uncaught, it is a panic like any other.
        complaint(|| jobs.run(&wrong));
        assert_eq!(jobs.run(|_| 42), 42);
    }
}

#[test]
fn blocking_on_a_counter_inside_a_job() {
    blocks_in_a_job(|_| Counter::new().wait(Blocking));
    blocks_in_a_job(|_| {
        let counter = Counter::new();
        counter.add(1);
        counter.wait_until(Blocking, 0);
    });
}

#[test]
fn blocking_on_an_event_inside_a_job() {
    let set = Event::auto();
    set.set();
    blocks_in_a_job(|_| set.wait(Blocking));
    assert!(set.is_set(), "nobody has gone through");
    blocks_in_a_job(|_| Event::manual().wait(Blocking));
}

#[test]
fn blocking_on_a_job_inside_a_job_leaves_that_job_to_run() {
    let ran = Arc::new(Counter::new());
    blocks_in_a_job(|cx| cx.spawn_counted(&ran, |_| ()).join(Blocking).unwrap());
    ran.wait(Blocking);
    blocks_in_a_job(|cx| {
        cx.scope(|s| s.spawn(|_| ()).join(Blocking).unwrap());
    });
}

#[test]
fn blocking_on_a_channel_inside_a_job_takes_no_value() {
    let (sender, receiver) = bounded(2);
    sender.send(Blocking, 1).unwrap();
    blocks_in_a_job(|_| _ = receiver.recv(Blocking));
    blocks_in_a_job(|_| _ = sender.send(Blocking, 2));
    assert_eq!(receiver.recv(Blocking), Ok(1));
    assert!(receiver.is_empty());
    blocks_in_a_job(|_| _ = receiver.recv(Blocking));
}

#[test]
fn run_inside_a_job_of_any_system() {
    let _watchdog = watch();
    for workers in WORKERS {
        let (jobs, other) = (system(workers), system(workers));
        for inner in [&jobs, &other] {
            let ran = AtomicBool::new(false);
            jobs.run(|cx| {
                let message = complaint(|| inner.run(|_| ran.store(true, Ordering::Relaxed)));
                says(
                    &message,
                    &[
                        "`JobSystem::run` inside a job",
                        "cx.scope",
                        "cx.join",
                        "spawn",
                    ],
                );
                // What the message says works.
                assert_eq!(inner.handle().spawn(|_| 42).unwrap().join(cx).unwrap(), 42);
            });
            assert!(!ran.into_inner());
            assert_eq!(inner.run(|_| 42), 42);
        }
    }
}

#[test]
fn shutdown_timeout_inside_a_job_loses_no_job_of_that_system() {
    let _watchdog = watch();
    for workers in WORKERS {
        let (jobs, other) = (system(workers), system(workers));
        let (gate, ended) = (Counter::new(), Counter::new());
        gate.add(1);
        for _ in 0..10 {
            let gate = gate.clone();
            other.job().counter(&ended).spawn(move |cx| gate.wait(cx));
        }
        let message = jobs.run(|_| complaint(|| other.shutdown_timeout(Duration::MAX)));
        says(&message, &["inside a job", "plain thread"]);
        gate.done();
        ended.wait(Blocking);
    }
}

#[test]
fn a_job_whose_wait_was_refused_keeps_its_panic_for_who_joins() {
    let _watchdog = watch();
    let (jobs, panics) = system_with_panics(1);
    let never = Counter::new();
    never.add(1);
    let job = jobs
        .job()
        .name("blocks")
        .spawn(move |_| never.wait(Blocking));
    let panic = job.join(Blocking).unwrap_err();
    says(panic.message(), &["`Blocking` inside a job"]);
    assert_eq!(panic.job_name(), Some("blocks"));
    assert!(panics.sorted().is_empty());
}

fn refused(builder: Builder) -> BuildError {
    builder.build().expect_err("the settings are bad")
}

#[test]
fn bad_settings_are_errors_that_say_what_to_change() {
    let builder = JobSystem::builder;
    let error = refused(builder().workers(0));
    says(&error.to_string(), &["workers", "at least 1"]);
    let error = refused(builder().workers(1_000_000));
    says(&error.to_string(), &["1000000", "set `workers` to at most"]);
    let error = refused(builder().workers(usize::MAX));
    says(&error.to_string(), &["set `workers` to at most"]);
    for small in [0, 1, 16 * 1024, 32 * 1024 - 1] {
        let error = refused(builder().stack_size(small));
        says(&error.to_string(), &["stack_size", "at least 32768"]);
    }
    for (fibers, workers) in [(0, 1), (3, 4)] {
        let error = refused(builder().workers(workers).max_fibers(fibers));
        let least = format!("set `max_fibers` to at least {workers}");
        says(&error.to_string(), &[&least]);
    }
    let error = refused(builder().workers(1).stack_size(usize::MAX / 2));
    says(&error.to_string(), &["stack_size"]);
}

#[test]
fn the_smallest_settings_that_are_allowed_work() {
    let _watchdog = watch();
    let jobs = build(
        JobSystem::builder()
            .workers(1)
            .stack_size(32 * 1024)
            .max_fibers(1),
    );
    assert_eq!(jobs.run(|cx| cx.join(|_| 1, |_| 2)), (1, 2));
    let panic = jobs
        .spawn(|_| quiet_panic("on a small stack"))
        .join(Blocking);
    assert_eq!(panic.unwrap_err().message(), "on a small stack");
}

#[test]
fn a_counted_job_below_zero_is_reported_and_its_worker_goes_on() {
    let _watchdog = watch();
    for workers in WORKERS {
        let (jobs, panics) = system_with_panics(workers);
        let (counter, gate) = (Counter::new(), Arc::new(Event::manual()));
        let waits = Arc::clone(&gate);
        let job = jobs.job().counter(&counter).spawn(move |cx| {
            waits.wait(cx);
            42
        });
        counter.done(); // one too many
        gate.set();
        assert_eq!(job.join(Blocking).unwrap(), 42);
        drop(jobs);
        let shown = panics.sorted();
        assert!(
            matches!(&shown[..], [message] if message.contains("Counter::done")),
            "{shown:?}"
        );
        assert!(counter.is_zero());
    }
}

#[test]
fn done_below_zero_panics_at_the_call() {
    static AT: Mutex<Option<(String, u32)>> = Mutex::new(None);
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        if !info.payload().is::<&str>() || !info.to_string().contains("below zero") {
            return before(info);
        }
        let at = info
            .location()
            .map(|at: &Location<'_>| (at.file().to_owned(), at.line()));
        *AT.lock().unwrap() = at;
    }));
    let counter = Counter::new();
    let line = line!() + 1;
    let message = complaint(|| counter.done());
    says(&message, &["below zero", "its own `add`"]);
    assert_eq!(*AT.lock().unwrap(), Some((file!().to_owned(), line)));
    assert_eq!(counter.count(), 0);
    counter.add(1);
    counter.done();
    // A hold that finds the count taken away.
    let hold = counter.hold();
    counter.done();
    let message = complaint(|| drop(hold));
    says(&message, &["`Counter::done` without its own `add`"]);
}
