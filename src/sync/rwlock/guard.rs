//! The rights to use the value of a read-write lock.

use std::fmt;
use std::mem;
use std::ops::{Deref, DerefMut};

use super::{ALL, ONE, RwLock};

/// The right to read the value of an [`RwLock`]; dropping it unlocks the lock.
///
/// It may live across waits, and be sent to another job or thread.
///
/// ```
/// use rustfiber::{JobSystem, RwLock};
///
/// let jobs = JobSystem::new()?;
/// let lock = RwLock::new([1, 2, 3]);
/// let sum = jobs.run(|cx| {
///     let numbers = lock.read(cx);
///     cx.par_map_reduce(0..3, || 0, |_, n| numbers[n], |a, b| a + b)
/// });
/// assert_eq!(sum, 6);
/// # Ok::<(), rustfiber::BuildError>(())
/// ```
#[must_use = "dropping the guard unlocks the lock at once"]
#[clippy::has_significant_drop]
pub struct RwLockReadGuard<'a, T: ?Sized> {
    /// Holds one permit.
    lock: &'a RwLock<T>,
}

/// The right to change the value of an [`RwLock`]; dropping it unlocks the lock.
///
/// It may live across waits, and be sent to another job or thread.
///
/// ```
/// use rustfiber::{JobSystem, RwLock};
///
/// let jobs = JobSystem::new()?;
/// let lock = RwLock::new(vec![1, 2, 3]);
/// jobs.run(|cx| {
///     let mut numbers = lock.write(cx);
///     cx.par_for_each(&mut numbers, |_, _, number| *number += 1);
/// });
/// assert_eq!(lock.into_inner(), [2, 3, 4]);
/// # Ok::<(), rustfiber::BuildError>(())
/// ```
#[must_use = "dropping the guard unlocks the lock at once"]
#[clippy::has_significant_drop]
pub struct RwLockWriteGuard<'a, T: ?Sized> {
    /// Holds all permits.
    lock: &'a RwLock<T>,
}

// Both can be sent where the lock can be shared: a writer's value moves with it, and may then be read
// there and here, after a downgrade.

// SAFETY: a shared guard lends the value shared, and nothing else.
unsafe impl<T: ?Sized + Sync> Sync for RwLockReadGuard<'_, T> {}
// SAFETY: as above.
unsafe impl<T: ?Sized + Sync> Sync for RwLockWriteGuard<'_, T> {}

impl<'a, T: ?Sized> RwLockReadGuard<'a, T> {
    /// # Safety
    /// The caller has taken a permit, and gives it up for the guard.
    #[inline(always)]
    pub(super) unsafe fn new(lock: &'a RwLock<T>) -> Self {
        Self { lock }
    }
}

impl<'a, T: ?Sized> RwLockWriteGuard<'a, T> {
    /// # Safety
    /// The caller has taken all permits, and gives them up for the guard.
    #[inline(always)]
    pub(super) unsafe fn new(lock: &'a RwLock<T>) -> Self {
        Self { lock }
    }

    /// Goes on as a reader, without letting a writer in between. Readers that wait at the front get
    /// in, too.
    ///
    /// ```
    /// let lock = rustfiber::RwLock::new(1);
    /// let mut guard = lock.try_write().unwrap();
    /// *guard += 1;
    /// let guard = guard.downgrade();
    /// assert_eq!((*guard, *lock.try_read().unwrap()), (2, 2));
    /// ```
    pub fn downgrade(self) -> RwLockReadGuard<'a, T> {
        let lock = self.lock;
        mem::forget(self);
        // SAFETY: the forgotten guard held all permits: all but one are given back, and that one is
        // the new guard's.
        unsafe {
            lock.unlock(ALL - ONE);
            RwLockReadGuard::new(lock)
        }
    }
}

impl<T: ?Sized> Deref for RwLockReadGuard<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: as long as this guard holds a permit, nobody has all of them.
        unsafe { &*self.lock.value.get() }
    }
}

impl<T: ?Sized> Deref for RwLockWriteGuard<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: this guard holds all permits, and lends itself shared.
        unsafe { &*self.lock.value.get() }
    }
}

impl<T: ?Sized> DerefMut for RwLockWriteGuard<'_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: this guard holds all permits, and lends itself mutably.
        unsafe { &mut *self.lock.value.get() }
    }
}

macro_rules! guard {
    ($guard:ident, $permits:expr) => {
        impl<T: ?Sized> Drop for $guard<'_, T> {
            #[inline]
            fn drop(&mut self) {
                // SAFETY: the guard holds them, and ends here.
                unsafe { self.lock.unlock($permits) };
            }
        }

        impl<T: ?Sized + fmt::Debug> fmt::Debug for $guard<'_, T> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                (**self).fmt(f)
            }
        }

        impl<T: ?Sized + fmt::Display> fmt::Display for $guard<'_, T> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                (**self).fmt(f)
            }
        }
    };
}

guard!(RwLockReadGuard, ONE);
guard!(RwLockWriteGuard, ALL);
