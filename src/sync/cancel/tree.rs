//! The tree of tokens.
//!
//! ```text
//!  parent <--- counted --- child <--- counted --- grandchild
//!    | first_child           | first_child
//!    +--> child <-> child    +--> grandchild
//! ```
//!
//! A node is kept by its *references*: its handles, its children, and who is just cancelling it. So
//! a token whose handles are gone still hands a cancel on to its children, and `parent`, which
//! never changes once a child can be found, is always valid. The way down is not counted: a parent
//! lists the children that it has yet to cancel.
//!
//! **Who may touch what.** `waiters`, `first_child`, and the `siblings` of all who stand in that
//! list, belong to whoever holds the node's lock. `is_cancelled` is set under it, once, and from
//! then on no waiter and no child comes in. Nobody ever holds two of these locks.
//!
//! **Cancelling** walks down and up again, with no memory but the tree's own. It sets
//! `is_cancelled`, takes the waiters, some at a time, and delivers them after the unlock. Then it
//! takes a reference to the first child under the lock, and goes there. Where there is neither
//! waiter nor child left, it goes up: it takes the node out of its parent's list, and lets go of
//! it. *A node leaves the list only when all below it are cancelled*, so two that cancel at the
//! same time help each other, and when either returns, everything below is cancelled.
//!
//! **Dropping** the last reference makes the count zero, for ever: a reference is taken under the
//! parent's lock only while the count is not zero. Who has brought it to zero takes the node out of
//! the list, if it is there, frees it, and goes on with the reference that it had to its parent.
//! Who cancels may come first and find a child whose count is zero: then it takes it out instead,
//! under the lock, and touches it no more. *The node is valid as long as it is in the list*: it is
//! freed only after a turn at that lock.
//!
//! **Orderings.** What a lock guards needs no other. `is_cancelled` is read without the lock:
//! released when it is set. `references` is counted down with release, and who brings it to zero
//! acquires, so that every use comes before the end.

use std::ptr::{self, NonNull};

use crate::primitive::UnsafeCell;
use crate::primitive::atomic::{AtomicBool, AtomicUsize, Ordering, fence};
use crate::wait::{Chain, SpinLock, WaitNode, WaitQueue, Wake};

/// Waiters that are taken under one lock.
const BATCH: usize = 32;

/// More can't come about but by leaking handles; then there is no way to go on.
const MOST_REFERENCES: usize = isize::MAX as usize;

pub(super) struct Node {
    references: AtomicUsize,
    is_cancelled: AtomicBool,
    /// Counted there.
    parent: Option<NonNull<Node>>,
    below: SpinLock<Below>,
    /// Belongs to whoever holds the parent's lock.
    siblings: UnsafeCell<Siblings>,
}

/// What hangs on a node until it is cancelled.
struct Below {
    waiters: WaitQueue,
    first_child: *mut Node,
}

// SAFETY: the children are touched as the head of this file says.
unsafe impl Send for Below {}

struct Siblings {
    prev: *mut Node,
    next: *mut Node,
    is_listed: bool,
}

/// What is left to do at a node that is cancelled.
enum Step {
    /// Deliver these, and come again.
    Deliver(Chain),
    /// Cancel this child, to which there is one reference more.
    Down(NonNull<Node>),
    Done,
}

impl Node {
    /// A node with one reference.
    pub(super) fn root() -> NonNull<Self> {
        Self::allocate(None, false)
    }

