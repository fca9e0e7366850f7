//! A bounded channel for many senders and many receivers, jobs and threads alike: the handles. What
//! lies between them is in `core`.

mod core;
mod error;

use std::collections::VecDeque;
use std::fmt;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::sync::Arc;

use self::core::{Channel, Put, Slot, State, Take};
pub use self::error::{RecvError, SendError, TryRecvError, TrySendError};
use crate::primitive::atomic::{AtomicUsize, Ordering};
use crate::wait::{Site, SpinLock, WaitQueue, Waiter};

/// A channel for `capacity` values.
///
/// A send waits while the channel is full, a receive while it is empty. Values arrive in the order
/// in which they were sent, and waiters are served in the order of their arrival. The channel
/// closes when all senders are gone (what is left can still be received) or all receivers (a send
/// gives its value back).
///
/// # Panics
/// If `capacity` is zero: a channel must hold a value. Or if there is no memory for so many.
///
/// # Examples
/// ```
/// use rustfiber::{JobSystem, channel};
///
/// let jobs = JobSystem::new()?;
/// let (sender, receiver) = channel::bounded(4);
/// let sum = jobs.run(|cx| {
///     cx.spawn(move |cx| {
///         for n in 0..100 {
///             sender.send(cx, n).unwrap();
///         }
///     });
///     let mut sum = 0;
///     while let Ok(n) = receiver.recv(cx) {
///         sum += n;
///     }
///     sum
/// });
/// assert_eq!(sum, 4950);
/// # Ok::<(), rustfiber::BuildError>(())
/// ```
#[must_use]
#[track_caller]
pub fn bounded<T>(capacity: usize) -> (Sender<T>, Receiver<T>) {
    assert!(
        capacity > 0,
        "a channel with capacity 0 can't hold a value: choose at least 1"
    );
    let channel = Arc::new(Channel {
        state: SpinLock::new(State {
            ring: VecDeque::with_capacity(capacity),
            capacity,
            senders: WaitQueue::new(),
            receivers: WaitQueue::new(),
            closed: false,
        }),
        senders: AtomicUsize::new(1),
        receivers: AtomicUsize::new(1),
    });
    (Sender(Arc::clone(&channel)), Receiver(channel))
}

/// The sending side of a channel; clones send into the same one. From [`bounded`].
///
/// ```
/// let (sender, receiver) = rustfiber::channel::bounded(1);
/// assert_eq!(sender.try_send("a"), Ok(()));
/// assert!(sender.try_send("b").unwrap_err().is_full());
/// drop(sender);
/// assert_eq!(receiver.try_recv(), Ok("a"));
/// ```
pub struct Sender<T>(Arc<Channel<T>>);

/// The receiving side of a channel; each value goes to one of the clones. From [`bounded`].
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
pub struct Receiver<T>(Arc<Channel<T>>);

impl<T: Send> Sender<T> {
    /// Sends a value; waits while the channel is full.
    ///
    /// ```
    /// let (sender, receiver) = rustfiber::channel::bounded(1);
    /// assert!(sender.send(rustfiber::Blocking, 1).is_ok());
    /// drop(receiver);
    /// assert_eq!(sender.send(rustfiber::Blocking, 2).unwrap_err().into_inner(), 2);
    /// ```
    ///
    /// # Errors
    /// Gives the value back if all receivers are gone.
    ///
    /// # Panics
    /// With [`Blocking`](crate::Blocking) inside a job; the value is dropped then.
    #[track_caller]
    pub fn send<W: Waiter>(&self, who: W, value: T) -> W::Outcome<Result<(), SendError<T>>> {
        if let Err(interrupted) = who.check() {
            return who.outcome(Err(interrupted));
        }
        let sent = match self.0.try_put(value) {
            Ok(()) => Ok(()),
            Err(value) => {
                let put = Put {
                    channel: &self.0,
                    slot: Slot::new(Some(value)),
                };
                if let Err(interrupted) =
                    super::wait_for(who, &put, Site::here("room in a channel"))
                {
                    return who.outcome(Err(interrupted));
                }
                match put.slot.0.into_inner() {
                    None => Ok(()),
                    Some(value) => Err(SendError(value)),
                }
            }
        };
        who.outcome(Ok(sent))
    }

