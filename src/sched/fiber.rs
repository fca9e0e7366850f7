//! A fiber that runs jobs: what it carries, says and hears.

use std::cell::Cell;
use std::ptr::{self, NonNull};

use super::context::Context;
use super::task::{JobHeader, JobRef};
use super::trace::JobSpan;
use super::worker::{Next, Worker};
use crate::fiber::{Fiber, Protocol, Suspended};
use crate::primitive::UnsafeCell;
use crate::unwind::AbortOnUnwind;
use crate::wait::{Site, Source, WaitNode, Wake};

/// The protocol of fibers that run jobs.
pub(crate) struct Jobs;

pub(crate) type JobFiber = Fiber<Jobs>;
pub(crate) type ReadyFiber = Suspended<Jobs>;

/// Why a fiber stops.
pub(crate) enum Request {
    /// The job lets others go first, and comes back by itself.
    Yield,
    /// The job waits: its node is to be registered, now that the fiber has stopped.
    Wait(NonNull<FiberWaiter>),
    /// The fiber has no job. Perhaps it has found a fiber that should go on instead.
    Idle(Option<ReadyFiber>),
}

/// What the scheduler keeps in a fiber's header. Touched by the worker that the fiber
/// belongs to, and by the fiber itself while that worker runs it.
pub(crate) struct FiberLocal {
    /// The worker that has resumed the fiber.
    worker: Cell<*const Worker>,
    /// The job that the fiber runs; its header lives as long as the job's closure runs.
    pub(super) job: Cell<*const JobHeader>,
    /// What the job waits for: in the frame of the wait.
    pub(super) site: Cell<Option<NonNull<Site>>>,
    /// Whether the thread was unwinding when it resumed the fiber, see `nested`.
    pub(super) resumed_unwinding: Cell<bool>,
    pub(super) span: JobSpan,
    pub(super) landing: super::migrate::Landing,
}

impl FiberLocal {
    pub(super) fn new() -> Self {
        Self {
            worker: Cell::new(ptr::null()),
            job: Cell::new(ptr::null()),
            site: Cell::new(None),
            resumed_unwinding: Cell::new(false),
            span: JobSpan::new(),
            landing: super::migrate::Landing::new(),
        }
    }

    /// The worker that runs this fiber. Never keep it across a switch.
    #[inline]
    pub(crate) fn worker(&self) -> &Worker {
        // SAFETY: set before the fiber first runs, and before each resume; a worker outlives
        // the resume.
        unsafe { &*self.worker.get() }
    }

    pub(super) fn set_worker(&self, worker: &Worker) {
        self.worker.set(worker);
    }
}

impl Protocol for Jobs {
    /// The worker that resumes the fiber.
    type Resume = NonNull<Worker>;
    type Suspend = Request;
    type Local = FiberLocal;

    /// A *runner*: calls one job after the other on this stack, as long as none of them waits.
    /// When there is a ready fiber, or nothing, it stops; it ends when the worker ends.
    fn body(fiber: &JobFiber, _first: NonNull<Worker>) {
        let guard = AbortOnUnwind("the root of a fiber");
        while !fiber.local.worker().ends() {
            let mut job = fiber.local.worker().take_handoff();
            let next = loop {
                if let Some(job) = job.take() {
                    run_job(fiber, job);
                    if fiber.local.worker().must_look_up() {
                        break None;
                    }
                }
                // The worker is read anew: the job may have waited.
                match fiber.local.worker().next(true, None) {
                    Next::Job(next) => job = Some(next),
                    Next::Fiber(next) => break Some(next),
                    Next::Nothing => break None,
                }
            };
            // SAFETY: this is the fiber's own body.
            unsafe { fiber.suspend(Request::Idle(next)) };
        }
        guard.disarm();
    }
}

#[inline]
fn run_job(fiber: &JobFiber, job: JobRef) {
    fiber.local.job.set(job.as_ptr().as_ptr());
    let worker = fiber.local.worker();
    worker.unburden_for(&job);
    worker.remote().stats.jobs.bump();
    worker.show_job(&fiber.local.job);
    fiber.local.span.start(&job);
    Context::lend(fiber, |cx| job.run(cx));
    fiber.local.span.end();
    fiber.local.job.set(ptr::null());
}

/// A suspended fiber's node, in the frame of its wait. `repr(C)`: a pointer to the node
/// is a pointer to the waiter. A line of the cache begins with it: a waker on another worker fetches
/// the node's line and the next one.
#[repr(C, align(64))]
pub(crate) struct FiberWaiter {
    node: WaitNode,
    /// The right to resume the fiber: put here before the node is registered, taken by whoever
    /// delivers it.
    right: UnsafeCell<Option<ReadyFiber>>,
    outcome: Cell<Wake>,
    source: NonNull<dyn Source>,
    site: Site,
}

impl FiberWaiter {
    #[inline(always)]
    pub(super) fn new(source: NonNull<dyn Source>, site: Site) -> Self {
        Self {
            node: WaitNode::new(deliver),
            right: UnsafeCell::new(None),
            outcome: Cell::new(Wake::Signalled),
            source,
            site,
        }
    }

    pub(super) fn site(&self) -> &Site {
        &self.site
    }

    /// How the wait ended. For the fiber, when it goes on.
    pub(super) fn outcome(&self) -> Wake {
        self.outcome.get()
    }

    /// Registers the waiter of a fiber that has stopped. Gives the fiber back if there is nothing
    /// to wait for, so that it goes on at once.
    ///
    /// # Safety
    /// `waiter` comes from the suspended `fiber`, and this thread runs its worker.
    #[inline]
    pub(super) unsafe fn publish(
        fiber: ReadyFiber,
        waiter: NonNull<FiberWaiter>,
    ) -> Option<ReadyFiber> {
        let landing = fiber.as_ptr();
        // SAFETY: the waiter and the source lie in the fiber's frames (or outlive them), and
        // the fiber stands still: its right is at hand until it is put into the waiter, and then
        // the fiber goes on only after this function (see `Source::register` and `migrate`).
        unsafe {
            let source = waiter.as_ref().source;
            landing.as_ref().local.landing.begin();
            waiter.as_ref().right.with_mut(|right| *right = Some(fiber));
            if source.as_ref().register(waiter.cast()) {
                return super::migrate::Landing::finish(landing);
            }
            waiter.as_ref().right.with_mut(|right| (*right).take())
        }
    }
}

/// # Safety
/// As `WaitNode::new` says: called once, by whoever has unlinked the node of a `FiberWaiter`.
unsafe fn deliver(node: NonNull<WaitNode>, wake: Wake) {
    // SAFETY: the node is the first field of its waiter, which is valid until the fiber
    // goes on, and the fiber goes on only by the right that is taken here. That right, and what is
    // in the waiter, were written before the node was registered.
    let right = unsafe {
        let waiter = node.cast::<FiberWaiter>();
        waiter.as_ref().outcome.set(wake);
        waiter.as_ref().right.with_mut(|right| (*right).take())
    };
    if let Some(fiber) = right {
        Worker::make_ready(fiber);
    }
}
