//! Scopes of 1,000 empty jobs each, one after the other in a job.

use std::sync::atomic::{AtomicUsize, Ordering};

use crate::bench::{Ability, Bench, Outcome, Row, Run, Unit, check};
use crate::measure::repeat;
use crate::peers::{Peer, Setup};

pub const BENCHES: &[Bench] = &[Bench::new(
    "scope_1k",
    &[Row {
        name: "scope_1k",
        unit: Unit::Ns,
    }], &[Ability::Scope])];

const JOBS: usize = 1000;

pub fn measure<P: Peer>(run: &Run) -> Outcome {
    let scopes = run.size.pick(1000, 20);
    let peer = P::start(Setup::of(run));
    waits_for_all(&peer)?;
    let time = repeat(run.target, (scopes * JOBS) as u64, &mut || {
        peer.scopes(scopes, JOBS, || ());
        Ok(())
    })?;
    waits_for_all(&peer)?;
    Ok(vec![("scope_1k", time)])
}

/// Empty jobs leave no trace, so the same is done with some that do.
fn waits_for_all<P: Peer>(peer: &P) -> Result<(), String> {
    let run = AtomicUsize::new(0);
    peer.scopes(10, JOBS, || run.fetch_add(1, Ordering::Relaxed));
    check("the number of jobs run", run.into_inner(), 10 * JOBS)
}
