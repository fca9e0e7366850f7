//! The deque of jobs that have not started: its owner works at one end, thieves at the other.
//!
//! A growable Chase-Lev deque (Chase and Lev, "Dynamic Circular Work-Stealing Deque", 2005; Lê,
//! Pop, Cohen and Zappa Nardelli, "Correct and Efficient Work-Stealing for Weak Memory Models",
//! 2013) of one-word elements, parted like the split deque of Dinan, Larkins, Sadayappan,
//! Krishnamoorthy and Nieplocha ("Scalable Work Stealing", 2009), but so that **every element can
//! be stolen at every moment**. Elements sit at positions `top..bottom`, and position `p` is slot
//! `p % capacity` of the current buffer:
//!
//! ```text
//!            top            split          guard            bottom
//!             v               v              v                v
//!   ... gone | oldest | ...  |   ...        |  ... | newest  | free ...
//!             \___ public ___/ \____________ private ________/
//!    thieves: one CAS of top    owner: push, pop, no barrier
//! ```
//!
//! - The **public** part is a Chase-Lev deque with `split` in the place of its `bottom`: thieves
//!   claim its oldest element by a CAS of `top`, the owner takes its newest one by the same rules.
//! - The **private** part is the owner's. It pushes and pops there with plain loads and stores.
//!   But a thief that finds nothing public can *force* half of it to become public, with a
//!   barrier that it makes the owner's processor execute (`primitive::barrier`), also while the
//!   owner never calls the deque again. `split..guard` is what a thief is about to make public.
//!
//! `split` and `guard` are one word, `bounds`, and are equal unless a thief is forcing. The owner
//! makes elements public by itself when there are none and somebody wants some: whoever does lowers
//! `limit`, which the owner looks at anyway after each push, to see whether the next slot is free.
//!
//! Anyone may change `top`, but only by a CAS from `t` to `t + 1`: a *claim* of `t`. `bounds` is
//! changed by CAS or swap, by the owner and by the one thief that holds `forcing`. The owner alone
//! writes everything else, except that thieves lower `limit`. A buffer that was outgrown is written
//! no more and freed with the deque, for a thief may still read it; all such together are smaller
//! than the current one. Positions wrap around, and only their wrapping difference is ever
//! compared; no thief is held up in mid-steal for as long as `top` takes to go once around.
//!
//! # Ledger of orderings
//!
//! What is not listed is Relaxed, and ordered by what is: slots, the owner's reads of its own
//! `bottom`, and hints. `light` and `heavy` are those of `primitive::barrier`.
//!
//! | operation                     | ordering | partner, and what it is for                       |
//! |-------------------------------|----------|---------------------------------------------------|
//! | push, pop: store `bottom`     | Release  | force's load of `bottom`: slot, buffer, payload   |
//! | push: `light`, load `limit`   |          | a sleeper's `heavy`: "What a push tells" below    |
//! | pop: `light`, load `bounds`   |          | force's `heavy`: step 8                           |
//! | take public: CAS `bounds`     | SeqCst   | steal's load of `bounds`: step 2                  |
//! | take public: load `top`       | SeqCst   | steal's load of `top`: step 2                     |
//! | publish, force: CAS `bounds`  | SeqCst   | steal's load of `bounds`: slot, buffer, payload   |
//! | steal: load `top`             | SeqCst   | take public's load of `top`: step 2               |
//! | steal: load `bounds`          | SeqCst   | take public's CAS: step 2; acquires every change  |
//! | steal: load `buffer`          | Acquire  | grow's store of `buffer`: the copied slots        |
//! | grow: store `buffer`          | Release  | steal's load of `buffer`                          |
//! | claim: CAS of `top`           | SeqCst   | make room's load of `top`: the slot has been read |
//! | make room: load `top`         | Acquire  | the claims of all positions below                 |
//! | lower `limit`                 | Release  | make room's swap of `limit`: what came before     |
//! | make room: swap `limit`       | SeqCst   | who has lowered it; who wants jobs (`idle`, O2)   |
//!
//! # Why nothing is lost or taken twice
//!
//! 1. *Claims.* `top` only grows, by one at a time: at most one claim of a position succeeds.
//! 2. *Lowering.* The owner wants `p`, the newest element, and it is public. It lowers `split` to
//!    some `s` with `s <= p`, then reads `top`; a thief reads `top`, then `bounds`. If the thief
//!    reads `top` as `s` or more, then either the owner reads `s` or more as well, or the thief
//!    reads what the owner's CAS or a later change wrote. Otherwise, in the single order of SeqCst
//!    operations, the owner's load of `top` is before the thief's, and so before the thief's load
//!    of `bounds`, which is before the CAS, and so before the owner's load of `top`.
//! 3. *Reclaimed.* An owner that reads `top` below `s` has made `s..=p` private. A thief can claim
//!    a position from `s` on only after it reads `top` as that. By step 2 it finds `split` at `s`,
//!    and nothing to take, or it finds a later change, which made public what is there then.
//! 4. *Newest.* An owner that reads `top` as `s` or more, but below `p`, raises `split` to `p`. A
//!    late thief may still claim what `top` was, which is below `p`; to claim `p` it must read
//!    `top` as `p` first, and then step 3 holds with `p` for `s`. So the owner is the only taker of
//!    `p`.
//! 5. *Last.* An owner that reads `top` as `p` claims `p` like a thief, and who succeeds has it. An
//!    owner that reads `top` as `p + 1` takes nothing. In both cases the deque is empty then, and
//!    all ends are at `p + 1`.
//! 6. *The right word.* A thief reads `top` as `t`, then `bounds` with `split` above `t` as some
//!    change `C` left it. At `C` an element is at `t`, its slot written. It stays until `t` is
//!    claimed: to take it otherwise, the owner lowers `split` to `t` or below after `C`, but then
//!    reads `top` as `t` or more, by step 2, and does not take `t` without a claim (steps 3 to 5).
//!    The slot is reused only when the owner has read `top` above `t`. If that is another's claim,
//!    this thief's fails; if it is this thief's, its Release puts the reading of the slot before
//!    the reuse.
//! 7. *The right buffer.* A thief reads `buffer` after `bounds`, so it finds the one of the time
//!    of `C`, which has the element, or a later one with a copy, which the Acquire shows it. The
//!    copy lacks `t` only if the owner has read `top` above `t`, and then the claim fails.
//! 8. *Private.* The owner pops `p`: it stores `bottom` as `p`, says `light`, and takes `p` if
//!    `bounds` has `guard` at `p` or below. A thief forces: it raises `guard` to `g`, says `heavy`,
//!    and reads `bottom` as `b`. If the owner's `light` came first, the thief sees that `bottom` or
//!    a later one, which is above `p` only if `p` has been pushed again, and makes public only what
//!    is below `b`. Else the owner sees the guard, and asks (step 9).
//! 9. *Asking.* An owner that finds `p` below `guard` but not below `split` puts an end to the
//!    forcing: its CAS sets both to the same position at or below `p`. Then the forcing thief's
//!    second CAS fails, since nobody else sets `guard` above `split` while it holds `forcing`. If
//!    that second CAS came first, `bounds` says so, and `p` is public or the owner's.
//! 10. *`pop_if`* looks at the slot of `bottom - 1` first. If the deque is empty, that word is
//!     stale, and whether equal or not, the answer is `None`, by step 5.
//! 11. *`take_oldest`* makes the oldest element public if it is not, and claims it like a thief.
//!
//! # What a push tells
//!
//! A push whose position reaches `limit` asks its caller to look who wants jobs (`Pushed::Look`).
//! Let a thread lower `limit`, say `heavy`, and then look at the deque. A push whose `light` came
//! before is seen there; one whose `light` comes later finds `limit` lowered, unless the owner has
//! raised it since, and whoever raises it looks who wants jobs afterwards. `idle` says why that is
//! enough. Thieves that claim the last public element lower `limit`, too, so that there soon is
//! another one.
//!
//! Where barriers are not asymmetric the deque is *eager*: every push looks up, and makes
//! everything public at once; nothing is ever private when the owner is elsewhere, and nobody
//! forces.

