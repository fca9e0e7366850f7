//! Models of each race between the owner and thieves.

use std::time::Duration;

use super::*;
use crate::primitive::{UnsafeCell, thread};

/// What each element stands for: memory that its pusher has written, and that only its one
/// taker may touch then. The model reports a second taker, or one that cannot see the write.
struct Payloads(Vec<UnsafeCell<u8>>);

// SAFETY: for the model to judge: it checks each access.
unsafe impl Sync for Payloads {}
// SAFETY: as above.
unsafe impl Send for Payloads {}

const FRESH: u8 = 0;
const PUSHED: u8 = 1;
const TAKEN: u8 = 2;

impl Payloads {
    fn advance(&self, number: usize, from: u8, to: u8) {
        self.0[number].with_mut(|state| {
            // SAFETY: the pointer is valid for the closure, and the model rules out races.
            let before = unsafe { state.replace(to) };
            assert_eq!(before, from, "element {number}");
        });
    }
}

/// The owner's end with the payloads.
struct Side {
    owner: End,
    stealer: Stealer<Token>,
    payloads: Arc<Payloads>,
}

impl Side {
    fn push(&self, number: usize) {
        self.payloads.advance(number, FRESH, PUSHED);
        self.owner.put(Token(number));
    }

    fn pop(&self) {
        self.took(self.owner.pop());
    }

    fn pop_if(&self, number: usize) -> bool {
        let token = self.owner.pop_if(word(number));
        assert!(token.as_ref().is_none_or(|token| token.0 == number));
        self.took(token)
    }

    fn take_oldest(&self) -> bool {
        self.took(success(self.owner.take_oldest()))
    }

    fn took(&self, token: Option<Token>) -> bool {
        let took = token.is_some();
        token
            .into_iter()
            .for_each(|t| self.payloads.advance(t.0, PUSHED, TAKEN));
        took
    }
}

/// Explores `owner_part` after `before` was done, with as many thieves as there are numbers in
/// `steals`, each of which tries that many times. All `count` elements are pushed by the two
/// parts, and at the end each has been taken once.
fn explore(
    preemptions: Option<usize>,
    count: usize,
    steals: &'static [usize],
    before: fn(&Side),
    owner_part: fn(&Side),
) {
    explore_in(Mode::Eager, preemptions, count, steals, before, owner_part);
    // These have more steps: a bound keeps them short.
    explore_in(Mode::Wanted, Some(3), count, steals, before, owner_part);
    explore_in(Mode::Forced, Some(3), count, steals, before, owner_part);
}

fn explore_in(
    mode: Mode,
    preemptions: Option<usize>,
    count: usize,
    steals: &'static [usize],
    before: fn(&Side),
    owner_part: fn(&Side),
) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = preemptions;
    builder.max_duration = None::<Duration>;
    builder.check(move || {
        let (owner, stealer) = End::starting_at(isize::MAX - 1, mode);
        let payloads = (0..count).map(|_| UnsafeCell::new(FRESH)).collect();
        let payloads = Arc::new(Payloads(payloads));
        let side = Side {
            owner,
            stealer: stealer.clone(),
            payloads,
        };
        before(&side);
        let thieves: Vec<_> = steals
            .iter()
            .map(|&tries| {
                let stealer = stealer.clone();
                let payloads = Arc::clone(&side.payloads);
                thread::spawn(move || {
                    for token in (0..tries).filter_map(|_| success(steal(&stealer))) {
                        payloads.advance(token.0, PUSHED, TAKEN);
                    }
                })
            })
            .collect();
        owner_part(&side);
        thieves.into_iter().for_each(|t| t.join().unwrap());
        while !side.owner.is_empty() {
            assert!(side.took(side.owner.pop()));
        }
        (0..count).for_each(|n| side.payloads.advance(n, TAKEN, TAKEN));
    });
}

fn nothing(_: &Side) {}

#[test]
fn loom_push_pop_against_a_thief() {
    explore(None, 2, &[2], nothing, |side| {
        side.push(0);
        side.push(1);
        side.pop();
        side.pop();
    });
}

