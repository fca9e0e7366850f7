//! Fibers that may go on anywhere, if the builder says so.
//!
//! Three things change. A woken fiber goes to the waker's inbox, from which an idle worker may take
//! it. And a fiber that is woken while its worker is still publishing its wait must not go on
//! elsewhere before that is done, since what is being registered may lie in the fiber's own frame.
//! The two settle it with the fiber's `Landing`:
//!
//! ```text
//!  worker:  begin  REGISTERING ... register ... finish: exchange REGISTERING for LANDED
//!  waker:                              arrive: swap in ARRIVED
//! ```
//!
//! If the waker finds `LANDED`, the fiber is its to send on. If it finds `REGISTERING`, it leaves
//! the right to the worker, whose exchange then fails and who sends the fiber on.
//!
//! And a fiber that ends elsewhere than it started must not be missing where jobs start: idle
//! fibers are for all workers, and one that sleeps for want of a fiber is woken.

use std::ptr::NonNull;
use std::sync::PoisonError;

use crate::fiber::FiberList;
use crate::primitive::Mutex;
use crate::primitive::atomic::{AtomicU8, Ordering};
use crate::sched::fiber::{JobFiber, Jobs, ReadyFiber};
use crate::sched::shared::Shared;
use crate::sched::worker::Worker;
use crate::wait::SpinLock;

/// Where started fibers go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Migration {
    /// On the worker that started them.
    Pinned,
    /// On any worker.
    Free,
    /// On the next worker, each time: for tests.
    Forced,
}

impl Default for Migration {
    fn default() -> Self {
        if cfg!(rustfiber_force_migration) {
            Self::Forced
        } else {
            Self::Pinned
        }
    }
}

impl Migration {
    /// Whether every fiber stays on one worker.
    pub(crate) fn is_pinned(self) -> bool {
        self == Self::Pinned
    }
}

const REGISTERING: u8 = 0;
const LANDED: u8 = 1;
const ARRIVED: u8 = 2;

/// How far the publication of a fiber's wait has come.
pub(in crate::sched) struct Landing(AtomicU8);

impl Landing {
    pub(in crate::sched) fn new() -> Self {
        Self(AtomicU8::new(REGISTERING))
    }

    pub(in crate::sched) fn begin(&self) {
        // Relaxed: the registration that follows publishes it.
        self.0.store(REGISTERING, Ordering::Relaxed);
    }

    /// The wait has been published; gives the fiber back if it has been woken meanwhile.
    ///
    /// # Safety
    /// `begin` was called before the fiber's wait was published, by this thread.
    pub(in crate::sched) unsafe fn finish(fiber: NonNull<JobFiber>) -> Option<ReadyFiber> {
        // SAFETY: a fiber's header lives until its system ends, and this worker has not ended.
        let landing = unsafe { &fiber.as_ref().local.landing };
        // AcqRel: pairs with the swap in `arrive`: what was registered is done with before
        // the fiber goes on, and what the waker did is visible here.
        let landed =
            landing
                .0
                .compare_exchange(REGISTERING, LANDED, Ordering::AcqRel, Ordering::Acquire);
        if landed.is_err() {
            // SAFETY: the waker has left the right behind for this thread.
            Worker::dispatch(unsafe { ReadyFiber::from_raw(fiber) });
        }
        None
    }
}

/// A fiber has been woken. `None`: its worker, which is publishing the wait, sends it on.
pub(in crate::sched) fn arrive(fiber: ReadyFiber) -> Option<ReadyFiber> {
    // AcqRel: see `finish`.
    let before = fiber
        .fiber()
        .local
        .landing
        .0
        .swap(ARRIVED, Ordering::AcqRel);
    if before == REGISTERING {
        fiber.into_raw();
        return None;
    }
    Some(fiber)
}

/// A worker of the same system has woken a fiber that last ran on worker `last`.
pub(in crate::sched) fn route_from_worker(here: &Worker, last: usize, fiber: ReadyFiber) {
    let shared = &here.shared;
    match shared.config.migration {
        Migration::Pinned if here.index == last => here.ready.push_back(fiber),
        Migration::Pinned => shared.deliver(last, fiber),
        Migration::Forced => shared.deliver((last + 1) % shared.remotes.len(), fiber),
        Migration::Free => {
            here.remote().inbox.push(fiber);
            shared.idle.notify_one(|_| 0);
        }
    }
}

pub(in crate::sched) fn route_from_outside(shared: &Shared, last: usize) -> usize {
    match shared.config.migration {
        Migration::Forced => (last + 1) % shared.remotes.len(),
        Migration::Pinned | Migration::Free => last,
    }
}

pub(in crate::sched) fn yielded(worker: &Worker, fiber: ReadyFiber) {
    if forced(worker) {
        route_from_worker(worker, worker.index, fiber);
    } else {
        worker.yielded.push_back(fiber);
    }
}

/// A thread that is no worker has woken a fiber: the worker that it went to may be busy, and
/// another idle.
pub(in crate::sched) fn sent_from_outside(shared: &Shared) {
    if shared.config.migration == Migration::Free {
        shared.idle.notify_one(|_| 0);
    }
}

/// Takes another worker's woken fibers.
pub(in crate::sched) fn fiber_from_elsewhere(worker: &Worker) -> Option<ReadyFiber> {
    if worker.shared.config.migration != Migration::Free {
        return None;
    }
    for remote in &worker.shared.remotes {
        remote.inbox.take_into(&worker.ready);
        if let Some(fiber) = worker.ready.pop_front() {
            return Some(fiber);
        }
    }
    None
}

pub(in crate::sched) fn has_fiber_elsewhere(worker: &Worker) -> bool {
    let shared = &worker.shared;
    shared.config.migration == Migration::Free
        && shared.remotes.iter().any(|remote| !remote.inbox.is_empty())
}

/// Whether every resume must be on another worker, of which there must be one.
pub(in crate::sched) fn forced(worker: &Worker) -> bool {
    let shared = &worker.shared;
    shared.config.migration == Migration::Forced && shared.remotes.len() > 1
}

/// What belongs to a worker; a fiber that goes on elsewhere takes out what it has left here.
pub(in crate::sched) struct Guarded<T>(Mutex<T>);

impl<T> Guarded<T> {
    pub(in crate::sched) fn new(value: T) -> Self {
        Self(Mutex::new(value))
    }

    /// # Safety
    /// `f` does not come back here.
    pub(in crate::sched) unsafe fn with<R>(&self, f: impl FnOnce(&mut T) -> R) -> R {
        f(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// What the workers share beyond what they share anyway: idle fibers.
pub(in crate::sched) struct Commons(SpinLock<FiberList<Jobs>>);

impl Commons {
    pub(in crate::sched) fn new() -> Self {
        Self(SpinLock::new(FiberList::new()))
    }

    /// The idle fibers for all, if fibers move.
    pub(in crate::sched) fn of(shared: &Shared) -> Option<&Self> {
        let moves = !shared.config.migration.is_pinned();
        moves.then_some(&shared.commons)
    }

    pub(in crate::sched) fn put(&self, fiber: ReadyFiber) {
        self.0.with(|idle| idle.push_front(fiber));
    }

    pub(in crate::sched) fn take(&self) -> Option<ReadyFiber> {
        self.0.with(|idle| idle.pop_front())
    }

    pub(in crate::sched) fn is_empty(&self) -> bool {
        self.0.with(|idle| idle.is_empty())
    }
}
