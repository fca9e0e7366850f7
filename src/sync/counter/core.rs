//! A counter of unfinished work that can be waited on.
//!
//! ```text
//!  state:    | crossings (8 bits) | refs (27 bits) | LEVELS | WAITERS | pending (27 bits) |
//!  settled:  | crossings (64 bits), a little late |
//! ```
//!
//! `pending` is the count. `refs` counts handles, holds and counted jobs: whoever has one keeps the
//! block alive. A counted job takes one of each with one atomic operation when it is spawned, and
//! gives both back with one when it ends, or some jobs later, together with them: see `carry`.
//! `WAITERS` says that somebody waits or is about to, `LEVELS` that some are content with more than
//! zero.
//!
//! **A wait ends if the count has been zero since its call, and only then.** State and list are two
//! words, so a waker may find waiters in the list that came after the zero which it wakes for, and
//! a waiter may reach the list after the waker has left. Both find out by comparing numbers. A
//! *crossing* is a decrement that reaches zero while a flag is set; a waiter notes how many there
//! had been at its call, and is due when there have been more.
//!
//! **Calling** (in the waiter's own frame, before its fiber stops):
//! - C1. Read the state. At or below the level: nothing to wait for.
//! - C2. Set the flag, if it is not set, by compare-exchange with C1. Note the number of crossings
//!   before that moment: the waiter's `since`.
//!
//! **Registering** (on the worker's stack, when the fiber has stopped):
//! - R1. Push the node.
//! - R2. Look at the count and the number of crossings. Low enough, or more than `since`: take the
//!   node out again (`WaitList::leave`), which delivers it in any case.
//!
//! **Crossing zero.**
//! - Z1. The exchange that reaches zero clears the flags and adds one to `crossings`.
//! - Z2. Add one to `settled`.
//! - Z3. Detach the list; look at the number of crossings; deliver the nodes whose `since` is less.
//!   Put the others back, and look again (`WaitList::take`).
//! - Z4. Give up the reference, if the decrement was a counted job's. The last touch of the block;
//!   it comes before the deliveries.
//!
//! *A waiter is woken only if the count has been zero since its call.* Its node is delivered if it
//! counts more crossings than at C2, so there was a Z1 in between; or if the count is low enough at
//! R2 or when somebody looks.
//!
//! *A waiter is woken if the count has been zero since its call.* From C2 on a flag is set, until
//! the first decrement to zero, which therefore is a Z1: the waiter is due, and remains so. Each
//! step on the list is an exchange of its word. If R1 comes after the detach of Z3, it sees Z1, and
//! R2 takes the node out. If it comes before, the node is in the list then, or in the hands of
//! another waker or of a sweeper. A waker that puts it back looks at the number after that, and
//! sees Z1 if the detach of Z3 has missed the node. A sweeper is told to look again, and sees Z1,
//! too.
//!
//! *Nobody waits for anybody.* A waker that stops between Z1 and Z3 delays those that it is to
//! wake, and nobody else: others register, cross zero and are woken meanwhile.
//!
//! **Counting crossings.** The state has room for the lowest bits of their number; all of it is
//! needed, because any number of them may pass while one thread takes a step. `settled` has 64
//! bits, and lags by the threads that are between Z1 and Z2. So a reader takes `settled`, then the
//! state, then `settled` again. The true number at the middle reading is
//! - at least the first reading: each Z2 that it has seen came after a Z1;
//! - at most the last one and one for each thread that is between Z1 and Z2: what such a thread has
//!   settled before its last Z1 is seen, if that Z1 is;
//! - known in its lowest bits.
//!
//! As long as fewer than half of what these bits can count have been settled between the readings
//! (if not, it reads again), and fewer than half of that many threads stand between these two steps
//! of one counter, there is only one such number. The second is checked like the number of
//! references: a reader that finds more aborts.
//!
//! **Levels.** A decrement that does not reach zero but finds `LEVELS` sweeps the list: nodes whose
//! level is at least the count are delivered, the others put back (see `WaitList`). Those waiters
//! look at the count again, since it may have grown meanwhile.
//!
//! **The end.** When the last reference goes and the count is not zero, it can never be reached any
//! more: what is left in the list (only continuations can be, every other waiter has a handle) is
//! delivered as abandoned.
//!
//! **Orderings.** All exchanges of `state` but those that only raise are `AcqRel`, and its reads
//! `Acquire`: what a job did before its decrement is visible to whoever sees the count without it,
//! and to whoever frees the block; what a thread did before Z1, to whoever counts that crossing.
//! `settled` is read and written likewise: whoever sees a Z2 sees its Z1.

