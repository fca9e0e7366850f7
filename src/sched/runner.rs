//! Where a worker gets a fiber to start a job on.
//!
//! **How many fibers there are.** No more than jobs have been under way (started and not ended) at
//! one time, and one for each worker. A fiber without a job is either the one that its worker runs
//! at this moment, or has in hand, or it lies on that worker's shelf. A worker that needs one, and
//! has none, does the first of these that it can:
//!
//! 1. It takes one from its own shelf.
//! 2. It creates one, if there are fewer than were seen to wait at once, and one for each worker.
//!    What waits is under way, so the bound holds.
//! 3. It takes one from another's shelf, *empties* it, and makes a new one: their number stays.
//! 4. It creates one, if since it began no fiber has been created and nothing put on any shelf.
//!    Then there was an instant at which all shelves were empty: each fiber had a job, or was the
//!    one that its worker ran, and this worker ran none. So there were no more fibers than jobs
//!    under way, and one for each *other* worker.
//!
//! Where fibers move (the feature `migration`), idle ones lie together in `Commons`, and workers that
//! sleep may each hold one more.
//!
//! The second step is not needed for the bound. Without it workers would take the last idle fiber
//! from each other again and again.
//!
//! **Emptying.** An idle fiber stands in `Jobs::body`, in `suspend`, below which there are only the
//! frames of the body and of `corosensei`. They own nothing: the guard against unwinding says
//! something when it is dropped and does nothing else, the job has been run, and what the fiber
//! said has been moved out. So its stack can be taken from under it by any thread that has the
//! right to resume it, though only its home could resume it: no frame of it runs again, so nothing
//! of what its home's thread-locals lent is used elsewhere. The header stays with the home, whose
//! list for the census knows it, and serves for the next fiber there.
//!
//! **The limit.** One fiber of each worker is set aside for it, the others are paid from what is
//! spare. Who has one fiber has the one that is set aside; who has more pays for the others. A
//! fiber that changes hands takes what was paid for it along. The one that is set aside is given
//! away only against a spare one, and its worker may then create another. So `max_fibers` never
//! leaves a worker without a fiber whose jobs have all ended.
//!
//! A worker that finds no fiber sleeps as one that can only resume. Whoever puts a second fiber on
//! its shelf wakes one of them, once anybody has ever come to that (`FiberBudget::is_short`).

use super::fiber::{FiberLocal, ReadyFiber};
use super::migrate::Commons;
use super::shelf::Shelf;
use super::worker::Worker;
use crate::fiber::Suspended;
use crate::primitive::atomic::Ordering;
use crate::stack::FiberStack;

impl Worker {
    fn shelf(&self) -> &Shelf {
        &self.remote().shelf
    }

    /// A fiber has stopped because it has no job. Not inline: keeps the path of those that wait or
    /// yield short.
    #[inline(never)]
    pub(super) fn put_idle(&self, fiber: ReadyFiber) {
        if let Some(commons) = Commons::of(&self.shared) {
            commons.put(fiber);
            return self.shared.idle.wake_a_resumer();
        }
        self.shelve(fiber);
        if self.shared.fibers.is_short() && self.shelf().homed() > 1 {
            self.shared.idle.wake_a_resumer();
        }
    }

    /// A fiber to start a job on.
    #[inline]
    pub(super) fn take_runner(&self) -> Option<ReadyFiber> {
        let own = self.shelf().take();
        let runner = own.or_else(|| self.find_runner().then(|| self.shelf().take())?);
        self.has_idle.set(self.shelf().has_one());
        runner
    }

    #[inline]
    fn shelve(&self, fiber: ReadyFiber) {
        self.shelf().put(fiber);
        self.has_idle.set(true);
    }

    /// Whether the worker has a fiber to start a job on; gets one within the limits. Another worker
    /// may take it before this one does.
    #[inline]
    pub(super) fn has_runner(&self) -> bool {
        self.has_idle.get() || self.find_runner()
    }

