//! A job in the frame of whoever waits for it: the right half of a join, the job of a `run`.
//!
//! The frame outlives the job, because it does not go on before `done` is closed, or before it
//! has taken the job back. Closing is the job's last touch.

use std::cell::UnsafeCell;
use std::ptr::NonNull;

use super::handle::Done;
use crate::sched::{Blocking, Context, JobHeader, JobMeta, JobRef, Order, Shared};
use crate::unwind::{self, Payload};
use crate::wait::{Site, WaitList, Waiter, Wake};

/// `repr(C)`: a pointer to the header is a pointer to the job.
#[repr(C)]
pub(super) struct StackJob<R, F> {
    header: JobHeader,
    done: WaitList,
    closure: UnsafeCell<Option<F>>,
    result: UnsafeCell<Option<Result<R, Payload>>>,
}

impl<R, F> StackJob<R, F>
where
    R: Send,
    F: FnOnce(&Context<'_>) -> R + Send,
{
    #[inline]
    pub(super) fn new(meta: JobMeta, f: F) -> Self {
        Self {
            header: JobHeader::new(execute::<R, F>, meta),
            done: WaitList::new(),
            closure: UnsafeCell::new(Some(f)),
            result: UnsafeCell::new(None),
        }
    }

    #[inline]
    pub(super) fn as_ptr(&self) -> NonNull<JobHeader> {
        NonNull::from(self).cast()
    }

    /// The right to run it. Made once.
    ///
    /// # Safety
    /// The caller stays in this frame until it has taken the `JobRef` back or waited with `wait`.
    #[inline]
    pub(super) unsafe fn as_job_ref(&self) -> JobRef {
        // SAFETY: by contract; the closure and the result are `Send`.
        unsafe { JobRef::new(self.as_ptr()) }
    }

    /// The closure of a job that has been taken back.
    #[inline]
    pub(super) fn take_closure(&self, taken_back: JobRef) -> F {
        taken_back.forget();
        // SAFETY: whoever has the `JobRef` has the closure.
        unsafe { (*self.closure.get()).take() }.expect("a job has its closure until it runs")
    }

    /// Waits until the job has run.
    #[inline]
    pub(super) fn wait<W: Waiter>(&self, who: W, site: Site) -> Result<R, Payload> {
        if !self.done.is_closed() {
            who.wait_for(&Done(&self.done), site);
        }
        // SAFETY: `done` is closed, so the job is done with the result.
        unsafe { (*self.result.get()).take() }.expect("a closed job has a result")
    }
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
    // SAFETY: whoever has the `JobRef` has the closure.
    let closure = unsafe { (*job.closure.get()).take() };
    let result = match (closure, order) {
        (Some(closure), Order::Run(cx)) => unwind::catch(|| closure(cx)),
        (closure, Order::Abandon(reason, _)) => {
            unwind::drop_caught(closure).and_then(|()| Err(Box::new(reason) as Payload))
        }
        (None, Order::Run(_)) => unreachable!("a job runs once"),
    };
    // SAFETY: the result is the job's until `done` is closed.
    unsafe { *job.result.get() = Some(result) };
    job.done.close().0.deliver(Wake::Signalled);
}

/// Runs `f` as a job of `shared`, blocks the calling thread until it has ended, and hands its panic
/// on.
#[track_caller]
pub(crate) fn run_from_outside<R, F>(shared: &Shared, meta: JobMeta, f: F) -> R
where
    R: Send,
    F: FnOnce(&Context<'_>) -> R + Send,
{
    let job = StackJob::new(meta, f);
    // SAFETY: this frame waits for the job below.
    let job_ref = unsafe { job.as_job_ref() };
    if let Err((job_ref, _)) = shared.submit(job_ref) {
        job_ref.forget();
        panic!("`run` on a job system that is shutting down");
    }
    match job.wait(Blocking, Site::here("a job to end")) {
        Ok(result) => result,
        Err(payload) => std::panic::resume_unwind(payload),
    }
}
