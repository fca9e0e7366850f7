//! What a worker carries from one job to the next.
//!
//! When a job has ended, something may be left to do that need not be done for each job, if the
//! next one is of the same kind: to lower the counter of both (`sync::counter`). That is a burden.
//! It is known by its `tally`, the address of what it is for, and is *set down*, that is done,
//! - before the worker starts a job with another tally, or with none;
//! - when a fiber stops because it waits or has no job, on the worker's stack (with the feature
//!   `migration` also when it yields, since it may then end elsewhere);
//! - before the worker looks for jobs in vain, searches or sleeps.
//!
//! So as long as a worker has a burden, a job with the same tally has started there and not ended,
//! or the worker is between two jobs of one runner, and runs no code of its user's.

use std::cell::Cell;
use std::ptr::{self, NonNull};

use super::hooks::Hooks;
use super::task::JobRef;
use super::worker::Worker;

/// Something put off. Spent once, never copied, never dropped.
#[must_use = "a burden must be set down"]
pub(crate) struct Burden {
    what: NonNull<()>,
    tally: NonNull<()>,
    set_down: unsafe fn(NonNull<()>, &dyn Hooks),
}

impl Burden {
    /// # Safety
    /// `set_down` may be called once, with `what`, on this thread. It never unwinds.
    pub(crate) unsafe fn new(
        what: NonNull<()>,
        tally: NonNull<()>,
        set_down: unsafe fn(NonNull<()>, &dyn Hooks),
    ) -> Self {
        Self {
            what,
            tally,
            set_down,
        }
    }
}

/// The burden of one worker, taken apart.
pub(super) struct Back {
    /// Null, or the tally of the burden; then the others are its, too.
    tally: Cell<*const ()>,
    what: Cell<*mut ()>,
    set_down: Cell<unsafe fn(NonNull<()>, &dyn Hooks)>,
}

impl Back {
    pub(super) fn new() -> Self {
        Self {
            tally: Cell::new(ptr::null()),
            what: Cell::new(ptr::null_mut()),
            set_down: Cell::new(|_, _| ()),
        }
    }
}

impl Worker {
    /// The burden, if it has this tally.
    #[inline]
    pub(crate) fn burden_of(&self, tally: NonNull<()>) -> Option<NonNull<()>> {
        if ptr::eq(self.back.tally.get(), tally.as_ptr()) {
            NonNull::new(self.back.what.get())
        } else {
            None
        }
    }

    /// A job has ended, and left this.
    pub(crate) fn take_up(&self, burden: Burden) {
        self.set_burden_down();
        let back = &self.back;
        back.tally.set(burden.tally.as_ptr());
        back.what.set(burden.what.as_ptr());
        back.set_down.set(burden.set_down);
    }

    /// Sets the burden down, if there is one; says whether there was.
    #[inline(always)]
    pub(crate) fn set_burden_down(&self) -> bool {
        let has_one = !self.back.tally.get().is_null();
        if has_one {
            self.set_down();
        }
        has_one
    }

    #[cold]
    #[inline(never)]
    fn set_down(&self) {
        let back = &self.back;
        back.tally.set(ptr::null());
        if let Some(what) = NonNull::new(back.what.replace(ptr::null_mut())) {
            let hooks = &*self.shared.config.hooks;
            // SAFETY: as `Burden::new` says: this is the one call, on the thread that has made it.
            unsafe { back.set_down.get()(what, hooks) };
        }
    }

    /// This job starts now.
    #[inline(always)]
    pub(super) fn unburden_for(&self, job: &JobRef) {
        let tally = self.back.tally.get();
        if !tally.is_null() && !ptr::eq(job.tally(), tally) {
            self.set_down();
        }
    }
}
