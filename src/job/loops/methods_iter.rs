//! The parallel iterators of a context.

use super::elements::{Items, Refs};
use super::grain::WithGrain;
use super::iter::ParIter;
use super::pipe::Whole;
use crate::sched::Context;

/// # Parallel iterators
///
/// [`par_iter`](Self::par_iter) and [`par_iter_mut`](Self::par_iter_mut) are
/// [parallel loops](#parallel-loops) for what is mapped, filtered and summed up.
impl<'f> Context<'f> {
    /// A [parallel iterator](ParIter) over the elements of a slice.
    ///
    /// # Panics
    /// What ends the iterator panics as [`par_for`](Self::par_for).
    ///
    /// # Examples
    /// ```
    /// use rustfiber::JobSystem;
    ///
    /// let jobs = JobSystem::new()?;
    /// let numbers: Vec<u64> = (1..=1000).collect();
    /// let sum: u64 = jobs.run(|cx| cx.par_iter(&numbers).map(|_, n| n * n).sum());
    /// assert_eq!(sum, 333_833_500);
    /// # Ok::<(), rustfiber::BuildError>(())
    /// ```
    #[inline]
    pub fn par_iter<'d, T: Sync>(&self, items: &'d [T]) -> ParIter<'_, 'f, Refs<'d, T>, Whole> {
        ParIter::new(self, None, Refs::from(items))
    }

    /// A [parallel iterator](ParIter) over the elements of a slice, which it can change.
    ///
    /// # Panics
    /// What ends the iterator panics as [`par_for`](Self::par_for).
    ///
    /// # Examples
    /// ```
    /// use rustfiber::JobSystem;
    ///
    /// let jobs = JobSystem::new()?;
    /// let mut words = ["yes".to_string(), "no".to_string()];
    /// jobs.run(|cx| cx.par_iter_mut(&mut words).for_each(|_, word| word.push('!')));
    /// assert_eq!(words, ["yes!", "no!"]);
    /// # Ok::<(), rustfiber::BuildError>(())
    /// ```
    #[inline]
    pub fn par_iter_mut<'d, T: Send>(
        &self,
        items: &'d mut [T],
    ) -> ParIter<'_, 'f, Items<'d, T>, Whole> {
        ParIter::new(self, None, Items::from(items))
    }
}

impl<'a, 'f> WithGrain<'a, 'f> {
    /// [`Context::par_iter`] in pieces of at most the grain's number of elements. What
    /// [`reduce`](ParIter::reduce) and [`sum`](ParIter::sum) give is the same, to the last bit, for
    /// any number of workers: see [`par_map_reduce`](Self::par_map_reduce).
    ///
    /// # Panics
    /// As [`Context::par_iter`].
    ///
    /// # Examples
    /// ```
    /// use rustfiber::JobSystem;
    ///
    /// let parts: Vec<f64> = (1..10_000).map(|n| 1.0 / f64::from(n)).collect();
    /// let sum = |workers| {
    ///     let jobs = JobSystem::builder().workers(workers).build().unwrap();
    ///     jobs.run(|cx| cx.with_grain(100).par_iter(&parts).sum::<f64>())
    /// };
    /// assert_eq!(sum(1), sum(4));
    /// ```
    #[inline]
    pub fn par_iter<'d, T: Sync>(&self, items: &'d [T]) -> ParIter<'a, 'f, Refs<'d, T>, Whole> {
        ParIter::new(self.cx(), Some(self.grain()), Refs::from(items))
    }

    /// [`Context::par_iter_mut`] in pieces of at most the grain's number of elements.
    ///
    /// # Panics
    /// As [`Context::par_iter_mut`].
    ///
    /// # Examples
    /// ```
    /// let jobs = rustfiber::JobSystem::new()?;
    /// let mut numbers = [3, 4];
    /// let largest = jobs.run(|cx| {
    ///     let doubled = cx.with_grain(1).par_iter_mut(&mut numbers).map(|_, n| {
    ///         *n *= 2;
    ///         *n
    ///     });
    ///     doubled.max()
    /// });
    /// assert_eq!((largest, numbers), (Some(8), [6, 8]));
    /// # Ok::<(), rustfiber::BuildError>(())
    /// ```
    #[inline]
    pub fn par_iter_mut<'d, T: Send>(
        &self,
        items: &'d mut [T],
    ) -> ParIter<'a, 'f, Items<'d, T>, Whole> {
        ParIter::new(self.cx(), Some(self.grain()), Items::from(items))
    }
}
