//! The loops of a context.

use std::num::NonZeroUsize;
use std::ops::Range;

use super::elements::{Chunks, Indices, Items};
use super::grain::WithGrain;
use super::work::{each, map_reduce};
use crate::sched::Context;

/// # Parallel loops
///
/// A loop runs in *pieces*: consecutive elements that one job goes through in order. `f` is lent
/// the context of that job: it may wait, yield, join, or run loops of its own.
///
/// - A loop over many elements begins in the calling job, alone. If it is not over after some
///   microseconds, and enough is left, it offers half of that to other workers, and again whenever
///   all that it has offered has been taken. A loop over a thousand cheap elements never touches a
///   queue; one over millions keeps every worker busy. A worker that remembers the same loop as a long
///   one offers half of it at once.
/// - A loop over few elements (at most 64, or at most eight for each worker) is taken for one over
///   coarse elements. Each of them is a piece of its own, which a worker that has time can take
///   while others run.
/// - [`with_grain`](Self::with_grain) sets the size of the pieces. Each of them, too, can be taken
///   at any time. It is also for loops over many elements of which a few, nobody knows which, take
///   very much longer than the others.
///
/// **Panics.** A loop ends with the first panic of one of its closures, after whatever else had
/// begun has ended, and with it all borrows. Further panics go to the
/// [`on_panic`](crate::Builder::on_panic) hook. Each element has been run at most once. Of the
/// others, any may not have been run: pieces not yet begun are left out, and those under way may
/// stop between two elements.
///
/// **Fairness.** A worker goes from one piece to the next as from one job to the next, and a piece
/// never yields by itself. In a long loop beside jobs that must react fast, let `f` ask
/// [`should_yield`](Self::should_yield).
///
/// **Deadlocks.** An element that waits for a later one may wait for ever, because both may be in
/// one piece. Elements that wait for each other need pieces of their own: few elements, or a grain
/// of 1. If they hold their workers while they wait (a [`std::sync::Barrier`]), there must be a
/// worker for each that does.
impl<'f> Context<'f> {
    /// Calls `f` with each index of `range`, in parallel, and returns when all have been dealt
    /// with.
    ///
    /// A range that ends before it starts is empty, as it is for an iterator. How the work is
    /// split, and where it can block: see [parallel loops](#parallel-loops).
    ///
    /// # Panics
    /// With the first panic of `f`: see [parallel loops](#parallel-loops). And if this is not the
    /// context of the running job.
    ///
    /// # Examples
    /// ```
    /// use std::sync::atomic::{AtomicU64, Ordering};
    /// use rustfiber::JobSystem;
    ///
    /// let jobs = JobSystem::new()?;
    /// let data = vec![2; 1000];
    /// let sum = AtomicU64::new(0);
    /// jobs.run(|cx| cx.par_for(0..data.len(), |_, i| {
    ///     sum.fetch_add(data[i], Ordering::Relaxed);
    /// }));
    /// assert_eq!(sum.into_inner(), 2000);
    /// # Ok::<(), rustfiber::BuildError>(())
    /// ```
    #[inline]
    #[track_caller]
    pub fn par_for(&self, range: Range<usize>, f: impl Fn(&Context<'_>, usize) + Sync) {
        let f = |cx: &Context<'_>, (): &mut (), index| f(cx, index);
        each(self, None, Indices::from(range), || (), f);
    }

    /// Calls `f` with each element of `items`, and its index, in parallel, and returns when all
    /// have been dealt with.
    ///
    /// # Panics
    /// As [`par_for`](Self::par_for).
    ///
    /// # Examples
    /// ```
    /// use rustfiber::JobSystem;
    ///
    /// let jobs = JobSystem::new()?;
    /// let mut squares = vec![0; 1000];
    /// jobs.run(|cx| cx.par_for_each(&mut squares, |_, i, square| *square = i * i));
    /// assert_eq!(squares[30], 900);
    /// # Ok::<(), rustfiber::BuildError>(())
    /// ```
    #[inline]
    #[track_caller]
    pub fn par_for_each<T: Send>(
        &self,
        items: &mut [T],
        f: impl Fn(&Context<'_>, usize, &mut T) + Sync,
    ) {
        let f = |cx: &Context<'_>, (): &mut (), (index, item)| f(cx, index, item);
        each(self, None, Items::from(items), || (), f);
    }

    /// Calls `f` with each chunk of `slice`, and its index among the chunks, in parallel, and
    /// returns when all have been dealt with.
    ///
    /// Each chunk has `chunk_len` elements, but for the last one, which may have fewer. The chunks
    /// are the elements of the loop: up to 64 of them are each a job.
    ///
    /// # Panics
    /// If `chunk_len` is 0. And as [`par_for`](Self::par_for).
    ///
    /// # Examples
    /// ```
    /// use rustfiber::JobSystem;
    ///
    /// let jobs = JobSystem::new()?;
    /// let (width, height) = (64, 48);
    /// let mut image = vec![0; width * height];
    /// jobs.run(|cx| cx.par_chunks_mut(&mut image, width, |_, y, row| {
    ///     for (x, pixel) in row.iter_mut().enumerate() {
    ///         *pixel = x * y;
    ///     }
    /// }));
    /// assert_eq!(image[47 * width + 63], 47 * 63);
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
        let f = |cx: &Context<'_>, (): &mut (), (index, chunk)| f(cx, index, chunk);
        each(self, None, Chunks::new(slice, chunk_len), || (), f);
    }

    /// Maps each index of `range` to a result, in parallel, and reduces all of them to one.
    ///
    /// The results are reduced in the order of the range, in some tree: `reduce` must be
    /// associative, but need not be commutative. A piece begins with the result of `identity` and
    /// adds those of its elements, so `identity` is called once for each piece, and once if `range`
    /// is empty; `reduce(identity(), x)` must be `x`.
    ///
    /// Which tree it is depends on who had time. Where that shows, as in the last bits of a sum of
    /// floats, the results of two calls can differ; those of
    /// [`with_grain(..).par_map_reduce`](WithGrain::par_map_reduce) do not.
    ///
    /// # Panics
    /// As [`par_for`](Self::par_for), for all three closures. Results that a panic has overtaken
    /// are dropped.
    ///
    /// # Examples
    /// ```
    /// use rustfiber::JobSystem;
    ///
    /// let jobs = JobSystem::new()?;
    /// let words = ["a", "loop", "keeps", "its", "order"];
    /// let text = jobs.run(|cx| cx.par_map_reduce(
    ///     0..words.len(),
    ///     String::new,
    ///     |_, i| format!("{} ", words[i]),
    ///     |left, right| left + &right,
    /// ));
    /// assert_eq!(text, "a loop keeps its order ");
    /// # Ok::<(), rustfiber::BuildError>(())
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
        let indices = Indices::from(range);
        map_reduce(self, None, indices, || (), identity, map, reduce)
    }

    /// The same loops in pieces of at most `grain` elements, each of which a worker that has time
    /// can take while others run.
    ///
    /// # Panics
    /// If `grain` is 0.
    ///
    /// # Examples
    /// ```
    /// use rustfiber::{Event, JobSystem};
    ///
    /// let jobs = JobSystem::new()?;
    /// let last_runs = Event::manual();
    /// // Each element has a job of its own, so the others can wait for the last.
    /// jobs.run(|cx| cx.with_grain(1).par_for(0..100, |cx, i| match i {
    ///     99 => last_runs.set(),
    ///     _ => last_runs.wait(cx),
    /// }));
    /// # Ok::<(), rustfiber::BuildError>(())
    /// ```
    #[inline]
    #[track_caller]
    pub fn with_grain(&self, grain: usize) -> WithGrain<'_, 'f> {
        let Some(grain) = NonZeroUsize::new(grain) else {
            panic!(
                "a loop gets nowhere with a grain of 0: use `with_grain(1)` for a piece per \
                 element, or call the loop without `with_grain` and let it find its own"
            );
        };
        WithGrain::new(self, grain)
    }
}