    /// Whether another worker has put back a fiber that it had taken here.
    fn got_one_back(&self) -> bool {
        self.has_idle.set(self.shelf().has_one());
        self.has_idle.get()
    }

    /// Whether another worker has left a fiber that this one could start a job on.
    pub(super) fn others_left_a_runner(&self) -> bool {
        if let Some(commons) = Commons::of(&self.shared) {
            return !commons.is_empty();
        }
        self.shelf().has_one()
            || self.could_create()
            || self
                .other_shelves()
                .any(|other| other.has_one() && self.could_pay(other))
    }

    /// Lets the idle fibers return.
    pub(super) fn end_idle_fibers(&self) {
        self.shelf().close();
        let common = || Commons::of(&self.shared)?.take();
        while let Some(fiber) = self.shelf().take().or_else(common) {
            self.go_on(fiber);
        }
    }

    fn other_shelves(&self) -> impl Iterator<Item = &Shelf> {
        let (before, from) = self.shared.remotes.split_at(self.index);
        let others = from[1..].iter().chain(before);
        others.map(|remote| &remote.shelf)
    }

    /// Puts a fiber on the own shelf: one from elsewhere, or a new one.
    #[cold]
    fn find_runner(&self) -> bool {
        let found = self.got_one_back() || self.look_for_runner();
        if !found {
            self.shared.fibers.fall_short();
        }
        found
    }

    fn look_for_runner(&self) -> bool {
        if let Some(commons) = Commons::of(&self.shared) {
            if let Some(fiber) = commons.take() {
                self.shelve(fiber);
                return true;
            }
        }
        let fibers = &self.shared.fibers;
        let most = self.most_waiting() + self.shared.remotes.len();
        if fibers.claim(|present| present < most) && self.create_fiber() {
            return true;
        }
        loop {
            let present = fibers.present();
            let puts = self.all_puts();
            if let Some(found) = self.take_from_others() {
                return found;
            }
            if puts != self.all_puts() {
                continue;
            }
            if fibers.claim(|now| now == present) {
                return self.create_fiber();
            }
        }
    }

    fn all_puts(&self) -> usize {
        let add = |sum: usize, shelf: &Shelf| sum.wrapping_add(shelf.puts());
        self.other_shelves().fold(0, add)
    }

    /// A number of jobs that have waited at one time.
    fn most_waiting(&self) -> usize {
        let remotes = &self.shared.remotes;
        let waits = || {
            let add = |sum: u64, waits| sum.wrapping_add(waits);
            remotes.iter().map(|r| r.stats.waits.get()).fold(0, add)
        };
        let before = waits();
        // Acquire: pairs with the release in `count_waiting`; the count of waits has been raised
        // before that.
        let waiting = |r: &super::shared::Remote| r.waiting.load(Ordering::Acquire);
        // With migration a fiber may stop on one worker and go on on another: the sum is right.
        let now = remotes
            .iter()
            .map(|r| waiting(r))
            .fold(0, usize::wrapping_add);
        // If no wait has begun meanwhile, all of these waited when the first one was read.
        let at_once = if before == waits() { now } else { 0 };
        self.shared.fibers.saw_waiting(at_once)
    }

    /// Makes a fiber that has been claimed.
    fn create_fiber(&self) -> bool {
        let fibers = &self.shared.fibers;
        let set_aside = self.shelf().homed() == 0;
        let made = (set_aside || fibers.reserve()) && self.make_fiber(set_aside);
        if made {
            fibers.count_created();
        } else {
            fibers.unclaim();
        }
        made
    }

    /// Makes a fiber that is paid for: it is the one that is `set_aside`, or a spare one.
    fn make_fiber(&self, set_aside: bool) -> bool {
        match self.shared.config.stacks.allocate() {
            Ok(stack) => {
                self.take_in(stack, set_aside);
                true
            }
            Err(error) => {
                // Like the limit, only lower: the worker starts no new job until a fiber is free.
                if !set_aside {
                    self.give_spare();
                }
                self.stack_error.set(Some(error));
                false
            }
        }
    }

