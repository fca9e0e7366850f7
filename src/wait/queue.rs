//! Waiters in the order of their arrival, served one at a time.
//!
//! ```text
//!  head --next--> node --next--> node --next--> null
//!  null <--prev-- node <--prev-- node <-------- tail
//! ```
//!
//! The queue has no synchronization of its own: it lies behind the `SpinLock` of the primitive that
//! it belongs to, together with the state that its waiters wait for. Whoever takes a node out under
//! the lock *claims* it there, and delivers it after the unlock. A node whose claim fails belongs
//! to a waiter that is served otherwise or has given up; it is dropped from the queue and touched no
//! more, so that its owner, who asks for it under the same lock, finds it out.

use std::ptr::{self, NonNull};

use super::node::{Chain, Unlinked, WaitNode};

/// A first-in-first-out queue of nodes, doubly linked.
#[derive(Debug)]
pub(crate) struct WaitQueue {
    head: *mut WaitNode,
    tail: *mut WaitNode,
}

// SAFETY: the nodes are reached only by whoever holds the queue.
unsafe impl Send for WaitQueue {}

impl WaitQueue {
    pub(crate) const fn new() -> Self {
        Self {
            head: ptr::null_mut(),
            tail: ptr::null_mut(),
        }
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.head.is_null()
    }

    /// Adds a node at the end.
    ///
    /// # Safety
    /// The node is in no list, and stays valid until it is out.
    pub(crate) unsafe fn push(&mut self, node: NonNull<WaitNode>) {
        // SAFETY: the caller hands the node over; a node in the queue is valid, and the queue
        // holds it.
        unsafe {
            let new = node.as_ref();
            new.set_next(ptr::null_mut());
            new.set_prev(self.tail);
            new.set_queued(true);
            match NonNull::new(self.tail) {
                None => self.head = node.as_ptr(),
                Some(tail) => tail.as_ref().set_next(node.as_ptr()),
            }
        }
        self.tail = node.as_ptr();
    }

    /// Adds a node before all others: its waiter has waited already.
    ///
    /// # Safety
    /// As for `push`.
    pub(crate) unsafe fn push_front(&mut self, node: NonNull<WaitNode>) {
        // SAFETY: as in `push`.
        unsafe {
            let new = node.as_ref();
            new.set_next(self.head);
            new.set_prev(ptr::null_mut());
            new.set_queued(true);
            match NonNull::new(self.head) {
                None => self.tail = node.as_ptr(),
                Some(head) => head.as_ref().set_prev(node.as_ptr()),
            }
        }
        self.head = node.as_ptr();
    }

    /// The node that has waited longest; it may have been served otherwise.
    #[inline]
    pub(crate) fn front(&self) -> Option<&WaitNode> {
        // SAFETY: a node in the queue is valid.
        NonNull::new(self.head).map(|node| unsafe { node.as_ref() })
    }

    /// The nodes, oldest first; they may have been served otherwise.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &WaitNode> {
        let mut next = NonNull::new(self.head);
        std::iter::from_fn(move || {
            // SAFETY: a node in the queue is valid, and the queue is lent.
            let node = unsafe { next?.as_ref() };
            next = NonNull::new(node.next());
            Some(node)
        })
    }

    /// Takes the waiter that has waited longest of those that can still be served, and claims it;
    /// the caller delivers it after the unlock. Drops the nodes before it.
    #[inline]
    pub(crate) fn pop(&mut self) -> Option<Unlinked> {
        while !self.is_empty() {
            if let Some(first) = self.pop_front() {
                return Some(first);
            }
        }
        None
    }

    /// Takes the first node out; `None` if its claim fails, or there is none.
    #[inline]
    pub(crate) fn pop_front(&mut self) -> Option<Unlinked> {
        let node = NonNull::new(self.head)?;
        // SAFETY: a node in the queue is valid, and the caller holds the lock.
        unsafe {
            self.unlink(node);
            WaitNode::claim(node).then_some(Unlinked(node))
        }
    }

    /// Takes up to `most` nodes out, and claims them, oldest first; the caller delivers them after
    /// the unlock, and comes again if there are more: a lock is held for a bounded time.
    pub(crate) fn take(&mut self, most: usize) -> Chain {
        self.take_while(most, |_| true)
    }

    /// As `take`, but stops before the first node that is not `wanted`.
    pub(crate) fn take_while(&mut self, most: usize, wanted: impl Fn(&WaitNode) -> bool) -> Chain {
        let mut taken = Chain::EMPTY;
        for _ in 0..most {
            if !self.front().is_some_and(&wanted) {
                break;
            }
            if let Some(first) = self.pop_front() {
                taken.push(first.into_node());
            }
        }
        taken.reversed()
    }

    /// Takes `node` out, wherever it stands; says whether it was there.
    ///
    /// A node that is not there has been taken out by a waker, which has claimed it or dropped it.
    ///
    /// # Safety
    /// The node has been in this queue, or in none, and is valid.
    pub(crate) unsafe fn remove(&mut self, node: NonNull<WaitNode>) -> bool {
        // SAFETY: by contract; under the lock nobody else touches its links.
        unsafe {
            let is_here = node.as_ref().is_queued();
            if is_here {
                self.unlink(node);
            }
            is_here
        }
    }

    /// # Safety
    /// The node is in this queue.
    #[inline]
    unsafe fn unlink(&mut self, node: NonNull<WaitNode>) {
        // SAFETY: nodes in the queue are valid, and the queue holds them.
        unsafe {
            let (prev, next) = (node.as_ref().prev(), node.as_ref().next());
            match NonNull::new(prev) {
                None => self.head = next,
                Some(prev) => prev.as_ref().set_next(next),
            }
            match NonNull::new(next) {
                None => self.tail = prev,
                Some(next) => next.as_ref().set_prev(prev),
            }
            node.as_ref().set_queued(false);
        }
    }
}

impl Drop for WaitQueue {
    fn drop(&mut self) {
        debug_assert!(
            self.is_empty() || std::thread::panicking(),
            "a queue of waiters was dropped with waiters in it"
        );
    }
}

#[cfg(all(test, not(loom)))]
mod tests;
