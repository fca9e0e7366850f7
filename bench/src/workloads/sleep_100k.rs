//! 100,000 jobs that sleep once each, for 1 to 200 ms: the CPU time of the process per sleep, and
//! the time from the first spawn to the last end.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use cpu_time::ProcessTime;

use crate::bench::{Ability, Bench, Outcome, Row, Run, Unit, check};
use crate::measure::nanos;
use crate::peers::{Peer, Setup};

pub const BENCHES: &[Bench] = &[Bench {
    // Most of it is sleep.
    is_work: false,
    ..Bench::new(
        "sleep_100k",
        &[
            Row {
                name: "sleep_100k",
                unit: Unit::Ns,
            },
            Row {
                name: "sleep_100k_wall",
                unit: Unit::Ms,
            },
        ], &[Ability::Sleep])
}];

/// How long a job sleeps: the lengths take turns.
#[derive(Clone, Copy, Debug)]
pub struct Lengths {
    longest_ms: usize,
}

impl Lengths {
    pub fn of(self, job: usize) -> Duration {
        Duration::from_millis((job % self.longest_ms + 1) as u64)
    }
}

pub fn measure<P: Peer>(run: &Run) -> Outcome {
    let jobs = run.size.pick(100_000, 10_000);
    let lengths = Lengths {
        longest_ms: run.size.pick(200, 40),
    };
    let peer = P::start(Setup::of(run));
    wakes_none_early(&peer, lengths)?;
    all(&peer, jobs, lengths)?;
    let (start, cpu) = (Instant::now(), ProcessTime::now());
    let mut rounds = 0.0;
    while start.elapsed() < run.target {
        all(&peer, jobs, lengths)?;
        rounds += 1.0;
    }
    let (spent, cpu) = (start.elapsed(), cpu.elapsed());
    Ok(vec![
        ("sleep_100k", nanos(cpu) / (rounds * jobs as f64)),
        ("sleep_100k_wall", nanos(spent) / rounds),
    ])
}

fn all<P: Peer>(peer: &P, jobs: usize, lengths: Lengths) -> Result<(), String> {
    static ENDED: AtomicUsize = AtomicUsize::new(0);
    ENDED.store(0, Ordering::Relaxed);
    let start = Instant::now();
    peer.sleep(jobs, lengths, |_| {
        ENDED.fetch_add(1, Ordering::Relaxed);
    });
    check("the number of jobs that slept", ENDED.load(Ordering::Relaxed), jobs)?;
    let longest = Duration::from_millis(lengths.longest_ms as u64);
    check("sleeping so long", start.elapsed() >= longest, true)
}

/// Reading the clock takes time, so this is looked at apart from the measurement.
fn wakes_none_early<P: Peer>(peer: &P, lengths: Lengths) -> Result<(), String> {
    static EARLY: AtomicUsize = AtomicUsize::new(0);
    let start = Instant::now();
    peer.sleep(1000, lengths, move |job| {
        if start.elapsed() < lengths.of(job) {
            EARLY.fetch_add(1, Ordering::Relaxed);
        }
    });
    check("the number of early wake-ups", EARLY.load(Ordering::Relaxed), 0)
}
