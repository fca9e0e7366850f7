//! What is put is taken once; models under `--cfg loom`.

use super::*;
use crate::fiber::testing::{Numbered, arena, fiber};

/// Empties the fiber, whose header stays with the shelf, as in production; its number.
fn empty(shelf: &Shelf<Numbered>, fiber: Suspended<Numbered>) -> u32 {
    let number = fiber.fiber().local;
    // SAFETY: it has not started.
    let (_stack, husk) = unsafe { fiber.empty() };
    shelf.leave_husk(husk);
    number
}

fn take(shelf: &Shelf<Numbered>) -> Option<u32> {
    shelf.take().map(|fiber| empty(shelf, fiber))
}

fn take_cold(shelf: &Shelf<Numbered>) -> Option<u32> {
    shelf.take_cold().map(|fiber| empty(shelf, fiber))
}

#[cfg(not(loom))]
mod plain {
    use std::thread;

    use super::*;
    use crate::stack::{MIN_STACK, StackArena};

    fn each_kind() -> [Shelf<Numbered>; 2] {
        [false, true].map(Shelf::with_exchanges)
    }

    #[test]
    fn the_worker_takes_the_warmest_and_others_the_coldest_but_one() {
        for shelf in each_kind() {
            let arena = arena();
            assert!(!shelf.has_one());
            assert_eq!(take(&shelf), None);
            (1..=4).for_each(|number| shelf.put(fiber(&arena, number)));
            assert_eq!(shelf.puts(), 4);
            assert_eq!(take(&shelf), Some(4));
            assert_eq!(take_cold(&shelf), Some(3));
            assert_eq!(take(&shelf), Some(2));
            shelf.put(fiber(&arena, 5));
            assert_eq!(take(&shelf), Some(5));
            assert_eq!(take(&shelf), Some(1));
            assert!(!shelf.has_one());
        }
    }

    #[test]
    fn the_warm_one_is_taken_by_others_when_it_is_the_last() {
        for shelf in each_kind() {
            let arena = arena();
            for round in 0..3 {
                shelf.put(fiber(&arena, round));
                assert!(shelf.has_one());
                assert_eq!(take_cold(&shelf), Some(round));
                assert!(!shelf.has_one());
                assert_eq!(take_cold(&shelf), None);
                assert_eq!(take(&shelf), None);
            }
        }
    }

    /// A fiber that comes back is not taken for the one that was stolen.
    #[test]
    fn a_stolen_fiber_comes_back() {
        for shelf in each_kind() {
            let arena = arena();
            shelf.put(fiber(&arena, 1));
            let stolen = shelf.take_cold().expect("the warm one");
            shelf.put_back(stolen).expect("the shelf is open");
            let back = shelf.take().expect("it is in the rest");
            shelf.put(back);
            assert_eq!(take(&shelf), Some(1));

            shelf.put(fiber(&arena, 2));
            let stolen = shelf.take_cold().expect("the warm one");
            // SAFETY: it has not started.
            let (stack, husk) = unsafe { stolen.empty() };
            shelf.leave_husk(husk);
            let husk = shelf.take_husk().expect("it has just been left");
            shelf.put(husk.fill(stack));
            assert_eq!(take(&shelf), Some(2));
        }
    }

    #[test]
    fn nothing_comes_back_to_a_closed_shelf() {
        for shelf in each_kind() {
            let arena = arena();
            shelf.put(fiber(&arena, 1));
            let stolen = shelf.take_cold().expect("the warm one");
            shelf.close();
            let back = shelf.put_back(stolen);
            assert_eq!(back.map_err(|fiber| empty(&shelf, fiber)), Err(1));
        }
    }

    #[test]
    fn each_is_taken_once_by_the_worker_or_by_others() {
        for shelf in each_kind() {
            let arena = StackArena::new(MIN_STACK, 8).expect("eight small stacks");
            let ends = std::sync::atomic::AtomicBool::new(false);
            let rounds = if cfg!(miri) { 20 } else { 20_000 };
            let thief = || {
                let mut taken = 0;
                while !ends.load(Ordering::Acquire) {
                    if let Some(fiber) = shelf.take_cold() {
                        taken += 1;
                        shelf.put_back(fiber).expect("the shelf is open");
                    }
                    thread::yield_now();
                }
                taken
            };
            let total: u32 = thread::scope(|threads| {
                let thieves = [threads.spawn(thief), threads.spawn(thief)];
                (0..3).for_each(|number| shelf.put(fiber(&arena, number)));
                for _ in 0..rounds {
                    let hand: Vec<_> = (0..2).filter_map(|_| shelf.take()).collect();
                    hand.into_iter().for_each(|fiber| shelf.put(fiber));
                }
                ends.store(true, Ordering::Release);
                thieves.map(|thief| thief.join().unwrap()).into_iter().sum()
            });
            let mut left: Vec<u32> = std::iter::from_fn(|| take(&shelf)).collect();
            left.sort_unstable();
            assert_eq!(left, [0, 1, 2], "after {total} thefts");
        }
    }
}

#[cfg(loom)]
mod model {
    use std::sync::Arc;

