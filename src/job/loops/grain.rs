//! The loops with an explicit grain.

use std::fmt;
use std::num::NonZeroUsize;
use std::ops::Range;

use super::elements::{Chunks, Indices, Items};
use super::work::{each, map_reduce};
use crate::sched::Context;

/// Loops in pieces of at most so many elements: from [`Context::with_grain`].
#[derive(Clone, Copy)]
#[must_use = "call one of the loops"]
pub struct WithGrain<'a, 'f> {
    cx: &'a Context<'f>,
    grain: NonZeroUsize,
}

impl<'a, 'f> WithGrain<'a, 'f> {
    #[inline]
    pub(super) fn new(cx: &'a Context<'f>, grain: NonZeroUsize) -> Self {
        Self { cx, grain }
    }

    /// See [`Context::par_for`].
    #[inline]
    #[track_caller]
    pub fn par_for(&self, range: Range<usize>, f: impl Fn(&Context<'_>, usize) + Sync) {
        self.par_for_init(range, || (), |cx, (), index| f(cx, index));
    }

    /// See [`Context::par_for_each`].
    #[inline]
    #[track_caller]
    pub fn par_for_each<T: Send>(
        &self,
        items: &mut [T],
        f: impl Fn(&Context<'_>, usize, &mut T) + Sync,
    ) {
        self.par_for_each_init(items, || (), |cx, (), index, item| f(cx, index, item));
    }

    /// See [`Context::par_chunks_mut`].
    #[inline]
    #[track_caller]
    pub fn par_chunks_mut<T: Send>(
        &self,
        slice: &mut [T],
        chunk_len: usize,
        f: impl Fn(&Context<'_>, usize, &mut [T]) + Sync,
    ) {
        self.par_chunks_mut_init(
            slice,
            chunk_len,
            || (),
            |cx, (), index, chunk| f(cx, index, chunk),
        );
    }

    /// See [`Context::par_map_reduce`].
    #[inline]
    #[track_caller]
    pub fn par_map_reduce<R: Send>(
        &self,
        range: Range<usize>,
        identity: impl Fn() -> R + Sync,
        map: impl Fn(&Context<'_>, usize) -> R + Sync,
        reduce: impl Fn(R, R) -> R + Sync,
    ) -> R {
        self.par_map_reduce_init(
            range,
            || (),
            identity,
            |cx, (), index| map(cx, index),
            reduce,
        )
    }

    /// See [`Context::par_for_init`].
    #[inline]
    #[track_caller]
    pub fn par_for_init<S>(
        &self,
        range: Range<usize>,
        init: impl Fn() -> S + Sync,
        f: impl Fn(&Context<'_>, &mut S, usize) + Sync,
    ) {
        each(self.cx, Some(self.grain), Indices::from(range), init, f);
    }

    /// See [`Context::par_for_each_init`].
    #[inline]
    #[track_caller]
    pub fn par_for_each_init<T: Send, S>(
        &self,
        items: &mut [T],
        init: impl Fn() -> S + Sync,
        f: impl Fn(&Context<'_>, &mut S, usize, &mut T) + Sync,
    ) {
        each(
            self.cx,
            Some(self.grain),
            Items::from(items),
            init,
            |cx, state, (index, item)| {
                f(cx, state, index, item);
            },
        );
    }

    /// See [`Context::par_chunks_mut_init`]. The grain counts chunks.
    #[inline]
    #[track_caller]
    pub fn par_chunks_mut_init<T: Send, S>(
        &self,
        slice: &mut [T],
        chunk_len: usize,
        init: impl Fn() -> S + Sync,
        f: impl Fn(&Context<'_>, &mut S, usize, &mut [T]) + Sync,
    ) {
        let chunks = Chunks::new(slice, chunk_len);
        each(
            self.cx,
            Some(self.grain),
            chunks,
            init,
            |cx, state, (index, chunk)| {
                f(cx, state, index, chunk);
            },
        );
    }

    /// See [`Context::par_map_reduce_init`].
    #[inline]
    #[track_caller]
    pub fn par_map_reduce_init<S, R: Send>(
        &self,
        range: Range<usize>,
        init: impl Fn() -> S + Sync,
        identity: impl Fn() -> R + Sync,
        map: impl Fn(&Context<'_>, &mut S, usize) -> R + Sync,
        reduce: impl Fn(R, R) -> R + Sync,
    ) -> R {
        map_reduce(
            self.cx,
            Some(self.grain),
            Indices::from(range),
            init,
            identity,
            map,
            reduce,
        )
    }
}

impl fmt::Debug for WithGrain<'_, '_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WithGrain")
            .field("grain", &self.grain)
            .finish_non_exhaustive()
    }
}
