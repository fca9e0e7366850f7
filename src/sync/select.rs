//! Waiting for one of several things.
//!
//! A *case* is what a select waits for; an *arm* is a case under way, with the memory that its wait
//! needs. `select` tries the arms, from a random one on; when none can go at once, it waits on all of
//! them as a group (`wait::group`), which settles who serves it. The group lets only one source
//! give it something: a queue claims the waiter before it gives it anything, and all others pass it
//! over.
//!
//! *Nothing is taken by an arm that is not chosen, and nobody else's wake-up is used up.* Before the
//! wait only the arm that could go has taken something. In the wait one arm is claimed. An event's
//! claim carries its signal. A channel's claim says "try again"; then that arm is tried, and no other,
//! so that whoever has woken it can rely on it (see `channel::buffer`). If another was faster, the
//! select waits again on all arms, and that arm stands at the front of its queue.

mod arm;
mod cases;

use std::panic::Location;
use std::sync::atomic::{AtomicU32, Ordering};

use self::arm::Arms;
pub use self::cases::{Case, Cases, Selected};
use crate::rng::Rng;
use crate::wait::{Site, Waiter};

/// Waits until one of several things can be done, and does it.
///
/// The cases are a tuple of up to eight, or an array, a `Vec` or a slice, of:
/// - `&Receiver`: receives a value; the output is that of `recv`,
/// - [`sender.sending(&mut value)`](crate::channel::Sender::sending): sends the value, which stays
///   where it is unless this case is chosen,
/// - `&Event`: waits for it; an auto one is unset if it is chosen,
/// - `&CancelToken`: waits until it is cancelled.
///
/// The output of a tuple is a [`Selected`], that of the others is the index and the output of the
/// case. A closed channel can always go: its case is chosen with an error.
///
/// Only the chosen case takes anything: the others lose no value, no signal, and no place in a
/// queue that another needs. When several can go at once, one of them is chosen at random. A
/// deadline, or one more token, comes with the waiter: `cx.within(d)`.
///
/// A tuple or an array allocates nothing; a `Vec` or a slice does.
///
/// # Examples
/// ```
/// use std::time::Duration;
/// use rustfiber::{Event, JobSystem, Selected, channel, select};
///
/// let jobs = JobSystem::new()?;
/// let (numbers, number) = channel::bounded(1);
/// let (words, word) = channel::rendezvous();
/// let stop = Event::manual();
/// let (sum, letters) = jobs.run(|cx| {
///     cx.scope(|s| {
///         s.spawn(|cx| (1..=3).for_each(|n| numbers.send(cx, n).unwrap()));
///         s.spawn(|cx| ["a", "bc"].map(|word| words.send(cx, word).unwrap()));
///         let (mut sum, mut letters) = (0, 0);
///         while sum < 6 || letters < 3 {
///             match select(cx.within(Duration::from_secs(60)), (&number, &word, &stop)) {
///                 Ok(Selected::A(n)) => sum += n.unwrap(),
///                 Ok(Selected::B(word)) => letters += word.unwrap().len(),
///                 Ok(Selected::C(())) => unreachable!("nobody stops it"),
///                 Err(late) => panic!("{late}"),
///             }
///         }
///         (sum, letters)
///     })
/// });
/// assert_eq!((sum, letters), (6, 3));
/// # Ok::<(), rustfiber::BuildError>(())
/// ```
///
/// Any number of receivers:
/// ```
/// use rustfiber::{Blocking, channel, select};
///
/// let (senders, receivers): (Vec<_>, Vec<_>) = (0..10).map(|_| channel::bounded(1)).unzip();
/// senders[7].try_send("seven").unwrap();
/// let cases: Vec<_> = receivers.iter().collect();
/// assert_eq!(select(Blocking, &cases[..]), (7, Ok("seven")));
/// ```
///
/// # Panics
/// Without any case. With [`Blocking`](crate::Blocking) inside a job.
///
/// # Deadlocks
/// A select with both ends of one rendezvous does not send to itself.
#[track_caller]
pub fn select<W: Waiter, C: Cases>(who: W, cases: C) -> W::Outcome<C::Output> {
    let at = Location::caller();
    let chosen = who.check().and_then(|()| {
        let mut arms = cases.into_arms();
        if let Some(output) = try_arms(&mut arms) {
            return Ok(output);
        }
        let site = Site {
            what: &"one of several things",
            at,
        };
        loop {
            let served = arms.wait(who, site)?;
            if let Some(output) = arms.served(served) {
                return Ok(output);
            }
        }
    });
    who.outcome(chosen)
}

/// Does one of several things if that is possible at once.
///
/// The cases, and what is chosen, are those of [`select`].
///
/// ```
/// use rustfiber::{Event, Selected, channel, try_select};
///
/// let (sender, receiver) = channel::bounded::<u32>(1);
/// let event = Event::auto();
/// assert!(try_select((&receiver, &event)).is_none());
/// event.set();
/// assert_eq!(try_select((&receiver, &event)), Some(Selected::B(())));
/// sender.try_send(1).unwrap();
/// assert_eq!(try_select((&receiver, &event)), Some(Selected::A(Ok(1))));
/// ```
///
/// # Panics
/// Without any case.
#[track_caller]
pub fn try_select<C: Cases>(cases: C) -> Option<C::Output> {
    try_arms(&mut cases.into_arms())
}

/// Tries each arm once, from a random one on.
#[track_caller]
fn try_arms<A: Arms>(arms: &mut A) -> Option<A::Output> {
    let count = arms.count();
    assert!(count > 0, "a select needs something to wait for");
    let first = Rng::new(turn().into()).below(count);
    (first..count).chain(0..first).find_map(|n| arms.attempt(n))
}

/// Another number for each select, nearly: two at the same moment may begin with the same arm.
fn turn() -> u32 {
    static TURN: AtomicU32 = AtomicU32::new(0);
    if cfg!(any(loom, shuttle)) {
        return 0; // a model does the same each time
    }
    // Relaxed, and no read-modify-write: it orders nothing, and need not be exact.
    let turn = TURN.load(Ordering::Relaxed).wrapping_add(1);
    TURN.store(turn, Ordering::Relaxed);
    turn
}

#[cfg(test)]
mod tests;
