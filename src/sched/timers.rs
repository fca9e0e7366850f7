//! Waits that end by themselves: the timers of one worker.
//!
//! A timer is a source for one node, and stands in the heap of the worker that publishes the wait,
//! which is the home of the waiting fiber. That worker alone touches the heap: it adds the timer when
//! the fiber has stopped, takes it out when it is due (and claims the node, as a queue does), and
//! takes it out for a fiber that goes on earlier. So a timer needs no lock. With the feature
//! `migration` a fiber may go on elsewhere, and the heap is behind one (`Guarded`).
//!
//! The heap is an array with four children to each entry, so that it is half as deep as a binary
//! one; a timer knows its place in it, so that it is taken out in O(log n).
//!
//! **When timers fire.** The clock costs about 20 ns, as much as some jobs. While a worker has
//! timers, it reads the clock once in a number of turns, which grows while turns are short and falls
//! back when one was long: so a timer is late by `STRIDE_TIME` or by one turn (a job that runs
//! without a wait), whichever is more. A worker that sleeps does so until its earliest timer.

use std::cell::Cell;
use std::ptr::NonNull;
use std::time::{Duration, Instant};

use super::current;
use super::migrate::Guarded;
use super::shared::Remote;
use super::worker::Worker;
use crate::primitive::atomic::{AtomicU64, Ordering};
use crate::wait::{Source, WaitNode, Wake, claimed_chain};

/// Between two readings of the clock, about. A guess.
const STRIDE_TIME: u64 = 10_000;
/// The most turns between two readings of the clock. A guess.
const LONGEST_STRIDE: u32 = 64;

/// No timer.
const NEVER: u64 = u64::MAX;

/// The timers of one worker.
pub(super) struct Timers {
    heap: Guarded<Heap>,
    /// When the first one is due; for everybody to read.
    earliest: AtomicU64,
    /// What times are counted from.
    epoch: Instant,
}

/// When a worker reads the clock next.
#[derive(Debug)]
pub(super) struct Stride {
    left: Cell<u32>,
    length: Cell<u32>,
    last: Cell<u64>,
}

impl Stride {
    pub(super) fn new() -> Self {
        Self {
            left: Cell::new(0),
            length: Cell::new(1),
            last: Cell::new(0),
        }
    }

    /// The next turn reads the clock.
    pub(super) fn end(&self) {
        self.left.set(0);
    }

    #[inline]
    fn is_over(&self) -> bool {
        let left = self.left.get();
        self.left.set(left.saturating_sub(1));
        left == 0
    }

    fn begin(&self, now: u64) {
        let took = now.saturating_sub(self.last.replace(now));
        let length = self.length.get();
        let length = if took < STRIDE_TIME {
            (length * 2).min(LONGEST_STRIDE)
        } else {
            // As many as would have fitted.
            (u64::from(length) * STRIDE_TIME / took).max(1) as u32
        };
        self.length.set(length);
        self.left.set(length - 1);
    }
}

