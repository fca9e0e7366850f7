//! The one thread-local: which worker this thread is.
//!
//! A started fiber must never keep what it read here across a switch. LLVM takes a
//! thread-local's address to be constant within a function, so the read hides in a function that is
//! neither inlined nor understood; after a switch, the worker comes from the resume input.

use std::cell::Cell;
use std::ptr::{self, NonNull};

use super::worker::Worker;
use crate::primitive::thread_local;

thread_local! {
    static WORKER: Cell<*const Worker> = const { Cell::new(ptr::null()) };
}

/// The worker that this thread is, of any job system.
#[inline(never)]
pub(crate) fn worker() -> Option<NonNull<Worker>> {
    // SAFETY: no instruction. It keeps LLVM from inferring that the function reads no
    // memory, and from merging two calls with a switch between them.
    unsafe { std::arch::asm!("", options(nostack, preserves_flags)) };
    NonNull::new(WORKER.with(Cell::get).cast_mut())
}

/// Makes this thread `worker` until the guard is dropped.
pub(super) fn enter(worker: &Worker) -> Entered {
    WORKER.with(|cell| cell.set(worker));
    Entered(())
}

/// This thread is a worker.
#[must_use]
pub(super) struct Entered(());

impl Drop for Entered {
    fn drop(&mut self) {
        WORKER.with(|cell| cell.set(ptr::null()));
    }
}

/// Whether this thread is a worker.
pub(crate) fn is_worker() -> bool {
    worker().is_some()
}
