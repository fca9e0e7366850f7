//! Waits that end by themselves: the timers of one worker.
//!
//! A timer is a source for one node, and stands in the heap of the worker that publishes the wait,
//! which is the home of the waiting fiber. That worker alone touches the heap: it adds the timer
//! when the fiber has stopped, takes it out when it is due (and claims the node, as a queue does),
//! and takes it out for a fiber that goes on earlier. So a timer needs no lock. With the feature
//! `migration` a fiber may go on elsewhere, and the heap is behind one (`Guarded`).
//!
//! **When timers fire.** The clock costs about 20 ns, as much as some jobs. While a worker has
//! timers, it reads the clock once in a number of turns (`stride`), which grows while turns are
//! short and falls back when one was long: so a timer is late by 10 us or by one turn (a job that
//! runs without a wait), whichever is more; and by a few turns if they have become long just now.
//!
//! But a fiber that has slept is in no cache, nor are its pages in the TLB, and to wait for both
//! costs as much as all the rest, unless several are asked for at once (`Due`). And a worker that
//! is woken for each of thousands of timers spends its time on that: a wake-up costs microseconds.
//! So when timers have fired, the others rest for `REST`, and those that are due by then fire
//! together. One that comes alone is not late by that.

mod heap;
mod stride;

use std::cell::Cell;
use std::ptr::NonNull;
use std::time::{Duration, Instant};

use heap::{Heap, Key};
pub(super) use stride::Stride;

use super::current;
use super::fiber::JobFiber;
use super::migrate::Guarded;
use super::shared::Remote;
use super::task::JobHeader;
use super::worker::Worker;
use crate::primitive::atomic::{AtomicU64, Ordering};
use crate::primitive::{LINE, prefetch_all, prefetch_lines};
use crate::wait::{Source, WaitNode, Wake, claimed_chain};

/// The least time between two moments at which timers fire, in nanoseconds. With 500 timers in a
/// millisecond, 100 us cost a tenth more time in all on one worker and a fifth on two, and 500 us
/// gain a hundredth.
const REST: u64 = 250_000;

/// No timer.
const NEVER: u64 = u64::MAX;

/// The timers of one worker.
pub(super) struct Timers {
    heap: Guarded<Heap<Registered>>,
    /// When the first one is due; for everybody to read.
    earliest: AtomicU64,
    /// What times are counted from.
    epoch: Instant,
}

/// A timer that stands in a heap.
#[derive(Clone, Copy)]
struct Registered {
    timer: NonNull<Timer>,
    node: NonNull<WaitNode>,
}

// SAFETY: the timer is reached only by whoever has the heap, see `Guarded`.
unsafe impl Send for Registered {}

impl Registered {
    /// Asks for the timer and its node, which lie in a frame of the waiting fiber, and for the
    /// frames around that one.
    fn prefetch(self) {
        prefetch_lines(self.timer.as_ptr().wrapping_byte_sub(LINE), 2);
        prefetch_lines(self.node.as_ptr(), FRAME_LINES);
    }
}

/// From the node of a job that does little and waits to the root of its stack. A guess.
const FRAME_LINES: usize = 8;

/// Takes timers that are due out of the heap, some at a time, so that their memory comes at the
/// same time.
struct Due<'h> {
    heap: &'h mut Heap<Registered>,
    now: u64,
    /// Taken out, but not told yet from `turn` on.
    some: [Option<Registered>; SOME],
    turn: usize,
}

/// More than a processor can wait for at once. A guess.
const SOME: usize = 16;

impl<'h> Due<'h> {
    /// For as long as the heap is held.
    ///
    /// # Safety
    /// The timers in the heap are valid.
    unsafe fn new(heap: &'h mut Heap<Registered>, now: u64) -> Self {
        Self {
            heap,
            now,
            some: [None; SOME],
            turn: SOME,
        }
    }

    fn take_some(&mut self) {
        let Self { heap, now, .. } = self;
        self.some = std::array::from_fn(|_| heap.pop_until(*now));
        self.some.iter().flatten().for_each(|due| due.prefetch());
        self.turn = 0;
    }
}

impl Iterator for Due<'_> {
    type Item = NonNull<WaitNode>;

    fn next(&mut self) -> Option<NonNull<WaitNode>> {
        if self.turn == SOME {
            self.take_some();
        }
        let due = self.some[self.turn]?;
        self.turn += 1;
        // SAFETY: it was in the heap a moment ago, which is still held.
        let timer = unsafe { due.timer.as_ref() };
        timer.key.set(None);
        timer.prefetch_waiter();
        Some(due.node)
    }
}

