//! Continuations: jobs that start when a counter reaches zero.

use std::cell::Cell;
use std::ptr::NonNull;
use std::sync::Arc;

use crate::sched::{Context, JobRef, Shared};
use crate::sync::{Continuation, Counter};
use crate::wait::{WaitNode, Wake};

/// A job that stands in a counter's list. `repr(C)`: a pointer to the node is a pointer to this.
///
/// It has two owners: the list, whose share is spent on the delivery, and whoever registers it,
/// until that is done.
#[repr(C)]
struct Postponed {
    node: WaitNode,
    /// Taken by whoever delivers the node.
    job: Cell<Option<JobRef>>,
    shared: Arc<Shared>,
}

// SAFETY: `job` is reached once, by whoever delivers the node; the registration before that
// published it.
unsafe impl Send for Postponed {}
// SAFETY: as above.
unsafe impl Sync for Postponed {}

impl Context<'_> {
    /// Starts `job` when `counter` is zero.
    pub(super) fn postpone(&self, counter: &Counter, job: JobRef) {
        let shared = Arc::clone(self.worker().shared());
        shared.postpone();
        let postponed = Arc::new(Postponed {
            node: WaitNode::new(deliver),
            job: Cell::new(Some(job)),
            shared,
        });
        let share = Arc::into_raw(Arc::clone(&postponed)).cast_mut();
        let node = NonNull::new(share).expect("an `Arc` is not null").cast();
        // SAFETY: the list's share keeps the node valid until it is delivered, and this frame's
        // until `register` has returned.
        match unsafe { counter.register(node) } {
            Continuation::Registered => {}
            // SAFETY: the node is in no list, so the list's share is this frame's.
            Continuation::Due => unsafe { deliver(node, Wake::Signalled) },
        }
    }
}

/// # Safety
/// As `WaitNode::new` says: called once, by whoever has unlinked the node of a `Postponed`.
unsafe fn deliver(node: NonNull<WaitNode>, wake: Wake) {
    // SAFETY: the list's share, which `postpone` has made, is spent here.
    let postponed = unsafe { Arc::from_raw(node.cast::<Postponed>().as_ptr()) };
    let Some(job) = postponed.job.take() else {
        return;
    };
    let shared = &postponed.shared;
    if wake == Wake::Abandoned {
        let reason =
            "its counter was dropped before it reached zero, so this continuation never starts";
        job.abandon(reason, &shared.config().hooks);
        shared.release(None);
    } else {
        shared.release(Some(job));
    }
}
