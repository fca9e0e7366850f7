//! Floor 5: what jobs and threads wait for. Each is a word or little more, and a list of waiters.

mod barrier;
mod block_on;
mod cancel;
pub mod channel;
mod condvar;
mod counter;
mod event;
mod interval;
mod lazy;
mod limited;
mod mutex;
mod once_cell;
mod rwlock;
mod select;
mod semaphore;
mod sleep;

pub use barrier::{Barrier, BarrierWaitResult};
pub use cancel::{CancelGuard, CancelToken};
pub use condvar::Condvar;
pub(crate) use counter::{Continuation, Ticket};
pub use counter::{Counter, CounterFuture, CounterHold};
pub use event::Event;
pub use interval::{Interval, Tick};
pub use lazy::Lazy;
pub use limited::Limited;
pub use mutex::{Mutex, MutexGuard};
pub use once_cell::OnceCell;
pub use rwlock::{RwLock, RwLockReadGuard, RwLockWriteGuard};
pub use select::{Case, Cases, Selected, select, try_select};
pub use semaphore::{Semaphore, SemaphorePermit};

use crate::wait::{Interrupted, Site, Source, Waiter};

/// Waits for `source`.
#[inline(always)]
pub(crate) fn wait_for<W: Waiter>(
    who: W,
    source: &dyn Source,
    site: Site,
) -> Result<(), Interrupted> {
    who.wait_for(source, site).map(|_| ())
}
