//! Moments at equal distances.

use std::time::{Duration, Instant};

use super::sleep::later;
use crate::wait::{Site, Waiter};

/// Ticks at equal distances: for the frames of a game, the steps of a simulation, a heartbeat.
///
/// The moments are multiples of the period after the first one, so the ticks don't drift, however
/// late each of them is noticed.
///
/// **Who comes too late** gets one tick at once, for the last moment that has passed, and the
/// number of those before it that were missed; the next tick is at the next multiple. So nothing
/// piles up. Who must make up for missed ticks does so by their [number](Tick::missed), as a
/// simulation that makes several steps in one frame; who would rather have a full period after a
/// late tick calls [`reset`](Self::reset).
///
/// # Examples
/// ```
/// use std::time::Duration;
/// use rustfiber::{Interval, JobSystem};
///
/// let jobs = JobSystem::new()?;
/// let (mut frames, mut steps) = (0, 0);
/// jobs.run(|cx| {
///     let mut pace = Interval::new(Duration::from_millis(2));
///     while frames < 5 {
///         let tick = pace.tick(cx);
///         steps += 1 + tick.missed(); // the simulation keeps up with the clock
///         frames += 1;
///     }
/// });
/// assert!(steps >= frames);
/// # Ok::<(), rustfiber::BuildError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Interval {
    period: Duration,
    /// When the next tick is due.
    next: Instant,
}

/// A moment of an [`Interval`] that has passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Tick {
    deadline: Instant,
    missed: u64,
}

impl Interval {
    /// An interval whose first tick is now.
    ///
    /// ```
    /// use std::time::{Duration, Instant};
    /// use rustfiber::{Blocking, Interval};
    ///
    /// let begin = Instant::now();
    /// let mut interval = Interval::new(Duration::from_millis(1));
    /// let first = interval.tick(Blocking); // at once
    /// let second = interval.tick(Blocking);
    /// assert!(first.deadline() >= begin && second.deadline() > first.deadline());
    /// ```
    ///
    /// # Panics
    /// If `period` is zero.
    #[must_use]
    #[track_caller]
    pub fn new(period: Duration) -> Self {
        Self::starting_at(Instant::now(), period)
    }

    /// An interval whose first tick is at `at`, which may have passed: then the ticks up to now
    /// count as missed.
    ///
    /// ```
    /// use std::time::{Duration, Instant};
    /// use rustfiber::{Blocking, Interval};
    ///
    /// let period = Duration::from_millis(1);
    /// let at = Instant::now() + period;
    /// let mut interval = Interval::starting_at(at, period);
    /// let first = interval.tick(Blocking);
    /// assert!(Instant::now() >= at && first.deadline() >= at);
    /// ```
    ///
    /// # Panics
    /// If `period` is zero.
    #[must_use]
    #[track_caller]
    pub fn starting_at(at: Instant, period: Duration) -> Self {
        assert!(
            !period.is_zero(),
            "the period of an interval must be longer than zero"
        );
        Self { period, next: at }
    }

    /// Waits until the next tick is due. Returns at once if it is.
    ///
    /// With a waiter that has limits, a tick that is due counts also after the deadline; and a wait
    /// that ends early takes nothing: the tick is still to come.
    ///
    /// ```
    /// use std::time::{Duration, Instant};
    /// use rustfiber::{Interval, JobSystem};
    ///
    /// let jobs = JobSystem::new()?;
    /// jobs.run(|cx| {
    ///     let far = Instant::now() + Duration::from_secs(3600);
    ///     let mut interval = Interval::starting_at(far, Duration::from_secs(1));
    ///     assert!(interval.tick(cx.within(Duration::from_millis(1))).is_err());
    ///     assert_eq!(interval.next_deadline(), far);
    /// });
    /// # Ok::<(), rustfiber::BuildError>(())
    /// ```
    ///
    /// # Errors
    /// With a limited waiter, if its deadline comes before the tick, or its token is cancelled.
    ///
    /// # Panics
    /// With [`Blocking`](crate::Blocking) inside a job.
    #[track_caller]
    pub fn tick<W: Waiter>(&mut self, who: W) -> W::Outcome<Tick> {
        let site = Site::here(&"the next tick of an interval");
        let waited = who.check().and_then(|()| {
            if self.next <= Instant::now() {
                return Ok(());
            }
            who.wait_until(self.next, site)
        });
        who.outcome(waited.map(|()| self.take_tick(Instant::now())))
    }

