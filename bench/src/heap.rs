//! Heap allocations, counted if this is the binary with the counting allocator.

use std::hint::black_box;
use std::sync::atomic::{AtomicU64, Ordering};

/// Raised by the allocator of the binary `alloc`, by one for each allocation.
pub static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);

/// Allocations of the whole process so far.
pub fn allocations() -> u64 {
    ALLOCATIONS.load(Ordering::Relaxed)
}

/// Whether anybody counts.
pub fn is_counted() -> bool {
    let before = allocations();
    drop(black_box(Box::new(42)));
    allocations() > before
}
