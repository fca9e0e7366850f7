//! The memory of a spawned job: its header, its closure, and later its result.
//!
//! ```text
//!   JobCell<T, F>
//!   +--------------------------------------------------+-----------------------------+
//!   | Head: header | place | details | done | ties     | closure, and later result   |
//!   +--------------------------------------------------+-----------------------------+
//!     ^ JobRef, in a queue             ^ JobHandle<T>
//! ```
//!
//! A cell is a slot (`slots`). Two parties share it: the job, which is run once, and the handle.
//! The word of `done` settles who frees it:
//!
//! | the job ends: `close()` | the handle goes: `mark()` | frees the cell |
//! |---|---|---|
//! | second (finds the mark) | first | the job |
//! | first | second (finds it closed) | the handle |
//!
//! Closing is the job's last touch of the cell, unless it found the mark. A job that finds the mark
//! before it closes need not close: nobody else has the cell then.
//!
//! `body` and `ties` are the job's until `done` is closed or marked: first the closure, which it
//! moves out before it calls it, then nothing, then the result. After that the result is the
//! handle's. `header`, `spawned_at` and `details` are constant.

use std::alloc::Layout;
use std::cell::UnsafeCell;
use std::mem::{ManuallyDrop, MaybeUninit, offset_of};
use std::panic::Location;
use std::ptr::{self, NonNull};
use std::sync::Arc;

use super::panic::Unjoined;
use super::scope::ScopeRef;
use crate::sched::{
    Context, Details, Hooks, JobHeader, JobKind, JobMeta, JobRef, Order, Panicked, Worker,
};
use crate::sync::Ticket;
use crate::unwind::{self, Payload};
use crate::wait::{WaitList, WaitNode, Wake};

/// What a job leaves. A panic is boxed: it is rare, and large.
pub(super) type Left<T> = Result<T, Box<Unjoined>>;

/// The part of a cell that is the same for all jobs.
#[repr(C)]
struct Head {
    header: JobHeader,
    spawned_at: &'static Location<'static>,
    details: Option<Box<Details>>,
    done: WaitList,
    ties: UnsafeCell<MaybeUninit<Ties>>,
}

#[repr(C)]
struct JobCell<T, F> {
    head: Head,
    body: UnsafeCell<Body<T, F>>,
}

union Body<T, F> {
    closure: ManuallyDrop<F>,
    result: ManuallyDrop<Left<T>>,
}

/// What cells of one type have in common. `repr(C)`: a pointer to the job's part is one to this.
#[repr(C)]
struct CellKind {
    job: JobKind,
    /// Where in the cell the result is.
    result: usize,
    layout: Layout,
}

/// Who is told when the job has ended.
pub(super) struct Ties {
    pub(super) ticket: Option<Ticket>,
    pub(super) scope: Option<ScopeRef>,
}

/// What is said of a job when it is spawned.
pub(super) struct Label {
    pub(super) spawned_at: &'static Location<'static>,
    pub(super) details: Option<Box<Details>>,
}

impl Label {
    /// Nothing but the place of the caller.
    #[inline(always)]
    #[track_caller]
    pub(super) fn here() -> Self {
        Self {
            spawned_at: Location::caller(),
            details: None,
        }
    }
}

impl<T, F> JobCell<T, F>
where
    T: Send,
    F: FnOnce(&Context<'_>) -> T + Send,
{
    const KIND: CellKind = CellKind {
        job: JobKind {
            execute: execute::<T, F>,
            meta,
            tally,
        },
        result: offset_of!(JobCell<T, F>, body),
        layout: Layout::new::<JobCell<T, F>>(),
    };
}

impl Head {
    fn kind(&self) -> &'static CellKind {
        // SAFETY: `new_job` gives every cell's header the first part of a `CellKind`.
        unsafe { &*std::ptr::from_ref(self.header.kind()).cast() }
    }

    fn meta(&self) -> JobMeta {
        JobMeta::new(self.spawned_at, self.details.as_deref())
    }
}

/// # Safety
/// `header` is that of a cell that is alive.
unsafe fn meta(header: NonNull<JobHeader>) -> JobMeta {
    // SAFETY: by contract.
    unsafe { header.cast::<Head>().as_ref() }.meta()
}

/// The counter that counts the job, or null.
///
/// # Safety
/// `header` is that of a cell whose job has not run.
unsafe fn tally(header: NonNull<JobHeader>) -> *const () {
    // SAFETY: by contract; the ties are there until the job ends, and nobody writes them.
    let ties = unsafe {
        let ties = header.cast::<Head>().as_ref().ties.get();
        (*ties).assume_init_ref()
    };
    let tally = ties.ticket.as_ref().map(Ticket::tally);
    tally.map_or(ptr::null(), |tally| tally.as_ptr().cast_const())
}