    /// The tick of the last moment that is not after `now`.
    fn take_tick(&mut self, now: Instant) -> Tick {
        let late = now.saturating_duration_since(self.next);
        let missed = late.as_nanos() / self.period.as_nanos();
        let beyond = late.as_nanos() % self.period.as_nanos();
        // Less than `late`, which is a duration.
        let deadline = self.next + (late - from_nanos(beyond));
        self.next = later(deadline, self.period);
        Tick {
            deadline,
            missed: u64::try_from(missed).unwrap_or(u64::MAX),
        }
    }

    /// Begins anew: the next tick is one period from now.
    ///
    /// ```
    /// use std::time::{Duration, Instant};
    /// use rustfiber::Interval;
    ///
    /// let mut interval = Interval::new(Duration::from_secs(1));
    /// let now = Instant::now();
    /// interval.reset();
    /// assert!(interval.next_deadline() >= now + interval.period());
    /// ```
    pub fn reset(&mut self) {
        self.next = later(Instant::now(), self.period);
    }

    /// The distance of two ticks.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let frame = Duration::from_micros(16_667);
    /// assert_eq!(rustfiber::Interval::new(frame).period(), frame);
    /// ```
    #[must_use]
    pub fn period(&self) -> Duration {
        self.period
    }

    /// When the next tick is due: the deadline for what should be done by then.
    ///
    /// ```
    /// use std::time::Duration;
    /// use rustfiber::{Event, Interval, JobSystem};
    ///
    /// let jobs = JobSystem::new()?;
    /// let loaded = Event::manual();
    /// jobs.run(|cx| {
    ///     let mut pace = Interval::new(Duration::from_millis(1));
    ///     pace.tick(cx);
    ///     // What can be had in this frame:
    ///     assert!(loaded.wait(cx.until(pace.next_deadline())).unwrap_err().is_late());
    /// });
    /// # Ok::<(), rustfiber::BuildError>(())
    /// ```
    #[must_use]
    pub fn next_deadline(&self) -> Instant {
        self.next
    }
}

impl Tick {
    /// The moment that the tick belongs to. It has passed.
    ///
    /// ```
    /// use std::time::{Duration, Instant};
    /// use rustfiber::{Blocking, Interval};
    ///
    /// let tick = Interval::new(Duration::from_secs(1)).tick(Blocking);
    /// assert!(tick.deadline() <= Instant::now());
    /// ```
    #[must_use]
    pub fn deadline(self) -> Instant {
        self.deadline
    }

    /// How many earlier ones have passed since the last tick.
    ///
    /// ```
    /// use std::time::{Duration, Instant};
    /// use rustfiber::{Blocking, Interval};
    ///
    /// let begin = Instant::now();
    /// let mut interval = Interval::starting_at(begin, Duration::from_millis(1));
    /// std::thread::sleep(Duration::from_millis(3));
    /// let tick = interval.tick(Blocking);
    /// assert!(tick.missed() >= 2);
    /// assert_eq!(tick.deadline(), begin + Duration::from_millis(tick.missed()));
    /// ```
    #[must_use]
    pub fn missed(self) -> u64 {
        self.missed
    }
}

/// `Duration::from_nanos` for all of them.
fn from_nanos(nanos: u128) -> Duration {
    const SECOND: u128 = 1_000_000_000;
    Duration::new((nanos / SECOND) as u64, (nanos % SECOND) as u32)
}

#[cfg(all(test, not(loom)))]
mod tests;
