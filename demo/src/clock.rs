//! How long each stage takes, added up by whoever works on it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    Animate,
    Build,
    Render,
    Encode,
}

impl Stage {
    pub const ALL: [Stage; 4] = [Stage::Animate, Stage::Build, Stage::Render, Stage::Encode];

    pub fn name(self) -> &'static str {
        match self {
            Stage::Animate => "animate",
            Stage::Build => "build",
            Stage::Render => "render",
            Stage::Encode => "encode",
        }
    }
}

/// Sums in nanoseconds. They are read after all work has ended, so no order among them matters.
#[derive(Debug, Default)]
pub struct Clock {
    work: [AtomicU64; 4],
    latency: [AtomicU64; 4],
}

impl Clock {
    /// Counts `f` as work on the stage. `f` must not wait: what a worker does meanwhile would count as well.
    pub fn work<R>(&self, stage: Stage, f: impl FnOnce() -> R) -> R {
        let start = Instant::now();
        let result = f();
        add(&self.work[stage as usize], start);
        result
    }

    /// Counts the time since `start`, when the stage could begin, until now, when it has ended.
    pub fn ended(&self, stage: Stage, start: Instant) {
        add(&self.latency[stage as usize], start);
    }

    /// The time that workers have spent in the stage, all together.
    pub fn total_work(&self, stage: Stage) -> Duration {
        Duration::from_nanos(self.work[stage as usize].load(Ordering::Relaxed))
    }

    /// The time from the stage's start to its end, all frames together.
    pub fn total_latency(&self, stage: Stage) -> Duration {
        Duration::from_nanos(self.latency[stage as usize].load(Ordering::Relaxed))
    }
}

fn add(sum: &AtomicU64, start: Instant) {
    let nanos = u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX);
    sum.fetch_add(nanos, Ordering::Relaxed);
}
