//! A counter of unfinished work that can be waited on.
//!
//! ```text
//!  state:  | WAKING | refs (30 bits) | LEVELS | WAITERS | pending (30 bits) |
//! ```
//!
//! `pending` is the count. `refs` counts handles, holds and counted jobs: whoever has one keeps the
//! block alive. A counted job takes one of each with one atomic operation when it is spawned, and
//! gives both back with one when it ends. `WAITERS` says that the list may hold waiters, `LEVELS`
//! that some are content with more than zero.
//!
//! **Crossing zero.** The decrement that reaches zero while one of these flags is set clears both
//! and sets `WAKING` in the same exchange. Then it detaches the list, unsets `WAKING` (together
//! with its own reference), and delivers. That is its last touch of the block.
//!
//! **Registering** (on the worker's stack, when the fiber has stopped):
//! - R1. Read the state. At or below the level: nothing to wait for. `WAKING`: come back later.
//! - R2. Push the node.
//! - R3. Set the flag by compare-exchange, unless the count is low enough now or `WAKING` is set;
//!   then take the node out again (`WaitList::leave`), which delivers it in any case.
//!
//! *A waiter is woken only if the count has been zero since its call.* A waker's detach lies
//! between its exchange, which sets `WAKING`, and the one that unsets it. If it takes a node, R1 of
//! that node did not see its `WAKING`, so R1 came before the exchange, in which the count was zero.
//!
//! *A waiter is woken if the count is zero after its call.* After R3 has set the flag, the next
//! decrement to zero sees it, and its detach comes after R2. If R3 finds zero or `WAKING`, the node
//! is taken out and delivered.
//!
//! *Nobody waits for `WAKING` with a worker in hand.* A waiter that finds it yields, or gives its
//! time slice away. Flags can't be set while `WAKING` is, so no second crossing needs it, and no
//! decrement ever waits.
//!
//! **Levels.** A decrement that does not reach zero but finds `LEVELS` sweeps the list: nodes whose
//! level is at least the count are delivered, the others put back (see `WaitList`). Those waiters
//! look at the count again, since it may have grown meanwhile.
//!
//! **The end.** When the last reference goes and the count is not zero, it can never be reached any
//! more: what is left in the list (only continuations can be, every other waiter has a handle) is
//! delivered as abandoned.
//!
//! **Orderings.** All exchanges of `state` are `AcqRel`: what a job did before its decrement is
//! visible to whoever sees the count without it, and to whoever frees the block.

use std::cell::Cell;
use std::fmt;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::ptr::NonNull;

use crate::primitive::atomic::{AtomicU64, Ordering};
use crate::unwind::{abort, complain};
use crate::wait::{Site, Source, WaitList, WaitNode, Waiter, Wake};

const ONE: u64 = 1;
const PENDING: u64 = (1 << 30) - 1;
const WAITERS: u64 = 1 << 30;
const LEVELS: u64 = 1 << 31;
const REF: u64 = 1 << 32;
const REFS: u64 = PENDING << 32;
const WAKING: u64 = 1 << 62;

/// The most that `add` raises the count to. Counted jobs come on top, of which there are fewer than
/// references.
const MOST_BY_HAND: u64 = 1 << 28;

/// Counts unfinished work; jobs and threads wait until it is zero.
///
/// A counter is a shared handle: clones count the same thing. Jobs spawned with it
/// (`cx.spawn_counted(&counter, ..)`, `cx.job().counter(&counter)`) raise it when they are spawned
/// and lower it when they have ended, also when they panic. Anything else (a file load, a GPU
/// fence) is counted by hand with [`add`](Self::add) and [`done`](Self::done), or with a
/// [`hold`](Self::hold).
///
/// A new counter is zero.
///
/// # Memory ordering
/// What a counted job did, and what came before a `done`, is visible after a wait that it ends.
///
/// # Deadlocks
/// A job that waits for a counter that counts the job itself never goes on.
///
/// # Examples
/// ```
/// use std::sync::atomic::{AtomicU32, Ordering};
/// use rustfiber::{Counter, JobSystem};
///
/// let jobs = JobSystem::new()?;
/// let sum = AtomicU32::new(0);
/// jobs.run(|cx| {
///     let counter = Counter::new();
///     cx.scope(|s| {
///         for n in 1..=10 {
///             let sum = &sum;
///             s.spawn_counted(&counter, move |_| sum.fetch_add(n, Ordering::Relaxed));
///         }
///         counter.wait(cx);
///         assert_eq!(sum.load(Ordering::Relaxed), 55);
///     });
/// });
/// # Ok::<(), rustfiber::BuildError>(())
/// ```
pub struct Counter {
    core: NonNull<Core>,
}

