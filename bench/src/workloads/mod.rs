//! One file per workload: what is done, how often, and what must come out.

use crate::bench::{Bench, Outcome, Run};
use crate::peers::Peer;

macro_rules! workloads {
    ($($workload:ident),* $(,)?) => {
        $(mod $workload;)*

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

workloads!(fib_join);

pub fn all() -> impl Iterator<Item = &'static Bench> {
    ALL.iter().copied().flatten()
}
