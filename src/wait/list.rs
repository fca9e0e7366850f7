//! A broadcast list: waiters that are all woken together, without a lock.
//!
//! ```text
//!  word:  [ newest node ........................ | MARK | CLOSED | phase (2 bits) ]
//!            |
//!            v
//!          node --next--> node --next--> node --next--> null
//! ```
//!
//! The list is one word: a Treiber stack ("Systems Programming: Coping with Parallelism",
//! 1986) with tags in the low bits. Waiters push themselves; a waker detaches all of them
//! with one compare-exchange and owns the chain from then on. Nobody pops a single node, so
//! there is no ABA problem.
//!
//! **Tags.** `CLOSED`: the list takes no more waiters, because what they would wait for has
//! happened. `MARK`: a bit for the list's owner, carried along (a job's handle says with it
//! that it is gone). The *phase* belongs to the protocol for early leaving:
//!
//! | phase | meaning | left by |
//! |---|---|---|
//! | `IDLE` | all waiters are in the list | a sweeper, to `SWEEPING` |
//! | `SWEEPING` | one sweeper has detached the waiters and sorts them | the sweeper |
//! | `AGAIN` | as `SWEEPING`, and somebody asks for one more look | the sweeper |
//! | `PASSED` | as `SWEEPING`, and a waker has come by meanwhile | the sweeper |
//!
//! **Leaving.** A single node can't be cut out of a stack. A waiter that gives up flags its
//! node and sweeps: it detaches all, keeps the ones that leave or are satisfied, and pushes
//! the rest back. There is one sweeper at a time. A second one does not wait: it sets
//! `AGAIN`, and the first looks once more before it ends, so the flagged node is taken out
//! on its behalf. A waker that closes the list while a sweeper holds nodes takes what is in the
//! list and sets `PASSED`; the sweeper then knows that what it holds has been signalled, and
//! returns it as such. Only the sweeper leaves these phases, so it can't take another's sweep for
//! its own.
//!
//! **Taking.** The waker of a list that stays open takes all too, but some of them may have come
//! after what it wakes for. Each node carries its *wish*, which says by what it is satisfied. The
//! waker puts back who is not satisfied yet; it can't know what has happened while they were in its
//! hand, so it sweeps then. If a sweeper holds nodes, the waker sets `AGAIN`: the sweeper asks anew
//! how far things are before each look.
//!
//! **Who holds a node.** In the list: nobody writes `next`. Detached: the waker or the sweeper.
//! Returned in a chain: the caller, who delivers it.
//!
//! **Who keeps the list alive.** A waker that closes the list touches it no more after the
//! compare-exchange that detached the chain. A sweeper touches it until it ends: it sweeps on
//! behalf of a waiter that has not gone on yet, or holds a reference of its own.
//!
//! **Orderings.** Every successful exchange of the word is `AcqRel`: release publishes the node
//! that was pushed, or what was done before a wake; acquire, in whoever detaches or finds the list
//! closed, makes them visible.

use std::ptr::{self, NonNull};

use super::node::{Chain, Reached, WaitNode, Wake};
use crate::primitive::atomic::{AtomicPtr, Ordering};

const PHASE: usize = 0b0011;
const IDLE: usize = 0b0000;
const SWEEPING: usize = 0b0001;
const AGAIN: usize = 0b0010;
const PASSED: usize = 0b0011;
const CLOSED: usize = 0b0100;
const MARK: usize = 0b1000;
const TAGS: usize = 0b1111;

/// The word of a list, taken apart.
#[derive(Clone, Copy)]
struct Word(*mut WaitNode);

impl Word {
    fn new(node: *mut WaitNode, tags: usize) -> Self {
        Self(node.map_addr(|addr| addr | tags))
    }

    fn node(self) -> *mut WaitNode {
        self.0.map_addr(|addr| addr & !TAGS)
    }

    fn tags(self) -> usize {
        self.0.addr() & TAGS
    }

    fn phase(self) -> usize {
        self.tags() & PHASE
    }

    fn has(self, tag: usize) -> bool {
        self.tags() & tag != 0
    }

    fn with_phase(self, phase: usize) -> Self {
        Self::new(self.node(), self.tags() & !PHASE | phase)
    }

    /// The word after a waker has taken the nodes: empty, and a sweeper is told in this phase.
    fn taken(self, told: usize) -> Self {
        let phase = if self.phase() == IDLE { IDLE } else { told };
        Self::new(ptr::null_mut(), self.tags()).with_phase(phase)
    }
}

