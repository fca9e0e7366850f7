//! The memory of a spawned job: its header, its closure, and later its result.
//!
//! ```text
//!   JobCell<T, F>
//!   +-------------------------------------------------+----------------------------+
//!   | Head<T>: header | done (word) | result | free   | closure, ticket, scope     |
//!   +-------------------------------------------------+----------------------------+
//!     ^ JobRef, in a queue            ^ JobHandle<T>
//! ```
//!
//! Two parties share a cell: the job, which is run once, and the handle. The word of `done` settles
//! who frees it:
//!
//! | the job ends: `close()` | the handle goes: `mark()` | frees the cell |
//! |---|---|---|
//! | second (finds the mark) | first | the job |
//! | first | second (finds it closed) | the handle |
//!
//! Until `done` is closed the result is the job's, after that the handle's. Closing is the job's
//! last touch of the cell, unless it found the mark. `closure`, `ticket` and `scope` are only the
//! job's.

use std::cell::UnsafeCell;
use std::ptr::NonNull;
use std::sync::Arc;

use super::panic::Unjoined;
use super::scope::ScopeRef;
use crate::sched::{Context, Hooks, JobHeader, JobMeta, JobRef, Order, Panicked};
use crate::sync::Ticket;
use crate::unwind::{self, Payload};
use crate::wait::{WaitList, Wake};

/// The part of a cell that the handle knows.
#[repr(C)]
pub(super) struct Head<T> {
    header: JobHeader,
    done: WaitList,
    result: UnsafeCell<Option<Result<T, Unjoined>>>,
    free: unsafe fn(NonNull<Head<T>>),
}

#[repr(C)]
struct JobCell<T, F> {
    head: Head<T>,
    inner: UnsafeCell<Option<Inner<F>>>,
}

/// What the job has until it runs.
struct Inner<F> {
    closure: F,
    ties: Ties,
}

/// Who is told when the job has ended.
pub(super) struct Ties {
    pub(super) ticket: Option<Ticket>,
    pub(super) scope: Option<ScopeRef>,
}

/// The handle's share of a cell.
pub(super) struct CellHandle<T>(NonNull<Head<T>>);

// SAFETY: the result is `Send`, and the handle reaches it only when the job is done with it.
unsafe impl<T: Send> Send for CellHandle<T> {}
// SAFETY: by reference the handle only looks at the word.
unsafe impl<T: Send> Sync for CellHandle<T> {}

