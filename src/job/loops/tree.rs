//! A loop whose pieces are known beforehand: by length and grain alone.

use std::num::NonZeroUsize;

use super::body::Body;
use super::elements::Elements;
use super::work::Work;
use crate::sched::Context;

/// Halves `elements` until a piece has at most `grain`, and puts the results together in that
/// tree. `None` if the loop was stopped first.
///
/// Nothing runs on the way down to a piece, so all others that this job holds are in the queue by
/// then: elements that wait for each other, in pieces of their own, meet.
pub(super) fn run<E: Elements, B: Body<E>>(
    cx: &Context<'_>,
    work: &Work<'_, B>,
    elements: E,
    grain: NonZeroUsize,
) -> Option<B::Output> {
    if work.is_stopped() {
        return None;
    }
    if elements.len() <= grain.get() {
        return Some(piece(cx, work, elements));
    }
    let (left, right) = elements.halve();
    work.fork(
        cx,
        |cx| run(cx, work, left, grain),
        |cx| run(cx, work, right, grain),
    )
}

/// Not inlined: state and closure would make the frames of the tree larger.
#[inline(never)]
fn piece<E: Elements, B: Body<E>>(cx: &Context<'_>, work: &Work<'_, B>, elements: E) -> B::Output {
    let guard = work.stop_on_panic();
    let mut state = work.body.state();
    let result = work
        .body
        .run(cx, &mut state, work.body.identity(), elements);
    drop(state);
    guard.disarm();
    result
}
