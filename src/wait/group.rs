//! A wait for several things at once, which ends with the first of them: a select, or a wait with a
//! deadline or a token.
//!
//! A group is a `Source` made of others, for the one node of its waiter. Each *arm* is a node of the
//! group's own, registered with one of the sources. One word settles who serves the waiter:
//!
//! ```text
//!  word:  | out (16 bits) | DRAINS | winner (15 bits) |
//! ```
//!
//! `winner` is 0 as long as the group is *open*, then for ever the number of the arm through which
//! the waiter is served (from 1 on), or `LATE`. `out` counts the arms that are in a source's hands.
//!
//! - **Registering** (`All::register`, where the waiter's node is registered). For each arm, as long
//!   as the group is open: `out` goes up, and the arm is registered.
//! - **A queue** claims the arm under its lock: `out` goes down, and if the group is open the arm
//!   wins. Then the queue delivers it after the unlock, and only then.
//! - **A broadcast** delivers the arm without asking: `out` goes down, and if the group is open the
//!   arm wins.
//! - **The winner** delivers the waiter's node. So it is delivered once.
//! - **Leaving** (`Group::settle`, on the waiter's thread, when it has been woken). Each other arm
//!   that was registered leaves its source. If that takes it out, `out` goes down; if a queue has
//!   dropped it, `out` has gone down already.
//! - **Draining.** If arms are still out, broadcasts are about to deliver them. The waiter registers
//!   its node again: `DRAINS` is set unless `out` is 0. Whoever brings `out` to 0 and finds the bit
//!   clears it and delivers the node.
//!
//! *The waiter's node is delivered exactly once for each time that it is registered.* `winner` is
//! set once; and after that `DRAINS` is cleared once for each time that it is set, by the one whose
//! exchange brings `out` to 0.
//!
//! *A group is not touched after its waiter has gone on.* Every touch by others is part of bringing
//! `out` down, or comes from the winner before it delivers the waiter's node; and the waiter goes on
//! only with `out` at 0. A queue's failed claim is made under its lock, which the waiter takes
//! afterwards to leave; so `DRAINS` is not set yet when that claim comes.
//!
//! **Orderings.** All exchanges of the word are `AcqRel`: what the winner did before comes before
//! the waiter goes on (its node's delivery says that, too), and what others did with their arms
//! before the waiter finds `out` at 0.

use std::cell::Cell;
use std::ptr::NonNull;

use super::node::{Source, WaitNode, Wake};
use crate::primitive::UnsafeCell;
use crate::primitive::atomic::{AtomicU32, Ordering};

const WINNER: u32 = 0x7fff;
const OPEN: u32 = 0;
const LATE: u32 = WINNER;
const DRAINS: u32 = 0x8000;
const OUT: u32 = 0x1_0000;

/// The most arms that a group can have.
pub(crate) const MOST_ARMS: usize = LATE as usize - 1;

/// One waiter that waits for several things.
#[derive(Debug)]
pub(crate) struct Group {
    word: AtomicU32,
    /// The waiter's own node: written when it is registered, before the group's word says so.
    waiter: UnsafeCell<Option<NonNull<WaitNode>>>,
}

/// One of the things that a group waits for. `repr(C)`: a pointer to the node is a pointer to the
/// arm.
#[repr(C)]
pub(crate) struct Arm<'a> {
    node: WaitNode,
    source: &'a dyn Source,
    /// Written when the arm joins its group, before it is registered.
    group: Cell<*const Group>,
    number: Cell<u32>,
    /// The waiter's: whether a source has taken it.
    is_registered: Cell<bool>,
}

impl<'a> Arm<'a> {
    pub(crate) fn new(source: &'a dyn Source) -> Self {
        Self {
            node: WaitNode::one_of_several(deliver, claim),
            source,
            group: Cell::new(std::ptr::null()),
            number: Cell::new(OPEN),
            is_registered: Cell::new(false),
        }
    }

    fn node(&self) -> NonNull<WaitNode> {
        NonNull::from(self).cast()
    }
}

/// The arms of a group, in two parts: what is waited for, and what ends the wait early.
#[derive(Clone, Copy)]
pub(crate) struct Arms<'r, 'a> {
    pub(crate) wanted: &'r [Arm<'a>],
    pub(crate) limits: [Option<&'r Arm<'a>>; 2],
}

impl<'r, 'a> Arms<'r, 'a> {
    fn iter(self) -> impl Iterator<Item = &'r Arm<'a>> {
        self.wanted.iter().chain(self.limits.into_iter().flatten())
    }
}

/// How the wait of a group has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Won {
    /// The waiter has been served through this arm, counted from 0.
    Arm(usize),
    Late,
}

impl Group {
    pub(crate) fn new() -> Self {
        Self {
            word: AtomicU32::new(OPEN),
            waiter: UnsafeCell::new(None),
        }
    }

    /// Waits with `wait`, which is given what to wait for and registers the waiter's node with it;
    /// returns what has won, and what `wait` has returned for it. No arm is in anybody's hands
    /// then. `wait` is called a second time when some are about to be delivered; that wait is short.
    pub(crate) fn wait(
        &self,
        arms: Arms<'_, '_>,
        mut wait: impl FnMut(&dyn Source, Stage) -> Wake,
    ) -> (Won, Wake) {
        for (arm, number) in arms.iter().zip(1..LATE) {
            arm.group.set(self);
            arm.number.set(number);
        }
        let wake = wait(&All { group: self, arms }, Stage::Serve);
        let winner = self.settle(arms);
        // Acquire: what the others did with their arms comes before.
        if self.word.load(Ordering::Acquire) >= OUT {
            wait(&Rest(self), Stage::Drain);
        }
        (winner, wake)
    }