    use super::*;
    use crate::primitive::{self, thread};
    use crate::sched::budget::FiberBudget;
    use crate::wait::testing::explore;

    type Shared = primitive::Arc<Shelf<Numbered>>;

    /// `worker` against a thread that does what `thieves` says; what both get must be 1 up to
    /// `fibers`.
    fn against(
        fibers: u32,
        worker: fn(&Shelf<Numbered>, &dyn Fn(u32) -> Suspended<Numbered>, &mut Vec<u32>),
        thieves: fn(&Shelf<Numbered>) -> Vec<u32>,
    ) {
        let stacks = arena();
        explore(4, move || {
            let shelf: Shared = primitive::Arc::new(Shelf::with_exchanges(false));
            let thieves = {
                let shelf = primitive::Arc::clone(&shelf);
                thread::spawn(move || thieves(&shelf))
            };
            let mut taken = vec![];
            worker(&shelf, &|number| fiber(&stacks, number), &mut taken);
            taken.extend(thieves.join().unwrap());
            taken.extend(std::iter::from_fn(|| take(&shelf)));
            taken.sort_unstable();
            assert!(taken.iter().copied().eq(1..=fibers), "{taken:?}");
            assert!(!shelf.has_one());
        });
    }

    fn one_thief(shelf: &Shelf<Numbered>) -> Vec<u32> {
        take_cold(shelf).into_iter().collect()
    }

    fn one_after_the_other(shelf: &Shelf<Numbered>) -> Vec<u32> {
        (0..2).filter_map(|_| take_cold(shelf)).collect()
    }

    /// Two whose steps alternate. (The lock keeps the steps apart, so that one thread can do them;
    /// with three threads that spin a model does not end.)
    fn two_at_once(shelf: &Shelf<Numbered>) -> Vec<u32> {
        let asked = [(); 2].map(|()| shelf.ask());
        barrier::heavy();
        let both = asked.map(|from_rest| from_rest.or_else(|| shelf.take_asked()));
        let taken = both.into_iter().flatten();
        taken.map(|fiber| empty(shelf, fiber)).collect()
    }

    const THIEVES: [fn(&Shelf<Numbered>) -> Vec<u32>; 3] =
        [one_thief, one_after_the_other, two_at_once];

    #[test]
    fn loom_shelf_take() {
        for thieves in THIEVES {
            against(
                1,
                |shelf, fiber, taken| {
                    shelf.put(fiber(1));
                    taken.extend(take(shelf));
                },
                thieves,
            );
        }
    }

    #[test]
    fn loom_shelf_put_on_another() {
        for thieves in THIEVES {
            against(
                2,
                |shelf, fiber, taken| {
                    shelf.put(fiber(1));
                    shelf.put(fiber(2));
                    taken.extend(take(shelf));
                },
                thieves,
            );
        }
    }

    #[test]
    fn loom_shelf_put_again() {
        for thieves in THIEVES {
            against(
                2,
                |shelf, fiber, taken| {
                    shelf.put(fiber(1));
                    taken.extend(take(shelf));
                    shelf.put(fiber(2));
                },
                thieves,
            );
        }
    }

    /// What was stolen comes back while the worker puts and takes.
    #[test]
    fn loom_shelf_put_back() {
        let stacks = arena();
        explore(3, move || {
            let shelf: Shared = primitive::Arc::new(Shelf::with_exchanges(false));
            shelf.put(fiber(&stacks, 1));
            let thief = {
                let shelf = primitive::Arc::clone(&shelf);
                thread::spawn(move || {
                    if let Some(fiber) = shelf.take_cold() {
                        shelf.put_back(fiber).expect("the shelf is open");
                    }
                })
            };
            for _ in 0..2 {
                if let Some(fiber) = shelf.take() {
                    shelf.put(fiber);
                }
            }
            thief.join().unwrap();
            assert_eq!(take(&shelf), Some(1));
            assert!(!shelf.has_one());
        });
    }

    /// Who puts sees who falls short, or that one sees the fiber; also the second that falls short.
    #[test]
    fn loom_shelf_put_against_fall_short() {
        let stacks = arena();
        explore(3, move || {
            let shelf: Shared = primitive::Arc::new(Shelf::with_exchanges(false));
            let budget = primitive::Arc::new(FiberBudget::new(0));
            let sleepers = [(); 2].map(|()| {
                let shelf = primitive::Arc::clone(&shelf);
                let budget = primitive::Arc::clone(&budget);
                thread::spawn(move || {
                    budget.fall_short();
                    shelf.has_one()
                })
            });
            let worker = {
                let (shelf, stacks) = (primitive::Arc::clone(&shelf), Arc::clone(&stacks));
                thread::spawn(move || {
                    shelf.put(fiber(&stacks, 1));
                    budget.is_short()
                })
            };
            let all_see = sleepers
                .map(|s| s.join().unwrap())
                .into_iter()
                .all(|sees| sees);
            assert!(worker.join().unwrap() || all_see);
            assert_eq!(take(&shelf), Some(1));
        });
    }
}