struct Core {
    state: AtomicU64,
    waiters: WaitList,
}

// SAFETY: a handle reaches atomics and the list, whose protocols are for any thread.
unsafe impl Send for Counter {}
// SAFETY: as above.
unsafe impl Sync for Counter {}

/// The wake-ups that a change of the count has made necessary.
enum Due {
    Nothing,
    /// The count reached zero: `WAKING` is set, and this thread unsets it.
    Zero,
    /// The count fell, and somebody may be content with that.
    Level,
}

impl Counter {
    /// A counter at zero.
    ///
    /// ```
    /// assert!(rustfiber::Counter::new().is_zero());
    /// ```
    #[must_use]
    pub fn new() -> Self {
        let core = Box::new(Core {
            state: AtomicU64::new(REF),
            waiters: WaitList::new(),
        });
        Self {
            core: NonNull::from(Box::leak(core)),
        }
    }

    fn core(&self) -> &Core {
        // SAFETY: the handle's reference keeps the block alive.
        unsafe { self.core.as_ref() }
    }

    /// The count at this moment. It may change at once; to wait for it, use [`wait`](Self::wait).
    ///
    /// ```
    /// let counter = rustfiber::Counter::new();
    /// counter.add(2);
    /// assert_eq!(counter.count(), 2);
    /// # counter.done(); counter.done();
    /// ```
    #[must_use]
    pub fn count(&self) -> u32 {
        // Acquire: pairs with the release of the decrements that have led here.
        (self.core().state.load(Ordering::Acquire) & PENDING) as u32
    }

    /// Whether the count is zero at this moment.
    #[must_use]
    pub fn is_zero(&self) -> bool {
        self.count() == 0
    }

    /// Raises the count by `n`. Each is taken back with one [`done`](Self::done).
    ///
    /// ```
    /// let counter = rustfiber::Counter::new();
    /// counter.add(1);
    /// assert!(!counter.is_zero());
    /// counter.done();
    /// assert!(counter.is_zero());
    /// ```
    ///
    /// # Panics
    /// If the count would exceed 2<sup>28</sup>.
    #[track_caller]
    pub fn add(&self, n: u32) {
        let n = u64::from(n);
        let fits = |state: u64| (state & PENDING) + n <= MOST_BY_HAND;
        let raised = self.core().update(|state| fits(state).then(|| state + n));
        assert!(
            raised.is_ok(),
            "`Counter::add({n})` would raise the count above 2^28"
        );
    }

    /// Lowers the count by one, and wakes who waits for that.
    ///
    /// ```
    /// let counter = rustfiber::Counter::new();
    /// counter.add(2);
    /// counter.done();
    /// assert_eq!(counter.count(), 1);
    /// # counter.done();
    /// ```
    ///
    /// # Panics
    /// If the count is zero: there is one `done` more than there were `add`s.
    #[track_caller]
    pub fn done(&self) {
        match self.core().lower(0) {
            Ok((due, _)) => self.core().wake(due, 0),
            Err(Underflow) => panic!(
                "`Counter::done` below zero: each `done` must have its own `add` \
                 (a counted job and a hold lower the counter by themselves)"
            ),
        }
    }

