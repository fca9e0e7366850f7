//! What happens when there are jobs to start and all fibers wait: a report, once, and then sleep.
#![forbid(unsafe_code)]

mod common;

use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Barrier};

use common::{OnDrop, WORKERS, build, watch};
use rustfiber::{Blocking, Builder, Counter, Event, JobSystem, Stall};

/// A builder whose stalls are reported to a queue.
fn reporting_stalls(workers: usize, max_fibers: usize) -> (Builder, Receiver<Report>) {
    let (reports, stalls) = channel();
    let builder = JobSystem::builder()
        .workers(workers)
        .max_fibers(max_fibers)
        .on_stall(move |stall| reports.send(Report::of(stall)).unwrap());
    (builder, stalls)
}

#[derive(Debug)]
struct Report {
    text: String,
    waiting: Vec<rustfiber::Waiting>,
}

impl Report {
    fn of(stall: &Stall) -> Self {
        Self {
            text: stall.to_string(),
            waiting: stall.waiting(),
        }
    }
}

#[test]
fn a_stall_report_names_who_waits_for_what() {
    let _watchdog = watch();
    for workers in WORKERS {
        let (builder, stalls) = reporting_stalls(workers, workers + 1);
        let jobs = build(builder);
        let gate = Arc::new(Event::manual());
        let (mut spawned_at, mut waits_at) = (0, 0);
        for _ in 0..workers + 2 {
            let gate = Arc::clone(&gate);
            spawned_at = line!() + 1;
            jobs.job().name("patient").spawn(move |cx| {
                gate.wait(cx);
            });
            waits_at = line!() - 2;
        }
        let report = stalls.recv().unwrap();
        assert_eq!(report.waiting.len(), workers + 1);
        for job in &report.waiting {
            assert_eq!(job.job_name.as_deref(), Some("patient"));
            let place = job.spawned_at.unwrap();
            assert_eq!((place.file(), place.line()), (file!(), spawned_at));
            assert!(job.waits_for.contains("event"), "{}", job.waits_for);
            let place = job.waits_at;
            assert_eq!((place.file(), place.line()), (file!(), waits_at));
            assert!(job.worker < workers);
        }
        for part in ["max_fibers", "patient", "event", file!()] {
            assert!(report.text.contains(part), "{}", report.text);
        }
        gate.set();
    }
}

#[test]
fn a_stall_is_reported_once_and_slept_through() {
    let _watchdog = watch();
    for workers in WORKERS {
        let (builder, stalls) = reporting_stalls(workers, workers);
        let jobs = build(builder.thread_name("stalled"));
        let (gate, done) = (Arc::new(Event::manual()), Counter::new());
        let _at_last = OnDrop(|| gate.set());
        let spawn = |n| {
            for _ in 0..n {
                let gate = Arc::clone(&gate);
                jobs.job().counter(&done).spawn(move |cx| gate.wait(cx));
            }
        };
        spawn(workers + 1);
        stalls.recv().unwrap();
        let mut before = asleep(&jobs, "stalled");
        loop {
            spawn(10);
            let now = asleep(&jobs, "stalled");
            if now == before {
                break;
            }
            before = now;
        }
        spawn(1_000);
        assert_eq!(asleep(&jobs, "stalled"), before, "a stalled worker sleeps");
        assert!(stalls.try_recv().is_err(), "the stall is reported once");
        gate.set();
        done.wait(Blocking);
        assert_eq!(jobs.stats().fibers, workers);
    }
}

/// What changes whenever a worker does anything; waits until all of them sleep, where that can be seen.
fn asleep(jobs: &JobSystem, threads: &str) -> (u64, u64, Vec<String>) {
    let stats = jobs.stats();
    (stats.switches(), stats.parks(), sleepers(threads))
}

