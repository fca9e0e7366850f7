//! Atomics, cells and threads: from `std`, or from `loom` in a model.
//!
//! Everything above this file takes them from here, so that the protocols that run in
//! production are the very ones that the models explore.

pub(crate) mod barrier;

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

#[cfg(not(loom))]
mod imp {
    pub(crate) use std::sync::Arc;
    pub(crate) use std::sync::atomic;
    pub(crate) use std::thread;

    pub(crate) mod hint {
        pub(crate) use std::hint::spin_loop;
    }

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

#[cfg(loom)]
mod imp {
    pub(crate) use loom::cell::UnsafeCell;
    pub(crate) use loom::sync::Arc;
    pub(crate) use loom::sync::atomic;
    pub(crate) use loom::thread;

    pub(crate) mod hint {
        pub(crate) fn spin_loop() {
            loom::thread::yield_now();
        }
    }
}

pub(crate) use imp::*;