    /// Raises the count by one until the hold is dropped: keeps the counter up while more is added
    /// to it.
    ///
    /// ```
    /// let counter = rustfiber::Counter::new();
    /// let hold = counter.hold();
    /// assert_eq!(counter.count(), 1);
    /// drop(hold);
    /// assert!(counter.is_zero());
    /// ```
    pub fn hold(&self) -> CounterHold {
        CounterHold(Some(self.ticket()))
    }

    /// Waits until the count has been zero at some moment since the call.
    ///
    /// One such moment may be missed: one that comes and goes while another thread is in the middle
    /// of waking those who waited before the call.
    ///
    /// ```
    /// use rustfiber::{Blocking, Counter, JobSystem};
    ///
    /// let jobs = JobSystem::new()?;
    /// let counter = Counter::new();
    /// let handle = jobs.job().counter(&counter).spawn(|_| 42);
    /// counter.wait(Blocking);
    /// assert!(handle.is_finished());
    /// # Ok::<(), rustfiber::BuildError>(())
    /// ```
    ///
    /// # Panics
    /// With [`Blocking`](crate::Blocking) inside a job.
    #[track_caller]
    pub fn wait<W: Waiter>(&self, who: W) -> W::Outcome<()> {
        self.wait_for_level(who, 0, Site::here("a counter to reach zero"))
    }

    /// Waits until the count is at most `n`.
    ///
    /// Between the moment at which the count is low enough and the return it may have grown again.
    /// Unlike with [`wait`](Self::wait), a dip that is over before the waiter has looked may go
    /// unnoticed.
    ///
    /// # Panics
    /// With [`Blocking`](crate::Blocking) inside a job.
    ///
    /// ```
    /// use rustfiber::{Counter, JobSystem};
    ///
    /// // No more than eight unfinished jobs at any time.
    /// let jobs = JobSystem::new()?;
    /// jobs.run(|cx| {
    ///     let unfinished = Counter::new();
    ///     for n in 0..100 {
    ///         unfinished.wait_until(cx, 7);
    ///         assert!(unfinished.count() <= 7);
    ///         cx.spawn_counted(&unfinished, move |_| n * n);
    ///     }
    ///     unfinished.wait(cx);
    /// });
    /// # Ok::<(), rustfiber::BuildError>(())
    /// ```
    #[track_caller]
    pub fn wait_until<W: Waiter>(&self, who: W, n: u32) -> W::Outcome<()> {
        self.wait_for_level(who, n, Site::here("a counter to fall"))
    }

    fn wait_for_level<W: Waiter>(&self, who: W, level: u32, site: Site) -> W::Outcome<()> {
        who.check();
        let level = level.min(PENDING as u32);
        loop {
            let source = AtMost {
                core: self.core(),
                level,
                come_back: Cell::new(false),
            };
            if self.count() <= level {
                break;
            }
            super::wait_for(who, &source, site);
            if source.come_back.get() {
                who.step_aside();
            } else if level == 0 {
                break;
            }
        }
        who.outcome(Ok(()))
    }

    /// Counts one job: raises the count, and takes a reference, with one operation.
    #[inline]
    pub(crate) fn ticket(&self) -> Ticket {
        // Relaxed is enough to take a reference from an existing one; the job's hand-over publishes
        // the rest. The limits on references and on what is added by hand keep `pending` far from
        // its own.
        check_refs(self.core().state.fetch_add(REF + ONE, Ordering::Relaxed));
        Ticket { core: self.core }
    }

    /// Registers a continuation, which is delivered when the count is zero (at once if it is).
    ///
    /// # Safety
    /// As for `Source::register`; `node` also stays valid until this returns.
    pub(crate) unsafe fn register(&self, node: NonNull<WaitNode>) -> Continuation {
        let source = AtMost {
            core: self.core(),
            level: 0,
            come_back: Cell::new(false),
        };
        // SAFETY: by contract.
        if unsafe { source.register(node) } {
            Continuation::Registered
        } else if source.come_back.get() {
            Continuation::ComeBack
        } else {
            Continuation::Due
        }
    }
}

