//! Floor 6: jobs, and the ways to start them and to wait for them.

mod await_job;
#[cfg(not(loom))]
mod blocking;
mod builder;
mod cell;
mod handle;
mod join;
mod loops;
mod panic;
mod scope;
mod stack_job;
mod start;
mod tally;
mod then;

pub use builder::{JobBuilder, SpawnError};
pub use handle::{JobHandle, ScopedJobHandle};
pub use loops::{ParIter, WithGrain};
pub use panic::JobPanic;
pub use scope::Scope;
pub(crate) use stack_job::run_from_outside;
