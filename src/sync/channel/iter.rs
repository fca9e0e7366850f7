//! Receiving in a loop.

use std::fmt;

use super::receiver::Receiver;
use crate::wait::{Interrupted, Waiter};

/// Receives until the channel is empty and closed, or the waiter is interrupted. From
/// [`Receiver::iter`].
///
/// ```
/// use rustfiber::{JobSystem, channel};
///
/// let jobs = JobSystem::new()?;
/// let (sender, receiver) = channel::bounded(2);
/// let words = jobs.run(|cx| {
///     cx.spawn(move |cx| {
///         for word in ["to", "be", "received"] {
///             sender.send(cx, word).unwrap();
///         }
///     });
///     receiver.iter(cx).collect::<Vec<_>>().join(" ")
/// });
/// assert_eq!(words, "to be received");
/// # Ok::<(), rustfiber::BuildError>(())
/// ```
#[must_use = "an iterator receives nothing by itself"]
pub struct Iter<'a, T, W> {
    receiver: &'a Receiver<T>,
    who: W,
    interrupted: Option<Interrupted>,
}

impl<'a, T, W> Iter<'a, T, W> {
    pub(super) fn new(receiver: &'a Receiver<T>, who: W) -> Self {
        Self {
            receiver,
            who,
            interrupted: None,
        }
    }

    /// What ended the last call of `next`, if it was not the close: for waiters with a deadline or a
    /// token.
    #[must_use]
    pub fn interrupted(&self) -> Option<Interrupted> {
        self.interrupted
    }
}

impl<T: Send, W: Waiter> Iterator for Iter<'_, T, W> {
    type Item = T;

    #[inline]
    #[track_caller]
    fn next(&mut self) -> Option<T> {
        let received = self.receiver.receive(self.who);
        self.interrupted = received.as_ref().err().copied();
        received.ok()?.ok()
    }
}

impl<T, W> fmt::Debug for Iter<'_, T, W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Iter")
            .field("receiver", self.receiver)
            .field("interrupted", &self.interrupted)
            .finish_non_exhaustive()
    }
}

/// Receives what is there. From [`Receiver::try_iter`].
///
/// ```
/// let (sender, receiver) = rustfiber::channel::bounded(8);
/// (0..3).for_each(|n| sender.try_send(n).unwrap());
/// let mut received = receiver.try_iter();
/// assert_eq!(received.next(), Some(0));
/// assert_eq!(received.collect::<Vec<_>>(), [1, 2]);
/// ```
#[must_use = "an iterator receives nothing by itself"]
pub struct TryIter<'a, T>(&'a Receiver<T>);

impl<'a, T> TryIter<'a, T> {
    pub(super) fn new(receiver: &'a Receiver<T>) -> Self {
        Self(receiver)
    }
}

impl<T: Send> Iterator for TryIter<'_, T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        self.0.try_recv().ok()
    }
}

impl<T> fmt::Debug for TryIter<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TryIter").field(self.0).finish()
    }
}
