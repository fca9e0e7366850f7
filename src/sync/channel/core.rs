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
use std::ptr::NonNull;

use crate::primitive::UnsafeCell;
use crate::primitive::atomic::AtomicUsize;
use crate::wait::{Chain, Source, SpinLock, Unlinked, WaitNode, WaitQueue, Wake};

/// Waiters that are woken under one lock.
const BATCH: usize = 32;

pub(super) struct Channel<T> {
    pub(super) state: SpinLock<State<T>>,
    /// Handles on each side; the last one closes the channel.
    pub(super) senders: AtomicUsize,
    pub(super) receivers: AtomicUsize,
}

pub(super) struct State<T> {
    pub(super) ring: VecDeque<T>,
    pub(super) capacity: usize,
    /// Each with a full slot. Not empty only while the ring is full.
    pub(super) senders: WaitQueue,
    /// Each with an empty slot. Not empty only while the ring is empty.
    pub(super) receivers: WaitQueue,
    pub(super) closed: bool,
}

/// A waiter's place for one value, in its frame. While the waiter stands in a queue, whoever has
/// the lock may reach it (the node's note is its address); before and after that it is the
/// waiter's.
pub(super) struct Slot<T>(pub(super) UnsafeCell<Option<T>>);

impl<T> Slot<T> {
    pub(super) fn new(value: Option<T>) -> Self {
        Self(UnsafeCell::new(value))
    }

    pub(super) fn note(&self) -> *mut () {
        std::ptr::from_ref(self).cast_mut().cast()
    }

    /// # Safety
    /// The slot is the caller's, or its waiter stands in a queue that the caller has locked.
    pub(super) unsafe fn replace(&self, value: Option<T>) -> Option<T> {
        // SAFETY: by contract nobody else reaches it.
        self.0
            .with_mut(|slot| unsafe { std::mem::replace(&mut *slot, value) })
    }

    /// # Safety
    /// The waiter was just taken from a queue that the caller still has locked, and registered with
    /// a slot of `T`.
    pub(super) unsafe fn exchange(waiter: &Unlinked, value: Option<T>) -> Option<T> {
        // SAFETY: by contract; an undelivered waiter's slot is valid.
        unsafe { (*waiter.note().cast::<Slot<T>>()).replace(value) }
    }
}

impl<T> State<T> {
    /// Puts a value where it belongs, or gives it back if it must wait or nobody will take it.
    /// Returns who is to be woken.
    pub(super) fn put(&mut self, value: T) -> Result<Option<Unlinked>, T> {
        if self.closed {
            return Err(value);
        }
        if let Some(receiver) = self.receivers.pop() {
            // SAFETY: the lock is held, and receivers register with slots of `T`.
            unsafe { Slot::exchange(&receiver, Some(value)) };
            return Ok(Some(receiver));
        }
        if self.is_full() {
            return Err(value);
        }
        self.ring.push_back(value);
        Ok(None)
    }

    fn is_full(&self) -> bool {
        self.ring.len() == self.capacity
    }

    /// Takes the oldest value, if there is one, and the sender that is to be woken.
    pub(super) fn take(&mut self) -> Option<(T, Option<Unlinked>)> {
        let value = self.ring.pop_front()?;
        let sender = self.senders.pop();
        if let Some(sender) = &sender {
            // SAFETY: the lock is held, and senders register with full slots of `T`.
            let next = unsafe { Slot::exchange(sender, None) };
            self.ring.extend(next);
        }
        Some((value, sender))
    }
}

impl<T> Channel<T> {
    pub(super) fn try_put(&self, value: T) -> Result<(), T> {
        // The waiter is woken, and the value given back, outside of the lock.
        let woken = self.state.with(|state| state.put(value))?;
        Chain::of(woken).deliver(Wake::Signalled);
        Ok(())
    }

    pub(super) fn try_take(&self) -> Option<T> {
        let (value, woken) = self.state.with(State::take)?;
        Chain::of(woken).deliver(Wake::Signalled);
        Some(value)
    }

    pub(super) fn is_closed(&self) -> bool {
        self.state.with(|state| state.closed)
    }

    pub(super) fn close(&self) {
        loop {
            let (chains, done) = self.state.with(|state| {
                state.closed = true;
                let chains = [state.senders.take(BATCH), state.receivers.take(BATCH)];
                (
                    chains,
                    state.senders.is_empty() && state.receivers.is_empty(),
                )
            });
            chains
                .into_iter()
                .for_each(|chain| chain.deliver(Wake::Abandoned));
            if done {
                return;
            }
        }
    }

    pub(super) fn len(&self) -> usize {
        self.state.with(|state| state.ring.len())
    }
}

/// A sender with its value.
pub(super) struct Put<'a, T> {
    pub(super) channel: &'a Channel<T>,
    pub(super) slot: Slot<T>,
}

impl<T> Source for Put<'_, T> {
    unsafe fn register(&self, node: NonNull<WaitNode>) -> bool {
        let woken = self.channel.state.with(|state| {
            // SAFETY: the node is in no queue, so the slot is this side's; and the node is handed
            // over with its note.
            unsafe {
                if state.is_full() && !state.closed {
                    node.as_ref().set_note(self.slot.note());
                    state.senders.push(node);
                    return None;
                }
                if !WaitNode::claim(node) || state.closed {
                    return Some(None);
                }
                let put = self.slot.replace(None).map(|value| state.put(value));
                Some(put.and_then(|put| put.ok().flatten()))
            }
        });
        finish_register(woken)
    }

    unsafe fn leave(&self, node: NonNull<WaitNode>) -> bool {
        // SAFETY: by contract.
        let left = |state: &mut State<T>| unsafe { state.senders.remove(node) };
        self.channel.state.with(left)
    }
}

/// A receiver with a place for its value.
pub(super) struct Take<'a, T> {
    pub(super) channel: &'a Channel<T>,
    pub(super) slot: Slot<T>,
}

impl<T> Source for Take<'_, T> {
    unsafe fn register(&self, node: NonNull<WaitNode>) -> bool {
        let woken = self.channel.state.with(|state| {
            // SAFETY: the node is in no queue, so the slot is this side's; and the node is handed
            // over with its note.
            unsafe {
                if state.ring.is_empty() && !state.closed {
                    node.as_ref().set_note(self.slot.note());
                    state.receivers.push(node);
                    return None;
                }
                if !WaitNode::claim(node) {
                    return Some(None);
                }
                match state.take() {
                    Some((value, woken)) => {
                        self.slot.replace(Some(value));
                        Some(woken)
                    }
                    None => Some(None),
                }
            }
        });
        finish_register(woken)
    }

    unsafe fn leave(&self, node: NonNull<WaitNode>) -> bool {
        // SAFETY: by contract.
        let left = |state: &mut State<T>| unsafe { state.receivers.remove(node) };
        self.channel.state.with(left)
    }
}

/// `Some`: the waiter need not wait, but another one is to be woken. `None`: the node has been
/// registered.
pub(super) fn finish_register(woken: Option<Option<Unlinked>>) -> bool {
    match woken {
        Some(woken) => {
            Chain::of(woken).deliver(Wake::Signalled);
            false
        }
        None => true,
    }
}
