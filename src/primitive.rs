//! Atomics, cells, threads and locks: from `std`, from `loom` in a model, or from `shuttle` where
//! whole programs run on model threads.
//!
//! Everything above this file takes them from here, so that the protocols that run in
//! production are the very ones that the models explore. A lock of `std` is good everywhere if
//! nobody uses an atomic from here under it: model threads share one thread of the system, and
//! switch at each such use.

pub(crate) mod barrier;
mod moment;

pub(crate) use moment::Moment;

/// Makes a function `const`, but for a model, whose atomics are made while it runs.
macro_rules! const_unless_modelled {
    ($(#[$attribute:meta])* $vis:vis fn $($rest:tt)*) => {
        #[cfg(not(loom))]
        $(#[$attribute])*
        $vis const fn $($rest)*

        #[cfg(loom)]
        $(#[$attribute])*
        $vis fn $($rest)*
    };
}

pub(crate) use const_unless_modelled;

#[cfg(not(any(loom, shuttle)))]
mod imp {
    pub(crate) use std::sync::{Arc, Condvar, Mutex, MutexGuard, atomic};
    pub(crate) use std::{thread, thread_local};

    pub(crate) mod hint {
        pub(crate) use std::hint::spin_loop;
    }
}

#[cfg(not(loom))]
mod cell {
    /// A cell whose accesses a model can check: `loom` reports two that may race.
    #[derive(Debug)]
    #[repr(transparent)]
    pub(crate) struct UnsafeCell<T: ?Sized>(std::cell::UnsafeCell<T>);

    impl<T> UnsafeCell<T> {
        pub(crate) const fn new(value: T) -> Self {
            Self(std::cell::UnsafeCell::new(value))
        }

        pub(crate) fn into_inner(self) -> T {
            self.0.into_inner()
        }
    }

    impl<T: ?Sized> UnsafeCell<T> {
        /// Calls `f` with a pointer for reading.
        #[inline(always)]
        pub(crate) fn with<R>(&self, f: impl FnOnce(*const T) -> R) -> R {
            f(self.0.get())
        }

        /// Calls `f` with a pointer for writing.
        #[inline(always)]
        pub(crate) fn with_mut<R>(&self, f: impl FnOnce(*mut T) -> R) -> R {
            f(self.0.get())
        }
    }
}

/// Models are of protocols without locks, so those and the thread-local are of `std`.
#[cfg(loom)]
mod imp {
    pub(crate) use loom::sync::{Arc, atomic};
    pub(crate) use loom::thread;
    pub(crate) use std::sync::{Condvar, Mutex, MutexGuard};
    pub(crate) use std::thread_local;

    pub(crate) mod hint {
        pub(crate) fn spin_loop() {
            loom::thread::yield_now();
        }
    }
}

#[cfg(loom)]
mod cell {
    pub(crate) use loom::cell::UnsafeCell;
}

#[cfg(shuttle)]
mod imp {
    pub(crate) use shuttle::sync::{Arc, Condvar, Mutex, MutexGuard, atomic};
    pub(crate) use shuttle::{hint, thread, thread_local};
}

pub(crate) use cell::*;
pub(crate) use imp::*;

/// Asks the processor for memory that is needed soon, where there is a way to ask.
#[inline(always)]
pub(crate) fn prefetch<T>(memory: *const T) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: a prefetch reads nothing that the program could see, and can't fault.
    unsafe {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        _mm_prefetch::<_MM_HINT_T0>(memory.cast());
    }
    #[cfg(target_arch = "aarch64")]
    // SAFETY: as above.
    unsafe {
        std::arch::asm!(
            "prfm pldl1keep, [{}]",
            in(reg) memory,
            options(readonly, nostack, preserves_flags)
        );
    }
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    let _ = memory;
}

/// The size of a cache line on most processors.
pub(crate) const LINE: usize = 64;

/// As `prefetch`, for this many lines from `memory` on. What lies there need not be a `T`.
#[inline(always)]
pub(crate) fn prefetch_lines<T>(memory: *const T, lines: usize) {
    for line in 0..lines {
        prefetch(memory.wrapping_byte_add(LINE * line));
    }
}

/// As `prefetch`, for all of a `T`.
#[inline(always)]
pub(crate) fn prefetch_all<T>(memory: *const T) {
    prefetch_lines(memory, size_of::<T>().div_ceil(LINE));
}
