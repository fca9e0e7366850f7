//! A semaphore whose waiters suspend: the guards. The permits themselves are in `raw`.

pub(super) mod raw;

use std::fmt;
use std::mem;
use std::panic::{RefUnwindSafe, UnwindSafe};

use self::raw::{MOST, RawSemaphore};
use crate::primitive::const_unless_modelled;
use crate::wait::{Site, Waiter};

/// A number of permits, which jobs and threads take and give back: at most so many at a time do
/// what needs one.
///
/// It is fair: who comes first is served first, whatever the numbers. A waiter for many permits is
/// not overtaken by later ones for few, which wait behind it although there may be enough for them.
///
/// Share it by reference (jobs of a scope), in an `Arc`, or in a `static`. To take a permit that
/// outlives the borrow, [`forget`](SemaphorePermit::forget) it, and [`release`](Self::release) it by
/// hand.
///
/// Permits that nobody waits for are taken and given back with one atomic operation each.
///
/// # Memory ordering
/// What came before permits were given back is visible to whoever takes them.
///
/// # Deadlocks
/// Who holds permits and asks for more may wait for itself, or two such for each other. A waiter for
/// more permits than there will ever be waits for ever, or until the deadline of its wait, and
/// everybody behind it. When nothing else goes on, the builder's
/// [`on_stall`](crate::Builder::on_stall) hook is told who waits where.
///
/// # Examples
/// ```
/// use std::sync::atomic::{AtomicUsize, Ordering};
/// use rustfiber::{JobSystem, Semaphore};
///
/// let jobs = JobSystem::new()?;
/// let connections = Semaphore::new(3);
/// let open = AtomicUsize::new(0);
/// jobs.run(|cx| {
///     cx.par_for(0..100, |cx, _| {
///         let _permit = connections.acquire(cx, 1);
///         assert!(open.fetch_add(1, Ordering::Relaxed) < 3);
///         cx.yield_now(); // talks to somebody
///         open.fetch_sub(1, Ordering::Relaxed);
///     })
/// });
/// assert_eq!(connections.available_permits(), 3);
/// # Ok::<(), rustfiber::BuildError>(())
/// ```
pub struct Semaphore {
    raw: RawSemaphore,
}

/// Permits of a [`Semaphore`], which gets them back when this is dropped.
///
/// It may live across waits, and be sent to another job or thread.
///
/// ```
/// use rustfiber::{Blocking, Semaphore};
///
/// let semaphore = Semaphore::new(3);
/// let permits = semaphore.acquire(Blocking, 2);
/// assert_eq!((permits.count(), semaphore.available_permits()), (2, 1));
/// drop(permits);
/// assert_eq!(semaphore.available_permits(), 3);
/// ```
#[must_use = "dropping the permits gives them back at once"]
#[clippy::has_significant_drop]
pub struct SemaphorePermit<'a> {
    semaphore: &'a Semaphore,
    count: usize,
}

impl Semaphore {
    /// The most permits that a semaphore can have.
    ///
    /// ```
    /// use rustfiber::Semaphore;
    ///
    /// let semaphore = Semaphore::new(Semaphore::MAX_PERMITS);
    /// assert!(semaphore.try_acquire(Semaphore::MAX_PERMITS).is_some());
    /// ```
    pub const MAX_PERMITS: usize = MOST;

    const_unless_modelled! {
        /// A semaphore with so many permits.
        ///
        /// ```
        /// use rustfiber::{Blocking, Semaphore};
        ///
        /// static FILES: Semaphore = Semaphore::new(16);
        /// assert_eq!(FILES.acquire(Blocking, 1).count(), 1);
        /// ```
        ///
        /// # Panics
        /// If there are more than [`MAX_PERMITS`](Self::MAX_PERMITS).
        #[must_use]
        #[track_caller]
        pub fn new(permits: usize) -> Self {
            assert!(
                permits <= MOST,
                "a semaphore can't have more than `Semaphore::MAX_PERMITS` permits"
            );
            Self { raw: RawSemaphore::new(permits) }
        }
    }

