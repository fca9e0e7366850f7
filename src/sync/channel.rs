//! A bounded channel for many senders and many receivers, jobs and threads alike.
//!
//! One word of lock guards a ring of values and two queues of waiters. A value goes to the receiver
//! that has waited longest, into a slot in its frame, without passing through the ring; and when a
//! receiver takes a value out of a full ring, the sender that has waited longest puts its own in.
//! So the ring, the waiting receivers and the waiting senders never lack what another of them has,
//! and whoever is woken finds done what it waited for.
//!
//! Values move under the lock, but none is created, cloned or dropped there: no foreign code runs
//! under it, and the ring never grows.

use std::collections::VecDeque;
use std::error::Error;
use std::fmt;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::ptr::NonNull;
use std::sync::Arc;

use crate::primitive::UnsafeCell;
use crate::primitive::atomic::{AtomicUsize, Ordering};
use crate::wait::{Chain, Site, Source, SpinLock, Unlinked, WaitNode, WaitQueue, Waiter, Wake};

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

struct Channel<T> {
    state: SpinLock<State<T>>,
    /// Handles on each side; the last one closes the channel.
    senders: AtomicUsize,
    receivers: AtomicUsize,
}

struct State<T> {
    ring: VecDeque<T>,
    capacity: usize,
    /// Each with a full slot. Not empty only while the ring is full.
    senders: WaitQueue,
    /// Each with an empty slot. Not empty only while the ring is empty.
    receivers: WaitQueue,
    closed: bool,
}

/// A waiter's place for one value, in its frame. While the waiter stands in a queue, whoever has
/// the lock may reach it (the node's note is its address); before and after that it is the
/// waiter's.
struct Slot<T>(UnsafeCell<Option<T>>);

impl<T> Slot<T> {
    fn new(value: Option<T>) -> Self {
        Self(UnsafeCell::new(value))
    }

    fn note(&self) -> *mut () {
        std::ptr::from_ref(self).cast_mut().cast()
    }

    /// # Safety
    /// The slot is the caller's, or its waiter stands in a queue that the caller has locked.
    unsafe fn replace(&self, value: Option<T>) -> Option<T> {
        // SAFETY: by contract nobody else reaches it.
        self.0
            .with_mut(|slot| unsafe { std::mem::replace(&mut *slot, value) })
    }

    /// # Safety
    /// The waiter was just taken from a queue that the caller still has locked, and registered with
    /// a slot of `T`.
    unsafe fn exchange(waiter: &Unlinked, value: Option<T>) -> Option<T> {
        // SAFETY: by contract; an undelivered waiter's slot is valid.
        unsafe { (*waiter.note().cast::<Slot<T>>()).replace(value) }
    }
}

impl<T> State<T> {
    /// Puts a value where it belongs, or gives it back if it must wait or nobody will take it.
    /// Returns who is to be woken.
    fn put(&mut self, value: T) -> Result<Option<Unlinked>, T> {
        if self.closed {
            return Err(value);
        }
        if let Some(receiver) = self.receivers.pop() {
            // SAFETY: the lock is held, and receivers register with slots of `T`.
            unsafe { Slot::exchange(&receiver, Some(value)) };
            return Ok(Some(receiver));
        }
        if self.ring.len() == self.capacity {
            return Err(value);
        }
        self.ring.push_back(value);
        Ok(None)
    }

    /// Takes the oldest value, if there is one, and the sender that is to be woken.
    fn take(&mut self) -> Option<(T, Option<Unlinked>)> {
        let value = self.ring.pop_front()?;
        let sender = self.senders.pop();
        if let Some(sender) = &sender {
            // SAFETY: the lock is held, and senders register with full slots of `T`.
            let next = unsafe { Slot::exchange(sender, None) };
            self.ring.extend(next);
        }
        Some((value, sender))
    }

    /// Nobody can send, or nobody receive, any more. Returns who waits: all in vain.
    fn close(&mut self) -> [Chain; 2] {
        self.closed = true;
        [self.senders.take_all(), self.receivers.take_all()]
    }
}

impl<T> Channel<T> {
    fn try_put(&self, value: T) -> Result<(), T> {
        // The waiter is woken, and the value given back, outside of the lock.
        let woken = self.state.with(|state| state.put(value))?;
        Chain::of(woken).deliver(Wake::Signalled);
        Ok(())
    }

