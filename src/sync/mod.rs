//! Floor 5: what jobs and threads wait for. Each is a word or little more, and a list of waiters.

pub mod channel;
mod counter;
mod event;

pub(crate) use counter::{Continuation, Ticket};
pub use counter::{Counter, CounterHold};
pub use event::Event;

use crate::wait::{Site, Source, Waiter, Wake};

/// Waits for `source`, with no way to be interrupted so far.
#[inline(always)]
fn wait_for<W: Waiter>(who: W, source: &dyn Source, site: Site) -> Wake {
    who.wait_for(source, site)
}
