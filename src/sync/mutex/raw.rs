//! The lock itself: one word, and a queue of those who wait for it.
//!
//! ```text
//!  word:  | WOKEN | WAITERS | LOCKED |
//! ```
//!
//! - `LOCKED`: somebody holds the lock. Set by whoever takes it, cleared by whoever lets it go.
//! - `WAITERS`: the queue is not empty. Changes only under the lock of the queue, and is set before
//!   a node is pushed.
//! - `WOKEN`: a waiter has been woken to *try again*, and has not yet tried. It keeps unlocks from
//!   waking one after the other for a lock that only one can get.
//!
//! **Barging.** An unlock frees the lock and wakes the first waiter, which tries again; whoever comes
//! first gets it. So nobody waits for a lock that is free until the woken one has got its turn. The
//! price is that the woken one may lose. A waiter that has lost often enough is *owed* the lock: it
//! waits at the front of the queue, and the unlock that meets it there hands the lock over without
//! freeing it. So nobody starves: once a waiter is owed the lock, it gets it after as many others as
//! had been woken before and lose, too.
//!
//! Steps:
//!
//! 1. **Lock**: sets `LOCKED`, and has the lock if it was clear. The other bits stay as they are, so this is
//!    one operation whether others wait or not.
//! 2. **Queue** (`Attempt::register`, under the queue's lock): if `LOCKED` is set, the same exchange
//!    sets `WAITERS`; if the waiter is owed the lock, it clears `WOKEN`, too. Then the node is pushed.
//!    If `LOCKED` is clear, the node is claimed, and the waiter goes on at once, with the lock if it
//!    got it, else to step 5.
//! 3. **Unlock**: by an exchange that clears `LOCKED`, if `WAITERS` is clear or `WOKEN` is set. Else
//!    under the queue's lock: the first waiter that can be claimed is taken out. If it is owed the
//!    lock, `LOCKED` stays set. Else one exchange clears `LOCKED` and sets `WOKEN`. Without such a
//!    waiter the queue is empty, and `LOCKED` is cleared. `WAITERS` becomes what the queue says.
//! 4. **Leave** (late or cancelled, under the queue's lock): the node is taken out, and `WAITERS`
//!    becomes what the queue says.
//! 5. **Try again**: a waiter that was claimed in step 2 or 3 and was not given the lock looks at the
//!    word. An exchange clears `WOKEN`; if `LOCKED` was clear it sets it, and the waiter has the lock.
//!    If not, the waiter goes to step 2.
//!
//! *No wake-up is lost*, which is to say: when the queue is not empty, `LOCKED` is set, or `WOKEN` is,
//! and `WOKEN` is set only while a waiter is on its way to step 5.
//!
//! - Step 2 pushes while `LOCKED` is set: the exchange that has seen it has set `WAITERS`, so that
//!   the holder's unlock takes the queue's lock, and gets it after the push; or the unlock finds
//!   `WOKEN` set, and leaves it so.
//! - Step 3 frees the lock with `WOKEN` set, or with an empty queue.
//! - `WOKEN` is cleared by exchanges that leave `LOCKED` set: that of step 2 has found it set, that
//!   of step 5 has found or set it.
//! - Each time that `WOKEN` is set, a waiter has been claimed just before. A claimed waiter is not late
//!   any more, however much time passes: its wait ends with success, and step 5 comes next, without
//!   anything of the user's in between. Somebody else may clear the bit earlier; that is as good.
//!
//! *A waiter that is claimed, woken to try again, and late before it has the lock* swallows nothing:
//! it makes step 5 all the same. Either it gets the lock, which counts as success, and its own unlock
//! wakes the next. Or it finds `LOCKED` set, and from then on `WOKEN` is clear, or another waiter's:
//! the holder's unlock comes later, and wakes the next, whether this waiter leaves (step 4) or not.
//! If it leaves while an unlock is in step 3, the claim says which of the two comes first: either the
//! unlock goes on to the next, or this waiter is not late.
//!
//! **Orderings.** Whoever sets `LOCKED` does so with acquire, and whoever clears it with release. The
//! exchanges between them continue the release sequence. A lock that is handed over goes by the
//! delivery of the node. `WAITERS` and `WOKEN` publish nothing: the queue has its own lock.

use std::cell::Cell;
use std::fmt;
use std::panic::Location;
use std::ptr::{self, NonNull};

