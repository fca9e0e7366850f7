//! Waiters whose waits end early: at a deadline, or with a token.

use std::ptr::NonNull;
use std::time::{Duration, Instant};

use super::cancel::CancelToken;
use crate::sched::{Blocking, Context};
use crate::wait::{
    Arm, Interrupted, Limits, Site, Source, WaitNode, Waiter, Wake, sealed, sealed::Unlimited,
    wait_for_any,
};

/// A waiter whose waits end early: from [`Context::within`], [`Context::until`],
/// [`Context::or_cancelled`], and the same methods of [`Blocking`].
///
/// It is passed on like the waiter that it was made of, and the wait returns a
/// `Result<_, Interrupted>`. A wait that has nothing to wait for succeeds, also after the deadline;
/// but one whose token has been cancelled does not.
///
/// `W` is who waits; `T` is `()`, or `&CancelToken`.
///
/// # Examples
/// ```
/// use std::time::Duration;
/// use rustfiber::{CancelToken, JobSystem, channel};
///
/// let jobs = JobSystem::new()?;
/// let token = CancelToken::new();
/// let (sender, receiver) = channel::bounded::<u32>(1);
/// jobs.run(|cx| {
///     let patient = cx.within(Duration::from_millis(1)).or_cancelled(&token);
///     assert!(receiver.recv(patient).unwrap_err().is_late());
///     sender.send(cx, 1).unwrap();
///     assert_eq!(receiver.recv(patient), Ok(Ok(1)));
/// });
/// # Ok::<(), rustfiber::BuildError>(())
/// ```
#[derive(Clone, Copy, Debug)]
#[must_use = "a waiter does nothing by itself: pass it to what it shall wait for"]
pub struct Limited<W, T = ()> {
    who: W,
    deadline: Option<Instant>,
    token: T,
}

impl<W: Waiter, T> Limited<W, T> {
    /// The same waiter, whose waits also end when `duration` has passed from now on.
    ///
    /// Of two deadlines the earlier one counts.
    pub fn within(self, duration: Duration) -> Self {
        match Instant::now().checked_add(duration) {
            Some(at) => self.until(at),
            None => self,
        }
    }

    /// The same waiter, whose waits also end at `at`.
    ///
    /// Of two deadlines the earlier one counts.
    pub fn until(self, at: Instant) -> Self {
        let deadline = self.deadline.map_or(at, |other| other.min(at));
        Self {
            deadline: Some(deadline),
            ..self
        }
    }
}

impl<W: Waiter> Limited<W> {
    /// The same waiter, whose waits also end when `token` is cancelled.
    ///
    /// There is one token for a wait.
    pub fn or_cancelled(self, token: &CancelToken) -> Limited<W, &CancelToken> {
        Limited {
            who: self.who,
            deadline: self.deadline,
            token,
        }
    }
}

impl<'f> Context<'f> {
    /// This job as a waiter whose waits end when `duration` has passed from now on. A duration that
    /// is too long for the clock is no limit.
    ///
    /// ```
    /// use std::time::Duration;
    /// use rustfiber::{Event, JobSystem};
    ///
    /// let jobs = JobSystem::new()?;
    /// let event = Event::manual();
    /// let late = jobs.run(|cx| event.wait(cx.within(Duration::from_millis(1))));
    /// assert!(late.unwrap_err().is_late());
    /// # Ok::<(), rustfiber::BuildError>(())
    /// ```
    pub fn within(&self, duration: Duration) -> Limited<&Context<'f>> {
        Limited::new(self).within(duration)
    }

    /// This job as a waiter whose waits end at `at`.
    ///
    /// ```
    /// use std::time::{Duration, Instant};
    /// use rustfiber::{Event, JobSystem};
    ///
    /// let jobs = JobSystem::new()?;
    /// let (event, at) = (Event::manual(), Instant::now() + Duration::from_millis(1));
    /// let late = jobs.run(|cx| event.wait(cx.until(at)));
    /// assert!(late.is_err() && Instant::now() >= at);
    /// # Ok::<(), rustfiber::BuildError>(())
    /// ```
    pub fn until(&self, at: Instant) -> Limited<&Context<'f>> {
        Limited::new(self).until(at)
    }

    /// This job as a waiter whose waits end when `token` is cancelled. If it is already, they don't
    /// even begin.
    ///
    /// ```
    /// use rustfiber::{CancelToken, Event, JobSystem};
    ///
    /// let jobs = JobSystem::new()?;
    /// let (event, token) = (Event::manual(), CancelToken::new());
    /// token.cancel();
    /// let cancelled = jobs.run(|cx| event.wait(cx.or_cancelled(&token)));
    /// assert!(cancelled.unwrap_err().is_cancelled());
    /// # Ok::<(), rustfiber::BuildError>(())
    /// ```
    pub fn or_cancelled<'t>(
        &self,
        token: &'t CancelToken,
    ) -> Limited<&Context<'f>, &'t CancelToken> {
        Limited::new(self).or_cancelled(token)
    }
}

