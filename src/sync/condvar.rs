//! Waiting until what a mutex protects is as one wants it.
//!
//! A waiter's node is queued while the waiter still holds the mutex, and only then is the mutex
//! unlocked: both in `Wait::register`, when a fiber has stopped. So whoever changes the value under
//! the lock after that, and notifies, finds the waiter in the queue: *no notification is lost*.
//!
//! `is_awaited` says whether the queue is empty, so that a notification for nobody costs a load. It
//! is written under the queue's lock, and a waiter writes it before it unlocks the mutex; who locks
//! the mutex afterwards sees it, and needs no more order than that.
//!
//! A notification claims a node before it delivers it, and goes on to the next if it can't: one that
//! meets a waiter that is late or cancelled is not lost.
//!
//! `notify_all` wakes in batches, and whoever is woken may be back in the queue before the last
//! batch. So the calls are numbered; a node carries the number of calls before it came, and a call
//! wakes those with less than its own. They stand in front, because nodes are queued in order.
//!
//! When the wait has ended, however, the waiter locks the mutex again, and nothing can interrupt that:
//! a guard that did not hold the lock would be unsound.

use std::cell::Cell;
use std::fmt;
use std::ptr::{self, NonNull};

use super::mutex::{MutexGuard, RawMutex};
use crate::primitive::atomic::{AtomicBool, Ordering};
use crate::primitive::const_unless_modelled;
use crate::unwind;
use crate::wait::{Chain, Interrupted, Site, Source, SpinLock, WaitNode, WaitQueue, Waiter, Wake};

/// Waiters that are woken under one lock.
const BATCH: usize = 32;

/// Lets those who hold a [`Mutex`](crate::Mutex) wait until its value has changed.
///
/// A wait unlocks the mutex, waits for a notification, and locks the mutex again. Usually it stands in
/// a loop that looks at the value, which [`wait_while`](Self::wait_while) writes: there may be many
/// waiters, and another may have been there first. A wait ends only when it is notified, or
/// interrupted.
///
/// Share it beside its mutex. One condition may serve several mutexes.
///
/// # Memory ordering
/// A waiter sees what a lock of the mutex shows; besides, what came before the notification that ends
/// its wait.
///
/// # Examples
/// ```
/// use std::collections::VecDeque;
/// use rustfiber::{Condvar, JobSystem, Mutex};
///
/// let jobs = JobSystem::new()?;
/// let (queue, filled) = (Mutex::new(VecDeque::new()), Condvar::new());
/// let sum = jobs.run(|cx| {
///     cx.scope(|s| {
///         s.spawn(|cx| {
///             for n in 1..=10 {
///                 queue.lock(cx).push_back(n);
///                 filled.notify_one();
///             }
///         });
///         let mut sum = 0;
///         for _ in 0..10 {
///             let mut guard = queue.lock(cx);
///             filled.wait_while(cx, &mut guard, |queue| queue.is_empty());
///             sum += guard.pop_front().unwrap();
///         }
///         sum
///     })
/// });
/// assert_eq!(sum, 55);
/// # Ok::<(), rustfiber::BuildError>(())
/// ```
pub struct Condvar {
    is_awaited: AtomicBool,
    waiters: SpinLock<Waiters>,
}

struct Waiters {
    queue: WaitQueue,
    /// The calls of `notify_all` so far. It may wrap: two that are compared are never far apart.
    calls: usize,
}

impl Condvar {
    const_unless_modelled! {
        /// A condition that nobody waits for.
        ///
        /// ```
        /// static CHANGED: rustfiber::Condvar = rustfiber::Condvar::new();
        /// CHANGED.notify_all();
        /// ```
        #[must_use]
        pub fn new() -> Self {
            Self {
                is_awaited: AtomicBool::new(false),
                waiters: SpinLock::new(Waiters {
                    queue: WaitQueue::new(),
                    calls: 0,
                }),
            }
        }
    }

    /// Unlocks the mutex of `guard`, waits for a notification, and locks the mutex again.
    ///
    /// The mutex is locked again whenever this returns, also when the wait was interrupted; that may
    /// take longer than the deadline.
    ///
    /// ```
    /// use std::time::Duration;
    /// use rustfiber::{Blocking, Condvar, Mutex};
    ///
    /// let (value, changed) = (Mutex::new(0), Condvar::new());
    /// std::thread::scope(|s| {
    ///     let mut guard = value.lock(Blocking);
    ///     s.spawn(|| {
    ///         *value.lock(Blocking) = 1;
    ///         changed.notify_one();
    ///     });
    ///     changed.wait(Blocking, &mut guard);
    ///     assert_eq!(*guard, 1);
    ///
    ///     let late = changed.wait(Blocking.within(Duration::ZERO), &mut guard);
    ///     assert!(late.unwrap_err().is_late());
    ///     *guard = 2;
    /// });
    /// ```
    ///
    /// # Panics
    /// With [`Blocking`](crate::Blocking) inside a job.
    #[inline]
    #[track_caller]
    pub fn wait<W: Waiter, T: ?Sized>(
        &self,
        who: W,
        guard: &mut MutexGuard<'_, T>,
    ) -> W::Outcome<()> {
        who.outcome(self.wait_once(who, guard))
    }