    /// A child of `parent` with one reference; it is cancelled if `parent` is.
    ///
    /// # Safety
    /// The caller has a reference to `parent`.
    pub(super) unsafe fn child_of(parent: NonNull<Self>) -> NonNull<Self> {
        // SAFETY: by contract.
        let node = unsafe { parent.as_ref() };
        if node.is_cancelled() {
            return Self::allocate(None, true);
        }
        let child = Self::allocate(Some(parent), false);
        let is_listed = node.below.with(|below| {
            // Relaxed: the lock orders it.
            let is_listed = !node.is_cancelled.load(Ordering::Relaxed);
            if is_listed {
                node.retain();
                // SAFETY: the child is new, and this is its parent's lock.
                unsafe { below.list(child) };
            }
            is_listed
        });
        if is_listed {
            return child;
        }
        // SAFETY: nobody else has seen it, and it holds no reference to its parent yet.
        unsafe { Self::free(child) };
        Self::allocate(None, true)
    }

    fn allocate(parent: Option<NonNull<Self>>, is_cancelled: bool) -> NonNull<Self> {
        #[cfg(test)]
        super::tests::LIVE.set(super::tests::LIVE.get() + 1);
        let node = Box::new(Self {
            references: AtomicUsize::new(1),
            is_cancelled: AtomicBool::new(is_cancelled),
            parent,
            below: SpinLock::new(Below {
                waiters: WaitQueue::new(),
                first_child: ptr::null_mut(),
            }),
            siblings: UnsafeCell::new(Siblings {
                prev: ptr::null_mut(),
                next: ptr::null_mut(),
                is_listed: false,
            }),
        });
        NonNull::from(Box::leak(node))
    }

    /// # Safety
    /// Nobody can find the node any more.
    unsafe fn free(node: NonNull<Self>) {
        #[cfg(test)]
        super::tests::LIVE.set(super::tests::LIVE.get() - 1);
        // SAFETY: it comes from `allocate`, and is nobody's.
        drop(unsafe { Box::from_raw(node.as_ptr()) });
    }

    #[inline]
    pub(super) fn is_cancelled(&self) -> bool {
        // Acquire: pairs with the release in `step`: what came before the `cancel` is visible.
        self.is_cancelled.load(Ordering::Acquire)
    }

    /// Takes one reference more; the caller has one, or is in the middle of taking one.
    pub(super) fn retain(&self) {
        // Relaxed: there is a reference, and it stays until this one is known elsewhere.
        if self.references.fetch_add(1, Ordering::Relaxed) > MOST_REFERENCES {
            std::process::abort();
        }
    }

