//! A loop under way: what its jobs share.

use std::num::NonZeroUsize;
use std::panic::Location;

use super::body::{Body, Boxed, Closures};
use super::elements::Elements;
use super::on_demand;
use super::tree;
use crate::job::join::Awaited;
use crate::primitive::atomic::{AtomicBool, Ordering};
use crate::sched::Context;

/// With at most so many elements a loop is split down to single ones at once: a loop over a handful
/// is taken for one over coarse elements, which must not run one after the other. A guess.
const FEW: usize = 64;

/// The same for each worker: where there are many, running the first of not many more elements
/// alone would cost too large a part of the whole. A guess.
const FEW_PER_WORKER: usize = 8;

/// Results of up to so many bytes travel in the frames of the joins. A guess.
const IN_PLACE: usize = 128;

struct RestOfLoop;

impl Awaited for RestOfLoop {
    const WHAT: &'static &'static str = &"the rest of a loop";
}

/// What the jobs of one loop share, in the frame of the one that waits for them all.
pub(super) struct Work<'a, B> {
    pub(super) body: &'a B,
    /// The place of the call, for reports.
    pub(super) at: &'static Location<'static>,
    /// Some piece has panicked: those not begun are left out.
    stopped: AtomicBool,
}

impl<B> Work<'_, B> {
    // Relaxed, here and in the guard: whoever comes late runs a piece more. The joins order
    // everything else.
    #[inline]
    pub(super) fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Relaxed)
    }

    /// Stops the loop if the caller's frame is left by a panic before the guard is disarmed.
    #[inline]
    pub(super) fn stop_on_panic(&self) -> StopOnPanic<'_> {
        StopOnPanic(&self.stopped)
    }

    /// Both closures, in parallel if a worker is free, and what their results make together.
    #[inline]
    pub(super) fn fork<E, L, R>(&self, cx: &Context<'_>, left: L, right: R) -> Option<B::Output>
    where
        E: Elements,
        B: Body<E>,
        L: FnOnce(&Context<'_>) -> Option<B::Output> + Send,
        R: FnOnce(&Context<'_>) -> Option<B::Output> + Send,
    {
        let (left, right) = cx.join_at::<RestOfLoop, _, _>(self.at, left, right);
        self.merge(left, right)
    }

    /// Puts the results of neighbours together, of which a stopped loop may have none.
    #[inline]
    pub(super) fn merge<E>(
        &self,
        left: Option<B::Output>,
        right: Option<B::Output>,
    ) -> Option<B::Output>
    where
        E: Elements,
        B: Body<E>,
    {
        match (left, right) {
            (Some(left), Some(right)) => {
                let guard = self.stop_on_panic();
                let both = self.body.reduce(left, right);
                guard.disarm();
                Some(both)
            }
            (left, right) => left.or(right),
        }
    }
}

/// See [`Work::stop_on_panic`].
#[must_use]
pub(super) struct StopOnPanic<'a>(&'a AtomicBool);

impl StopOnPanic<'_> {
    #[inline]
    pub(super) fn disarm(self) {
        std::mem::forget(self);
    }
}

impl Drop for StopOnPanic<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Runs a loop; returns when all its jobs have ended.
#[inline]
#[track_caller]
fn run<E: Elements, B: Body<E>>(
    cx: &Context<'_>,
    grain: Option<NonZeroUsize>,
    elements: E,
    body: &B,
) -> B::Output {
    cx.assert_running();
    let work = Work {
        body,
        at: Location::caller(),
        stopped: AtomicBool::new(false),
    };
    let len = elements.len();
    let result = match grain {
        _ if len == 0 => None,
        Some(grain) => tree::run(cx, &work, elements, grain),
        None if is_few(cx, len) => tree::run(cx, &work, elements, NonZeroUsize::MIN),
        None => on_demand::run(cx, &work, elements),
    };
    // There is none only for no elements: who stops a loop panics, and that has been handed on.
    result.unwrap_or_else(|| body.identity())
}

#[inline]
fn is_few(cx: &Context<'_>, len: usize) -> bool {
    len <= FEW || len.div_ceil(FEW_PER_WORKER) <= cx.worker().shared().config().workers
}

/// A loop that only calls `f`.
#[inline]
#[track_caller]
pub(super) fn each<E: Elements, S>(
    cx: &Context<'_>,
    grain: Option<NonZeroUsize>,
    elements: E,
    init: impl Fn() -> S + Sync,
    f: impl Fn(&Context<'_>, &mut S, E::Item) + Sync,
) {
    let f = |cx: &Context<'_>, state: &mut S, (), elements: E| {
        elements.fold((), |(), item| f(cx, state, item));
    };
    let body = Closures::new(init, || (), f, |(), ()| ());
    run(cx, grain, elements, &body);
}

/// A loop that maps each element to a result, and reduces all results to one.
#[inline]
#[track_caller]
pub(super) fn map_reduce<E: Elements, S, R: Send>(
    cx: &Context<'_>,
    grain: Option<NonZeroUsize>,
    elements: E,
    init: impl Fn() -> S + Sync,
    identity: impl Fn() -> R + Sync,
    map: impl Fn(&Context<'_>, &mut S, E::Item) -> R + Sync,
    reduce: impl Fn(R, R) -> R + Sync,
) -> R {
    let map = |cx: &Context<'_>, state: &mut S, so_far, elements: E| {
        elements.fold(so_far, |so_far, item| reduce(so_far, map(cx, state, item)))
    };
    fold(cx, grain, elements, init, identity, map, &reduce)
}

/// A loop with a result: `f` adds those of some elements to what a piece has so far, and the pieces'
/// results are reduced to one.
#[inline]
#[track_caller]
pub(super) fn fold<E: Elements, S, R: Send>(
    cx: &Context<'_>,
    grain: Option<NonZeroUsize>,
    elements: E,
    init: impl Fn() -> S + Sync,
    identity: impl Fn() -> R + Sync,
    f: impl Fn(&Context<'_>, &mut S, R, E) -> R + Sync,
    reduce: impl Fn(R, R) -> R + Sync,
) -> R {
    let body = Closures::new(init, identity, f, reduce);
    if size_of::<R>() <= IN_PLACE {
        run(cx, grain, elements, &body)
    } else {
        *run(cx, grain, elements, &Boxed(body))
    }
}
