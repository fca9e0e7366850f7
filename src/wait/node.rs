//! A waiter's node, and chains of nodes that somebody has unlinked.

use std::panic::Location;
use std::ptr::{self, NonNull};

use crate::primitive::UnsafeCell;
use crate::primitive::atomic::{AtomicBool, Ordering};

/// Why a node is delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wake {
    /// What it waited for has happened.
    Signalled,
    /// It asked to leave, and has.
    Left,
    /// What it waited for can no longer happen.
    Abandoned,
}

/// What a waiter waits for, and where it said so: for reports and traces.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Site {
    pub(crate) what: &'static str,
    pub(crate) at: &'static Location<'static>,
}

impl Site {
    /// A wait for `what`, at the caller's place in the source.
    #[track_caller]
    pub(crate) fn here(what: &'static str) -> Self {
        Self {
            what,
            at: Location::caller(),
        }
    }
}

/// Something that a node can be registered with.
pub(crate) trait Source {
    /// Registers `node`, or finds that there is nothing to wait for any more and returns
    /// `false`; then the node was never visible to anybody and the waiter goes on at once.
    ///
    /// After `true` the node will be delivered exactly once, perhaps already.
    ///
    /// # Safety
    /// - `node` stays valid until it is delivered, and is in no list.
    /// - The waiter does not go on before this call has returned, whatever is delivered
    ///   meanwhile: `self` may lie in the waiter's frame.
    unsafe fn register(&self, node: NonNull<WaitNode>) -> bool;
}

/// What a counter's waiter waits for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wish {
    /// The crossings of zero before it came: one more satisfies it.
    pub(crate) since: u64,
    /// The count that satisfies it.
    pub(crate) level: u32,
}

/// How far a counter has come.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reached {
    /// The crossings of zero that somebody may have waited for.
    pub(crate) crossings: u64,
    pub(crate) count: u32,
}

impl Wish {
    /// Nothing but zero satisfies it.
    const ZERO: Self = Self {
        since: u64::MAX,
        level: 0,
    };

    pub(crate) fn is_satisfied(self, reached: Reached) -> bool {
        self.since < reached.crossings || self.level >= reached.count
    }
}

/// One waiter in one list.
///
/// `next` belongs to whoever holds the node: the list's protocol says who that is. `note` and
/// `wish` are what the primitive wants to know of the waiter (a channel's slot, what a counter must
/// reach); they are written before the node is registered and constant from then on.
#[derive(Debug)]
#[repr(align(16))] // four tag bits for the word of `WaitList`
pub(crate) struct WaitNode {
    next: UnsafeCell<*mut WaitNode>,
    deliver: unsafe fn(NonNull<WaitNode>, Wake),
    note: UnsafeCell<*mut ()>,
    wish: UnsafeCell<Wish>,
    leaving: AtomicBool,
}

impl WaitNode {
    /// A node in no list. `deliver` makes its waiter go on; it is called once, by
    /// whoever has unlinked the node, and is the last touch.
    pub(crate) fn new(deliver: unsafe fn(NonNull<WaitNode>, Wake)) -> Self {
        Self {
            next: UnsafeCell::new(ptr::null_mut()),
            deliver,
            note: UnsafeCell::new(ptr::null_mut()),
            wish: UnsafeCell::new(Wish::ZERO),
            leaving: AtomicBool::new(false),
        }
    }

    pub(crate) fn note(&self) -> *mut () {
        // SAFETY: nobody writes it once the node can be found in a list.
        self.note.with(|note| unsafe { *note })
    }

    /// # Safety
    /// The node is not registered yet.
    pub(crate) unsafe fn set_note(&self, to: *mut ()) {
        // SAFETY: the node is still its owner's.
        self.note.with_mut(|note| unsafe { *note = to });
    }

    pub(super) fn wish(&self) -> Wish {
        // SAFETY: nobody writes it once the node can be found in a list.
        self.wish.with(|wish| unsafe { *wish })
    }

    /// # Safety
    /// The node is not registered yet.
    pub(crate) unsafe fn set_wish(&self, to: Wish) {
        // SAFETY: the node is still its owner's.
        self.wish.with_mut(|wish| unsafe { *wish = to });
    }