/// What became of a continuation.
#[must_use]
pub(crate) enum Continuation {
    /// It will be delivered.
    Registered,
    /// The count is zero.
    Due,
    /// A wake is under way; register again a little later.
    ComeBack,
}

impl Core {
    /// Exchanges the state for `change(state)` until it succeeds or `change` declines.
    /// Returns the state that was replaced, or the one that was declined.
    fn update(&self, change: impl FnMut(u64) -> Option<u64>) -> Result<u64, u64> {
        self.state
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, change)
    }

    /// Lowers the count by one, and the references by `refs` unless there is somebody to wake: then
    /// they are given up in `wake`. Returns the state that was replaced.
    #[inline]
    fn lower(&self, refs: u64) -> Result<(Due, u64), Underflow> {
        let due = |state: u64| match state & (WAITERS | LEVELS) {
            0 => Due::Nothing,
            _ if state & PENDING == 1 => Due::Zero,
            flags if flags & LEVELS != 0 => Due::Level,
            _ => Due::Nothing,
        };
        let lowered = self.update(|state| {
            if state & PENDING == 0 {
                return None;
            }
            Some(match due(state) {
                Due::Nothing => state - ONE - refs,
                Due::Zero => (state & !(WAITERS | LEVELS)) - ONE + WAKING,
                Due::Level => state - ONE,
            })
        });
        match lowered {
            Ok(state) => Ok((due(state), state)),
            Err(_) => Err(Underflow),
        }
    }

    /// Wakes who is due, and gives up `refs`, which have kept the block alive until here.
    #[inline]
    fn wake(&self, due: Due, refs: u64) {
        match due {
            Due::Nothing => {}
            Due::Zero => self.wake_all(refs),
            Due::Level => self.wake_level(refs),
        }
    }

    #[cold]
    fn wake_all(&self, refs: u64) {
        let chain = self.waiters.take_all();
        // Release: the detach comes before. The last touch of the block, unless it is the last
        // reference.
        let state = self.state.fetch_sub(WAKING + refs, Ordering::AcqRel);
        debug_assert!(state & WAKING != 0, "one crossing at a time is being woken");
        self.free_if_last(state, refs);
        chain.deliver(Wake::Signalled);
    }

    #[cold]
    fn wake_level(&self, refs: u64) {
        let swept = self
            .waiters
            .sweep(|| (self.state.load(Ordering::Acquire) & PENDING) as u32);
        let state = self.state.fetch_sub(refs, Ordering::AcqRel);
        self.free_if_last(state, refs);
        swept.signalled.deliver(Wake::Signalled);
        swept.left.deliver(Wake::Left);
    }

    /// Frees the block if `refs` were the last of the references in `state`.
    fn free_if_last(&self, state: u64, refs: u64) {
        if refs != 0 && state & REFS == refs {
            // SAFETY: nobody else has a reference, so nobody can reach the block. It was
            // allocated in `Counter::new`.
            let core = unsafe { Box::from_raw(std::ptr::from_ref(self).cast_mut()) };
            let abandoned = core.waiters.take_all();
            drop(core);
            abandoned.deliver(Wake::Abandoned);
        }
    }

    fn drop_ref(&self) {
        let state = self.state.fetch_sub(REF, Ordering::AcqRel);
        self.free_if_last(state, REF);
    }
}

/// A count that is at most `level`.
struct AtMost<'a> {
    core: &'a Core,
    level: u32,
    /// A wake was under way; the waiter must come back later.
    come_back: Cell<bool>,
}

impl Source for AtMost<'_> {
    unsafe fn register(&self, node: NonNull<WaitNode>) -> bool {
        let level = u64::from(self.level);
        // R1.
        let state = self.core.state.load(Ordering::Acquire);
        if state & PENDING <= level {
            return false;
        }
        if state & WAKING != 0 {
            self.come_back.set(true);
            return false;
        }
        // R2.
        // SAFETY: by contract. The list is never closed.
        let pushed = unsafe {
            node.as_ref().set_level(self.level);
            self.core.waiters.push(node)
        };
        debug_assert!(pushed);
        // R3.
        let flags = if level == 0 {
            WAITERS
        } else {
            WAITERS | LEVELS
        };
        let waits = |state: u64| state & PENDING > level && state & WAKING == 0;
        let flagged = self
            .core
            .update(|state| waits(state).then_some(state | flags));
        if flagged.is_err() {
            // SAFETY: the node was pushed to this list, and is valid: its owner has not gone on.
            let swept = unsafe { self.core.waiters.leave(node) };
            swept.signalled.deliver(Wake::Signalled);
            swept.left.deliver(Wake::Signalled);
        }
        true
    }
}

