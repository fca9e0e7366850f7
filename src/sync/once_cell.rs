//! A cell that is written once: the typed part. Whose turn it is to write is in `turn`.

mod turn;

use std::cell::UnsafeCell;
use std::fmt;
use std::panic::{RefUnwindSafe, UnwindSafe};

use self::turn::{Begun, Once, Turn};
use crate::primitive::const_unless_modelled;
use crate::wait::{Interrupted, Site, Waiter};

/// A cell whose value is made once, by the first who needs it; the others wait meanwhile.
///
/// What makes the value gets the waiter, and may wait itself, and run parallel loops: who needs the
/// value suspends, and holds no worker. If it panics or fails, the next one tries.
///
/// To look at a value that is there costs one load.
///
/// # Memory ordering
/// What came before the value was set is visible to whoever gets it.
///
/// # Deadlocks
/// A job that needs the cell's value while it makes that very value waits for itself, for ever or
/// until the deadline of its wait. So do two that make the values of two cells and need each other's.
/// When nothing else goes on, the builder's [`on_stall`](crate::Builder::on_stall) hook is told who
/// waits where.
///
/// # Examples
/// ```
/// use rustfiber::{Context, JobSystem, OnceCell};
///
/// struct Mesh { corners: Vec<u64>, area: OnceCell<u64> }
///
/// impl Mesh {
///     fn area(&self, cx: &Context) -> u64 {
///         *self.area.get_or_init(cx, |cx| {
///             let corner = |_: &Context, n: usize| self.corners[n];
///             cx.par_map_reduce(0..self.corners.len(), || 0, corner, |a, b| a + b)
///         })
///     }
/// }
///
/// let jobs = JobSystem::new()?;
/// let mesh = Mesh { corners: (0..1000).collect(), area: OnceCell::new() };
/// jobs.run(|cx| cx.par_for(0..100, |cx, _| assert_eq!(mesh.area(cx), 499_500)));
/// assert_eq!(mesh.area.get(), Some(&499_500));
/// # Ok::<(), rustfiber::BuildError>(())
/// ```
pub struct OnceCell<T> {
    once: Once,
    /// Written by whose turn it is, and from then on, when `once` is set, shared. Not the cell that a
    /// model checks: a reference to the value lives longer than that can follow, so models watch
    /// something that it can.
    value: UnsafeCell<Option<T>>,
}

// SAFETY: the value is owned.
unsafe impl<T: Send> Send for OnceCell<T> {}
// SAFETY: the value is set by one thread and perhaps dropped by another, which is as if it were sent;
// and all threads may share it.
unsafe impl<T: Send + Sync> Sync for OnceCell<T> {}

// What makes the value may panic, and leaves the cell empty then.
impl<T: UnwindSafe> UnwindSafe for OnceCell<T> {}
impl<T: UnwindSafe + RefUnwindSafe> RefUnwindSafe for OnceCell<T> {}

impl<T> OnceCell<T> {
    const_unless_modelled! {
        /// An empty cell.
        ///
        /// ```
        /// use rustfiber::{Blocking, OnceCell};
        ///
        /// static NAME: OnceCell<String> = OnceCell::new();
        /// assert_eq!(NAME.get_or_init(Blocking, |_| "Ada".to_owned()), "Ada");
        /// ```
        #[must_use]
        pub fn new() -> Self {
            Self {
                once: Once::new(),
                value: UnsafeCell::new(None),
            }
        }
    }

    /// The value, if it is there.
    ///
    /// ```
    /// let cell = rustfiber::OnceCell::new();
    /// assert_eq!(cell.get(), None);
    /// cell.set(1).unwrap();
    /// assert_eq!(cell.get(), Some(&1));
    /// ```
    #[inline]
    #[must_use]
    pub fn get(&self) -> Option<&T> {
        if !self.once.is_set() {
            return None;
        }
        // SAFETY: a value that is set is written by nobody as long as the cell is shared.
        unsafe { &*self.value.get() }.as_ref()
    }

