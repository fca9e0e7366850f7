//! One job spawns 1,000,000 empty jobs and waits until all have run.

use std::sync::atomic::{AtomicUsize, Ordering};

use crate::bench::{Ability, Bench, Outcome, Row, Run, Unit, check};
use crate::measure::repeat;
use crate::peers::{Peer, Setup};

pub const BENCHES: &[Bench] = &[Bench::new(
    "spawn_1m",
    &[Row {
        name: "spawn_1m",
        unit: Unit::Ns,
    }], &[Ability::SpawnMillion])];

pub fn measure<P: Peer>(run: &Run) -> Outcome {
    let jobs = run.size.pick(1_000_000, 50_000);
    let peer = P::start(Setup::of(run));
    counts_what_it_waits_for(&peer)?;
    let time = repeat(run.target, jobs as u64, &mut || {
        peer.spawn_many(jobs, || ());
        Ok(())
    })?;
    counts_what_it_waits_for(&peer)?;
    Ok(vec![("spawn_1m", time)])
}

/// Empty jobs leave no trace, so the same is done with some that do.
fn counts_what_it_waits_for<P: Peer>(peer: &P) -> Result<(), String> {
    static RUN: AtomicUsize = AtomicUsize::new(0);
    const JOBS: usize = 10_000;
    RUN.store(0, Ordering::Relaxed);
    peer.spawn_many(JOBS, || {
        RUN.fetch_add(1, Ordering::Relaxed);
    });
    check("the number of jobs run", RUN.load(Ordering::Relaxed), JOBS)
}
