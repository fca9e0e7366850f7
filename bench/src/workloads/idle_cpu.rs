//! The CPU time of a process whose workers have nothing to do.

use std::thread;
use std::time::{Duration, Instant};

use cpu_time::ProcessTime;

use crate::bench::{Ability, Bench, Outcome, Row, Run, Unit, check};
use crate::measure::nanos;
use crate::peers::{Peer, Setup, can};
use crate::workloads::fib_join::Fib;

/// Workers may spin and then go to sleep in this time.
const SETTLE: Duration = Duration::from_millis(50);

pub const BENCHES: &[Bench] = &[Bench {
    is_work: false,
    ..Bench::new(
        "idle_cpu",
        &[Row {
            name: "idle_cpu",
            unit: Unit::UsPerS,
        }], &[Ability::Run, Ability::Fork])
}];

pub fn measure<P: Peer>(run: &Run) -> Outcome {
    let peer = P::start(Setup::of(run));
    // So that every worker has been awake.
    if const { can::<P>(&[Ability::Run]) } {
        check("a job's result", peer.run(1), 1)?;
    } else {
        check("a fork's result", peer.fork(Fib(10)), 55)?;
    }
    thread::sleep(SETTLE);
    let (start, cpu) = (Instant::now(), ProcessTime::now());
    thread::sleep(Duration::from_millis(run.size.pick(500, 100)));
    let (spent, cpu) = (start.elapsed(), cpu.elapsed());
    Ok(vec![("idle_cpu", nanos(cpu) / spent.as_secs_f64())])
}
