//! The loops of a context.

use std::num::NonZeroUsize;
use std::ops::Range;

use super::elements::{Chunks, Indices, Items};
use super::grain::WithGrain;
use super::work::{each, map_reduce};
use crate::sched::Context;

impl<'f> Context<'f> {
    /// Calls `f` with each index of `range`, in parallel.
    #[inline]
    #[track_caller]
    pub fn par_for(&self, range: Range<usize>, f: impl Fn(&Context<'_>, usize) + Sync) {
        each(
            self,
            None,
            Indices::from(range),
            || (),
            |cx, (), index| f(cx, index),
        );
    }

    /// Calls `f` with each element of `items`, and its index, in parallel.
    #[inline]
    #[track_caller]
    pub fn par_for_each<T: Send>(
        &self,
        items: &mut [T],
        f: impl Fn(&Context<'_>, usize, &mut T) + Sync,
    ) {
        each(
            self,
            None,
            Items::from(items),
            || (),
            |cx, (), (index, item)| f(cx, index, item),
        );
    }

    /// Calls `f` with each chunk of `slice`, and its index among the chunks, in parallel.
    #[inline]
    #[track_caller]
    pub fn par_chunks_mut<T: Send>(
        &self,
        slice: &mut [T],
        chunk_len: usize,
        f: impl Fn(&Context<'_>, usize, &mut [T]) + Sync,
    ) {
        let chunks = Chunks::new(slice, chunk_len);
        each(
            self,
            None,
            chunks,
            || (),
            |cx, (), (index, chunk)| f(cx, index, chunk),
        );
    }

    /// Maps each index of `range` to a result, in parallel, and reduces all of them to one.
    #[inline]
    #[track_caller]
    pub fn par_map_reduce<R: Send>(
        &self,
        range: Range<usize>,
        identity: impl Fn() -> R + Sync,
        map: impl Fn(&Context<'_>, usize) -> R + Sync,
        reduce: impl Fn(R, R) -> R + Sync,
    ) -> R {
        let map = |cx: &Context<'_>, (): &mut (), index| map(cx, index);
        map_reduce(
            self,
            None,
            Indices::from(range),
            || (),
            identity,
            map,
            reduce,
        )
    }

    /// The same loops, in pieces of at most `grain` elements.
    ///
    /// # Panics
    /// If `grain` is 0.
    #[inline]
    #[track_caller]
    pub fn with_grain(&self, grain: usize) -> WithGrain<'_, 'f> {
        let Some(grain) = NonZeroUsize::new(grain) else {
            panic!(
                "a loop gets nowhere with a grain of 0: pass 1 for a piece per element, \
                 or call the loop without `with_grain` and let it find its own"
            );
        };
        WithGrain::new(self, grain)
    }
}
