//! A waiter's place for one value.

use std::cell::Cell;
use std::ptr;

use crate::primitive::UnsafeCell;
use crate::wait::WaitNode;

/// A place for one value, in the frame of whoever sends or receives. While the waiter stands in a
/// queue of a rendezvous, whoever has the lock may reach it (the node's note is its address); before
/// and after that it is the waiter's.
pub(super) struct Slot<T> {
    value: UnsafeCell<Option<T>>,
    /// The same for all arms of one select; null outside of selects. Written before the waiter is
    /// registered.
    owner: Cell<*const ()>,
}

impl<T> Slot<T> {
    pub(super) fn new(value: Option<T>) -> Self {
        Self {
            value: UnsafeCell::new(value),
            owner: Cell::new(ptr::null()),
        }
    }

    pub(super) fn set_owner(&self, owner: *const ()) {
        self.owner.set(owner);
    }

    pub(super) fn into_inner(self) -> Option<T> {
        self.value.into_inner()
    }

    pub(super) fn take(&mut self) -> Option<T> {
        self.replace(None)
    }

    pub(super) fn replace(&mut self, value: Option<T>) -> Option<T> {
        // SAFETY: the slot is borrowed exclusively.
        unsafe { self.exchange(value) }
    }

    pub(super) fn is_empty(&mut self) -> bool {
        // SAFETY: the slot is borrowed exclusively.
        self.value.with(|slot| unsafe { (*slot).is_none() })
    }

    /// # Safety
    /// The slot is the caller's, or its waiter stands in a queue that the caller has locked.
    unsafe fn exchange(&self, value: Option<T>) -> Option<T> {
        // SAFETY: by contract nobody else reaches it.
        self.value
            .with_mut(|slot| unsafe { std::mem::replace(&mut *slot, value) })
    }

    /// # Safety
    /// `note` is that of a waiter that was just taken from a queue which the caller still has
    /// locked, and that was registered with a slot of `T`.
    pub(super) unsafe fn exchange_noted(note: *mut (), value: Option<T>) -> Option<T> {
        // SAFETY: by contract; an undelivered waiter's slot is valid.
        unsafe { (*note.cast::<Slot<T>>()).exchange(value) }
    }

    /// Whether the two waiters are arms of one select.
    ///
    /// # Safety
    /// `note` is that of a waiter in a queue that the caller has locked, and that was registered
    /// with a slot of `T`.
    pub(super) unsafe fn has_same_owner(&self, note: *mut ()) -> bool {
        let owner = self.owner.get();
        // SAFETY: by contract; the owner does not change while the waiter stands in a queue.
        !owner.is_null() && unsafe { (*note.cast::<Slot<T>>()).owner.get() } == owner
    }

    /// Lets those who take `node` out of a queue find this slot.
    ///
    /// # Safety
    /// The node is not registered yet, and is the waiter's whose slot this is.
    pub(super) unsafe fn note_in(&self, node: &WaitNode) {
        // SAFETY: by contract.
        unsafe { node.set_note(ptr::from_ref(self).cast_mut().cast()) };
    }
}
