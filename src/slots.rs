//! Memory for spawned jobs: small slots that are used again.
//!
//! ```text
//!   a worker's `Slots`, by size           the `DEPOT`, for everybody        the allocator
//!   [s s s .. s            ]         <--   s s s s s s s s ..          <--   chunks, cut into
//!    oldest   newest: next   room    -->   what is uncut                     batches
//! ```
//!
//! A worker takes slots from its own stacks and puts those back there that it frees, whoever took
//! them: a slot is plain memory, and belongs to nobody. A worker that frees more than it takes
//! hands whole batches on to the depot, one lock for `BATCH` slots, and one that takes more than it
//! frees gets them there. Other threads take and free single slots at the depot.
//!
//! A free slot is known by its address alone, and is not written: it was last used by another
//! worker perhaps, and then it costs as much as a spawn to get its cache line here. So the worker
//! asks for the lines of those that it will take some jobs later.
//!
//! A new chunk has as many slots as there are: how many jobs are unfinished at once depends on who
//! is faster, and most new mosts find room in what is left of a chunk. Nothing is written there
//! before it is used, so it costs addresses rather than memory.
//!
//! Chunks are never given back to the allocator, since a handle may outlive its system and so may
//! its slot; the next system uses them again. As many slots have been used as jobs were unfinished
//! at once, and a batch or two for each worker. What is larger than the largest slot comes from the
//! allocator and goes back there.

use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::cell::Cell;
use std::ptr::{self, NonNull};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::primitive::{LINE, prefetch};

/// Slots that move between a worker and the depot together, a power of two. A guess.
const BATCH: usize = 64;

/// A worker has room for two: keeps one that takes and frees around a border from the depot.
const ROOM: usize = 2 * BATCH;

/// A chunk has no more slots than so many batches. Some MiB: a chunk is not too much to ask for, and
/// the memory for so many jobs takes an allocation in thousands of them. A guess.
const MOST_BATCHES: usize = 256;

/// The line of a slot is asked for when so many others are taken before it: in the time of these
/// spawns it comes from another core. Measured where this was written; a guess elsewhere.
const AHEAD: usize = 6;

/// The sizes of slots: whole cache lines, so that two jobs never share one.
const SIZES: usize = 4;

/// The size of a slot for `layout`, counted in lines from zero; `None` if it is too large for
/// slots.
#[inline(always)]
const fn size_of_slot(layout: Layout) -> Option<usize> {
    let lines = layout.size().div_ceil(LINE);
    // AddressSanitizer sees what comes too late only where memory goes back to the allocator.
    if layout.align() > LINE || lines > SIZES || cfg!(feature = "sanitizer") {
        return None;
    }
    Some(if lines == 0 { 0 } else { lines - 1 })
}

const fn bytes_of_slot(size: usize) -> usize {
    (size + 1) * LINE
}

/// Free slots of one size that no worker has.
struct Depot {
    /// A stack, with room for all slots that there are: to free one allocates nothing.
    free: Vec<*mut u8>,
    /// What is left of the newest chunk, in whole batches.
    uncut: Uncut,
    /// How many slots there are, wherever they are.
    all: usize,
}

/// Slots that nobody has had yet: so many, from this address on.
struct Uncut {
    next: *mut u8,
    slots: usize,
}

// SAFETY: the slots belong to the depot and are plain memory.
unsafe impl Send for Depot {}

impl Depot {
    const fn new() -> Self {
        Self {
            free: Vec::new(),
            uncut: Uncut {
                next: ptr::null_mut(),
                slots: 0,
            },
            all: 0,
        }
    }

    /// A batch that nobody has had yet. The lowest address is taken first.
    fn cut_batch(&mut self, size: usize) -> impl Iterator<Item = *mut u8> + use<> {
        if self.uncut.slots == 0 {
            self.get_chunk(size);
        }
        let (first, bytes) = (self.uncut.next, bytes_of_slot(size));
        self.uncut.slots -= BATCH;
        // Wrapping: past the end of a chunk of which nothing is left.
        self.uncut.next = first.wrapping_add(BATCH * bytes);
        (0..BATCH)
            .rev()
            .map(move |slot| first.wrapping_add(slot * bytes))
    }

    #[cold]
    fn get_chunk(&mut self, size: usize) {
        let slots = self.all.clamp(BATCH, MOST_BATCHES * BATCH);
        self.free.reserve(self.all + slots - self.free.len());
        let bytes = bytes_of_slot(size) * slots;
        let layout = Layout::from_size_align(bytes, LINE).expect("a chunk is small");
        // SAFETY: the layout is not empty.
        let Some(chunk) = NonNull::new(unsafe { alloc(layout) }) else {
            handle_alloc_error(layout)
        };
        self.all += slots;
        self.uncut = Uncut {
            next: chunk.as_ptr(),
            slots,
        };
    }

    /// Moves a batch to `room`, if there is a whole one.
    fn take_batch(&mut self, room: &[Cell<*mut u8>]) -> bool {
        let Some(rest) = self.free.len().checked_sub(BATCH) else {
            return false;
        };
        for (to, from) in room.iter().zip(&self.free[rest..]) {
            to.set(*from);
        }
        self.free.truncate(rest);
        true
    }