/// Waiters that are woken together.
#[derive(Debug)]
pub(crate) struct WaitList {
    word: AtomicPtr<WaitNode>,
}

/// What a sweep has taken out of a list.
#[derive(Debug)]
#[must_use = "the nodes in the chains are waiters that nobody else will wake"]
pub(crate) struct Swept {
    /// Signalled, or satisfied.
    pub(crate) signalled: Chain,
    /// Left early.
    pub(crate) left: Chain,
}

impl Swept {
    fn oldest_first(self) -> Self {
        Self {
            signalled: self.signalled.reversed(),
            left: self.left.reversed(),
        }
    }
}

impl WaitList {
    /// An open list without waiters.
    #[cfg(not(loom))]
    pub(crate) const fn new() -> Self {
        Self {
            word: AtomicPtr::new(ptr::null_mut()),
        }
    }

    #[cfg(loom)]
    pub(crate) fn new() -> Self {
        Self {
            word: AtomicPtr::new(ptr::null_mut()),
        }
    }

    /// Whether the list takes no more waiters. What happened before `close` is visible then.
    #[inline]
    pub(crate) fn is_closed(&self) -> bool {
        // Acquire: pairs with the release in `close`.
        Word(self.word.load(Ordering::Acquire)).has(CLOSED)
    }

    /// Links a node, unless the list is closed.
    ///
    /// # Safety
    /// The node is in no list and stays valid until it is delivered.
    #[must_use]
    pub(crate) unsafe fn push(&self, node: NonNull<WaitNode>) -> bool {
        let pushed = self.update(|word| {
            if word.has(CLOSED) {
                return None;
            }
            // SAFETY: the node is in no list yet, so it is the caller's.
            unsafe { node.as_ref() }.set_next(word.node());
            Some(Word::new(node.as_ptr(), word.tags()))
        });
        pushed.is_ok()
    }

    /// `Source::register` for a list that closes when what it is for has happened.
    ///
    /// # Safety
    /// As there.
    #[inline]
    pub(crate) unsafe fn register(&self, node: NonNull<WaitNode>) -> bool {
        // SAFETY: by contract.
        unsafe {
            let pushed = self.push(node);
            if !pushed {
                // Nothing is given away here, so it is no matter who serves the waiter.
                let _ = WaitNode::claim(node);
            }
            pushed
        }
    }

    /// As `register`, for a list that nobody else can reach, and that is open.
    ///
    /// # Safety
    /// As for `push`; and no other thread touches the list meanwhile.
    #[inline]
    pub(crate) unsafe fn register_alone(&self, node: NonNull<WaitNode>) {
        // Relaxed: as in `mark_alone`.
        let word = Word(self.word.load(Ordering::Relaxed));
        debug_assert!(!word.has(CLOSED));
        // SAFETY: by contract the node is the caller's.
        unsafe { node.as_ref() }.set_next(word.node());
        let pushed = Word::new(node.as_ptr(), word.tags());
        self.word.store(pushed.0, Ordering::Relaxed);
    }

    /// `Source::leave` for a list that closes when what it is for has happened.
    ///
    /// # Safety
    /// As there.
    #[cold]
    pub(crate) unsafe fn deregister(&self, node: NonNull<WaitNode>) -> bool {
        // SAFETY: by contract.
        let swept = unsafe { self.leave(node, || Reached::NOTHING) };
        swept.signalled.deliver(Wake::Signalled);
        swept.left.deliver(Wake::Left);
        false
    }

    /// Closes the list and detaches all waiters; says whether it carried the mark.
    ///
    /// The list may be gone when this returns: it is not touched after the exchange.
    pub(crate) fn close(&self) -> (Chain, bool) {
        let taken = self.update(|word| {
            let closed = word.taken(PASSED);
            Some(Word::new(closed.node(), closed.tags() | CLOSED))
        });
        let (Ok(word) | Err(word)) = taken;
        // SAFETY: the exchange has unlinked these nodes.
        (
            unsafe { Chain::from_raw(word.node()) }.reversed(),
            word.has(MARK),
        )
    }

    /// Closes the list, unless it carries the mark; says whether it does.
    ///
    /// For a list whose mark says that its owner is gone: then nobody can reach it but the caller.
    #[inline]
    pub(crate) fn close_unless_marked(&self) -> (Chain, bool) {
        // Acquire: pairs with the release in `mark`.
        if Word(self.word.load(Ordering::Acquire)).has(MARK) {
            return (Chain::EMPTY, true);
        }
        self.close()
    }

