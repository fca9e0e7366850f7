//! Slices as parallel iterators: a loop whose elements go through a pipe of closures.
//!
//! The pipe is one value, which `map` and `filter` wrap. It is called where the element is, so
//! nothing is kept between its parts, and what ends it is a loop like any other.

use std::cmp;
use std::fmt;
use std::iter::{Sum, empty, once};
use std::num::NonZeroUsize;

use super::elements::Elements;
use super::gather::{Filled, Places};
use super::pipe::{Filter, FilterMap, Map, Pipe, Whole, WithIndex};
use super::work::fold;
use crate::sched::Context;

/// A parallel iterator over a slice: from [`Context::par_iter`] or [`Context::par_iter_mut`].
///
/// Each closure is lent the context of the job that runs the element: it may wait, yield, join, or
/// run loops of its own. The items keep the order of the slice wherever it shows: in
/// [`collect`](Self::collect) and [`reduce`](Self::reduce).
///
/// It is a [parallel loop](Context#parallel-loops), and what is said there of pieces, panics,
/// fairness and deadlocks holds here. `E` and `P` say what it goes through, and what its closures
/// are; no program names them.
///
/// ```
/// use rustfiber::JobSystem;
///
/// let jobs = JobSystem::new()?;
/// let words = ["fibers", "wait", "and", "workers", "work"];
/// let letters: usize = jobs.run(|cx| {
///     cx.par_iter(&words)
///         .filter(|_, word| word.starts_with('w'))
///         .map(|_, word| word.len())
///         .sum()
/// });
/// assert_eq!(letters, 4 + 7 + 4);
/// # Ok::<(), rustfiber::BuildError>(())
/// ```
#[must_use = "it does nothing until it is consumed, as by `for_each`"]
pub struct ParIter<'a, 'f, E, P> {
    cx: &'a Context<'f>,
    grain: Option<NonZeroUsize>,
    elements: E,
    pipe: P,
}

impl<'a, 'f, E> ParIter<'a, 'f, E, Whole> {
    #[inline]
    pub(super) fn new(cx: &'a Context<'f>, grain: Option<NonZeroUsize>, elements: E) -> Self {
        Self {
            cx,
            grain,
            elements,
            pipe: Whole,
        }
    }
}

