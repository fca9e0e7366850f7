//! Idle is free: with nothing to do no worker runs. A binary of one test, because it looks at all
//! threads of the process.
#![cfg(target_os = "linux")]
#![forbid(unsafe_code)]

mod common;
#[path = "common/cpu_time.rs"]
mod cpu_time;

use std::sync::Arc;

use common::{OnDrop, build, watch};
use cpu_time::{SILENCE, cpu_time_in_silence};
use rustfiber::{Counter, Event, JobSystem};

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
        let used = cpu_time_in_silence("idler", workers);
        // A millisecond a second, for all of them together.
        assert!(
            u128::from(used) <= SILENCE.as_nanos() / 1_000,
            "{workers} idle workers used {used} ns of {SILENCE:?}"
        );
    }
}
