//! Jobs from outside: a queue that every thread may push to and every worker take from.

use crossbeam_queue::SegQueue;

use super::task::JobRef;

/// Unstarted jobs that no worker owns, first in, first out.
pub(crate) struct Injector(SegQueue<JobRef>);

impl Injector {
    pub(crate) fn new() -> Self {
        Self(SegQueue::new())
    }

    pub(crate) fn push(&self, job: JobRef) {
        self.0.push(job);
    }

    pub(crate) fn pop(&self) -> Option<JobRef> {
        // The load spares an empty queue the barrier of a pop.
        if self.0.is_empty() {
            return None;
        }
        self.0.pop()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }
}