use std::marker::PhantomData;
use std::ptr;

use crossbeam_utils::CachePadded;

use self::bounds::Bounds;
use self::buffer::Buffer;
pub(crate) use self::owner::{Owner, Pushed};
pub(crate) use self::thief::{Steal, Stealer};
use crate::primitive::atomic::Ordering::{Relaxed, SeqCst};
use crate::primitive::atomic::{AtomicBool, AtomicIsize, AtomicPtr, AtomicU64};
use crate::primitive::{Arc, barrier};

mod bounds;
mod buffer;
mod owner;
#[cfg(test)]
mod tests;
mod thief;

/// Slots of the first buffer, a power of two. The 64 is a guess: deeper than most nests of
/// joins, and small enough to give to every worker.
const FIRST_CAPACITY: usize = if cfg!(any(loom, shuttle)) { 2 } else { 64 };

/// A value that is one word: given away as that word, and got back from it once.
///
/// # Safety
///
/// All of the value travels in the word: `from_raw` of what `into_raw` made is the same value, on
/// whichever thread it happens.
pub(crate) unsafe trait Word: Send + Sized {
    /// Gives the value up for its word.
    fn into_raw(self) -> *mut ();

    /// Takes the value back.
    ///
    /// # Safety
    ///
    /// `raw` comes from `into_raw` of the same type, and no other `from_raw` gets that result.
    unsafe fn from_raw(raw: *mut ()) -> Self;
}

