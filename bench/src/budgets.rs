//! The budgets, as the design's table has them.

use crate::budget::Bar::{AtMost, Best, BestBut, Times};
use crate::budget::{Bar, Budget};

/// At any number of workers.
const fn any(row: &'static str, bar: Bar) -> Budget {
    Budget {
        row,
        workers: None,
        bar,
    }
}

const fn at(row: &'static str, workers: usize, bar: Bar) -> Budget {
    Budget {
        row,
        workers: Some(workers),
        bar,
    }
}

pub const BUDGETS: &[Budget] = &[
    any("fib_join", Times(1.2, "chili")),
    any("fib_join", Times(0.6, "forte")),
    any("fib_join", Times(0.4, "rayon")),
    any("coarse", Times(1.1, "rayon")),
    any("coarse_nested", Times(1.1, "rayon")),
    any("distraction_p50", Times(1.0, "rayon")),
    any("distraction_p99", Times(1.0, "rayon")),
    any("tree_sum", Times(1.25, "chili")),
    any("tree_sum", BestBut(1.0, "chili")),
    any("unbalanced", Best(1.0)),
    any("uts_t1", Best(1.0)),
    any("uts_t3", Best(1.0)),
    at("spawn_1m", 1, AtMost(25.0)),
    at("spawn_1m", 2, AtMost(35.0)),
    any("spawn_wait", AtMost(40.0)),
    any("yield_1", AtMost(8.0)),
    any("yield_100", AtMost(12.0)),
    any("yield_10k", Best(0.5)),
    at("pingpong", 1, AtMost(40.0)),
    at("pingpong", 2, Best(1.0)),
    any("skynet", Best(0.5)),
    any("run_hot", AtMost(2.0)),
    any("run_cold_p50", Best(1.0)),
    any("run_cold_p99", Best(1.0)),
    any("par_small", Times(2.0, "serial")),
    any("par_large", Times(1.0, "rayon")),
    any("lock_1", Times(1.2, "parking_lot")),
    any("lock_n", Best(1.0)),
    any("chan_pingpong", Best(1.0)),
    any("chan_1_1", Best(1.0)),
    any("chan_n_1", Best(1.0)),
    any("chan_n_n", Best(1.0)),
    any("sleep_100k", Times(1.2, "tokio")),
    any("sleep_100k_wall", Times(1.2, "tokio")),
    any("echo", Times(1.2, "async-executor")),
    any("startup", Best(1.0)),
    any("idle_cpu", AtMost(1000.0)),
    any("alloc", AtMost(0.0)),
];

/// Sixteen workers against two on the same cores.
pub const OVERSUBSCRIBED: f64 = 1.5;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{peers, workloads};

    #[test]
    fn budgets_name_rows_and_peers_that_exist() {
        for budget in BUDGETS {
            assert!(
                workloads::all().any(|bench| bench.row(budget.row).is_some()),
                "{budget:?}"
            );
            if let Times(_, peer) | BestBut(_, peer) = budget.bar {
                assert!(
                    peers::ALL.iter().any(|info| info.name == peer),
                    "{budget:?}"
                );
            }
        }
    }
}
