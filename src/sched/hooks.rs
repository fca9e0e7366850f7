//! What the scheduler and the jobs report to the front door.

use super::census::Census;
use super::task::JobMeta;
use super::watch::BlockedWorker;
use crate::stack::StackError;
use crate::unwind::{self, Payload};

/// Where reports go. None of these unwinds.
pub(crate) trait Hooks: Send + Sync {
    /// A panic that nobody waits for.
    fn unclaimed(&self, panicked: Panicked);

    /// A counted job ended, and its counter was at zero already.
    fn counter_below_zero(&self);

    /// No worker has a fiber for the unstarted jobs, and no fiber can go on.
    fn stalled(&self, census: Census, stack_error: Option<&StackError>);

    /// Something foreign blocks a worker.
    fn blocked(&self, blocked: BlockedWorker);
}

/// What a job panicked with, and which job it was.
#[derive(Debug)]
pub(crate) struct Panicked {
    pub(crate) payload: Payload,
    pub(crate) meta: JobMeta,
}

impl Panicked {
    pub(crate) fn new(payload: Payload, meta: &JobMeta) -> Self {
        Self {
            payload,
            meta: meta.clone(),
        }
    }

    pub(crate) fn message(&self) -> &str {
        unwind::message(&self.payload)
    }
}
