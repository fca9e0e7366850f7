//! Stopping, going on, ending, and emptying.

use std::cell::Cell;
use std::sync::Arc;

use super::*;
use crate::stack::{MIN_STACK, StackArena};

/// Says each number below its limit, and hears nothing.
struct Counts;

impl Protocol for Counts {
    type Resume = ();
    type Suspend = u32;
    /// Where it begins, and where it ends.
    type Local = [Cell<u32>; 2];

    fn body(fiber: &Fiber<Self>, (): ()) {
        let [from, to] = &fiber.local;
        for number in from.get()..to.get() {
            // SAFETY: this is the fiber's own body.
            unsafe { fiber.suspend(number) };
        }
    }
}

fn arena() -> Arc<StackArena> {
    StackArena::new(4 * MIN_STACK, 1).unwrap()
}

fn counts(arena: &Arc<StackArena>, from: u32, to: u32) -> Suspended<Counts> {
    let stack = arena.allocate().expect("the one stack");
    Suspended::new(stack, [Cell::new(from), Cell::new(to)])
}

fn says(fiber: Suspended<Counts>) -> (Suspended<Counts>, u32) {
    match fiber.resume(()) {
        Resumed::Stopped(fiber, word) => (fiber, word),
        Resumed::Complete(_) => panic!("the fiber has ended"),
    }
}

fn ends(fiber: Suspended<Counts>) -> FiberStack {
    match fiber.resume(()) {
        Resumed::Complete(stack) => stack,
        Resumed::Stopped(..) => panic!("the fiber has not ended"),
    }
}

#[test]
fn smoke() {
    let (fiber, zero) = says(counts(&arena(), 0, 2));
    let (fiber, one) = says(fiber);
    assert_eq!((zero, one), (0, 1));
    drop(ends(fiber));
}

/// Both the stack and the header serve again, together or apart; on another thread, too.
#[test]
fn emptied_fiber_is_filled_again() {
    let arena = arena();
    let (stopped, _) = says(counts(&arena, 0, 2));
    for fiber in [Some(stopped), None] {
        let fiber = fiber.unwrap_or_else(|| counts(&arena, 0, 2));
        let address = fiber.as_ptr();
        // SAFETY: a body of `Counts` owns nothing.
        let emptied = std::thread::spawn(move || unsafe { fiber.empty() });
        let (stack, husk) = emptied.join().unwrap();
        assert!(arena.allocate().is_err(), "the stack is in use");
        drop(stack);
        let fiber = husk.fill(arena.allocate().unwrap());
        assert_eq!(fiber.as_ptr(), address);
        let (fiber, zero) = says(fiber);
        assert_eq!(zero, 0, "it begins anew");
        let (fiber, one) = says(fiber);
        assert_eq!(one, 1);
        drop(ends(fiber));
    }
}

#[test]
fn husks_come_back_newest_first() {
    let arena = arena();
    let mut husks = Husks::new();
    let addresses = [0, 1, 2].map(|_| {
        let fiber = counts(&arena, 0, 1);
        let address = fiber.as_ptr();
        // SAFETY: the fiber has not started.
        let (_stack, husk) = unsafe { fiber.empty() };
        husks.push(husk);
        address
    });
    for address in addresses.into_iter().rev() {
        let husk = husks.pop().unwrap();
        let fiber = husk.fill(arena.allocate().unwrap());
        assert_eq!(fiber.as_ptr(), address);
        // SAFETY: as above; nobody uses the address any more.
        unsafe { fiber.empty().1.discard() };
    }
    assert!(husks.pop().is_none());
}

/// Those that are asked for ahead stay in the list, and have started or not.
#[test]
fn cold_fibers_come_in_order() {
    let arena = StackArena::new(4 * MIN_STACK, 5).unwrap();
    for len in 0..=5 {
        let list = FiberList::new();
        let push = |number| {
            let (fiber, _) = says(counts(&arena, number, number + 1));
            list.push_back(fiber);
        };
        (0..len.min(3)).for_each(push);
        (3..len).for_each(|number| list.push_back(counts(&arena, number, number)));
        for number in 0..len {
            let fiber = list.pop_cold().unwrap();
            assert_eq!(fiber.fiber().local[0].get(), number);
            assert_eq!(list.len() as u32, len - number - 1);
            drop(ends(fiber));
        }
        assert!(list.pop_cold().is_none());
    }
}
