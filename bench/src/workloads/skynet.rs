//! A tree of jobs, ten children each and 1,000,000 leaves; each job sends its parent a number
//! through a channel, and parents wait for all ten.

use crate::bench::{Ability, Bench, Outcome, Row, Run, Unit, check};
use crate::measure::repeat;
use crate::peers::{Peer, Setup};

pub const BENCHES: &[Bench] = &[Bench::new(
    "skynet",
    &[Row {
        name: "skynet",
        unit: Unit::Ns,
    }], &[Ability::Skynet])];

/// The children of each job.
pub const FAN_OUT: u64 = 10;

pub fn measure<P: Peer>(run: &Run) -> Outcome {
    let leaves: u64 = run.size.pick(1_000_000, 10_000);
    let (mut jobs, mut row) = (0, leaves);
    while row > 0 {
        jobs += row;
        row /= FAN_OUT;
    }
    let peer = P::start(Setup::of(run));
    let time = repeat(run.target, jobs, &mut || {
        check("the sum", peer.skynet(leaves), leaves * (leaves - 1) / 2)
    })?;
    Ok(vec![("skynet", time)])
}