/// A counted job's share of its counter. Given up when the job has ended.
#[must_use]
pub(crate) struct Ticket {
    core: NonNull<Core>,
}

// SAFETY: as for `Counter`.
unsafe impl Send for Ticket {}
// SAFETY: as above.
unsafe impl Sync for Ticket {}

/// The count was zero already: somebody has called `done` once too often.
#[derive(Debug)]
pub(crate) struct Underflow;

impl Ticket {
    /// The job has ended.
    #[inline]
    pub(crate) fn finish(self) -> Result<(), Underflow> {
        let core = std::mem::ManuallyDrop::new(self).core;
        // SAFETY: the ticket's reference keeps the block alive until it is given up.
        let core = unsafe { core.as_ref() };
        match core.lower(REF) {
            // The reference went with the decrement, and the block with it unless it was the last
            // one.
            Ok((Due::Nothing, state)) => core.free_if_last(state, REF),
            Ok((due, _)) => core.wake(due, REF),
            Err(Underflow) => {
                core.drop_ref();
                return Err(Underflow);
            }
        }
        Ok(())
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        debug_assert!(std::thread::panicking(), "a counter's ticket was dropped");
    }
}

/// Keeps a [`Counter`] one higher until it is dropped; from [`Counter::hold`].
///
/// ```
/// use rustfiber::{Blocking, Counter, JobSystem};
///
/// let jobs = JobSystem::new()?;
/// let counter = Counter::new();
/// let hold = counter.hold();
/// for _ in 0..10 {
///     jobs.job().counter(&counter).spawn(|_| ()); // may end at once; the hold keeps the counter up
/// }
/// assert!(!counter.is_zero());
/// drop(hold);
/// counter.wait(Blocking);
/// # Ok::<(), rustfiber::BuildError>(())
/// ```
///
/// # Panics
/// Dropping it panics if the counter is zero already, because of one `done` too many elsewhere.
#[must_use = "the counter is lowered again as soon as the hold is dropped"]
pub struct CounterHold(Option<Ticket>);

impl Drop for CounterHold {
    fn drop(&mut self) {
        let underflow = self.0.take().is_some_and(|ticket| ticket.finish().is_err());
        if underflow {
            let what = "a counter was zero while it was held: \
                somewhere there is a `Counter::done` without its own `add`";
            if std::thread::panicking() {
                complain(format_args!("{what}"));
            } else {
                panic!("{what}");
            }
        }
    }
}

impl fmt::Debug for CounterHold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CounterHold").finish_non_exhaustive()
    }
}

// A panic never leaves it half changed: user code does not run while it is.
impl UnwindSafe for Counter {}
impl RefUnwindSafe for Counter {}

impl Clone for Counter {
    fn clone(&self) -> Self {
        // Relaxed: a reference is taken from an existing one.
        check_refs(self.core().state.fetch_add(REF, Ordering::Relaxed));
        Self { core: self.core }
    }
}

impl Drop for Counter {
    fn drop(&mut self) {
        self.core().drop_ref();
    }
}

impl Default for Counter {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Counter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Counter")
            .field("count", &self.count())
            .finish()
    }
}

/// Like `Arc`: so many handles can't be dropped again, and the next one would reach into the tag
/// above.
fn check_refs(state: u64) {
    if state & REFS > REFS / 2 {
        abort(format_args!(
            "more than 2^29 handles and counted jobs of one counter"
        ));
    }
}

#[cfg(test)]
mod tests;
