//! A barrier: a number of jobs and threads wait for each other, again and again.
//!
//! Behind one lock: the number of the *generation*, how many have *arrived* in it, and a queue of
//! those who wait. A node's note is the generation of its waiter.
//!
//! 1. **Arrive** (`Barrier::arrive`): `arrived` goes up. The last one ends the generation: the number
//!    goes up, `arrived` is 0 again, and it wakes everybody of an earlier generation. It is the
//!    leader, and does not wait.
//! 2. **Wait** (`Arrival::register`): if the generation is still the waiter's, its node is pushed.
//!    Else there is nothing to wait for any more.
//! 3. **Take back** (late or cancelled, `Arrival::take_back`): if the generation is still the waiter's,
//!    `arrived` goes down. Else the arrival has been used: others have gone on because of it, so the
//!    wait has succeeded, however late it is.
//!
//! *All of one generation agree on whether it has ended*, since only the numbers under the lock say
//! it: neither a node in the queue nor its claim does.
//!
//! *No wake-up is lost*: step 2 pushes only nodes of the generation that is under way. Whoever ends
//! it takes out all nodes of those that have ended; they stand at the front.
//!
//! **Orderings.** All comes under the lock, so what came before any arrival comes before the end of
//! the generation, and a delivery comes after that.

use std::fmt;
use std::mem::ManuallyDrop;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::ptr::{self, NonNull};

use crate::primitive::const_unless_modelled;
use crate::wait::{Chain, Site, Source, SpinLock, WaitNode, WaitQueue, Waiter, Wake};

/// Nodes that are looked at under one lock.
const BATCH: usize = 32;

/// A point that a number of jobs or threads reach together: the first ones wait for the last.
///
/// Then it can be used again, at once and by anybody: who comes next belongs to the next
/// *generation*, also while some of the last one have not gone on yet. One of each generation is
/// the leader.
///
/// A waiter whose wait ends early, by its deadline or token, takes its arrival back: the others wait
/// for one more, and it may come again.
///
/// Share it by reference (jobs of a scope), in an `Arc`, or in a `static`.
///
/// # Memory ordering
/// What came before a wait of one generation is visible after each of them.
///
/// # Deadlocks
/// The first ones wait until there are enough, also if there never will be: because a job has
/// panicked before it came, or because the system's limit of fibers keeps it from being started. When
/// nothing else goes on, the builder's [`on_stall`](crate::Builder::on_stall) hook is told who waits
/// where.
///
/// # Examples
/// ```
/// use std::sync::atomic::{AtomicUsize, Ordering};
/// use rustfiber::{Barrier, JobSystem};
///
/// let jobs = JobSystem::new()?;
/// let barrier = Barrier::new(10); // more than there are workers
/// let (halves, leaders) = (AtomicUsize::new(0), AtomicUsize::new(0));
/// jobs.run(|cx| {
///     cx.scope(|s| {
///         for _ in 0..10 {
///             s.spawn(|cx| {
///                 halves.fetch_add(1, Ordering::Relaxed);
///                 if barrier.wait(cx).is_leader() {
///                     leaders.fetch_add(1, Ordering::Relaxed);
///                 }
///                 assert_eq!(halves.load(Ordering::Relaxed), 10);
///             });
///         }
///     });
/// });
/// assert_eq!(leaders.into_inner(), 1);
/// # Ok::<(), rustfiber::BuildError>(())
/// ```
pub struct Barrier {
    n: usize,
    state: SpinLock<State>,
}

struct State {
    /// It goes round: what counts is whether it has changed.
    generation: usize,
    arrived: usize,
    waiters: WaitQueue,
}

/// What a wait at a [`Barrier`] returns.
///
/// ```
/// use rustfiber::{Barrier, Blocking};
///
/// assert!(Barrier::new(1).wait(Blocking).is_leader());
/// ```
pub struct BarrierWaitResult {
    is_leader: bool,
}

impl BarrierWaitResult {
    /// Whether this is the one leader of its generation: the last that came.
    #[must_use]
    pub fn is_leader(&self) -> bool {
        self.is_leader
    }
}

impl Barrier {
    const_unless_modelled! {
        /// A barrier for `n` at a time. None is as good as one: nobody waits.
        ///
        /// ```
        /// use rustfiber::{Barrier, Blocking};
        ///
        /// static BARRIER: Barrier = Barrier::new(2);
        /// std::thread::scope(|s| {
        ///     let other = s.spawn(|| BARRIER.wait(Blocking).is_leader());
        ///     assert_ne!(BARRIER.wait(Blocking).is_leader(), other.join().unwrap());
        /// });
        /// ```
        #[must_use]
        pub fn new(n: usize) -> Self {
            Self {
                n,
                state: SpinLock::new(State {
                    generation: 0,
                    arrived: 0,
                    waiters: WaitQueue::new(),
                }),
            }
        }
    }

