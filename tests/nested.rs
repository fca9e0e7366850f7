//! Jobs in jobs: hierarchies, recursion, scopes and joins in each other, and what they borrow.
#![forbid(unsafe_code)]

mod common;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use common::{WORKERS, system, watch};
use rustfiber::{Context, Counter, Event, JobSystem, Scope, ScopedJobHandle};

fn on_all_systems(test: impl Fn(&JobSystem)) {
    let _watchdog = watch();
    for workers in WORKERS.into_iter().chain([64]) {
        test(&system(workers));
    }
}

/// A node of a tree, which waits for its children; returns how many there are.
fn visit(cx: &Context<'_>, depth: u32, ended: &[AtomicUsize]) -> usize {
    let nodes = Mutex::new(1);
    if let Some(below) = depth.checked_sub(1) {
        cx.scope(|s| {
            for _ in 0..3 {
                s.spawn(|cx| *nodes.lock().unwrap() += visit(cx, below, ended));
            }
        });
        // The levels end from below.
        let here = ended[depth as usize].load(Ordering::Acquire);
        assert!(ended[below as usize].load(Ordering::Acquire) >= 3 * (here + 1));
    }
    ended[depth as usize].fetch_add(1, Ordering::AcqRel);
    nodes.into_inner().unwrap()
}

#[test]
fn a_hierarchy_of_jobs_that_wait_for_their_children() {
    on_all_systems(|jobs| {
        let ended: [AtomicUsize; 7] = Default::default();
        assert_eq!(jobs.run(|cx| visit(cx, 6, &ended)), 1093);
        assert_eq!(
            ended.map(AtomicUsize::into_inner),
            [729, 243, 81, 27, 9, 3, 1]
        );
    });
}

/// Children wait for their parent to begin, the parent for all its descendants.
fn plant(cx: &Context<'_>, below: &Counter, depth: u32, order: &Arc<Mutex<Vec<u32>>>) {
    let began = Counter::new();
    let begins = began.hold();
    if depth > 0 {
        for _ in 0..2 {
            let (below, began, order) = (below.clone(), began.clone(), order.clone());
            cx.spawn_counted(&below.clone(), move |cx| {
                began.wait(cx);
                plant(cx, &below, depth - 1, &order);
            });
        }
    }
    order.lock().unwrap().push(depth);
    drop(begins);
}

#[test]
fn a_hierarchy_of_counters_from_the_root_to_the_leaves() {
    on_all_systems(|jobs| {
        let order = Arc::new(Mutex::new(Vec::new()));
        jobs.run(|cx| {
            let all = Counter::new();
            plant(cx, &all, 7, &order);
            all.wait(cx);
        });
        let order = order.lock().unwrap();
        assert_eq!((order.len(), order[0]), (255, 7));
        // The nth node of a level begins after half as many of the level above.
        for level in 0..7 {
            let (mut here, mut above) = (0, 0);
            for &depth in order.iter() {
                here += usize::from(depth == level);
                above += usize::from(depth == level + 1);
                assert!(here <= 2 * above);
            }
        }
    });
}

fn fib(cx: &Context<'_>, n: u32) -> u64 {
    if n < 2 {
        return n.into();
    }
    let (a, b) = cx.join(|cx| fib(cx, n - 1), |cx| fib(cx, n - 2));
    a + b
}

#[test]
fn joins_in_joins() {
    on_all_systems(|jobs| assert_eq!(jobs.run(|cx| fib(cx, 18)), 2584));
}

fn sort(cx: &Context<'_>, data: &mut [u32]) {
    if data.len() < 2 {
        return;
    }
    let pivot = data[data.len() - 1];
    let mut middle = 0;
    for n in 0..data.len() - 1 {
        if data[n] < pivot {
            data.swap(n, middle);
            middle += 1;
        }
    }
    let last = data.len() - 1;
    data.swap(middle, last);
    let (left, right) = data.split_at_mut(middle);
    cx.join(|cx| sort(cx, left), |cx| sort(cx, &mut right[1..]));
}

#[test]
fn a_recursive_sort_borrows_its_halves() {
    on_all_systems(|jobs| {
        let mut data: Vec<u32> = (0..3000).map(|n| n * 7919 % 3001).collect();
        let mut expected = data.clone();
        expected.sort_unstable();
        jobs.run(|cx| sort(cx, &mut data));
        assert_eq!(data, expected);
    });
}

#[test]
fn a_spawned_job_joins_the_one_it_spawned() {
    fn nest(cx: &Context<'_>, depth: u32) -> u32 {
        if depth == 0 {
            return 0;
        }
        cx.spawn(move |cx| nest(cx, depth - 1)).join(cx).unwrap() + 1
    }
    on_all_systems(|jobs| assert_eq!(jobs.run(|cx| nest(cx, 500)), 500));
}

