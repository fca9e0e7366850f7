//! Where the values of a buffered channel are: a queue of the `concurrent-queue` crate, or in a model
//! a simple twin of it.
//!
//! What the channel relies on: pushes and pops take effect in one order; a push that comes after the
//! close fails; `pop` says `Closed` only when nothing is left and nothing will come; and all of
//! these are in one order with the `SeqCst` accesses around them to other words: whoever pushes and
//! then finds a flag unset is seen by the `is_empty` of whoever sets the flag before, and the same
//! with pops and `is_full`.
//!
//! The last one is not in the crate's documentation. It holds because each push and each pop is a
//! `SeqCst` compare-exchange on a word that `is_empty` and `is_full` load with `SeqCst` (`tail`,
//! `head`, or the `state` of a queue for one value), so Cargo.toml names the very version whose
//! source was read, and a test looks for it. A fence on either side would do as well, and make a
//! message dearer by 3 ns of 22.

pub(super) use imp::{Storage, in_one_order};

#[cfg(not(loom))]
mod imp {
    use concurrent_queue::{ConcurrentQueue, PopError, PushError};

    use super::super::error::{TryRecvError, TrySendError};

    /// What the storage did before this and does after it is in one order with the `SeqCst` accesses
    /// on the other side of it. Nothing to do: its own accesses are `SeqCst`.
    #[inline(always)]
    pub(in super::super) fn in_one_order() {}

    pub(in super::super) struct Storage<T>(ConcurrentQueue<T>);

    impl<T> Storage<T> {
        pub(in super::super) fn bounded(capacity: usize) -> Self {
            Self(ConcurrentQueue::bounded(capacity))
        }

        pub(in super::super) fn unbounded() -> Self {
            Self(ConcurrentQueue::unbounded())
        }

        #[inline]
        pub(in super::super) fn push(&self, value: T) -> Result<(), TrySendError<T>> {
            self.0.push(value).map_err(|error| match error {
                PushError::Full(value) => TrySendError::Full(value),
                PushError::Closed(value) => TrySendError::Closed(value),
            })
        }

        #[inline]
        pub(in super::super) fn pop(&self) -> Result<T, TryRecvError> {
            self.0.pop().map_err(|error| match error {
                PopError::Empty => TryRecvError::Empty,
                PopError::Closed => TryRecvError::Closed,
            })
        }

        /// Says whether it was open.
        pub(in super::super) fn close(&self) -> bool {
            self.0.close()
        }

        pub(in super::super) fn is_closed(&self) -> bool {
            self.0.is_closed()
        }

        pub(in super::super) fn is_empty(&self) -> bool {
            self.0.is_empty()
        }

        pub(in super::super) fn is_full(&self) -> bool {
            self.0.is_full()
        }

        pub(in super::super) fn len(&self) -> usize {
            self.0.len()
        }

        pub(in super::super) fn capacity(&self) -> Option<usize> {
            self.0.capacity()
        }
    }
}

/// As little ordered as the promise allows: what looks without the lock is relaxed, and `loom` knows no
/// order of `SeqCst` accesses but that of fences. So a model finds where the order is missing.
#[cfg(loom)]
mod imp {
    use std::collections::VecDeque;

    use loom::sync::Mutex;

    use super::super::error::{TryRecvError, TrySendError};
    use crate::primitive::atomic::{AtomicBool, AtomicUsize, Ordering, Ordering::Relaxed, fence};

    pub(in super::super) fn in_one_order() {
        fence(Ordering::SeqCst);
    }

    pub(in super::super) struct Storage<T> {
        values: Mutex<VecDeque<T>>,
        capacity: Option<usize>,
        /// Written under the lock.
        len: AtomicUsize,
        closed: AtomicBool,
    }

    impl<T> Storage<T> {
        pub(in super::super) fn bounded(capacity: usize) -> Self {
            Self {
                values: Mutex::new(VecDeque::new()),
                capacity: Some(capacity),
                len: AtomicUsize::new(0),
                closed: AtomicBool::new(false),
            }
        }

        pub(in super::super) fn unbounded() -> Self {
            Self {
                capacity: None,
                ..Self::bounded(0)
            }
        }

        pub(in super::super) fn push(&self, value: T) -> Result<(), TrySendError<T>> {
            let mut values = self.values.lock().unwrap();
            if self.closed.load(Relaxed) {
                return Err(TrySendError::Closed(value));
            }
            if Some(values.len()) == self.capacity {
                return Err(TrySendError::Full(value));
            }
            values.push_back(value);
            self.len.store(values.len(), Relaxed);
            Ok(())
        }

        pub(in super::super) fn pop(&self) -> Result<T, TryRecvError> {
            let mut values = self.values.lock().unwrap();
            match values.pop_front() {
                Some(value) => {
                    self.len.store(values.len(), Relaxed);
                    Ok(value)
                }
                None if self.closed.load(Relaxed) => Err(TryRecvError::Closed),
                None => Err(TryRecvError::Empty),
            }
        }

        pub(in super::super) fn close(&self) -> bool {
            let _values = self.values.lock().unwrap();
            !self.closed.swap(true, Relaxed)
        }

        pub(in super::super) fn is_closed(&self) -> bool {
            self.closed.load(Relaxed)
        }

        pub(in super::super) fn is_empty(&self) -> bool {
            self.len() == 0
        }

        pub(in super::super) fn is_full(&self) -> bool {
            Some(self.len()) == self.capacity
        }

        pub(in super::super) fn len(&self) -> usize {
            self.len.load(Relaxed)
        }

        pub(in super::super) fn capacity(&self) -> Option<usize> {
            self.capacity
        }
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests;
