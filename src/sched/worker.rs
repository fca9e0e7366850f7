//! A worker: one thread that lets fibers go on, and what it does when they stop.

use std::alloc::Layout;
use std::cell::{Cell, RefCell};
use std::ptr::NonNull;
use std::sync::Arc;

use super::burden::Back;
use super::current;
use super::deque::{Owner, Pushed};
use super::fiber::{FiberWaiter, JobFiber, Jobs, ReadyFiber, Request};
use super::migrate;
use super::shared::{Remote, Shared};
use super::task::{JobHeader, JobRef};
use super::timers::Stride;
use super::trace;
use super::turn::Turn;
use crate::fiber::{FiberList, Resumed};
use crate::primitive::atomic::Ordering;
use crate::recall::Recall;
use crate::rng::Rng;
use crate::slots::{self, Slots};
use crate::stack::StackError;
use crate::wait::Site;

/// What a worker does next.
pub(super) enum Next {
    /// Let this fiber go on.
    Fiber(ReadyFiber),
    /// Start this job.
    Job(JobRef),
    /// The worker ends, or what its caller waited for has happened, or there may be a fiber for a
    /// job now.
    Nothing,
}

/// The state of one worker. Its thread alone touches it, except for `index` and `shared`,
/// which are constant.
pub(crate) struct Worker {
    pub(super) index: usize,
    pub(super) shared: Arc<Shared>,
    /// This worker's part of `shared`.
    remote: NonNull<Remote>,
    /// Unstarted jobs; thieves take from the other end.
    pub(super) deque: Owner<JobRef>,
    /// Fibers that have been woken, in that order.
    pub(super) ready: FiberList<Jobs>,
    /// Fibers that have yielded, in that order.
    pub(super) yielded: FiberList<Jobs>,
    /// Whether a fiber of this worker waits nested, below what runs now.
    nesting: Cell<bool>,
    /// The fiber that runs now.
    running: Cell<Option<NonNull<JobFiber>>>,
    /// Whether the worker believes that it has an idle fiber; another may have taken it.
    pub(super) has_idle: Cell<bool>,
    /// The job for the runner that is resumed next.
    handoff: Cell<Option<JobRef>>,
    /// What it carries from job to job.
    pub(super) back: Back,
    /// The other worker, and the position in its deque, of a job that this one has left there for
    /// a moment.
    pub(super) eyed: Cell<Option<(usize, isize)>>,
    /// How often in a row the worker was woken to search, and has found nothing.
    pub(super) in_vain: Cell<u32>,
    pub(super) turn: Turn,
    /// When the worker looks for timers that are due.
    pub(super) stride: Stride,
    /// Until when timers rest, as they count.
    pub(super) timers_rest_until: Cell<u64>,
    /// The jobs that had been started when a timer ended this worker's sleep, which was its last.
    pub(super) woken_by_timer_at: Cell<Option<u64>>,
    pub(super) rng: Rng,
    /// How many elements the loops had that took long here.
    pub(crate) long_loops: Recall,
    /// Set at the very end: idle fibers return instead of looking for jobs.
    ends: Cell<bool>,
    /// Every fiber created here, for the census.
    pub(super) created: RefCell<Vec<NonNull<JobFiber>>>,
    /// Why there is no stack for another fiber, if it is the system that refused.
    pub(super) stack_error: Cell<Option<StackError>>,
    pub(super) census_seen: Cell<u64>,
    slots: Slots,
    /// Whether somebody looks for blocked workers.
    is_watched: bool,
}

