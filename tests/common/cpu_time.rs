//! How much CPU time workers use.

use std::fs;
use std::thread;
use std::time::Duration;

/// How long the workers are watched. Here time is what the test is about.
pub const SILENCE: Duration = Duration::from_millis(300);

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
pub fn cpu_time_in_silence(thread_name: &str, workers: usize) -> u64 {
    let mut before = cpu_time(thread_name);
    loop {
        thread::sleep(Duration::from_millis(20));
        let now = cpu_time(thread_name);
        // A thread has its name only when it has run.
        if now == before && now.1 == workers {
            break;
        }
        before = now;
    }
    thread::sleep(SILENCE);
    cpu_time(thread_name).0 - before.0
}