#[test]
fn scopes_in_scopes_borrow_from_all_of_them() {
    on_all_systems(|jobs| {
        let outside = vec![1, 2, 3];
        let sum = AtomicUsize::new(0);
        jobs.run(|cx| {
            let outer = [10, 20];
            cx.scope(|s| {
                for a in &outer {
                    let (outside, sum, outer) = (&outside, &sum, &outer);
                    s.spawn(move |cx| {
                        let inner = [100 * a, 200 * a];
                        cx.scope(|t| {
                            for b in &inner {
                                t.spawn(move |cx| {
                                    cx.yield_now();
                                    let all =
                                        outside.iter().chain(outer).chain([a, b]).sum::<usize>();
                                    sum.fetch_add(all, Ordering::Relaxed);
                                });
                                // A job of the outer scope, from within the inner one.
                                s.spawn(move |_| sum.fetch_add(outside.len(), Ordering::Relaxed));
                            }
                        });
                    });
                }
            });
        });
        let borrowed: usize = [10, 20].iter().map(|a| 2 * (36 + a) + 300 * a).sum();
        assert_eq!(sum.into_inner(), borrowed + 4 * 3);
    });
}

fn spawn_sibling<'scope>(s: &'scope Scope<'scope, '_>, left: usize, ran: &'scope AtomicUsize) {
    s.spawn(move |cx| {
        cx.yield_now();
        ran.fetch_add(1, Ordering::Relaxed);
        if left > 0 {
            spawn_sibling(s, left - 1, ran);
        }
    });
}

#[test]
fn children_spawn_their_siblings_and_the_scope_waits_for_all() {
    on_all_systems(|jobs| {
        let ran = AtomicUsize::new(0);
        jobs.run(|cx| {
            cx.scope(|s| (0..10).for_each(|_| spawn_sibling(s, 49, &ran)));
            assert_eq!(
                ran.load(Ordering::Relaxed),
                500,
                "none is left when the scope ends"
            );
        });
    });
}

#[test]
fn plain_threads_spawn_into_a_scope() {
    on_all_systems(|jobs| {
        let ran = AtomicUsize::new(0);
        jobs.run(|cx| {
            cx.scope(|s| {
                std::thread::scope(|threads| {
                    for _ in 0..3 {
                        threads.spawn(|| {
                            for _ in 0..10 {
                                s.spawn(|cx| {
                                    cx.yield_now();
                                    ran.fetch_add(1, Ordering::Relaxed);
                                });
                            }
                        });
                    }
                });
            });
        });
        assert_eq!(ran.into_inner(), 30);
    });
}

#[test]
fn joins_in_scopes_in_joins() {
    fn work(cx: &Context<'_>, data: &[u64], depth: u32) -> u64 {
        if depth == 0 {
            cx.yield_now();
            return data.iter().sum();
        }
        let (left, right) = data.split_at(data.len() / 2);
        let scoped = |cx: &Context<'_>, data: &[u64]| {
            cx.scope(|s| {
                let job = s.spawn(|cx| work(cx, data, depth - 1));
                job.join(cx).unwrap()
            })
        };
        let (a, b) = cx.join(|cx| scoped(cx, left), |cx| scoped(cx, right));
        a + b
    }
    on_all_systems(|jobs| {
        let data: Vec<u64> = (0..1024).collect();
        assert_eq!(jobs.run(|cx| work(cx, &data, 6)), 1023 * 512);
    });
}

#[test]
fn a_scoped_handle_moves_into_a_sibling() {
    on_all_systems(|jobs| {
        let words = ["a".to_owned(), "bc".to_owned(), "def".to_owned()];
        let longest = jobs.run(|cx| {
            cx.scope(|s| {
                let mut last: Option<ScopedJobHandle<'_, &str>> = None;
                for word in &words {
                    let before = last.take();
                    // Each waits for the one before, and hands the longer word on.
                    last = Some(s.spawn(move |cx| match before {
                        Some(before) => {
                            let best = before.join(cx).unwrap();
                            if word.len() > best.len() { word } else { best }
                        }
                        None => word,
                    }));
                }
                last.unwrap().join(cx).unwrap()
            })
        });
        // The result borrows from what outlives the scope.
        assert!(std::ptr::eq(longest, words[2].as_str()));
    });
}

#[test]
fn results_borrow() {
    on_all_systems(|jobs| {
        let mut numbers: Vec<u32> = (0..100).collect();
        let (small, large) = jobs.run(|cx| {
            let (left, right) = numbers.split_at_mut(50);
            cx.join(
                |cx| cx.scope(|s| s.spawn(|_| &mut left[7]).join(cx).unwrap()),
                |_| &mut right[49],
            )
        });
        std::mem::swap(small, large);
        assert_eq!((numbers[7], numbers[99]), (99, 7));
    });
}

/// The body waits for its children and they for it, so neither may be run to its end first.
#[test]
fn the_body_of_a_scope_talks_to_its_jobs() {
    on_all_systems(|jobs| {
        jobs.run(|cx| {
            cx.scope(|outer| {
                let turns = [(); 4].map(|()| Event::auto());
                cx.scope(|s| {
                    for n in 0..3 {
                        let turns = &turns;
                        s.spawn(move |cx| {
                            for _ in 0..10 {
                                turns[n].wait(cx);
                                turns[n + 1].set();
                            }
                        });
                    }
                    for _ in 0..10 {
                        turns[0].set();
                        turns[3].wait(cx);
                    }
                });
                outer.spawn(|cx| cx.yield_now());
            });
        });
    });
}
