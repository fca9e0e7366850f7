//! An event that is set once for all (manual reset), or that lets one waiter through each time
//! (auto reset).

use std::fmt;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::ptr::NonNull;

use crate::primitive::atomic::{AtomicBool, Ordering};
use crate::wait::{Chain, Site, Source, SpinLock, WaitList, WaitNode, WaitQueue, Waiter, Wake};

/// Something that happens, and can be waited for.
///
/// - A **manual** event, once set, lets everybody through until it is [`reset`](Self::reset).
/// - An **auto** event lets one waiter through for each [`set`](Self::set), the one that has waited
///   longest, and is then unset again. Sets do not add up: setting it twice while nobody waits lets
///   one through.
///
/// Share it by reference (jobs of a scope) or in an `Arc`.
///
/// # Memory ordering
/// What came before a `set` is visible after a wait that it ends.
///
/// # Examples
/// ```
/// use rustfiber::{Blocking, Event, JobSystem};
///
/// let jobs = JobSystem::new()?;
/// let loaded = Event::manual();
/// let answer = jobs.run(|cx| {
///     cx.scope(|s| {
///         let reader = s.spawn(|cx| {
///             loaded.wait(cx);
///             42
///         });
///         loaded.set();
///         reader.join(cx).unwrap()
///     })
/// });
/// assert_eq!(answer, 42);
/// loaded.wait(Blocking); // is still set
/// # Ok::<(), rustfiber::BuildError>(())
/// ```
pub struct Event {
    kind: Kind,
}

enum Kind {
    /// Closed while it is set.
    Manual(WaitList),
    Auto(Auto),
}

/// `is_set` is written under the lock, and only while nobody waits.
struct Auto {
    is_set: AtomicBool,
    waiters: SpinLock<WaitQueue>,
}

impl Auto {
    /// Unsets the event under its lock; says whether it was set.
    fn take(&self) -> bool {
        // Relaxed: the lock orders it.
        let was_set = self.is_set.load(Ordering::Relaxed);
        if was_set {
            self.is_set.store(false, Ordering::Relaxed);
        }
        was_set
    }
}

impl Event {
    /// An unset event that stays set.
    ///
    /// ```
    /// let event = rustfiber::Event::manual();
    /// event.set();
    /// event.wait(rustfiber::Blocking);
    /// assert!(event.is_set());
    /// ```
    #[must_use]
    pub fn manual() -> Self {
        Self {
            kind: Kind::Manual(WaitList::new()),
        }
    }

    /// An unset event that lets one waiter through for each `set`.
    ///
    /// ```
    /// let event = rustfiber::Event::auto();
    /// event.set();
    /// event.wait(rustfiber::Blocking);
    /// assert!(!event.is_set());
    /// ```
    #[must_use]
    pub fn auto() -> Self {
        Self {
            kind: Kind::Auto(Auto {
                is_set: AtomicBool::new(false),
                waiters: SpinLock::new(WaitQueue::new()),
            }),
        }
    }

    /// Sets the event: wakes all waiters of a manual one, or the longest waiting one of an auto
    /// one.
    ///
    /// ```
    /// let event = rustfiber::Event::auto();
    /// event.set();
    /// assert!(event.is_set());
    /// event.wait(rustfiber::Blocking);
    /// assert!(!event.is_set());
    /// ```
    pub fn set(&self) {
        // Both detach under the word or the lock, and deliver when the event is out of hand: it may
        // be gone then.
        let woken = match &self.kind {
            Kind::Manual(waiters) => waiters.close().0,
            Kind::Auto(auto) => auto.waiters.with(|waiters| {
                let first = waiters.pop();
                if first.is_none() {
                    auto.is_set.store(true, Ordering::Relaxed);
                }
                Chain::of(first)
            }),
        };
        woken.deliver(Wake::Signalled);
    }

    /// Unsets the event. Who has been let through stays so.
    ///
    /// ```
    /// let event = rustfiber::Event::manual();
    /// event.set();
    /// event.reset();
    /// assert!(!event.is_set());
    /// ```
    pub fn reset(&self) {
        match &self.kind {
            Kind::Manual(waiters) => waiters.reopen(),
            Kind::Auto(auto) => auto.waiters.with(|_| _ = auto.take()),
        }
    }

    /// Whether a wait would return at once at this moment.
    #[must_use]
    pub fn is_set(&self) -> bool {
        match &self.kind {
            Kind::Manual(waiters) => waiters.is_closed(),
            Kind::Auto(auto) => auto.waiters.with(|_| auto.is_set.load(Ordering::Relaxed)),
        }
    }

    /// Waits until the event is set; unsets it if it is an auto one.
    ///
    /// ```
    /// use rustfiber::{Event, JobSystem};
    ///
    /// let jobs = JobSystem::builder().workers(1).build()?;
    /// let event = Event::auto();
    /// jobs.run(|cx| {
    ///     cx.scope(|s| {
    ///         s.spawn(|_| event.set());
    ///         event.wait(cx);
    ///     })
    /// });
    /// assert!(!event.is_set());
    /// # Ok::<(), rustfiber::BuildError>(())
    /// ```
    ///
    /// # Panics
    /// With [`Blocking`](crate::Blocking) inside a job.
    #[inline(always)]
    #[track_caller]
    pub fn wait<W: Waiter>(&self, who: W) -> W::Outcome<()> {
        if let Err(interrupted) = who.check() {
            return who.outcome(Err(interrupted));
        }
        if self.passes() {
            return who.outcome(Ok(()));
        }
        who.outcome(super::wait_for(who, self, Site::here(&"an event")))
    }

    /// Whether a waiter may go through without waiting; an auto event is unset by that.
    #[inline]
    pub(super) fn passes(&self) -> bool {
        match &self.kind {
            Kind::Manual(waiters) => waiters.is_closed(),
            // Relaxed: whoever finds it unset looks again under the lock, when it registers.
            Kind::Auto(auto) => {
                auto.is_set.load(Ordering::Relaxed) && auto.waiters.with(|_| auto.take())
            }
        }
    }
}

// A panic never leaves it half changed: user code does not run while it is.
impl UnwindSafe for Event {}
impl RefUnwindSafe for Event {}

impl Source for Event {
    unsafe fn register(&self, node: NonNull<WaitNode>) -> bool {
        match &self.kind {
            // SAFETY: by contract.
            Kind::Manual(waiters) => unsafe { waiters.register(node) },
            Kind::Auto(auto) => auto.waiters.with(|waiters| {
                // SAFETY: by contract.
                unsafe {
                    if auto.is_set.load(Ordering::Relaxed) {
                        if WaitNode::claim(node) {
                            auto.take();
                        }
                        return false;
                    }
                    waiters.push(node);
                }
                true
            }),
        }
    }

    unsafe fn leave(&self, node: NonNull<WaitNode>) -> bool {
        match &self.kind {
            // SAFETY: by contract.
            Kind::Manual(waiters) => unsafe { waiters.deregister(node) },
            // SAFETY: by contract.
            Kind::Auto(auto) => auto.waiters.with(|waiters| unsafe { waiters.remove(node) }),
        }
    }
}

impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match &self.kind {
            Kind::Manual(_) => "manual",
            Kind::Auto(_) => "auto",
        };
        f.debug_struct("Event")
            .field("kind", &kind)
            .field("is_set", &self.is_set())
            .finish()
    }
}

#[cfg(test)]
mod tests;
