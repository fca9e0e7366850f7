//! The loops with an explicit grain.

use std::fmt;
use std::num::NonZeroUsize;
use std::ops::Range;

use super::elements::{Chunks, Indices, Items};
use super::work::{each, map_reduce};
use crate::sched::Context;

/// Parallel loops in pieces of at most so many elements: from [`Context::with_grain`].
///
/// The loop is halved, the left half the smaller one, until at most the grain's number of elements
/// is left, whoever has time for them. A worker runs no piece before all others that it holds can
/// be taken.
///
/// ```
/// use rustfiber::JobSystem;
///
/// let jobs = JobSystem::new()?;
/// jobs.run(|cx| {
///     let loops = cx.with_grain(10);
///     let mut lengths = vec![0; 1000];
///     loops.par_for_each_init(&mut lengths, || 0, |_, so_far, _, length| {
///         *so_far += 1;
///         *length = *so_far;
///     });
///     assert!(lengths.iter().all(|&length| length <= 10));
/// });
/// # Ok::<(), rustfiber::BuildError>(())
/// ```
#[derive(Clone, Copy)]
#[must_use = "it does nothing until one of its loops is called"]
pub struct WithGrain<'a, 'f> {
    cx: &'a Context<'f>,
    grain: NonZeroUsize,
}

impl<'a, 'f> WithGrain<'a, 'f> {
    #[inline]
    pub(super) fn new(cx: &'a Context<'f>, grain: NonZeroUsize) -> Self {
        Self { cx, grain }
    }

    #[inline]
    pub(super) fn cx(&self) -> &'a Context<'f> {
        self.cx
    }

    #[inline]
    pub(super) fn grain(&self) -> NonZeroUsize {
        self.grain
    }