    /// The value, if it is there, to be changed by the one who does not share the cell now.
    ///
    /// ```
    /// let mut cell = rustfiber::OnceCell::from(1);
    /// *cell.get_mut().unwrap() += 1;
    /// assert_eq!(cell.get(), Some(&2));
    /// ```
    #[must_use]
    pub fn get_mut(&mut self) -> Option<&mut T> {
        self.value.get_mut().as_mut()
    }

    /// The value; makes it with `init` if it is not there and nobody else makes it, or waits until it
    /// has been made.
    ///
    /// `init` is given the same waiter, and may wait. If it panics, the next one tries that waits, or
    /// comes. The limits of `who` end its waits, and nothing else of `init`.
    ///
    /// ```
    /// use rustfiber::{JobSystem, OnceCell};
    ///
    /// let jobs = JobSystem::new()?;
    /// let cell = OnceCell::new();
    /// jobs.run(|cx| {
    ///     cx.par_for(0..100, |cx, n| {
    ///         let first = *cell.get_or_init(cx, |cx| {
    ///             cx.yield_now();
    ///             n
    ///         });
    ///         assert_eq!(first, *cell.get().unwrap());
    ///     });
    /// });
    /// # Ok::<(), rustfiber::BuildError>(())
    /// ```
    ///
    /// # Panics
    /// If `init` does. With [`Blocking`](crate::Blocking) inside a job.
    ///
    /// # Deadlocks
    /// If `init` itself needs the value of this cell: see [`OnceCell`].
    #[inline]
    #[track_caller]
    pub fn get_or_init<W: Waiter>(&self, who: W, init: impl FnOnce(W) -> T) -> W::Outcome<&T> {
        enum Never {}
        if let Err(interrupted) = who.check() {
            return who.outcome(Err(interrupted));
        }
        if let Some(value) = self.get() {
            return who.outcome(Ok(value));
        }
        let site = Site::here(&"a value that another one makes");
        let value = self.make(who, |who| Ok::<T, Never>(init(who)), site);
        who.outcome(value.map(|made| match made {
            Ok(value) => value,
            Err(never) => match never {},
        }))
    }

    /// As [`get_or_init`](Self::get_or_init), for an `init` that may fail. Then the cell stays empty, and
    /// the next one tries.
    ///
    /// ```
    /// use rustfiber::{Blocking, OnceCell};
    ///
    /// let cell = OnceCell::new();
    /// assert!(cell.get_or_try_init(Blocking, |_| "x".parse::<u32>()).is_err());
    /// assert_eq!(cell.get_or_try_init(Blocking, |_| "1".parse::<u32>()), Ok(&1));
    /// assert_eq!(cell.get_or_try_init(Blocking, |_| "2".parse::<u32>()), Ok(&1));
    /// ```
    ///
    /// # Errors
    /// What `init` returns as an error.
    ///
    /// # Panics
    /// If `init` does. With [`Blocking`](crate::Blocking) inside a job.
    ///
    /// # Deadlocks
    /// If `init` itself needs the value of this cell: see [`OnceCell`].
    #[inline]
    #[track_caller]
    pub fn get_or_try_init<W: Waiter, E>(
        &self,
        who: W,
        init: impl FnOnce(W) -> Result<T, E>,
    ) -> W::Outcome<Result<&T, E>> {
        if let Err(interrupted) = who.check() {
            return who.outcome(Err(interrupted));
        }
        if let Some(value) = self.get() {
            return who.outcome(Ok(Ok(value)));
        }
        let site = Site::here(&"a value that another one makes");
        who.outcome(self.make(who, init, site))
    }

    /// Makes the value, or waits for it.
    #[cold]
    fn make<W: Waiter, E>(
        &self,
        who: W,
        init: impl FnOnce(W) -> Result<T, E>,
        site: Site,
    ) -> Result<Result<&T, E>, Interrupted> {
        if let Some(turn) = self.once.turn(who, site)? {
            // If it fails or panics, the turn is dropped, and the next one has it.
            match init(who) {
                // SAFETY: the turn is this cell's.
                Ok(value) => unsafe { self.put(value, turn) },
                Err(error) => return Ok(Err(error)),
            }
        }
        Ok(Ok(self.get().expect("it is set when no turn is left")))
    }

