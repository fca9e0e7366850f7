//! An empty job from a plain thread after 5 ms of silence.

use std::thread;
use std::time::{Duration, Instant};

use crate::bench::{Ability, Bench, Outcome, Row, Run, Unit, check};
use crate::measure::nanos;
use crate::peers::{Peer, Setup};
use crate::stats::percentile;

const SILENCE: Duration = Duration::from_millis(5);

pub const BENCHES: &[Bench] = &[Bench {
    is_work: false,
    ..Bench::new(
        "run_cold",
        &[
            Row {
                name: "run_cold_p50",
                unit: Unit::Us,
            },
            Row {
                name: "run_cold_p99",
                unit: Unit::Us,
            },
        ], &[Ability::Run])
}];

pub fn measure<P: Peer>(run: &Run) -> Outcome {
    let calls = run.size.pick(100, 12);
    let peer = P::start(Setup::of(run));
    check("a job's result", peer.run(1), 1)?;
    let mut times = Vec::with_capacity(calls);
    for n in 0..calls as u64 {
        thread::sleep(SILENCE);
        let start = Instant::now();
        let result = peer.run(n);
        times.push(nanos(start.elapsed()));
        check("a job's result", result, n)?;
    }
    Ok(vec![
        ("run_cold_p50", percentile(&mut times, 50.0)),
        ("run_cold_p99", percentile(&mut times, 99.0)),
    ])
}
