//! A job in the frame of whoever waits for it: the right half of a join, the job of a `run`.
//!
//! The frame outlives the job, because it does not go on before `done` is closed, or before it
//! has taken the job back. Closing is the job's last touch.

use std::cell::UnsafeCell;
use std::mem::{ManuallyDrop, MaybeUninit};
use std::panic::Location;
use std::ptr::{self, NonNull};

use super::handle::Done;
use crate::sched::{Context, JobHeader, JobKind, JobMeta, JobRef, Order, Shared};
use crate::unwind::{self, Payload};
use crate::wait::{Deadline, Patience, Site, ThreadWaiter, WaitList, Wake};

/// `repr(C)`: a pointer to the header is a pointer to the job.
///
/// `closure` is there until the job is run or taken back, and belongs to the holder of the
/// `JobRef`. `result` is there when `done` is closed.
#[repr(C)]
pub(super) struct StackJob<R, F> {
    header: JobHeader,
    spawned_at: &'static Location<'static>,
    done: WaitList,
    closure: UnsafeCell<ManuallyDrop<F>>,
    result: UnsafeCell<MaybeUninit<Result<R, Payload>>>,
}

impl<R, F> StackJob<R, F>
where
    R: Send,
    F: FnOnce(&Context<'_>) -> R + Send,
{
    const KIND: JobKind = JobKind {
        execute: execute::<R, F>,
        meta: meta::<R, F>,
        tally: |_| ptr::null(),
    };

    #[inline(always)]
    pub(super) fn new(spawned_at: &'static Location<'static>, f: F) -> Self {
        Self {
            header: JobHeader::new(const { &Self::KIND }),
            spawned_at,
            done: WaitList::new(),
            closure: UnsafeCell::new(ManuallyDrop::new(f)),
            result: UnsafeCell::new(MaybeUninit::uninit()),
        }
    }

    #[inline(always)]
    pub(super) fn as_ptr(&self) -> NonNull<JobHeader> {
        NonNull::from(self).cast()
    }

    /// The right to run it. Made once.
    ///
    /// # Safety
    /// The caller stays in this frame until it has taken the `JobRef` back or waited with `wait`.
    #[inline(always)]
    pub(super) unsafe fn as_job_ref(&self) -> JobRef {
        // SAFETY: by contract; the closure and the result are `Send`.
        unsafe { JobRef::new(self.as_ptr()) }
    }

    /// The closure of a job that has been taken back.
    #[inline(always)]
    pub(super) fn take_closure(&self, taken_back: JobRef) -> F {
        debug_assert_eq!(taken_back.as_ptr(), self.as_ptr());
        taken_back.forget();
        // SAFETY: whoever had the `JobRef`, which is spent here, has the closure.
        unsafe { ManuallyDrop::take(&mut *self.closure.get()) }
    }

    /// Waits until the job, `what` in reports, has run. Called once.
    #[inline]
    pub(super) fn wait(&self, cx: &Context<'_>, what: &'static &'static str) -> Result<R, Payload> {
        let site = Site {
            what,
            at: self.spawned_at,
        };
        if !self.done.is_closed() {
            cx.wait(&Done(&self.done), site);
        }
        // SAFETY: `done` is closed.
        unsafe { self.take_result() }
    }

    /// # Safety
    /// `done` is closed, and this is called once.
    unsafe fn take_result(&self) -> Result<R, Payload> {
        // SAFETY: the job is done with the result, which is there, and moved out once.
        unsafe { (*self.result.get()).assume_init_read() }
    }
}

/// # Safety
/// `header` is that of a `StackJob<R, F>` that has not ended.
unsafe fn meta<R, F>(header: NonNull<JobHeader>) -> JobMeta {
    // SAFETY: by contract; the place is constant.
    JobMeta::at(unsafe { (*header.cast::<StackJob<R, F>>().as_ptr()).spawned_at })
}

/// # Safety
/// `header` is that of a `StackJob<R, F>` whose `JobRef` is spent on this call.
unsafe fn execute<R, F>(header: NonNull<JobHeader>, order: Order<'_, '_>)
where
    R: Send,
    F: FnOnce(&Context<'_>) -> R + Send,
{
    // SAFETY: the frame that the job lies in waits for `done`.
    let job = unsafe { header.cast::<StackJob<R, F>>().as_ref() };
    // SAFETY: whoever has the `JobRef` has the closure, and it is spent here.
    let closure = unsafe { ManuallyDrop::take(&mut *job.closure.get()) };
    let result = match order {
        Order::Run(cx) => unwind::catch(|| closure(cx)),
        Order::Abandon(reason, _) => {
            unwind::drop_caught(closure).and_then(|()| Err(Box::new(reason) as Payload))
        }
    };
    // SAFETY: the result is the job's until `done` is closed.
    unsafe { (*job.result.get()).write(result) };
    job.done.close().0.deliver(Wake::Signalled);
}

/// Runs `f` as a job of `shared`, blocks the calling thread until it has ended, and hands its panic
/// on.
#[track_caller]
pub(crate) fn run_from_outside<R, F>(shared: &Shared, f: F) -> R
where
    R: Send,
    F: FnOnce(&Context<'_>) -> R + Send,
{
    let job = StackJob::new(Location::caller(), f);
    // SAFETY: this frame waits for the job below.
    let job_ref = unsafe { job.as_job_ref() };
    let woke = match shared.submit(job_ref) {
        Ok(woke) => woke,
        Err((job_ref, _)) => {
            drop(job.take_closure(job_ref));
            panic!("`run` on a job system that is shutting down");
        }
    };
    // A worker that was woken may be waiting for this very core.
    let patience = if woke { Patience::None } else { Patience::Spin };
    if !job.done.is_closed() {
        ThreadWaiter::wait_for(&Done(&job.done), patience, Deadline::NONE);
    }
    // SAFETY: `done` is closed.
    match unsafe { job.take_result() } {
        Ok(result) => result,
        Err(payload) => std::panic::resume_unwind(payload),
    }
}
