//! Fibers stay at home: the empty twin of `free`.

use std::ptr::NonNull;
use std::sync::Arc;

use crate::fiber::FiberList;
use crate::sched::fiber::{JobFiber, Jobs, ReadyFiber};
use crate::sched::shared::Shared;
use crate::sched::worker::Worker;

/// Where started fibers go on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Migration {
    /// On the worker that started them.
    #[default]
    Pinned,
}

impl Migration {
    /// Whether every fiber stays on one worker.
    pub(crate) fn is_pinned(self) -> bool {
        true
    }
}

/// A fiber can't go on before its own worker is done with publishing its wait: that worker is busy
/// with it.
pub(in crate::sched) struct Landing;

impl Landing {
    pub(in crate::sched) fn new() -> Self {
        Self
    }

    #[inline]
    pub(in crate::sched) fn begin(&self) {}

    /// # Safety
    /// The fiber's wait has been published.
    #[inline]
    pub(in crate::sched) unsafe fn finish(_fiber: NonNull<JobFiber>) -> Option<ReadyFiber> {
        None
    }
}

#[inline]
pub(in crate::sched) fn arrive(fiber: ReadyFiber) -> Option<ReadyFiber> {
    Some(fiber)
}

/// A worker of the same system has woken a fiber of worker `home`.
#[inline]
pub(in crate::sched) fn route_from_worker(here: &Worker, home: usize, fiber: ReadyFiber) {
    if here.index == home {
        here.ready.push_back(fiber);
    } else {
        here.shared.deliver(home, fiber);
    }
}

#[inline]
pub(in crate::sched) fn route_from_outside(_shared: &Shared, home: usize) -> usize {
    home
}

#[inline]
pub(in crate::sched) fn sent_from_outside(_shared: &Shared) {}

#[inline]
pub(in crate::sched) fn yielded(worker: &Worker, fiber: ReadyFiber) {
    worker.yielded.push_back(fiber);
}

#[inline]
pub(in crate::sched) fn fiber_from_elsewhere(_worker: &Worker) -> Option<ReadyFiber> {
    None
}

#[inline]
pub(in crate::sched) fn has_fiber_elsewhere(_worker: &Worker) -> bool {
    false
}

#[inline]
pub(in crate::sched) fn forced(_worker: &Worker) -> bool {
    false
}

/// A worker's fibers without a job, the warmest first.
pub(in crate::sched) struct Pool(FiberList<Jobs>);

impl Pool {
    pub(in crate::sched) fn new(_shared: &Arc<Shared>) -> Self {
        Self(FiberList::new())
    }

    #[inline]
    pub(in crate::sched) fn put(&self, fiber: ReadyFiber) {
        self.0.push_front(fiber);
    }

    /// Puts in a fiber that the next `take` shall have.
    pub(in crate::sched) fn keep(&self, fiber: ReadyFiber) {
        self.0.push_front(fiber);
    }

    /// Whether there is one for a worker that has none.
    #[inline]
    pub(in crate::sched) fn others_left_one(&self) -> bool {
        false
    }

    #[inline]
    pub(in crate::sched) fn take(&self) -> Option<ReadyFiber> {
        self.0.pop_front()
    }

    /// Whether `take` would find one.
    #[inline]
    pub(in crate::sched) fn has_one(&self) -> bool {
        !self.0.is_empty()
    }
}

/// What the workers share beyond what they share anyway.
pub(in crate::sched) struct Commons;

impl Commons {
    pub(in crate::sched) fn new() -> Self {
        Self
    }
}
