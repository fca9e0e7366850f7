//! Who sleeps, who searches, and whom to wake.
//!
//! Three things can make a sleeping worker necessary: a fiber in its own inbox, an unstarted job
//! anywhere, and an order to everybody (the end, a census). At most one worker *searches*, that is
//! spins over all queues; a push that finds a searcher wakes nobody.
//!
//! **State.** For each worker one bit in `starters` or `resumers`, set while it sleeps: a starter
//! can start a job, a resumer has no fiber for one and can only resume. *Whoever clears the bit
//! owns the worker's token*, writes it once and unparks the worker; the worker sleeps until it
//! reads the token. `searching` is one flag: its holder searches, or has passed it on as the token
//! `Search`. `wakes` counts the bits that have been cleared, before the token is written.
//!
//! **The searcher may drowse.** Where jobs are pushed and taken back at once, a searcher finds
//! nothing, falls asleep, and is woken by the next push, which costs the pusher more than all of
//! its jobs. So one that was woken in vain a few times does not let go of `searching`. It sleeps
//! for a moment (`NAP`) with a bit in `drowsers`, looks again, and so on as long as there are
//! pushes. It is a searcher that takes its time: nothing below depends on how long it takes.
//!
//! **A job is injected**, or made public because somebody wants jobs (O3).
//! - P1. The pusher makes the job visible in its queue.
//! - P2. `fence(SeqCst)`.
//! - P3. If `searching` is set, or no starter sleeps, it is done. If the searcher drowses, it wakes
//!   it before: clears a bit of `drowsers`, and gives that one the token `Look`.
//! - P4. Else it sets `searching` (compare-exchange), clears one starter's bit, and gives that one
//!   the token `Search`. If no bit was left to clear it unsets `searching` and goes back to P2. A
//!   fiber stays on the worker where it starts, so of the first few starters that sleep the one
//!   with the fewest fibers that wait is chosen for a job from outside.
//!
//! **An owner pushes to its deque** (`deque`, "What a push tells").
//! - O1. It pushes, says `light`, and looks at its `limit`. If that is not lowered it is done.
//! - O2. Else it raises `limit` by a swap, and asks whether anybody searches or any starter sleeps.
//!   If not, or if the searcher drowses, it is done. (All SeqCst, which does what a fence in between
//!   would do.)
//! - O3. Else it makes jobs public, if none are, and goes on with P3.
//!
//! **Pushes are parted** by who is about to take a last look.
//! - L1. `fence(SeqCst)`.
//! - L2. It lowers every owner's `limit` for good, where that is not done already.
//! - L3. If it has lowered any, it says `heavy`.
//!
//! **A worker claims another's job**, or finds anything as the searcher.
//! - C1. If it held `searching` it unsets it. `fence(SeqCst)`.
//! - C2. If a starter sleeps and nobody searches: L1 to L3, it looks at all queues, and if there
//!   are jobs goes on with P3.
//!
//! **A worker falls asleep.**
//! - S1. If it held `searching` it unsets it.
//! - S2. It sets its bit. `fence(SeqCst)`.
//! - S3. If it is a starter: L1 to L3.
//! - S4. It looks at every queue, its inbox, its timers, and the orders, and then at `searching`. If there is
//!   something, other than jobs that an awake searcher will see, it clears its own bit: if the bit was still
//!   set it is awake; else a waker owns its token and it takes that.
//! - S5. Else it parks until it has its token.
//! - S6. Awake again, and there are unstarted jobs: it searches, unless another does. One that it
//!   takes may not be the only one that was left to it; and whatever else kept it awake at S4, this
//!   look comes after L1 to L3 and makes it a last look.
//!
//! **The searcher drowses.**
//! - D1. It sets its bit in `drowsers`, and marks `searching` as drowsy. `fence(SeqCst)`.
//! - D2. It looks at its inbox, its timers, the jobs from outside, and the orders. If there is something, it goes
//!   on with D4.
//! - D3. It sleeps until it has a token, or the time is up.
//! - D4. It clears its bit, or takes its token. It takes the mark back from `searching`.
//!   `fence(SeqCst)`. If the mark was there it searches again: it looks at all queues.
//! - D5. If not, another worker has had nothing to do, and has taken the drowsy `searching` for its
//!   own. Then it falls asleep, S2.
//!
//! *P3 and D2 can't miss each other*: if D2 does not see the job, P3 sees the mark, unless D4 has
//! taken it back; then the fence of D4 comes after that of P2, or P3 would see that, and the
//! search sees the job. *A bit that is missing* at P3 is one that D4 or another has cleared, and the
//! same holds. An owner's push is seen by a search after D4: each uses force, unless that has been a
//! moment ago (`turn`), and there is another as long as there are pushes.
//!
//! **No job is left while a starter sleeps.** Assume that starter T has gone through S5 and sleeps
//! for ever, and that a job stays where it is. Call the look of S4, and that of C2, a *last look*;
//! T's own is one. Let E be the last of them all. Whoever holds `searching` lets go of it by one of
//! these: it falls asleep, which is a last look; it has found something, and comes to C2, which is
//! a last look, since T's bit is set; it found no bit to clear in P4, but T's is set. (One that takes
//! it over from a drowsy one holds it then.) So after E
//! nobody gets to hold `searching` any more, and nobody holds it at E.
//!
//! - *E sees the job.* If E was an S4, its worker searches at S6, or has found that another searches
//!   after E; if it was a C2, it goes on with P3, and sees T's bit. In each case somebody searches after E.
//! - *It was injected, and E does not see it.* Then P2 comes after E's fence, P3 sees T's bit, and
//!   somebody searches after E.
//! - *It was pushed, and E does not see it.* If O1 found `limit` lowered, then O2 comes after E's
//!   fence (or E would have seen the job), sees T's bit, and by O3 somebody searches after E. If O1
//!   did not, either the owner had raised `limit` after it was found or made low for E: then that
//!   raise's O2 comes after E's fence, sees T's bit, and somebody searches after E. Or the push did
//!   not see the lowering yet: then the `heavy` that follows the lowering came after the push's
//!   `light` and made the job visible to all looks from then on. The look that belongs to it is E
//!   or an earlier one, so E has seen the job after all.
//!
//! **No fiber is left in an inbox.** A waker pushes to the inbox, does `fence(SeqCst)`, and clears
//! the home's bit if it is set: by the same argument it sees the bit or S4 sees the fiber.
//!
//! **A token is never lost or doubled**: only the one that cleared the bit writes it, and the
//! worker sets its bit again only after it has taken it.

