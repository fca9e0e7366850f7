//! A mutex whose waiters suspend: the typed part. The lock itself is in `raw`.

mod raw;

use std::cell::UnsafeCell;
use std::fmt;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};

pub(super) use self::raw::RawMutex;
use crate::primitive::const_unless_modelled;
use crate::wait::Waiter;

/// A value that one job or thread at a time may use.
///
/// Who waits for it suspends (a job) or blocks (a plain thread); a worker is never held. The
/// [guard](MutexGuard) belongs to nobody in particular: it may live across waits, yields and
/// parallel loops, and may be sent to another job or thread.
///
/// There is no poisoning: a panic that drops the guard unlocks the mutex.
///
/// A lock that nobody else wants costs two atomic operations, one for each end. When it is wanted,
/// an unlock wakes the waiter that has waited longest, and whoever comes first gets the lock; a
/// waiter that was woken in vain is handed the lock by the next unlock, so that nobody starves.
///
/// # Memory ordering
/// What came before an unlock is visible after the locks that follow it.
///
/// # Deadlocks
/// To lock a mutex that the same job or thread holds already is to wait for ever, or until the
/// deadline of the wait; and so are two mutexes that two jobs lock in opposite orders. When nothing
/// else goes on, the builder's [`on_stall`](crate::Builder::on_stall) hook is told who waits where.
///
/// # Examples
/// ```
/// use rustfiber::{Blocking, JobSystem, Mutex};
///
/// let jobs = JobSystem::new()?;
/// let found = Mutex::new(Vec::new());
/// jobs.run(|cx| {
///     cx.par_for(0..100, |cx, n| {
///         if n % 7 == 0 {
///             found.lock(cx).push(n);
///         }
///     })
/// });
/// assert_eq!(found.lock(Blocking).len(), 15);
/// assert_eq!(found.into_inner().into_iter().max(), Some(98));
/// # Ok::<(), rustfiber::BuildError>(())
/// ```
pub struct Mutex<T: ?Sized> {
    raw: RawMutex,
    /// Reached by the holder of `raw`. Not the cell that a model checks: a guard lends the value for
    /// longer than that can follow, so models protect something that it can.
    value: UnsafeCell<T>,
}

// SAFETY: the value is owned.
unsafe impl<T: ?Sized + Send> Send for Mutex<T> {}
// SAFETY: the lock lends the value to one at a time, mutably: that is as if it were sent.
unsafe impl<T: ?Sized + Send> Sync for Mutex<T> {}

/// The right to use the value of a [`Mutex`]; dropping it unlocks the mutex.
///
/// It may live across waits, and be sent to another job or thread.
///
/// ```
/// use rustfiber::{JobSystem, Mutex};
///
/// let jobs = JobSystem::new()?;
/// let account = Mutex::new(0);
/// jobs.run(|cx| {
///     let mut guard = account.lock(cx);
///     cx.join(|_| *guard += 1, |_| assert!(account.is_locked()));
/// });
/// assert_eq!(account.into_inner(), 1);
/// # Ok::<(), rustfiber::BuildError>(())
/// ```
#[must_use = "dropping the guard unlocks the mutex at once"]
#[clippy::has_significant_drop]
pub struct MutexGuard<'a, T: ?Sized> {
    mutex: &'a Mutex<T>,
    /// It can be sent where the value can.
    lent: PhantomData<&'a mut T>,
}

// SAFETY: a shared guard lends the value shared, and nothing else.
unsafe impl<T: ?Sized + Sync> Sync for MutexGuard<'_, T> {}

impl<T> Mutex<T> {
    const_unless_modelled! {
        /// An unlocked mutex.
        ///
        /// ```
        /// use rustfiber::{Blocking, Mutex};
        ///
        /// static NAMES: Mutex<Vec<String>> = Mutex::new(Vec::new());
        /// NAMES.lock(Blocking).push("Ada".to_owned());
        /// assert_eq!(*NAMES.lock(Blocking), ["Ada"]);
        /// ```
        #[must_use]
        pub fn new(value: T) -> Self {
            Self {
                raw: RawMutex::new(),
                value: UnsafeCell::new(value),
            }
        }
    }

    /// The value, of a mutex that nobody shares any more.
    ///
    /// ```
    /// assert_eq!(rustfiber::Mutex::new(42).into_inner(), 42);
    /// ```
    #[must_use]
    pub fn into_inner(self) -> T {
        self.value.into_inner()
    }
}

