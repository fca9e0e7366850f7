//! A channel that holds values: a lock-free queue, and beside it those who wait.
//!
//! Values are only in the storage: nobody hands them over. Whoever waits is woken to **try again**,
//! and waits on, at the front, when another was faster. The two sides are mirror images: receivers
//! wait for a value that senders push, senders wait for room that receivers make. Here are a sender
//! and a waiting receiver:
//!
//! ```text
//!  sender                                  receiver, under the lock of its side
//!  S1  pushes the value                    R1  puts its node into the queue, sets `waiting`
//!  S2  looks at `waiting`: if set,         R2  looks at the storage: if there is a value (or it is
//!      takes one node out of the queue         closed), takes the node out again, claims it, and
//!      under the lock, claims it,              goes to try; else it waits
//!      wakes its waiter
//! ```
//!
//! *No wake-up is lost.* The claim: when a value lies in the storage and a receiver waits, somebody
//! is on the way: a sender between S1 and S2, or a receiver that has been woken (or has found a value
//! in R2) and has not tried yet. All four steps are `SeqCst`, those of the storage as `storage` says,
//! so either S2 sees R1, or R2 sees S1.
//!
//! - If R2 sees S1's value, this receiver does not wait. If R2 finds the storage empty again, the
//!   value has been taken.
//! - If S2 sees `waiting`, the sender takes *a* node: that one, or an older one. Each push wakes one
//!   as long as there are any, so as many have been woken as there were values. `waiting` is
//!   written under the lock, and is unset only when the queue is empty: if S2 finds it unset after
//!   an R1, that node is out already, woken by another push or gone.
//! - **A woken receiver finds nothing**: another has taken its value, and with it the reason for the
//!   wake-up. It goes to the front and passes R1 and R2 anew: a value that has come meanwhile is
//!   found.
//! - **A woken receiver is late.** It is claimed, so its deadline has lost: it tries once more before
//!   it waits again, and gives up only out of the queue, unclaimed. So none that has been woken ends
//!   without a try, and a value that is there is taken by it. A node whose waiter has given up, or
//!   is served through another arm of a select, can't be claimed: it is dropped, and the next is
//!   woken instead of it (`WaitQueue::pop`).
//! - **Close.** The storage is closed, then both sides are emptied under their locks. A node that
//!   is put into a queue before is woken; one that comes after finds the storage closed in R2,
//!   because it takes the lock later.
//! - **An unbounded channel** is never full: nobody waits to send.
//!
//! *Nothing is sent into a closed channel.* The close is a bit of the storage's own tail: a push comes
//! before it and is received or dropped, or after it and fails. A receiver is told `Closed` only when
//! nothing is left before the bit.
//!
//! **Who may touch what.** The nodes of a side are reached under its lock, as `WaitQueue` says. No
//! value is created, moved or dropped under a lock.
//!
//! **Why no lock around a ring.** On two threads that lock costs ten times as much as the queue's two
//! compare-exchanges, because every operation of either side needs it: 250 to 320 ns a message
//! against 20 to 35, and 17 against 20 on one thread.

use std::ptr::NonNull;

use crossbeam_utils::CachePadded;

use super::error::{TryRecvError, TrySendError};
use super::storage::{self, Storage};
use crate::primitive::atomic::{AtomicBool, Ordering};
use crate::wait::{Chain, SpinLock, WaitNode, WaitQueue, Wake};

/// Waiters that are woken under one lock.
pub(super) const BATCH: usize = 32;

pub(super) struct Buffer<T> {
    values: Storage<T>,
    /// Each side is looked at by the other after each value: not on the line of what is written then.
    senders: CachePadded<Side>,
    receivers: CachePadded<Side>,
}

impl<T> Buffer<T> {
    pub(super) fn new(values: Storage<T>) -> Self {
        Self {
            values,
            senders: CachePadded::new(Side::new()),
            receivers: CachePadded::new(Side::new()),
        }
    }

    pub(super) fn values(&self) -> &Storage<T> {
        &self.values
    }

    #[inline]
    pub(super) fn try_put(&self, value: T) -> Result<(), TrySendError<T>> {
        self.values.push(value)?;
        self.receivers.wake_one();
        Ok(())
    }

