//! Chunks: large mappings that are cut into slots, one slot for each stack.
//!
//! ```text
//!            low addresses
//!  start of  +----------------+  <- Slot::limit, what corosensei calls the stack's limit
//!  the slot  | guard          |     any touch faults
//!            +----------------+
//!            |                |  ^
//!            | usable         |  |  at least stack_size; a page becomes memory when touched
//!            |                |  |  the stack grows upwards in this drawing
//!            +----------------+  <- Slot::base, where the fiber's first frame lies
//!            | colour         |     0 to half a page, never used
//!  end of    +----------------+  <- the next slot's start
//!  the slot    high addresses
//! ```
//!
//! A slot is *fresh* (no guard yet, nobody knows its address), then *issued* (its guard stands until
//! the chunk is unmapped). Slots are issued in the order of their addresses. Which of the issued
//! ones are in use is the arena's affair.
//!
//! **Colour.** The first bytes of a stack are the ones that every switch touches. If all stacks
//! began at the same offset in a page, these bytes would share a few sets of the L1 cache, which
//! finds its set by the offset in a page. So neighbours begin at different cache lines. The colours
//! span half a page only: a fiber with little on its stack then stays within one page of memory.

use std::io;
use std::ptr::{self, NonNull};

use corosensei::stack::{STACK_ALIGNMENT, StackPointer};

use super::guard_linux::{GuardWays, Guards};
use super::{KIB, StackError};

/// Two colours differ by a multiple of this: one cache line on most processors.
const COLOUR_STEP: usize = 64;
const _: () = assert!(COLOUR_STEP % STACK_ALIGNMENT == 0);

/// Compiled code touches every page of a large frame in order on these targets, so one page stops
/// it. Elsewhere a frame may step over a guard that is smaller than the frame.
const HAS_STACK_PROBES: bool = cfg!(any(
    target_arch = "x86",
    target_arch = "x86_64",
    target_arch = "aarch64"
));

/// The measures of a slot, all in bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct SlotShape {
    /// From one slot to the next; a multiple of the page size, as is `guard`.
    stride: usize,
    guard: usize,
    colours: usize,
}

/// Where one issued slot lies, guard included. These are addresses only; the right to use the memory
/// is the arena's to lend.
#[derive(Clone, Copy, Debug)]
pub(super) struct Slot {
    pub(super) base: StackPointer,
    pub(super) limit: StackPointer,
}

/// One mapping and its slots. It is unmapped on drop, so it must outlive all use of its slots.
#[derive(Debug)]
pub(super) struct Chunk {
    start: NonNull<u8>,
    shape: SlotShape,
    slots: usize,
    issued: usize,
    // Dropped after `Drop::drop` has unmapped the chunk, as it demands.
    guards: Guards,
}

// SAFETY: a chunk owns its mapping; mappings belong to the process, not to a thread. Its own methods
// take `&mut self` and never look into the memory of a slot that they have issued.
unsafe impl Send for Chunk {}

impl SlotShape {
    /// For stacks with `stack_size` usable bytes, which [`check_request`](super::check_request)
    /// keeps far from overflow.
    pub(super) fn new(stack_size: usize, page: usize) -> Self {
        let colours = page / 2 / COLOUR_STEP;
        let guard = if HAS_STACK_PROBES {
            page
        } else {
            page.max(64 * KIB)
        };
        let stack = stack_size + (colours - 1) * COLOUR_STEP;
        Self {
            stride: guard + stack.next_multiple_of(page),
            guard,
            colours,
        }
    }

    pub(super) fn stride(&self) -> usize {
        self.stride
    }

    /// The slot that starts at `start`.
    pub(super) fn slot(&self, start: NonNull<u8>, colour: usize) -> Slot {
        // corosensei's interface wants addresses, and turns them into pointers again.
        let limit = start.as_ptr().expose_provenance();
        let base = limit + self.stride - colour % self.colours * COLOUR_STEP;
        let address = |a| StackPointer::new(a).expect("nothing is mapped at zero");
        Slot {
            base: address(base),
            limit: address(limit),
        }
    }
}

impl Slot {
    /// The start and the length of what the fiber may use.
    pub(super) fn usable(&self, shape: &SlotShape) -> (usize, usize) {
        let start = self.limit.get() + shape.guard;
        (start, self.base.get() - start)
    }
}

impl Chunk {
    /// Reserves address space for `slots` slots; memory comes with the first touch of each page.
    pub(super) fn reserve(slots: usize, shape: SlotShape, ways: GuardWays) -> io::Result<Self> {
        let len = slots
            .checked_mul(shape.stride)
            .ok_or(io::ErrorKind::OutOfMemory)?;
        // SAFETY: a new private mapping at an address of the kernel's choice touches nothing
        // existing.
        let start = unsafe {
            libc::mmap(
                ptr::null_mut(),
                len,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE,
                -1,
                0,
            )
        };
        if start == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        // Without this one touched page may become a huge one. A kernel without huge pages answers
        // EINVAL, which is as good.
        // SAFETY: advice about the mapping made above, which changes no contents.
        unsafe { libc::madvise(start, len, libc::MADV_NOHUGEPAGE) };
        Ok(Self {
            start: NonNull::new(start.cast()).expect("nothing is mapped at zero"),
            shape,
            slots,
            issued: 0,
            guards: Guards::new(ways),
        })
    }

    pub(super) fn slots(&self) -> usize {
        self.slots
    }

    pub(super) fn is_full(&self) -> bool {
        self.issued == self.slots
    }

    /// Guards the next fresh slot and issues it. On an error the slot stays fresh.
    ///
    /// The chunk must not be full.
    pub(super) fn issue(&mut self, colour: usize) -> Result<Slot, StackError> {
        assert!(!self.is_full());
        // SAFETY: the slot is one of this chunk's, so its start lies in the mapping.
        let start = unsafe { self.start.add(self.issued * self.shape.stride) };
        // SAFETY:
        // - The mapping, the stride and the guard's length are page-aligned; the slot lies in the
        //   mapping, and its guard in the slot.
        // - `Drop` unmaps before the field `guards` is dropped.
        // - Nothing is kept in a fresh slot, and later only above its guard.
        unsafe { self.guards.install(start, self.shape.guard)? };
        self.issued += 1;
        Ok(self.shape.slot(start, colour))
    }

    fn len(&self) -> usize {
        self.slots * self.shape.stride
    }
}

impl Drop for Chunk {
    fn drop(&mut self) {
        // SAFETY: this is the whole of the mapping made by `reserve`. The slots issued from it are
        // gone: the arena drops its chunks last, and every stack in use keeps the arena.
        let result = unsafe { libc::munmap(self.start.as_ptr().cast(), self.len()) };
        debug_assert_eq!(result, 0, "munmap: {}", io::Error::last_os_error());
    }
}
