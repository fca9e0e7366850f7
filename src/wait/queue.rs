//! Waiters in the order of their arrival, woken one at a time.
//!
//! The queue has no synchronization of its own: it lies behind the `SpinLock` of the primitive that
//! it belongs to, together with the state that its waiters wait for. Whoever takes a node out under
//! the lock delivers it after the unlock.

use std::ptr::{self, NonNull};

use super::node::{Chain, Unlinked, WaitNode};

/// A first-in-first-out queue of nodes, singly linked.
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

    pub(crate) fn is_empty(&self) -> bool {
        self.head.is_null()
    }

    /// Adds a node at the end.
    ///
    /// # Safety
    /// The node is in no list, and stays valid until it is delivered.
    pub(crate) unsafe fn push(&mut self, node: NonNull<WaitNode>) {
        // SAFETY: the caller hands the node over.
        unsafe { node.as_ref() }.set_next(ptr::null_mut());
        match NonNull::new(self.tail) {
            None => self.head = node.as_ptr(),
            // SAFETY: a node in the queue is valid, and the queue holds it.
            Some(tail) => unsafe { tail.as_ref() }.set_next(node.as_ptr()),
        }
        self.tail = node.as_ptr();
    }

    /// Takes the node that has waited longest; the caller delivers it.
    pub(crate) fn pop(&mut self) -> Option<Unlinked> {
        let node = NonNull::new(self.head)?;
        // SAFETY: as above.
        self.head = unsafe { node.as_ref() }.next();
        if self.head.is_null() {
            self.tail = ptr::null_mut();
        }
        Some(Unlinked(node))
    }

    /// Takes all nodes; the caller delivers them.
    pub(crate) fn take_all(&mut self) -> Chain {
        let head = std::mem::replace(&mut self.head, ptr::null_mut());
        self.tail = ptr::null_mut();
        // SAFETY: the nodes are in the queue no more.
        unsafe { Chain::from_raw(head) }
    }

    /// Takes `node` out, wherever it stands; says whether it was there.
    ///
    /// A node that is not there has been taken by a waker, who delivers it.
    #[cfg_attr(
        not(test),
        expect(
            dead_code,
            reason = "waits that end early are a later step; removal is part of the queue from the start"
        )
    )]
    pub(crate) fn remove(&mut self, node: NonNull<WaitNode>) -> bool {
        let mut rest = self.take_all();
        let mut found = false;
        while let Some(other) = rest.pop() {
            if other == node {
                found = true;
            } else {
                // SAFETY: the node was in this queue a moment ago.
                unsafe { self.push(other) };
            }
        }
        found
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