mod asleep;
mod mask;

use std::time::{Duration, Instant};

pub(crate) use asleep::{Asleep, Token};
use asleep::{LOOK, NONE, SEARCH};
use crossbeam_utils::CachePadded;
use mask::Mask;

use super::deque::{Stealer, Word};
use crate::primitive::atomic::{AtomicU8, AtomicUsize, Ordering, fence};
use crate::primitive::{barrier, thread};
use crate::wait::SpinLock;

/// L1 to L3: parts the pushes of these owners. Those before are visible from now on, and those
/// after look up who wants jobs.
pub(crate) fn part_pushes<'a, T: Word + 'a>(owners: impl Iterator<Item = &'a Stealer<T>>) {
    // SeqCst: pairs with the swap in an owner's `look_up`.
    fence(Ordering::SeqCst);
    let lowered = owners.fold(false, |any, owner| owner.call_owner_always() | any);
    if lowered {
        barrier::heavy();
    }
}

/// States of `searching`.
const NOBODY: u8 = 0;
const AWAKE: u8 = 1;
const DROWSY: u8 = 2;

/// How long a searcher sleeps that drowses: long beside the microseconds of a search, which slow
/// down those who push, and short beside a job that is worth sharing. A guess.
const NAP: Duration = Duration::from_micros(100);

/// The place where one worker sleeps.
struct Bed {
    token: AtomicU8,
    /// Set when the worker starts, before it can sleep.
    thread: SpinLock<Option<thread::Thread>>,
}

/// Sleepers and searcher of one job system.
pub(crate) struct Idle {
    searching: CachePadded<AtomicU8>,
    starters: Mask,
    resumers: Mask,
    drowsers: Mask,
    wakes: AtomicUsize,
    beds: Box<[CachePadded<Bed>]>,
}

impl Idle {
    pub(crate) fn new(workers: usize) -> Self {
        let bed = || {
            CachePadded::new(Bed {
                token: AtomicU8::new(NONE),
                thread: SpinLock::new(None),
            })
        };
        Self {
            searching: CachePadded::new(AtomicU8::new(NOBODY)),
            starters: Mask::new(workers),
            resumers: Mask::new(workers),
            drowsers: Mask::new(workers),
            wakes: AtomicUsize::new(0),
            beds: (0..workers).map(|_| bed()).collect(),
        }
    }

