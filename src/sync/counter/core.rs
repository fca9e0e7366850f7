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
//! time slice away. It stands in no list then, so a zero that comes and goes before it is back is
//! lost on it; `Counter::wait` says so. Flags can't be set while `WAKING` is, so no second crossing
//! needs it, and no decrement ever waits.
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
use std::ptr::NonNull;

use crate::primitive::atomic::{AtomicU64, Ordering};
use crate::unwind::abort;
use crate::wait::{Source, WaitList, WaitNode, Wake};

pub(super) const ONE: u64 = 1;
pub(super) const PENDING: u64 = (1 << 30) - 1;
pub(super) const WAITERS: u64 = 1 << 30;
pub(super) const LEVELS: u64 = 1 << 31;
pub(super) const REF: u64 = 1 << 32;
pub(super) const REFS: u64 = PENDING << 32;
pub(super) const WAKING: u64 = 1 << 62;

/// The most that `add` raises the count to. Counted jobs come on top, of which there are fewer than
/// references.
pub(super) const MOST_BY_HAND: u64 = 1 << 28;

pub(super) struct Core {
    pub(super) state: AtomicU64,
    pub(super) waiters: WaitList,
}

/// The wake-ups that a change of the count has made necessary.
pub(super) enum Due {
    Nothing,
    /// The count reached zero: `WAKING` is set, and this thread unsets it.
    Zero,
    /// The count fell, and somebody may be content with that.
    Level,
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
    pub(super) fn update(&self, change: impl FnMut(u64) -> Option<u64>) -> Result<u64, u64> {
        self.state
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, change)
    }

    /// Lowers the count by one, and the references by `refs` unless there is somebody to wake: then
    /// they are given up in `wake`. Returns the state that was replaced.
    #[inline]
    pub(super) fn lower(&self, refs: u64) -> Result<(Due, u64), Underflow> {
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
    pub(super) fn wake(&self, due: Due, refs: u64) {
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

    pub(super) fn drop_ref(&self) {
        let state = self.state.fetch_sub(REF, Ordering::AcqRel);
        self.free_if_last(state, REF);
    }
}

/// A count that is at most `level`.
pub(super) struct AtMost<'a> {
    pub(super) core: &'a Core,
    pub(super) level: u32,
    /// A wake was under way; the waiter must come back later.
    pub(super) come_back: Cell<bool>,
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
    pub(super) core: NonNull<Core>,
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

/// Like `Arc`: so many handles can't be dropped again, and the next one would reach into the tag
/// above.
pub(super) fn check_refs(state: u64) {
    if state & REFS > REFS / 2 {
        abort(format_args!(
            "more than 2^29 handles and counted jobs of one counter"
        ));
    }
}