impl Blocking {
    /// This thread as a waiter whose waits end when `duration` has passed from now on. A duration
    /// that is too long for the clock is no limit.
    ///
    /// ```
    /// use std::time::Duration;
    /// use rustfiber::{Blocking, Event};
    ///
    /// let late = Event::manual().wait(Blocking.within(Duration::from_millis(1)));
    /// assert!(late.unwrap_err().is_late());
    /// ```
    pub fn within(self, duration: Duration) -> Limited<Self> {
        Limited::new(self).within(duration)
    }

    /// This thread as a waiter whose waits end at `at`.
    ///
    /// ```
    /// use std::time::Instant;
    /// use rustfiber::{Blocking, Event};
    ///
    /// assert!(Event::manual().wait(Blocking.until(Instant::now())).is_err());
    /// ```
    pub fn until(self, at: Instant) -> Limited<Self> {
        Limited::new(self).until(at)
    }

    /// This thread as a waiter whose waits end when `token` is cancelled. If it is already, they
    /// don't even begin.
    ///
    /// ```
    /// use rustfiber::{Blocking, CancelToken, Event};
    ///
    /// let token = CancelToken::new();
    /// token.cancel();
    /// let cancelled = Event::manual().wait(Blocking.or_cancelled(&token));
    /// assert!(cancelled.unwrap_err().is_cancelled());
    /// ```
    pub fn or_cancelled(self, token: &CancelToken) -> Limited<Self, &CancelToken> {
        Limited::new(self).or_cancelled(token)
    }
}

impl<W> Limited<W> {
    fn new(who: W) -> Self {
        Self {
            who,
            deadline: None,
            token: (),
        }
    }
}

/// What never happens.
struct Nothing;

impl Source for Nothing {
    unsafe fn register(&self, _: NonNull<WaitNode>) -> bool {
        true
    }

    unsafe fn leave(&self, _: NonNull<WaitNode>) -> bool {
        true
    }
}

/// A token, or none.
trait Token: Copy {
    fn source(&self) -> Option<&dyn Source>;
    fn is_cancelled(&self) -> bool;
}

impl Token for () {
    fn source(&self) -> Option<&dyn Source> {
        None
    }

    fn is_cancelled(&self) -> bool {
        false
    }
}

impl Token for &CancelToken {
    fn source(&self) -> Option<&dyn Source> {
        Some(*self)
    }

    fn is_cancelled(&self) -> bool {
        CancelToken::is_cancelled(self)
    }
}

#[allow(private_bounds)]
impl<W: Unlimited, T: Token> Waiter for Limited<W, T> {
    type Outcome<U> = Result<U, Interrupted>;

    fn outcome<U>(self, result: Result<U, Interrupted>) -> Result<U, Interrupted> {
        result
    }
}

impl<W: Unlimited, T: Token> sealed::Sealed for Limited<W, T> {
    type Base = W;

    fn without_limits(self) -> W {
        self.who
    }

    #[track_caller]
    fn check(&self) -> Result<(), Interrupted> {
        self.who.check()?;
        if self.token.is_cancelled() {
            return Err(Interrupted::CANCELLED);
        }
        Ok(())
    }

    fn step_aside(self) -> Result<(), Interrupted> {
        if self.token.is_cancelled() {
            return Err(Interrupted::CANCELLED);
        }
        if self.deadline.is_some_and(|at| at <= Instant::now()) {
            return Err(Interrupted::LATE);
        }
        self.who.step_aside()
    }

    #[allow(private_interfaces)]
    fn wait_for(self, source: &dyn Source, site: Site) -> Result<Wake, Interrupted> {
        let (_, wake) = self.wait_for_any(&[Arm::new(source)], site)?;
        Ok(wake)
    }

    #[allow(private_interfaces)]
    fn wait_until(self, at: Instant, site: Site) -> Result<(), Interrupted> {
        if at <= Instant::now() {
            return Ok(());
        }
        let sleeper = self.until(at);
        match sleeper.wait_for(&Nothing, site) {
            Err(interrupted) if interrupted.is_late() && sleeper.deadline == Some(at) => Ok(()),
            other => other.map(|_| ()),
        }
    }

    #[allow(private_interfaces)]
    #[inline(never)]
    fn wait_for_any(self, arms: &[Arm<'_>], site: Site) -> Result<(usize, Wake), Interrupted> {
        let limits = Limits {
            token: self.token.source(),
            deadline: self.deadline,
        };
        wait_for_any(self.who, arms, limits, site)
    }
}
