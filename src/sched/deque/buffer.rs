//! Memory for the elements of a deque.

use std::ptr;

use crate::primitive::atomic::AtomicPtr;

/// A power of two of slots; position `p` is slot `p % capacity`.
pub(super) struct Buffer {
    slots: Box<[AtomicPtr<()>]>,
    /// The buffer before this one, or null; owned by this one.
    pub(super) outgrown: *mut Buffer,
}

impl Buffer {
    pub(super) fn allocate(capacity: usize, outgrown: *mut Buffer) -> *mut Buffer {
        debug_assert!(capacity.is_power_of_two());
        let slots = (0..capacity)
            .map(|_| AtomicPtr::new(ptr::null_mut()))
            .collect();
        Box::into_raw(Box::new(Buffer { slots, outgrown }))
    }

    pub(super) fn slots(&self) -> Slots {
        Slots {
            first: self.slots.as_ptr(),
            mask: self.slots.len() - 1,
        }
    }

    pub(super) fn slot(&self, position: isize) -> &AtomicPtr<()> {
        // SAFETY: the borrow keeps the buffer.
        unsafe { self.slots().at(position) }
    }
}

/// Where the slots of a buffer are.
#[derive(Clone, Copy)]
pub(super) struct Slots {
    first: *const AtomicPtr<()>,
    /// The capacity minus one.
    mask: usize,
}

impl Slots {
    /// # Safety
    /// The buffer is valid for `'a`.
    #[inline(always)]
    pub(super) unsafe fn at<'a>(self, position: isize) -> &'a AtomicPtr<()> {
        // SAFETY: the capacity is a power of two (`allocate`), so the mask keeps the index below
        // it.
        unsafe { &*self.first.add(position as usize & self.mask) }
    }

    pub(super) fn capacity(self) -> usize {
        self.mask + 1
    }
}