    /// Takes a reference unless the count has come to zero.
    fn try_retain(&self) -> bool {
        let one_more = |count: usize| (count > 0).then(|| count + 1);
        // Relaxed: under the parent's lock, which orders it.
        self.references
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more)
            .is_ok()
    }

    /// Lets go of a reference, and frees what nobody refers to any more: this node, and what it was
    /// the last child of, and so on.
    ///
    /// # Safety
    /// The caller has a reference, and gives it up.
    pub(super) unsafe fn release(node: NonNull<Self>) {
        let mut next = Some(node);
        while let Some(node) = next {
            // SAFETY: the reference that is given up keeps the node until here.
            let this = unsafe { node.as_ref() };
            // Release: pairs with the fence of whoever gives the last one up.
            if this.references.fetch_sub(1, Ordering::Release) != 1 {
                return;
            }
            // Acquire: whatever was done with the other references comes before.
            fence(Ordering::Acquire);
            next = this.parent;
            if let Some(parent) = next {
                // SAFETY: the node's reference keeps its parent.
                unsafe { parent.as_ref() }.strike_off(node);
            }
            // SAFETY: it has no reference and stands in no list.
            unsafe { Self::free(node) };
        }
    }

    /// Takes a child out of the list, if it is there.
    fn strike_off(&self, child: NonNull<Self>) {
        // SAFETY: it is a child of this node, valid as the callers know, and this is the lock.
        self.below.with(|below| unsafe { below.strike_off(child) });
    }

    /// Calls `f` with the waiters, of whom there are none once the token is cancelled.
    pub(super) fn with_waiters<R>(&self, f: impl FnOnce(&mut WaitQueue) -> R) -> R {
        self.below.with(|below| f(&mut below.waiters))
    }

    /// Registers a waiter; `Source::register`.
    ///
    /// # Safety
    /// As for `Source::register`.
    pub(super) unsafe fn register(&self, node: NonNull<WaitNode>) -> bool {
        self.with_waiters(|waiters| {
            // Acquire: this is instead of a wait.
            if self.is_cancelled() {
                // SAFETY: by contract.
                let _ = unsafe { WaitNode::claim(node) };
                return false;
            }
            // SAFETY: by contract.
            unsafe { waiters.push(node) };
            true
        })
    }

    /// Cancels this token and all below.
    ///
    /// # Safety
    /// The caller has a reference to `root`.
    pub(super) unsafe fn cancel(root: NonNull<Self>) {
        let mut at = root;
        loop {
            // SAFETY: the caller has a reference to `root`, and this loop to every node between
            // that and `at`.
            let node = unsafe { at.as_ref() };
            match node.step() {
                Step::Deliver(waiters) => waiters.deliver(Wake::Signalled),
                Step::Down(child) => at = child,
                Step::Done if at == root => return,
                Step::Done => {
                    let parent = node.parent.expect("only a child is below another token");
                    // SAFETY: the parent is `root`, or below.
                    unsafe { parent.as_ref() }.strike_off(at);
                    // SAFETY: taken on the way down.
                    unsafe { Self::release(at) };
                    at = parent;
                }
            }
        }
    }

    /// Does a bounded part of what is to be done here. A child is cancelled when this is called
    /// there.
    fn step(&self) -> Step {
        self.below.with(|below| {
            // Release: pairs with the acquire in `is_cancelled`.
            self.is_cancelled.store(true, Ordering::Release);
            if !below.waiters.is_empty() {
                return Step::Deliver(below.waiters.take(BATCH));
            }
            let Some(child) = NonNull::new(below.first_child) else {
                return Step::Done;
            };
            // SAFETY: what is in the list is valid.
            if unsafe { child.as_ref() }.try_retain() {
                return Step::Down(child);
            }
            // SAFETY: as above. Whoever frees it finds it out of the list.
            unsafe { below.strike_off(child) };
            Step::Deliver(Chain::EMPTY)
        })
    }

    /// # Safety
    /// The caller holds the parent's lock.
    unsafe fn with_siblings<R>(&self, f: impl FnOnce(&mut Siblings) -> R) -> R {
        // SAFETY: by contract nobody else looks.
        self.siblings
            .with_mut(|siblings| f(unsafe { &mut *siblings }))
    }
}

impl Below {
    /// # Safety
    /// This is under the lock of the parent of `child`, which is in no list.
    unsafe fn list(&mut self, child: NonNull<Node>) {
        let first = std::mem::replace(&mut self.first_child, child.as_ptr());
        // SAFETY: this is the lock, and what is in the list is valid.
        unsafe {
            child.as_ref().with_siblings(|siblings| {
                siblings.next = first;
                siblings.is_listed = true;
            });
            if let Some(first) = NonNull::new(first) {
                first
                    .as_ref()
                    .with_siblings(|siblings| siblings.prev = child.as_ptr());
            }
        }
    }

    /// # Safety
    /// This is under the lock of the parent of `child`, which is valid.
    unsafe fn strike_off(&mut self, child: NonNull<Node>) {
        // SAFETY: this is the lock, and what is in the list is valid.
        unsafe {
            let (was_listed, prev, next) = child.as_ref().with_siblings(|siblings| {
                let was_listed = std::mem::replace(&mut siblings.is_listed, false);
                (was_listed, siblings.prev, siblings.next)
            });
            if !was_listed {
                return;
            }
            match NonNull::new(prev) {
                None => self.first_child = next,
                Some(prev) => prev.as_ref().with_siblings(|siblings| siblings.next = next),
            }
            if let Some(next) = NonNull::new(next) {
                next.as_ref().with_siblings(|siblings| siblings.prev = prev);
            }
        }
    }
}
