//! The arena for Linux: slots from chunks, and a list of those that came back.
//!
//! ```text
//!   StackArena                          Chunk 0       Chunk 1            Chunk 2
//!     pool ---- chunks ---------------> [s s s s]     [s s s s s s s s]  [s s . . . . . . . . ]
//!            |                                                            issued   fresh
//!            \- free: s s s   (a stack of slots: the last one that came back goes out first)
//! ```
//!
//! A slot is in one of three states, and moves only under the pool's lock:
//!
//! - *fresh*: at the end of the last chunk, without a guard;
//! - *free*: in `free`, with its guard; nobody uses it;
//! - *in use*: owned by one [`FiberStack`], which gives it back on drop.
//!
//! Chunks start small and double, so a small program maps little and a large one makes few calls.
//! They are unmapped when the arena is dropped. Every [`FiberStack`] keeps the arena, so that is
//! after the last stack is gone, and a leaked fiber keeps its memory for ever: other threads may
//! borrow from its frames.

use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use corosensei::stack::valgrind::ValgrindStackRegistration;
use corosensei::stack::{Stack, StackPointer};

use super::chunk_linux::{Chunk, Slot, SlotShape};
use super::guard_linux::{GuardWays, page_size};
use super::{KIB, Limit, StackError, check_request, sanitizer};

/// The sizes of chunks: they double from the first to the last. A guess: 64 stacks serve a small
/// program, and with 4,096 a million stacks take 250 calls.
const FIRST_CHUNK_SLOTS: usize = 64;
const LAST_CHUNK_SLOTS: usize = 4096;

/// No chunk of several slots is larger: address space is not free on a 32-bit machine.
const MAX_CHUNK_BYTES: usize = if cfg!(target_pointer_width = "64") {
    1024 * 1024 * KIB
} else {
    16 * 1024 * KIB
};

/// Hands out stacks of one size, up to a number of them.
pub(crate) struct StackArena {
    stack_size: usize,
    max_stacks: usize,
    shape: SlotShape,
    ways: GuardWays,
    // From `std` in models too: it is never held across a point where a model switches threads.
    pool: Mutex<Pool>,
}

/// Invariants: `free` and the slots in use make up the `issued` ones; `free` has room for all of
/// them; all chunks but the last are full.
#[derive(Default)]
struct Pool {
    free: Vec<Slot>,
    chunks: Vec<Chunk>,
    issued: usize,
}

impl StackArena {
    /// An arena for at most `max_stacks` stacks with `stack_size` usable bytes each.
    ///
    /// # Errors
    ///
    /// If a number makes no sense or the system has no address space for the first few stacks.
    pub(crate) fn new(stack_size: usize, max_stacks: usize) -> io::Result<Arc<Self>> {
        Self::with_guards(stack_size, max_stacks, GuardWays::detect())
    }

    pub(super) fn with_guards(
        stack_size: usize,
        max_stacks: usize,
        ways: GuardWays,
    ) -> io::Result<Arc<Self>> {
        check_request(stack_size, max_stacks)?;
        let arena = Self {
            stack_size,
            max_stacks,
            shape: SlotShape::new(stack_size, page_size()),
            ways,
            pool: Mutex::default(),
        };
        arena.grow(&mut arena.lock())?;
        Ok(Arc::new(arena))
    }

    /// Takes a stack: the one that came back last, else a fresh one.
    ///
    /// # Errors
    ///
    /// See [`StackError`]. Nothing is lost by an error; a later call may succeed.
    pub(crate) fn allocate(self: &Arc<Self>) -> Result<FiberStack, StackError> {
        let slot = self.take_slot()?;
        let (start, len) = slot.usable(&self.shape);
        sanitizer::unpoison(start, len);
        sanitizer::register_root(start, len);
        Ok(FiberStack {
            _valgrind: ValgrindStackRegistration::new(
                std::ptr::with_exposed_provenance_mut(start),
                len,
            ),
            lease: Lease {
                slot,
                arena: Arc::clone(self),
            },
        })
    }

    /// The usable bytes that every stack has at least.
    #[cfg(test)]
    pub(crate) fn stack_size(&self) -> usize {
        self.stack_size
    }
}

