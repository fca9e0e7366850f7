//! Who waits: the first argument of everything that can wait.

use std::error::Error;
use std::fmt;

/// Who waits, and how a wait can end.
///
/// Everything that can wait takes its waiter first: `counter.wait(cx)` in a job,
/// `counter.wait(Blocking)` on a plain thread. The trait is sealed; the waiters are
/// [`&Context`](crate::Context) and [`Blocking`](crate::Blocking).
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
/// ```
/// let plain: Result<u32, rustfiber::Interrupted> = Ok(1);
/// assert_eq!(plain, Ok(1));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Interrupted;

impl fmt::Display for Interrupted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the wait ended early: its deadline passed or it was cancelled")
    }
}

impl Error for Interrupted {}

/// The part of `Waiter` that only this crate can name.
pub(crate) mod sealed {
    use crate::wait::{Site, Source, Wake};

    pub trait Sealed {
        /// Panics when this waiter may not wait here.
        #[allow(private_interfaces)]
        fn check(&self);

        /// Registers with `source` and waits until the node is delivered.
        #[allow(private_interfaces)]
        fn wait_for(self, source: &dyn Source, site: Site) -> Wake;
    }
}
