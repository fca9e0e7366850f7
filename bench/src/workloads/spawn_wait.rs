//! One job spawns a child, waits for its result, and again.

use crate::bench::{Ability, Bench, Outcome, Row, Run, Unit, check};
use crate::measure::repeat;
use crate::peers::{Peer, Setup};

pub const BENCHES: &[Bench] = &[Bench::new(
    "spawn_wait",
    &[Row {
        name: "spawn_wait",
        unit: Unit::Ns,
    }], &[Ability::SpawnWait])];

pub fn measure<P: Peer>(run: &Run) -> Outcome {
    let times = if P::BLOCKS_THREADS {
        1000
    } else {
        run.size.pick(50_000, 5000)
    };
    let peer = P::start(Setup::of(run));
    let time = repeat(run.target, times, &mut || {
        let sum = times * (times - 1) / 2;
        check("the sum of the results", peer.spawn_wait(times), sum)
    })?;
    Ok(vec![("spawn_wait", time)])
}
