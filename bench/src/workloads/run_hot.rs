//! An empty job from a plain thread, waited for, back to back: time, and CPU time of the process.

use std::time::Instant;

use cpu_time::ProcessTime;

use crate::bench::{Ability, Bench, Outcome, Row, Run, Unit, check};
use crate::measure::nanos;
use crate::peers::{Peer, Setup};

pub const BENCHES: &[Bench] = &[Bench::new(
    "run_hot",
    &[
        Row {
            name: "run_hot",
            unit: Unit::Us,
        },
        Row {
            name: "run_hot_cpu",
            unit: Unit::Us,
        },
    ], &[Ability::Run])];

pub fn measure<P: Peer>(run: &Run) -> Outcome {
    const AT_ONCE: u64 = 100;
    let peer = P::start(Setup::of(run));
    let some = || -> Result<(), String> {
        for n in 0..AT_ONCE {
            check("a job's result", peer.run(n), n)?;
        }
        Ok(())
    };
    some()?;
    let (start, cpu) = (Instant::now(), ProcessTime::now());
    let mut calls = 0.0;
    while start.elapsed() < run.target {
        some()?;
        calls += AT_ONCE as f64;
    }
    let (spent, cpu) = (start.elapsed(), cpu.elapsed());
    Ok(vec![
        ("run_hot", nanos(spent) / calls),
        ("run_hot_cpu", nanos(cpu) / calls),
    ])
}
