//! Awaiting a counter, in any executor.

use std::fmt;
use std::future::{Future, IntoFuture};
use std::marker::PhantomPinned;
use std::pin::Pin;
use std::task::{Context, Poll};

use super::Counter;
use super::core::AtMost;
use crate::wait::{Enlisted, Wish};

/// Waits until a [`Counter`] has been zero: what awaiting `&counter` makes of it.
///
/// As with [`Counter::wait`], each zero counts that there has been since the call, which is that of
/// `into_future`, and none before. Dropping the future gives the wait up. Once it is done it
/// remains so.
///
/// ```
/// use std::future::IntoFuture;
/// use rustfiber::{Blocking, Counter};
///
/// let counter = Counter::new();
/// counter.add(1);
/// let zero = counter.into_future(); // waits from here on
/// counter.done();
/// counter.add(1);
/// Blocking.block_on(zero);
/// # counter.done();
/// ```
#[must_use = "a future does nothing unless it is awaited"]
pub struct CounterFuture<'a> {
    counter: &'a Counter,
    state: State,
    /// So that the node may lie in here one day.
    _pinned: PhantomPinned,
}

enum State {
    /// C1 and C2 of `core` are done.
    Called {
        since: u64,
    },
    Waits(Enlisted),
    /// The count has been zero since the call.
    Done,
}

impl CounterFuture<'_> {
    /// `since` is used by R1 alone.
    fn source(counter: &Counter, since: u64) -> AtMost<'_> {
        AtMost {
            core: counter.core(),
            wish: Wish { since, level: 0 },
        }
    }
}

/// Awaits zero: `(&counter).await`, or `cx.block_on(&counter)` in a job.
///
/// ```
/// use rustfiber::{Counter, JobSystem};
///
/// async fn when_done(counter: &Counter) -> &'static str {
///     counter.await;
///     "done"
/// }
///
/// let jobs = JobSystem::new()?;
/// let counter = Counter::new();
/// jobs.job().counter(&counter).spawn(|_| ());
/// assert_eq!(rustfiber::Blocking.block_on(when_done(&counter)), "done");
/// # Ok::<(), rustfiber::BuildError>(())
/// ```
impl<'a> IntoFuture for &'a Counter {
    type Output = ();
    type IntoFuture = CounterFuture<'a>;

    fn into_future(self) -> CounterFuture<'a> {
        let state = match self.core().arrive(0) {
            Some(since) => State::Called { since },
            None => State::Done,
        };
        CounterFuture {
            counter: self,
            state,
            _pinned: PhantomPinned,
        }
    }
}

impl Future for CounterFuture<'_> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<()> {
        // SAFETY: nothing is moved out; no field relies on its place.
        let this = unsafe { self.get_unchecked_mut() };
        let waker = task.waker();
        if let State::Called { since } = this.state {
            this.state = match Enlisted::new(&Self::source(this.counter, since), waker) {
                Some(enlisted) => State::Waits(enlisted),
                None => State::Done,
            };
        }
        let State::Waits(enlisted) = &this.state else {
            return Poll::Ready(());
        };
        let polled = enlisted.poll(waker);
        if polled.is_ready() {
            this.state = State::Done;
        }
        polled
    }
}

impl Drop for CounterFuture<'_> {
    fn drop(&mut self) {
        if let State::Waits(enlisted) = std::mem::replace(&mut self.state, State::Done) {
            enlisted.leave(&Self::source(self.counter, 0));
        }
    }
}

impl fmt::Debug for CounterFuture<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CounterFuture")
            .field("counter", self.counter)
            .field("is_done", &matches!(self.state, State::Done))
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