use crate::primitive::atomic::{AtomicU32, Ordering};
use crate::primitive::{const_unless_modelled, hint};
use crate::wait::{Chain, Interrupted, Site, Source, SpinLock, WaitNode, WaitQueue, Waiter, Wake};

const LOCKED: u32 = 1;
const WAITERS: u32 = 2;
const WOKEN: u32 = 4;

/// How often a waiter that was woken may lose before it is owed the lock.
const PATIENCE: u32 = 1;

/// Looks at a held lock before its waiter suspends. A guess, as `PAUSE` is: together the pauses last
/// about a microsecond, longer than a short hold. A holder that waits itself, or whose home is
/// the waiter's worker, makes them vain. A model has none: a pause would let the holder go first.
const LOOKS: u32 = if cfg!(any(loom, shuttle)) { 0 } else { 2 };

/// The turns of the first pause between two looks; the next has twice as many. Short ones would take
/// the word from its holder's cache again and again, who may well lock and unlock many times
/// meanwhile.
const PAUSE: u32 = 32;

/// A mutex without its value.
pub(crate) struct RawMutex {
    word: AtomicU32,
    queue: SpinLock<WaitQueue>,
}

impl RawMutex {
    const_unless_modelled! {
        pub(crate) fn new() -> Self {
            Self {
                word: AtomicU32::new(0),
                queue: SpinLock::new(WaitQueue::new()),
            }
        }
    }

    pub(crate) fn is_locked(&self) -> bool {
        self.word.load(Ordering::Relaxed) & LOCKED != 0
    }

    /// Whether nobody holds the lock, waits for it, or is about to try again.
    #[cfg(all(test, loom))]
    pub(super) fn is_at_rest(&self) -> bool {
        self.word.load(Ordering::Relaxed) == 0
    }

    /// Takes the lock, or waits for it.
    #[inline(always)]
    #[track_caller]
    pub(crate) fn lock<W: Waiter>(&self, who: W) -> Result<(), Interrupted> {
        if self.try_lock() {
            return Ok(());
        }
        self.lock_contended(who, Location::caller())
    }

    /// Step 1: takes the lock if nobody holds it, whoever waits for it.
    #[inline(always)]
    pub(crate) fn try_lock(&self) -> bool {
        // Acquire: pairs with the release of the last holder.
        self.word.fetch_or(LOCKED, Ordering::Acquire) & LOCKED == 0
    }

    /// Lets the lock go.
    ///
    /// # Safety
    /// The caller holds it, and gives it up.
    #[inline(always)]
    pub(crate) unsafe fn unlock(&self) {
        // The load spares the exchange that would fail while others wait: the word is in this core's
        // cache. Release: pairs with the acquire of whoever takes the lock next.
        let is_unawaited = self.word.load(Ordering::Relaxed) == LOCKED
            && self
                .word
                .compare_exchange(LOCKED, 0, Ordering::Release, Ordering::Relaxed)
                .is_ok();
        if !is_unawaited {
            self.unlock_awaited();
        }
    }

    /// Step 5 as far as it succeeds: takes the lock if it is free.
    fn try_lock_as_woken(&self) -> bool {
        let take = |word: u32| (word & LOCKED == 0).then_some((word | LOCKED) & !WOKEN);
        self.word
            .fetch_update(Ordering::Acquire, Ordering::Relaxed, take)
            .is_ok()
    }

    #[cold]
    #[inline(never)]
    fn lock_contended<W: Waiter>(
        &self,
        who: W,
        at: &'static Location<'static>,
    ) -> Result<(), Interrupted> {
        if self.spin() {
            return Ok(());
        }
        let site = Site {
            what: &"a mutex",
            at,
        };
        let (mut losses, mut has_waited) = (0, false);
        loop {
            let attempt = Attempt {
                mutex: self,
                has_waited,
                is_owed: losses >= PATIENCE,
                end: Cell::new(End::Woken),
            };
            who.wait_for(&attempt, site)?;
            match attempt.end.get() {
                End::Locked => return Ok(()),
                End::Woken if attempt.is_owed => return Ok(()),
                End::Woken => has_waited = true,
                End::TooLate => {}
            }
            if self.try_again() {
                return Ok(());
            }
            losses += 1;
        }
    }