    /// Opens a closed list again.
    pub(crate) fn reopen(&self) {
        let _ = self.update(|word| {
            word.has(CLOSED)
                .then(|| Word::new(word.node(), word.tags() & !CLOSED))
        });
    }

    /// Sets the mark; says whether the list was closed before.
    #[inline]
    #[must_use]
    pub(crate) fn mark(&self) -> bool {
        let marked = self.update(|word| Some(Word::new(word.node(), word.tags() | MARK)));
        let (Ok(word) | Err(word)) = marked;
        word.has(CLOSED)
    }

    /// As `mark`, for a list that nobody else can reach, and that is open.
    ///
    /// # Safety
    /// No other thread touches the list meanwhile.
    #[inline]
    pub(crate) unsafe fn mark_alone(&self) {
        // Relaxed: whoever reaches the list later does by what is released later.
        let word = Word(self.word.load(Ordering::Relaxed));
        debug_assert!(!word.has(CLOSED));
        self.word.store(
            Word::new(word.node(), word.tags() | MARK).0,
            Ordering::Relaxed,
        );
    }

    /// Takes out the nodes that are satisfied by `look()`: one detach when all of them are. What
    /// is looked at has changed before the call, for which these waiters are woken.
    pub(crate) fn take(&self, mut look: impl FnMut() -> Reached) -> Swept {
        // A sweeper that was passed looks again, too.
        let again = |word: Word| {
            if word.phase() == PASSED {
                PASSED
            } else {
                AGAIN
            }
        };
        let taken = self.update(|word| Some(word.taken(again(word))));
        let (Ok(word) | Err(word)) = taken;
        // SAFETY: the exchange has unlinked these nodes.
        let mut nodes = unsafe { Chain::from_raw(word.node()) };
        let (mut satisfied, mut early) = (Chain::EMPTY, Chain::EMPTY);
        let reached = look();
        while let Some(node) = nodes.pop() {
            // SAFETY: a node that this call holds is valid until it is delivered.
            let is_satisfied = unsafe { node.as_ref() }.wish().is_satisfied(reached);
            if is_satisfied {
                &mut satisfied
            } else {
                &mut early
            }
            .push(node);
        }
        if early.ends().is_some() {
            return self.put_back(satisfied, early, look);
        }
        Swept {
            signalled: satisfied,
            left: Chain::EMPTY,
        }
    }

    #[cold]
    fn put_back(&self, taken: Chain, mut early: Chain, look: impl FnMut() -> Reached) -> Swept {
        while let Some(node) = early.pop() {
            // SAFETY: the node has been unlinked, and is valid until it is delivered.
            let pushed = unsafe { self.push(node) };
            debug_assert!(pushed, "a list whose waiters are taken is not closed");
        }
        let swept = self.sweep(look);
        Swept {
            signalled: swept.signalled.prepended(taken.reversed()),
            left: swept.left,
        }
    }

    /// Takes one node out before it is signalled, if it is still in the list or in the hands of
    /// somebody who sorts it. In any case it is delivered: with what this returns, by that one, or
    /// by a waker. Those that are satisfied by `look()` go as in `sweep`.
    ///
    /// # Safety
    /// The node has been pushed to this list, and is valid during the call.
    pub(crate) unsafe fn leave(
        &self,
        node: NonNull<WaitNode>,
        look: impl FnMut() -> Reached,
    ) -> Swept {
        // SAFETY: valid by contract.
        unsafe { node.as_ref() }.ask_to_leave();
        self.sweep(look)
    }

    /// Takes out the nodes that are leaving or satisfied by `look()`, which is asked anew in each
    /// pass. When another sweep is under way, that one does it instead, so all sweeps of a list
    /// must look at the same things.
    pub(crate) fn sweep(&self, mut look: impl FnMut() -> Reached) -> Swept {
        let mut swept = Swept {
            signalled: Chain::EMPTY,
            left: Chain::EMPTY,
        };
        let Some(mut fresh) = self.begin_sweep() else {
            return swept;
        };
        let mut held = Chain::EMPTY;
        loop {
            let reached = look();
            // Oldest first, so that what is kept is newest first again, like the list.
            for mut nodes in [held.take().reversed(), fresh.take().reversed()] {
                while let Some(node) = nodes.pop() {
                    // SAFETY: a node that this sweep holds is valid until it is delivered.
                    let waiter = unsafe { node.as_ref() };
                    if waiter.wish().is_satisfied(reached) {
                        swept.signalled.push(node);
                    } else if waiter.is_leaving() {
                        swept.left.push(node);
                    } else {
                        held.push(node);
                    }
                }
            }
            match self.end_sweep(&mut held) {
                Ok(()) => return swept.oldest_first(),
                Err(Look { passed, found }) => {
                    if passed {
                        swept.signalled = swept.signalled.prepended(held.take().reversed());
                    }
                    fresh = found;
                }
            }
        }
    }

