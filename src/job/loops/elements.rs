//! What a loop goes through.
//!
//! What is `pub` here stands in the signatures of parallel iterators; nobody can name it outside.

use std::ops::Range;

/// Consecutive elements that can be cut in two.
pub trait Elements: Sized + Send {
    type Item;

    fn len(&self) -> usize;

    /// The first `n`, of which there are so many, and the rest.
    fn split_at(self, n: usize) -> (Self, Self);

    /// Calls `f` with each, in order: a plain loop, for LLVM to vectorize.
    fn fold<A>(self, start: A, f: impl FnMut(A, Self::Item) -> A) -> A;

    fn halve(self) -> (Self, Self) {
        let half = self.len() / 2;
        self.split_at(half)
    }
}

/// The indices of a range, of which a reversed one has none.
pub(super) struct Indices {
    next: usize,
    /// Not below `next`.
    end: usize,
}

impl From<Range<usize>> for Indices {
    #[inline]
    fn from(range: Range<usize>) -> Self {
        Self {
            next: range.start,
            end: range.end.max(range.start),
        }
    }
}

impl Elements for Indices {
    type Item = usize;

    #[inline]
    fn len(&self) -> usize {
        self.end - self.next
    }

    #[inline]
    fn split_at(self, n: usize) -> (Self, Self) {
        let at = self.next + n;
        let left = Self { end: at, ..self };
        (left, Self { next: at, ..self })
    }

    #[inline]
    fn fold<A>(self, start: A, mut f: impl FnMut(A, usize) -> A) -> A {
        let mut so_far = start;
        for index in self.next..self.end {
            so_far = f(so_far, index);
        }
        so_far
    }
}

/// The elements of a slice, with their indices in the whole.
#[derive(Debug)]
pub struct Items<'a, T> {
    first: usize,
    items: &'a mut [T],
}

impl<'a, T> From<&'a mut [T]> for Items<'a, T> {
    #[inline]
    fn from(items: &'a mut [T]) -> Self {
        Self { first: 0, items }
    }
}

impl<'a, T: Send> Elements for Items<'a, T> {
    type Item = (usize, &'a mut T);

    #[inline]
    fn len(&self) -> usize {
        self.items.len()
    }

    #[inline]
    fn split_at(self, n: usize) -> (Self, Self) {
        let (items, later) = self.items.split_at_mut(n);
        let left = Self { items, ..self };
        let right = Self {
            first: self.first + n,
            items: later,
        };
        (left, right)
    }

    #[inline]
    fn fold<A>(self, start: A, mut f: impl FnMut(A, Self::Item) -> A) -> A {
        let mut so_far = start;
        // The index runs along, rather than being added up from two: LLVM makes it as narrow as
        // `f` needs it. It comes second, so that it stops in time.
        for (item, index) in self.items.iter_mut().zip(self.first..) {
            so_far = f(so_far, (index, item));
        }
        so_far
    }
}

/// The same of a slice that is only looked at.
#[derive(Debug)]
pub struct Refs<'a, T> {
    first: usize,
    items: &'a [T],
}

impl<'a, T> From<&'a [T]> for Refs<'a, T> {
    #[inline]
    fn from(items: &'a [T]) -> Self {
        Self { first: 0, items }
    }
}

impl<'a, T: Sync> Elements for Refs<'a, T> {
    type Item = (usize, &'a T);

    #[inline]
    fn len(&self) -> usize {
        self.items.len()
    }

    #[inline]
    fn split_at(self, n: usize) -> (Self, Self) {
        let (items, later) = self.items.split_at(n);
        let left = Self { items, ..self };
        let right = Self {
            first: self.first + n,
            items: later,
        };
        (left, right)
    }

    #[inline]
    fn fold<A>(self, start: A, mut f: impl FnMut(A, Self::Item) -> A) -> A {
        let mut so_far = start;
        for (item, index) in self.items.iter().zip(self.first..) {
            so_far = f(so_far, (index, item));
        }
        so_far
    }
}

/// The chunks of a slice, with their indices among all chunks. The last one may be shorter.
pub(super) struct Chunks<'a, T> {
    first: usize,
    /// Not zero.
    chunk_len: usize,
    items: &'a mut [T],
}

impl<'a, T> Chunks<'a, T> {
    #[inline]
    #[track_caller]
    pub(super) fn new(items: &'a mut [T], chunk_len: usize) -> Self {
        assert!(
            chunk_len != 0,
            "a slice has no chunks of 0 elements: pass a `chunk_len` of at least 1"
        );
        Self {
            first: 0,
            chunk_len,
            items,
        }
    }
}

impl<'a, T: Send> Elements for Chunks<'a, T> {
    type Item = (usize, &'a mut [T]);

    #[inline]
    fn len(&self) -> usize {
        self.items.len().div_ceil(self.chunk_len)
    }

    #[inline]
    fn split_at(self, n: usize) -> (Self, Self) {
        // The last chunk may be shorter.
        let at = n.saturating_mul(self.chunk_len).min(self.items.len());
        let (items, later) = self.items.split_at_mut(at);
        let left = Self { items, ..self };
        let right = Self {
            first: self.first + n,
            items: later,
            ..self
        };
        (left, right)
    }

    #[inline]
    fn fold<A>(self, start: A, mut f: impl FnMut(A, Self::Item) -> A) -> A {
        let mut so_far = start;
        for (chunk, index) in self.items.chunks_mut(self.chunk_len).zip(self.first..) {
            so_far = f(so_far, (index, chunk));
        }
        so_far
    }
}

#[cfg(test)]
mod tests;
