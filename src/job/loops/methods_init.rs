//! The loops of a context, with a state for each piece.

use std::ops::Range;

use super::elements::{Chunks, Indices, Items};
use super::work::{each, map_reduce};
use crate::sched::Context;

/// # Loops with a state
///
/// The `_init` forms of the [parallel loops](#parallel-loops) give each piece a state of its own: a
/// buffer to reuse, a generator of random numbers, a connection. `init` makes it in the job that
/// runs the piece, where it is lent to each of the piece's elements and then dropped; so it need
/// not be `Send`. No two elements have it at the same time, also when one of them waits.
///
/// How many states are made depends on how the loop is split: none for no elements, one for each
/// piece. A piece ends where the loop is split, so a long loop may make some in each job.
impl Context<'_> {
    /// [`par_for`](Self::par_for) with a state for each piece: see [above](#loops-with-a-state).
    ///
    /// # Panics
    /// As [`par_for`](Self::par_for), for `init` too.
    ///
    /// # Examples
    /// ```
    /// use std::fmt::Write;
    /// use std::sync::atomic::{AtomicUsize, Ordering};
    /// use rustfiber::JobSystem;
    ///
    /// let jobs = JobSystem::new()?;
    /// let palindromes = AtomicUsize::new(0);
    /// jobs.run(|cx| cx.par_for_init(0..10_000, String::new, |_, text, i| {
    ///     text.clear(); // what the last element has left
    ///     write!(text, "{i}").unwrap();
    ///     if text.bytes().eq(text.bytes().rev()) {
    ///         palindromes.fetch_add(1, Ordering::Relaxed);
    ///     }
    /// }));
    /// assert_eq!(palindromes.into_inner(), 10 + 9 + 90 + 90);
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
        each(self, None, Indices::from(range), init, f);
    }

    /// [`par_for_each`](Self::par_for_each) with a state for each piece: see
    /// [above](#loops-with-a-state).
    ///
    /// # Panics
    /// As [`par_for`](Self::par_for), for `init` too.
    ///
    /// # Examples
    /// ```
    /// use rustfiber::JobSystem;
    ///
    /// let jobs = JobSystem::new()?;
    /// let mut lists = vec![[3, 1, 2]; 100];
    /// let buffer = || Vec::with_capacity(3);
    /// jobs.run(|cx| cx.par_for_each_init(&mut lists, buffer, |_, buffer, _, list| {
    ///     buffer.clear();
    ///     buffer.extend(list.iter().rev().copied());
    ///     list.copy_from_slice(buffer);
    /// }));
    /// assert_eq!(lists, [[2, 1, 3]; 100]);
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
        each(self, None, Items::from(items), init, f);
    }

    /// [`par_chunks_mut`](Self::par_chunks_mut) with a state for each piece: see
    /// [above](#loops-with-a-state).
    ///
    /// # Panics
    /// If `chunk_len` is 0. And as [`par_for`](Self::par_for), for `init` too.
    ///
    /// # Examples
    /// ```
    /// use rustfiber::JobSystem;
    ///
    /// let jobs = JobSystem::new()?;
    /// let mut data = [4, 2, 3, 1, 9, 7];
    /// jobs.run(|cx| cx.par_chunks_mut_init(&mut data, 2, Vec::new, |_, seen, _, pair| {
    ///     seen.extend_from_slice(pair); // of this piece's chunks
    ///     pair.sort();
    /// }));
    /// assert_eq!(data, [2, 4, 1, 3, 7, 9]);
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
        each(self, None, Chunks::new(slice, chunk_len), init, f);
    }

    /// [`par_map_reduce`](Self::par_map_reduce) with a state for each piece: see
    /// [above](#loops-with-a-state).
    ///
    /// # Panics
    /// As [`par_for`](Self::par_for), for all four closures.
    ///
    /// # Examples
    /// ```
    /// use std::fmt::Write;
    /// use rustfiber::JobSystem;
    ///
    /// let jobs = JobSystem::new()?;
    /// let digits = jobs.run(|cx| cx.par_map_reduce_init(
    ///     0..1000,
    ///     String::new,
    ///     || 0,
    ///     |_, text, i| {
    ///         text.clear();
    ///         write!(text, "{i}").unwrap();
    ///         text.len()
    ///     },
    ///     |left, right| left + right,
    /// ));
    /// assert_eq!(digits, 10 + 2 * 90 + 3 * 900);
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
        map_reduce(self, None, indices, init, identity, map, reduce)
    }
}
