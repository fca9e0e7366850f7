//! rustfiber and its peers, side by side: `cargo peers` in the root of the repository.
//!
//! `cli` reads the arguments. `parent` plans the cases and starts one fresh process per measurement;
//! `child` is what such a process does. `peers` holds one file per peer, `workloads` one per
//! workload. `report` prints, writes and draws what came out; `budgets` says how much of it is
//! enough.

mod bench;
mod budget;
mod budgets;
mod child;
mod cli;
mod divide;
mod heap;
mod measure;
mod oversubscribe;
mod parent;
mod peers;
mod report;
mod stats;
mod workloads;

pub use cli::main;
pub use heap::ALLOCATIONS;