    /// Gives a spare fiber back; whoever sleeps for want of one may have it.
    fn give_spare(&self) {
        self.shared.fibers.unreserve();
        if self.shared.fibers.is_short() {
            self.shared.idle.wake_a_resumer();
        }
    }

    fn take_in(&self, stack: FiberStack, set_aside: bool) {
        // All others may have been taken away meanwhile.
        if self.shelf().add_homed() == 0 && !set_aside {
            self.give_spare();
        }
        let fiber = match self.shelf().take_husk() {
            Some(husk) => husk.fill(stack),
            None => {
                let fiber = Suspended::new(stack, FiberLocal::new());
                self.created.borrow_mut().push(fiber.as_ptr());
                fiber
            }
        };
        fiber.fiber().local.set_worker(self);
        self.shelve(fiber);
    }

    /// Whether this worker may create a fiber: its first one, which is set aside for it, or a spare
    /// one that has come back. Not if the system has refused a stack: that may last.
    fn could_create(&self) -> bool {
        !self.has_stack_error() && (self.shelf().homed() == 0 || self.shared.fibers.has_spare())
    }

    /// Whether this worker could pay for a fiber from that shelf.
    fn could_pay(&self, other: &Shelf) -> bool {
        other.homed() > 1 || self.shelf().homed() == 0 || self.shared.fibers.has_spare()
    }

    /// Takes an idle fiber's stack from another worker. `None`: there is no such fiber.
    fn take_from_others(&self) -> Option<bool> {
        if Commons::of(&self.shared).is_some() {
            return None;
        }
        let remotes = self.shared.remotes.len();
        let mut others = (1..remotes).map(|step| (self.index + step) % remotes);
        others.find_map(|other| self.take_from(other))
    }

    fn take_from(&self, index: usize) -> Option<bool> {
        let other = &self.shared.remotes[index].shelf;
        if !other.has_one() || !self.could_pay(other) {
            return None;
        }
        let fiber = other.take_cold()?;
        let set_aside = self.shelf().homed() == 0;
        if !self.pay(other, set_aside) {
            let back = other.put_back(fiber);
            // That worker may have found its shelf empty meanwhile.
            self.shared.idle.wake(index);
            if let Err(fiber) = back {
                drop(empty(other, fiber));
            }
            return None;
        }
        if other.homed() == 0 {
            // That worker may have found its shelf empty meanwhile, and now it may create its
            // first.
            self.shared.idle.wake(index);
        }
        // The stack goes back to the arena, which makes it ready for its next use.
        drop(empty(other, fiber));
        let made = self.make_fiber(set_aside);
        if !made {
            self.shared.fibers.count_lost();
            self.shared.fibers.unclaim();
        }
        Some(made)
    }

    /// Takes over one fiber of that worker, for the one that is `set_aside` here or a spare one.
    fn pay(&self, other: &Shelf, set_aside: bool) -> bool {
        let fibers = &self.shared.fibers;
        let mut spare = 0;
        loop {
            let homed = other.homed();
            if homed == 1 && !set_aside && spare == 0 {
                if !fibers.reserve() {
                    return false;
                }
                spare = 1;
            }
            if other.remove_homed(homed) {
                // The last one was set aside there, any other paid for.
                spare += usize::from(homed > 1);
                break;
            }
        }
        for _ in usize::from(!set_aside)..spare {
            self.give_spare();
        }
        true
    }
}

/// Takes the stack of an idle fiber, and leaves its header to its home.
fn empty(home: &Shelf, fiber: ReadyFiber) -> FiberStack {
    // SAFETY: what lies on a shelf has not started, or has stopped with `Request::Idle`; see
    // "Emptying".
    let (stack, husk) = unsafe { fiber.empty() };
    home.leave_husk(husk);
    stack
}
