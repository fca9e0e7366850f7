//! Whose turn it is to make something that is made once.
//!
//! | state | meaning | left by |
//! |---|---|---|
//! | `EMPTY` | it is nobody's turn | who begins, to `BUSY` |
//! | `BUSY` | it is somebody's turn: there is one `Turn` | that one, to `SET`, or to `EMPTY` if it fails and nobody else wants the turn |
//! | `SET` | it has been made | nobody |
//!
//! The state changes under a lock, which also guards two queues of waiters: those who want the turn
//! and those who only want it to be set. Whoever finds it `SET` needs no lock.
//!
//! 1. **Begin** (`Once::turn`, `try_turn`): from `EMPTY` to `BUSY`.
//! 2. **Wait** (`Waiting::register`): if it is `SET`, or `EMPTY` and the waiter wants the turn, its node
//!    is claimed, and in the second case, if that succeeds, the state becomes `BUSY`. Else the node is
//!    pushed.
//! 3. **Set**: the state becomes `SET`, and everybody is woken.
//! 4. **Fail** (`Turn` is dropped: what it was for has panicked or returned an error): the first that
//!    wants the turn and can be claimed has it, and the state stays `BUSY`. Without one it becomes
//!    `EMPTY`.
//!
//! *Who has waited for the turn looks at the state*: if it is `SET`, there is no turn any more. If not,
//! the waiter has it, from step 2 or 4: a state that is `BUSY` by that stays so until the waiter
//! itself changes it.
//!
//! *No wake-up is lost*: nodes are pushed while the state is not `SET`, and step 3 takes out all.
//! Those that want the turn are pushed while it is `BUSY`, and step 4 leaves that state only when
//! there are none. *No turn is lost to one that is late*: it is given to claimed nodes only.
//!
//! **Orderings.** `SET` is stored with release, and loaded with acquire by whoever does not hold the
//! lock. The lock orders the rest, and a delivery what comes after it.

use std::mem;
use std::ptr::NonNull;

use crate::primitive::atomic::{AtomicU8, Ordering};
use crate::primitive::const_unless_modelled;
use crate::wait::{Chain, Interrupted, Site, Source, SpinLock, WaitNode, WaitQueue, Waiter, Wake};

const EMPTY: u8 = 0;
const BUSY: u8 = 1;
const SET: u8 = 2;

/// Nodes that are looked at under one lock, of each queue.
const BATCH: usize = 32;

/// Something that is made once.
pub(super) struct Once {
    state: AtomicU8,
    waiters: SpinLock<Waiters>,
}

struct Waiters {
    /// Who wants the turn.
    eager: WaitQueue,
    /// Who wants it to be set.
    idle: WaitQueue,
}

/// The right to make it. Dropped, it goes to the next.
#[must_use = "without a turn nobody else makes it"]
pub(super) struct Turn<'a>(&'a Once);

/// What comes of asking for the turn.
pub(super) enum Begun<'a> {
    Turn(Turn<'a>),
    /// It is somebody else's.
    Busy,
    /// There is none any more.
    Set,
}

impl Once {
    const_unless_modelled! {
        pub(super) fn new() -> Self {
            Self::in_state(EMPTY)
        }
    }

    const_unless_modelled! {
        pub(super) fn already_set() -> Self {
            Self::in_state(SET)
        }
    }

    const_unless_modelled! {
        fn in_state(state: u8) -> Self {
            Self {
                state: AtomicU8::new(state),
                waiters: SpinLock::new(Waiters {
                    eager: WaitQueue::new(),
                    idle: WaitQueue::new(),
                }),
            }
        }
    }

    /// Whether it has been made. What came before that is visible then.
    #[inline(always)]
    pub(super) fn is_set(&self) -> bool {
        // Acquire: pairs with the release in `Turn::set`.
        self.state.load(Ordering::Acquire) == SET
    }