impl<'a, 'f, X, E, P> ParIter<'a, 'f, E, P>
where
    E: Elements<Item = (usize, X)>,
    P: Pipe<X>,
{
    #[inline]
    fn through<Q>(self, pipe: impl FnOnce(P) -> Q) -> ParIter<'a, 'f, E, Q> {
        ParIter {
            cx: self.cx,
            grain: self.grain,
            elements: self.elements,
            pipe: pipe(self.pipe),
        }
    }

    /// What `f` makes of each item.
    ///
    /// # Examples
    /// ```
    /// let jobs = rustfiber::JobSystem::new()?;
    /// let halves: Vec<f64> = jobs.run(|cx| {
    ///     cx.par_iter(&[1, 2, 3]).map(|_, &n| f64::from(n) / 2.0).collect()
    /// });
    /// assert_eq!(halves, [0.5, 1.0, 1.5]);
    /// # Ok::<(), rustfiber::BuildError>(())
    /// ```
    #[inline]
    pub fn map<B, F>(self, f: F) -> ParIter<'a, 'f, E, Map<P, F>>
    where
        F: Fn(&Context<'_>, P::Item) -> B + Sync,
    {
        self.through(|pipe| Map(pipe, f))
    }

    /// The items for which `keep` returns `true`.
    ///
    /// # Examples
    /// ```
    /// let jobs = rustfiber::JobSystem::new()?;
    /// let even: Vec<&u32> = jobs.run(|cx| {
    ///     cx.par_iter(&[1, 2, 3, 4]).filter(|_, n| **n % 2 == 0).collect()
    /// });
    /// assert_eq!(even, [&2, &4]);
    /// # Ok::<(), rustfiber::BuildError>(())
    /// ```
    #[inline]
    pub fn filter<F>(self, keep: F) -> ParIter<'a, 'f, E, Filter<P, F>>
    where
        F: Fn(&Context<'_>, &P::Item) -> bool + Sync,
    {
        self.through(|pipe| Filter(pipe, keep))
    }

    /// What `f` makes of each item, where it makes something of it.
    ///
    /// # Examples
    /// ```
    /// let jobs = rustfiber::JobSystem::new()?;
    /// let numbers: Vec<u32> = jobs.run(|cx| {
    ///     cx.par_iter(&["7", "seven", "8"]).filter_map(|_, text| text.parse().ok()).collect()
    /// });
    /// assert_eq!(numbers, [7, 8]);
    /// # Ok::<(), rustfiber::BuildError>(())
    /// ```
    #[inline]
    pub fn filter_map<B, F>(self, f: F) -> ParIter<'a, 'f, E, FilterMap<P, F>>
    where
        F: Fn(&Context<'_>, P::Item) -> Option<B> + Sync,
    {
        self.through(|pipe| FilterMap(pipe, f))
    }

    /// Each item with the index that its element has *in the slice*, also behind a
    /// [`filter`](Self::filter).
    ///
    /// # Examples
    /// ```
    /// let jobs = rustfiber::JobSystem::new()?;
    /// let odd: Vec<(usize, &u32)> = jobs.run(|cx| {
    ///     cx.par_iter(&[5, 6, 7]).filter(|_, n| **n % 2 == 1).with_index().collect()
    /// });
    /// assert_eq!(odd, [(0, &5), (2, &7)]);
    /// # Ok::<(), rustfiber::BuildError>(())
    /// ```
    #[doc(alias = "enumerate")]
    #[inline]
    pub fn with_index(self) -> ParIter<'a, 'f, E, WithIndex<P>> {
        self.through(WithIndex)
    }

    /// Runs the loop: `f` adds what the pipe makes of some elements to what a piece has so far, and
    /// what the pieces have is reduced to one. All ends come to this.
    #[inline]
    #[track_caller]
    fn run<A: Send>(
        self,
        identity: impl Fn() -> A + Sync,
        f: impl Fn(&Context<'_>, &P, A, E) -> A + Sync,
        reduce: impl Fn(A, A) -> A + Sync,
    ) -> A {
        let pipe = self.pipe;
        let f = |cx: &Context<'_>, (): &mut (), so_far, elements| f(cx, &pipe, so_far, elements);
        let (cx, grain, elements) = (self.cx, self.grain, self.elements);
        let all = fold(cx, grain, elements, || (), identity, f, reduce);
        // Before the result is on its way: if that panics, the result is dropped.
        drop(pipe);
        all
    }

    /// Folds the items of each piece from `identity()`, and reduces what the pieces give.
    #[inline]
    #[track_caller]
    fn fold<A: Send>(
        self,
        identity: impl Fn() -> A + Sync,
        f: impl Fn(&Context<'_>, A, P::Item) -> A + Sync,
        reduce: impl Fn(A, A) -> A + Sync,
    ) -> A {
        let f = |cx: &Context<'_>, pipe: &P, so_far, elements: E| {
            elements.fold(so_far, |so_far, (index, element)| {
                match pipe.pass(cx, index, element) {
                    Some(item) => f(cx, so_far, item),
                    None => so_far,
                }
            })
        };
        self.run(identity, f, reduce)
    }

    /// Calls `f` with each item, and returns when all have been dealt with.
    ///
    /// # Panics
    /// As [`Context::par_for`], for all closures of the iterator.
    ///
    /// # Examples
    /// ```
    /// let jobs = rustfiber::JobSystem::new()?;
    /// let mut counts = [3, 0, 7];
    /// jobs.run(|cx| {
    ///     cx.par_iter_mut(&mut counts).filter(|_, n| **n > 0).for_each(|_, n| *n -= 1);
    /// });
    /// assert_eq!(counts, [2, 0, 6]);
    /// # Ok::<(), rustfiber::BuildError>(())
    /// ```
    #[inline]
    #[track_caller]
    pub fn for_each(self, f: impl Fn(&Context<'_>, P::Item) + Sync) {
        self.fold(|| (), |cx, (), item| f(cx, item), |(), ()| ());
    }

    /// Reduces all items to one, in the order of the slice; `identity()` if there is none.
    ///
    /// `op` must be associative, but need not be commutative, and `op(identity(), x)` must be `x`:
    /// see [`Context::par_map_reduce`], also for when two calls give the same to the last bit.
    ///
    /// # Panics
    /// As [`Context::par_for`], for all closures of the iterator.
    ///
    /// # Examples
    /// ```
    /// let jobs = rustfiber::JobSystem::new()?;
    /// let text = jobs.run(|cx| {
    ///     cx.par_iter(&['a', 'b', 'c'])
    ///         .map(|_, letter| letter.to_string())
    ///         .reduce(String::new, |left, right| left + &right)
    /// });
    /// assert_eq!(text, "abc");
    /// # Ok::<(), rustfiber::BuildError>(())
    /// ```
    #[inline]
    #[track_caller]
    pub fn reduce(
        self,
        identity: impl Fn() -> P::Item + Sync,
        op: impl Fn(P::Item, P::Item) -> P::Item + Sync,
    ) -> P::Item
    where
        P::Item: Send,
    {
        self.fold(identity, |_, so_far, item| op(so_far, item), &op)
    }

    /// The sum of all items, as [`Iterator::sum`] makes it.
    ///
    /// # Panics
    /// As [`Context::par_for`], for all closures of the iterator. And if the sum overflows, where
    /// [`Iterator::sum`] does.
    ///
    /// # Examples
    /// ```
    /// let jobs = rustfiber::JobSystem::new()?;
    /// assert_eq!(jobs.run(|cx| cx.par_iter(&[1, 2, 3]).sum::<i32>()), 6);
    /// # Ok::<(), rustfiber::BuildError>(())
    /// ```
    #[inline]
    #[track_caller]
    pub fn sum<S: Sum<P::Item> + Sum<S> + Send>(self) -> S {
        let add = |left: S, right: S| [left, right].into_iter().sum();
        self.fold(
            || empty::<S>().sum(),
            |_, so_far, item| add(so_far, once(item).sum()),
            add,
        )
    }

    /// How many items there are.
    ///
    /// # Panics
    /// As [`Context::par_for`], for all closures of the iterator.
    ///
    /// # Examples
    /// ```
    /// let jobs = rustfiber::JobSystem::new()?;
    /// let long = |_: &rustfiber::Context, word: &&&str| word.len() > 4;
    /// let words = ["stack", "of", "fibers"];
    /// assert_eq!(jobs.run(|cx| cx.par_iter(&words).filter(long).count()), 2);
    /// # Ok::<(), rustfiber::BuildError>(())
    /// ```
    #[inline]
    #[track_caller]
    pub fn count(self) -> usize {
        self.fold(|| 0, |_, so_far, _| so_far + 1, |left, right| left + right)
    }

    /// The least item, the first of several; `None` if there is none.
    ///
    /// # Panics
    /// As [`Context::par_for`], for all closures of the iterator.
    ///
    /// # Examples
    /// ```
    /// let jobs = rustfiber::JobSystem::new()?;
    /// assert_eq!(jobs.run(|cx| cx.par_iter(&[3, 1, 2]).min().copied()), Some(1));
    /// # Ok::<(), rustfiber::BuildError>(())
    /// ```
    #[inline]
    #[track_caller]
    pub fn min(self) -> Option<P::Item>
    where
        P::Item: Ord + Send,
    {
        self.choose(cmp::min)
    }

    /// The greatest item, the last of several; `None` if there is none.
    ///
    /// # Panics
    /// As [`Context::par_for`], for all closures of the iterator.
    ///
    /// # Examples
    /// ```
    /// let jobs = rustfiber::JobSystem::new()?;
    /// assert_eq!(jobs.run(|cx| cx.par_iter(&[3, 1, 2]).max().copied()), Some(3));
    /// # Ok::<(), rustfiber::BuildError>(())
    /// ```
    #[inline]
    #[track_caller]
    pub fn max(self) -> Option<P::Item>
    where
        P::Item: Ord + Send,
    {
        self.choose(cmp::max)
    }

    #[inline]
    #[track_caller]
    fn choose(self, choose: impl Fn(P::Item, P::Item) -> P::Item + Sync) -> Option<P::Item>
    where
        P::Item: Send,
    {
        let either = |left: Option<P::Item>, right: Option<P::Item>| match (left, right) {
            (Some(left), Some(right)) => Some(choose(left, right)),
            (left, right) => left.or(right),
        };
        self.fold(
            || None,
            |_, so_far, item| either(so_far, Some(item)),
            either,
        )
    }

    /// All items, in the order of the slice, in a collection of any kind.
    ///
    /// They are gathered in a `Vec` first, whose memory another `Vec` takes over; in their places at
    /// once if nothing is filtered. A collection that takes no more of them after an error, as a
    /// `Result` does, ends no loop: all closures are called.
    ///
    /// # Panics
    /// As [`Context::par_for`], for all closures of the iterator. Items that a panic has overtaken
    /// are dropped.
    ///
    /// # Examples
    /// ```
    /// let jobs = rustfiber::JobSystem::new()?;
    /// let parse = |_: &rustfiber::Context, text: &&str| text.parse::<u32>();
    /// jobs.run(|cx| {
    ///     let squares: Vec<u32> = cx.par_iter(&[1, 2, 3]).map(|_, n| n * n).collect();
    ///     assert_eq!(squares, [1, 4, 9]);
    ///
    ///     let numbers: Result<Vec<u32>, _> = cx.par_iter(&["1", "two"]).map(parse).collect();
    ///     assert!(numbers.is_err());
    /// });
    /// # Ok::<(), rustfiber::BuildError>(())
    /// ```
    #[must_use = "to run closures for what they do alone, there is `for_each`"]
    #[track_caller]
    pub fn collect<C: FromIterator<P::Item>>(self) -> C
    where
        P::Item: Send,
    {
        let items = if P::KEEPS_ALL {
            self.gather_all()
        } else {
            self.gather()
        };
        items.into_iter().collect()
    }

    /// All items, of which there are as many as elements.
    #[track_caller]
    fn gather_all(self) -> Vec<P::Item>
    where
        P::Item: Send,
    {
        let len = self.elements.len();
        let mut items = Vec::with_capacity(len);
        let places = Places::of(&mut items);
        let filled = self.with_index().fold(
            || places.none(),
            // SAFETY: the index of one of `len` elements, each of which is run once, and those of
            // a piece in order. The vector outlives the loop, and what it has filled.
            |_, filled, (index, item)| unsafe { filled.put(index, item) },
            Filled::and,
        );
        filled.belong_to(&mut items, len);
        items
    }

    /// All items, however many there are.
    #[track_caller]
    fn gather(self) -> Vec<P::Item>
    where
        P::Item: Send,
    {
        let push = |cx: &Context<'_>, pipe: &P, mut items: Vec<P::Item>, elements: E| {
            elements.fold((), |(), (index, element)| {
                if let Some(item) = pipe.pass(cx, index, element) {
                    items.push(item);
                }
            });
            items
        };
        self.run(Vec::new, push, |mut left, mut right| {
            left.append(&mut right);
            left
        })
    }
}

impl<E: Elements, P> fmt::Debug for ParIter<'_, '_, E, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ParIter")
            .field("len", &self.elements.len())
            .field("grain", &self.grain)
            .finish_non_exhaustive()
    }
}
