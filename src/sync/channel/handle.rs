//! What the handles of both sides have in common.

/// `$count` counts them; `$on_last` is called after the last one has closed the channel.
macro_rules! handle {
    ($handle:ident, $count:ident, $on_last:expr) => {
        impl<T> $handle<T> {
            /// Values that are in the channel at this moment.
            ///
            /// ```
            /// let (sender, receiver) = rustfiber::channel::bounded(2);
            /// sender.try_send('a').unwrap();
            /// assert_eq!((sender.len(), receiver.len()), (1, 1));
            /// ```
            #[must_use]
            pub fn len(&self) -> usize {
                self.0.channel.len()
            }

            /// Whether no value is in the channel at this moment; always for a rendezvous.
            ///
            /// ```
            /// let (sender, receiver) = rustfiber::channel::bounded(2);
            /// assert!(receiver.is_empty());
            /// sender.try_send('a').unwrap();
            /// assert!(!receiver.is_empty() && !sender.is_empty());
            /// ```
            #[must_use]
            pub fn is_empty(&self) -> bool {
                self.0.channel.is_empty()
            }

            /// Whether there is no room in the channel at this moment; always for a rendezvous,
            /// never for an unbounded one.
            ///
            /// ```
            /// let (sender, receiver) = rustfiber::channel::bounded(1);
            /// assert!(!sender.is_full());
            /// sender.try_send('a').unwrap();
            /// assert!(sender.is_full() && receiver.is_full());
            /// ```
            #[must_use]
            pub fn is_full(&self) -> bool {
                self.0.channel.is_full()
            }

            /// How many values the channel holds at most; `None` if it is unbounded, 0 if it is a
            /// rendezvous.
            ///
            /// ```
            /// use rustfiber::channel::{bounded, rendezvous, unbounded};
            ///
            /// assert_eq!(bounded::<u8>(4).0.capacity(), Some(4));
            /// assert_eq!(unbounded::<u8>().0.capacity(), None);
            /// assert_eq!(rendezvous::<u8>().1.capacity(), Some(0));
            /// ```
            #[must_use]
            pub fn capacity(&self) -> Option<usize> {
                self.0.channel.capacity()
            }

            /// Closes the channel for both sides: sends give their values back from now on, those that
            /// wait, too. What is in the channel can still be received. Says whether this call
            /// has closed it.
            ///
            /// ```
            /// use rustfiber::channel::{TryRecvError, bounded};
            ///
            /// let (sender, receiver) = bounded(2);
            /// sender.try_send('a').unwrap();
            /// assert!(receiver.close());
            /// assert!(!sender.close());
            /// assert!(sender.try_send('b').unwrap_err().is_closed());
            /// assert_eq!(receiver.try_recv(), Ok('a'));
            /// assert_eq!(receiver.try_recv(), Err(TryRecvError::Closed));
            /// ```
            pub fn close(&self) -> bool {
                self.0.channel.close()
            }

            /// Whether nothing can be sent any more: by `close`, or because one of the sides is
            /// gone.
            ///
            /// ```
            /// let (sender, receiver) = rustfiber::channel::bounded::<u8>(1);
            /// assert!(!sender.is_closed());
            /// drop(receiver);
            /// assert!(sender.is_closed());
            /// ```
            #[must_use]
            pub fn is_closed(&self) -> bool {
                self.0.channel.is_closed()
            }

            /// Whether both are handles of one channel.
            ///
            /// ```
            /// use rustfiber::channel::bounded;
            ///
            /// let ((a, b), (c, d)) = (bounded::<u8>(1), bounded::<u8>(1));
            /// assert!(a.same_channel(&a.clone()) && b.same_channel(&b.clone()));
            /// assert!(!a.same_channel(&c) && !b.same_channel(&d));
            /// ```
            #[must_use]
            pub fn same_channel(&self, other: &Self) -> bool {
                Arc::ptr_eq(&self.0, &other.0)
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
                    self.0.channel.close();
                    let on_last: fn(&super::core::Channel<T>) = $on_last;
                    on_last(&self.0.channel);
                }
            }
        }

        impl<T> fmt::Debug for $handle<T> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($handle))
                    .field("len", &self.len())
                    .field("capacity", &self.capacity())
                    .field("is_closed", &self.is_closed())
                    .finish()
            }
        }
    };
}

pub(super) use handle;
