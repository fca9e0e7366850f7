//! A loop that is split only while other workers want some of it.
//!
//! Lazy binary splitting (Tzannes, Caragea, Barua and Vishkin, "Lazy Binary-Splitting: A Run-Time
//! Adaptive Work-Stealing Scheduler", PPoPP 2010): a job goes through its elements a few at a time,
//! and in between looks at its worker's own deque. As long as something is there, others have what
//! they can take, and it goes on; when it is empty, everything has been stolen, and half of what is
//! left goes there. So a loop is split about as often as something of it is stolen.
//!
//! The paper finds how many elements make a step by trial, for each loop; here the clock tells, see
//! `pace`. And before the first split comes an opening: a push costs nanoseconds, but waking a
//! worker for it costs microseconds, so a loop that is over before that touches no queue.

use super::body::Body;
use super::elements::Elements;
use super::pace::Pace;
use super::work::Work;
use crate::sched::Context;

/// Runs `elements`, of which there are some. `None` if the loop was stopped first.
pub(super) fn run<E: Elements, B: Body<E>>(
    cx: &Context<'_>,
    work: &Work<'_, B>,
    elements: E,
    mut pace: Pace,
) -> Option<B::Output> {
    let (result, rest) = piece(cx, work, elements, &mut pace);
    let Some((left, right)) = rest else {
        return result;
    };
    let rest = work.fork(
        cx,
        |cx| run(cx, work, left, pace),
        |cx| run(cx, work, right, pace),
    );
    work.merge(result, rest)
}

/// The result of a piece, if anything was run, and the halves of what is left, if others want some.
type Piece<E, R> = (Option<R>, Option<(E, E)>);

/// Runs elements until all have been run, or the worker has nothing left that others could take.
/// Not inlined: state and closure would make the frames of the tree larger.
#[inline(never)]
fn piece<E: Elements, B: Body<E>>(
    cx: &Context<'_>,
    work: &Work<'_, B>,
    elements: E,
    pace: &mut Pace,
) -> Piece<E, B::Output> {
    if work.is_stopped() {
        return (None, None);
    }
    if shall_split(cx, &elements, pace) {
        return (None, Some(elements.halve()));
    }
    let guard = work.stop_on_panic();
    let mut state = work.body.state();
    let mut result = work.body.identity();
    let mut left = elements;
    pace.begin();
    let rest = loop {
        let (now, later) = {
            let step = pace.step().min(left.len());
            left.split_at(step)
        };
        result = work.body.run(cx, &mut state, result, now);
        left = later;
        if left.len() == 0 || work.is_stopped() {
            break None;
        }
        pace.measure(left.len());
        if shall_split(cx, &left, pace) {
            break Some(left.halve());
        }
    };
    drop(state);
    guard.disarm();
    (Some(result), rest)
}

/// Whether the worker has nothing that others could take, and `left` is worth sharing.
#[inline]
fn shall_split<E: Elements>(cx: &Context<'_>, left: &E, pace: &Pace) -> bool {
    !pace.is_opening() && left.len() > pace.step() && cx.has_no_jobs_to_share()
}
