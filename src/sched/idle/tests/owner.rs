//! Models of an owner's deque and a worker that takes all from it. The owner is busy for ever when it has
//! pushed.

use super::*;
use crate::primitive::Arc;
use crate::sched::deque::{Owner, Pushed, Steal, Stealer, Word, deque};
use crate::wait::testing::explore;

struct Job;

// SAFETY: there is nothing in it.
unsafe impl Word for Job {
    fn into_raw(self) -> *mut () {
        std::ptr::dangling_mut()
    }

    unsafe fn from_raw(_: *mut ()) -> Self {
        Job
    }
}

struct Pair {
    idle: Idle,
    stealer: Stealer<Job>,
}

impl Pair {
    fn push(&self, owner: &Owner<Job>) {
        if owner.push(Job) == Pushed::Look && owner.look_up(|| self.idle.wants_jobs()) {
            self.idle.see_to_jobs();
        }
    }

    /// As the searcher, or when it falls asleep again.
    fn take(&self) -> bool {
        match self.stealer.steal() {
            Steal::Success(Job) => true,
            _ => self.stealer.force() && matches!(self.stealer.steal(), Steal::Success(Job)),
        }
    }

    fn part_pushes(&self) {
        super::part_pushes(std::iter::once(&self.stealer));
    }

    fn pass_on(&self) {
        let part = || self.part_pushes();
        self.idle.pass_on(part, || !self.stealer.is_empty());
    }

    fn next(&self, worker: usize, drowses: bool) {
        loop {
            if self.take() {
                return self.pass_on();
            }
            let mut searching = self.idle.try_search();
            loop {
                if searching {
                    self.stealer.call_owner();
                    let mut found = self.take();
                    let mut still = true;
                    if drowses && !found {
                        still = self.idle.drowse(worker, None, || true);
                        found = still && self.take();
                    }
                    if still {
                        self.idle.end_search();
                    }
                    if found {
                        return self.pass_on();
                    }
                    // Another forces, perhaps: it is its turn.
                    thread::yield_now();
                }
                let part = || self.part_pushes();
                let asleep = self.idle.fall_asleep(worker, true, part);
                let token = if self.stealer.is_empty() || self.idle.is_searched() {
                    asleep.park()
                } else {
                    asleep.cancel()
                };
                searching =
                    token == Token::Search || (!self.stealer.is_empty() && self.idle.try_search());
                if !searching {
                    break;
                }
            }
            // Another searches: it is its turn.
            thread::yield_now();
        }
    }
}

/// One worker takes all jobs. Two would be worth a model, too, but then one may spin while
/// the other forces, and `loom` lets it do so for ever.
fn explore_pushes(preemptions: usize, jobs: usize, drowses: bool) {
    explore(preemptions, move || {
        let (owner, stealer) = deque();
        let pair = Arc::new(Pair {
            idle: Idle::new(1),
            stealer,
        });
        let worker = {
            let pair = Arc::clone(&pair);
            thread::spawn(move || {
                pair.idle.move_in(0);
                (0..jobs).for_each(|_| pair.next(0, drowses));
            })
        };
        (0..jobs).for_each(|_| pair.push(&owner));
        worker.join().unwrap();
        assert!(owner.is_empty());
    });
}

#[test]
fn loom_push_of_an_owner_against_falling_asleep() {
    explore_pushes(3, 1, false);
}

/// Its push wakes nobody who drowses, and is found all the same.
#[test]
fn loom_push_of_an_owner_against_one_that_drowses() {
    explore_pushes(3, 1, true);
}

/// The second push may not look up, and is seen by the worker's last look then.
#[test]
fn loom_two_pushes_of_an_owner_against_falling_asleep() {
    explore_pushes(2, 2, false);
}