/// Makes an empty deque.
pub(crate) fn deque<T: Word>() -> (Owner<T>, Stealer<T>) {
    starting_at(0, !barrier::is_asymmetric())
}

/// Makes an empty deque whose first element goes to the given position.
fn starting_at<T: Word>(position: isize, eager: bool) -> (Owner<T>, Stealer<T>) {
    let buffer = Buffer::allocate(FIRST_CAPACITY, ptr::null_mut());
    let shared = Arc::new(Shared {
        top: CachePadded::new(AtomicIsize::new(position)),
        bottom: CachePadded::new(AtomicIsize::new(position)),
        open: CachePadded::new(Open {
            bounds: AtomicU64::new(Bounds::at(position).0),
            limit: AtomicIsize::new(position),
            buffer: AtomicPtr::new(buffer),
            forcing: AtomicBool::new(false),
        }),
        eager,
        elements: PhantomData,
    });
    (Owner::new(&shared, buffer), Stealer::new(shared))
}

/// What the owner and its thieves have in common.
struct Shared<T> {
    /// The position of the oldest element.
    top: CachePadded<AtomicIsize>,
    /// The position of the next push. On a line of its own: the owner writes it all the time, and
    /// thieves look at it only when there is nothing public.
    bottom: CachePadded<AtomicIsize>,
    open: CachePadded<Open>,
    /// Whether every element becomes public at once.
    eager: bool,
    /// Elements pass through, and `Word` makes them `Send`.
    elements: PhantomData<fn(T) -> T>,
}

/// What both sides read often and write rarely.
struct Open {
    /// See `Bounds`.
    bounds: AtomicU64,
    /// A push to a position at or above it looks up: the next slot may not be free, or somebody
    /// wants jobs.
    limit: AtomicIsize,
    /// The current buffer. It and all that it has outgrown are valid until `Shared` is dropped.
    buffer: AtomicPtr<Buffer>,
    /// Held by the one thief that makes private elements public.
    forcing: AtomicBool,
}

impl<T> Shared<T> {
    /// Takes position `top` for the caller, unless someone else did since it read `top`.
    fn claim(&self, top: isize) -> bool {
        // SeqCst is Release here, for the Acquire in `make_room`, which lets the owner reuse the
        // slot that the caller has read (later claims are read-modify-writes, so they carry it on),
        // and orders the claim before the look at who sleeps that follows it (`idle`).
        self.top
            .compare_exchange(top, top.wrapping_add(1), SeqCst, Relaxed)
            .is_ok()
    }

    fn bounds(&self) -> Bounds {
        // SeqCst: see the ledger.
        Bounds(self.open.bounds.load(SeqCst))
    }

    /// Replaces `old`, unless it has changed.
    fn replace_bounds(&self, old: Bounds, new: Bounds) -> bool {
        // SeqCst: see the ledger.
        self.open
            .bounds
            .compare_exchange(old.0, new.0, SeqCst, Relaxed)
            .is_ok()
    }

    /// The positions of the oldest element and of the next push; `top` first.
    fn ends(&self) -> (isize, isize) {
        // SeqCst: whoever announces its sleep and then looks here sees what was pushed before, see
        // `idle`.
        let top = self.top.load(SeqCst);
        seq_cst_in_model();
        let bottom = self.bottom.load(SeqCst);
        (top, bottom)
    }
}

impl<T> Drop for Shared<T> {
    fn drop(&mut self) {
        // Relaxed: the last handle is gone, and counting the handles has ordered all before this.
        let (top, bottom) = (self.top.load(Relaxed), self.bottom.load(Relaxed));
        debug_assert!(
            top == bottom || std::thread::panicking(),
            "a deque is dropped with {} elements in it",
            bottom.wrapping_sub(top),
        );
        let mut next = self.open.buffer.load(Relaxed);
        while !next.is_null() {
            // SAFETY: it came from `Box::into_raw` in `allocate`, each buffer is in the chain
            // once, and no handle is left to read it.
            next = unsafe { Box::from_raw(next) }.outgrown;
        }
    }
}

/// Keeps two SeqCst operations in order in a model too: `loom` takes such loads and swaps for
/// Acquire and AcqRel ones, but knows what a fence does. Nothing in production.
#[inline(always)]
fn seq_cst_in_model() {
    #[cfg(loom)]
    crate::primitive::atomic::fence(SeqCst);
}