impl StackArena {
    fn take_slot(&self) -> Result<Slot, StackError> {
        let mut pool = self.lock();
        if let Some(slot) = pool.free.pop() {
            return Ok(slot);
        }
        if pool.issued == self.max_stacks {
            return Err(StackError::Limit(Limit::Stacks(self.max_stacks)));
        }
        if pool.chunks.last().is_none_or(Chunk::is_full) {
            self.grow(&mut pool).map_err(StackError::Os)?;
        }
        // Numbers run through all chunks, so that chunks of one slot differ in colour too.
        let number = pool.issued;
        let chunk = pool.chunks.last_mut().expect("`grow` adds one");
        let slot = chunk.issue(number)?;
        pool.issued += 1;
        // Room for every issued slot: giving one back never allocates. `free` is empty here.
        let issued = pool.issued;
        pool.free.reserve(issued);
        Ok(slot)
    }

    fn give_back(&self, slot: Slot) {
        let mut pool = self.lock();
        debug_assert!(pool.free.len() < pool.issued);
        pool.free.push(slot);
    }

    /// Adds a chunk twice the size of the last one, or a smaller one where the system has less
    /// address space to give.
    fn grow(&self, pool: &mut Pool) -> io::Result<()> {
        let wanted = match pool.chunks.last() {
            None => FIRST_CHUNK_SLOTS,
            Some(chunk) => (chunk.slots() * 2).min(LAST_CHUNK_SLOTS),
        };
        let mut slots = wanted
            .min(MAX_CHUNK_BYTES / self.shape.stride())
            .min(self.max_stacks - pool.issued)
            .max(1);
        loop {
            match Chunk::reserve(slots, self.shape, self.ways) {
                Ok(chunk) => {
                    pool.chunks.push(chunk);
                    return Ok(());
                }
                Err(error) if slots == 1 => return Err(error),
                Err(_) => slots /= 2,
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Pool> {
        // Nothing panics between two changes that belong together, so a poisoned pool is whole.
        self.pool.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for StackArena {
    fn drop(&mut self) {
        let pool = self.lock();
        debug_assert_eq!(pool.free.len(), pool.issued, "a stack outlives its arena");
    }
}

impl fmt::Debug for StackArena {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pool = self.lock();
        f.debug_struct("StackArena")
            .field("stack_size", &self.stack_size)
            .field("max_stacks", &self.max_stacks)
            .field("in_use", &(pool.issued - pool.free.len()))
            .field("free", &pool.free.len())
            .field("chunks", &pool.chunks.len())
            .finish_non_exhaustive()
    }
}

/// Memory for one fiber stack, with a guard below it; gives its slot back to its arena on drop.
#[derive(Debug)]
pub(crate) struct FiberStack {
    // The fields drop in this order: Valgrind forgets the stack before another can have the slot.
    _valgrind: ValgrindStackRegistration,
    lease: Lease,
}

#[cfg(test)]
impl FiberStack {
    /// The start and the length of the stack without its guard.
    pub(super) fn usable(&self) -> (usize, usize) {
        self.lease.slot.usable(&self.lease.arena.shape)
    }
}

/// The right to use a slot.
struct Lease {
    slot: Slot,
    arena: Arc<StackArena>,
}

// SAFETY: the range from `base` down to the guard is mapped and belongs to this stack alone; it has
// at least `MIN_STACK` bytes, more than corosensei asks for. The guard stands from `limit` upwards.
// Both ends are aligned: `limit` to a page, `base` to a multiple of the stack's alignment.
unsafe impl Stack for FiberStack {
    #[inline]
    fn base(&self) -> StackPointer {
        self.lease.slot.base
    }

    #[inline]
    fn limit(&self) -> StackPointer {
        self.lease.slot.limit
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let (start, len) = self.slot.usable(&self.arena.shape);
        sanitizer::unregister_root(start, len);
        self.arena.give_back(self.slot);
    }
}

impl fmt::Debug for Lease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Not the arena: its `Debug` takes the lock.
        self.slot.fmt(f)
    }
}
