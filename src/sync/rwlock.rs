//! A read-write lock whose waiters suspend: the typed part.
//!
//! The lock is a fair semaphore (`semaphore/raw.rs`): a reader takes one permit, a writer all of them.
//! So all that holds of the semaphore holds here, fairness above all.

mod guard;

use std::cell::UnsafeCell;
use std::fmt;

pub use self::guard::{RwLockReadGuard, RwLockWriteGuard};
use super::semaphore::raw::{self, RawSemaphore};
use crate::primitive::const_unless_modelled;
use crate::wait::{Site, Waiter};

/// What a reader takes.
const ONE: usize = 1;
/// What a writer takes: all there are. No memory has room for so many readers.
const ALL: usize = raw::MOST;

/// A value that one may change, or many may read, at a time.
///
/// Who waits for it suspends (a job) or blocks (a plain thread); a worker is never held. The guards
/// belong to nobody in particular: they may live across waits, yields and parallel loops, and may be
/// sent to another job or thread.
///
/// It is fair: who comes first is served first. A reader that comes while a writer waits, waits
/// behind it, so that writers don't starve, and neither do readers.
///
/// There is no poisoning: a panic that drops a guard unlocks the lock.
///
/// A lock that nobody waits for costs two atomic operations, one for each end.
///
/// # Memory ordering
/// What came before an unlock is visible after the locks that have to come after it: that of a
/// writer to all, that of a reader to writers.
///
/// # Deadlocks
/// To lock a lock that the same job or thread holds already is to wait for ever, or until the
/// deadline of the wait. That is so for **two reads, too**, if a writer comes in between: the second
/// read waits for the writer, and the writer for the first. And so it is for two locks that two jobs
/// lock in opposite orders. When nothing else goes on, the builder's
/// [`on_stall`](crate::Builder::on_stall) hook is told who waits where.
///
/// # Examples
/// ```
/// use rustfiber::{Blocking, JobSystem, RwLock};
///
/// let jobs = JobSystem::new()?;
/// let prices = RwLock::new(vec![3, 5, 8]);
/// let total = jobs.run(|cx| {
///     cx.join(
///         |cx| prices.write(cx).iter_mut().for_each(|price| *price *= 2),
///         |cx| prices.read(cx).len(),
///     );
///     let prices = prices.read(cx);
///     cx.par_map_reduce(0..prices.len(), || 0, |_, n| prices[n], |a, b| a + b)
/// });
/// assert_eq!(total, 32);
/// assert_eq!(*prices.read(Blocking), [6, 10, 16]);
/// # Ok::<(), rustfiber::BuildError>(())
/// ```
pub struct RwLock<T: ?Sized> {
    raw: RawSemaphore,
    /// Reached by the holders of permits of `raw`. Not the cell that a model checks: a guard lends
    /// the value for longer than that can follow, so models protect something that it can.
    value: UnsafeCell<T>,
}

// SAFETY: the value is owned.
unsafe impl<T: ?Sized + Send> Send for RwLock<T> {}
// SAFETY: the lock lends the value to one at a time, mutably, which is as if it were sent, or to
// many, shared.
unsafe impl<T: ?Sized + Send + Sync> Sync for RwLock<T> {}

impl<T> RwLock<T> {
    const_unless_modelled! {
        /// An unlocked lock.
        ///
        /// ```
        /// use rustfiber::{Blocking, RwLock};
        ///
        /// static NAMES: RwLock<Vec<String>> = RwLock::new(Vec::new());
        /// NAMES.write(Blocking).push("Ada".to_owned());
        /// assert_eq!(*NAMES.read(Blocking), ["Ada"]);
        /// ```
        #[must_use]
        pub fn new(value: T) -> Self {
            Self {
                raw: RawSemaphore::new(ALL),
                value: UnsafeCell::new(value),
            }
        }
    }

    /// The value, of a lock that nobody shares any more.
    ///
    /// ```
    /// assert_eq!(rustfiber::RwLock::new(42).into_inner(), 42);
    /// ```
    #[must_use]
    pub fn into_inner(self) -> T {
        self.value.into_inner()
    }
}

