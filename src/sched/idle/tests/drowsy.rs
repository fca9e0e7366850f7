//! Models of a searcher that drowses.

use super::model::*;
use super::*;
use crate::primitive::Arc;
use crate::wait::testing::explore;
use Nap::{Long, Short};

#[derive(Clone, Copy)]
enum Nap {
    /// Its time is up at once.
    Short,
    /// Somebody must end it.
    Long,
}

impl System {
    /// D1 to D5 and the search after them, for each nap, if nobody else searches.
    fn drowse(&self, worker: usize, naps: &[Nap]) -> Option<bool> {
        if !self.idle.try_search() {
            return None;
        }
        for &nap in naps {
            let stays_awake = || {
                matches!(nap, Short) || holds(&self.jobs) || self.inbox.as_ref().is_some_and(holds)
            };
            let still_searches = self.idle.drowse(worker, None, stays_awake);
            self.slept.fetch_add(1, Ordering::Relaxed);
            if !still_searches {
                return None;
            }
            if let Some(found) = self.look() {
                self.idle.end_search();
                return self.pass_on(Some(found));
            }
        }
        self.idle.end_search();
        None
    }
}

/// As `worker`, for worker 0, which at first drowses, as the searcher.
fn drowsy_worker(
    system: &Arc<System>,
    naps: &'static [Nap],
    mut jobs: usize,
    mut fibers: usize,
) -> thread::JoinHandle<()> {
    let system = Arc::clone(system);
    thread::spawn(move || {
        system.idle.move_in(0);
        let found = system.drowse(0, naps);
        let mut found = found.or_else(|| system.search_or_sleep(0, false));
        while jobs + fibers > 0 {
            match found.take().unwrap_or_else(|| system.next(0)) {
                true => jobs -= 1,
                false => fibers -= 1,
            }
        }
    })
}

/// The searcher sleeps, and is woken.
#[test]
fn loom_pushes_against_one_that_drowses() {
    explore(3, || {
        let system = System::new(1, false);
        let worker = drowsy_worker(&system, &[Long], 2, 0);
        system.push();
        system.push();
        join([worker]);
        system.is_at_rest();
    });
}

/// What the search between two naps does not see ends the second one.
#[test]
fn loom_push_against_one_that_drowses_again() {
    explore(3, || {
        let system = System::new(1, false);
        let worker = drowsy_worker(&system, &[Short, Long], 1, 0);
        system.push();
        join([worker]);
        system.is_at_rest();
    });
}

#[test]
fn loom_fiber_against_one_that_drowses() {
    explore(3, || {
        let system = System::new(1, true);
        let worker = drowsy_worker(&system, &[Long], 0, 1);
        system.deliver(0);
        join([worker]);
        system.is_at_rest();
    });
}

#[test]
fn loom_push_and_fiber_against_one_that_drowses() {
    explore(3, || {
        let system = System::new(1, true);
        let worker = drowsy_worker(&system, &[Long], 1, 1);
        let waker = spawn(&system, |system| system.deliver(0));
        system.push();
        join([worker, waker]);
        system.is_at_rest();
    });
}

/// Another worker takes the search over, or falls asleep and relies on it.
#[test]
fn loom_pushes_against_one_that_drowses_and_one_that_searches() {
    explore(2, || {
        let system = System::new(2, false);
        let drowser = drowsy_worker(&system, &[Short], 1, 0);
        let other = worker(&system, 1, 1, 0);
        system.push();
        system.push();
        join([drowser, other]);
        system.is_at_rest();
    });
}
