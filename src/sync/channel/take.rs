//! A receive under way.

use std::cell::Cell;
use std::fmt;
use std::ptr::NonNull;

use super::core::Channel;
use super::error::{RecvError, TryRecvError};
use super::rendezvous::Side;
use super::slot::Slot;
use crate::wait::{Source, WaitNode};

/// A receiver with a place for its value.
pub struct Take<'a, T> {
    channel: &'a Channel<T>,
    slot: Slot<T>,
    /// Whether it has waited already: then it stands before all others.
    again: Cell<bool>,
}

impl<'a, T> Take<'a, T> {
    pub(super) fn new(channel: &'a Channel<T>) -> Self {
        Self {
            channel,
            slot: Slot::new(None),
            again: Cell::new(false),
        }
    }

    /// Tries without waiting. `None`: there is no value.
    pub(in crate::sync) fn attempt(&mut self) -> Option<Result<T, RecvError>> {
        match self.channel.try_take() {
            Ok(value) => Some(Ok(value)),
            Err(TryRecvError::Closed) => Some(Err(RecvError)),
            Err(TryRecvError::Empty) => None,
        }
    }

    /// For a waiter that has been woken. `None`: another was faster, it must wait again.
    pub(in crate::sync) fn served(&mut self) -> Option<Result<T, RecvError>> {
        if let Some(value) = self.slot.take() {
            return Some(Ok(value)); // a sender has come and put it there
        }
        self.again.set(true);
        self.attempt()
    }

    pub(in crate::sync) fn set_owner(&self, owner: *const ()) {
        self.slot.set_owner(owner);
    }
}

impl<T> Source for Take<'_, T> {
    unsafe fn register(&self, node: NonNull<WaitNode>) -> bool {
        let again = self.again.get();
        // SAFETY: by contract; the node's waiter is this side, with its slot.
        unsafe {
            match self.channel {
                Channel::Buffer(buffer) => buffer.register_receiver(node, again),
                Channel::Rendezvous(rendezvous) => {
                    rendezvous.register(Side::Receivers, node, &self.slot, again)
                }
            }
        }
    }

    unsafe fn leave(&self, node: NonNull<WaitNode>) -> bool {
        // SAFETY: by contract.
        unsafe {
            match self.channel {
                Channel::Buffer(buffer) => buffer.leave_receiver(node),
                Channel::Rendezvous(rendezvous) => rendezvous.leave(Side::Receivers, node),
            }
        }
    }
}

impl<T> fmt::Debug for Take<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Take").finish_non_exhaustive()
    }
}
