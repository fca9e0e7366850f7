//! What a loop does with its elements.

use super::elements::Elements;
use crate::sched::Context;

/// What a loop does with its elements, and with the results of its pieces.
pub(super) trait Body<E: Elements>: Sync {
    /// What a piece has for itself. It stays in the job that has made it.
    type State;
    type Output: Send;

    fn state(&self) -> Self::State;

    /// The result of no element.
    fn identity(&self) -> Self::Output;

    /// Adds the results of `elements`, in order, to that of the elements before them.
    fn run(
        &self,
        cx: &Context<'_>,
        state: &mut Self::State,
        so_far: Self::Output,
        elements: E,
    ) -> Self::Output;

    fn reduce(&self, left: Self::Output, right: Self::Output) -> Self::Output;
}

/// Calls a closure with each element.
pub(super) struct Each<I, F> {
    init: I,
    f: F,
}

impl<I, F> Each<I, F> {
    #[inline]
    pub(super) fn new<S, X>(init: I, f: F) -> Self
    where
        I: Fn() -> S + Sync,
        F: Fn(&Context<'_>, &mut S, X) + Sync,
    {
        Self { init, f }
    }
}

impl<E, S, I, F> Body<E> for Each<I, F>
where
    E: Elements,
    I: Fn() -> S + Sync,
    F: Fn(&Context<'_>, &mut S, E::Item) + Sync,
{
    type State = S;
    type Output = ();

    #[inline]
    fn state(&self) -> S {
        (self.init)()
    }

    #[inline]
    fn identity(&self) {}

    #[inline]
    fn run(&self, cx: &Context<'_>, state: &mut S, (): (), elements: E) {
        elements.fold((), |(), item| (self.f)(cx, state, item));
    }

    #[inline]
    fn reduce(&self, (): (), (): ()) {}
}

/// Maps each element to a result, and reduces all results to one.
pub(super) struct MapReduce<I, Z, M, R> {
    init: I,
    identity: Z,
    map: M,
    reduce: R,
}

impl<I, Z, M, R> MapReduce<I, Z, M, R> {
    #[inline]
    pub(super) fn new<S, A, X>(init: I, identity: Z, map: M, reduce: R) -> Self
    where
        I: Fn() -> S + Sync,
        Z: Fn() -> A + Sync,
        M: Fn(&Context<'_>, &mut S, X) -> A + Sync,
        R: Fn(A, A) -> A + Sync,
    {
        Self {
            init,
            identity,
            map,
            reduce,
        }
    }
}

impl<E, S, A, I, Z, M, R> Body<E> for MapReduce<I, Z, M, R>
where
    E: Elements,
    A: Send,
    I: Fn() -> S + Sync,
    Z: Fn() -> A + Sync,
    M: Fn(&Context<'_>, &mut S, E::Item) -> A + Sync,
    R: Fn(A, A) -> A + Sync,
{
    type State = S;
    type Output = A;

    #[inline]
    fn state(&self) -> S {
        (self.init)()
    }

    #[inline]
    fn identity(&self) -> A {
        (self.identity)()
    }

    #[inline]
    fn run(&self, cx: &Context<'_>, state: &mut S, so_far: A, elements: E) -> A {
        elements.fold(so_far, |so_far, item| {
            (self.reduce)(so_far, (self.map)(cx, state, item))
        })
    }

    #[inline]
    fn reduce(&self, left: A, right: A) -> A {
        (self.reduce)(left, right)
    }
}

/// A body whose results travel in boxes: a tree of joins holds several results in each of its
/// frames, and large ones would use up the stack.
pub(super) struct Boxed<B>(pub(super) B);

impl<E: Elements, B: Body<E>> Body<E> for Boxed<B> {
    type State = B::State;
    type Output = Box<B::Output>;

    fn state(&self) -> B::State {
        self.0.state()
    }

    fn identity(&self) -> Box<B::Output> {
        Box::new(self.0.identity())
    }

    #[inline(never)]
    fn run(
        &self,
        cx: &Context<'_>,
        state: &mut B::State,
        mut so_far: Box<B::Output>,
        elements: E,
    ) -> Box<B::Output> {
        *so_far = self.0.run(cx, state, *so_far, elements);
        so_far
    }

    #[inline(never)]
    fn reduce(&self, mut left: Box<B::Output>, right: Box<B::Output>) -> Box<B::Output> {
        *left = self.0.reduce(*left, *right);
        left
    }
}
