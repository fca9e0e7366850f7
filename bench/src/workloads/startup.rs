//! A new system, one job, and the end of the system.

use crate::bench::{Ability, Bench, Outcome, Row, Run, Unit, check};
use crate::measure::repeat;
use crate::peers::{Peer, Setup};

pub const BENCHES: &[Bench] = &[Bench {
    is_work: false,
    ..Bench::new(
        "startup",
        &[Row {
            name: "startup",
            unit: Unit::Us,
        }], &[Ability::StartUp])
}];

pub fn measure<P: Peer>(run: &Run) -> Outcome {
    let time = repeat(run.target, 1, &mut || {
        check("a job's result", P::start(Setup::of(run)).run(1), 1)
    })?;
    Ok(vec![("startup", time)])
}
