//! Channels for many senders and many receivers, jobs and threads alike.
//!
//! Three kinds, behind the same handles:
//!
//! - [`bounded`]: a send waits while the channel is full, a receive while it is empty.
//! - [`unbounded`]: a send never waits.
//! - [`rendezvous`]: holds nothing; a send waits until a receiver takes the value.
//!
//! # Closing
//! A channel closes when all its senders are gone, when all its receivers are, or by `close` on
//! either side. From then on every send gives its value back, also those that wait. What is in the
//! channel can still be received; when the receivers are gone, it is dropped.
//!
//! # Order
//! The values of one sender arrive in the order in which it sent them. Who has waited longest is
//! woken first; but someone who comes at that moment, and need not wait, may be faster, and then it
//! waits on, before all others. A rendezvous serves its waiters strictly in order.
//!
//! # Waits that end early
//! A wait with a deadline or a token takes nothing and loses nothing when it ends early: `recv`
//! returns [`Interrupted`](crate::Interrupted), and `send` gives the value back in its
//! [`SendError`], which says why.
//!
//! # Memory ordering
//! What came before a value was sent is visible to whoever receives it.
//!
//! # Examples
//! ```
//! use rustfiber::{JobSystem, channel};
//!
//! let jobs = JobSystem::new()?;
//! let (sender, receiver) = channel::bounded(4);
//! let sum: u32 = jobs.run(|cx| {
//!     for part in 0..4 {
//!         let sender = sender.clone();
//!         cx.spawn(move |cx| {
//!             for n in 0..25 {
//!                 sender.send(cx, 25 * part + n).unwrap();
//!             }
//!         });
//!     }
//!     drop(sender);
//!     receiver.iter(cx).sum()
//! });
//! assert_eq!(sum, 4950);
//! # Ok::<(), rustfiber::BuildError>(())
//! ```

// `core` tells the kinds apart; `buffer` and `rendezvous` are the kinds, and hold the protocols;
// `put` and `take` are operations under way.
mod buffer;
mod core;
mod error;
mod handle;
mod iter;
mod put;
mod receiver;
mod rendezvous;
mod sender;
mod slot;
mod storage;
mod take;

use std::sync::Arc;

use self::core::{Channel, Shared};
pub use self::error::{RecvError, SendError, TryRecvError, TrySendError};
pub use self::iter::{Iter, TryIter};
pub(super) use self::put::Put;
pub use self::receiver::Receiver;
pub use self::sender::{Sender, Sending};
pub(super) use self::take::Take;

/// A channel that holds up to `capacity` values; with 0 it is a [`rendezvous`].
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
///
/// # Panics
/// If there is no memory for so many values.
#[must_use]
pub fn bounded<T>(capacity: usize) -> (Sender<T>, Receiver<T>) {
    match capacity {
        0 => rendezvous(),
        _ => handles(Channel::bounded(capacity)),
    }
}

/// A channel that holds as many values as there is memory for: no send waits.
///
/// ```
/// use rustfiber::channel;
///
/// let (sender, receiver) = channel::unbounded();
/// for n in 0..1000 {
///     sender.try_send(n).unwrap();
/// }
/// drop(sender);
/// assert_eq!(receiver.capacity(), None);
/// assert_eq!(receiver.try_iter().count(), 1000);
/// ```
#[must_use]
pub fn unbounded<T>() -> (Sender<T>, Receiver<T>) {
    handles(Channel::unbounded())
}

/// A channel that holds nothing: each value passes from a sender to a receiver when both are there.
///
/// ```
/// use rustfiber::{JobSystem, channel};
///
/// let jobs = JobSystem::new()?;
/// let (sender, receiver) = channel::rendezvous();
/// assert!(sender.try_send(1).unwrap_err().is_full());
/// jobs.run(|cx| {
///     cx.spawn(move |cx| sender.send(cx, 2));
///     assert_eq!(receiver.recv(cx), Ok(2));
/// });
/// # Ok::<(), rustfiber::BuildError>(())
/// ```
#[must_use]
pub fn rendezvous<T>() -> (Sender<T>, Receiver<T>) {
    handles(Channel::rendezvous())
}

fn handles<T>(channel: Channel<T>) -> (Sender<T>, Receiver<T>) {
    let shared = Arc::new(Shared::new(channel));
    (Sender::first(Arc::clone(&shared)), Receiver::first(shared))
}

#[cfg(test)]
mod tests;