    /// Step 1. Does not wait.
    pub(super) fn try_turn(&self) -> Begun<'_> {
        self.waiters.with(|_| self.begin())
    }

    /// Step 1, under the lock.
    fn begin(&self) -> Begun<'_> {
        match self.state.load(Ordering::Relaxed) {
            EMPTY => {
                self.state.store(BUSY, Ordering::Relaxed);
                Begun::Turn(Turn(self))
            }
            BUSY => Begun::Busy,
            _ => Begun::Set,
        }
    }

    /// Waits until it is this waiter's turn, or there is none any more.
    pub(super) fn turn<W: Waiter>(
        &self,
        who: W,
        site: Site,
    ) -> Result<Option<Turn<'_>>, Interrupted> {
        match self.try_turn() {
            Begun::Turn(turn) => return Ok(Some(turn)),
            Begun::Set => return Ok(None),
            Begun::Busy => {}
        }
        crate::sync::wait_for(who, &Waiting::of(self, Wants::Turn), site)?;
        if self.is_set() {
            return Ok(None);
        }
        Ok(Some(Turn(self)))
    }

    /// Waits until it is set.
    pub(super) fn wait<W: Waiter>(&self, who: W, site: Site) -> Result<(), Interrupted> {
        crate::sync::wait_for(who, &Waiting::of(self, Wants::Set), site)
    }
}

impl Turn<'_> {
    /// Step 3.
    pub(super) fn set(self) {
        let Self(once) = self;
        mem::forget(self);
        loop {
            let (chains, are_all) = once.waiters.with(|waiters| {
                // Release: pairs with the acquire in `is_set`.
                once.state.store(SET, Ordering::Release);
                let chains = [waiters.eager.take(BATCH), waiters.idle.take(BATCH)];
                let are_all = waiters.eager.is_empty() && waiters.idle.is_empty();
                (chains, are_all)
            });
            for chain in chains {
                chain.deliver(Wake::Signalled);
            }
            if are_all {
                return;
            }
        }
    }
}

impl Drop for Turn<'_> {
    /// Step 4.
    fn drop(&mut self) {
        let Self(once) = self;
        debug_assert_eq!(
            once.state.load(Ordering::Relaxed),
            BUSY,
            "there is one turn"
        );
        let next = once.waiters.with(|waiters| {
            let next = waiters.eager.pop();
            if next.is_none() {
                once.state.store(EMPTY, Ordering::Relaxed);
            }
            next
        });
        Chain::of(next).deliver(Wake::Signalled);
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Wants {
    Turn,
    Set,
}

/// One wait.
pub(super) struct Waiting<'a> {
    once: &'a Once,
    wants: Wants,
}

impl<'a> Waiting<'a> {
    pub(super) fn of(once: &'a Once, wants: Wants) -> Self {
        Self { once, wants }
    }

    /// The queue that it waits in.
    fn queue<'w>(&self, waiters: &'w mut Waiters) -> &'w mut WaitQueue {
        match self.wants {
            Wants::Turn => &mut waiters.eager,
            Wants::Set => &mut waiters.idle,
        }
    }
}

impl Source for Waiting<'_> {
    unsafe fn register(&self, node: NonNull<WaitNode>) -> bool {
        self.once.waiters.with(|waiters| {
            let state = self.once.state.load(Ordering::Relaxed);
            let is_free = state == EMPTY && self.wants == Wants::Turn;
            // SAFETY: by contract; the node is in no list yet.
            unsafe {
                if is_free || state == SET {
                    if WaitNode::claim(node) && is_free {
                        self.once.state.store(BUSY, Ordering::Relaxed);
                    }
                    return false;
                }
                self.queue(waiters).push(node);
            }
            true
        })
    }

    unsafe fn leave(&self, node: NonNull<WaitNode>) -> bool {
        self.once.waiters.with(|waiters| {
            // SAFETY: by contract.
            unsafe { self.queue(waiters).remove(node) }
        })
    }
}
