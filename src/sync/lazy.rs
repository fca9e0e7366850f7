//! A value that is made when it is first needed, by a function that it brings along.

use std::fmt;

use super::once_cell::OnceCell;
use crate::primitive::const_unless_modelled;
use crate::sched::Context;
use crate::wait::Waiter;

/// A value that is made when a job first needs it.
///
/// It is an [`OnceCell`] with the function that makes its value: who else needs it suspends until it
/// has been made, and holds no worker. The function is given the context of the job that needs the
/// value first, and may wait, also for a parallel loop. It needs a context, so there is no `Deref`:
/// say [`force`](Self::force).
///
/// Unlike `std::sync::LazyLock` it is not poisoned by a panic: that goes on through the job that called
/// the function, and the next one calls it again. So the function is an `Fn`, and is kept as long as
/// the `Lazy` is.
///
/// On a plain thread, which has no context: `jobs.run(|cx| LAZY.force(cx))`, or
/// [`get`](Self::get), or [`wait`](Self::wait).
///
/// # Memory ordering
/// What came before the value was made is visible to whoever gets it.
///
/// # Deadlocks
/// A function that needs its own value waits for itself: see [`OnceCell`].
///
/// # Examples
/// ```
/// use rustfiber::{JobSystem, Lazy};
///
/// static SQUARES: Lazy<Vec<usize>> = Lazy::new(|cx| {
///     let mut squares = vec![0; 1000];
///     cx.par_for_each(&mut squares, |_, n, square| *square = n * n);
///     squares
/// });
///
/// let jobs = JobSystem::new()?;
/// jobs.run(|cx| cx.par_for(0..1000, |cx, n| assert_eq!(SQUARES.force(cx)[n], n * n)));
/// // On a plain thread:
/// assert_eq!(jobs.run(|cx| SQUARES.force(cx)).len(), 1000);
/// # Ok::<(), rustfiber::BuildError>(())
/// ```
pub struct Lazy<T, F = fn(&Context<'_>) -> T> {
    cell: OnceCell<T>,
    make: F,
}

impl<T, F: Fn(&Context<'_>) -> T> Lazy<T, F> {
    const_unless_modelled! {
        /// A value that `make` makes when it is needed.
        ///
        /// ```
        /// use rustfiber::{JobSystem, Lazy};
        ///
        /// let jobs = JobSystem::new()?;
        /// let base = 40;
        /// let answer = Lazy::new(|_| base + 2);
        /// assert_eq!(answer.get(), None);
        /// assert_eq!(*jobs.run(|cx| answer.force(cx)), 42);
        /// # Ok::<(), rustfiber::BuildError>(())
        /// ```
        #[must_use]
        pub fn new(make: F) -> Self {
            Self {
                cell: OnceCell::new(),
                make,
            }
        }
    }

    /// The value; makes it if it is not there and nobody else makes it, or waits until it has been
    /// made.
    ///
    /// ```
    /// use std::sync::atomic::{AtomicUsize, Ordering};
    /// use rustfiber::{JobSystem, Lazy};
    ///
    /// let jobs = JobSystem::new()?;
    /// let calls = AtomicUsize::new(0);
    /// let lazy = Lazy::new(|cx| {
    ///     cx.yield_now();
    ///     calls.fetch_add(1, Ordering::Relaxed)
    /// });
    /// jobs.run(|cx| cx.par_for(0..100, |cx, _| assert_eq!(*lazy.force(cx), 0)));
    /// assert_eq!(calls.into_inner(), 1);
    /// # Ok::<(), rustfiber::BuildError>(())
    /// ```
    ///
    /// # Panics
    /// If the function does that makes the value. The value is not there then, and the next one that
    /// needs it calls the function again.
    ///
    /// # Deadlocks
    /// If the function itself needs the value.
    #[inline]
    #[track_caller]
    pub fn force(&self, cx: &Context<'_>) -> &T {
        self.cell.get_or_init(cx, &self.make)
    }
}

impl<T, F> Lazy<T, F> {
    /// The value, if it has been made.
    ///
    /// ```
    /// let lazy: rustfiber::Lazy<u32> = rustfiber::Lazy::new(|_| 42);
    /// assert_eq!(lazy.get(), None);
    /// ```
    #[inline]
    #[must_use]
    pub fn get(&self) -> Option<&T> {
        self.cell.get()
    }

    /// The value, if it has been made, to be changed by the one who does not share it now.
    ///
    /// ```
    /// use rustfiber::{JobSystem, Lazy};
    ///
    /// let jobs = JobSystem::new()?;
    /// let mut lazy = Lazy::new(|_| 41);
    /// jobs.run(|cx| _ = lazy.force(cx));
    /// *lazy.get_mut().unwrap() += 1;
    /// assert_eq!(lazy.get(), Some(&42));
    /// # Ok::<(), rustfiber::BuildError>(())
    /// ```
    #[must_use]
    pub fn get_mut(&mut self) -> Option<&mut T> {
        self.cell.get_mut()
    }

    /// Waits until somebody has made the value.
    ///
    /// ```
    /// use rustfiber::{Blocking, JobSystem, Lazy};
    ///
    /// static ANSWER: Lazy<u32> = Lazy::new(|_| 42);
    /// let jobs = JobSystem::new()?;
    /// jobs.spawn(|cx| _ = ANSWER.force(cx));
    /// assert_eq!(*ANSWER.wait(Blocking), 42);
    /// # Ok::<(), rustfiber::BuildError>(())
    /// ```
    ///
    /// # Panics
    /// With [`Blocking`](crate::Blocking) inside a job.
    #[inline]
    #[track_caller]
    pub fn wait<W: Waiter>(&self, who: W) -> W::Outcome<&T> {
        self.cell.wait(who)
    }

    /// The value, or the function if it has not been made.
    ///
    /// ```
    /// use rustfiber::{JobSystem, Lazy};
    ///
    /// let jobs = JobSystem::new()?;
    /// let lazy = Lazy::new(|_| 42);
    /// jobs.run(|cx| _ = lazy.force(cx));
    /// assert_eq!(lazy.into_value().ok(), Some(42));
    /// assert!(Lazy::new(|_| 42).into_value().is_err());
    /// # Ok::<(), rustfiber::BuildError>(())
    /// ```
    ///
    /// # Errors
    /// Gives the function back.
    pub fn into_value(self) -> Result<T, F> {
        self.cell.into_inner().ok_or(self.make)
    }
}

impl<T: Default> Default for Lazy<T> {
    /// The value's default, when it is needed.
    fn default() -> Self {
        Self::new(|_| T::default())
    }
}

impl<T: fmt::Debug, F> fmt::Debug for Lazy<T, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut lazy = f.debug_tuple("Lazy");
        match self.get() {
            Some(value) => lazy.field(value),
            None => lazy.field(&format_args!("<uninit>")),
        };
        lazy.finish()
    }
}
