//! A counter of unfinished work that can be waited on: the handles. The protocol is in `core`, and
//! what workers put off in `carry`.

mod carry;
mod core;
mod future;

use std::fmt;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::ptr::NonNull;

use self::carry::Shares;
use self::core::*;
pub(crate) use self::core::{Continuation, Ticket};
pub use self::future::CounterFuture;
use crate::primitive::atomic::{AtomicU64, Ordering};
use crate::unwind::complain;
use crate::wait::{Site, Source, WaitList, WaitNode, Waiter, Wish};

/// Counts unfinished work; jobs and threads wait until it is zero.
///
/// A counter is a shared handle: clones count the same thing. Jobs spawned with it
/// (`cx.spawn_counted(&counter, ..)`, `cx.job().counter(&counter)`) raise it when they are spawned
/// and lower it when they have ended, also when they panic. Anything else (a file load, a GPU
/// fence) is counted by hand with [`add`](Self::add) and [`done`](Self::done), or with a
/// [`hold`](Self::hold).
///
/// A new counter is zero.
///
/// # Memory ordering
/// What a counted job did, and what came before a `done`, is visible after a wait that it ends.
///
/// # Deadlocks
/// A job that waits for a counter that counts the job itself never goes on.
///
/// # Examples
/// ```
/// use std::sync::atomic::{AtomicU32, Ordering};
/// use rustfiber::{Counter, JobSystem};
///
/// let jobs = JobSystem::new()?;
/// let sum = AtomicU32::new(0);
/// jobs.run(|cx| {
///     let counter = Counter::new();
///     cx.scope(|s| {
///         for n in 1..=10 {
///             let sum = &sum;
///             s.spawn_counted(&counter, move |_| sum.fetch_add(n, Ordering::Relaxed));
///         }
///         counter.wait(cx);
///         assert_eq!(sum.load(Ordering::Relaxed), 55);
///     });
/// });
/// # Ok::<(), rustfiber::BuildError>(())
/// ```
pub struct Counter {
    core: NonNull<Core>,
}

// SAFETY: a handle reaches atomics and the list, whose protocols are for any thread.
unsafe impl Send for Counter {}
// SAFETY: as above.
unsafe impl Sync for Counter {}

impl Counter {
    /// A counter at zero.
    ///
    /// ```
    /// assert!(rustfiber::Counter::new().is_zero());
    /// ```
    #[must_use]
    pub fn new() -> Self {
        let core = Box::new(Core {
            state: AtomicU64::new(REF),
            settled: AtomicU64::new(0),
            shares: Shares::new(),
            waiters: WaitList::new(),
        });
        Self {
            core: NonNull::from(Box::leak(core)),
        }
    }

    fn core(&self) -> &Core {
        // SAFETY: the handle's reference keeps the block alive.
        unsafe { self.core.as_ref() }
    }

    /// The count at this moment. It may change at once; to wait for it, use [`wait`](Self::wait).
    ///
    /// ```
    /// let counter = rustfiber::Counter::new();
    /// counter.add(2);
    /// assert_eq!(counter.count(), 2);
    /// # counter.done(); counter.done();
    /// ```
    #[must_use]
    pub fn count(&self) -> u32 {
        self.core().collect();
        self.core().now()
    }

    /// Whether the count is zero at this moment.
    #[must_use]
    pub fn is_zero(&self) -> bool {
        self.core().now() == 0
    }

    /// Raises the count by `n`. Each is taken back with one [`done`](Self::done).
    ///
    /// ```
    /// let counter = rustfiber::Counter::new();
    /// counter.add(1);
    /// assert!(!counter.is_zero());
    /// counter.done();
    /// assert!(counter.is_zero());
    /// ```
    ///
    /// # Panics
    /// If the count would exceed 2<sup>25</sup>.
    #[track_caller]
    pub fn add(&self, n: u32) {
        let n = u64::from(n);
        let fits = |state: u64| (state & PENDING) + n <= MOST_BY_HAND;
        let raise = || self.core().update(|state| fits(state).then(|| state + n));
        let raised = raise().or_else(|_| {
            // Of jobs that are carried, by themselves far fewer.
            self.core().collect();
            raise()
        });
        assert!(
            raised.is_ok(),
            "`Counter::add({n})` would raise the count above 2^25"
        );
    }

    /// Lowers the count by one, and wakes who waits for that.
    ///
    /// ```
    /// let counter = rustfiber::Counter::new();
    /// counter.add(2);
    /// counter.done();
    /// assert_eq!(counter.count(), 1);
    /// # counter.done();
    /// ```
    ///
    /// # Panics
    /// If the count is zero: there is one `done` more than there were `add`s.
    #[track_caller]
    pub fn done(&self) {
        match self.core().lower(1, 0) {
            Ok((due, _)) => self.core().wake(due, 0),
            Err(Underflow) => panic!(
                "`Counter::done` below zero: each `done` must have its own `add` \
                 (a counted job and a hold lower the counter by themselves)"
            ),
        }
    }

    /// Raises the count by one until the hold is dropped: keeps the counter up while more is added
    /// to it.
    ///
    /// ```
    /// let counter = rustfiber::Counter::new();
    /// let hold = counter.hold();
    /// assert_eq!(counter.count(), 1);
    /// drop(hold);
    /// assert!(counter.is_zero());
    /// ```
    pub fn hold(&self) -> CounterHold {
        CounterHold(Some(self.ticket()))
    }

