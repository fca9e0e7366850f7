//! What AddressSanitizer and its leak checker are told about stacks; empty functions without the
//! feature `sanitizer`.
//!
//! The leak checker looks for pointers in thread stacks, not in the stack of a suspended fiber, and
//! would report what only such a fiber owns. So the usable part of every stack that is handed out
//! is a root. The guard is left out: the checker reads every page of a root whose mapping is
//! readable, and a guard installed by `madvise` lies inside a readable mapping. An idle stack is no
//! root either: stale pointers on it would hide leaks.

#[cfg(feature = "sanitizer")]
mod imp {
    use std::ffi::c_void;

    unsafe extern "C" {
        fn __asan_unpoison_memory_region(start: *const c_void, len: usize);
        fn __lsan_register_root_region(start: *const c_void, len: usize);
        fn __lsan_unregister_root_region(start: *const c_void, len: usize);
    }

    pub(in crate::stack) fn unpoison(start: usize, len: usize) {
        // SAFETY: changes shadow memory only; the caller owns the range, and no frame is on it.
        unsafe { __asan_unpoison_memory_region(pointer(start), len) }
    }

    pub(in crate::stack) fn register_root(start: usize, len: usize) {
        // SAFETY: the range is readable until it is unregistered.
        unsafe { __lsan_register_root_region(pointer(start), len) }
    }

    pub(in crate::stack) fn unregister_root(start: usize, len: usize) {
        // SAFETY: exactly this range was registered.
        unsafe { __lsan_unregister_root_region(pointer(start), len) }
    }

    fn pointer(address: usize) -> *const c_void {
        std::ptr::with_exposed_provenance(address)
    }
}

#[cfg(not(feature = "sanitizer"))]
mod imp {
    #[inline]
    pub(in crate::stack) fn unpoison(_start: usize, _len: usize) {}

    #[inline]
    pub(in crate::stack) fn register_root(_start: usize, _len: usize) {}

    #[inline]
    pub(in crate::stack) fn unregister_root(_start: usize, _len: usize) {}
}

pub(super) use imp::*;