    /// Asks whoever sweeps the list next to take the node out.
    pub(super) fn ask_to_leave(&self) {
        // Relaxed: the read-modify-write on the list's word that follows publishes it.
        self.leaving.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_leaving(&self) -> bool {
        self.leaving.load(Ordering::Relaxed)
    }

    pub(super) fn next(&self) -> *mut WaitNode {
        // SAFETY: the caller holds the node (the list's protocol), so nobody writes.
        self.next.with(|next| unsafe { *next })
    }

    pub(super) fn set_next(&self, to: *mut WaitNode) {
        // SAFETY: the caller holds the node (the list's protocol), so nobody else looks.
        self.next.with_mut(|next| unsafe { *next = to });
    }
}

/// Nodes that the holder has unlinked and must deliver. Spent once.
#[derive(Debug)]
#[must_use = "the nodes in a chain are waiters that nobody else will wake"]
pub(crate) struct Chain {
    head: *mut WaitNode,
}

/// One node that the holder has unlinked and must deliver. Spent once.
#[derive(Debug)]
#[must_use = "the node is a waiter that nobody else will wake"]
pub(crate) struct Unlinked(pub(super) NonNull<WaitNode>);

impl Unlinked {
    /// Wakes the waiter.
    pub(crate) fn deliver(self, wake: Wake) {
        // SAFETY: the holder has unlinked the node, which is delivered for the first time.
        unsafe { (self.0.as_ref().deliver)(self.0, wake) };
    }

    pub(crate) fn note(&self) -> *mut () {
        // SAFETY: an undelivered node is valid.
        unsafe { self.0.as_ref() }.note()
    }
}

impl Chain {
    pub(crate) const EMPTY: Chain = Chain {
        head: ptr::null_mut(),
    };

    /// # Safety
    /// The caller has unlinked all nodes from `head` on, and gives them up.
    pub(super) unsafe fn from_raw(head: *mut WaitNode) -> Self {
        Self { head }
    }

    /// A chain of one node, or none, that the caller has unlinked.
    pub(crate) fn of(node: Option<Unlinked>) -> Self {
        let mut chain = Self::EMPTY;
        if let Some(node) = node {
            chain.push(node.0);
        }
        chain
    }

    pub(super) fn push(&mut self, node: NonNull<WaitNode>) {
        // SAFETY: both the node and the chain are the caller's.
        unsafe { node.as_ref() }.set_next(self.head);
        self.head = node.as_ptr();
    }

    pub(super) fn pop(&mut self) -> Option<NonNull<WaitNode>> {
        let node = NonNull::new(self.head)?;
        // SAFETY: an undelivered node of a chain is valid, and the chain holds it.
        self.head = unsafe { node.as_ref() }.next();
        Some(node)
    }

    /// These nodes after those of `others`, whose order is turned round.
    pub(super) fn prepended(mut self, mut others: Chain) -> Self {
        while let Some(node) = others.pop() {
            self.push(node);
        }
        self
    }

    /// The first and the last node.
    pub(super) fn ends(&self) -> Option<(NonNull<WaitNode>, NonNull<WaitNode>)> {
        let first = NonNull::new(self.head)?;
        let mut last = first;
        // SAFETY: the chain holds its nodes, which are valid until they are delivered.
        while let Some(next) = NonNull::new(unsafe { last.as_ref() }.next()) {
            last = next;
        }
        Some((first, last))
    }

    /// All nodes; the chain is empty then.
    pub(super) fn take(&mut self) -> Self {
        std::mem::replace(self, Self::EMPTY)
    }

    /// The same nodes in the opposite order.
    pub(crate) fn reversed(mut self) -> Self {
        let mut other = Chain::EMPTY;
        while let Some(node) = self.pop() {
            other.push(node);
        }
        other
    }

    /// Wakes every waiter in the chain, first to last.
    pub(crate) fn deliver(mut self, wake: Wake) {
        // `pop` reads `next` before the delivery, which is the last touch of the node.
        while let Some(node) = self.pop() {
            Unlinked(node).deliver(wake);
        }
    }
}
