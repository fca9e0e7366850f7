//! Fibers stay at home: the empty twin of `free`.

use std::ptr::NonNull;

use crate::sched::fiber::{JobFiber, ReadyFiber};
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

/// What a worker alone touches, although others could reach it.
pub(in crate::sched) struct Guarded<T>(std::cell::UnsafeCell<T>);

// SAFETY: only the worker's own thread touches the value (`with`), and whoever drops it last.
unsafe impl<T: Send> Sync for Guarded<T> {}

impl<T> Guarded<T> {
    pub(in crate::sched) fn new(value: T) -> Self {
        Self(std::cell::UnsafeCell::new(value))
    }

    /// # Safety
    /// The caller is the worker's own thread, and `f` does not come back here.
    #[inline]
    pub(in crate::sched) unsafe fn with<R>(&self, f: impl FnOnce(&mut T) -> R) -> R {
        // SAFETY: by contract nobody else has a reference.
        f(unsafe { &mut *self.0.get() })
    }
}

/// What the workers share beyond what they share anyway.
pub(in crate::sched) struct Commons;

impl Commons {
    pub(in crate::sched) fn new() -> Self {
        Self
    }

    /// The idle fibers for all, if fibers move.
    #[inline]
    pub(in crate::sched) fn of(_shared: &Shared) -> Option<&Self> {
        None
    }

    pub(in crate::sched) fn put(&self, fiber: ReadyFiber) {
        unreachable!("fibers that stay are not for all: {fiber:?}")
    }

    pub(in crate::sched) fn take(&self) -> Option<ReadyFiber> {
        None
    }

    pub(in crate::sched) fn is_empty(&self) -> bool {
        true
    }
}
