//! The loops of a context, with a state for each piece.

use std::ops::Range;

use super::elements::{Chunks, Indices, Items};
use super::work::{each, map_reduce};
use crate::sched::Context;

impl Context<'_> {
    /// [`par_for`](Self::par_for) with a state for each piece.
    #[inline]
    #[track_caller]
    pub fn par_for_init<S>(
        &self,
        range: Range<usize>,
        init: impl Fn() -> S + Sync,
        f: impl Fn(&Context<'_>, &mut S, usize) + Sync,
    ) {
        each(self, None, Indices::from(range), init, f);
    }

    /// [`par_for_each`](Self::par_for_each) with a state for each piece.
    #[inline]
    #[track_caller]
    pub fn par_for_each_init<T: Send, S>(
        &self,
        items: &mut [T],
        init: impl Fn() -> S + Sync,
        f: impl Fn(&Context<'_>, &mut S, usize, &mut T) + Sync,
    ) {
        each(
            self,
            None,
            Items::from(items),
            init,
            |cx, state, (index, item)| f(cx, state, index, item),
        );
    }

    /// [`par_chunks_mut`](Self::par_chunks_mut) with a state for each piece.
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
        each(self, None, chunks, init, |cx, state, (index, chunk)| {
            f(cx, state, index, chunk)
        });
    }

    /// [`par_map_reduce`](Self::par_map_reduce) with a state for each piece.
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
            self,
            None,
            Indices::from(range),
            init,
            identity,
            map,
            reduce,
        )
    }
}