    /// [`Context::par_for`] in pieces of at most the grain's number of indices.
    ///
    /// # Panics
    /// As [`Context::par_for`].
    ///
    /// # Examples
    /// ```
    /// use std::sync::Barrier;
    /// use rustfiber::JobSystem;
    ///
    /// let jobs = JobSystem::builder().workers(2).build()?;
    /// let meeting = Barrier::new(2);
    /// // Two pieces for two workers, which hold them until they have met.
    /// jobs.run(|cx| cx.with_grain(100).par_for(0..200, |_, i| {
    ///     if i % 100 == 50 {
    ///         meeting.wait();
    ///     }
    /// }));
    /// # Ok::<(), rustfiber::BuildError>(())
    /// ```
    #[inline]
    #[track_caller]
    pub fn par_for(&self, range: Range<usize>, f: impl Fn(&Context<'_>, usize) + Sync) {
        self.par_for_init(range, || (), |cx, (), index| f(cx, index));
    }

    /// [`Context::par_for_each`] in pieces of at most the grain's number of elements.
    ///
    /// # Panics
    /// As [`Context::par_for`].
    ///
    /// # Examples
    /// ```
    /// let jobs = rustfiber::JobSystem::new()?;
    /// let mut flags = [false; 100];
    /// jobs.run(|cx| cx.with_grain(1).par_for_each(&mut flags, |_, _, flag| *flag = true));
    /// assert_eq!(flags, [true; 100]);
    /// # Ok::<(), rustfiber::BuildError>(())
    /// ```
    #[inline]
    #[track_caller]
    pub fn par_for_each<T: Send>(
        &self,
        items: &mut [T],
        f: impl Fn(&Context<'_>, usize, &mut T) + Sync,
    ) {
        self.par_for_each_init(items, || (), |cx, (), index, item| f(cx, index, item));
    }

    /// [`Context::par_chunks_mut`] in pieces of at most the grain's number of chunks.
    ///
    /// # Panics
    /// As [`Context::par_chunks_mut`].
    ///
    /// # Examples
    /// ```
    /// let jobs = rustfiber::JobSystem::new()?;
    /// let mut data = [3, 2, 1, 6, 5, 4];
    /// jobs.run(|cx| cx.with_grain(1).par_chunks_mut(&mut data, 3, |_, _, chunk| chunk.sort()));
    /// assert_eq!(data, [1, 2, 3, 4, 5, 6]);
    /// # Ok::<(), rustfiber::BuildError>(())
    /// ```
    #[inline]
    #[track_caller]
    pub fn par_chunks_mut<T: Send>(
        &self,
        slice: &mut [T],
        chunk_len: usize,
        f: impl Fn(&Context<'_>, usize, &mut [T]) + Sync,
    ) {
        let f = |cx: &Context<'_>, (): &mut (), index, chunk: &mut [T]| f(cx, index, chunk);
        self.par_chunks_mut_init(slice, chunk_len, || (), f);
    }

    /// [`Context::par_map_reduce`] in a tree that depends on the length of the range and on the
    /// grain alone: the result is the same, to the last bit, for any number of workers.
    ///
    /// A range of more elements than the grain is cut in two, `len / 2` elements on the left, and
    /// the results of both become `reduce(left, right)`. Any other is a piece, and its result
    /// `reduce(.. reduce(reduce(identity(), map(first)), map(second)) .., map(last))`.
    ///
    /// # Panics
    /// As [`Context::par_map_reduce`].
    ///
    /// # Examples
    /// ```
    /// use rustfiber::JobSystem;
    ///
    /// let sum = |workers| {
    ///     let jobs = JobSystem::builder().workers(workers).build().unwrap();
    ///     jobs.run(|cx| cx.with_grain(100).par_map_reduce(
    ///         1..10_000,
    ///         || 0.0,
    ///         |_, i| 1.0 / i as f64,
    ///         |left, right| left + right,
    ///     ))
    /// };
    /// assert_eq!(sum(1), sum(4));
    /// ```
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
        self.par_map_reduce_init(range, || (), identity, map, reduce)
    }

    /// [`Context::par_for_init`] in pieces of at most the grain's number of indices, with a state
    /// each.
    ///
    /// # Panics
    /// As [`Context::par_for_init`].
    ///
    /// # Examples
    /// ```
    /// let jobs = rustfiber::JobSystem::new()?;
    /// jobs.run(|cx| cx.with_grain(8).par_for_init(0..1000, || 0, |_, calls, _| {
    ///     *calls += 1;
    ///     assert!(*calls <= 8);
    /// }));
    /// # Ok::<(), rustfiber::BuildError>(())
    /// ```
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

    /// [`Context::par_for_each_init`] in pieces of at most the grain's number of elements, with a
    /// state each.
    ///
    /// # Panics
    /// As [`Context::par_for_each_init`].
    ///
    /// # Examples
    /// ```
    /// let jobs = rustfiber::JobSystem::new()?;
    /// let mut nth = [0; 6];
    /// jobs.run(|cx| cx.with_grain(3).par_for_each_init(&mut nth, || 0, |_, calls, _, nth| {
    ///     *calls += 1;
    ///     *nth = *calls;
    /// }));
    /// assert_eq!(nth, [1, 2, 3, 1, 2, 3]);
    /// # Ok::<(), rustfiber::BuildError>(())
    /// ```
    #[inline]
    #[track_caller]
    pub fn par_for_each_init<T: Send, S>(
        &self,
        items: &mut [T],
        init: impl Fn() -> S + Sync,
        f: impl Fn(&Context<'_>, &mut S, usize, &mut T) + Sync,
    ) {
        let f = |cx: &Context<'_>, state: &mut S, (index, item)| f(cx, state, index, item);
        each(self.cx, Some(self.grain), Items::from(items), init, f);
    }

    /// [`Context::par_chunks_mut_init`] in pieces of at most the grain's number of chunks, with a
    /// state each.
    ///
    /// # Panics
    /// As [`Context::par_chunks_mut_init`].
    ///
    /// # Examples
    /// ```
    /// let jobs = rustfiber::JobSystem::new()?;
    /// let mut nth = [0; 8];
    /// jobs.run(|cx| {
    ///     cx.with_grain(2).par_chunks_mut_init(&mut nth, 2, || 0, |_, calls, _, chunk| {
    ///         *calls += 1;
    ///         chunk.fill(*calls);
    ///     });
    /// });
    /// assert_eq!(nth, [1, 1, 2, 2, 1, 1, 2, 2]);
    /// # Ok::<(), rustfiber::BuildError>(())
    /// ```
    #[inline]
    #[track_caller]
    pub fn par_chunks_mut_init<T: Send, S>(
        &self,
        slice: &mut [T],
        chunk_len: usize,
        init: impl Fn() -> S + Sync,
        f: impl Fn(&Context<'_>, &mut S, usize, &mut [T]) + Sync,
    ) {
        let f = |cx: &Context<'_>, state: &mut S, (index, chunk)| f(cx, state, index, chunk);
        let chunks = Chunks::new(slice, chunk_len);
        each(self.cx, Some(self.grain), chunks, init, f);
    }

    /// [`Context::par_map_reduce_init`] in the tree that [`par_map_reduce`](Self::par_map_reduce)
    /// describes, with a state for each piece.
    ///
    /// # Panics
    /// As [`Context::par_map_reduce_init`].
    ///
    /// # Examples
    /// ```
    /// let jobs = rustfiber::JobSystem::new()?;
    /// let nth = |_: &rustfiber::Context, calls: &mut u32, _| {
    ///     *calls += 1;
    ///     *calls
    /// };
    /// let highest = jobs.run(|cx| {
    ///     cx.with_grain(5).par_map_reduce_init(0..1000, || 0, || 0, nth, u32::max)
    /// });
    /// assert!((1..=5).contains(&highest));
    /// # Ok::<(), rustfiber::BuildError>(())
    /// ```
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
        let indices = Indices::from(range);
        map_reduce(
            self.cx,
            Some(self.grain),
            indices,
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
