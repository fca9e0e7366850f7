//! What lies between the handles: one of the kinds of channel, and who holds on to it.

use super::buffer::Buffer;
use super::error::{TryRecvError, TrySendError};
use super::rendezvous::Rendezvous;
use super::storage::Storage;
use crate::primitive::atomic::AtomicUsize;

#[allow(
    clippy::large_enum_variant,
    reason = "it lies in the memory of its handles: a box would be one more load for each value"
)]
pub(in crate::sync) enum Channel<T> {
    Buffer(Buffer<T>),
    Rendezvous(Rendezvous<T>),
}

/// What the handles share.
pub(super) struct Shared<T> {
    pub(super) channel: Channel<T>,
    /// Handles on each side; the last one closes the channel.
    pub(super) senders: AtomicUsize,
    pub(super) receivers: AtomicUsize,
}

impl<T> Shared<T> {
    /// For a first handle on each side.
    pub(super) fn new(channel: Channel<T>) -> Self {
        Self {
            channel,
            senders: AtomicUsize::new(1),
            receivers: AtomicUsize::new(1),
        }
    }
}

impl<T> Channel<T> {
    pub(super) fn bounded(capacity: usize) -> Self {
        Self::Buffer(Buffer::new(Storage::bounded(capacity)))
    }

    pub(super) fn unbounded() -> Self {
        Self::Buffer(Buffer::new(Storage::unbounded()))
    }

    pub(super) fn rendezvous() -> Self {
        Self::Rendezvous(Rendezvous::new())
    }

    #[inline]
    pub(super) fn try_put(&self, value: T) -> Result<(), TrySendError<T>> {
        match self {
            Self::Buffer(buffer) => buffer.try_put(value),
            Self::Rendezvous(rendezvous) => rendezvous.try_put(value),
        }
    }

    #[inline]
    pub(super) fn try_take(&self) -> Result<T, TryRecvError> {
        match self {
            Self::Buffer(buffer) => buffer.try_take(),
            Self::Rendezvous(rendezvous) => rendezvous.try_take(),
        }
    }

    /// Says whether it was open.
    pub(super) fn close(&self) -> bool {
        match self {
            Self::Buffer(buffer) => buffer.close(),
            Self::Rendezvous(rendezvous) => rendezvous.close(),
        }
    }

    /// Drops what is left in a closed channel, outside of locks.
    pub(super) fn clear(&self) {
        if let Self::Buffer(buffer) = self {
            buffer.clear();
        }
    }

    pub(super) fn is_closed(&self) -> bool {
        match self {
            Self::Buffer(buffer) => buffer.values().is_closed(),
            Self::Rendezvous(rendezvous) => rendezvous.is_closed(),
        }
    }

    pub(super) fn len(&self) -> usize {
        match self {
            Self::Buffer(buffer) => buffer.values().len(),
            Self::Rendezvous(_) => 0,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        match self {
            Self::Buffer(buffer) => buffer.values().is_empty(),
            Self::Rendezvous(_) => true,
        }
    }

    pub(super) fn is_full(&self) -> bool {
        match self {
            Self::Buffer(buffer) => buffer.values().is_full(),
            Self::Rendezvous(_) => true,
        }
    }

    pub(super) fn capacity(&self) -> Option<usize> {
        match self {
            Self::Buffer(buffer) => buffer.values().capacity(),
            Self::Rendezvous(_) => Some(0),
        }
    }
}
