//! The sending handle.

use std::fmt;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::sync::Arc;

use super::core::Shared;
use super::error::{SendError, TrySendError};
use super::put::Put;
use crate::primitive::atomic::Ordering;
use crate::sync::wait_for;
use crate::wait::{Site, Waiter};

/// The sending side of a channel; clones send into the same one. From [`bounded`](super::bounded),
/// [`unbounded`](super::unbounded) and [`rendezvous`](super::rendezvous).
///
/// ```
/// let (sender, receiver) = rustfiber::channel::bounded(1);
/// assert_eq!(sender.try_send("a"), Ok(()));
/// assert!(sender.try_send("b").unwrap_err().is_full());
/// drop(sender);
/// assert_eq!(receiver.try_recv(), Ok("a"));
/// ```
pub struct Sender<T>(Arc<Shared<T>>);

impl<T> Sender<T> {
    /// The first handle, which `shared` has counted.
    pub(super) fn first(shared: Arc<Shared<T>>) -> Self {
        Self(shared)
    }
}

impl<T: Send> Sender<T> {
    /// Sends a value; waits while the channel is full, or until a receiver takes it if it is a
    /// rendezvous.
    ///
    /// ```
    /// use std::time::Duration;
    /// use rustfiber::{Blocking, channel};
    ///
    /// let (sender, receiver) = channel::bounded(1);
    /// assert!(sender.send(Blocking, 1).is_ok());
    ///
    /// let error = sender.send(Blocking.within(Duration::ZERO), 2).unwrap_err();
    /// assert!(error.interrupted().unwrap().is_late());
    /// assert_eq!(error.into_inner(), 2);
    ///
    /// drop(receiver);
    /// let error = sender.send(Blocking, 3).unwrap_err();
    /// assert!(error.is_closed());
    /// assert_eq!(error.into_inner(), 3);
    /// ```
    ///
    /// # Errors
    /// Gives the value back if the channel is closed, and also if the wait ended early: for a waiter
    /// with a deadline or a token.
    ///
    /// # Panics
    /// With [`Blocking`](crate::Blocking) inside a job; the value is dropped then.
    ///
    /// # Deadlocks
    /// Into a full channel whose only receiver is the job or thread that sends.
    #[inline]
    #[track_caller]
    pub fn send<W: Waiter>(&self, who: W, value: T) -> Result<(), SendError<T>> {
        if let Err(why) = who.check() {
            return Err(SendError::early(value, why));
        }
        match self.0.channel.try_put(value) {
            Ok(()) => Ok(()),
            Err(TrySendError::Closed(value)) => Err(SendError::closed(value)),
            Err(TrySendError::Full(value)) => {
                let site = Site::here(&"room in a channel");
                let mut put = Put::new(&self.0.channel, Some(value));
                loop {
                    let served = wait_for(who, &put, site).map(|()| put.served());
                    match served {
                        Ok(Some(sent)) => return sent,
                        Ok(None) => {}
                        Err(why) => return give_back(put, |value| SendError::early(value, why)),
                    }
                }
            }
        }
    }

    /// Sends a value if there is room for it, or, in a rendezvous, somebody who waits for it.
    ///
    /// ```
    /// let (sender, _receiver) = rustfiber::channel::bounded(1);
    /// assert!(sender.try_send(1).is_ok());
    /// assert!(sender.try_send(2).unwrap_err().is_full());
    /// ```
    ///
    /// # Errors
    /// Gives the value back if the channel is full or closed.
    #[inline]
    pub fn try_send(&self, value: T) -> Result<(), TrySendError<T>> {
        self.0.channel.try_put(value)
    }

    /// A send as an arm of a [`select`](crate::select): of the value in `value`, which is left there
    /// unless this arm is chosen.
    ///
    /// If there is no value, the arm is never chosen.
    ///
    /// ```
    /// use rustfiber::{Blocking, Selected, channel, select};
    ///
    /// let (full, _f) = channel::bounded(1);
    /// full.try_send("x").unwrap();
    /// let (empty, receiver) = channel::bounded(1);
    /// let (mut a, mut b) = (Some("a"), Some("b"));
    /// let selected = select(Blocking, (full.sending(&mut a), empty.sending(&mut b)));
    /// assert_eq!(selected, Selected::B(Ok(())));
    /// assert_eq!((a, b), (Some("a"), None));
    /// assert_eq!(receiver.try_recv(), Ok("b"));
    /// ```
    pub fn sending<'a>(&'a self, value: &'a mut Option<T>) -> Sending<'a, T> {
        Sending {
            sender: self,
            value,
        }
    }

    pub(in crate::sync) fn put(&self, value: Option<T>) -> Put<'_, T> {
        Put::new(&self.0.channel, value)
    }
}

/// What is to become of a send that has waited in vain: its value, unless a receiver took it.
fn give_back<T>(
    put: Put<'_, T>,
    error: impl FnOnce(T) -> SendError<T>,
) -> Result<(), SendError<T>> {
    put.into_value().map_or(Ok(()), |value| Err(error(value)))
}

/// A send as an arm of a [`select`](crate::select). From [`Sender::sending`].
#[must_use = "a send does nothing by itself: pass it to `select`"]
pub struct Sending<'a, T> {
    pub(in crate::sync) sender: &'a Sender<T>,
    pub(in crate::sync) value: &'a mut Option<T>,
}

impl<T> fmt::Debug for Sending<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sending")
            .field("sender", self.sender)
            .field("has_value", &self.value.is_some())
            .finish()
    }
}

super::handle::handle!(Sender, senders, |_| ());
