//! What becomes of an element in a parallel iterator.
//!
//! What is `pub` here stands in the signatures of parallel iterators; nobody can name it outside.

use crate::sched::Context;

/// What becomes of an element of type `X`: an item, or nothing.
pub trait Pipe<X>: Sync {
    type Item;

    /// Whether every element becomes an item.
    const KEEPS_ALL: bool;

    fn pass(&self, cx: &Context<'_>, index: usize, element: X) -> Option<Self::Item>;
}

/// Each element becomes an item.
#[derive(Debug)]
pub struct Whole;

impl<X> Pipe<X> for Whole {
    type Item = X;

    const KEEPS_ALL: bool = true;

    #[inline]
    fn pass(&self, _: &Context<'_>, _: usize, element: X) -> Option<X> {
        Some(element)
    }
}

#[derive(Debug)]
pub struct Map<P, F>(pub(super) P, pub(super) F);

impl<X, B, P, F> Pipe<X> for Map<P, F>
where
    P: Pipe<X>,
    F: Fn(&Context<'_>, P::Item) -> B + Sync,
{
    type Item = B;

    const KEEPS_ALL: bool = P::KEEPS_ALL;

    #[inline]
    fn pass(&self, cx: &Context<'_>, index: usize, element: X) -> Option<B> {
        let item = self.0.pass(cx, index, element)?;
        Some((self.1)(cx, item))
    }
}

#[derive(Debug)]
pub struct Filter<P, F>(pub(super) P, pub(super) F);

impl<X, P, F> Pipe<X> for Filter<P, F>
where
    P: Pipe<X>,
    F: Fn(&Context<'_>, &P::Item) -> bool + Sync,
{
    type Item = P::Item;

    const KEEPS_ALL: bool = false;

    #[inline]
    fn pass(&self, cx: &Context<'_>, index: usize, element: X) -> Option<P::Item> {
        let item = self.0.pass(cx, index, element)?;
        (self.1)(cx, &item).then_some(item)
    }
}

#[derive(Debug)]
pub struct FilterMap<P, F>(pub(super) P, pub(super) F);

impl<X, B, P, F> Pipe<X> for FilterMap<P, F>
where
    P: Pipe<X>,
    F: Fn(&Context<'_>, P::Item) -> Option<B> + Sync,
{
    type Item = B;

    const KEEPS_ALL: bool = false;

    #[inline]
    fn pass(&self, cx: &Context<'_>, index: usize, element: X) -> Option<B> {
        let item = self.0.pass(cx, index, element)?;
        (self.1)(cx, item)
    }
}

#[derive(Debug)]
pub struct WithIndex<P>(pub(super) P);

impl<X, P: Pipe<X>> Pipe<X> for WithIndex<P> {
    type Item = (usize, P::Item);

    const KEEPS_ALL: bool = P::KEEPS_ALL;

    #[inline]
    fn pass(&self, cx: &Context<'_>, index: usize, element: X) -> Option<(usize, P::Item)> {
        let item = self.0.pass(cx, index, element)?;
        Some((index, item))
    }
}
