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
    /// Two words in all, which travel in registers: a third would make it a copy through the stack
    /// in each wait, written by words and read by pairs of them, which costs 6 ns.
    pub(crate) what: &'static &'static str,
    pub(crate) at: &'static Location<'static>,
}

impl Site {
    /// A wait for `what`, at the caller's place in the source.
    #[track_caller]
    pub(crate) fn here(what: &'static &'static str) -> Self {
        Self {
            what,
            at: Location::caller(),
        }
    }
}

/// Something that a node can be registered with.
///
/// There are two kinds. A **broadcast** (an event, a counter, the end of a job) gives nothing away:
/// every node is delivered. A **queue** gives something to one waiter (a lock, a permit, a value):
/// whoever takes a node out, under the queue's lock, claims it first (`WaitNode::claim`), and
/// drops it and goes to the next if that fails.
pub(crate) trait Source {
    /// Registers `node`, or finds that there is nothing to wait for any more and returns
    /// `false`; then the node was never visible to anybody, and this call has claimed it, or tried
    /// to: if the claim failed, nothing has been taken for it.
    ///
    /// After `true` the node will be delivered exactly once, perhaps already, unless it leaves, or
    /// a queue drops it.
    ///
    /// # Safety
    /// - `node` stays valid until it is delivered, and is in no list.
    /// - The waiter does not go on before this call has returned, whatever is delivered
    ///   meanwhile: `self` may lie in the waiter's frame.
    unsafe fn register(&self, node: NonNull<WaitNode>) -> bool;

    /// Takes `node` out again, because its waiter has been served otherwise, or gives up. Says
    /// whether this call has done it; if not, a queue has dropped the node, or a broadcast has
    /// delivered it or is about to.
    ///
    /// # Safety
    /// - `node` was registered here, and another has been claimed for its waiter. It is valid until
    ///   it is out.
    /// - The caller runs where the waiter does, on its thread.
    unsafe fn leave(&self, node: NonNull<WaitNode>) -> bool;
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

impl Reached {
    /// What satisfies nobody's wish.
    pub(super) const NOTHING: Self = Self {
        crossings: 0,
        count: u32::MAX,
    };
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
/// `next`, `prev` and `is_queued` belong to whoever holds the node: the list's protocol says who
/// that is. `note` and
/// `wish` are what the primitive wants to know of the waiter (a channel's slot, what a counter must
/// reach); they are written before the node is registered and constant from then on.
/// The fields stand in this order so that whoever serves a waiter on another thread finds what it needs
/// in one line of the cache, if the node begins one.
#[derive(Debug)]
#[repr(C, align(16))] // four tag bits for the word of `WaitList`
pub(crate) struct WaitNode {
    deliver: unsafe fn(NonNull<WaitNode>, Wake),
    /// For a node that is one of several of its waiter.
    claim: Option<unsafe fn(NonNull<WaitNode>) -> bool>,
    next: UnsafeCell<*mut WaitNode>,
    /// In a queue, and only there.
    prev: UnsafeCell<*mut WaitNode>,
    is_queued: UnsafeCell<bool>,
    leaving: AtomicBool,
    note: UnsafeCell<*mut ()>,
    wish: UnsafeCell<Wish>,
}

impl WaitNode {
    /// A node in no list. `deliver` makes its waiter go on; it is called once, by
    /// whoever has unlinked the node, and is the last touch.
    #[inline(always)]
    pub(crate) fn new(deliver: unsafe fn(NonNull<WaitNode>, Wake)) -> Self {
        Self {
            next: UnsafeCell::new(ptr::null_mut()),
            prev: UnsafeCell::new(ptr::null_mut()),
            is_queued: UnsafeCell::new(false),
            deliver,
            claim: None,
            note: UnsafeCell::new(ptr::null_mut()),
            wish: UnsafeCell::new(Wish::ZERO),
            leaving: AtomicBool::new(false),
        }
    }

    /// A node that is one of several of its waiter, see `group`. `claim` settles, once, whether the
    /// waiter is served through it.
    pub(super) fn one_of_several(
        deliver: unsafe fn(NonNull<WaitNode>, Wake),
        claim: unsafe fn(NonNull<WaitNode>) -> bool,
    ) -> Self {
        Self {
            claim: Some(claim),
            ..Self::new(deliver)
        }
    }

    /// Makes the waiter go on.
    ///
    /// # Safety
    /// The caller has unlinked the node and claimed it, or unlinked it from a broadcast's list; it
    /// is delivered once.
    #[inline]
    pub(super) unsafe fn deliver(node: NonNull<Self>, wake: Wake) {
        // SAFETY: an undelivered node is valid.
        unsafe { (node.as_ref().deliver)(node, wake) };
    }

    /// Settles that the waiter is served through this node. After `false` it is served otherwise,
    /// or has given up: nothing may be given to it, and the caller touches the node no more.
    ///
    /// # Safety
    /// The node is the caller's, who registers it or has just taken it out of a queue whose lock it
    /// still holds; it is claimed once.
    #[inline]
    #[must_use]
    pub(crate) unsafe fn claim(node: NonNull<Self>) -> bool {
        // SAFETY: a node that is registered, or about to be, is valid.
        match unsafe { node.as_ref() }.claim {
            None => true,
            // SAFETY: by contract.
            Some(claim) => unsafe { claim(node) },
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

    pub(super) fn prev(&self) -> *mut WaitNode {
        // SAFETY: as for `next`.
        self.prev.with(|prev| unsafe { *prev })
    }

    pub(super) fn set_prev(&self, to: *mut WaitNode) {
        // SAFETY: as for `set_next`.
        self.prev.with_mut(|prev| unsafe { *prev = to });
    }

    pub(super) fn is_queued(&self) -> bool {
        // SAFETY: as for `next`.
        self.is_queued.with(|is_queued| unsafe { *is_queued })
    }

    pub(super) fn set_queued(&self, to: bool) {
        // SAFETY: as for `set_next`.
        self.is_queued
            .with_mut(|is_queued| unsafe { *is_queued = to });
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
    /// # Safety
    /// The caller has unlinked the node, and gives it up.
    pub(crate) unsafe fn new(node: NonNull<WaitNode>) -> Self {
        Self(node)
    }

    /// Wakes the waiter.
    pub(crate) fn deliver(self, wake: Wake) {
        // SAFETY: the holder has unlinked the node, which is delivered for the first time.
        unsafe { WaitNode::deliver(self.0, wake) };
    }

    pub(super) fn into_node(self) -> NonNull<WaitNode> {
        self.0
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

    /// Puts one more node before the others.
    pub(crate) fn add(&mut self, node: Unlinked) {
        self.push(node.0);
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

/// Claims these nodes, and returns those that could be, in the same order.
///
/// # Safety
/// As for `WaitNode::claim`: the caller has unlinked them.
pub(crate) unsafe fn claimed_chain(nodes: impl Iterator<Item = NonNull<WaitNode>>) -> Chain {
    let mut chain = Chain::EMPTY;
    for node in nodes {
        // SAFETY: by contract.
        if unsafe { WaitNode::claim(node) } {
            chain.push(node);
        }
    }
    chain.reversed()
}