    /// Waits until the count has been zero at some moment since the call.
    ///
    /// No such moment is missed, however short it is, and none before the call counts.
    ///
    /// ```
    /// use rustfiber::{Blocking, Counter, JobSystem};
    ///
    /// let jobs = JobSystem::new()?;
    /// let counter = Counter::new();
    /// let handle = jobs.job().counter(&counter).spawn(|_| 42);
    /// counter.wait(Blocking);
    /// assert!(handle.is_finished());
    /// # Ok::<(), rustfiber::BuildError>(())
    /// ```
    ///
    /// # Panics
    /// With [`Blocking`](crate::Blocking) inside a job.
    #[inline(always)]
    #[track_caller]
    pub fn wait<W: Waiter>(&self, who: W) -> W::Outcome<()> {
        self.wait_for_level(who, 0, Site::here(&"a counter to reach zero"))
    }

    /// Waits until the count is at most `n`.
    ///
    /// Between the moment at which the count is low enough and the return it may have grown again.
    /// Unlike with [`wait`](Self::wait), a dip that is over before the waiter has looked may go
    /// unnoticed.
    ///
    /// # Panics
    /// With [`Blocking`](crate::Blocking) inside a job.
    ///
    /// ```
    /// use rustfiber::{Counter, JobSystem};
    ///
    /// // No more than eight unfinished jobs at any time.
    /// let jobs = JobSystem::new()?;
    /// jobs.run(|cx| {
    ///     let unfinished = Counter::new();
    ///     for n in 0..100 {
    ///         unfinished.wait_until(cx, 7);
    ///         assert!(unfinished.count() <= 7);
    ///         cx.spawn_counted(&unfinished, move |_| n * n);
    ///     }
    ///     unfinished.wait(cx);
    /// });
    /// # Ok::<(), rustfiber::BuildError>(())
    /// ```
    #[track_caller]
    pub fn wait_until<W: Waiter>(&self, who: W, n: u32) -> W::Outcome<()> {
        self.wait_for_level(who, n, Site::here(&"a counter to fall"))
    }

    #[inline(always)]
    fn wait_for_level<W: Waiter>(&self, who: W, level: u32, site: Site) -> W::Outcome<()> {
        if let Err(interrupted) = who.check() {
            return who.outcome(Err(interrupted));
        }
        let level = level.min(PENDING as u32);
        while let Some(since) = self.core().arrive(level) {
            let source = AtMost {
                core: self.core(),
                wish: Wish { since, level },
            };
            if let Err(interrupted) = super::wait_for(who, &source, site) {
                return who.outcome(Err(interrupted));
            }
            if level == 0 {
                break;
            }
        }
        who.outcome(Ok(()))
    }

    /// Counts one job: raises the count, and takes a reference, with one operation.
    #[inline]
    pub(crate) fn ticket(&self) -> Ticket {
        // Relaxed is enough to take a reference from an existing one; the job's hand-over publishes
        // the rest. The limits on references and on what is added by hand keep `pending` far from
        // its own.
        check_refs(self.core().state.fetch_add(REF + ONE, Ordering::Relaxed));
        Ticket { core: self.core }
    }

    /// As `ticket`, for a handle that is given up: its reference becomes the job's.
    pub(crate) fn into_ticket(self) -> Ticket {
        let core = std::mem::ManuallyDrop::new(self).core;
        // Relaxed: as in `ticket`.
        // SAFETY: the reference is taken over.
        unsafe { core.as_ref() }
            .state
            .fetch_add(ONE, Ordering::Relaxed);
        Ticket { core }
    }

    /// Registers a continuation, which is delivered when the count has been zero since the call.
    ///
    /// # Safety
    /// As for `Source::register`; `node` also stays valid until this returns.
    pub(crate) unsafe fn register(&self, node: NonNull<WaitNode>) -> Continuation {
        let Some(since) = self.core().arrive(0) else {
            return Continuation::Due;
        };
        let source = AtMost {
            core: self.core(),
            wish: Wish { since, level: 0 },
        };
        // SAFETY: by contract.
        if unsafe { source.register(node) } {
            Continuation::Registered
        } else {
            Continuation::Due
        }
    }
}

/// Keeps a [`Counter`] one higher until it is dropped; from [`Counter::hold`].
///
/// ```
/// use rustfiber::{Blocking, Counter, JobSystem};
///
/// let jobs = JobSystem::new()?;
/// let counter = Counter::new();
/// let hold = counter.hold();
/// for _ in 0..10 {
///     jobs.job().counter(&counter).spawn(|_| ()); // may end at once; the hold keeps the counter up
/// }
/// assert!(!counter.is_zero());
/// drop(hold);
/// counter.wait(Blocking);
/// # Ok::<(), rustfiber::BuildError>(())
/// ```
///
/// # Panics
/// Dropping it panics if the counter is zero already, because of one `done` too many elsewhere.
#[must_use = "the counter is lowered again as soon as the hold is dropped"]
pub struct CounterHold(Option<Ticket>);

impl Drop for CounterHold {
    fn drop(&mut self) {
        let underflow = self.0.take().is_some_and(|ticket| ticket.finish().is_err());
        if underflow {
            let what = "a counter was zero while it was held: \
                somewhere there is a `Counter::done` without its own `add`";
            if std::thread::panicking() {
                complain(format_args!("{what}"));
            } else {
                panic!("{what}");
            }
        }
    }
}

impl fmt::Debug for CounterHold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CounterHold").finish_non_exhaustive()
    }
}

// A panic never leaves it half changed: user code does not run while it is.
impl UnwindSafe for Counter {}
impl RefUnwindSafe for Counter {}

impl Clone for Counter {
    fn clone(&self) -> Self {
        // Relaxed: a reference is taken from an existing one.
        check_refs(self.core().state.fetch_add(REF, Ordering::Relaxed));
        Self { core: self.core }
    }
}

impl Drop for Counter {
    fn drop(&mut self) {
        self.core().drop_ref();
    }
}

impl Default for Counter {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Counter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Counter")
            .field("count", &self.count())
            .finish()
    }
}

#[cfg(test)]
mod tests;
