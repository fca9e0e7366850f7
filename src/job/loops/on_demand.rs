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
//! worker for it costs microseconds, so a loop that is over before that touches no queue. The opening
//! is left out where the same code has taken long before, on this worker and for not many more elements:
//! the second half is offered before the first element runs, which may be the longest of all.

use super::body::Body;
use super::elements::Elements;
use super::pace::Pace;
use super::work::Work;
use crate::primitive::Moment;
use crate::recall::Recall;
use crate::sched::Context;

/// A loop that takes so long asks for help at once the next time. Long beside a wake-up, which is what that
/// costs if the loop turns out to be short. A guess.
const LONG_NANOS: usize = 100_000;

/// Runs a loop over `elements`, of which there are some. `None` if it was stopped first.
#[inline]
pub(super) fn run<E: Elements, B: Body<E>>(
    cx: &Context<'_>,
    work: &Work<'_, B>,
    elements: E,
) -> Option<B::Output> {
    let len = elements.len();
    let code = piece::<E, B> as fn(&_, &_, _, &mut _) -> _ as usize;
    let mut pace = match cx.worker().long_loops.get(code) {
        Some(long) if is_likely_long(len, long) => Pace::known(len),
        _ => Pace::opening(len),
    };
    let began = pace.began();
    let result = go_on(cx, work, elements, &mut pace);
    if !pace.is_opening() {
        let took = Moment::now().nanos_since(began);
        note_length(&cx.worker().long_loops, code, len, took);
    }
    result
}

/// Whether a loop over `len` elements takes long, if one over `long` did.
fn is_likely_long(len: usize, long: usize) -> bool {
    len >= long / 2
}

/// Notes how long a loop took that has asked for help. One that was taken for long and was not is
/// forgotten; a shorter one of the same code says nothing.
#[cold]
fn note_length(long_loops: &Recall, code: usize, len: usize, took: usize) {
    if took >= LONG_NANOS {
        long_loops.note(code, len);
    } else if long_loops
        .get(code)
        .is_some_and(|long| is_likely_long(len, long))
    {
        long_loops.forget(code);
    }
}

fn go_on<E: Elements, B: Body<E>>(
    cx: &Context<'_>,
    work: &Work<'_, B>,
    elements: E,
    pace: &mut Pace,
) -> Option<B::Output> {
    let (result, rest) = piece(cx, work, elements, pace);
    let Some((left, right)) = rest else {
        return result;
    };
    let pace = *pace;
    let rest = work.fork(
        cx,
        |cx| go_on(cx, work, left, &mut { pace }),
        |cx| go_on(cx, work, right, &mut { pace }),
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

#[cfg(all(test, not(loom)))]
mod tests {
    use super::{LONG_NANOS, Recall, is_likely_long, note_length};

    #[test]
    fn only_the_last_long_loop_counts() {
        let recall = Recall::new();
        let code = 0x1000;
        note_length(&recall, code, 100, LONG_NANOS - 1);
        assert_eq!(recall.get(code), None);
        note_length(&recall, code, 100, LONG_NANOS);
        assert_eq!(recall.get(code), Some(100));
        note_length(&recall, code, 300, usize::MAX);
        assert_eq!(recall.get(code), Some(300));
        note_length(&recall, code, 149, LONG_NANOS - 1);
        assert_eq!(recall.get(code), Some(300));
        note_length(&recall, code, 150, LONG_NANOS - 1);
        assert_eq!(recall.get(code), None);
    }

    #[test]
    fn a_much_shorter_loop_is_another_one() {
        assert!(is_likely_long(100, 100));
        assert!(is_likely_long(usize::MAX, 100));
        assert!(is_likely_long(50, 100));
        assert!(!is_likely_long(49, 100));
    }
}
