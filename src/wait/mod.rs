//! Floor 3: who waits. Nodes, the lists they stand in, and the parking of plain threads.
//!
//! A *node* stands for one waiter: a suspended fiber, a parked thread, a fiber that waits
//! nested because it unwinds, a job that starts when a counter is done, or a task of a foreign executor. Where
//! it can, it lives in the waiter's own memory (for a fiber: on its stack), so waiting allocates nothing.
//!
//! Whoever **unlinks** a node from its list, and nobody else, **delivers** it: one call of
//! the node's `deliver` function, which makes the waiter go on. Delivery is the last touch
//! of the node, because its owner may return, and its memory be gone, at once. A list is
//! told apart from what it waits for: this floor knows no scheduler, it hands chains of
//! nodes to its caller, who delivers them when it has let go of everything else.

mod deadline;
mod group;
mod list;
mod node;
mod queue;
mod spin;
#[cfg(test)]
pub(crate) mod testing;
mod thread;
mod waiter;
mod waker;

pub(crate) use deadline::Deadline;
pub(crate) use group::{Arm, MOST_ARMS};
pub(crate) use list::{Swept, WaitList};
pub(crate) use node::{
    Chain, Reached, Site, Source, Unlinked, WaitNode, Wake, Wish, claimed_chain,
};
pub(crate) use queue::WaitQueue;
pub(crate) use spin::SpinLock;
pub(crate) use thread::{Patience, Spin, ThreadWaiter};
pub use waiter::{Interrupted, Waiter};
pub(crate) use waiter::{Limits, sealed, wait_for_any};
pub(crate) use waker::Enlisted;