impl Timers {
    pub(super) fn new() -> Self {
        Self {
            heap: Guarded::new(Heap::new()),
            earliest: AtomicU64::new(NEVER),
            epoch: Instant::now(),
        }
    }

    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        // Relaxed: the worker's own timers; others only guess.
        self.earliest.load(Ordering::Relaxed) == NEVER
    }

    /// How the heap counts that moment; in whole nanoseconds, as the clock does, so nobody wakes
    /// early.
    fn count(&self, at: Instant) -> u64 {
        let since = at.saturating_duration_since(self.epoch).as_nanos();
        u64::try_from(since).unwrap_or(NEVER).min(NEVER - 1)
    }

    /// # Safety
    /// The caller is the worker's own thread, or fibers move.
    unsafe fn with<R>(&self, f: impl FnOnce(&mut Heap<Registered>) -> R) -> R {
        // SAFETY: by contract. `f` calls nothing that comes back here.
        unsafe {
            self.heap.with(|heap| {
                let result = f(heap);
                let earliest = heap.first().unwrap_or(NEVER);
                self.earliest.store(earliest, Ordering::Relaxed);
                result
            })
        }
    }
}

impl Worker {
    /// Lets timers fire that are due, now and then.
    #[inline]
    pub(super) fn mind_timers(&self) {
        if !self.remote().timers.is_empty() && self.stride.is_over() {
            self.fire_timers();
        }
    }

    /// Until when this worker may sleep.
    pub(super) fn next_timer(&self) -> Option<Instant> {
        let timers = &self.remote().timers;
        let earliest = timers.earliest.load(Ordering::Relaxed);
        let wakes_at = earliest.max(self.timers_rest_until.get());
        (earliest != NEVER).then(|| timers.epoch + Duration::from_nanos(wakes_at))
    }

    /// S4: whether a timer is due now; then the next turn fires it.
    pub(super) fn timer_is_due(&self) -> bool {
        let is_due = self.next_timer().is_some_and(|at| at <= Instant::now());
        if is_due {
            self.stride.end();
        }
        is_due
    }

    /// The worker has slept, or was about to.
    pub(super) fn note_what_ended_the_sleep(&self) {
        let jobs = self.remote().stats.jobs.get();
        let by_timer = !self.remote().timers.is_empty() && self.timer_is_due();
        self.woken_by_timer_at.set(by_timer.then_some(jobs));
    }

    /// Whether a timer has ended the last sleep, and no job was started since: then nothing says
    /// that others are about to bring work, and a search would cost more than what the timer has
    /// brought. Says so once.
    pub(super) fn only_timers_fired(&self) -> bool {
        self.woken_by_timer_at.take() == Some(self.remote().stats.jobs.get())
    }

    #[cold]
    #[inline(never)]
    fn fire_timers(&self) {
        let timers = &self.remote().timers;
        let now = timers.count(Instant::now());
        self.stride.begin(now);
        let earliest = timers.earliest.load(Ordering::Relaxed);
        if earliest.max(self.timers_rest_until.get()) > now {
            return;
        }
        self.timers_rest_until.set(now + REST);
        // SAFETY: this is the worker's own thread. A timer in the heap is valid, and its node
        // registered; it is claimed where a waiter that leaves would look for it.
        let due = unsafe { timers.with(|heap| claimed_chain(Due::new(heap, now))) };
        due.deliver(Wake::Signalled);
    }
}

/// A moment that a job waits for. It stays in its place while it is registered.
pub(crate) struct Timer {
    at: Instant,
    /// Where it stands in the heap, if it does. Belongs to whoever has the heap.
    key: Cell<Option<Key>>,
    /// The worker that it was registered with.
    remote: Cell<Option<NonNull<Remote>>>,
    /// The waiter and its job, to ask for their memory.
    fiber: *const JobFiber,
    job: *const JobHeader,
}

/// How much of a job is asked for: a spawned one without much in its closure.
const JOB_LINES: usize = 2;

impl Timer {
    /// For a wait of `fiber`.
    pub(crate) fn new(at: Instant, fiber: &JobFiber) -> Self {
        Self {
            at,
            key: Cell::new(None),
            remote: Cell::new(None),
            fiber,
            job: fiber.local.job.get(),
        }
    }

    /// Asks for what the waiter touches when it goes on, apart from its stack.
    fn prefetch_waiter(&self) {
        prefetch_all(self.fiber);
        prefetch_lines(self.job, JOB_LINES);
    }
}

impl Source for Timer {
    unsafe fn register(&self, node: NonNull<WaitNode>) -> bool {
        if self.at <= Instant::now() {
            // SAFETY: by contract.
            let _ = unsafe { WaitNode::claim(node) };
            return false;
        }
        let worker = current::worker().expect("a job's wait is published by its worker");
        // SAFETY: this thread's worker outlives this frame; and this is its own thread.
        unsafe {
            let timers = &worker.as_ref().remote().timers;
            self.remote
                .set(Some(NonNull::from(worker.as_ref().remote())));
            let timer = NonNull::from(self);
            timers.with(|heap| {
                let key = heap.insert(timers.count(self.at), Registered { timer, node });
                self.key.set(Some(key));
            });
        }
        true
    }

    unsafe fn leave(&self, _: NonNull<WaitNode>) -> bool {
        let Some(remote) = self.remote.get() else {
            return false;
        };
        // SAFETY: the system lives as long as its jobs. The caller runs where the waiter does,
        // which is where it was registered, unless fibers move.
        unsafe {
            remote.as_ref().timers.with(|heap| {
                let key = self.key.take();
                key.map(|key| heap.remove(key)).is_some()
            })
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests;