/// A new job, and its handle. `worker` is this thread's, if it is one.
///
/// # Safety
/// Whatever `f` and `T` borrow outlives the job: the caller waits for it (a scope), or they are
/// `'static`.
#[inline]
pub(super) unsafe fn new_job<T, F>(
    worker: Option<&Worker>,
    label: Label,
    ties: Ties,
    f: F,
) -> (JobRef, CellHandle<T>)
where
    T: Send,
    F: FnOnce(&Context<'_>) -> T + Send,
{
    let kind = const { &JobCell::<T, F>::KIND };
    let cell = Worker::take_slot(worker, kind.layout).cast::<JobCell<T, F>>();
    // SAFETY: a new slot of this layout. A pointer to the kind's first part is valid for all of it.
    unsafe {
        let job_kind = &*std::ptr::from_ref(kind).cast::<JobKind>();
        cell.write(JobCell {
            head: Head {
                header: JobHeader::new(job_kind),
                spawned_at: label.spawned_at,
                details: label.details,
                done: WaitList::new(),
                ties: UnsafeCell::new(MaybeUninit::new(ties)),
            },
            body: UnsafeCell::new(Body {
                closure: ManuallyDrop::new(f),
            }),
        });
    }
    // SAFETY: the cell lives until both parties are done with it, and this is its one `JobRef`.
    let job = unsafe { JobRef::new(cell.cast()) };
    let handle = CellHandle {
        head: cell.cast(),
        result: std::marker::PhantomData,
    };
    (job, handle)
}

/// Frees a cell whose body is gone.
///
/// # Safety
/// Both parties are done with it.
unsafe fn free(worker: Option<&Worker>, head: NonNull<Head>) {
    // SAFETY: by contract the cell is the caller's; it was taken for this layout.
    unsafe {
        let layout = head.as_ref().kind().layout;
        head.drop_in_place();
        Worker::free_slot(worker, head.cast(), layout);
    }
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
    // SAFETY: the body is the job's, and the job is executed once, so the closure is there.
    let closure = unsafe { ManuallyDrop::take(&mut (*cell.as_ref().body.get()).closure) };
    match order {
        Order::Run(cx) => {
            let result = unwind::catch(|| closure(cx));
            // The worker is read after the call: the job may have waited.
            let worker = cx.worker();
            // SAFETY: this is the job's end.
            unsafe { settle(cell, result, Some(worker), &worker.shared().config().hooks) };
        }
        Order::Abandon(reason, hooks) => {
            let dropped = unwind::drop_caught(closure);
            let payload = dropped.err().unwrap_or_else(|| Box::new(reason));
            // SAFETY: as above.
            unsafe { settle(cell, Err(payload), None, hooks) };
        }
    }
}

/// The job has ended: leaves the result to the handle, or deals with it, and tells who waits.
///
/// # Safety
/// The caller is the job, and its closure is gone.
#[inline]
unsafe fn settle<T: Send, F>(
    cell: NonNull<JobCell<T, F>>,
    result: Result<T, Payload>,
    worker: Option<&Worker>,
    hooks: &Arc<dyn Hooks>,
) {
    let head = cell.cast::<Head>();
    // SAFETY: the cell is valid until `done` is closed, and the body and the ties are the job's.
    let (ties, waiters, detached) = unsafe {
        let Ties { ticket, scope } = (*head.as_ref().ties.get()).assume_init_read();
        let result = match result {
            Ok(value) => Ok(value),
            Err(payload) => Err(unjoined(head.as_ref(), payload, scope, hooks)),
        };
        (*cell.as_ref().body.get()).result = ManuallyDrop::new(result);
        let (waiters, detached) = head.as_ref().done.close_unless_marked();
        (Ties { ticket, scope }, waiters, detached)
    };
    if detached {
        // SAFETY: the handle is gone, so the cell is the job's.
        unsafe { drop_detached(cell, ties.scope, worker, hooks) };
    } else {
        waiters.deliver(Wake::Signalled);
    }
    if let Some(ticket) = ties.ticket {
        // A job that a worker runs, it runs on a runner's own stack, after which it takes the next.
        // A scope's job carries nothing: when the scope has ended, the count has been lowered.
        let finished = match worker {
            Some(worker) if ties.scope.is_none() => ticket.finish_on(worker),
            _ => ticket.finish(),
        };
        if finished.is_err() {
            hooks.counter_below_zero();
        }
    }
    if let Some(scope) = ties.scope {
        // SAFETY: the scope waits for this call, which is this job's only one.
        unsafe { scope.child_done() };
    }
}

#[cold]
fn unjoined(
    head: &Head,
    payload: Payload,
    scope: Option<ScopeRef>,
    hooks: &Arc<dyn Hooks>,
) -> Box<Unjoined> {
    let panicked = Panicked::new(payload, &head.meta());
    Box::new(Unjoined::new(panicked, hooks, scope))
}

/// Drops a result that nobody will ask for; a panic of its destructor counts as the job's.
///
/// # Safety
/// The cell is the caller's, and the job has ended.
#[inline]
unsafe fn drop_detached<T: Send, F>(
    cell: NonNull<JobCell<T, F>>,
    scope: Option<ScopeRef>,
    worker: Option<&Worker>,
    hooks: &Arc<dyn Hooks>,
) {
    let head = cell.cast::<Head>();
    // SAFETY: by contract.
    unsafe {
        let result = ManuallyDrop::take(&mut (*cell.as_ref().body.get()).result);
        if let Err(payload) = unwind::drop_caught(result) {
            drop(unjoined(head.as_ref(), payload, scope, hooks));
        }
        free(worker, head);
    }
}

/// The handle's share of a cell.
pub(super) struct CellHandle<T> {
    head: NonNull<Head>,
    result: std::marker::PhantomData<T>,
}

// SAFETY: the result is `Send`, and the handle reaches it only when the job is done with it.
unsafe impl<T: Send> Send for CellHandle<T> {}
// SAFETY: by reference the handle only looks at the word and at what is constant.
unsafe impl<T: Send> Sync for CellHandle<T> {}

impl<T> CellHandle<T> {
    fn head(&self) -> &Head {
        // SAFETY: the handle's share keeps the cell alive.
        unsafe { self.head.as_ref() }
    }

    pub(super) fn done(&self) -> &WaitList {
        &self.head().done
    }

    pub(super) fn meta(&self) -> JobMeta {
        self.head().meta()
    }

    /// The result of a job that is done.
    pub(super) fn take_result(self) -> Result<T, Panicked> {
        debug_assert!(self.done().is_closed());
        let handle = ManuallyDrop::new(self);
        // SAFETY: `done` is closed, so the job is done with the cell, and the handle is spent.
        let left = unsafe { handle.take_left() };
        left.map_err(|unjoined| unjoined.take())
    }

    /// Moves the result out and frees the cell.
    ///
    /// # Safety
    /// `done` is closed, and the handle does nothing more.
    unsafe fn take_left(&self) -> Left<T> {
        // SAFETY: by contract the cell is the handle's, and has a result.
        unsafe {
            let place = self.head.byte_add(self.head().kind().result);
            let left = place.cast::<Left<T>>().read();
            Worker::with_this(|worker| free(worker, self.head));
            left
        }
    }

    /// Takes back the closure of a job that was never queued.
    ///
    /// # Safety
    /// The job is a `JobCell<T, F>`, and `job` is its `JobRef`.
    pub(super) unsafe fn unspawn<F>(self, job: JobRef) -> F {
        job.forget();
        let head = ManuallyDrop::new(self).head;
        // SAFETY: by contract; nobody else has a share, and the job has not run.
        unsafe {
            let cell = head.cast::<JobCell<T, F>>();
            let closure = ManuallyDrop::take(&mut (*cell.as_ref().body.get()).closure);
            let ties = (*head.as_ref().ties.get()).assume_init_read();
            Worker::with_this(|worker| free(worker, head));
            if let Some(ticket) = ties.ticket {
                // Below zero only by a `done` too many, which has nothing to do with this job.
                let _ = ticket.finish();
            }
            closure
        }
    }
}

impl<T> CellHandle<T> {
    /// Marks the cell without an atomic exchange, if its job has just been spawned here: as long as
    /// nobody else can reach the job, nobody else can reach the cell.
    #[inline]
    fn mark_unshared(&self) -> bool {
        // SAFETY: the job is held back, and the handle is the only other one.
        self.while_unshared(|done| unsafe { done.mark_alone() })
    }

    /// Registers a waiter in the same way; says whether it has. For whoever has the handle to
    /// itself: a handle that is only borrowed may have other waiters.
    ///
    /// # Safety
    /// As for `Source::register`; and nobody else uses the handle.
    #[inline]
    pub(super) unsafe fn register_unshared(&self, node: NonNull<WaitNode>) -> bool {
        // SAFETY: by contract; the job is held back, and has not ended.
        self.while_unshared(|done| unsafe { done.register_alone(node) })
    }

    /// Calls `f` if the job has just been spawned here, and nobody else can reach it; says whether
    /// it did. After `f` the cell is not touched: the job may end at once.
    #[inline]
    fn while_unshared(&self, f: impl FnOnce(&WaitList)) -> bool {
        Worker::with_this(|worker| {
            worker.is_some_and(|worker| worker.while_unshared(self.head.cast(), || f(self.done())))
        })
    }
}

impl<T> Drop for CellHandle<T> {
    #[inline]
    fn drop(&mut self) {
        if !self.mark_unshared() && self.done().mark() {
            // SAFETY: the job is done with the cell, and this is the handle's last act. An unjoined
            // panic reports itself when it is dropped.
            drop(unsafe { self.take_left() });
        }
    }
}
