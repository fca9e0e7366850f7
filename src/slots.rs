//! Memory for spawned jobs: small slots that are used again.
//!
//! ```text
//!   a worker's `Slots`, by size        the `DEPOT`, for everybody          the allocator
//!   at hand: s s s .. (a list)   <--   batches: [s..s] [s..s] ..     <--   a chunk, cut into
//!   in reserve: [s s .. s]       -->   loose:   s s s                      one batch
//! ```
//!
//! A worker takes slots from its own lists and puts those back there that it frees, whoever took
//! them: a slot is plain memory, and belongs to nobody. A worker that frees more than it takes
//! hands whole batches on to the depot, one lock for `BATCH` slots, and one that takes more than it
//! frees gets them there. Other threads take and free single slots at the depot.
//!
//! Chunks are never given back to the allocator, since a handle may outlive its system and so may
//! its slot; the next system uses them again. There are as many slots as jobs were unfinished at
//! once, and a batch or two for each worker. What is larger than the largest slot comes from the
//! allocator and goes back there.

use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::cell::Cell;
use std::ptr::NonNull;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Slots that move between a worker and the depot together. A guess.
const BATCH: usize = 64;

/// The sizes of slots: whole cache lines, so that two jobs never share one.
const LINE: usize = 64;
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

/// A free slot: the first word links it to the next of its list, the second one, in the first slot
/// of a batch, links that batch to the next.
#[repr(C)]
struct Free {
    next: Option<NonNull<Free>>,
    next_batch: Option<NonNull<Free>>,
}

/// A list of free slots, which belong to the list.
struct List {
    first: Cell<Option<NonNull<Free>>>,
    len: Cell<usize>,
}

// SAFETY: the slots belong to the list and are plain memory.
unsafe impl Send for List {}

impl List {
    const fn new() -> Self {
        Self {
            first: Cell::new(None),
            len: Cell::new(0),
        }
    }

    #[inline(always)]
    fn pop(&self) -> Option<NonNull<u8>> {
        let slot = self.first.get()?;
        // SAFETY: a slot in the list is the list's.
        let next = unsafe { slot.as_ref().next };
        prefetch(next);
        self.first.set(next);
        self.len.set(self.len.get() - 1);
        Some(slot.cast())
    }

    /// # Safety
    /// The slot is free, and given up to the list.
    #[inline(always)]
    unsafe fn push(&self, slot: NonNull<u8>) {
        let slot = slot.cast::<Free>();
        let free = Free {
            next: self.first.get(),
            next_batch: None,
        };
        // SAFETY: by contract; a slot has room for two words, and is aligned to a cache line.
        unsafe { slot.write(free) };
        self.first.set(Some(slot));
        self.len.set(self.len.get() + 1);
    }

    fn swap(&self, other: &List) {
        self.first.swap(&other.first);
        self.len.swap(&other.len);
    }
}

/// Asks for the memory of the slot that comes next, which is written soon.
#[inline(always)]
fn prefetch(slot: Option<NonNull<Free>>) {
    #[cfg(target_arch = "x86_64")]
    if let Some(slot) = slot {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: a hint; the processor has it on every x86-64.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(slot.as_ptr().cast_const().cast()) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = slot;
}

/// Free slots of one size that no worker has.
struct Depot {
    batches: Option<NonNull<Free>>,
    loose: List,
}

// SAFETY: the slots belong to the depot and are plain memory.
unsafe impl Send for Depot {}

impl Depot {
    const fn new() -> Self {
        Self {
            batches: None,
            loose: List::new(),
        }
    }

    /// Moves a full batch into `list`, which is empty.
    fn take_batch(&mut self, list: &List) -> bool {
        let Some(batch) = self.batches else {
            return false;
        };
        // SAFETY: a batch in the depot is the depot's.
        self.batches = unsafe { batch.as_ref().next_batch };
        list.first.set(Some(batch));
        list.len.set(BATCH);
        true
    }

    /// Takes a single slot. Loose slots come together again, so that workers can have them.
    ///
    /// # Safety
    /// The slot is free, and given up to the depot.
    unsafe fn put_loose(&mut self, slot: NonNull<u8>) {
        // SAFETY: by contract.
        unsafe { self.loose.push(slot) };
        if self.loose.len.get() == BATCH {
            let list = List::new();
            list.swap(&self.loose);
            self.put_batch(&list);
        }
    }

    /// Takes a full batch; `list` is empty then.
    fn put_batch(&mut self, list: &List) {
        debug_assert_eq!(list.len.get(), BATCH);
        let Some(mut batch) = list.first.take() else {
            return;
        };
        list.len.set(0);
        // SAFETY: the list's slots are the depot's from here on.
        unsafe { batch.as_mut() }.next_batch = self.batches.replace(batch);
    }
}

/// By size. Nobody holds two of the locks at a time.
static DEPOT: [Mutex<Depot>; SIZES] = [const { Mutex::new(Depot::new()) }; SIZES];

fn depot(size: usize) -> MutexGuard<'static, Depot> {
    // Nothing panics under the lock.
    DEPOT[size].lock().unwrap_or_else(PoisonError::into_inner)
}