    /// Step 1, for some time, unless others wait already: they come first, and the time that it takes
    /// to wake them is too long to spin.
    fn spin(&self) -> bool {
        for look in 0..LOOKS {
            let word = self.word.load(Ordering::Relaxed);
            if word & LOCKED == 0 && self.try_lock() {
                return true;
            }
            if word & WAITERS != 0 {
                return false;
            }
            pause(look);
        }
        false
    }

    /// Step 5, with some time before it is given up.
    fn try_again(&self) -> bool {
        for look in 0..LOOKS {
            if self.try_lock_as_woken() {
                return true;
            }
            pause(look);
        }
        let try_once_more = |word: u32| Some((word | LOCKED) & !WOKEN);
        let before = self
            .word
            .fetch_update(Ordering::Acquire, Ordering::Relaxed, try_once_more);
        let (Ok(before) | Err(before)) = before;
        before & LOCKED == 0
    }

    /// Step 3 for a lock that others wait for, or have been woken for.
    #[cold]
    #[inline(never)]
    fn unlock_awaited(&self) {
        // Release, here and below: pairs with the acquire of whoever takes the lock next.
        let leave_it_to_the_woken =
            |word: u32| (word & WAITERS == 0 || word & WOKEN != 0).then_some(word & !LOCKED);
        if self
            .word
            .fetch_update(Ordering::Release, Ordering::Relaxed, leave_it_to_the_woken)
            .is_ok()
        {
            return;
        }
        let first = self.queue.with(|queue| {
            let first = queue.pop();
            let (set, clear) = match &first {
                Some(first) if is_owed(first.note()) => (0, 0),
                Some(_) => (WOKEN, LOCKED),
                None => (0, LOCKED),
            };
            let clear = clear | if queue.is_empty() { WAITERS } else { 0 };
            let change = |word: u32| Some((word | set) & !clear);
            let _ = self
                .word
                .fetch_update(Ordering::Release, Ordering::Relaxed, change);
            first
        });
        Chain::of(first).deliver(Wake::Signalled);
    }
}

impl fmt::Debug for RawMutex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RawMutex")
            .field("is_locked", &self.is_locked())
            .finish_non_exhaustive()
    }
}

/// Pauses before the next look.
fn pause(look: u32) {
    for _ in 0..PAUSE << look {
        hint::spin_loop();
    }
}

/// One wait for the lock.
struct Attempt<'a> {
    mutex: &'a RawMutex,
    /// The waiter has been in the queue before, so it comes before those in it.
    has_waited: bool,
    /// Its node has a note then: whoever takes it out of the queue hands the lock over.
    is_owed: bool,
    end: Cell<End>,
}

/// How an attempt's wait has ended.
#[derive(Clone, Copy)]
enum End {
    /// By an unlock: with the lock, if the waiter was owed it.
    Woken,
    /// The lock was free, and is the waiter's.
    Locked,
    /// The lock was free, and somebody was faster.
    TooLate,
}

/// Any pointer but null.
fn owed() -> *mut () {
    ptr::dangling_mut()
}

fn is_owed(note: *mut ()) -> bool {
    !note.is_null()
}

impl Source for Attempt<'_> {
    unsafe fn register(&self, node: NonNull<WaitNode>) -> bool {
        let woken = if self.is_owed { WOKEN } else { 0 };
        let await_unlock = |word: u32| (word & LOCKED != 0).then_some((word | WAITERS) & !woken);
        self.mutex.queue.with(|queue| {
            let is_locked = self
                .mutex
                .word
                .fetch_update(Ordering::Relaxed, Ordering::Relaxed, await_unlock)
                .is_ok();
            // SAFETY: by contract; the node is in no list yet.
            unsafe {
                if !is_locked {
                    if WaitNode::claim(node) {
                        let got_it = self.mutex.try_lock();
                        self.end
                            .set(if got_it { End::Locked } else { End::TooLate });
                    }
                    return false;
                }
                if self.is_owed {
                    node.as_ref().set_note(owed());
                }
                if self.has_waited {
                    queue.push_front(node);
                } else {
                    queue.push(node);
                }
            }
            true
        })
    }

    unsafe fn leave(&self, node: NonNull<WaitNode>) -> bool {
        self.mutex.queue.with(|queue| {
            // SAFETY: by contract.
            let was_here = unsafe { queue.remove(node) };
            if queue.is_empty() {
                self.mutex.word.fetch_and(!WAITERS, Ordering::Relaxed);
            }
            was_here
        })
    }
}

#[cfg(all(test, loom))]
mod model;
#[cfg(all(test, not(loom)))]
mod tests;