impl<T: ?Sized> RwLock<T> {
    /// Waits until no writer holds the lock, and nobody who has come earlier waits; locks it for
    /// reading.
    ///
    /// ```
    /// use std::time::Duration;
    /// use rustfiber::{JobSystem, RwLock};
    ///
    /// let jobs = JobSystem::new()?;
    /// let lock = RwLock::new(1);
    /// jobs.run(|cx| {
    ///     let (one, other) = (lock.read(cx), lock.read(cx));
    ///     assert_eq!(*one + *other, 2);
    ///     drop((one, other));
    ///
    ///     let guard = lock.write(cx);
    ///     let late = lock.read(cx.within(Duration::from_millis(1)));
    ///     assert!(late.unwrap_err().is_late());
    ///     drop(guard);
    /// });
    /// # Ok::<(), rustfiber::BuildError>(())
    /// ```
    ///
    /// # Panics
    /// With [`Blocking`](crate::Blocking) inside a job.
    ///
    /// # Deadlocks
    /// If the same job or thread reads already, and a writer has come meanwhile: see
    /// [`RwLock`].
    #[inline]
    #[track_caller]
    pub fn read<W: Waiter>(&self, who: W) -> W::Outcome<RwLockReadGuard<'_, T>> {
        if let Err(interrupted) = who.check() {
            return who.outcome(Err(interrupted));
        }
        let locked = self.raw.acquire(who, ONE, Site::here(&"a lock to read"));
        // SAFETY: the permit is taken, for this guard.
        who.outcome(locked.map(|()| unsafe { RwLockReadGuard::new(self) }))
    }

    /// Waits until nobody else holds the lock, and nobody who has come earlier waits; locks it for
    /// writing.
    ///
    /// ```
    /// use rustfiber::{JobSystem, RwLock};
    ///
    /// let jobs = JobSystem::new()?;
    /// let lock = RwLock::new(0);
    /// jobs.run(|cx| cx.par_for(0..100, |cx, n| *lock.write(cx) += n));
    /// assert_eq!(lock.into_inner(), 4950);
    /// # Ok::<(), rustfiber::BuildError>(())
    /// ```
    ///
    /// # Panics
    /// With [`Blocking`](crate::Blocking) inside a job.
    #[inline]
    #[track_caller]
    pub fn write<W: Waiter>(&self, who: W) -> W::Outcome<RwLockWriteGuard<'_, T>> {
        if let Err(interrupted) = who.check() {
            return who.outcome(Err(interrupted));
        }
        let locked = self.raw.acquire(who, ALL, Site::here(&"a lock to write"));
        // SAFETY: all permits are taken, for this guard.
        who.outcome(locked.map(|()| unsafe { RwLockWriteGuard::new(self) }))
    }

    /// Locks it for reading if no writer holds it and nobody waits.
    ///
    /// ```
    /// let lock = rustfiber::RwLock::new(1);
    /// let guard = lock.try_read().unwrap();
    /// assert!(lock.try_read().is_some() && lock.try_write().is_none());
    /// assert_eq!(*guard, 1);
    /// ```
    #[inline]
    pub fn try_read(&self) -> Option<RwLockReadGuard<'_, T>> {
        // SAFETY: the permit is taken, for this guard.
        self.raw
            .try_acquire(ONE)
            .then(|| unsafe { RwLockReadGuard::new(self) })
    }

    /// Locks it for writing if nobody holds it or waits.
    ///
    /// ```
    /// let lock = rustfiber::RwLock::new(1);
    /// *lock.try_write().unwrap() += 1;
    /// let guard = lock.try_write().unwrap();
    /// assert!(lock.try_read().is_none());
    /// assert_eq!(*guard, 2);
    /// ```
    #[inline]
    pub fn try_write(&self) -> Option<RwLockWriteGuard<'_, T>> {
        // SAFETY: all permits are taken, for this guard.
        self.raw
            .try_acquire(ALL)
            .then(|| unsafe { RwLockWriteGuard::new(self) })
    }

    /// Whether somebody holds the lock at this moment.
    ///
    /// ```
    /// let lock = rustfiber::RwLock::new(());
    /// let guard = lock.try_read();
    /// assert!(lock.is_locked());
    /// drop(guard);
    /// assert!(!lock.is_locked());
    /// ```
    #[must_use]
    pub fn is_locked(&self) -> bool {
        self.raw.permits() != ALL
    }

    /// Whether a writer holds the lock at this moment.
    ///
    /// ```
    /// let lock = rustfiber::RwLock::new(());
    /// let guard = lock.try_write().unwrap();
    /// assert!(lock.is_locked_exclusive());
    /// let guard = guard.downgrade();
    /// assert!(!lock.is_locked_exclusive() && lock.is_locked());
    /// # drop(guard);
    /// ```
    #[must_use]
    pub fn is_locked_exclusive(&self) -> bool {
        self.raw.permits() == 0
    }

    /// The value, of a lock that nobody shares now: it need not be locked.
    ///
    /// ```
    /// let mut lock = rustfiber::RwLock::new(1);
    /// *lock.get_mut() += 1;
    /// assert_eq!(lock.into_inner(), 2);
    /// ```
    #[must_use]
    pub fn get_mut(&mut self) -> &mut T {
        self.value.get_mut()
    }

    /// Gives permits back, or some of them.
    ///
    /// # Safety
    /// They are the caller's, who does not use them any more.
    #[inline(always)]
    unsafe fn unlock(&self, permits: usize) {
        let released = self.raw.release(permits);
        debug_assert!(released.is_ok(), "there are never more than there were");
    }
}

impl<T: Default> Default for RwLock<T> {
    fn default() -> Self {
        Self::new(T::default())
    }
}

impl<T> From<T> for RwLock<T> {
    fn from(value: T) -> Self {
        Self::new(value)
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for RwLock<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut lock = f.debug_struct("RwLock");
        match self.try_read() {
            Some(guard) => lock.field("data", &&*guard),
            None => lock.field("data", &format_args!("<locked>")),
        };
        lock.finish()
    }
}

#[cfg(test)]
mod tests;
