//! A send under way.

use std::cell::Cell;
use std::ptr::NonNull;

use super::core::Channel;
use super::error::{SendError, TrySendError};
use super::rendezvous::Side;
use super::slot::Slot;
use crate::wait::{Source, WaitNode};

/// A sender with its value; no value, nothing to send.
pub(in crate::sync) struct Put<'a, T> {
    channel: &'a Channel<T>,
    slot: Slot<T>,
    /// Whether it has waited already: then it stands before all others.
    again: Cell<bool>,
}

impl<'a, T> Put<'a, T> {
    pub(super) fn new(channel: &'a Channel<T>, value: Option<T>) -> Self {
        Self {
            channel,
            slot: Slot::new(value),
            again: Cell::new(false),
        }
    }

    /// Tries without waiting. `None`: there is no room, or no value.
    pub(in crate::sync) fn attempt(&mut self) -> Option<Result<(), SendError<T>>> {
        match self.channel.try_put(self.slot.take()?) {
            Ok(()) => Some(Ok(())),
            Err(TrySendError::Closed(value)) => Some(Err(SendError::closed(value))),
            Err(TrySendError::Full(value)) => {
                self.slot.replace(Some(value));
                None
            }
        }
    }

    /// For a waiter that has been woken. `None`: another was faster, it must wait again.
    pub(in crate::sync) fn served(&mut self) -> Option<Result<(), SendError<T>>> {
        if self.slot.is_empty() {
            return Some(Ok(())); // a receiver has come and taken it
        }
        self.again.set(true);
        self.attempt()
    }

    pub(in crate::sync) fn into_value(self) -> Option<T> {
        self.slot.into_inner()
    }

    pub(in crate::sync) fn take_value(&mut self) -> Option<T> {
        self.slot.take()
    }

    pub(in crate::sync) fn has_value(&mut self) -> bool {
        !self.slot.is_empty()
    }

    pub(in crate::sync) fn set_owner(&self, owner: *const ()) {
        self.slot.set_owner(owner);
    }
}

impl<T> Source for Put<'_, T> {
    unsafe fn register(&self, node: NonNull<WaitNode>) -> bool {
        let again = self.again.get();
        // SAFETY: by contract; the node's waiter is this side, with its slot.
        unsafe {
            match self.channel {
                Channel::Buffer(buffer) => buffer.register_sender(node, again),
                Channel::Rendezvous(rendezvous) => {
                    rendezvous.register(Side::Senders, node, &self.slot, again)
                }
            }
        }
    }

    unsafe fn leave(&self, node: NonNull<WaitNode>) -> bool {
        // SAFETY: by contract.
        unsafe {
            match self.channel {
                Channel::Buffer(buffer) => buffer.leave_sender(node),
                Channel::Rendezvous(rendezvous) => rendezvous.leave(Side::Senders, node),
            }
        }
    }
}
