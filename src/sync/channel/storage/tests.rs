//! What the channel relies on, and the crate does not promise.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::{hint, thread};

use super::*;

const ROUNDS: usize = 30_000;

/// Two threads that meet before each round, so that they start it at the same time.
#[derive(Default)]
struct Meeting(AtomicUsize);

impl Meeting {
    /// Goes on a few nanoseconds later or earlier than the other, each time by another number.
    fn meet_about(&self, round: usize, stride: usize) {
        self.meet(round);
        for n in 0..round * stride % 41 {
            hint::black_box(n);
        }
    }

    fn meet(&self, round: usize) {
        self.0.fetch_add(1, Ordering::SeqCst);
        let mut spins = 0;
        while self.0.load(Ordering::SeqCst) < 2 * round {
            spins += 1;
            if spins % 100 == 0 {
                thread::yield_now(); // the other may need this processor
            } else {
                hint::spin_loop();
            }
        }
    }
}

/// One changes the storage and looks at the flag; the other sets the flag and looks at the storage.
/// At least one must see the other.
fn one_sees_the_other(
    storage: &Storage<usize>,
    change: impl Fn(&Storage<usize>) + Sync,
    looks_unchanged: impl Fn(&Storage<usize>) -> bool,
    undo: impl Fn(&Storage<usize>),
) {
    let (flag, saw_it) = (AtomicBool::new(false), AtomicBool::new(false));
    let meeting = Meeting::default();
    let mut failures = 0;
    thread::scope(|s| {
        s.spawn(|| {
            for round in 0..ROUNDS {
                meeting.meet_about(2 * round + 1, 7);
                change(storage);
                in_one_order();
                saw_it.store(flag.load(Ordering::SeqCst), Ordering::Relaxed);
                meeting.meet(2 * round + 2);
            }
        });
        for round in 0..ROUNDS {
            meeting.meet_about(2 * round + 1, 13);
            flag.store(true, Ordering::SeqCst);
            in_one_order();
            let missed_it = looks_unchanged(storage);
            meeting.meet(2 * round + 2);
            failures += usize::from(missed_it && !saw_it.load(Ordering::Relaxed));
            flag.store(false, Ordering::SeqCst);
            undo(storage);
        }
    });
    assert_eq!(failures, 0, "of {ROUNDS}: neither saw the other");
}

fn push(storage: &Storage<usize>) {
    storage.push(7).unwrap();
}

fn pop(storage: &Storage<usize>) {
    storage.pop().unwrap();
}

#[test]
fn a_push_or_a_flag_is_seen() {
    // A queue for one value, a ring, a list of blocks.
    for storage in [
        Storage::bounded(1),
        Storage::bounded(3),
        Storage::unbounded(),
    ] {
        one_sees_the_other(&storage, push, Storage::is_empty, pop);
    }
}

#[test]
fn a_pop_or_a_flag_is_seen() {
    for capacity in [1, 3] {
        let storage = Storage::bounded(capacity);
        (0..capacity).for_each(|_| push(&storage));
        one_sees_the_other(&storage, pop, Storage::is_full, push);
    }
}
