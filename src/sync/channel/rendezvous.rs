//! A channel that holds nothing: a value passes from a waiter's slot, or into it.
//!
//! Two queues behind one lock. Whoever comes takes the longest waiting of the other side out, claims
//! it, and exchanges the value with its slot, all under the lock; then it wakes it, and that one finds
//! done what it waited for. If there is none, it waits itself.
//!
//! *Never do two who could serve each other both wait.* Each registers under the lock, after it has
//! found that none of the other side waits there.
//!
//! **Two that are arms of selects.** Both must be claimed, and neither claim can be undone. So who
//! registers, and finds another waiting, claims *itself*, does not wait, and tries again as somebody
//! who can't be served elsewhere any more: that try claims the other. If the other has been
//! served elsewhere meanwhile, its node is dropped by the try, and the first one waits anew. It has
//! lost nothing, and nobody waits for it: it stood in no queue.
//!
//! **A select with both sides of one channel** does not serve itself: it passes its own nodes over,
//! of which there are no more than it has arms.

use std::marker::PhantomData;
use std::ptr::NonNull;

use super::buffer::BATCH;
use super::error::{TryRecvError, TrySendError};
use super::slot::Slot;
use crate::wait::{Chain, SpinLock, Unlinked, WaitNode, WaitQueue, Wake};

pub(super) struct Rendezvous<T> {
    state: SpinLock<State>,
    /// The slots hold values of `T`.
    values: PhantomData<fn(T) -> T>,
}

struct State {
    /// Each with a full slot.
    senders: WaitQueue,
    /// Each with an empty slot.
    receivers: WaitQueue,
    closed: bool,
}

/// One side of a rendezvous.
#[derive(Clone, Copy)]
pub(super) enum Side {
    Senders,
    Receivers,
}

impl State {
    fn queue(&mut self, side: Side) -> &mut WaitQueue {
        match side {
            Side::Senders => &mut self.senders,
            Side::Receivers => &mut self.receivers,
        }
    }

    fn other(&self, side: Side) -> &WaitQueue {
        match side {
            Side::Senders => &self.receivers,
            Side::Receivers => &self.senders,
        }
    }
}

impl<T> Rendezvous<T> {
    pub(super) fn new() -> Self {
        Self {
            state: SpinLock::new(State {
                senders: WaitQueue::new(),
                receivers: WaitQueue::new(),
                closed: false,
            }),
            values: PhantomData,
        }
    }

    pub(super) fn try_put(&self, value: T) -> Result<(), TrySendError<T>> {
        // The receiver is woken, or the value given back, outside of the lock.
        let receiver = self.state.with(|state| {
            if state.closed {
                return Err(TrySendError::Closed(value));
            }
            match state.receivers.pop() {
                None => Err(TrySendError::Full(value)),
                Some(receiver) => {
                    // SAFETY: the lock is held, and receivers register with slots of `T`.
                    let _empty = unsafe { Slot::exchange_noted(receiver.note(), Some(value)) };
                    Ok(receiver)
                }
            }
        })?;
        receiver.deliver(Wake::Signalled);
        Ok(())
    }

    pub(super) fn try_take(&self) -> Result<T, TryRecvError> {
        let (value, sender): (Option<T>, Unlinked) = self.state.with(|state| {
            let none = if state.closed {
                TryRecvError::Closed
            } else {
                TryRecvError::Empty
            };
            let sender = state.senders.pop().ok_or(none)?;
            // SAFETY: the lock is held, and senders register with slots of `T`.
            Ok((unsafe { Slot::exchange_noted(sender.note(), None) }, sender))
        })?;
        sender.deliver(Wake::Signalled);
        Ok(value.expect("a sender waits with a value"))
    }

    /// Says whether it was open.
    pub(super) fn close(&self) -> bool {
        let mut was_open = false;
        loop {
            let (chains, done) = self.state.with(|state| {
                was_open |= !state.closed;
                state.closed = true;
                let chains = [state.senders.take(BATCH), state.receivers.take(BATCH)];
                let done = state.senders.is_empty() && state.receivers.is_empty();
                (chains, done)
            });
            chains
                .into_iter()
                .for_each(|chain: Chain| chain.deliver(Wake::Abandoned));
            if done {
                return was_open;
            }
        }
    }

    pub(super) fn is_closed(&self) -> bool {
        self.state.with(|state| state.closed)
    }

    /// # Safety
    /// As for `Source::register`. `slot` is the waiter's, full for a sender and empty for a receiver.
    pub(super) unsafe fn register(
        &self,
        side: Side,
        node: NonNull<WaitNode>,
        slot: &Slot<T>,
        again: bool,
    ) -> bool {
        self.state.with(|state| {
            // SAFETY: by contract; and who waits here has registered with a slot of `T`.
            unsafe {
                let meets = |node: &WaitNode| !slot.has_same_owner(node.note());
                if state.closed || state.other(side).iter().any(meets) {
                    let _ = WaitNode::claim(node);
                    return false;
                }
                slot.note_in(node.as_ref());
                if again {
                    state.queue(side).push_front(node);
                } else {
                    state.queue(side).push(node);
                }
            }
            true
        })
    }

    /// # Safety
    /// As for `Source::leave`.
    pub(super) unsafe fn leave(&self, side: Side, node: NonNull<WaitNode>) -> bool {
        // SAFETY: by contract.
        self.state
            .with(|state| unsafe { state.queue(side).remove(node) })
    }
}