use std::ptr::NonNull;

use super::carry::Shares;
use crate::primitive::atomic::{AtomicU64, Ordering};
use crate::unwind::abort;
use crate::wait::{Reached, Source, Swept, WaitList, WaitNode, Wake, Wish};

pub(super) const ONE: u64 = 1;
pub(super) const PENDING: u64 = (1 << 27) - 1;
pub(super) const WAITERS: u64 = 1 << 27;
pub(super) const LEVELS: u64 = 1 << 28;
pub(super) const REF: u64 = 1 << 29;
pub(super) const REFS: u64 = PENDING << 29;
/// At the top: what overflows is gone.
pub(super) const CROSSING: u64 = 1 << 56;

/// How many crossings the state can tell apart.
const TOLD_APART: u64 = u64::MAX / CROSSING + 1;

/// The most that `add` raises the count to. Counted jobs come on top, of which there are fewer than
/// references.
pub(super) const MOST_BY_HAND: u64 = 1 << 25;

pub(super) struct Core {
    pub(super) state: AtomicU64,
    /// The crossings that Z2 has counted.
    pub(super) settled: AtomicU64,
    pub(super) waiters: WaitList,
    /// What workers carry.
    pub(super) shares: Shares,
}

/// The wake-ups that a change of the count has made necessary.
pub(super) enum Due {
    Nothing,
    /// The count has crossed zero.
    Zero,
    /// The count fell, and somebody may be content with that.
    Level,
}

/// What became of a continuation.
#[must_use]
pub(crate) enum Continuation {
    /// It will be delivered.
    Registered,
    /// The count has been zero since the call.
    Due,
}