/// A new job, and its handle.
///
/// # Safety
/// Whatever `f` and `T` borrow outlives the job: the caller waits for it (a scope), or they are
/// `'static`.
pub(super) unsafe fn new_job<T, F>(meta: JobMeta, ties: Ties, f: F) -> (JobRef, CellHandle<T>)
where
    T: Send,
    F: FnOnce(&Context<'_>) -> T + Send,
{
    let cell = Box::new(JobCell {
        head: Head {
            header: JobHeader::new(execute::<T, F>, meta),
            done: WaitList::new(),
            result: UnsafeCell::new(None),
            free: free::<T, F>,
        },
        inner: UnsafeCell::new(Some(Inner { closure: f, ties })),
    });
    let cell = NonNull::from(Box::leak(cell));
    // SAFETY: the cell lives until both parties are done with it, and this is its one `JobRef`.
    let job = unsafe { JobRef::new(cell.cast()) };
    (job, CellHandle(cell.cast()))
}

/// # Safety
/// `head` is that of a `JobCell<T, F>`, and both parties are done with it.
unsafe fn free<T, F>(head: NonNull<Head<T>>) {
    // SAFETY: allocated as this type in `new_job`.
    drop(unsafe { Box::from_raw(head.cast::<JobCell<T, F>>().as_ptr()) });
}

/// Runs the job, or drops it. Never unwinds: closure, result and payload are dropped under `catch`.
///
/// # Safety
/// `header` is that of a `JobCell<T, F>` whose `JobRef` is spent on this call.
unsafe fn execute<T, F>(header: NonNull<JobHeader>, order: Order<'_, '_>)
where
    T: Send,
    F: FnOnce(&Context<'_>) -> T + Send,
{
    let cell = header.cast::<JobCell<T, F>>();
    // SAFETY: `inner` is the job's, and the job is executed once.
    let inner = unsafe { (*cell.as_ref().inner.get()).take() };
    let Some(Inner { closure, ties }) = inner else {
        return;
    };
    match order {
        Order::Run(cx) => {
            let result = unwind::catch(|| closure(cx));
            // The worker is read after the call: the job may have waited.
            let hooks = &cx.worker().shared().config().hooks;
            // SAFETY: this is the job's end.
            unsafe { settle(cell.cast(), result, ties, hooks) };
        }
        Order::Abandon(reason, hooks) => {
            let dropped = unwind::drop_caught(closure);
            let payload = dropped.err().unwrap_or_else(|| Box::new(reason));
            // SAFETY: as above.
            unsafe { settle::<T>(cell.cast(), Err(payload), ties, hooks) };
        }
    }
}

/// The job has ended: leaves the result to the handle, or deals with it, and tells who waits.
///
/// # Safety
/// The caller is the job, and its `inner` is gone.
unsafe fn settle<T: Send>(
    head: NonNull<Head<T>>,
    result: Result<T, Payload>,
    ties: Ties,
    hooks: &Arc<dyn Hooks>,
) {
    // SAFETY: the cell is valid until `done` is closed, and the result is the job's.
    let (waiters, detached) = unsafe {
        let head = head.as_ref();
        let meta = &head.header.meta;
        let unjoined = |payload| Unjoined::new(Panicked::new(payload, meta), hooks, ties.scope);
        *head.result.get() = Some(result.map_err(unjoined));
        head.done.close()
    };
    if detached {
        // SAFETY: the handle is gone, so the cell is the job's.
        unsafe { drop_detached(head, &ties, hooks) };
    }
    waiters.deliver(Wake::Signalled);
    if let Some(ticket) = ties.ticket {
        if ticket.finish().is_err() {
            hooks.counter_below_zero();
        }
    }
    if let Some(scope) = ties.scope {
        // SAFETY: the scope waits for this call, which is this job's only one.
        unsafe { scope.child_done() };
    }
}

/// Drops a result that nobody will ask for; a panic of its destructor counts as the job's.
///
/// # Safety
/// The cell is the caller's, and the job has ended.
#[cold]
unsafe fn drop_detached<T: Send>(head: NonNull<Head<T>>, ties: &Ties, hooks: &Arc<dyn Hooks>) {
    // SAFETY: by contract.
    let (result, meta) = unsafe {
        let meta = head.as_ref().header.meta.clone();
        let result = (*head.as_ref().result.get()).take();
        (head.as_ref().free)(head);
        (result, meta)
    };
    if let Err(payload) = unwind::drop_caught(result) {
        drop(Unjoined::new(
            Panicked::new(payload, &meta),
            hooks,
            ties.scope,
        ));
    }
}

impl<T> CellHandle<T> {
    pub(super) fn done(&self) -> &WaitList {
        // SAFETY: the handle's share keeps the cell alive.
        unsafe { &self.0.as_ref().done }
    }

    pub(super) fn meta(&self) -> &JobMeta {
        // SAFETY: as above; the header is constant.
        unsafe { &self.0.as_ref().header.meta }
    }

    /// The result of a job that is done.
    pub(super) fn take_result(self) -> Result<T, Panicked> {
        debug_assert!(self.done().is_closed());
        let head = std::mem::ManuallyDrop::new(self).0;
        // SAFETY: `done` is closed, so the job is done with the cell and the handle frees it.
        let result = unsafe {
            let result = (*head.as_ref().result.get()).take();
            (head.as_ref().free)(head);
            result
        };
        result
            .expect("a closed cell has a result")
            .map_err(Unjoined::take)
    }

    /// Takes back the closure of a job that was never queued.
    ///
    /// # Safety
    /// The job is a `JobCell<T, F>`, and `job` is its `JobRef`.
    pub(super) unsafe fn unspawn<F>(self, job: JobRef) -> Option<F> {
        job.forget();
        let head = std::mem::ManuallyDrop::new(self).0;
        // SAFETY: by contract; nobody else has a share.
        unsafe {
            let inner = (*head.cast::<JobCell<T, F>>().as_ref().inner.get()).take();
            (head.as_ref().free)(head);
            let Inner { closure, ties } = inner?;
            if let Some(ticket) = ties.ticket {
                // Below zero only by a `done` too many, which has nothing to do with this job.
                let _ = ticket.finish();
            }
            Some(closure)
        }
    }
}

impl<T> Drop for CellHandle<T> {
    fn drop(&mut self) {
        if self.done().mark() {
            // SAFETY: the job is done with the cell, so the handle frees it. An unjoined panic
            // reports itself when it is dropped.
            unsafe {
                let result = (*self.0.as_ref().result.get()).take();
                (self.0.as_ref().free)(self.0);
                drop(result);
            }
        }
    }
}