    #[inline]
    pub(super) fn try_take(&self) -> Result<T, TryRecvError> {
        let value = self.values.pop()?;
        if self.values.capacity().is_some() {
            self.senders.wake_one();
        }
        Ok(value)
    }

    /// Says whether it was open.
    pub(super) fn close(&self) -> bool {
        let was_open = self.values.close();
        self.senders.wake_all();
        self.receivers.wake_all();
        was_open
    }

    /// Drops what is left in a closed channel.
    pub(super) fn clear(&self) {
        while let Ok(value) = self.values.pop() {
            drop(value);
        }
    }

    /// # Safety
    /// As for `Source::register`.
    pub(super) unsafe fn register_sender(&self, node: NonNull<WaitNode>, again: bool) -> bool {
        let may_try = || !self.values.is_full() || self.values.is_closed();
        // SAFETY: by contract.
        unsafe { self.senders.register(node, again, may_try) }
    }

    /// # Safety
    /// As for `Source::register`.
    pub(super) unsafe fn register_receiver(&self, node: NonNull<WaitNode>, again: bool) -> bool {
        let may_try = || !self.values.is_empty() || self.values.is_closed();
        // SAFETY: by contract.
        unsafe { self.receivers.register(node, again, may_try) }
    }

    /// # Safety
    /// As for `Source::leave`.
    pub(super) unsafe fn leave_sender(&self, node: NonNull<WaitNode>) -> bool {
        // SAFETY: by contract.
        unsafe { self.senders.leave(node) }
    }

    /// # Safety
    /// As for `Source::leave`.
    pub(super) unsafe fn leave_receiver(&self, node: NonNull<WaitNode>) -> bool {
        // SAFETY: by contract.
        unsafe { self.receivers.leave(node) }
    }
}

/// Those who wait on one side.
struct Side {
    /// Whether there is a node in the queue. Written under the lock.
    waiting: AtomicBool,
    queue: SpinLock<WaitQueue>,
}

impl Side {
    fn new() -> Self {
        Self {
            waiting: AtomicBool::new(false),
            queue: SpinLock::new(WaitQueue::new()),
        }
    }

    /// Calls `f` with the queue, and keeps `waiting` true to it.
    fn with<R>(&self, f: impl FnOnce(&mut WaitQueue) -> R) -> R {
        self.queue.with(|queue| {
            let result = f(queue);
            // Relaxed: the lock orders the stores. What is set here was set before, by R1.
            self.waiting.store(!queue.is_empty(), Ordering::Relaxed);
            result
        })
    }

    /// S2: the caller has changed the storage.
    #[inline]
    fn wake_one(&self) {
        storage::in_one_order();
        // SeqCst: with the change of the storage before, and the store and the look in `register`.
        if self.waiting.load(Ordering::SeqCst) {
            self.wake_first();
        }
    }

    #[inline(never)]
    fn wake_first(&self) {
        let first = self.with(WaitQueue::pop);
        Chain::of(first).deliver(Wake::Signalled);
    }

    fn wake_all(&self) {
        loop {
            let (woken, done) = self.with(|queue| (queue.take(BATCH), queue.is_empty()));
            woken.deliver(Wake::Signalled);
            if done {
                return;
            }
        }
    }

    /// R1 and R2.
    ///
    /// # Safety
    /// As for `Source::register`.
    unsafe fn register(
        &self,
        node: NonNull<WaitNode>,
        again: bool,
        may_try: impl FnOnce() -> bool,
    ) -> bool {
        self.with(|queue| {
            // SAFETY: by contract; and under the lock nobody else takes the node out.
            unsafe {
                if again {
                    queue.push_front(node);
                } else {
                    queue.push(node);
                }
                // SeqCst: with the look at the storage below, and the change of the storage and the
                // load in `wake_one`.
                self.waiting.store(true, Ordering::SeqCst);
                storage::in_one_order();
                if !may_try() {
                    return true;
                }
                queue.remove(node);
                // If it fails, the waiter is served otherwise, and takes nothing here.
                let _ = WaitNode::claim(node);
                false
            }
        })
    }

    /// # Safety
    /// As for `Source::leave`.
    unsafe fn leave(&self, node: NonNull<WaitNode>) -> bool {
        // SAFETY: by contract.
        self.with(|queue| unsafe { queue.remove(node) })
    }
}
