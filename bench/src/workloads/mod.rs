//! One file per workload: what is done, how often, and what must come out.

use crate::bench::{Bench, Outcome, Run};
use crate::peers::Peer;

macro_rules! workloads {
    ($($workload:ident),* $(,)?) => {
        $(pub mod $workload;)*

        /// All benches, in the order of the table.
        pub static ALL: &[&[Bench]] = &[$($workload::BENCHES),*];

        /// Measures `run.bench` with the peer `P`.
        pub fn measure<P: Peer>(run: &Run) -> Outcome {
            $(
                if $workload::BENCHES.iter().any(|bench| bench.name == run.bench.name) {
                    return $workload::measure::<P>(run);
                }
            )*
            Err(format!("no workload measures {}", run.bench.name))
        }
    };
}

workloads!(
    fib_join,
    coarse,
    distraction,
    tree_sum,
    uts,
    spawn_1m,
    scope_1k,
    spawn_wait,
    yields,
    pingpong,
    skynet,
    run_hot,
    run_cold,
    loops,
    locks,
    channels,
    sleep_100k,
    echo,
    startup,
    idle_cpu,
    alloc,
);

pub fn all() -> impl Iterator<Item = &'static Bench> {
    ALL.iter().copied().flatten()
}
