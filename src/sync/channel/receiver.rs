//! The receiving handle.

use std::fmt;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::sync::Arc;

use super::core::Shared;
use super::error::{RecvError, TryRecvError};
use super::iter::{Iter, TryIter};
use super::take::Take;
use crate::primitive::atomic::Ordering;
use crate::sync::wait_for;
use crate::wait::{Interrupted, Site, Waiter};

/// The receiving side of a channel; each value goes to one of the clones. From
/// [`bounded`](super::bounded), [`unbounded`](super::unbounded) and
/// [`rendezvous`](super::rendezvous).
///
/// A `&Receiver` is an arm of a [`select`](crate::select).
///
/// ```
/// use rustfiber::{Blocking, channel};
///
/// let (sender, receiver) = channel::bounded(2);
/// sender.send(Blocking, 1).unwrap();
/// sender.send(Blocking, 2).unwrap();
/// drop(sender);
/// assert_eq!(receiver.recv(Blocking), Ok(1));
/// assert_eq!(receiver.recv(Blocking), Ok(2));
/// assert_eq!(receiver.recv(Blocking), Err(channel::RecvError));
/// ```
pub struct Receiver<T>(Arc<Shared<T>>);

impl<T> Receiver<T> {
    /// The first handle, which `shared` has counted.
    pub(super) fn first(shared: Arc<Shared<T>>) -> Self {
        Self(shared)
    }
}

impl<T: Send> Receiver<T> {
    /// Receives the oldest value; waits while the channel is empty.
    ///
    /// ```
    /// let (sender, receiver) = rustfiber::channel::bounded(1);
    /// let jobs = rustfiber::JobSystem::new()?;
    /// drop(jobs.spawn(move |cx| sender.send(cx, "hello")));
    /// assert_eq!(receiver.recv(rustfiber::Blocking), Ok("hello"));
    /// # Ok::<(), rustfiber::BuildError>(())
    /// ```
    ///
    /// # Errors
    /// If the channel is empty and closed.
    ///
    /// # Panics
    /// With [`Blocking`](crate::Blocking) inside a job.
    ///
    /// # Deadlocks
    /// From an empty channel whose only sender is the job or thread that receives.
    #[inline]
    #[track_caller]
    pub fn recv<W: Waiter>(&self, who: W) -> W::Outcome<Result<T, RecvError>> {
        who.outcome(self.receive(who))
    }

    #[inline(always)]
    #[track_caller]
    pub(super) fn receive<W: Waiter>(&self, who: W) -> Result<Result<T, RecvError>, Interrupted> {
        who.check()?;
        match self.0.channel.try_take() {
            Ok(value) => Ok(Ok(value)),
            Err(TryRecvError::Closed) => Ok(Err(RecvError)),
            Err(TryRecvError::Empty) => {
                let site = Site::here(&"a value from a channel");
                let mut take = self.take();
                loop {
                    wait_for(who, &take, site)?;
                    if let Some(received) = take.served() {
                        return Ok(received);
                    }
                }
            }
        }
    }

    /// Receives the oldest value if there is one; in a rendezvous, if a sender waits with it.
    ///
    /// ```
    /// use rustfiber::channel::{TryRecvError, bounded};
    ///
    /// let (sender, receiver) = bounded::<u8>(1);
    /// assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty));
    /// drop(sender);
    /// assert_eq!(receiver.try_recv(), Err(TryRecvError::Closed));
    /// ```
    ///
    /// # Errors
    /// If the channel is empty.
    #[inline]
    pub fn try_recv(&self) -> Result<T, TryRecvError> {
        self.0.channel.try_take()
    }

    /// Receives until the channel is empty and closed, or `who` is interrupted.
    ///
    /// ```
    /// use std::time::Duration;
    /// use rustfiber::{Blocking, channel};
    ///
    /// let (sender, receiver) = channel::unbounded();
    /// (0..3).for_each(|n| sender.try_send(n).unwrap());
    ///
    /// let mut received = receiver.iter(Blocking.within(Duration::ZERO));
    /// assert_eq!(received.by_ref().collect::<Vec<_>>(), [0, 1, 2]);
    /// assert!(received.interrupted().unwrap().is_late());
    ///
    /// sender.try_send(3).unwrap();
    /// drop(sender);
    /// assert_eq!(receiver.iter(Blocking).collect::<Vec<_>>(), [3]);
    /// ```
    ///
    /// # Panics
    /// As for [`recv`](Self::recv), in `next`.
    pub fn iter<W: Waiter>(&self, who: W) -> Iter<'_, T, W> {
        Iter::new(self, who)
    }

    /// Receives what is there, and ends when the channel is empty.
    ///
    /// ```
    /// let (sender, receiver) = rustfiber::channel::unbounded();
    /// (0..3).for_each(|n| sender.try_send(n).unwrap());
    /// assert_eq!(receiver.try_iter().sum::<i32>(), 3);
    /// ```
    pub fn try_iter(&self) -> TryIter<'_, T> {
        TryIter::new(self)
    }

    pub(in crate::sync) fn take(&self) -> Take<'_, T> {
        Take::new(&self.0.channel)
    }
}

// Nobody can receive what is left: it is dropped now, and outside of locks.
super::handle::handle!(Receiver, receivers, |channel| channel.clear());
