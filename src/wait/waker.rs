//! A task of an executor as a waiter: its waker is called.
//!
//! A task may be dropped while its node stands in a list, or is in the hands of somebody who is
//! about to deliver it. So the node lies in memory of two owners: the list, whose share is spent on
//! the delivery, and the `Enlisted` that the task's future holds.
//!
//! The waker lies behind a spin lock. Whoever takes it out, or puts another one in, calls, clones
//! and drops it when it has let go of the lock: it is foreign code, and may do anything. It
//! may also panic: where nodes are delivered nobody could take that, so it is reported, and ends there.
//!
//! A task is woken if what it waits for happens, and may be woken for nothing.

use std::ptr::NonNull;
use std::sync::Arc;
use std::task::{Poll, Waker};

use super::node::{Source, WaitNode, Wake};
use super::spin::SpinLock;
use crate::unwind;

/// A task's node. `repr(C)`: a pointer to the node is a pointer to this.
#[repr(C)]
struct TaskWaiter {
    node: WaitNode,
    slot: SpinLock<Slot>,
}

// SAFETY: the node is the list's, whose protocol is for any thread; the slot is behind a lock.
unsafe impl Send for TaskWaiter {}
// SAFETY: as above.
unsafe impl Sync for TaskWaiter {}

struct Slot {
    /// Whom the delivery wakes.
    waker: Option<Waker>,
    is_delivered: bool,
}

/// A task that waits for a broadcast. It must leave before it is dropped, unless the source delivers
/// everybody in the end.
pub(crate) struct Enlisted(Arc<TaskWaiter>);

impl Enlisted {
    /// Registers with `source`; `waker` is called when that delivers. `None`: there is nothing to
    /// wait for.
    pub(crate) fn new(source: &dyn Source, waker: &Waker) -> Option<Self> {
        let waiter = Arc::new(TaskWaiter {
            node: WaitNode::new(deliver),
            slot: SpinLock::new(Slot {
                waker: Some(waker.clone()),
                is_delivered: false,
            }),
        });
        let node = share(&waiter);
        // SAFETY: the list's share keeps the node valid until it is delivered. The future, which the
        // caller has exclusively, does not go on before this returns.
        if unsafe { source.register(node) } {
            return Some(Self(waiter));
        }
        // SAFETY: the node is in no list, so the list's share is this frame's.
        drop(unsafe { unshare(node) });
        None
    }

    /// Whether it has been delivered. If not, the delivery will wake `waker`, and no other.
    pub(crate) fn poll(&self, waker: &Waker) -> Poll<()> {
        let wakes_it = |slot: &Slot| slot.waker.as_ref().is_some_and(|own| own.will_wake(waker));
        let (is_delivered, is_known) = self.0.slot.with(|slot| (slot.is_delivered, wakes_it(slot)));
        if is_delivered {
            return Poll::Ready(());
        }
        if is_known {
            return Poll::Pending;
        }
        let mut other = Some(waker.clone());
        let is_delivered = self.0.slot.with(|slot| {
            if !slot.is_delivered {
                std::mem::swap(&mut slot.waker, &mut other);
            }
            slot.is_delivered
        });
        drop(other);
        match is_delivered {
            true => Poll::Ready(()),
            false => Poll::Pending,
        }
    }

    /// Waits no more. The node is out of the source's list, or in the hands of somebody who is about to
    /// deliver it, which then wakes nobody.
    pub(crate) fn leave(self, source: &dyn Source) {
        // Dropped at the end: a panic of its destructor finds the node out.
        let _waker;
        let is_delivered;
        (is_delivered, _waker) = self
            .0
            .slot
            .with(|slot| (slot.is_delivered, slot.waker.take()));
        if is_delivered {
            return;
        }
        let node = NonNull::from(&*self.0).cast();
        // SAFETY: it was registered there, waits no more, and is valid by the share of `self`.
        if unsafe { source.leave(node) } {
            // SAFETY: nobody delivers it any more, so the list's share is this frame's.
            drop(unsafe { unshare(node) });
        }
    }
}

/// A share for the list.
fn share(waiter: &Arc<TaskWaiter>) -> NonNull<WaitNode> {
    let share = Arc::into_raw(Arc::clone(waiter)).cast_mut();
    NonNull::new(share).expect("an `Arc` is not null").cast()
}

/// # Safety
/// `node` comes from `share`, and the caller spends that share.
unsafe fn unshare(node: NonNull<WaitNode>) -> Arc<TaskWaiter> {
    // SAFETY: by contract; the node is the first field.
    unsafe { Arc::from_raw(node.cast::<TaskWaiter>().as_ptr()) }
}

/// # Safety
/// As `WaitNode::new` says: called once, by whoever has unlinked the node of a `TaskWaiter`.
unsafe fn deliver(node: NonNull<WaitNode>, _: Wake) {
    // SAFETY: the delivery spends the list's share.
    let waiter = unsafe { unshare(node) };
    let waker = waiter.slot.with(|slot| {
        slot.is_delivered = true;
        slot.waker.take()
    });
    drop(waiter);
    if let Some(waker) = waker {
        wake(waker);
    }
}

fn wake(waker: Waker) {
    if let Err(payload) = unwind::catch(|| waker.wake()) {
        unwind::complain(format_args!(
            "the waker of a task that waited panicked: {}",
            unwind::message(&payload)
        ));
        unwind::discard(payload);
    }
}

#[cfg(test)]
mod tests;
