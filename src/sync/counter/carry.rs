//! What workers carry: counted jobs that have ended, and by which the count has not been lowered.
//!
//! Lowering the count for each job makes every worker that ends one write the word that the spawner
//! writes for each. So a worker that goes from one job of a counter to the next may *carry* the
//! first one along: it counts it on a line of its own, a *share*, and lowers the counter later, by
//! all that it has carried.
//!
//! ```text
//!  Core: shares --> Share: busy | closed | added | taken     added - taken: carried
//!                     |  added: by the worker that is busy with it, alone
//!                     v  taken: by anybody who lowers the count for them
//!                   Share ...
//! ```
//!
//! **The count is what the state says**, as in `core`: a job that is carried has not lowered it yet.
//! It has not given up its reference either. Whoever takes jobs out of a share, by an exchange of
//! `taken`, owes both, and lowers the count at once, like one that has just ended a job. So each is
//! lowered once, and zeros are as exact as without shares.
//!
//! **No zero is late.** A worker carries only until it starts anything but a job of this counter,
//! stops a fiber, or finds no job (see `sched::burden`). So while it carries, it runs a job that is
//! counted, or takes the few steps from one job to the next, as it would to lower the count. (The same
//! goes for who reads `count`: what it has taken out of a share it lowers the count by a few steps later,
//! and if its thread loses the processor in between, a zero waits for it, as it does for any `done`.)
//!
//! **A scope's jobs are not carried**: who goes on behind the scope may ask whether the count is zero,
//! and a worker that carried the last of them might not have set it down yet.
//!
//! **No level is late.** `count` first lowers the count by all that is carried. So does who waits
//! for a level, and lets nobody carry any more:
//! - L1. It closes the list, so that no share comes, and each share.
//! - L2. It says `heavy`, and takes out what is in the shares.
//! - L3. It marks the list as done. Those who find the mark need none of this.
//!
//! A worker that has ended a job A1 adds it, A2 says `light`, and looks whether the share is closed;
//! if so it lowers the count. If A2 comes before L2's `heavy`, then L2 sees the job, else A2 sees
//! that the share is closed. Who comes to L1 while another is there does the same again, and waits
//! for nobody.
//!
//! **References.** The worker keeps one reference as long as it carries, so the block and the share
//! are there when it adds and when it lowers. What it has added may be gone before: others take it.
//!
//! Where barriers are not asymmetric, nobody carries: lists are done from the beginning.

use std::ptr::{self, NonNull};

use crossbeam_utils::CachePadded;

use super::core::{Core, LEVELS, PENDING, REF, Ticket, Underflow};
use crate::primitive::atomic::{AtomicBool, AtomicPtr, AtomicU64, Ordering};
use crate::primitive::barrier;
use crate::sched::{Burden, Hooks, Worker};
use crate::unwind::complain;

/// Below this count nobody begins to carry: there is little to gain, and who looks at small counts
/// may look often. A guess.
const MANY: u64 = if cfg!(loom) { 1 } else { 64 };

/// So many jobs at most are carried at a time: the state has room for all that have not been
/// lowered. A power of two.
const MOST: u64 = if cfg!(loom) { 4 } else { 1024 };

/// Tags of the list's head.
const CLOSED: usize = 1;
const DONE: usize = 2;

/// A place for what one worker carries.
struct Share {
    /// The next of the list; constant once this one is in it.
    next: *const CachePadded<Share>,
    core: NonNull<Core>,
    /// Some worker carries here.
    busy: AtomicBool,
    /// Nobody shall carry here.
    closed: AtomicBool,
    /// How many jobs have been added; it only grows.
    added: AtomicU64,
    /// How many have been taken out; it only grows, up to `added`.
    taken: AtomicU64,
}

impl Share {
    /// A1 and A2. False: the worker must set down what it carries.
    #[inline]
    fn add(&self) -> bool {
        // Relaxed: only who is busy here writes it.
        let added = self.added.load(Ordering::Relaxed) + 1;
        // Release: pairs with the load in `take_out`; what the job did goes along.
        self.added.store(added, Ordering::Release);
        barrier::light();
        // Relaxed: parted by the barriers, see above.
        added % MOST != 0 && !self.closed.load(Ordering::Relaxed)
    }