    /// Writes the value, and sets it.
    ///
    /// # Safety
    /// The turn is that of `self.once`.
    unsafe fn put(&self, value: T, turn: Turn<'_>) {
        // SAFETY: whose turn it is may write: it is not set, so nobody reads, and it is one at a time.
        // Nothing is dropped by that: a cell that is not set is empty.
        unsafe { *self.value.get() = Some(value) };
        turn.set();
    }

    /// Sets the value, if the cell is empty and nobody makes a value now.
    ///
    /// ```
    /// let cell = rustfiber::OnceCell::new();
    /// assert_eq!(cell.set(1), Ok(()));
    /// assert_eq!(cell.set(2), Err(2));
    /// ```
    ///
    /// # Errors
    /// Gives the value back, if the cell has one or somebody makes one.
    pub fn set(&self, value: T) -> Result<(), T> {
        match self.once.try_turn() {
            // SAFETY: the turn is this cell's.
            Begun::Turn(turn) => unsafe { self.put(value, turn) },
            Begun::Busy | Begun::Set => return Err(value),
        }
        Ok(())
    }

    /// Waits until there is a value, which somebody else makes or sets.
    ///
    /// ```
    /// use rustfiber::{JobSystem, OnceCell};
    ///
    /// let jobs = JobSystem::new()?;
    /// let cell = OnceCell::new();
    /// jobs.run(|cx| {
    ///     cx.scope(|s| {
    ///         s.spawn(|_| cell.set("a value").unwrap());
    ///         assert_eq!(*cell.wait(cx), "a value");
    ///     });
    /// });
    /// # Ok::<(), rustfiber::BuildError>(())
    /// ```
    ///
    /// # Panics
    /// With [`Blocking`](crate::Blocking) inside a job.
    #[inline]
    #[track_caller]
    pub fn wait<W: Waiter>(&self, who: W) -> W::Outcome<&T> {
        if let Err(interrupted) = who.check() {
            return who.outcome(Err(interrupted));
        }
        if let Some(value) = self.get() {
            return who.outcome(Ok(value));
        }
        let waited = self.once.wait(who, Site::here(&"the value of a cell"));
        who.outcome(waited.map(|()| self.get().expect("it is set when the wait has ended")))
    }

    /// Takes the value out; the cell is empty then, and can be used again.
    ///
    /// ```
    /// let mut cell = rustfiber::OnceCell::from(1);
    /// assert_eq!(cell.take(), Some(1));
    /// assert_eq!(cell.take(), None);
    /// assert_eq!(cell.set(2), Ok(()));
    /// ```
    pub fn take(&mut self) -> Option<T> {
        std::mem::take(self).into_inner()
    }

    /// The value, of a cell that nobody shares any more.
    ///
    /// ```
    /// assert_eq!(rustfiber::OnceCell::from(1).into_inner(), Some(1));
    /// ```
    #[must_use]
    pub fn into_inner(self) -> Option<T> {
        self.value.into_inner()
    }
}

impl<T> Default for OnceCell<T> {
    /// An empty cell.
    fn default() -> Self {
        Self::new()
    }
}

impl<T> From<T> for OnceCell<T> {
    /// A cell with a value.
    fn from(value: T) -> Self {
        Self {
            once: Once::already_set(),
            value: UnsafeCell::new(Some(value)),
        }
    }
}

impl<T: Clone> Clone for OnceCell<T> {
    /// A cell with a clone of the value, or an empty one.
    fn clone(&self) -> Self {
        self.get().cloned().map_or_else(Self::new, Self::from)
    }
}

impl<T: PartialEq> PartialEq for OnceCell<T> {
    fn eq(&self, other: &Self) -> bool {
        self.get() == other.get()
    }
}

impl<T: Eq> Eq for OnceCell<T> {}

impl<T: fmt::Debug> fmt::Debug for OnceCell<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut cell = f.debug_tuple("OnceCell");
        match self.get() {
            Some(value) => cell.field(value),
            None => cell.field(&format_args!("<uninit>")),
        };
        cell.finish()
    }
}

#[cfg(test)]
mod tests;
