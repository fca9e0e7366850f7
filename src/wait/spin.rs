//! A lock for a handful of instructions.
//!
//! It guards the queues that need removal from the middle (channels, auto-reset events).
//! Nobody holds it across a switch, a system call, an allocation, or a foreign function, so the
//! wait is bounded by a few instructions of each holder, unless the system has taken a
//! holder off its core: then the others give their time slice away.

use crate::primitive::UnsafeCell;
use crate::primitive::atomic::{AtomicBool, Ordering};
use crate::primitive::{const_unless_modelled, hint, thread};

/// Looks at the lock before a waiting thread gives its time slice away. A guess: a few times the
/// longest hold.
const SPINS: u32 = 64;

/// A value behind a spin lock.
#[derive(Debug)]
pub(crate) struct SpinLock<T> {
    locked: AtomicBool,
    value: UnsafeCell<T>,
}

// SAFETY: the value is reached only under the lock, by one thread at a time.
unsafe impl<T: Send> Send for SpinLock<T> {}
// SAFETY: as above.
unsafe impl<T: Send> Sync for SpinLock<T> {}

impl<T> SpinLock<T> {
    const_unless_modelled! {
        pub(crate) fn new(value: T) -> Self {
            Self {
                locked: AtomicBool::new(false),
                value: UnsafeCell::new(value),
            }
        }
    }

    /// Calls `f` with the value. `f` must be short, and must not panic, wait, or call out.
    #[inline]
    pub(crate) fn with<R>(&self, f: impl FnOnce(&mut T) -> R) -> R {
        // Acquire: pairs with the release of the last holder.
        if self
            .locked
            .compare_exchange_weak(false, true, Ordering::Acquire, Ordering::Relaxed)
            .is_err()
        {
            self.lock_slow();
        }
        // Unlocks by unwinding too, so that a bug in `f` can't hang the other threads.
        let _unlock = Unlock(&self.locked);
        // SAFETY: this thread holds the lock.
        self.value.with_mut(|value| f(unsafe { &mut *value }))
    }

    #[cold]
    fn lock_slow(&self) {
        let mut spins = 0;
        loop {
            while self.locked.load(Ordering::Relaxed) {
                spins += 1;
                if spins % SPINS == 0 {
                    thread::yield_now();
                } else {
                    hint::spin_loop();
                }
            }
            if self
                .locked
                .compare_exchange_weak(false, true, Ordering::Acquire, Ordering::Relaxed)
                .is_ok()
            {
                return;
            }
        }
    }
}

struct Unlock<'a>(&'a AtomicBool);

impl Drop for Unlock<'_> {
    #[inline]
    fn drop(&mut self) {
        // Release: pairs with the acquire of the next holder.
        self.0.store(false, Ordering::Release);
    }
}
