//! Floor 4: workers, their queues, and how a job's fiber stops and goes on.

mod blocking;
mod budget;
mod census;
mod context;
mod current;
mod deque;
mod fiber;
mod gate;
mod hooks;
mod idle;
mod inbox;
mod injector;
mod lifecycle;
mod migrate;
mod nested;
mod runner;
mod search;
mod shared;
mod shelf;
mod stats;
mod task;
mod timers;
mod trace;
mod turn;
mod worker;

pub use blocking::Blocking;
pub(crate) use census::{Census, WaitingJob};
pub use context::Context;
pub(crate) use current::is_worker;
pub(crate) use hooks::{Hooks, Panicked};
pub(crate) use lifecycle::{Threads, start};
pub(crate) use migrate::Migration;
pub(crate) use shared::{Closed, Config, Shared};
pub use stats::{Stats, WorkerStats};
pub(crate) use task::{Details, JobHeader, JobKind, JobMeta, JobRef, Order};
pub(crate) use worker::Worker;
