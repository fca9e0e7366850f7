//! Waiting while unwinding.
//!
//! std counts panics per thread, so a fiber must not be switched out while it unwinds (a `Drop` may
//! wait). It waits *nested* instead: it runs a loop of the worker on its own stack, which lets
//! other fibers go on and starts jobs, until its own wait is over.
//!
//! Only the fiber that is itself unwinding nests. A fiber that the nested loop resumes stops
//! normally, although `panicking()` is true there; if it nested too, a job that waits for a lock of
//! the unwinding one would bury it for ever. The two are told apart by what the thread was doing
//! when it resumed the fiber: whoever was resumed by a thread that unwinds, does not count as
//! unwinding.
//!
//! *There is at most one nested loop a worker*: a second one on top would bury the wait below it.
//! So a fiber that finds one below stops normally, even when it is unwinding itself; the thread
//! then counts its panic until it goes on, and others see `panicking() == true` for longer. That
//! can make a fiber nest that has caught its panic long since, which is needless, and harmless.
//!
//! What runs on top of a nested loop comes back to it after each job (`Worker::must_look_up`): a
//! runner that searched on and parked there would bury the wait, too. A runner also stops when it
//! finds the thread unwinding after a job, because a fiber has stopped in the middle of it: it is
//! then resumed as one that does not count as unwinding, and its next job does not nest for a panic
//! that is another's.

use std::ptr::NonNull;
use std::sync::Arc;

use super::fiber::JobFiber;
use super::shared::Shared;
use super::worker::{Next, Worker};
use crate::primitive::atomic::{AtomicU8, Ordering};
use crate::wait::{Site, Source, WaitNode, Wake};

/// Whether `fiber`, which runs, must nest: it is itself unwinding, as far as can be told, and
/// nobody nests below it.
#[inline]
pub(super) fn must_nest(fiber: &JobFiber) -> bool {
    std::thread::panicking()
        && !fiber.local.resumed_unwinding.get()
        && !fiber.local.worker().is_nesting()
}

/// Waits on the fiber's own stack.
#[cold]
#[inline(never)]
pub(super) fn wait_for(fiber: &JobFiber, source: &dyn Source, site: Site) -> Wake {
    let worker = fiber.local.worker();
    let nested = Nested::new(worker);
    // SAFETY: the node lies in this frame until it is delivered, and this frame goes on
    // only after `register` has returned.
    if !unsafe { source.register(NonNull::from(&nested).cast()) } {
        return Wake::Signalled;
    }
    worker.begin_wait(fiber, &site);
    worker.nested(|| {
        while !nested.is_over() {
            let can_start = worker.has_runner();
            match worker.next(can_start, Some(&nested)) {
                Next::Fiber(other) => worker.go_on(other),
                Next::Job(job) => worker.start(job),
                Next::Nothing => {}
            }
        }
    });
    worker.end_wait(fiber);
    nested.outcome()
}

/// Lets one other thing go first, on the fiber's own stack.
#[cold]
#[inline(never)]
pub(super) fn turn(fiber: &JobFiber) {
    let worker: &Worker = fiber.local.worker();
    worker.nested(|| {
        let can_start = worker.has_runner();
        match worker.next_at_hand(can_start) {
            Some(Next::Fiber(other)) => worker.go_on(other),
            Some(Next::Job(job)) => worker.start(job),
            Some(Next::Nothing) | None => {}
        }
    });
}

const WAITING: u8 = 0;
const SIGNALLED: u8 = 1;
const LEFT: u8 = 2;
const ABANDONED: u8 = 3;

/// A node of a fiber that waits nested. `repr(C)`: a pointer to the node is a pointer to this.
#[repr(C)]
pub(super) struct Nested {
    node: WaitNode,
    state: AtomicU8,
    home: usize,
    shared: Arc<Shared>,
}

impl Nested {
    fn new(worker: &Worker) -> Self {
        Self {
            node: WaitNode::new(deliver),
            state: AtomicU8::new(WAITING),
            home: worker.index,
            shared: Arc::clone(worker.shared()),
        }
    }

    pub(super) fn is_over(&self) -> bool {
        // Acquire: pairs with the release in `deliver`.
        self.state.load(Ordering::Acquire) != WAITING
    }

    fn outcome(&self) -> Wake {
        match self.state.load(Ordering::Acquire) {
            LEFT => Wake::Left,
            ABANDONED => Wake::Abandoned,
            _ => Wake::Signalled,
        }
    }
}

/// # Safety
/// As `WaitNode::new` says: called once, by whoever has unlinked the node of a `Nested`.
unsafe fn deliver(node: NonNull<WaitNode>, wake: Wake) {
    // SAFETY: the node is the first field of its `Nested`, which is valid until `state` is stored.
    let nested = unsafe { node.cast::<Nested>().as_ref() };
    let (shared, home) = (Arc::clone(&nested.shared), nested.home);
    let state = match wake {
        Wake::Signalled => SIGNALLED,
        Wake::Left => LEFT,
        Wake::Abandoned => ABANDONED,
    };
    // Release: pairs with the acquire in `is_over`. The last touch of the `Nested`.
    nested.state.store(state, Ordering::Release);
    shared.idle.wake(home);
}
