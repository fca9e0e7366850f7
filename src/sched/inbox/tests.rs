//! Order and completeness of what arrives; models under `--cfg loom`.

use super::*;
use crate::fiber::Resumed;
use crate::fiber::testing::{Numbered, arena, fiber};

/// Takes what has arrived, and lets each of these fibers end.
fn take(inbox: &Inbox<Numbered>) -> Vec<u32> {
    let ready = FiberList::new();
    inbox.take_into(&ready);
    let end = |fiber: Suspended<Numbered>| {
        let number = fiber.fiber().local;
        let Resumed::Complete(_stack) = fiber.resume(()) else {
            panic!("the body never stops");
        };
        number
    };
    std::iter::from_fn(|| ready.pop_front()).map(end).collect()
}

#[cfg(not(loom))]
mod plain {
    use super::*;

    #[test]
    fn smoke() {
        let (inbox, arena) = (Inbox::new(), arena());
        assert!(inbox.is_empty());
        assert!(take(&inbox).is_empty());
        inbox.push(fiber(&arena, 1));
        assert!(!inbox.is_empty());
        assert_eq!(take(&inbox), [1]);
        assert!(inbox.is_empty());
    }

    #[test]
    fn fibers_go_on_in_the_order_of_their_arrival() {
        let (inbox, arena) = (Inbox::new(), arena());
        let ready = FiberList::new();
        (1..=2).for_each(|n| inbox.push(fiber(&arena, n)));
        inbox.take_into(&ready);
        (3..=4).for_each(|n| inbox.push(fiber(&arena, n)));
        inbox.take_into(&ready);
        // Around once more.
        while let Some(fiber) = ready.pop_front() {
            inbox.push(fiber);
        }
        assert_eq!(take(&inbox), [1, 2, 3, 4]);
    }
}

#[cfg(loom)]
mod model {
    use std::sync::Arc;

    use super::*;
    use crate::primitive::{self, thread};
    use crate::wait::testing::explore;

    /// Two that push, and the home worker that takes meanwhile.
    fn two_pushers_against_take(first: &'static [u32], second: &'static [u32]) {
        let stacks = arena();
        explore(3, move || {
            let inbox = primitive::Arc::new(Inbox::new());
            let pushers = [first, second].map(|numbers| {
                let (inbox, stacks) = (primitive::Arc::clone(&inbox), Arc::clone(&stacks));
                thread::spawn(move || {
                    for &number in numbers {
                        inbox.push(fiber(&stacks, number));
                    }
                })
            });
            // A thread of its own, started last: `loom` overlooks some interleavings in which a first
            // load of the main thread comes late.
            let home = {
                let inbox = primitive::Arc::clone(&inbox);
                thread::spawn(move || take(&inbox))
            };
            pushers.into_iter().for_each(|p| p.join().unwrap());
            let mut taken = home.join().unwrap();
            taken.extend(take(&inbox));
            assert!(inbox.is_empty());
            for numbers in [first, second] {
                let of_one = taken.iter().filter(|n| numbers.contains(n));
                assert!(of_one.eq(numbers), "{taken:?}");
            }
            assert_eq!(taken.len(), first.len() + second.len());
        });
    }

    #[test]
    fn loom_two_pushers_against_take() {
        two_pushers_against_take(&[1, 2], &[3]);
    }

    /// A fiber comes back to the inbox that it was taken from: its link is written anew.
    #[test]
    fn loom_push_again_after_take() {
        let stacks = arena();
        explore(None, move || {
            let inbox = primitive::Arc::new(Inbox::new());
            let pusher = {
                let (inbox, stacks) = (primitive::Arc::clone(&inbox), Arc::clone(&stacks));
                thread::spawn(move || {
                    inbox.push(fiber(&stacks, 1));
                    inbox.push(fiber(&stacks, 2));
                })
            };
            let ready = FiberList::new();
            inbox.take_into(&ready);
            while let Some(fiber) = ready.pop_front() {
                inbox.push(fiber);
            }
            pusher.join().unwrap();
            let mut taken = take(&inbox);
            taken.sort();
            assert_eq!(taken, [1, 2]);
        });
    }
}