#[test]
fn loom_position_is_used_again() {
    explore(Some(4), 3, &[2], nothing, |side| {
        side.push(0);
        side.pop();
        side.push(1);
        side.push(2);
        side.pop();
    });
}

#[test]
fn loom_two_thieves_and_the_last_element() {
    explore(Some(5), 1, &[1, 1], |side| side.push(0), Side::pop);
}

/// The second thief knows `top` only from the first one, and the owner has not seen it.
#[test]
fn loom_two_thieves_and_two_elements() {
    let both = |side: &Side| {
        side.push(0);
        side.push(1);
    };
    explore(Some(5), 2, &[1, 1], both, Side::pop);
}

#[test]
fn loom_growth_while_stealing() {
    let full = |side: &Side| (0..FIRST_CAPACITY).for_each(|n| side.push(n));
    explore(None, FIRST_CAPACITY + 1, &[2], full, |side| {
        side.push(FIRST_CAPACITY);
    });
}

/// A slot of the outgrown buffer holds a word of earlier at the position being stolen.
#[test]
fn loom_outgrown_buffer_is_not_current() {
    let full = |side: &Side| (0..FIRST_CAPACITY).for_each(|n| side.push(n));
    explore(None, FIRST_CAPACITY + 1, &[1], full, |side| {
        side.push(FIRST_CAPACITY);
        (0..FIRST_CAPACITY).for_each(|_| _ = side.take_oldest());
    });
}

/// A slot is written again while a late thief may still read it.
#[test]
fn loom_slot_is_used_again() {
    let full = |side: &Side| (0..FIRST_CAPACITY).for_each(|n| side.push(n));
    explore(Some(3), FIRST_CAPACITY + 1, &[1, 1], full, |side| {
        side.push(FIRST_CAPACITY);
    });
}

#[test]
fn loom_pop_if_against_a_thief() {
    explore(
        None,
        2,
        &[2],
        |side| side.push(0),
        |side| {
            side.push(1);
            if side.pop_if(1) {
                side.pop_if(0);
            } else {
                assert!(side.owner.is_empty(), "stolen oldest first");
            }
        },
    );
}

#[test]
fn loom_take_oldest_against_a_thief() {
    let both = |side: &Side| {
        side.push(0);
        side.push(1);
    };
    explore(None, 2, &[1], both, |side| {
        side.take_oldest();
        side.pop();
    });
}

/// The owner returns into what a thief is making public, and pushes there again.
#[test]
fn loom_pops_against_force() {
    let three = |side: &Side| (0..3).for_each(|n| side.push(n));
    explore_in(Mode::Forced, Some(4), 4, &[1], three, |side| {
        side.pop();
        side.pop();
        side.push(3);
        side.pop();
    });
}

/// Two thieves: one forces at a time, and what one has made public the other takes.
#[test]
fn loom_two_thieves_force() {
    let three = |side: &Side| (0..3).for_each(|n| side.push(n));
    explore_in(Mode::Forced, Some(3), 3, &[1, 1], three, |side| {
        side.pop();
        side.pop();
    });
}

/// The owner makes elements private again while a thief takes them.
#[test]
fn loom_reclaiming_against_a_thief() {
    let three_public = |side: &Side| {
        (0..5).for_each(|n| side.push(n));
        assert!(side.stealer.force());
        (0..2).for_each(|_| side.pop());
    };
    explore_in(Mode::Forced, Some(4), 5, &[2], three_public, |side| {
        (0..3).for_each(|_| side.pop());
    });
}

/// What the owner does with an element that it holds back, no thief sees half done.
#[test]
fn loom_while_private_against_force() {
    let two = |side: &Side| (0..2).for_each(|n| side.push(n));
    explore_in(Mode::Forced, Some(4), 2, &[2], two, |side| {
        let hold = || side.payloads.advance(1, PUSHED, PUSHED);
        if let (_, Pushed::Look) = side.owner.while_private(word(1), hold) {
            side.owner.look_up(|| false);
        }
    });
}
