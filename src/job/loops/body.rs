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

/// A body of closures, one for each of its methods.
pub(super) struct Closures<I, Z, F, R> {
    init: I,
    identity: Z,
    run: F,
    reduce: R,
}

impl<I, Z, F, R> Closures<I, Z, F, R> {
    /// The closures' parameters are named here, where the compiler reads them off.
    #[inline]
    pub(super) fn new<S, A, E>(init: I, identity: Z, run: F, reduce: R) -> Self
    where
        I: Fn() -> S + Sync,
        Z: Fn() -> A + Sync,
        F: Fn(&Context<'_>, &mut S, A, E) -> A + Sync,
        R: Fn(A, A) -> A + Sync,
    {
        Self {
            init,
            identity,
            run,
            reduce,
        }
    }
}

impl<E, S, A, I, Z, F, R> Body<E> for Closures<I, Z, F, R>
where
    E: Elements,
    A: Send,
    I: Fn() -> S + Sync,
    Z: Fn() -> A + Sync,
    F: Fn(&Context<'_>, &mut S, A, E) -> A + Sync,
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
        (self.run)(cx, state, so_far, elements)
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
