//! Idle is free, also with a timer: a worker that waits for one an hour away does not run. A binary
//! of one test, because it looks at all threads of the process.
#![cfg(target_os = "linux")]
#![forbid(unsafe_code)]

mod common;
#[path = "common/cpu_time.rs"]
mod cpu_time;

use std::time::Duration;

use common::{OnDrop, build, watch};
use cpu_time::{SILENCE, cpu_time_in_silence};
use rustfiber::{CancelToken, Counter, JobSystem};

const HOUR: Duration = Duration::from_secs(3600);

#[test]
fn with_a_timer_an_hour_away_no_worker_runs() {
    let _watchdog = watch();
    for workers in [1, 2, 8] {
        let jobs = build(JobSystem::builder().workers(workers).thread_name("timed"));
        let (token, asleep) = (CancelToken::new(), Counter::new());
        // Also when the test fails: the system waits for its jobs.
        let _ends = OnDrop(|| token.cancel());
        jobs.run(|cx| {
            // Also after timers have fired, and others have left.
            for _ in 0..100 {
                let token = token.clone();
                cx.spawn_counted(&asleep, move |cx| {
                    cx.sleep(Duration::from_micros(100));
                    let early = token.wait(cx.within(Duration::from_micros(50)));
                    assert!(early.unwrap_err().is_late());
                    let _ = cx.or_cancelled(&token).sleep(HOUR);
                });
            }
        });
        let used = cpu_time_in_silence("timed", workers);
        assert_eq!(asleep.count(), 100);
        // A millisecond a second, for all of them together.
        assert!(
            u128::from(used) <= SILENCE.as_nanos() / 1_000,
            "{workers} idle workers used {used} ns of {SILENCE:?}"
        );
    }
}
