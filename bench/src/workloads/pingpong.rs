//! Two jobs wake each other in turn through two auto-reset events, or what comes closest to them.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::bench::{Ability, Bench, Outcome, Row, Run, Unit, check};
use crate::measure::repeat;
use crate::peers::{Peer, Setup};

pub const BENCHES: &[Bench] = &[Bench::new(
    "pingpong",
    &[Row {
        name: "pingpong",
        unit: Unit::Ns,
    }], &[Ability::PingPong])];

/// What the jobs hand each other. Only the events keep it from being hit twice at a time: the
/// accesses are relaxed, and a hit is a load and a store.
#[derive(Debug, Default)]
pub struct Ball(AtomicU64);

impl Ball {
    pub fn hit(&self) {
        self.0
            .store(self.0.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
    }

    pub fn hits(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

pub fn measure<P: Peer>(run: &Run) -> Outcome {
    let trips = if P::BLOCKS_THREADS { 1000 } else { 50_000 };
    let peer = P::start(Setup::of(run));
    let time = repeat(run.target, trips, &mut || {
        check("the number of hits", peer.pingpong(trips), 2 * trips)
    })?;
    Ok(vec![("pingpong", time)])
}
