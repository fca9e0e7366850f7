//! What can go wrong with a channel; the value comes back where there is one.

use std::error::Error;
use std::fmt;

use crate::wait::Interrupted;

/// A value that could not be sent: the channel is closed, or the wait ended early.
///
/// ```
/// use std::time::Duration;
/// use rustfiber::{Blocking, channel};
///
/// let (sender, receiver) = channel::rendezvous();
/// let late = sender.send(Blocking.within(Duration::ZERO), 6).unwrap_err();
/// assert!(late.is_interrupted() && !late.is_closed());
/// assert_eq!(late.into_inner(), 6);
///
/// drop(receiver);
/// let closed = sender.send(Blocking, 7).unwrap_err();
/// assert!(closed.is_closed() && !closed.is_interrupted());
/// assert_eq!(closed.into_inner(), 7);
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct SendError<T> {
    value: T,
    /// `None`: it is closed.
    interrupted: Option<Interrupted>,
}

impl<T> SendError<T> {
    pub(super) fn closed(value: T) -> Self {
        Self {
            value,
            interrupted: None,
        }
    }

    pub(super) fn early(value: T, why: Interrupted) -> Self {
        Self {
            value,
            interrupted: Some(why),
        }
    }

    /// The value.
    pub fn into_inner(self) -> T {
        self.value
    }

    /// Whether the channel is closed.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.interrupted.is_none()
    }

    /// Whether the wait ended early.
    #[must_use]
    pub fn is_interrupted(&self) -> bool {
        self.interrupted.is_some()
    }

    /// Why the wait ended early, if it did.
    #[must_use]
    pub fn interrupted(&self) -> Option<Interrupted> {
        self.interrupted
    }
}

impl<T> fmt::Debug for SendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.interrupted {
            None => f.write_str("SendError(closed)"),
            Some(why) => write!(f, "SendError({why:?})"),
        }
    }
}

impl<T> fmt::Display for SendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.interrupted {
            None => f.write_str("sending into a closed channel"),
            Some(why) => write!(f, "sending into a channel: {why}"),
        }
    }
}

impl<T> Error for SendError<T> {}

/// A value that could not be sent at once.
///
/// ```
/// use rustfiber::channel::{TrySendError, bounded};
///
/// let (sender, receiver) = bounded(1);
/// drop(receiver);
/// assert_eq!(sender.try_send('a'), Err(TrySendError::Closed('a')));
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum TrySendError<T> {
    /// The channel is full; or nobody waits to receive, in a rendezvous.
    Full(T),
    /// The channel is closed.
    Closed(T),
}

impl<T> TrySendError<T> {
    /// The value.
    pub fn into_inner(self) -> T {
        match self {
            Self::Full(value) | Self::Closed(value) => value,
        }
    }

    /// Whether the channel was full.
    #[must_use]
    pub fn is_full(&self) -> bool {
        matches!(self, Self::Full(_))
    }

    /// Whether the channel is closed.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        matches!(self, Self::Closed(_))
    }
}

impl<T> fmt::Debug for TrySendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_full() {
            "Full(..)"
        } else {
            "Closed(..)"
        })
    }
}

impl<T> fmt::Display for TrySendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full(_) => "sending into a full channel",
            Self::Closed(_) => "sending into a closed channel",
        })
    }
}

impl<T> Error for TrySendError<T> {}

/// The channel is empty, and closed.
///
/// ```
/// use rustfiber::channel::{RecvError, bounded};
///
/// let (sender, receiver) = bounded::<u8>(1);
/// drop(sender);
/// assert_eq!(receiver.recv(rustfiber::Blocking), Err(RecvError));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RecvError;

impl fmt::Display for RecvError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("receiving from an empty and closed channel")
    }
}

impl Error for RecvError {}

/// There was no value at once.
///
/// ```
/// use rustfiber::channel::{TryRecvError, bounded};
///
/// let (_sender, receiver) = bounded::<u8>(1);
/// assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TryRecvError {
    /// The channel is empty.
    Empty,
    /// The channel is empty, and closed.
    Closed,
}

impl fmt::Display for TryRecvError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "receiving from an empty channel",
            Self::Closed => "receiving from an empty and closed channel",
        })
    }
}

impl Error for TryRecvError {}