    /// The calling thread is worker `worker` from now on.
    pub(crate) fn move_in(&self, worker: usize) {
        let this = thread::current();
        self.beds[worker].thread.with(|thread| *thread = Some(this));
    }

    /// P2 to P4: a job has been injected; wakes a starter if nobody looks for jobs, and says whether
    /// it did. The job's fiber stays where it starts: of those who sleep, the one with the least
    /// `load` gets it.
    #[inline]
    pub(crate) fn notify_one(&self, load: impl Fn(usize) -> usize) -> bool {
        // SeqCst: pairs with the fence in `fall_asleep`, so that either this thread sees the
        // sleeper's bit or the sleeper sees the job.
        fence(Ordering::SeqCst);
        // Acquire: whoever sees the mark sees the bit.
        match self.searching.load(Ordering::Acquire) {
            AWAKE => false,
            DROWSY => self.wake_drowser(),
            _ => self.nobody_comes() && self.send_one(|starters| starters.clear_least(&load)),
        }
    }

    #[cold]
    fn wake_drowser(&self) -> bool {
        let drowser = self.drowsers.clear_any();
        if let Some(worker) = drowser {
            self.give(worker, LOOK);
        }
        drowser.is_some()
    }

    /// O2: whether anybody looks or sleeps for jobs.
    #[inline]
    pub(crate) fn wants_jobs(&self) -> bool {
        // SeqCst: comes after the owner's swap of its limit. Either the bit or the flag is seen
        // here, or that swap by who has set it and said `fence`, and so the push before it.
        match self.searching.load(Ordering::SeqCst) {
            AWAKE => true,
            DROWSY => false,
            _ => self.starters.any(Ordering::SeqCst),
        }
    }

    /// S4: whether there is a searcher that is awake. Asked after S2 and S3.
    #[inline]
    pub(crate) fn is_searched(&self) -> bool {
        // Relaxed: after the fence in `fall_asleep`, which pairs with that in `end_search`. A searcher
        // that is seen here lets go later, and sees the bit then.
        self.searching.load(Ordering::Relaxed) == AWAKE
    }

    /// C1: whether starters sleep and nobody searches.
    #[inline]
    pub(crate) fn nobody_comes(&self) -> bool {
        self.starters.any(Ordering::Relaxed) && self.searching.load(Ordering::Relaxed) == NOBODY
    }

    /// C1 and C2: the caller has taken something, and others may have relied on it to come for
    /// more.
    pub(crate) fn pass_on(&self, part_pushes: impl FnOnce(), has_more: impl FnOnce() -> bool) {
        // SeqCst: pairs with the fence in `fall_asleep`.
        fence(Ordering::SeqCst);
        if self.nobody_comes() {
            part_pushes();
            if has_more() {
                let _woke = self.see_to_jobs();
            }
        }
    }

    /// O3, which is P3 and P4: wakes a starter if nobody looks for jobs, and says whether it did.
    #[cold]
    pub(crate) fn see_to_jobs(&self) -> bool {
        self.send_one(Mask::clear_any)
    }

    /// P3 and P4; `choose` clears a bit.
    fn send_one(&self, choose: impl Fn(&Mask) -> Option<usize>) -> bool {
        while self.nobody_comes() && self.search_instead_of(NOBODY) {
            if let Some(worker) = choose(&self.starters) {
                self.give(worker, SEARCH);
                return true;
            }
            self.end_search();
        }
        false
    }

    /// A fiber has been pushed to `worker`'s inbox, or an order been given: wakes it if it sleeps.
    #[inline]
    pub(crate) fn wake(&self, worker: usize) {
        // SeqCst: pairs with the fence in `fall_asleep`.
        fence(Ordering::SeqCst);
        let mut masks = [&self.starters, &self.resumers, &self.drowsers].into_iter();
        if masks.any(|mask| mask.clear(worker)) {
            self.give(worker, LOOK);
        }
    }

    /// Wakes everybody who sleeps.
    pub(crate) fn wake_all(&self) {
        for worker in 0..self.beds.len() {
            self.wake(worker);
        }
    }

