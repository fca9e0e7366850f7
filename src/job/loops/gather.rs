//! The items of a parallel iterator in a vector, in their order.

use std::mem::forget;
use std::ptr;

/// The memory of a vector that jobs fill together: a place for each element of the loop.
pub(super) struct Places<T>(*mut T);

// SAFETY: the places are reached through `Filled` alone, and no two of those fill the same one
// (`Filled::put`).
unsafe impl<T: Send> Sync for Places<T> {}

impl<T> Places<T> {
    /// The places of a vector without items. They are gone when it is dropped or grows.
    pub(super) fn of(items: &mut Vec<T>) -> Self {
        debug_assert!(items.is_empty());
        Self(items.as_mut_ptr())
    }

    /// None of the places.
    #[inline]
    pub(super) fn none(&self) -> Filled<T> {
        Filled {
            places: self.0,
            end: 0,
            len: 0,
        }
    }
}

/// The places that a piece of the loop has filled, `len` of them up to before `end`, and what is in
/// them.
pub(super) struct Filled<T> {
    places: *mut T,
    end: usize,
    len: usize,
}

// SAFETY: it owns values of `T`, and nobody else reaches them.
unsafe impl<T: Send> Send for Filled<T> {}

impl<T> Filled<T> {
    fn first(&self) -> usize {
        self.end - self.len
    }

    /// Puts an item in the place behind those that are filled.
    ///
    /// # Safety
    /// - The vector has room for more than `index` items, and stays as it is as long as the result.
    /// - `index` comes next, unless none is filled. Nobody else fills it.
    #[inline]
    pub(super) unsafe fn put(mut self, index: usize, item: T) -> Self {
        debug_assert!(self.len == 0 || index == self.end);
        // SAFETY: by contract.
        unsafe { self.places.add(index).write(item) };
        // No branch, so that LLVM vectorizes.
        self.end = index + 1;
        self.len += 1;
        self
    }

    /// What neighbours have filled. A panic may have left a gap in between: then the items on the
    /// right are dropped.
    pub(super) fn and(mut self, right: Self) -> Self {
        if self.len == 0 {
            return right;
        }
        if self.end == right.first() {
            self.end = right.end;
            self.len += right.len;
            forget(right);
        } else {
            // Now: if that panics, what is on the left is dropped, too.
            drop(right);
        }
        self
    }

    /// Gives the items to their vector, which has room for `len`: all of them are there.
    pub(super) fn belong_to(self, items: &mut Vec<T>, len: usize) {
        assert!(ptr::eq(self.places, items.as_ptr()) && items.capacity() >= len);
        let all = (self.end, self.len) == (len, len);
        assert!(all, "a loop that has not panicked has run all elements");
        forget(self);
        // SAFETY: each of these places is filled, and nobody else owns what is in them.
        unsafe { items.set_len(len) };
    }
}

impl<T> Drop for Filled<T> {
    fn drop(&mut self) {
        // SAFETY: these places are filled, and their items belong to this value alone.
        unsafe {
            let first = self.places.add(self.first());
            ptr::slice_from_raw_parts_mut(first, self.len).drop_in_place();
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests;