    /// Waits until as many have come as the barrier is for.
    ///
    /// ```
    /// use std::time::Duration;
    /// use rustfiber::{Barrier, JobSystem};
    ///
    /// let jobs = JobSystem::new()?;
    /// let barrier = Barrier::new(2);
    /// jobs.run(|cx| {
    ///     let late = barrier.wait(cx.within(Duration::from_millis(1)));
    ///     assert!(late.unwrap_err().is_late());
    ///     // It has taken its arrival back, so two have to come.
    ///     cx.join(|cx| barrier.wait(cx), |cx| barrier.wait(cx));
    /// });
    /// # Ok::<(), rustfiber::BuildError>(())
    /// ```
    ///
    /// # Panics
    /// With [`Blocking`](crate::Blocking) inside a job.
    #[track_caller]
    pub fn wait<W: Waiter>(&self, who: W) -> W::Outcome<BarrierWaitResult> {
        if let Err(interrupted) = who.check() {
            return who.outcome(Err(interrupted));
        }
        let Some(arrival) = self.arrive() else {
            return who.outcome(Ok(BarrierWaitResult { is_leader: true }));
        };
        let waited = super::wait_for(who, &arrival, Site::here(&"a barrier"));
        let arrival = ManuallyDrop::new(arrival);
        who.outcome(match waited {
            Err(interrupted) if arrival.take_back() => Err(interrupted),
            _ => Ok(BarrierWaitResult { is_leader: false }),
        })
    }

    /// Step 1. `None`: it was the last, and has woken the others.
    fn arrive(&self) -> Option<Arrival<'_>> {
        let generation = self.state.with(|state| {
            let generation = state.generation;
            state.arrived += 1;
            if state.arrived < self.n {
                return Some(generation);
            }
            state.arrived = 0;
            state.generation = generation.wrapping_add(1);
            None
        });
        if generation.is_none() {
            self.wake_earlier_generations();
        }
        generation.map(|generation| Arrival {
            barrier: self,
            generation,
        })
    }

    fn wake_earlier_generations(&self) {
        loop {
            let (woken, are_all) = self.state.with(State::take);
            woken.deliver(Wake::Signalled);
            if are_all {
                return;
            }
        }
    }
}

impl State {
    /// Whether the first waiter's generation has ended.
    fn has_ended_for_first(&self) -> bool {
        let first = self.waiters.front();
        first.is_some_and(|first| first.note().addr() != self.generation)
    }

    /// Takes some waiters out whose generation has ended, and says whether these are all.
    fn take(&mut self) -> (Chain, bool) {
        let mut taken = Chain::EMPTY;
        for _ in 0..BATCH {
            if !self.has_ended_for_first() {
                break;
            }
            if let Some(first) = self.waiters.pop_front() {
                taken.add(first);
            }
        }
        (taken.reversed(), !self.has_ended_for_first())
    }
}

/// One that has arrived, but was not the last. Dropped (the wait has panicked), it takes that back.
struct Arrival<'a> {
    barrier: &'a Barrier,
    generation: usize,
}

impl Arrival<'_> {
    /// Step 3, once. False: it has been used.
    fn take_back(&self) -> bool {
        self.barrier.state.with(|state| {
            let is_under_way = state.generation == self.generation;
            if is_under_way {
                state.arrived -= 1;
            }
            is_under_way
        })
    }
}

impl Drop for Arrival<'_> {
    fn drop(&mut self) {
        self.take_back();
    }
}

impl Source for Arrival<'_> {
    unsafe fn register(&self, node: NonNull<WaitNode>) -> bool {
        self.barrier.state.with(|state| {
            // SAFETY: by contract; the node is in no list yet.
            unsafe {
                if state.generation != self.generation {
                    // Nothing is given away here, so it is no matter who serves the waiter.
                    let _ = WaitNode::claim(node);
                    return false;
                }
                node.as_ref()
                    .set_note(ptr::without_provenance_mut(self.generation));
                state.waiters.push(node);
            }
            true
        })
    }

    unsafe fn leave(&self, node: NonNull<WaitNode>) -> bool {
        // SAFETY: by contract.
        let remove = |state: &mut State| unsafe { state.waiters.remove(node) };
        self.barrier.state.with(remove)
    }
}

// A panic never leaves it half changed: user code does not run while it is.
impl UnwindSafe for Barrier {}
impl RefUnwindSafe for Barrier {}

impl fmt::Debug for Barrier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Barrier")
            .field("n", &self.n)
            .field("arrived", &self.state.with(|state| state.arrived))
            .finish()
    }
}

impl fmt::Debug for BarrierWaitResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BarrierWaitResult")
            .field("is_leader", &self.is_leader)
            .finish()
    }
}

#[cfg(test)]
mod tests;