    fn put_batch(&mut self, batch: &[Cell<*mut u8>]) {
        self.free.extend(batch.iter().map(Cell::get));
    }
}

/// By size. Nobody holds two of the locks at a time.
static DEPOT: [Mutex<Depot>; SIZES] = [const { Mutex::new(Depot::new()) }; SIZES];

fn depot(size: usize) -> MutexGuard<'static, Depot> {
    // Nothing panics under the lock, but for want of memory.
    DEPOT[size].lock().unwrap_or_else(PoisonError::into_inner)
}

/// A worker's free slots. One thread uses it.
pub(crate) struct Slots([Shelf; SIZES]);

/// Free slots of one size, a stack of them; they belong to the shelf.
struct Shelf {
    len: Cell<usize>,
    slots: [Cell<*mut u8>; ROOM],
}

impl Slots {
    pub(crate) const fn new() -> Self {
        Self(
            [const {
                Shelf {
                    len: Cell::new(0),
                    slots: [const { Cell::new(ptr::null_mut()) }; ROOM],
                }
            }; SIZES],
        )
    }

    /// Memory of that layout, which is not empty.
    #[inline(always)]
    pub(crate) fn take(&self, layout: Layout) -> NonNull<u8> {
        let Some(size) = size_of_slot(layout) else {
            return allocate(layout);
        };
        let shelf = &self.0[size];
        match shelf.pop() {
            Some(slot) => slot,
            None => shelf.refill(size),
        }
    }

    /// Frees memory that `take` has given, of any `Slots`, or `take_alone`.
    ///
    /// # Safety
    /// It was given for this layout, and is used no more.
    #[inline(always)]
    pub(crate) unsafe fn free(&self, memory: NonNull<u8>, layout: Layout) {
        let Some(size) = size_of_slot(layout) else {
            // SAFETY: by contract; such memory comes from the allocator.
            return unsafe { dealloc(memory.as_ptr(), layout) };
        };
        let shelf = &self.0[size];
        if shelf.len.get() == ROOM {
            shelf.lay_off(size);
        }
        shelf.push(memory);
    }
}

impl Shelf {
    #[inline(always)]
    fn pop(&self) -> Option<NonNull<u8>> {
        let newest = self.len.get().checked_sub(1)?;
        self.len.set(newest);
        // The remainders spare the checks.
        prefetch(self.slots[newest.saturating_sub(AHEAD) % ROOM].get());
        NonNull::new(self.slots[newest % ROOM].get())
    }

    /// There is room.
    #[inline(always)]
    fn push(&self, slot: NonNull<u8>) {
        let len = self.len.get();
        self.slots[len % ROOM].set(slot.as_ptr());
        self.len.set(len + 1);
    }

    /// Puts a batch on an empty shelf, and takes one of it.
    #[cold]
    #[inline(never)]
    fn refill(&self, size: usize) -> NonNull<u8> {
        let (room, mut depot) = (&self.slots[..BATCH], depot(size));
        if !depot.take_batch(room) {
            let slots = depot.cut_batch(size);
            room.iter().zip(slots).for_each(|(to, slot)| to.set(slot));
        }
        drop(depot);
        self.len.set(BATCH);
        for slot in &self.slots[BATCH - AHEAD..BATCH] {
            prefetch(slot.get());
        }
        self.pop().expect("a batch is not empty")
    }

    /// Gives the older half of a full shelf away.
    #[cold]
    #[inline(never)]
    fn lay_off(&self, size: usize) {
        let (older, newer) = self.slots.split_at(BATCH);
        depot(size).put_batch(older);
        for (to, from) in older.iter().zip(newer) {
            to.set(from.get());
        }
        self.len.set(BATCH);
    }
}

impl Drop for Slots {
    fn drop(&mut self) {
        for (size, shelf) in self.0.iter().enumerate() {
            depot(size).put_batch(&shelf.slots[..shelf.len.get()]);
        }
    }
}

/// As `Slots::take`, for a thread that is no worker.
pub(crate) fn take_alone(layout: Layout) -> NonNull<u8> {
    let Some(size) = size_of_slot(layout) else {
        return allocate(layout);
    };
    let mut depot = depot(size);
    if depot.free.is_empty() {
        let slots = depot.cut_batch(size);
        depot.free.extend(slots);
    }
    let slot = depot.free.pop().and_then(NonNull::new);
    slot.expect("a batch is not empty")
}

/// As `Slots::free`, for a thread that is no worker.
///
/// # Safety
/// As there.
pub(crate) unsafe fn free_alone(memory: NonNull<u8>, layout: Layout) {
    match size_of_slot(layout) {
        // SAFETY: by contract; such memory comes from the allocator.
        None => unsafe { dealloc(memory.as_ptr(), layout) },
        Some(size) => depot(size).free.push(memory.as_ptr()),
    }
}

#[cold]
fn allocate(layout: Layout) -> NonNull<u8> {
    debug_assert_ne!(layout.size(), 0);
    // SAFETY: jobs are not empty: they have a header.
    NonNull::new(unsafe { alloc(layout) }).unwrap_or_else(|| handle_alloc_error(layout))
}

#[cfg(all(test, not(loom)))]
mod tests;