    /// Takes out all that is carried: the caller lowers the count by so many jobs.
    fn take_out(&self) -> u64 {
        // Acquire: whoever has taken out up to here has seen so many added.
        let mut taken = self.taken.load(Ordering::Acquire);
        loop {
            // Acquire: pairs with the release in `add`.
            let added = self.added.load(Ordering::Acquire);
            if added == taken {
                return 0;
            }
            // Release: pairs with the acquires of `taken` here. What it replaces has been acquired.
            match self
                .taken
                .compare_exchange(taken, added, Ordering::Release, Ordering::Acquire)
            {
                Ok(_) => return added - taken,
                Err(now) => taken = now,
            }
        }
    }

    /// Whether the caller may carry here from now on.
    fn occupy(&self) -> bool {
        // Acquire: pairs with the release in `Load::set_down`: `added` is as it was left.
        !self.busy.load(Ordering::Relaxed)
            && self
                .busy
                .compare_exchange(false, true, Ordering::Acquire, Ordering::Relaxed)
                .is_ok()
    }
}

/// The shares of one counter: a list that only grows, and is freed with the block.
pub(super) struct Shares(AtomicPtr<CachePadded<Share>>);

impl Shares {
    pub(super) fn new() -> Self {
        let tag = if barrier::is_asymmetric() {
            0
        } else {
            CLOSED | DONE
        };
        Self(AtomicPtr::new(ptr::without_provenance_mut(tag)))
    }

    fn tagged(&self, tag: usize) -> bool {
        // Acquire: pairs with the release of L3.
        self.0.load(Ordering::Acquire).addr() & tag != 0
    }

    fn tag(&self, tag: usize) {
        let mut head = self.0.load(Ordering::Relaxed);
        loop {
            let tagged = head.map_addr(|address| address | tag);
            // Release: what was done before L3. Acquire: the shares.
            match self
                .0
                .compare_exchange(head, tagged, Ordering::AcqRel, Ordering::Relaxed)
            {
                Ok(_) => return,
                Err(now) => head = now,
            }
        }
    }

    fn iter(&self) -> impl Iterator<Item = &CachePadded<Share>> {
        // Acquire: pairs with the release in `claim`.
        let head = self.0.load(Ordering::Acquire);
        let mut next = head
            .map_addr(|address| address & !(CLOSED | DONE))
            .cast_const();
        std::iter::from_fn(move || {
            // SAFETY: shares are freed with the list, which is borrowed.
            let share = unsafe { next.as_ref() }?;
            next = share.next;
            Some(share)
        })
    }

    /// A share for the caller, who is busy there from now on. `None`: nobody shall carry.
    fn claim(&self, core: NonNull<Core>) -> Option<NonNull<Share>> {
        if let Some(share) = self.iter().find(|share| share.occupy()) {
            // Who has occupied one that is closed finds that out when it adds the first job.
            return Some(NonNull::from(&**share));
        }
        let mut share = Box::new(CachePadded::new(Share {
            next: ptr::null(),
            core,
            busy: AtomicBool::new(true),
            closed: AtomicBool::new(false),
            added: AtomicU64::new(0),
            taken: AtomicU64::new(0),
        }));
        let mut head = self.0.load(Ordering::Relaxed);
        while head.addr() & CLOSED == 0 {
            share.next = head;
            let new = Box::into_raw(share);
            // Release: pairs with the acquire in `iter`.
            match self
                .0
                .compare_exchange(head, new, Ordering::Release, Ordering::Relaxed)
            {
                // SAFETY: it came from a box.
                Ok(_) => return Some(NonNull::from(unsafe { &**new })),
                Err(now) => {
                    head = now;
                    // SAFETY: it is in no list.
                    share = unsafe { Box::from_raw(new) };
                }
            }
        }
        None
    }
}

impl Drop for Shares {
    fn drop(&mut self) {
        let head = self.0.load(Ordering::Relaxed);
        let mut next = head.map_addr(|address| address & !(CLOSED | DONE));
        while !next.is_null() {
            // SAFETY: each share came from a box, and is in this list alone; nobody else has a
            // reference to the block any more.
            let share = unsafe { Box::from_raw(next) };
            debug_assert_eq!(
                share.added.load(Ordering::Relaxed),
                share.taken.load(Ordering::Relaxed),
                "carried jobs have references"
            );
            next = share.next.cast_mut();
        }
    }
}

impl Core {
    /// Whether who ends a job, and has seen this state, may begin to carry.
    #[inline]
    fn may_carry(&self, state: u64) -> bool {
        state & PENDING > MANY && state & LEVELS == 0 && !self.shares.tagged(CLOSED)
    }