    fn try_take(&self) -> Option<T> {
        let (value, woken) = self.state.with(State::take)?;
        Chain::of(woken).deliver(Wake::Signalled);
        Some(value)
    }

    fn is_closed(&self) -> bool {
        self.state.with(|state| state.closed)
    }

    fn close(&self) {
        for chain in self.state.with(State::close) {
            chain.deliver(Wake::Abandoned);
        }
    }

    fn len(&self) -> usize {
        self.state.with(|state| state.ring.len())
    }
}

/// A sender with its value.
struct Put<'a, T> {
    channel: &'a Channel<T>,
    slot: Slot<T>,
}

impl<T> Source for Put<'_, T> {
    unsafe fn register(&self, node: NonNull<WaitNode>) -> bool {
        let woken = self.channel.state.with(|state| {
            // SAFETY: the node is in no queue, so the slot is this side's.
            let value = unsafe { self.slot.replace(None) }?;
            match state.put(value) {
                Ok(woken) => Some(woken),
                Err(value) => {
                    // SAFETY: as above; and the node is handed over with its note.
                    unsafe {
                        self.slot.replace(Some(value));
                        if state.closed {
                            return Some(None);
                        }
                        node.as_ref().set_note(self.slot.note());
                        state.senders.push(node);
                    }
                    None
                }
            }
        });
        finish_register(woken)
    }
}

/// A receiver with a place for its value.
struct Take<'a, T> {
    channel: &'a Channel<T>,
    slot: Slot<T>,
}

impl<T> Source for Take<'_, T> {
    unsafe fn register(&self, node: NonNull<WaitNode>) -> bool {
        let woken = self.channel.state.with(|state| {
            if let Some((value, woken)) = state.take() {
                // SAFETY: the node is in no queue, so the slot is this side's.
                unsafe { self.slot.replace(Some(value)) };
                return Some(woken);
            }
            if state.closed {
                return Some(None);
            }
            // SAFETY: the node is handed over with its note.
            unsafe {
                node.as_ref().set_note(self.slot.note());
                state.receivers.push(node);
            }
            None
        });
        finish_register(woken)
    }
}

/// `Some`: the waiter need not wait, but another one is to be woken. `None`: the node has been
/// registered.
fn finish_register(woken: Option<Option<Unlinked>>) -> bool {
    match woken {
        Some(woken) => {
            Chain::of(woken).deliver(Wake::Signalled);
            false
        }
        None => true,
    }
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
        who.check();
        let sent = match self.0.try_put(value) {
            Ok(()) => Ok(()),
            Err(value) => {
                let put = Put {
                    channel: &self.0,
                    slot: Slot::new(Some(value)),
                };
                super::wait_for(who, &put, Site::here("room in a channel"));
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
        who.check();
        let site = Site::here("a value from a channel");
        let received = self.0.try_take().or_else(|| {
            let take = Take {
                channel: &self.0,
                slot: Slot::new(None),
            };
            super::wait_for(who, &take, site);
            take.slot.0.into_inner()
        });
        who.outcome(Ok(received.ok_or(RecvError)))
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

/// A value that could not be sent, because all receivers are gone.
///
/// ```
/// use rustfiber::{Blocking, channel};
///
/// let (sender, receiver) = channel::bounded(1);
/// drop(receiver);
/// assert_eq!(sender.send(Blocking, 7).unwrap_err().into_inner(), 7);
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct SendError<T>(T);

impl<T> SendError<T> {
    /// The value.
    pub fn into_inner(self) -> T {
        self.0
    }
}

impl<T> fmt::Debug for SendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SendError").finish_non_exhaustive()
    }
}

impl<T> fmt::Display for SendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("sending into a channel whose receivers are all gone")
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
    /// The channel is full.
    Full(T),
    /// All receivers are gone.
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
    pub fn is_full(&self) -> bool {
        matches!(self, Self::Full(_))
    }

    /// Whether all receivers are gone.
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
            Self::Closed(_) => "sending into a channel whose receivers are all gone",
        })
    }
}

impl<T> Error for TrySendError<T> {}

/// The channel is empty, and all senders are gone.
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
        f.write_str("receiving from an empty channel whose senders are all gone")
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
    /// The channel is empty, and all senders are gone.
    Closed,
}

impl fmt::Display for TryRecvError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "receiving from an empty channel",
            Self::Closed => "receiving from an empty channel whose senders are all gone",
        })
    }
}

impl Error for TryRecvError {}

#[cfg(test)]
mod tests;