/// Cuts a new chunk into one batch for `list`, in the order of the addresses.
fn cut_chunk(size: usize, list: &List) {
    let bytes = (size + 1) * LINE;
    let layout = Layout::from_size_align(bytes * BATCH, LINE).expect("a chunk is small");
    // SAFETY: the layout is not empty.
    let Some(chunk) = NonNull::new(unsafe { alloc(layout) }) else {
        handle_alloc_error(layout)
    };
    for slot in (0..BATCH).rev() {
        // SAFETY: the slot lies in the new chunk, and is in no list yet.
        unsafe { list.push(chunk.add(slot * bytes)) };
    }
}

/// A worker's free slots. One thread uses it.
pub(crate) struct Slots([Shelf; SIZES]);

/// Free slots of one size.
struct Shelf {
    at_hand: List,
    /// Full or empty: keeps a worker that takes and frees around a border from the depot.
    reserve: List,
}

impl Slots {
    pub(crate) const fn new() -> Self {
        Self(
            [const {
                Shelf {
                    at_hand: List::new(),
                    reserve: List::new(),
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
        match shelf.at_hand.pop() {
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
        if shelf.at_hand.len.get() == BATCH {
            shelf.lay_off(size);
        }
        // SAFETY: by contract.
        unsafe { shelf.at_hand.push(memory) };
    }
}

impl Shelf {
    #[cold]
    #[inline(never)]
    fn refill(&self, size: usize) -> NonNull<u8> {
        self.at_hand.swap(&self.reserve);
        if self.at_hand.len.get() == 0 && !depot(size).take_batch(&self.at_hand) {
            cut_chunk(size, &self.at_hand);
        }
        self.at_hand.pop().expect("a batch is not empty")
    }

    #[cold]
    #[inline(never)]
    fn lay_off(&self, size: usize) {
        self.at_hand.swap(&self.reserve);
        if self.at_hand.len.get() == BATCH {
            depot(size).put_batch(&self.at_hand);
        }
    }
}

impl Drop for Slots {
    fn drop(&mut self) {
        for (size, shelf) in self.0.iter().enumerate() {
            let mut depot = depot(size);
            for list in [&shelf.at_hand, &shelf.reserve] {
                while let Some(slot) = list.pop() {
                    // SAFETY: the slot was free, and is given up here.
                    unsafe { depot.put_loose(slot) };
                }
            }
        }
    }
}

/// As `Slots::take`, for a thread that is no worker.
pub(crate) fn take_alone(layout: Layout) -> NonNull<u8> {
    let Some(size) = size_of_slot(layout) else {
        return allocate(layout);
    };
    let mut depot = depot(size);
    if let Some(slot) = depot.loose.pop() {
        return slot;
    }
    let list = List::new();
    if !depot.take_batch(&list) {
        cut_chunk(size, &list);
    }
    depot.loose.swap(&list);
    depot.loose.pop().expect("a batch is not empty")
}

/// As `Slots::free`, for a thread that is no worker.
///
/// # Safety
/// As there.
pub(crate) unsafe fn free_alone(memory: NonNull<u8>, layout: Layout) {
    match size_of_slot(layout) {
        // SAFETY: by contract; such memory comes from the allocator.
        None => unsafe { dealloc(memory.as_ptr(), layout) },
        // SAFETY: by contract.
        Some(size) => unsafe { depot(size).put_loose(memory) },
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
