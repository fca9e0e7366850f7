//! What the tests of this floor and of those above share.

use std::ptr::NonNull;

use super::{Source, WaitList, WaitNode, Wake};
use crate::primitive::UnsafeCell;

/// A waiter that notes how it was delivered.
///
/// It is written by whoever delivers it, and read by the test when all is over: a model reports two
/// deliveries, one that does not see the registration, and one that the end does not see.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct Probe {
    node: WaitNode,
    outcome: UnsafeCell<Option<Wake>>,
}

// SAFETY: for the model to judge: it checks each access.
unsafe impl Send for Probe {}
// SAFETY: as above.
unsafe impl Sync for Probe {}

impl Probe {
    pub(crate) fn new() -> Self {
        Self {
            node: WaitNode::new(deliver),
            outcome: UnsafeCell::new(None),
        }
    }

    pub(crate) fn node(&self) -> NonNull<WaitNode> {
        NonNull::from(self).cast()
    }

    /// How it was delivered. For whoever comes after all that could do it.
    pub(crate) fn outcome(&self) -> Option<Wake> {
        // SAFETY: by contract nobody writes; a model checks it.
        self.outcome.with(|outcome| unsafe { *outcome })
    }
}

/// # Safety
/// As `WaitNode::new` says: called once, by whoever has unlinked the node of a `Probe`.
unsafe fn deliver(node: NonNull<WaitNode>, wake: Wake) {
    // SAFETY: the node is the first field of its probe, which outlives the test's lists.
    let probe = unsafe { node.cast::<Probe>().as_ref() };
    probe.outcome.with_mut(|outcome| {
        // SAFETY: there is only one delivery; a model checks it.
        let before = unsafe { outcome.replace(Some(wake)) };
        assert_eq!(before, None, "a node was delivered twice");
    });
}

/// Something that happens once.
pub(crate) struct Gate(pub(crate) WaitList);

impl Gate {
    pub(crate) fn new() -> Self {
        Self(WaitList::new())
    }

    pub(crate) fn open(&self) {
        self.0.close().0.deliver(Wake::Signalled);
    }
}

impl Source for Gate {
    unsafe fn register(&self, node: NonNull<WaitNode>) -> bool {
        // SAFETY: by contract.
        unsafe { self.0.register(node) }
    }

    unsafe fn leave(&self, node: NonNull<WaitNode>) -> bool {
        // SAFETY: by contract.
        unsafe { self.0.deregister(node) }
    }
}

/// Memory that one side writes before something happens, and another reads after it.
#[cfg(loom)]
#[derive(Debug)]
pub(crate) struct Evidence(UnsafeCell<u32>);

// SAFETY: for the model to judge: it checks each access.
#[cfg(loom)]
unsafe impl Send for Evidence {}
// SAFETY: as above.
#[cfg(loom)]
unsafe impl Sync for Evidence {}

#[cfg(loom)]
impl Evidence {
    pub(crate) fn new() -> Self {
        Self(UnsafeCell::new(0))
    }

    pub(crate) fn add(&self, n: u32) {
        // SAFETY: the pointer is valid for the closure, and the model rules out races.
        self.0.with_mut(|value| unsafe { *value += n });
    }

    pub(crate) fn read(&self) -> u32 {
        // SAFETY: as above.
        self.0.with(|value| unsafe { *value })
    }
}

/// Runs `model` in every interleaving with at most that many preemptions.
#[cfg(loom)]
pub(crate) fn explore(
    preemptions: impl Into<Option<usize>>,
    model: impl Fn() + Sync + Send + 'static,
) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = preemptions.into();
    builder.max_duration = None;
    builder.check(model);
}