/// The context switches of the threads of that name, when all sleep.
#[cfg(target_os = "linux")]
fn sleepers(threads: &str) -> Vec<String> {
    let read =
        |task: &std::path::Path, file| std::fs::read_to_string(task.join(file)).unwrap_or_default();
    loop {
        let mut all_sleep = true;
        let mut sleepers = Vec::new();
        for task in std::fs::read_dir("/proc/self/task").unwrap() {
            let task = task.unwrap().path();
            if !read(&task, "comm").starts_with(threads) {
                continue;
            }
            let status = read(&task, "status");
            all_sleep &= status.contains("State:\tS");
            let switches = status.lines().filter(|line| line.contains("ctxt_switches"));
            sleepers.push(switches.map(str::to_owned).collect());
        }
        if all_sleep {
            return sleepers;
        }
        std::thread::yield_now();
    }
}

#[cfg(not(target_os = "linux"))]
fn sleepers(_threads: &str) -> Vec<String> {
    Vec::new()
}

#[test]
fn a_stall_ends_when_a_plain_thread_ends_the_wait() {
    let _watchdog = watch();
    for _ in 0..200 {
        let (builder, stalls) = reporting_stalls(1, 1);
        let jobs = build(builder);
        let gate = Arc::new(Event::manual());
        let waits = Arc::clone(&gate);
        let first = jobs.job().name("first").spawn(move |cx| waits.wait(cx));
        let second = jobs.spawn(|_| 42);
        let report = stalls.recv().unwrap();
        assert_eq!(report.waiting[0].job_name.as_deref(), Some("first"));
        assert!(!second.is_finished());
        gate.set();
        first.join(Blocking).unwrap();
        assert_eq!(second.join(Blocking).unwrap(), 42);
        assert!(stalls.try_recv().is_err());
    }
}

/// Everybody sleeps for want of work when the job comes that can't start.
#[test]
fn a_stall_is_reported_also_when_the_job_comes_late() {
    let _watchdog = watch();
    for workers in WORKERS {
        for _ in 0..20 {
            let (builder, stalls) = reporting_stalls(workers, workers);
            let jobs = build(builder.thread_name("late"));
            let gate = Arc::new(Event::manual());
            let _at_last = OnDrop(|| gate.set());
            let held = Arc::new(Barrier::new(workers));
            for _ in 0..workers {
                let (gate, held) = (Arc::clone(&gate), Arc::clone(&held));
                jobs.spawn(move |cx| {
                    // One on each worker.
                    held.wait();
                    gate.wait(cx);
                });
            }
            while jobs.stats().waits() < workers as u64 {
                std::thread::yield_now();
            }
            asleep(&jobs, "late");
            let late = jobs.spawn(|_| 42);
            assert_eq!(stalls.recv().unwrap().waiting.len(), workers);
            gate.set();
            assert_eq!(late.join(Blocking).unwrap(), 42);
        }
    }
}

#[test]
fn a_second_stall_is_reported_again() {
    let _watchdog = watch();
    let (builder, stalls) = reporting_stalls(1, 1);
    let jobs = build(builder);
    let gates: Arc<[Event; 3]> = Arc::new(std::array::from_fn(|_| Event::manual()));
    let waits = Arc::clone(&gates);
    let first = jobs.spawn(move |cx| waits.iter().for_each(|gate| gate.wait(cx)));
    let second = jobs.spawn(|_| 42);
    for gate in &*gates {
        stalls.recv().unwrap();
        assert!(!second.is_finished());
        gate.set();
    }
    first.join(Blocking).unwrap();
    assert_eq!(second.join(Blocking).unwrap(), 42);
    assert!(stalls.try_recv().is_err());
}

/// One worker has no fiber left, but the other one can still start what comes in.
#[test]
fn there_is_no_stall_while_one_worker_can_start_jobs() {
    let _watchdog = watch();
    let (builder, stalls) = reporting_stalls(2, 2);
    let jobs = build(builder);
    let (tick, ends) = (Arc::new(Event::auto()), Counter::new());
    ends.add(1);
    let (waits, ended) = (Arc::clone(&tick), ends.clone());
    let ticked = jobs.spawn(move |cx| {
        while !ended.is_zero() {
            waits.wait(cx);
        }
    });
    for _ in 0..5_000 {
        // Both go to sleep again and again, while jobs come in.
        tick.set();
        assert_eq!(jobs.spawn(|_| 42).join(Blocking).unwrap(), 42);
    }
    ends.done();
    tick.set();
    ticked.join(Blocking).unwrap();
    assert!(stalls.try_recv().is_err());
}