impl<T: ?Sized> Mutex<T> {
    /// Waits until nobody else holds the mutex, and locks it.
    ///
    /// ```
    /// use std::time::Duration;
    /// use rustfiber::{JobSystem, Mutex};
    ///
    /// let jobs = JobSystem::new()?;
    /// let total = Mutex::new(0);
    /// jobs.run(|cx| {
    ///     *total.lock(cx) += 1;
    ///
    ///     let guard = total.lock(cx);
    ///     let late = total.lock(cx.within(Duration::from_millis(1)));
    ///     assert!(late.unwrap_err().is_late());
    ///     drop(guard);
    ///     assert_eq!(*total.lock(cx.within(Duration::ZERO))?, 1);
    ///     Ok::<(), rustfiber::Interrupted>(())
    /// })
    /// .unwrap();
    /// # Ok::<(), rustfiber::BuildError>(())
    /// ```
    ///
    /// # Panics
    /// With [`Blocking`](crate::Blocking) inside a job.
    #[inline]
    #[track_caller]
    pub fn lock<W: Waiter>(&self, who: W) -> W::Outcome<MutexGuard<'_, T>> {
        if let Err(interrupted) = who.check() {
            return who.outcome(Err(interrupted));
        }
        let locked = self.raw.lock(who);
        // SAFETY: it is locked, for this guard.
        who.outcome(locked.map(|()| unsafe { MutexGuard::new(self) }))
    }

    /// Locks the mutex if nobody holds it.
    ///
    /// ```
    /// let mutex = rustfiber::Mutex::new(1);
    /// let guard = mutex.try_lock().unwrap();
    /// assert!(mutex.try_lock().is_none());
    /// assert_eq!(*guard, 1);
    /// ```
    #[inline]
    pub fn try_lock(&self) -> Option<MutexGuard<'_, T>> {
        // SAFETY: it is locked, for this guard.
        self.raw
            .try_lock()
            .then(|| unsafe { MutexGuard::new(self) })
    }

    /// Whether somebody holds the mutex at this moment.
    ///
    /// ```
    /// let mutex = rustfiber::Mutex::new(());
    /// let guard = mutex.try_lock();
    /// assert!(mutex.is_locked());
    /// drop(guard);
    /// assert!(!mutex.is_locked());
    /// ```
    #[must_use]
    pub fn is_locked(&self) -> bool {
        self.raw.is_locked()
    }

    /// The value, of a mutex that nobody shares now: no lock is needed.
    ///
    /// ```
    /// let mut mutex = rustfiber::Mutex::new(1);
    /// *mutex.get_mut() += 1;
    /// assert_eq!(mutex.into_inner(), 2);
    /// ```
    #[must_use]
    pub fn get_mut(&mut self) -> &mut T {
        self.value.get_mut()
    }
}

impl<T: Default> Default for Mutex<T> {
    fn default() -> Self {
        Self::new(T::default())
    }
}

impl<T> From<T> for Mutex<T> {
    fn from(value: T) -> Self {
        Self::new(value)
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for Mutex<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut mutex = f.debug_struct("Mutex");
        match self.try_lock() {
            Some(guard) => mutex.field("data", &&*guard),
            None => mutex.field("data", &format_args!("<locked>")),
        };
        mutex.finish()
    }
}

impl<'a, T: ?Sized> MutexGuard<'a, T> {
    /// # Safety
    /// The mutex is locked, and the caller gives that up for the guard.
    #[inline(always)]
    unsafe fn new(mutex: &'a Mutex<T>) -> Self {
        Self {
            mutex,
            lent: PhantomData,
        }
    }

    /// The lock that this guard holds.
    pub(super) fn raw(&self) -> &'a RawMutex {
        &self.mutex.raw
    }
}

impl<T: ?Sized> Deref for MutexGuard<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: the guard holds the lock, and lends itself shared.
        unsafe { &*self.mutex.value.get() }
    }
}

impl<T: ?Sized> DerefMut for MutexGuard<'_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: the guard holds the lock, and lends itself mutably.
        unsafe { &mut *self.mutex.value.get() }
    }
}

impl<T: ?Sized> Drop for MutexGuard<'_, T> {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: the guard holds the lock, and ends here.
        unsafe { self.mutex.raw.unlock() };
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for MutexGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<T: ?Sized + fmt::Display> fmt::Display for MutexGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

#[cfg(test)]
mod tests;
