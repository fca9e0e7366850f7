//! Who waits: the first argument of everything that can wait.

use std::error::Error;
use std::fmt;
use std::time::Instant;

use super::deadline::Deadline;
use super::group::{Arm, Arms, Group, Stage, Won};
use super::node::{Site, Source, Wake};

/// Who waits, and how a wait can end.
///
/// Everything that can wait takes its waiter first: `counter.wait(cx)` in a job,
/// `counter.wait(Blocking)` on a plain thread. The trait is sealed; the waiters are
/// [`&Context`](crate::Context), [`Blocking`](crate::Blocking), and what their methods `within`,
/// `until` and `or_cancelled` return.
///
/// `Outcome<T>` is what a wait returns: plain `T` for a waiter that waits for as long as it
/// takes, `Result<T, Interrupted>` for one that has a deadline or can be cancelled.
///
/// ```
/// use rustfiber::{Counter, Waiter};
///
/// /// Waits for both; works in a job and on a plain thread.
/// fn wait_for_both<W: Waiter<Outcome<()> = ()>>(who: W, a: &Counter, b: &Counter) {
///     a.wait(who);
///     b.wait(who);
/// }
///
/// let (a, b) = (Counter::new(), Counter::new());
/// wait_for_both(rustfiber::Blocking, &a, &b);
/// assert!(a.is_zero() && b.is_zero());
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` can't wait",
    label = "not a waiter",
    note = "in a job, pass the job's context `cx: &Context`; on a plain thread, pass `rustfiber::Blocking`"
)]
pub trait Waiter: Copy + sealed::Sealed {
    /// What a wait for a `T` returns.
    type Outcome<T>;

    #[doc(hidden)]
    fn outcome<T>(self, result: Result<T, Interrupted>) -> Self::Outcome<T>;
}

/// A wait ended before what it waited for had happened: its deadline passed, or it was cancelled.
///
/// Nothing that was waited for is lost by that: it goes to the next waiter.
///
/// ```
/// use std::time::Duration;
/// use rustfiber::{Blocking, CancelToken, Event};
///
/// let (event, token) = (Event::manual(), CancelToken::new());
/// let late = event.wait(Blocking.within(Duration::ZERO)).unwrap_err();
/// assert!(late.is_late());
///
/// token.cancel();
/// let cancelled = event.wait(Blocking.or_cancelled(&token)).unwrap_err();
/// assert!(cancelled.is_cancelled());
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Interrupted(Why);

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Why {
    Late,
    Cancelled,
}

impl Interrupted {
    pub(crate) const LATE: Self = Self(Why::Late);
    pub(crate) const CANCELLED: Self = Self(Why::Cancelled);

    /// Whether the deadline had passed.
    #[must_use]
    pub fn is_late(self) -> bool {
        self.0 == Why::Late
    }

    /// Whether the token was cancelled.
    #[must_use]
    pub fn is_cancelled(self) -> bool {
        self.0 == Why::Cancelled
    }
}

impl fmt::Debug for Interrupted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Why::Late => "Interrupted(late)",
            Why::Cancelled => "Interrupted(cancelled)",
        })
    }
}

impl fmt::Display for Interrupted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Why::Late => "the wait ended early: its deadline had passed",
            Why::Cancelled => "the wait ended early: it was cancelled",
        })
    }
}

impl Error for Interrupted {}

/// What ends a wait early.
#[derive(Clone, Copy)]
pub(crate) struct Limits<'a> {
    pub(crate) token: Option<&'a dyn Source>,
    pub(crate) deadline: Option<Instant>,
}

impl Limits<'static> {
    pub(crate) const NONE: Self = Self {
        token: None,
        deadline: None,
    };
}

/// `Sealed::wait_for_any` for `who` with limits.
pub(crate) fn wait_for_any<W: sealed::Unlimited>(
    who: W,
    wanted: &[Arm<'_>],
    limits: Limits<'_>,
    site: Site,
) -> Result<(usize, Wake), Interrupted> {
    match limits.deadline {
        Some(at) => who.with_timer(at, |timer| wait_for_first(who, wanted, limits, timer, site)),
        None => wait_for_first(who, wanted, limits, None, site),
    }
}

fn wait_for_first<W: sealed::Unlimited>(
    who: W,
    wanted: &[Arm<'_>],
    limits: Limits<'_>,
    timer: Option<&dyn Source>,
    site: Site,
) -> Result<(usize, Wake), Interrupted> {
    let token = limits.token.map(Arm::new);
    let timer = timer.map(Arm::new);
    let arms = Arms {
        wanted,
        limits: [token.as_ref(), timer.as_ref()],
    };
    let group = Group::new();
    let deadline = Deadline {
        at: limits.deadline,
        late: &|| group.give_up(),
    };
    let (won, wake) = group.wait(arms, |source, stage| match stage {
        Stage::Serve => who.wait_with(source, site, deadline),
        Stage::Drain => who.wait_with(source, site, Deadline::NONE),
    });
    match won {
        Won::Arm(arm) if arm < wanted.len() => Ok((arm, wake)),
        Won::Arm(arm) if arm == wanted.len() && token.is_some() => Err(Interrupted::CANCELLED),
        Won::Arm(_) | Won::Late => Err(Interrupted::LATE),
    }
}

/// The part of `Waiter` that only this crate can name.
pub(crate) mod sealed {
    use std::time::Instant;

    use super::{Interrupted, Waiter};
    use crate::wait::{Arm, Deadline, Site, Source, Wake};

    pub trait Sealed {
        /// The same waiter without limits.
        type Base: Unlimited;

        /// For the part of an operation that must not end early: the lock that a condition's waiter
        /// takes again.
        fn without_limits(self) -> Self::Base;

        /// Panics when this waiter may not wait here, and says when it may not wait any more. Asked
        /// before anything is taken for it.
        fn check(&self) -> Result<(), Interrupted>;

        /// Lets others go first, and comes back by itself, unless the wait that this is part of has
        /// to end.
        fn step_aside(self) -> Result<(), Interrupted>;

        /// Registers with `source`, and waits until the node is delivered or has left again.
        #[allow(private_interfaces)]
        fn wait_for(self, source: &dyn Source, site: Site) -> Result<Wake, Interrupted>;

        /// Waits until that moment.
        #[allow(private_interfaces)]
        fn wait_until(self, at: Instant, site: Site) -> Result<(), Interrupted>;

        /// Registers the arms with their sources, and waits until one of them is served; says
        /// which. None is in a source's hands then. The arms are used once.
        #[allow(private_interfaces)]
        fn wait_for_any(self, arms: &[Arm<'_>], site: Site) -> Result<(usize, Wake), Interrupted>;
    }

    /// A waiter without limits: its waits end only with what they wait for.
    pub trait Unlimited: Waiter {
        /// Calls `f` with what a deadline is for this waiter, as an arm of its wait. `None`:
        /// `wait_with` itself minds it.
        #[allow(private_interfaces, private_bounds)]
        fn with_timer<R>(self, at: Instant, f: impl FnOnce(Option<&dyn Source>) -> R) -> R;

        /// As `wait_for`; minds the deadline, unless `with_timer` gives a source for that.
        #[allow(private_interfaces)]
        fn wait_with(self, source: &dyn Source, site: Site, deadline: Deadline<'_>) -> Wake;
    }
}
