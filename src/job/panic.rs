//! The panic of a job, for whoever waits for it.

use std::any::Any;
use std::error::Error;
use std::fmt;
use std::panic::Location;
use std::sync::Arc;

use super::scope::ScopeRef;
use crate::sched::{Hooks, Panicked};

/// A job panicked: [`JobHandle::join`](crate::JobHandle::join) returns it, and the builder's
/// [`on_panic`](crate::Builder::on_panic) hook is shown it.
///
/// ```
/// use rustfiber::{Blocking, JobSystem};
///
/// let jobs = JobSystem::new()?;
/// let handle = jobs.job().name("doomed").spawn(|_| panic!("out of luck"));
/// let panic = handle.join(Blocking).map(|()| ()).unwrap_err();
/// assert_eq!(panic.message(), "out of luck");
/// assert_eq!(panic.job_name(), Some("doomed"));
/// assert!(panic.into_payload().is::<&str>());
/// # Ok::<(), rustfiber::BuildError>(())
/// ```
pub struct JobPanic {
    /// Behind a type that is never reached by a shared reference, so that the whole is `Sync`.
    payload: Exclusive<Box<dyn Any + Send + 'static>>,
    message: String,
    meta: crate::sched::JobMeta,
}

/// A value that can only be moved out or reached exclusively, and so may be shared.
struct Exclusive<T>(T);

// SAFETY: a shared reference to it gives no access to the value.
unsafe impl<T: Send> Sync for Exclusive<T> {}

impl JobPanic {
    pub(crate) fn new(panicked: Panicked) -> Self {
        Self {
            message: panicked.message().to_owned(),
            payload: Exclusive(panicked.payload),
            meta: panicked.meta,
        }
    }

    /// What the job panicked with, as `std::panic::catch_unwind` would have returned it.
    ///
    /// ```
    /// let jobs = rustfiber::JobSystem::new()?;
    /// let doomed = jobs.spawn(|_| std::panic::panic_any(7_u32));
    /// let panic = doomed.join(rustfiber::Blocking).map(|()| ()).unwrap_err();
    /// assert_eq!(*panic.into_payload().downcast::<u32>().unwrap(), 7);
    /// # Ok::<(), rustfiber::BuildError>(())
    /// ```
    #[must_use]
    pub fn into_payload(self) -> Box<dyn Any + Send + 'static> {
        self.payload.0
    }

    /// Goes on with the job's panic in the caller, without calling the panic hook again.
    ///
    /// ```
    /// let jobs = rustfiber::JobSystem::new()?;
    /// let caught = std::panic::catch_unwind(|| {
    ///     let doomed = jobs.spawn(|_| panic!("passed on"));
    ///     let panic = doomed.join(rustfiber::Blocking).map(|()| ()).unwrap_err();
    ///     panic.resume()
    /// });
    /// assert_eq!(*caught.unwrap_err().downcast::<&str>().unwrap(), "passed on");
    /// # Ok::<(), rustfiber::BuildError>(())
    /// ```
    ///
    /// # Panics
    /// Always.
    pub fn resume(self) -> ! {
        std::panic::resume_unwind(self.into_payload())
    }

    /// The panic's message, if it is a string, as it nearly always is.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The name that the job was given.
    #[must_use]
    pub fn job_name(&self) -> Option<&str> {
        self.meta.name()
    }

    /// Where the job was spawned.
    ///
    /// ```
    /// let jobs = rustfiber::JobSystem::new()?;
    /// let panic = jobs.spawn(|_| panic!()).join(rustfiber::Blocking).map(|()| ()).unwrap_err();
    /// assert!(panic.spawned_at().line() > 0);
    /// # Ok::<(), rustfiber::BuildError>(())
    /// ```
    #[must_use]
    pub fn spawned_at(&self) -> &'static Location<'static> {
        self.meta.spawned_at
    }
}

impl fmt::Display for JobPanic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} panicked: {}", self.meta, self.message)
    }
}

impl fmt::Debug for JobPanic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JobPanic")
            .field("message", &self.message)
            .field("job_name", &self.job_name())
            .field("spawned_at", &self.spawned_at().to_string())
            .finish_non_exhaustive()
    }
}

impl Error for JobPanic {}

/// A panic that nobody has taken yet. Dropping it reports it, so it is lost only with a handle that is
/// forgotten.
pub(super) struct Unjoined {
    panicked: Option<Panicked>,
    hooks: Arc<dyn Hooks>,
    /// The scope that hands the first of its unjoined panics on. It outlives its jobs and their
    /// handles.
    scope: Option<ScopeRef>,
}

impl Unjoined {
    pub(super) fn new(panicked: Panicked, hooks: &Arc<dyn Hooks>, scope: Option<ScopeRef>) -> Self {
        Self {
            panicked: Some(panicked),
            hooks: Arc::clone(hooks),
            scope,
        }
    }

    /// Somebody has joined the job.
    pub(super) fn take(mut self) -> Panicked {
        self.panicked.take().expect("taken once, by value")
    }
}

impl Drop for Unjoined {
    fn drop(&mut self) {
        let Some(panicked) = self.panicked.take() else {
            return;
        };
        let left = match &self.scope {
            Some(scope) => scope.core().keep_panic(panicked),
            None => Some(panicked),
        };
        if let Some(panicked) = left {
            self.hooks.unclaimed(panicked);
        }
    }
}
