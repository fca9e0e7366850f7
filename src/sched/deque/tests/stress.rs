//! An owner against thieves: whatever they do, each element is taken once.

use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicUsize};
use std::thread;

use super::*;
use crate::primitive::atomic::Ordering::{Acquire, Release};

/// Elements that were taken, and how often.
struct Seen {
    times: Vec<AtomicU8>,
    sum: AtomicUsize,
}

impl Seen {
    fn new(count: usize) -> Self {
        Self {
            times: (0..count).map(|_| AtomicU8::new(0)).collect(),
            sum: AtomicUsize::new(0),
        }
    }

    fn take(&self, token: Token) {
        assert_eq!(self.times[token.0].fetch_add(1, Relaxed), 0, "taken twice");
        self.sum.fetch_add(token.0, Relaxed);
    }

    fn assert_all_once(&self) {
        assert!(self.times.iter().all(|t| t.load(Relaxed) == 1), "lost one");
        let count = self.times.len();
        assert_eq!(self.sum.load(Relaxed), count * (count - 1) / 2);
    }
}

/// Says that the owner's part is over, also when it panics.
struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Release);
    }
}

/// Lets `owner_part` run against `thieves` that steal until it is over and all is taken.
fn against_thieves(mode: Mode, thieves: usize, count: usize, owner_part: fn(&End, &Seen)) {
    let (owner, stealer) = End::starting_at(isize::MAX.wrapping_sub_unsigned(count / 4), mode);
    let seen = Seen::new(count);
    let over = AtomicBool::new(false);
    let ready = Barrier::new(thieves + 1);
    let thief = || {
        ready.wait();
        for turn in 1_usize.. {
            // Read first: what is found empty after that stays so.
            let over = over.load(Acquire);
            match steal(&stealer) {
                Steal::Success(token) => seen.take(token),
                Steal::Empty if over => break,
                Steal::Empty | Steal::Retry if turn % 256 == 0 => thread::yield_now(),
                Steal::Empty | Steal::Retry => std::hint::spin_loop(),
            }
        }
    };
    thread::scope(|s| {
        let thieves: Vec<_> = (0..thieves).map(|_| s.spawn(thief)).collect();
        ready.wait();
        let end = Over(&over);
        owner_part(&owner, &seen);
        drop(end);
        // Joined one by one: ThreadSanitizer cannot see how a scope ends.
        thieves.into_iter().for_each(|t| t.join().unwrap());
    });
    assert!(owner.is_empty());
    seen.assert_all_once();
}

/// A full-period generator: enough to mix the operations.
fn next(state: &mut u32, below: u32) -> u32 {
    *state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
    (*state >> 16) % below
}

#[test]
fn stress_mixed() {
    for &mode in modes() {
        for thieves in 1..4 {
            against_thieves(mode, thieves, 1_000_000, |owner, seen| {
                let mut unpushed = (0..seen.times.len()).peekable();
                let mut state = 1;
                while let Some(&next_push) = unpushed.peek() {
                    let pushes = next(&mut state, 5) as usize;
                    (unpushed.by_ref().take(pushes)).for_each(|n| owner.put(Token(n)));
                    let newest = word((next_push + pushes).saturating_sub(1));
                    for _ in 0..next(&mut state, 5) {
                        let token = match next(&mut state, 8) {
                            0 => success(owner.take_oldest()),
                            1..4 => owner.pop_if(newest),
                            _ => owner.pop(),
                        };
                        token.into_iter().for_each(|token| seen.take(token));
                    }
                }
            });
        }
    }
}

#[test]
fn stress_last_element() {
    for &mode in modes() {
        for thieves in 1..4 {
            against_thieves(mode, thieves, 1_000_000, |owner, seen| {
                for n in 0..seen.times.len() {
                    owner.put(Token(n));
                    owner.pop_if(word(n)).into_iter().for_each(|t| seen.take(t));
                    assert!(owner.is_empty(), "it is taken by now");
                }
            });
        }
    }
}

#[test]
fn stress_few_elements() {
    for &mode in modes() {
        for thieves in 1..4 {
            against_thieves(mode, thieves, 1_000_000, |owner, seen| {
                for n in (0..seen.times.len()).step_by(4) {
                    (n..n + 4).for_each(|n| owner.put(Token(n)));
                    while let Some(token) = owner.pop() {
                        seen.take(token);
                    }
                }
            });
        }
    }
}

#[test]
fn stress_growth() {
    for &mode in modes() {
        for thieves in [1, 2, 3].repeat(5) {
            against_thieves(mode, thieves, 50_000, |owner, seen| {
                (0..seen.times.len()).for_each(|n| owner.put(Token(n)));
            });
        }
    }
}