    /// Sets `searching`, unless another holds it and is awake.
    pub(crate) fn try_search(&self) -> bool {
        let now = self.searching.load(Ordering::Relaxed);
        now != AWAKE && self.search_instead_of(now)
    }

    fn search_instead_of(&self, before: u8) -> bool {
        // Acquire and the release in `end_search`: a searcher starts where the last one ended.
        self.searching
            .compare_exchange(before, AWAKE, Ordering::AcqRel, Ordering::Relaxed)
            .is_ok()
    }

    /// D1 to D4, for the searcher, but not beyond `end`; `stays_awake` is D2. Says whether it still
    /// is the searcher.
    pub(crate) fn drowse(
        &self,
        worker: usize,
        end: Option<Instant>,
        stays_awake: impl FnOnce() -> bool,
    ) -> bool {
        let mask = &self.drowsers;
        mask.set(worker);
        // Release: with the bit.
        self.searching.store(DROWSY, Ordering::Release);
        // SeqCst: pairs with the fences in `notify_one` and `wake`.
        fence(Ordering::SeqCst);
        let asleep = Asleep {
            idle: self,
            mask,
            worker,
        };
        if stays_awake() {
            asleep.cancel();
        } else {
            // No time passes in a model: there `stays_awake` says that it is up.
            let nap = Instant::now() + NAP;
            asleep.park_until(Some(end.map_or(nap, |end| end.min(nap))));
        }
        let still = self.search_instead_of(DROWSY);
        // SeqCst: pairs with the fence in `notify_one`.
        fence(Ordering::SeqCst);
        still
    }

    /// S1: unsets `searching`. The caller must look at all queues afterwards.
    pub(crate) fn end_search(&self) {
        self.searching.store(NOBODY, Ordering::Release);
        // SeqCst: pairs with the fence in `notify_one`: either that pusher finds `searching`
        // unset, or the look at the queues that follows here sees its job.
        fence(Ordering::SeqCst);
    }

    /// S2 and S3. `can_start` says that the worker has a fiber to start a job on; then
    /// `part_pushes` is called.
    pub(crate) fn fall_asleep(
        &self,
        worker: usize,
        can_start: bool,
        part_pushes: impl FnOnce(),
    ) -> Asleep<'_> {
        let mask = if can_start {
            &self.starters
        } else {
            &self.resumers
        };
        mask.set(worker);
        // SeqCst: pairs with the fences in `notify_one` and `wake`.
        fence(Ordering::SeqCst);
        if can_start {
            part_pushes();
        }
        Asleep {
            idle: self,
            mask,
            worker,
        }
    }

    /// The number of wakes so far. While it does not change, nobody who sleeps wakes.
    pub(crate) fn wakes(&self) -> usize {
        // Acquire: what the workers did before they slept is visible, see `everyone_sleeps`.
        self.wakes.load(Ordering::Acquire)
    }

    /// Whether the worker sleeps, or is about to.
    pub(crate) fn is_asleep(&self, worker: usize) -> bool {
        self.starters.has(worker) || self.resumers.has(worker)
    }

    /// Whether every worker sleeps, or is about to.
    pub(crate) fn everyone_sleeps(&self) -> bool {
        (0..self.beds.len()).all(|worker| self.is_asleep(worker))
    }

    /// There is a fiber for a worker that has none: wakes one that sleeps for want of it.
    pub(crate) fn wake_a_resumer(&self) {
        // SeqCst: pairs with the fence in `fall_asleep`.
        fence(Ordering::SeqCst);
        if let Some(worker) = self.resumers.clear_any() {
            self.give(worker, LOOK);
        }
    }

    /// Whether every worker sleeps and none has a fiber to start a job on.
    pub(crate) fn nobody_could_start(&self) -> bool {
        (0..self.beds.len()).all(|worker| self.resumers.has(worker))
    }

    /// The caller has cleared the bit of `worker`, so the token is its to write.
    fn give(&self, worker: usize, token: u8) {
        self.wakes.fetch_add(1, Ordering::AcqRel);
        let bed = &self.beds[worker];
        // The worker may be gone, and this bed with it, once it has the token.
        let thread = bed.thread.with(|thread| thread.clone());
        // Release: pairs with the acquire in `Asleep::park`.
        bed.token.store(token, Ordering::Release);
        if let Some(thread) = thread {
            thread.unpark();
        }
    }
}

#[cfg(test)]
mod tests;
