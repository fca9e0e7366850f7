//! When a wait of a thread ends, if nothing else ends it.

use std::time::Instant;

use crate::primitive::thread;

/// A moment, and what to do when it has passed: once, on the waiter's thread.
#[derive(Clone, Copy)]
pub(crate) struct Deadline<'a> {
    pub(crate) at: Option<Instant>,
    pub(crate) late: &'a dyn Fn(),
}

impl Deadline<'_> {
    /// A wait that takes as long as it takes.
    pub(crate) const NONE: Deadline<'static> = Deadline {
        at: None,
        late: &|| (),
    };

    /// Parks this thread, but not beyond the deadline. When that has passed, says so instead, and
    /// does not come back to it.
    #[cfg(not(any(loom, shuttle)))]
    pub(super) fn park(&mut self) {
        let Some(at) = self.at else {
            return thread::park();
        };
        let left = at.saturating_duration_since(Instant::now());
        if left.is_zero() {
            self.at = None;
            (self.late)();
        } else {
            thread::park_timeout(left);
        }
    }

    /// No time passes in a model: the deadline is a thing that may happen at any moment.
    #[cfg(any(loom, shuttle))]
    pub(super) fn park(&mut self) {
        match self.at.take() {
            Some(_) => (self.late)(),
            None => thread::park(),
        }
    }
}