    /// Becomes the sweeper and detaches the waiters, or asks the present one to look again.
    fn begin_sweep(&self) -> Option<Chain> {
        // An exchange also when there is nothing to sweep, or to be asked for once more: it
        // publishes the flag of the node that wants to leave, and what the sweeper is to see, to
        // whoever pushes a node next or holds it now.
        let begun = self.update(|word| match word.phase() {
            IDLE if word.node().is_null() => Some(word),
            IDLE => Some(Word::new(ptr::null_mut(), word.tags()).with_phase(SWEEPING)),
            // A sweeper that was passed looks again anyway.
            PASSED => Some(word),
            _ => Some(word.with_phase(AGAIN)),
        });
        match begun {
            Ok(word) if word.node().is_null() && word.phase() == IDLE => None,
            // SAFETY: the exchange has unlinked these nodes.
            Ok(word) if word.phase() == IDLE => Some(unsafe { Chain::from_raw(word.node()) }),
            _ => None,
        }
    }

    /// Puts `held` back and stops being the sweeper, unless there is something to look at.
    fn end_sweep(&self, held: &mut Chain) -> Result<(), Look> {
        let Some((first, last)) = held.ends() else {
            return self.end_with(|word| Word::new(word.node(), word.tags()).with_phase(IDLE));
        };
        let ended = self.end_with(|word| {
            // SAFETY: the sweeper holds its nodes until the exchange succeeds.
            unsafe { last.as_ref() }.set_next(word.node());
            Word::new(first.as_ptr(), word.tags()).with_phase(IDLE)
        });
        match ended {
            Ok(()) => *held = Chain::EMPTY,
            // SAFETY: as above; the failed exchange left `last` pointing into the list.
            Err(_) => unsafe { last.as_ref() }.set_next(ptr::null_mut()),
        }
        ended
    }

    fn end_with(&self, idle: impl Fn(Word) -> Word) -> Result<(), Look> {
        let ended = self.update(|word| match word.phase() {
            SWEEPING => Some(idle(word)),
            _ => Some(Word::new(ptr::null_mut(), word.tags()).with_phase(SWEEPING)),
        });
        let (Ok(word) | Err(word)) = ended;
        match word.phase() {
            SWEEPING => Ok(()),
            phase => Err(Look {
                passed: phase == PASSED,
                // SAFETY: the exchange has unlinked these nodes.
                found: unsafe { Chain::from_raw(word.node()) },
            }),
        }
    }

    /// Exchanges the word for `change(word)` until it succeeds or `change` declines.
    /// Returns the word that was replaced, or the one that was declined.
    #[inline]
    fn update(&self, mut change: impl FnMut(Word) -> Option<Word>) -> Result<Word, Word> {
        // Acquire: a declined word may be a closed one, see `is_closed`.
        let mut seen = self.word.load(Ordering::Acquire);
        loop {
            let Some(new) = change(Word(seen)) else {
                return Err(Word(seen));
            };
            // AcqRel: see "Orderings" above.
            match self
                .word
                .compare_exchange_weak(seen, new.0, Ordering::AcqRel, Ordering::Acquire)
            {
                Ok(old) => return Ok(Word(old)),
                Err(now) => seen = now,
            }
        }
    }
}

/// Why a sweep can't end yet.
struct Look {
    /// A waker came by: what the sweeper holds has been signalled.
    passed: bool,
    /// Waiters that arrived since.
    found: Chain,
}

// Only where it asserts: elsewhere a list has no destructor to run.
#[cfg(debug_assertions)]
impl Drop for WaitList {
    fn drop(&mut self) {
        let word = Word(self.word.load(Ordering::Relaxed));
        debug_assert!(
            word.node().is_null() || std::thread::panicking(),
            "a list of waiters was dropped with waiters in it"
        );
    }
}

#[cfg(test)]
mod tests;
