//! A lock around a number: of one job alone, and of four jobs per worker.

use crate::bench::{Ability, Bench, Outcome, Row, Run, Unit, check};
use crate::measure::repeat;
use crate::peers::{Peer, Setup};

pub const BENCHES: &[Bench] = &[
    Bench {
        group: "locks",
        ..Bench::new(
            "lock_1",
            &[Row {
                name: "lock_1",
                unit: Unit::Ns,
            }], &[Ability::Lock])
    },
    Bench {
        group: "locks",
        ..Bench::new(
            "lock_n",
            &[Row {
                name: "lock_n",
                unit: Unit::Ns,
            }], &[Ability::Lock])
    },
];

/// More jobs than can run at a time.
const JOBS_PER_WORKER: usize = 4;

pub fn measure<P: Peer>(run: &Run) -> Outcome {
    // Often enough that the spawning of the jobs does not count.
    let (jobs, each) = match run.bench.name {
        "lock_1" => (1, 1_000_000),
        _ => (JOBS_PER_WORKER * run.workers, run.size.pick(100_000, 20_000)),
    };
    let peer = P::start(Setup::of(run));
    let sections = jobs as u64 * each;
    let time = repeat(run.target, sections, &mut || {
        check("the number", peer.count_locked(jobs, each), sections)
    })?;
    Ok(vec![(run.bench.name, time)])
}
