//! Idle is free: with nothing to do no worker runs. A binary of one test, because it looks at all
//! threads of the process.
#![cfg(target_os = "linux")]
#![forbid(unsafe_code)]

mod common;

use std::fs;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use common::{OnDrop, build, watch};
use rustfiber::{Counter, Event, JobSystem};

/// How long the workers are watched. Here time is what the test is about.
const SILENCE: Duration = Duration::from_millis(300);

/// CPU time that the threads of this name have had, in nanoseconds, and how many there are.
fn cpu_time(thread_name: &str) -> (u64, usize) {
    let tasks = fs::read_dir("/proc/self/task").expect("Linux lists the threads there");
    let times = tasks.filter_map(|task| {
        // A thread that ends meanwhile is none of those that are watched.
        let task = task.ok()?.path();
        let name = fs::read_to_string(task.join("comm")).ok()?;
        let times = fs::read_to_string(task.join("schedstat")).ok()?;
        let time = times.split_whitespace().next()?.parse::<u64>().ok()?;
        name.starts_with(thread_name).then_some(time)
    });
    times.fold((0, 0), |(sum, count), time| (sum + time, count + 1))
}

/// Waits until the workers are silent, and says how much CPU time they use from then on.
fn cpu_time_in_silence(workers: usize) -> u64 {
    let mut before = cpu_time("idler");
    loop {
        thread::sleep(Duration::from_millis(20));
        let now = cpu_time("idler");
        // A thread has its name only when it has run.
        if now == before && now.1 == workers {
            break;
        }
        before = now;
    }
    thread::sleep(SILENCE);
    cpu_time("idler").0 - before.0
}

#[test]
fn with_nothing_to_do_no_worker_runs() {
    let _watchdog = watch();
    for workers in [1, 2, 8, 64] {
        let jobs = build(JobSystem::builder().workers(workers).thread_name("idler"));
        // Also after work, and while jobs wait.
        let (gate, waiting) = (Arc::new(Event::manual()), Counter::new());
        // Also when the test fails: the system waits for its jobs.
        let _opens = OnDrop(|| gate.set());
        jobs.run(|cx| {
            cx.par_for(0..10_000, |_, i| _ = std::hint::black_box(i));
            for _ in 0..100 {
                let gate = Arc::clone(&gate);
                cx.spawn_counted(&waiting, move |cx| gate.wait(cx));
            }
        });
        let used = cpu_time_in_silence(workers);
        // A millisecond a second, for all of them together.
        assert!(
            u128::from(used) <= SILENCE.as_nanos() / 1_000,
            "{workers} idle workers used {used} ns of {SILENCE:?}"
        );
    }
}