    /// Sends a value if there is room for it.
    ///
    /// ```
    /// let (sender, _receiver) = rustfiber::channel::bounded(1);
    /// assert!(sender.try_send(1).is_ok());
    /// assert!(sender.try_send(2).unwrap_err().is_full());
    /// ```
    ///
    /// # Errors
    /// Gives the value back if the channel is full or all receivers are gone.
    pub fn try_send(&self, value: T) -> Result<(), TrySendError<T>> {
        self.0.try_put(value).map_err(|value| {
            if self.0.is_closed() {
                TrySendError::Closed(value)
            } else {
                TrySendError::Full(value)
            }
        })
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
    /// If the channel is empty and all senders are gone.
    ///
    /// # Panics
    /// With [`Blocking`](crate::Blocking) inside a job.
    #[track_caller]
    pub fn recv<W: Waiter>(&self, who: W) -> W::Outcome<Result<T, RecvError>> {
        if let Err(interrupted) = who.check() {
            return who.outcome(Err(interrupted));
        }
        if let Some(value) = self.0.try_take() {
            return who.outcome(Ok(Ok(value)));
        }
        let take = Take {
            channel: &self.0,
            slot: Slot::new(None),
        };
        match super::wait_for(who, &take, Site::here("a value from a channel")) {
            Ok(()) => who.outcome(Ok(take.slot.0.into_inner().ok_or(RecvError))),
            Err(interrupted) => who.outcome(Err(interrupted)),
        }
    }

    /// Receives the oldest value if there is one.
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
    pub fn try_recv(&self) -> Result<T, TryRecvError> {
        // Closed is looked at first: what was sent before the close is found after it.
        let closed = self.0.is_closed();
        self.0.try_take().ok_or(if closed {
            TryRecvError::Closed
        } else {
            TryRecvError::Empty
        })
    }
}

macro_rules! handle {
    ($handle:ident, $count:ident, $on_last:expr) => {
        impl<T> $handle<T> {
            /// Values that wait in the channel at this moment.
            #[must_use]
            pub fn len(&self) -> usize {
                self.0.len()
            }

            /// Whether no value waits in the channel at this moment.
            #[must_use]
            pub fn is_empty(&self) -> bool {
                self.len() == 0
            }

            /// How many values the channel holds at most.
            #[must_use]
            pub fn capacity(&self) -> usize {
                self.0.state.with(|state| state.capacity)
            }
        }

        // A panic never leaves the channel half changed: user code does not run while it is.
        impl<T> UnwindSafe for $handle<T> {}
        impl<T> RefUnwindSafe for $handle<T> {}

        impl<T> Clone for $handle<T> {
            fn clone(&self) -> Self {
                // Relaxed: a handle is made from an existing one.
                self.0.$count.fetch_add(1, Ordering::Relaxed);
                Self(Arc::clone(&self.0))
            }
        }

        impl<T> Drop for $handle<T> {
            fn drop(&mut self) {
                // AcqRel: what was done through the other handles comes before the close.
                if self.0.$count.fetch_sub(1, Ordering::AcqRel) == 1 {
                    self.0.close();
                    let on_last: fn(&Channel<T>) = $on_last;
                    on_last(&self.0);
                }
            }
        }

        impl<T> fmt::Debug for $handle<T> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($handle))
                    .field("len", &self.len())
                    .field("capacity", &self.capacity())
                    .finish()
            }
        }
    };
}

handle!(Sender, senders, |_| ());
// Nobody can receive what is left: it is dropped now, and outside of the lock.
handle!(Receiver, receivers, |channel| {
    let left = channel.state.with(|state| std::mem::take(&mut state.ring));
    drop(left);
});

#[cfg(test)]
mod tests;
