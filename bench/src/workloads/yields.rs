//! Jobs that do nothing but yield: what a turn of the scheduler costs, by the number of jobs.

use crate::bench::{Ability, Bench, Outcome, Row, Run, Unit, check};
use crate::measure::repeat;
use crate::peers::{Peer, Setup};

pub const BENCHES: &[Bench] = &[
    Bench::new(
        "yield_1",
        &[Row {
            name: "yield_1",
            unit: Unit::Ns,
        }], &[Ability::Yield]),
    Bench::new(
        "yield_100",
        &[Row {
            name: "yield_100",
            unit: Unit::Ns,
        }], &[Ability::Yield]),
    Bench::new(
        "yield_10k",
        &[Row {
            name: "yield_10k",
            unit: Unit::Ns,
        }], &[Ability::Yield]),
];

pub fn measure<P: Peer>(run: &Run) -> Outcome {
    // Often enough that the spawning of the jobs does not count.
    let (jobs, each) = match run.bench.name {
        "yield_1" => (1, run.size.pick(1_000_000, 100_000)),
        "yield_100" => (100, run.size.pick(10_000, 2000)),
        _ => (run.size.pick(10_000, 2000), run.size.pick(200, 100)),
    };
    let peer = P::start(Setup::of(run));
    let time = repeat(run.target, (jobs * each) as u64, &mut || {
        check("the number of yields", peer.yields(jobs, each), jobs * each)
    })?;
    Ok(vec![(run.bench.name, time)])
}