    /// The waiter gives up, on its own thread, unless it has been served.
    pub(crate) fn give_up(&self) {
        let late = |word: u32| (word & WINNER == OPEN).then_some(word | LATE);
        if self.update(late).is_ok() {
            self.deliver_waiter(Wake::Left);
        }
    }

    /// Takes every arm that has lost out of its source, and says what has won.
    fn settle(&self, arms: Arms<'_, '_>) -> Won {
        let winner = self.winner();
        debug_assert_ne!(winner, OPEN, "the waiter goes on when it has been served");
        for arm in arms.iter() {
            if arm.is_registered.get() && arm.number.get() != winner {
                // SAFETY: the arm was registered there and has lost, and this frame waits until it
                // is out.
                if unsafe { arm.source.leave(arm.node()) } {
                    self.word.fetch_sub(OUT, Ordering::AcqRel);
                }
            }
        }
        match winner {
            LATE => Won::Late,
            arm => Won::Arm(arm as usize - 1),
        }
    }

    fn winner(&self) -> u32 {
        // Acquire: pairs with the exchange of whoever has won.
        self.word.load(Ordering::Acquire) & WINNER
    }

    /// Delivers the node of the waiter, who goes on.
    fn deliver_waiter(&self, wake: Wake) {
        // SAFETY: written before the word could be won, or `DRAINS` be set; nobody else reads it.
        let waiter = self.waiter.with(|waiter| unsafe { *waiter });
        let waiter = waiter.expect("a group is settled when its waiter has been registered");
        // SAFETY: the waiter's node is delivered once for each time that it is registered.
        unsafe { WaitNode::deliver(waiter, wake) };
    }

    /// # Safety
    /// The caller registers the waiter, who stands still, and nobody else may deliver it yet.
    unsafe fn set_waiter(&self, node: NonNull<WaitNode>) {
        // SAFETY: by contract.
        self.waiter
            .with_mut(|waiter| unsafe { *waiter = Some(node) });
    }

    fn update(&self, change: impl FnMut(u32) -> Option<u32>) -> Result<u32, u32> {
        self.word
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, change)
    }
}

/// What a group's waiter waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// That an arm wins.
    Serve,
    /// That no arm is in a source's hands any more.
    Drain,
}

struct All<'g> {
    group: &'g Group,
    arms: Arms<'g, 'g>,
}

impl Source for All<'_> {
    unsafe fn register(&self, node: NonNull<WaitNode>) -> bool {
        // SAFETY: no arm is registered yet.
        unsafe { self.group.set_waiter(node) };
        for arm in self.arms.iter() {
            if self.group.winner() != OPEN {
                break;
            }
            self.group.word.fetch_add(OUT, Ordering::AcqRel);
            // SAFETY: the arm stays in its place until it is out, and the waiter does not go on
            // before this call has returned.
            let registered = unsafe { arm.source.register(arm.node()) };
            arm.is_registered.set(registered);
            if !registered {
                // It has claimed the arm, which counted it out: either it has won, so that there is
                // nothing to wait for, or another had, which delivers the waiter.
                return self.group.winner() != arm.number.get();
            }
        }
        true
    }

    unsafe fn leave(&self, _: NonNull<WaitNode>) -> bool {
        unreachable!("a group is no part of another")
    }
}

/// The arms that are still in somebody's hands.
struct Rest<'g>(&'g Group);

impl Source for Rest<'_> {
    unsafe fn register(&self, node: NonNull<WaitNode>) -> bool {
        // SAFETY: nobody delivers the waiter before `DRAINS` is set.
        unsafe { self.0.set_waiter(node) };
        let drains = |word: u32| (word >= OUT).then_some(word | DRAINS);
        self.0.update(drains).is_ok()
    }

    unsafe fn leave(&self, _: NonNull<WaitNode>) -> bool {
        unreachable!("a group is no part of another")
    }
}

/// # Safety
/// The node is that of an arm that has joined its group.
unsafe fn arm_of<'n>(node: NonNull<WaitNode>) -> (&'n Group, u32) {
    // SAFETY: the node is the arm's first field; arm and group are valid until the arm is out.
    unsafe {
        let arm = node.cast::<Arm<'_>>().as_ref();
        (&*arm.group.get(), arm.number.get())
    }
}

/// # Safety
/// As `WaitNode::claim` says, for the node of an arm.
unsafe fn claim(node: NonNull<WaitNode>) -> bool {
    // SAFETY: by contract.
    let (group, number) = unsafe { arm_of(node) };
    let claimed = group.update(|word| {
        let won = if word & WINNER == OPEN { number } else { OPEN };
        Some((word | won) - OUT)
    });
    let (Ok(word) | Err(word)) = claimed;
    debug_assert_eq!(word & DRAINS, 0, "who drains has left all queues");
    word & WINNER == OPEN
}

/// # Safety
/// As `WaitNode::new` says, for the node of an arm: called once, by whoever has claimed it, or by a
/// broadcast that has unlinked it.
unsafe fn deliver(node: NonNull<WaitNode>, wake: Wake) {
    // SAFETY: by contract. The group is valid as long as this arm is out, or has won.
    let (group, number) = unsafe { arm_of(node) };
    if group.winner() == number {
        // A queue, which has claimed the arm.
        return group.deliver_waiter(wake);
    }
    let goes_on = |word: u32| word & WINNER == OPEN || word & !WINNER == OUT | DRAINS;
    let counted_out = group.update(|word| {
        let won = if word & WINNER == OPEN { number } else { OPEN };
        let drains = if goes_on(word) { 0 } else { word & DRAINS };
        Some(((word & !DRAINS) | won | drains) - OUT)
    });
    let (Ok(word) | Err(word)) = counted_out;
    if goes_on(word) {
        group.deliver_waiter(wake);
    }
}

#[cfg(test)]
mod tests;