    /// Takes `n` permits; waits until it is this waiter's turn and there are so many.
    ///
    /// For none, it waits for its turn and nothing else.
    ///
    /// ```
    /// use std::time::Duration;
    /// use rustfiber::{JobSystem, Semaphore};
    ///
    /// let jobs = JobSystem::new()?;
    /// let semaphore = Semaphore::new(4);
    /// jobs.run(|cx| {
    ///     let permits = semaphore.acquire(cx, 3);
    ///     let late = semaphore.acquire(cx.within(Duration::from_millis(1)), 2);
    ///     assert!(late.unwrap_err().is_late());
    ///     drop(permits);
    ///     assert_eq!(semaphore.acquire(cx.within(Duration::ZERO), 2)?.count(), 2);
    ///     Ok::<(), rustfiber::Interrupted>(())
    /// })
    /// .unwrap();
    /// # Ok::<(), rustfiber::BuildError>(())
    /// ```
    ///
    /// # Panics
    /// If `n` is more than [`MAX_PERMITS`](Self::MAX_PERMITS), which no semaphore ever has. With
    /// [`Blocking`](crate::Blocking) inside a job.
    #[inline]
    #[track_caller]
    pub fn acquire<W: Waiter>(&self, who: W, n: usize) -> W::Outcome<SemaphorePermit<'_>> {
        if n > MOST {
            too_many(n);
        }
        if let Err(interrupted) = who.check() {
            return who.outcome(Err(interrupted));
        }
        let acquired = self
            .raw
            .acquire(who, n, Site::here(&"a semaphore's permits"));
        who.outcome(acquired.map(|()| self.permits(n)))
    }

    /// Takes `n` permits if there are so many and nobody waits.
    ///
    /// ```
    /// let semaphore = rustfiber::Semaphore::new(2);
    /// let both = semaphore.try_acquire(2).unwrap();
    /// assert!(semaphore.try_acquire(1).is_none());
    /// drop(both);
    /// assert!(semaphore.try_acquire(1).is_some());
    /// ```
    #[inline]
    pub fn try_acquire(&self, n: usize) -> Option<SemaphorePermit<'_>> {
        (n <= MOST && self.raw.try_acquire(n)).then(|| self.permits(n))
    }

    /// Adds `n` permits: new ones, or those of a [`forgotten`](SemaphorePermit::forget) guard. Who
    /// has waited longest gets them.
    ///
    /// ```
    /// use rustfiber::{JobSystem, Semaphore};
    ///
    /// let jobs = JobSystem::new()?;
    /// let parts = Semaphore::new(0);
    /// jobs.run(|cx| {
    ///     cx.scope(|s| {
    ///         for _ in 0..3 {
    ///             s.spawn(|_| parts.release(1));
    ///         }
    ///         parts.acquire(cx, 3).forget();
    ///     })
    /// });
    /// assert_eq!(parts.available_permits(), 0);
    /// # Ok::<(), rustfiber::BuildError>(())
    /// ```
    ///
    /// # Panics
    /// If there would be more than [`MAX_PERMITS`](Self::MAX_PERMITS); none is added then.
    #[inline]
    #[track_caller]
    pub fn release(&self, n: usize) {
        if self.raw.release(n).is_err() {
            overflow(n);
        }
    }

    /// The permits that are not taken at this moment. If somebody waits for more than that, they
    /// can't be had by others.
    ///
    /// ```
    /// let semaphore = rustfiber::Semaphore::new(2);
    /// let permit = semaphore.try_acquire(1);
    /// assert_eq!(semaphore.available_permits(), 1);
    /// # drop(permit);
    /// ```
    #[must_use]
    pub fn available_permits(&self) -> usize {
        self.raw.permits()
    }

    /// A guard for permits that have been taken.
    #[inline(always)]
    fn permits(&self, count: usize) -> SemaphorePermit<'_> {
        SemaphorePermit {
            semaphore: self,
            count,
        }
    }
}

#[cold]
#[track_caller]
fn too_many(n: usize) -> ! {
    panic!(
        "no semaphore ever has {n} permits: the most are `Semaphore::MAX_PERMITS`, which is {MOST}"
    );
}

#[cold]
#[track_caller]
fn overflow(n: usize) -> ! {
    panic!(
        "{n} more permits would be more than `Semaphore::MAX_PERMITS`, which is {MOST}: \
         were they released twice?"
    );
}

impl SemaphorePermit<'_> {
    /// How many permits these are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.count
    }

    /// Keeps the permits for good: the semaphore gets them back only by
    /// [`release`](Semaphore::release).
    ///
    /// ```
    /// let semaphore = rustfiber::Semaphore::new(1);
    /// semaphore.try_acquire(1).unwrap().forget();
    /// assert_eq!(semaphore.available_permits(), 0);
    /// semaphore.release(1);
    /// assert_eq!(semaphore.available_permits(), 1);
    /// ```
    pub fn forget(self) {
        mem::forget(self);
    }

    /// Takes `n` of these permits into a guard of their own; `None` if they are fewer.
    ///
    /// ```
    /// let semaphore = rustfiber::Semaphore::new(3);
    /// let mut three = semaphore.try_acquire(3).unwrap();
    /// let two = three.split(2).unwrap();
    /// assert_eq!((three.count(), two.count()), (1, 2));
    /// assert!(three.split(2).is_none());
    /// ```
    pub fn split(&mut self, n: usize) -> Option<Self> {
        self.count = self.count.checked_sub(n)?;
        Some(self.semaphore.permits(n))
    }

    /// Adds the permits of another guard to this one.
    ///
    /// ```
    /// let semaphore = rustfiber::Semaphore::new(3);
    /// let mut permits = semaphore.try_acquire(1).unwrap();
    /// permits.merge(semaphore.try_acquire(2).unwrap());
    /// assert_eq!(permits.count(), 3);
    /// ```
    ///
    /// # Panics
    /// If they are permits of another semaphore, or more together than
    /// [`MAX_PERMITS`](Semaphore::MAX_PERMITS).
    #[track_caller]
    pub fn merge(&mut self, other: Self) {
        assert!(
            std::ptr::eq(self.semaphore, other.semaphore),
            "permits of two semaphores can't be merged"
        );
        // Too many only if some were released by hand while a guard had them.
        let sum = self.count.checked_add(other.count);
        match sum.filter(|&sum| sum <= MOST) {
            Some(sum) => self.count = sum,
            None => overflow(other.count),
        }
        other.forget();
    }
}

impl Drop for SemaphorePermit<'_> {
    #[inline]
    fn drop(&mut self) {
        let released = self.semaphore.raw.release(self.count);
        if released.is_err() && !std::thread::panicking() {
            overflow(self.count);
        }
    }
}

// A panic never leaves it half changed: user code does not run while it is.
impl UnwindSafe for Semaphore {}
impl RefUnwindSafe for Semaphore {}

impl fmt::Debug for Semaphore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Semaphore")
            .field("available_permits", &self.available_permits())
            .finish()
    }
}

impl fmt::Debug for SemaphorePermit<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SemaphorePermit")
            .field("count", &self.count)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
