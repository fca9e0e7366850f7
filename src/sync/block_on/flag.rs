//! What the waker of a `block_on` raises: one word, in memory that may outlive job and system.
//!
//! ```text
//!  word:  LOWERED (null) | RAISED | the node of the waiter
//! ```
//!
//! - **Registering** (the waiter, when its fiber has stopped): `LOWERED` becomes the node. If the
//!   flag is up, the waiter is claimed, then the flag is lowered, and there is nothing to wait for.
//! - **Raising** (any waker, any thread, at any time): the word is exchanged for `RAISED`. Whoever
//!   gets the node out of it delivers it.
//! - **Leaving** (the waiter, served otherwise): the node becomes `LOWERED`, if it is still there.
//! - **Lowering** (the waiter, before it polls again).
//!
//! One waiter at a time registers, so a node in the word is that of the present wait.
//!
//! *A flag is a broadcast.* A node gets into the word by one exchange, and out of it by one: of a
//! waker, who then delivers it, once, and asks nobody; or of the waiter that leaves, and then nobody
//! delivers it. If leaving finds the node gone, a waker has delivered it or is about to.
//!
//! *No wake-up is lost.* Every exchange is part of one order. A waker comes before the lowering that
//! precedes a poll: then the poll sees what it has done. Or after: then the registration that
//! follows finds the flag up, or the waker finds the node. Between two waits of its fiber there is
//! no node, also while a poll is suspended in a wait of its own: a waker then only raises the flag.
//!
//! *Last touch.* The waiter goes on, and frees its frame, as soon as the node is delivered. The flag
//! is the waker's own by then, which shares it.
//!
//! **Orderings.** Raising releases what the waker has done. Lowering, and a registration that finds
//! the flag up, acquire it; a waiter that was delivered lowers the flag before it polls. Registering
//! releases the node, and raising acquires it.

use std::ptr::{self, NonNull};
use std::sync::Arc;
use std::task::Wake as Waking;

use crate::primitive::atomic::{AtomicPtr, Ordering};
use crate::wait::{Source, Unlinked, WaitNode, Wake};

const LOWERED: *mut WaitNode = ptr::null_mut();
/// Nodes are aligned, so this is none.
const RAISED: *mut WaitNode = ptr::without_provenance_mut(1);

#[derive(Debug)]
pub(super) struct Flag {
    word: AtomicPtr<WaitNode>,
}

impl Flag {
    pub(super) fn new() -> Self {
        Self {
            word: AtomicPtr::new(LOWERED),
        }
    }

    pub(super) fn is_raised(&self) -> bool {
        // Relaxed: whoever finds it up lowers it, or registers.
        self.word.load(Ordering::Relaxed) == RAISED
    }

    /// For the waiter, when it is registered nowhere.
    pub(super) fn lower(&self) {
        // Acquire: pairs with the release in `raise`. An exchange, so that it comes before or after
        // each `raise`.
        let _ = self.word.swap(LOWERED, Ordering::Acquire);
    }

    pub(super) fn raise(&self) {
        // AcqRel: see "Orderings" above.
        let before = self.word.swap(RAISED, Ordering::AcqRel);
        if before == RAISED {
            return;
        }
        if let Some(node) = NonNull::new(before) {
            // SAFETY: the exchange has unlinked the node.
            unsafe { Unlinked::new(node) }.deliver(Wake::Signalled);
        }
    }
}

impl Source for Flag {
    unsafe fn register(&self, node: NonNull<WaitNode>) -> bool {
        // Release: publishes the node. Acquire: what the waker has done that has raised the flag.
        let registered = self.word.compare_exchange(
            LOWERED,
            node.as_ptr(),
            Ordering::Release,
            Ordering::Acquire,
        );
        if registered.is_ok() {
            return true;
        }
        // SAFETY: by contract.
        if unsafe { WaitNode::claim(node) } {
            self.lower();
        }
        false
    }

    unsafe fn leave(&self, node: NonNull<WaitNode>) -> bool {
        // Relaxed: nothing is handed over. What a waker has done counts for the next poll only, and
        // there is none.
        self.word
            .compare_exchange(node.as_ptr(), LOWERED, Ordering::Relaxed, Ordering::Relaxed)
            .is_ok()
    }
}

impl Waking for Flag {
    fn wake(self: Arc<Self>) {
        self.raise();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.raise();
    }
}