    /// Lowers the count by `jobs` that have ended, and gives up their references. The caller has
    /// another one. Returns how many found the count at zero.
    fn lower_by(&self, jobs: u64) -> u64 {
        if jobs == 0 {
            return 0;
        }
        if let Ok((due, _)) = self.lower(jobs, jobs * REF) {
            self.wake(due, jobs * REF);
            return 0;
        }
        // Somebody has called `done` too often.
        let mut below_zero = 0;
        for _ in 0..jobs {
            match self.lower(1, REF) {
                Ok((due, _)) => self.wake(due, REF),
                Err(Underflow) => {
                    self.drop_ref();
                    below_zero += 1;
                }
            }
        }
        below_zero
    }

    /// Lowers the count by all that is carried. The caller has a reference.
    pub(super) fn collect(&self) {
        for share in self.shares.iter() {
            if self.lower_by(share.take_out()) != 0 {
                complain(format_args!(
                    "a counter was zero before its jobs had ended: \
                     somewhere there is a `Counter::done` without its own `add`"
                ));
            }
        }
    }

    /// L1 to L3. The caller has a reference.
    pub(super) fn carry_no_more(&self) {
        if self.shares.tagged(DONE) {
            return;
        }
        // L1.
        self.shares.tag(CLOSED);
        let mut any = false;
        for share in self.shares.iter() {
            share.closed.store(true, Ordering::Relaxed);
            any = true;
        }
        // L2.
        if any {
            barrier::heavy();
            self.collect();
        }
        // L3.
        self.shares.tag(DONE);
    }
}

/// What a worker carries: the right to add to a share, and a reference. Stays on its thread.
#[must_use = "what is carried must be set down"]
pub(super) struct Load(NonNull<Share>);

impl Load {
    /// Begins to carry; the caller gives up a reference for it. `None`: nobody shall carry.
    #[cold]
    fn begin(core: &Core) -> Option<Self> {
        let share = core.shares.claim(NonNull::from(core));
        if share.is_none() {
            core.drop_ref();
        }
        share.map(Self)
    }

    fn share(&self) -> &Share {
        // SAFETY: the load's reference keeps the block, and with it the share.
        unsafe { self.0.as_ref() }
    }

    /// Lowers the count by all that is carried, and gives up the reference. Returns how many jobs
    /// found the count at zero.
    pub(super) fn set_down(self) -> u64 {
        let share = self.share();
        // SAFETY: the load's reference keeps the block.
        let core = unsafe { share.core.as_ref() };
        let jobs = share.take_out();
        // Release: pairs with the acquire in `occupy`.
        share.busy.store(false, Ordering::Release);
        let below_zero = core.lower_by(jobs);
        core.drop_ref();
        below_zero
    }
}

/// # Safety
/// `load` was a [`Load`]'s, which is spent on this.
unsafe fn set_down(load: NonNull<()>, hooks: &dyn Hooks) {
    for _ in 0..Load(load.cast()).set_down() {
        hooks.counter_below_zero();
    }
}

impl Ticket {
    /// What a worker knows the counter by.
    pub(crate) fn tally(&self) -> NonNull<()> {
        self.core.cast()
    }

    /// The job has ended on a runner of this worker, which takes the next: what that does to the
    /// count may be carried.
    #[inline]
    pub(crate) fn finish_on(self, worker: &Worker) -> Result<(), Underflow> {
        let tally = self.tally();
        if let Some(load) = worker.burden_of(tally) {
            // The worker has it, and keeps it.
            if !self.add_to(&Load(load.cast())) {
                worker.set_burden_down();
            }
        } else if let Some(load) = self.finish_or_carry()? {
            // SAFETY: the load is spent on it.
            worker.take_up(unsafe { Burden::new(load.0.cast(), tally, set_down) });
        }
        Ok(())
    }

    /// The job has ended: adds it to a load of its counter. False: that must be set down.
    #[inline]
    pub(super) fn add_to(self, load: &Load) -> bool {
        // The reference goes along.
        std::mem::forget(self);
        load.share().add()
    }

    /// The job has ended. With many others left, the caller may carry the next ones: by a load,
    /// which has this one's reference.
    #[inline]
    pub(super) fn finish_or_carry(self) -> Result<Option<Load>, Underflow> {
        // SAFETY: the ticket's reference keeps the block.
        let core = unsafe { self.core.as_ref() };
        // Relaxed: a hint.
        if !core.may_carry(core.state.load(Ordering::Relaxed)) {
            return self.finish().map(|()| None);
        }
        match core.lower(1, 0) {
            Ok((due, _)) => {
                std::mem::forget(self);
                core.wake(due, 0);
                Ok(Load::begin(core))
            }
            Err(Underflow) => self.finish().map(|()| None),
        }
    }
}
