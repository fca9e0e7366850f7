//! One file per workload: what is done, how often, and what must come out.

use crate::bench::{Bench, Outcome, Run};
use crate::peers::{Peer, can};

macro_rules! workloads {
    ($($workload:ident),* $(,)?) => {
        $(pub mod $workload;)*

        /// All benches, in the order of the table.
        pub static ALL: &[&[Bench]] = &[$($workload::BENCHES),*];

        /// Measures `run.bench` with the peer `P`.
        pub fn measure<P: Peer>(run: &Run) -> Outcome {
            $(
                if const { can_some::<P>($workload::BENCHES) }
                    && one_is($workload::BENCHES, run.bench.name)
                {
                    return $workload::measure::<P>(run);
                }
            )*
            Err(format!("{} can't do what {} needs", P::NAME, run.bench.name))
        }
    };
}

const fn can_some<P: Peer>(mut benches: &[Bench]) -> bool {
    while let [bench, others @ ..] = benches {
        if can::<P>(bench.needs) {
            return true;
        }
        benches = others;
    }
    false
}

fn one_is(benches: &[Bench], name: &str) -> bool {
    benches.iter().any(|bench| bench.name == name)
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
