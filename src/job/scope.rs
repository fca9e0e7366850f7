//! Jobs that borrow from the job that waits for them.
//!
//! A scope counts its children in a `Tally`. A child that is the last of all closes `done`; the scope's
//! frame waits for that, unless the body was the last. A child touches the scope last by that close, or by
//! counting itself off if it was not the last: the frame may be gone right after.
//!
//! The body is who runs on the scope's own fiber: other code there is what the body has called.

use std::fmt;
use std::marker::PhantomData;
use std::panic::resume_unwind;
use std::ptr::NonNull;

use super::handle::Done;
use super::tally::Tally;
use crate::sched::{Context, JobFiber, JobRef, Panicked, Shared, Worker};
use crate::unwind;
use crate::wait::{Site, SpinLock, WaitList, Wake};

/// A scope for jobs that borrow: from [`Context::scope`].
///
/// `'env` is what the jobs may borrow from outside, `'scope` the scope itself: a job may capture
/// the scope and spawn its siblings.
///
/// ```
/// use rustfiber::{JobSystem, Scope};
/// use std::sync::atomic::{AtomicU32, Ordering};
///
/// /// Spawns siblings from children.
/// fn grow<'scope>(s: &'scope Scope<'scope, '_>, leaves: &'scope AtomicU32, depth: u32) {
///     s.spawn(move |_| match depth {
///         0 => {
///             leaves.fetch_add(1, Ordering::Relaxed);
///         }
///         _ => (0..3).for_each(|_| grow(s, leaves, depth - 1)),
///     });
/// }
///
/// let jobs = JobSystem::new()?;
/// let leaves = AtomicU32::new(0);
/// jobs.run(|cx| cx.scope(|s| grow(s, &leaves, 4)));
/// assert_eq!(leaves.into_inner(), 81);
/// # Ok::<(), rustfiber::BuildError>(())
/// ```
pub struct Scope<'scope, 'env: 'scope> {
    core: ScopeCore,
    scope: PhantomData<&'scope mut &'scope ()>,
    env: PhantomData<&'env mut &'env ()>,
}

pub(super) struct ScopeCore {
    tally: Tally,
    /// The system, which lives as long as the job whose frame this is.
    shared: NonNull<Shared>,
    /// The fiber that the body runs on.
    fiber: NonNull<JobFiber>,
    done: WaitList,
    /// The first panic that nobody has joined.
    panic: SpinLock<Option<Panicked>>,
}

// SAFETY: `Shared` is `Sync`, and everything else is made for many threads.
unsafe impl Sync for Scope<'_, '_> {}

/// A child's way back to its scope.
#[derive(Clone, Copy)]
pub(super) struct ScopeRef(NonNull<ScopeCore>);

// SAFETY: a `ScopeCore` is reached from any thread, as long as its frame waits (see above).
unsafe impl Send for ScopeRef {}

impl ScopeRef {
    pub(super) fn core(&self) -> &ScopeCore {
        // SAFETY: a child, and its handle, are gone before the scope's frame goes on.
        unsafe { self.0.as_ref() }
    }

    /// # Safety
    /// Called once for each child, when it has ended; the caller touches the scope no more.
    pub(super) unsafe fn child_done(self) {
        let core = self.core();
        if core.tally.end_child() {
            core.done.close().0.deliver(Wake::Signalled);
        }
    }
}

impl ScopeCore {
    /// Keeps a panic for the scope to hand on, unless it has one.
    pub(super) fn keep_panic(&self, panicked: Panicked) -> Option<Panicked> {
        self.panic.with(|first| match first {
            Some(_) => Some(panicked),
            None => {
                *first = Some(panicked);
                None
            }
        })
    }

    /// Takes one more child in; `worker` is this thread's, if it is one of the scope's system.
    #[inline]
    pub(super) fn add_child(&self, worker: Option<&Worker>) -> ScopeRef {
        if worker.is_some_and(|worker| worker.runs(self.fiber)) {
            self.tally.start_by_body();
        } else {
            self.tally.start();
        }
        ScopeRef(NonNull::from(self))
    }

    /// Calls `f` with this thread's worker, if it is one of the scope's system.
    ///
    /// Always inlined: what `f` has captured would go through memory, in two stores and one load that has
    /// to wait for both.
    #[inline(always)]
    pub(super) fn with_worker<R>(&self, f: impl FnOnce(Option<&Worker>) -> R) -> R {
        f(self.shared().this_worker())
    }

    /// Queues a child: on this thread's own worker, or with the system.
    pub(super) fn queue(&self, worker: Option<&Worker>, job: JobRef) {
        match worker {
            Some(worker) => worker.spawn(job),
            None => _ = self.shared().inject(job),
        }
    }

    fn shared(&self) -> &Shared {
        // SAFETY: the scope's own job keeps the system from ending.
        unsafe { self.shared.as_ref() }
    }
}

impl<'scope, 'env> Scope<'scope, 'env> {
    pub(super) fn core(&self) -> &ScopeCore {
        &self.core
    }
}

impl Context<'_> {
    /// Calls `f` with a scope, in which jobs can be spawned that borrow from here; returns when
    /// they have all ended.
    ///
    /// # Panics
    /// With the panic of `f`, else with the first panic of a job that was not joined, after all
    /// jobs have ended. Further ones go to the [`on_panic`](crate::Builder::on_panic) hook. A job's
    /// panic is its handle's until that is dropped: who forgets the handle (`mem::forget`) forgets
    /// the panic.
    ///
    /// # Examples
    /// ```
    /// use rustfiber::JobSystem;
    ///
    /// let jobs = JobSystem::new()?;
    /// let mut squares = [0; 100];
    /// jobs.run(|cx| {
    ///     cx.scope(|s| {
    ///         for (n, square) in squares.iter_mut().enumerate() {
    ///             s.spawn(move |_| *square = n * n);
    ///         }
    ///     });
    /// });
    /// assert_eq!(squares[99], 9801);
    /// # Ok::<(), rustfiber::BuildError>(())
    /// ```
    #[track_caller]
    pub fn scope<'env, R>(
        &self,
        f: impl for<'scope> FnOnce(&'scope Scope<'scope, 'env>) -> R,
    ) -> R {
        self.assert_running();
        let site = Site::here(&"the jobs of a scope");
        let scope = Scope {
            core: ScopeCore {
                tally: Tally::new(),
                shared: NonNull::from(&**self.worker().shared()),
                fiber: NonNull::from(self.fiber()),
                done: WaitList::new(),
                panic: SpinLock::new(None),
            },
            scope: PhantomData,
            env: PhantomData,
        };
        let result = unwind::catch(|| f(&scope));
        let core = &scope.core;
        if core.tally.end_body() {
            self.wait(&Done(&core.done), site);
        }
        let panicked = core.panic.with(Option::take);
        match (result, panicked) {
            (Ok(result), None) => result,
            (Ok(result), Some(panicked)) => {
                if let Err(second) = unwind::drop_caught(result) {
                    self.report(second);
                }
                resume_unwind(panicked.payload)
            }
            (Err(payload), panicked) => {
                if let Some(second) = panicked {
                    self.hooks().unclaimed(second);
                }
                resume_unwind(payload)
            }
        }
    }
}

impl fmt::Debug for Scope<'_, '_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scope")
            .field("unfinished_jobs", &self.core.tally.unfinished())
            .finish_non_exhaustive()
    }
}