impl Worker {
    pub(super) fn new(index: usize, shared: Arc<Shared>, deque: Owner<JobRef>) -> Self {
        Self {
            remote: NonNull::from(&*shared.remotes[index]),
            is_watched: shared.watch.is_some(),
            index,
            shared,
            deque,
            ready: FiberList::new(),
            yielded: FiberList::new(),
            nesting: Cell::new(false),
            running: Cell::new(None),
            has_idle: Cell::new(false),
            handoff: Cell::new(None),
            back: Back::new(),
            eyed: Cell::new(None),
            in_vain: Cell::new(0),
            turn: Turn::new(),
            stride: Stride::new(),
            timers_rest_until: Cell::new(0),
            woken_by_timer_at: Cell::new(None),
            rng: Rng::new(index as u64),
            long_loops: Recall::new(),
            ends: Cell::new(false),
            created: RefCell::new(Vec::new()),
            stack_error: Cell::new(None),
            census_seen: Cell::new(0),
            slots: Slots::new(),
        }
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// Calls `f` with this thread's worker, if it is one, of any system.
    pub(crate) fn with_this<R>(f: impl FnOnce(Option<&Worker>) -> R) -> R {
        // SAFETY: the thread's worker outlives every frame on the thread and its fibers.
        f(current::worker().map(|worker| unsafe { worker.as_ref() }))
    }

    /// Memory for a job; `worker` is this thread's, if it is one.
    #[inline(always)]
    pub(crate) fn take_slot(worker: Option<&Worker>, layout: Layout) -> NonNull<u8> {
        match worker {
            Some(worker) => worker.slots.take(layout),
            None => slots::take_alone(layout),
        }
    }

    /// Frees what `take_slot` has given, on any thread.
    ///
    /// # Safety
    /// It was given for this layout, and is used no more.
    #[inline(always)]
    pub(crate) unsafe fn free_slot(worker: Option<&Worker>, slot: NonNull<u8>, layout: Layout) {
        match worker {
            // SAFETY: by contract.
            Some(worker) => unsafe { worker.slots.free(slot, layout) },
            // SAFETY: by contract.
            None => unsafe { slots::free_alone(slot, layout) },
        }
    }

    #[inline]
    pub(super) fn remote(&self) -> &Remote {
        // SAFETY: `shared`, which owns it, never moves it.
        unsafe { self.remote.as_ref() }
    }

    /// The main loop of a worker's thread.
    pub(super) fn run(&self) {
        let _entered = current::enter(self);
        loop {
            let can_start = self.has_runner();
            match self.next(can_start, None) {
                Next::Fiber(fiber) => self.go_on(fiber),
                Next::Job(job) => self.start(job),
                Next::Nothing if self.shared.terminated() => break,
                Next::Nothing => {}
            }
        }
        self.ends.set(true);
        self.end_idle_fibers();
    }

    /// Lets a fiber go on, and deals with how it stops. Returns when there is no fiber that must go
    /// on at once.
    pub(super) fn go_on(&self, fiber: ReadyFiber) {
        let mut next = Some(fiber);
        while let Some(fiber) = next {
            next = match self.resume(fiber) {
                Resumed::Stopped(fiber, Request::Yield) => {
                    self.remote().stats.yields.bump();
                    if cfg!(feature = "migration") {
                        self.set_burden_down();
                    }
                    migrate::yielded(self, fiber);
                    None
                }
                Resumed::Stopped(fiber, Request::Wait(waiter)) => {
                    self.remote().stats.waits.bump();
                    self.set_burden_down();
                    // SAFETY: the waiter is this fiber's, which has just stopped here.
                    let need_not_wait = unsafe {
                        self.begin_wait(fiber.fiber(), waiter.as_ref().site());
                        FiberWaiter::publish(fiber, waiter)
                    };
                    need_not_wait.and_then(|fiber| self.in_row(fiber))
                }
                Resumed::Stopped(fiber, Request::Idle(other)) => {
                    self.set_burden_down();
                    self.put_idle(fiber);
                    other
                }
                // The stack goes back to the arena. Only `ends` lets a body return.
                Resumed::Complete(stack) => {
                    drop(stack);
                    None
                }
            };
        }
    }

    /// Shows who watches which job runs now.
    #[inline]
    pub(super) fn show_job(&self, job: &Cell<*const JobHeader>) {
        if self.is_watched {
            self.show_job_to_the_watch(job);
        }
    }

    #[cold]
    fn show_job_to_the_watch(&self, job: &Cell<*const JobHeader>) {
        if let Some(watch) = &self.shared.watch {
            // SAFETY: the header of a job that runs, or is about to go on, lives as long as its
            // closure runs.
            let meta =
                NonNull::new(job.get().cast_mut()).map(|job| unsafe { JobHeader::meta(job) });
            watch.post(self.index).set(meta);
        }
    }

    #[inline]
    fn resume(&self, fiber: ReadyFiber) -> Resumed<Jobs> {
        let local = &fiber.fiber().local;
        local.set_worker(self);
        local.resumed_unwinding.set(std::thread::panicking());
        local.span.enter();
        if local.site.get().is_some() {
            self.end_wait(fiber.fiber());
            trace::resumed(self.index);
        }
        let address = fiber.as_ptr();
        let outer = self.running.replace(Some(address));
        self.remote().stats.switches.bump();
        self.show_job(&local.job);
        let resumed = fiber.resume(NonNull::from(self));
        self.running.set(outer);
        if let Resumed::Stopped(fiber, said) = &resumed {
            if let Request::Wait(waiter) = said {
                // SAFETY: the waiter lies in a frame of the fiber, which has just stopped.
                trace::suspended(self.index, unsafe { waiter.as_ref() }.site());
            }
            fiber.fiber().local.span.exit();
        }
        resumed
    }

    /// Notes that a fiber waits; `site` is valid until `end_wait`.
    #[inline]
    pub(super) fn begin_wait(&self, fiber: &JobFiber, site: &Site) {
        fiber.local.site.set(Some(NonNull::from(site)));
        self.count_waiting(usize::wrapping_add);
    }

    #[inline]
    pub(super) fn end_wait(&self, fiber: &JobFiber) {
        fiber.local.site.set(None);
        self.count_waiting(usize::wrapping_sub);
    }

    /// One fiber more or less waits.
    #[inline]
    fn count_waiting(&self, change: fn(usize, usize) -> usize) {
        // Only this thread writes. Release: see `Shared::nothing_left`.
        let waiting = &self.remote().waiting;
        waiting.store(
            change(waiting.load(Ordering::Relaxed), 1),
            Ordering::Release,
        );
    }

    /// Starts a job on a runner. There was one (`has_runner`), but another worker may have taken
    /// it: then the job waits for one, where everybody can take it.
    pub(super) fn start(&self, job: JobRef) {
        let Some(runner) = self.take_runner() else {
            return self.spawn(job);
        };
        self.handoff.set(Some(job));
        self.go_on(runner);
    }

    pub(super) fn take_handoff(&self) -> Option<JobRef> {
        self.handoff.take()
    }

    pub(super) fn has_stack_error(&self) -> bool {
        let error = self.stack_error.take();
        let has_one = error.is_some();
        self.stack_error.set(error);
        has_one
    }

    pub(super) fn take_stack_error(&self) -> Option<StackError> {
        self.stack_error.take()
    }

    /// Calls `f` while a fiber of this worker waits nested. Runners on top of it stop after each
    /// job, so that the nested loop sees when its wait is over.
    pub(super) fn nested<R>(&self, f: impl FnOnce() -> R) -> R {
        let outer = self.nesting.replace(true);
        let result = f();
        self.nesting.set(outer);
        result
    }

    pub(super) fn is_nesting(&self) -> bool {
        self.nesting.get()
    }

    /// Whether a runner must stop before it takes the next job: a nested loop wants to go on below
    /// it, or the thread unwinds (a fiber has stopped in the middle of it), which the next job must
    /// be known not to do, see `nested`.
    #[inline]
    pub(super) fn must_look_up(&self) -> bool {
        self.nesting.get() || std::thread::panicking()
    }

    pub(super) fn ends(&self) -> bool {
        self.ends.get()
    }

    /// Whether this thread, here, runs that fiber.
    #[inline]
    pub(crate) fn runs(&self, fiber: NonNull<JobFiber>) -> bool {
        self.running.get() == Some(fiber)
    }

    /// Makes an unstarted job visible to everybody.
    #[inline(always)]
    pub(crate) fn spawn(&self, job: JobRef) {
        if self.deque.push(job) == Pushed::Look {
            self.look_up();
        }
    }

    /// Calls `f` if nobody but this worker can reach this job, which has not started, and keeps it
    /// so meanwhile; says whether it did. It knows that only of the job that was spawned last.
    #[inline]
    pub(crate) fn while_unshared(&self, job: NonNull<super::JobHeader>, f: impl FnOnce()) -> bool {
        let (done, pushed) = self.deque.while_private(job.as_ptr().cast(), f);
        if pushed == Pushed::Look {
            self.look_up();
        }
        done
    }

    /// O1 to O3 of `idle`.
    #[cold]
    #[inline(never)]
    fn look_up(&self) {
        let idle = &self.shared.idle;
        if self.deque.look_up(|| idle.wants_jobs()) {
            let _woke = idle.see_to_jobs();
        }
    }

    /// Takes back the job that was spawned last, if it is that one and nobody has taken it.
    #[inline]
    pub(crate) fn take_back(&self, job: NonNull<super::JobHeader>) -> Option<JobRef> {
        let job = self.deque.pop_if(job.as_ptr().cast())?;
        self.remote().stats.jobs.bump();
        Some(job)
    }

    /// Lets a fiber go on that has been woken, on its home worker.
    pub(super) fn make_ready(fiber: ReadyFiber) {
        if let Some(fiber) = migrate::arrive(fiber) {
            Self::dispatch(fiber);
        }
    }

    /// Sends a fiber that may go on to the worker where it shall.
    pub(super) fn dispatch(fiber: ReadyFiber) {
        let home: *const Worker = fiber.fiber().local.worker();
        let here = current::worker();
        // SAFETY: a worker outlives the fibers that are homed on it. From another thread only the
        // constant fields are read.
        let (index, shared) = unsafe { ((*home).index, &(*home).shared) };
        // SAFETY: this thread's worker outlives this frame.
        match here.map(|here| unsafe { here.as_ref() }) {
            Some(here) if Arc::ptr_eq(&here.shared, shared) => {
                migrate::route_from_worker(here, index, fiber);
            }
            _ => {
                // Once the fiber is on its way, the system may end before this thread has
                // woken the worker: it holds on to what it touches.
                let shared = Arc::clone(shared);
                let index = migrate::route_from_outside(&shared, index);
                shared.deliver(index, fiber);
                migrate::sent_from_outside(&shared);
            }
        }
    }
}