    /// Waits for notifications as long as `condition` holds, which is asked with the mutex locked:
    /// first at once, then after each of them.
    ///
    /// If it does not hold any more when the deadline has passed, that is success.
    ///
    /// ```
    /// use std::time::Duration;
    /// use rustfiber::{Condvar, JobSystem, Mutex};
    ///
    /// let jobs = JobSystem::new()?;
    /// let (ready, changed) = (Mutex::new(false), Condvar::new());
    /// jobs.run(|cx| {
    ///     let mut guard = ready.lock(cx);
    ///     let soon = cx.within(Duration::from_millis(1));
    ///     assert!(changed.wait_while(soon, &mut guard, |ready| !*ready).is_err());
    ///     *guard = true;
    ///     assert!(changed.wait_while(soon, &mut guard, |ready| !*ready).is_ok());
    /// });
    /// # Ok::<(), rustfiber::BuildError>(())
    /// ```
    ///
    /// # Panics
    /// With [`Blocking`](crate::Blocking) inside a job; and with `condition`, the mutex still locked.
    #[inline]
    #[track_caller]
    pub fn wait_while<W: Waiter, T: ?Sized>(
        &self,
        who: W,
        guard: &mut MutexGuard<'_, T>,
        mut condition: impl FnMut(&mut T) -> bool,
    ) -> W::Outcome<()> {
        let mut ended = who.check();
        while ended.is_ok() && condition(&mut **guard) {
            ended = self.wait_once(who, guard);
        }
        if ended.is_err_and(Interrupted::is_late) && !condition(&mut **guard) {
            ended = Ok(());
        }
        who.outcome(ended)
    }

    /// Wakes the waiter that has waited longest, if there is one.
    ///
    /// Without the mutex, or with it: then the waiter goes on when it is unlocked.
    ///
    /// ```
    /// rustfiber::Condvar::new().notify_one(); // nobody waits
    /// ```
    pub fn notify_one(&self) {
        // Relaxed: see above. One that is missed has begun to wait at the same time.
        if !self.is_awaited.load(Ordering::Relaxed) {
            return;
        }
        let first = self.with_waiters(|waiters| waiters.queue.pop());
        Chain::of(first).deliver(Wake::Signalled);
    }

    /// Wakes all that wait at this moment.
    ///
    /// ```
    /// rustfiber::Condvar::new().notify_all(); // nobody waits
    /// ```
    pub fn notify_all(&self) {
        // Relaxed: as in `notify_one`.
        if !self.is_awaited.load(Ordering::Relaxed) {
            return;
        }
        let call = self.waiters.with(|waiters| {
            waiters.calls = waiters.calls.wrapping_add(1);
            waiters.calls
        });
        loop {
            let (woken, is_last) = self.with_waiters(|waiters| {
                let woken = waiters
                    .queue
                    .take_while(BATCH, |node| came_before(node, call));
                let next = waiters.queue.front();
                (woken, !next.is_some_and(|node| came_before(node, call)))
            });
            woken.deliver(Wake::Signalled);
            if is_last {
                return;
            }
        }
    }

    /// The wait, and the lock after it.
    #[track_caller]
    fn wait_once<W: Waiter, T: ?Sized>(
        &self,
        who: W,
        guard: &mut MutexGuard<'_, T>,
    ) -> Result<(), Interrupted> {
        who.check()?;
        let wait = Wait {
            condvar: self,
            mutex: guard.raw(),
            is_unlocked: Cell::new(false),
        };
        let ended = who.wait_for(&wait, Site::here(&"a condition"));
        wait.lock_again(who);
        ended.map(|_| ())
    }

    /// Changes the queue.
    fn with_waiters<R>(&self, change: impl FnOnce(&mut Waiters) -> R) -> R {
        self.waiters.with(|waiters| {
            let result = change(waiters);
            self.is_awaited
                .store(!waiters.queue.is_empty(), Ordering::Relaxed);
            result
        })
    }
}

impl Default for Condvar {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Condvar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Condvar").finish_non_exhaustive()
    }
}

/// Whether the node was queued before that call of `notify_all`.
fn came_before(node: &WaitNode, call: usize) -> bool {
    let calls_before = node.note().addr();
    (call.wrapping_sub(calls_before) as isize) > 0
}

/// One wait, by the holder of `mutex`.
struct Wait<'a> {
    condvar: &'a Condvar,
    mutex: &'a RawMutex,
    /// Set by `register`, which runs before the waiter goes on.
    is_unlocked: Cell<bool>,
}

impl Wait<'_> {
    #[track_caller]
    fn lock_again<W: Waiter>(&self, who: W) {
        if self.is_unlocked.get() {
            self.mutex
                .lock(who.without_limits())
                .expect("a wait without deadline and token is never interrupted");
            self.is_unlocked.set(false);
        }
    }
}

impl Drop for Wait<'_> {
    fn drop(&mut self) {
        if self.is_unlocked.get() {
            // The guard would let its holder at a value that it does not protect.
            unwind::abort(format_args!("a panic in a wait for a condition"));
        }
    }
}

impl Source for Wait<'_> {
    unsafe fn register(&self, node: NonNull<WaitNode>) -> bool {
        self.condvar.with_waiters(|waiters| {
            let calls_before = ptr::without_provenance_mut(waiters.calls);
            // SAFETY: by contract; the node is in no list yet.
            unsafe {
                node.as_ref().set_note(calls_before);
                waiters.queue.push(node);
            }
        });
        self.is_unlocked.set(true);
        // SAFETY: the waiter's guard holds the lock, and is not used until `lock_again`.
        unsafe { self.mutex.unlock() };
        true
    }

    unsafe fn leave(&self, node: NonNull<WaitNode>) -> bool {
        self.condvar
            // SAFETY: by contract.
            .with_waiters(|waiters| unsafe { waiters.queue.remove(node) })
    }
}

#[cfg(test)]
mod tests;