impl Core {
    /// Exchanges the state for `change(state)` until it succeeds or `change` declines.
    /// Returns the state that was replaced, or the one that was declined.
    pub(super) fn update(&self, change: impl FnMut(u64) -> Option<u64>) -> Result<u64, u64> {
        self.state
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, change)
    }

    /// The count.
    pub(super) fn now(&self) -> u32 {
        // Acquire: pairs with the release of the decrements that have led here.
        (self.state.load(Ordering::Acquire) & PENDING) as u32
    }

    /// Lowers the count by `n`, at least one, and the references by `refs` unless there is somebody to wake: then
    /// they are given up in `wake`. Returns the state that was replaced.
    #[inline]
    pub(super) fn lower(&self, n: u64, refs: u64) -> Result<(Due, u64), Underflow> {
        let due = |state: u64| match state & (WAITERS | LEVELS) {
            0 => Due::Nothing,
            _ if state & PENDING == n => Due::Zero,
            flags if flags & LEVELS != 0 => Due::Level,
            _ => Due::Nothing,
        };
        let lowered = self.update(|state| {
            if state & PENDING < n {
                return None;
            }
            Some(match due(state) {
                Due::Nothing => state - n * ONE - refs,
                // Z1.
                Due::Zero => ((state & !(WAITERS | LEVELS)) - n * ONE).wrapping_add(CROSSING),
                Due::Level => state - n * ONE,
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
        // Z2. Release: whoever sees it sees Z1.
        self.settled.fetch_add(1, Ordering::AcqRel);
        // Z3.
        let due = self.waiters.take(|| self.reached());
        self.give_up(refs);
        deliver(due);
    }

    #[cold]
    fn wake_level(&self, refs: u64) {
        let due = self.waiters.sweep(|| self.reached());
        self.give_up(refs);
        deliver(due);
    }

    /// Z4.
    fn give_up(&self, refs: u64) {
        if refs != 0 {
            let state = self.state.fetch_sub(refs, Ordering::AcqRel);
            self.free_if_last(state, refs);
        }
    }

    /// C1 and C2: announces a waiter for `level`; returns the crossings that there were before.
    /// `None`: the count is low enough.
    pub(super) fn arrive(&self, level: u32) -> Option<u64> {
        if level != 0 {
            self.carry_no_more();
        }
        let level = u64::from(level);
        let flags = if level == 0 {
            WAITERS
        } else {
            WAITERS | LEVELS
        };
        let waits = |state: u64| state & PENDING > level;
        loop {
            let arrived = self.count_crossings(|| {
                let announced = self.update(|state| {
                    (waits(state) && state & flags != flags).then_some(state | flags)
                });
                let (Ok(state) | Err(state)) = announced;
                state
            });
            match arrived {
                (state, _) if !waits(state) => return None,
                (_, Some(crossings)) => return Some(crossings),
                // The call may as well have come now.
                (_, None) => {}
            }
        }
    }

    /// Where the counter stands.
    pub(super) fn reached(&self) -> Reached {
        loop {
            let reached = self.count_crossings(|| self.state.load(Ordering::Acquire));
            if let (state, Some(crossings)) = reached {
                let count = (state & PENDING) as u32;
                return Reached { crossings, count };
            }
        }
    }

    /// How many crossings there had been at the state that `read` returns. `None`: too many have
    /// passed meanwhile.
    fn count_crossings(&self, read: impl FnOnce() -> u64) -> (u64, Option<u64>) {
        // Acquire, also in `read`: see "Counting crossings".
        let before = self.settled.load(Ordering::Acquire);
        let state = read();
        let after = self.settled.load(Ordering::Acquire);
        if after - before >= TOLD_APART / 2 {
            return (state, None);
        }
        let crossings = before + (state / CROSSING).wrapping_sub(before) % TOLD_APART;
        if crossings >= after + TOLD_APART / 2 {
            abort(format_args!(
                "more than {} threads are about to wake the waiters of one counter",
                TOLD_APART / 2
            ));
        }
        (state, Some(crossings))
    }

    /// Frees the block if `refs` were the last of the references in `state`.
    fn free_if_last(&self, state: u64, refs: u64) {
        if refs != 0 && state & REFS == refs {
            // SAFETY: nobody else has a reference, so nobody can reach the block. It was
            // allocated in `Counter::new`.
            let core = unsafe { Box::from_raw(std::ptr::from_ref(self).cast_mut()) };
            let (abandoned, _) = core.waiters.close();
            drop(core);
            abandoned.deliver(Wake::Abandoned);
        }
    }

    pub(super) fn drop_ref(&self) {
        let state = self.state.fetch_sub(REF, Ordering::AcqRel);
        self.free_if_last(state, REF);
    }
}

/// Delivers what has been taken out. Who leaves does it in R2, because it is due, or has been served
/// otherwise, and does not mind.
fn deliver(swept: Swept) {
    swept.signalled.deliver(Wake::Signalled);
    swept.left.deliver(Wake::Signalled);
}

/// A count that is low enough, or has crossed zero, for a waiter that has arrived.
pub(super) struct AtMost<'a> {
    pub(super) core: &'a Core,
    pub(super) wish: Wish,
}

impl Source for AtMost<'_> {
    unsafe fn register(&self, node: NonNull<WaitNode>) -> bool {
        let Self { core, wish } = *self;
        // R1.
        // SAFETY: by contract.
        let pushed = unsafe {
            node.as_ref().set_wish(wish);
            core.waiters.push(node)
        };
        debug_assert!(pushed, "the list is closed by the last reference");
        // R2.
        if wish.is_satisfied(core.reached()) {
            // SAFETY: the node was pushed to this list, and is valid: its owner has not gone on.
            let due = unsafe { core.waiters.leave(node, || core.reached()) };
            deliver(due);
        }
        true
    }

    unsafe fn leave(&self, node: NonNull<WaitNode>) -> bool {
        // SAFETY: by contract.
        let due = unsafe { self.core.waiters.leave(node, || self.core.reached()) };
        deliver(due);
        false
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

/// The count was too low already: somebody has called `done` once too often.
#[derive(Debug)]
pub(crate) struct Underflow;

impl Ticket {
    /// The job has ended.
    #[inline]
    pub(crate) fn finish(self) -> Result<(), Underflow> {
        let core = std::mem::ManuallyDrop::new(self).core;
        // SAFETY: the ticket's reference keeps the block alive until it is given up.
        let core = unsafe { core.as_ref() };
        match core.lower(1, REF) {
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
            "more than 2^26 handles and counted jobs of one counter"
        ));
    }
}
