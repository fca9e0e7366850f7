//! The seam to `tracing`: a span a job, and events of the scheduler. Without the cargo feature
//! nothing of it is in the binary.

#[cfg(feature = "tracing")]
pub(super) use on::{JobSpan, parked, resumed, stole, suspended};

#[cfg(not(feature = "tracing"))]
pub(super) use off::{JobSpan, parked, resumed, stole, suspended};

#[cfg(feature = "tracing")]
mod on {
    use std::cell::RefCell;

    use tracing::{Level, Span};

    use crate::sched::task::JobRef;
    use crate::wait::Site;

    /// The span of the job that a fiber runs. It is entered while the fiber runs, and not while it
    /// waits.
    pub(in crate::sched) struct JobSpan(RefCell<Option<Span>>);

    impl JobSpan {
        pub(in crate::sched) fn new() -> Self {
            Self(RefCell::new(None))
        }

        pub(in crate::sched) fn start(&self, job: &JobRef) {
            let job = job.meta();
            let span = tracing::span!(
                target: "rustfiber",
                // Not the job that waits nested below, if one does.
                parent: None,
                Level::INFO,
                "job",
                name = job.name(),
                spawned_at = %job.spawned_at
            );
            *self.0.borrow_mut() = Some(span);
            self.enter();
        }

        pub(in crate::sched) fn end(&self) {
            self.exit();
            let span = self.0.borrow_mut().take();
            drop(span);
        }

        pub(in crate::sched) fn enter(&self) {
            if let Some(span) = self.0.borrow().as_ref() {
                span.with_subscriber(|(id, dispatch)| dispatch.enter(id));
            }
        }

        pub(in crate::sched) fn exit(&self) {
            if let Some(span) = self.0.borrow().as_ref() {
                span.with_subscriber(|(id, dispatch)| dispatch.exit(id));
            }
        }
    }

    pub(in crate::sched) fn suspended(worker: usize, site: &Site) {
        tracing::trace!(target: "rustfiber", worker, waits_for = *site.what, at = %site.at, "suspend");
    }

    pub(in crate::sched) fn resumed(worker: usize) {
        tracing::trace!(target: "rustfiber", worker, "resume");
    }

    pub(in crate::sched) fn stole(worker: usize, victim: usize, job: &JobRef) {
        let job = job.meta();
        tracing::trace!(
            target: "rustfiber",
            worker,
            victim,
            name = job.name(),
            spawned_at = %job.spawned_at,
            "steal"
        );
    }

    pub(in crate::sched) fn parked(worker: usize) {
        tracing::trace!(target: "rustfiber", worker, "park");
    }
}

#[cfg(not(feature = "tracing"))]
mod off {
    use crate::sched::task::JobRef;
    use crate::wait::Site;

    pub(in crate::sched) struct JobSpan;

    impl JobSpan {
        pub(in crate::sched) fn new() -> Self {
            Self
        }

        #[inline(always)]
        pub(in crate::sched) fn start(&self, _job: &JobRef) {}

        #[inline(always)]
        pub(in crate::sched) fn end(&self) {}

        #[inline(always)]
        pub(in crate::sched) fn enter(&self) {}

        #[inline(always)]
        pub(in crate::sched) fn exit(&self) {}
    }

    #[inline(always)]
    pub(in crate::sched) fn suspended(_worker: usize, _site: &Site) {}

    #[inline(always)]
    pub(in crate::sched) fn resumed(_worker: usize) {}

    #[inline(always)]
    pub(in crate::sched) fn stole(_worker: usize, _victim: usize, _job: &JobRef) {}

    #[inline(always)]
    pub(in crate::sched) fn parked(_worker: usize) {}
}