impl Timers {
    pub(super) fn new() -> Self {
        Self {
            heap: Guarded::new(Heap(Vec::new())),
            earliest: AtomicU64::new(NEVER),
            epoch: Instant::now(),
        }
    }

    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        // Relaxed: the worker's own timers; others only guess.
        self.earliest.load(Ordering::Relaxed) == NEVER
    }

    /// When the first timer is due.
    pub(super) fn earliest(&self) -> Option<Instant> {
        let earliest = self.earliest.load(Ordering::Relaxed);
        (earliest != NEVER).then(|| self.epoch + Duration::from_nanos(earliest))
    }

    pub(super) fn is_due(&self) -> bool {
        self.earliest().is_some_and(|at| at <= Instant::now())
    }

    /// Rounded up, so that nobody wakes early.
    fn count(&self, at: Instant) -> u64 {
        let since = at.saturating_duration_since(self.epoch).as_nanos();
        u64::try_from(since).unwrap_or(NEVER).min(NEVER - 1)
    }

    /// # Safety
    /// The caller is the worker's own thread, or fibers move.
    unsafe fn with<R>(&self, f: impl FnOnce(&mut Heap) -> R) -> R {
        // SAFETY: by contract. `f` calls nothing that comes back here.
        unsafe {
            self.heap.with(|heap| {
                let result = f(heap);
                let earliest = heap.0.first().map_or(NEVER, |entry| entry.at);
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

    /// S4: whether a timer is due now; then the next turn fires it.
    pub(super) fn timer_is_due(&self) -> bool {
        let is_due = self.remote().timers.is_due();
        if is_due {
            self.stride.end();
        }
        is_due
    }

    #[cold]
    #[inline(never)]
    fn fire_timers(&self) {
        let timers = &self.remote().timers;
        let now = timers.count(Instant::now());
        self.stride.begin(now);
        if timers.earliest.load(Ordering::Relaxed) > now {
            return;
        }
        // SAFETY: this is the worker's own thread. A timer in the heap is valid, and its node
        // registered; it is claimed where a waiter that leaves would look for it.
        let due = unsafe {
            timers.with(|heap| {
                claimed_chain(std::iter::from_fn(|| {
                    let first = heap.0.first().filter(|first| first.at <= now)?;
                    let timer = first.timer;
                    heap.remove(0);
                    timer.as_ref().node.get()
                }))
            })
        };
        due.deliver(Wake::Signalled);
    }
}

/// A moment that a job waits for. It stays in its place while it is registered.
pub(crate) struct Timer {
    at: Instant,
    node: Cell<Option<NonNull<WaitNode>>>,
    /// Where it stands in the heap, or `NOWHERE`. Like `node` it belongs to whoever has the heap.
    place: Cell<usize>,
    /// The worker that it was registered with.
    remote: Cell<Option<NonNull<Remote>>>,
}

const NOWHERE: usize = usize::MAX;

impl Timer {
    pub(crate) fn new(at: Instant) -> Self {
        Self {
            at,
            node: Cell::new(None),
            place: Cell::new(NOWHERE),
            remote: Cell::new(None),
        }
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
            self.node.set(Some(node));
            self.remote
                .set(Some(NonNull::from(worker.as_ref().remote())));
            timers.with(|heap| heap.insert(timers.count(self.at), NonNull::from(self)));
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
                let place = self.place.get();
                let is_here = place != NOWHERE;
                if is_here {
                    heap.remove(place);
                }
                is_here
            })
        }
    }
}

struct Entry {
    at: u64,
    timer: NonNull<Timer>,
}

/// A heap with four children to each entry; the earliest stands first.
struct Heap(Vec<Entry>);

// SAFETY: the timers are reached only by whoever has the heap, see `Guarded`.
unsafe impl Send for Heap {}

const CHILDREN: usize = 4;

impl Heap {
    fn insert(&mut self, at: u64, timer: NonNull<Timer>) {
        self.0.push(Entry { at, timer });
        self.rise(self.0.len() - 1);
    }

    fn remove(&mut self, place: usize) {
        let gone = self.0.swap_remove(place);
        // SAFETY: a timer in the heap is valid.
        unsafe { gone.timer.as_ref() }.place.set(NOWHERE);
        if place < self.0.len() {
            // One of the two does nothing: what rises leaves an earlier one in its place.
            self.sink(place);
            self.rise(place);
        }
    }

    fn note_place(&self, place: usize) {
        // SAFETY: a timer in the heap is valid.
        unsafe { self.0[place].timer.as_ref() }.place.set(place);
    }

    /// Moves an entry towards the front until its parent is not later.
    fn rise(&mut self, mut place: usize) {
        while place > 0 {
            let parent = (place - 1) / CHILDREN;
            if self.0[parent].at <= self.0[place].at {
                break;
            }
            self.0.swap(parent, place);
            self.note_place(place);
            place = parent;
        }
        self.note_place(place);
    }

    /// Moves an entry towards the end until its children are not earlier.
    fn sink(&mut self, mut place: usize) {
        loop {
            let first = place * CHILDREN + 1;
            let children = first..(first + CHILDREN).min(self.0.len());
            let Some(earliest) = children.min_by_key(|&child| self.0[child].at) else {
                break;
            };
            if self.0[place].at <= self.0[earliest].at {
                break;
            }
            self.0.swap(place, earliest);
            self.note_place(place);
            place = earliest;
        }
        self.note_place(place);
    }
}

#[cfg(all(test, not(loom)))]
mod tests;
