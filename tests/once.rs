//! Values that are made once: by one, while the others wait; and by the next one, if that fails.
#![forbid(unsafe_code)]

mod common;
#[macro_use]
#[path = "common/who.rs"]
mod who;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use common::{WORKERS, let_others_go_on, quiet_panic, spawn_waiter, system, watch};
use rustfiber::{Blocking, CancelToken, Context, Event, OnceCell};
use who::{Running, in_all_pairs};

type Counted = (OnceCell<usize>, AtomicUsize);

fn counted() -> Arc<Counted> {
    Arc::new((OnceCell::new(), AtomicUsize::new(0)))
}

#[test]
fn the_first_makes_it_and_the_others_wait() {
    in_all_pairs(|jobs, one, other| {
        for _ in 0..50 {
            let shared = counted();
            let users: Vec<_> = (0..6)
                .map(|n| {
                    let shared = Arc::clone(&shared);
                    let kind = if n % 2 == 0 { one } else { other };
                    kind.start(jobs, move |who| {
                        let (cell, calls) = &*shared;
                        let make = || {
                            who.yield_now();
                            calls.fetch_add(1, Ordering::Relaxed) + 1
                        };
                        *wait_as!(who, w => cell.get_or_init(w, |_| make()))
                    })
                })
                .collect();
            for user in users {
                assert_eq!(user.join(), 1);
            }
            assert_eq!(shared.1.load(Ordering::Relaxed), 1);
        }
    });
}

#[test]
fn who_only_waits_is_woken_by_who_makes_or_sets_it() {
    in_all_pairs(|jobs, waits, makes| {
        for round in 0..50 {
            let cell = Arc::new(OnceCell::new());
            let waiters: Vec<_> = (0..4)
                .map(|_| {
                    let cell = Arc::clone(&cell);
                    waits.start(jobs, move |who| {
                        let value: &Vec<usize> = wait_as!(who, w => cell.wait(w));
                        assert_eq!(cell.get(), Some(value));
                        value.len()
                    })
                })
                .collect();
            let made = Arc::clone(&cell);
            makes
                .start(jobs, move |who| {
                    if round % 2 == 0 {
                        made.set(vec![0; round]).unwrap();
                    } else {
                        wait_as!(who, w => made.get_or_init(w, |_| vec![0; round]));
                    }
                })
                .join();
            for waiter in waiters {
                assert_eq!(waiter.join(), round);
            }
        }
    });
}

#[test]
fn ten_thousand_jobs_need_it_at_once() {
    const JOBS: usize = 10_000;
    let _watchdog = watch();
    for workers in WORKERS {
        let jobs = system(workers);
        let (cell, calls) = (OnceCell::new(), AtomicUsize::new(0));
        jobs.run(|cx| {
            cx.scope(|s| {
                for job in 0..JOBS {
                    let (cell, calls, jobs) = (&cell, &calls, &jobs);
                    s.spawn(move |cx| {
                        if job % 2 == 0 && job > 0 {
                            assert_eq!(*cell.wait(cx), 42);
                            return;
                        }
                        let made = cell.get_or_init(cx, |cx| {
                            calls.fetch_add(1, Ordering::Relaxed);
                            // All but this one wait, and perhaps who has started them.
                            while jobs.stats().waits() < JOBS as u64 - 1 {
                                cx.yield_now();
                            }
                            42
                        });
                        assert_eq!(*made, 42);
                    });
                }
            });
        });
        assert_eq!(calls.into_inner(), 1);
    }
}

#[test]
fn a_panic_lets_the_next_one_try() {
    in_all_pairs(|jobs, panics, tries| {
        for _ in 0..20 {
            let shared = counted();
            let [failing, others] = [panics, tries].map(|kind| {
                let of_one_kind: Vec<_> = (0..3)
                    .map(|_| {
                        let shared = Arc::clone(&shared);
                        kind.start(jobs, move |who| {
                            let (cell, calls) = &*shared;
                            // The first three panic, whoever they are.
                            let make = || {
                                who.yield_now();
                                match calls.fetch_add(1, Ordering::Relaxed) {
                                    n @ 3.. => n,
                                    _ => quiet_panic("while it makes the value"),
                                }
                            };
                            let get = || *wait_as!(who, w => cell.get_or_init(w, |_| make()));
                            catch_unwind(AssertUnwindSafe(get)).ok()
                        })
                    })
                    .collect();
                of_one_kind
            });
            let values = failing.into_iter().chain(others).map(Running::join);
            let (made, panicked): (Vec<_>, Vec<_>) = values.partition(Option::is_some);
            assert_eq!((made, panicked), (vec![Some(3); 3], vec![None; 3]));
        }
    });
}

#[test]
fn an_error_lets_the_next_one_try_in_order() {
    let _watchdog = watch();
    system(1).run(|cx| {
        let shared = counted();
        let gate = Arc::new(Event::auto());
        let users: Vec<_> = (0..5)
            .map(|n| {
                let (shared, gate) = (Arc::clone(&shared), Arc::clone(&gate));
                spawn_waiter(cx, move |cx| {
                    let made = shared.0.get_or_try_init(cx, |cx| {
                        gate.wait(cx);
                        assert_eq!(shared.1.fetch_add(1, Ordering::Relaxed), n);
                        if n < 3 { Err(n) } else { Ok(n) }
                    });
                    made.copied()
                })
            })
            .collect();
        for tried in 1..=4 {
            gate.set();
            let_others_go_on(cx);
            assert_eq!(shared.1.load(Ordering::Relaxed), tried);
            assert_eq!(shared.0.get().is_some(), tried == 4);
        }
        let results = users.into_iter().map(|user| user.join(cx).unwrap());
        assert!(results.eq([Err(0), Err(1), Err(2), Ok(3), Ok(3)]));
    });
}

/// The job's panic reaches who joins it, and the cell is as if it had not tried.
#[test]
fn a_job_that_panics_while_it_makes_the_value() {
    let _watchdog = watch();
    for workers in WORKERS {
        let jobs = system(workers);
        let cell = Arc::new(OnceCell::new());
        let tries = Arc::clone(&cell);
        let job = jobs.spawn(move |cx| {
            tries.get_or_init(cx, |cx| {
                cx.yield_now();
                quiet_panic("while it makes the value")
            });
        });
        assert!(job.join(Blocking).is_err());
        assert_eq!(cell.get(), None);
        assert_eq!(cell.get_or_init(Blocking, |_| 1), &1);
    }
}

#[test]
fn a_late_one_is_not_given_the_turn() {
    in_all_pairs(|jobs, hasty, patient| {
        for round in 0..20 {
            let shared = counted();
            let soon = Instant::now() + Duration::from_micros(20 * round);
            let starts = Arc::clone(&shared);
            let fails = patient.start(jobs, move |who| {
                let fail = || {
                    who.yield_now();
                    Err::<usize, _>("no")
                };
                wait_as!(who, w => starts.0.get_or_try_init(w, |_| fail())).is_err()
            });
            let impatient: Vec<_> = (0..4)
                .map(|_| {
                    let shared = Arc::clone(&shared);
                    hasty.start(jobs, move |who| {
                        let fail = || Err::<usize, _>("no");
                        wait_as!(who, w => shared.0.get_or_try_init(w.until(soon), |_| fail()).is_ok())
                    })
                })
                .collect();
            let makes = Arc::clone(&shared);
            let made = patient.start(
                jobs,
                move |who| *wait_as!(who, w => makes.0.get_or_init(w, |_| 42)),
            );
            assert_eq!(made.join(), 42);
            fails.join();
            impatient.into_iter().for_each(|waiter| _ = waiter.join());
            assert_eq!(shared.0.get(), Some(&42));
        }
    });
}

#[test]
fn late_and_cancelled_waits() {
    let _watchdog = watch();
    system(1).run(|cx| {
        let cell = Arc::new(OnceCell::new());
        let (token, gate) = (CancelToken::new(), Arc::new(Event::manual()));
        let (made, opens) = (Arc::clone(&cell), Arc::clone(&gate));
        let maker = spawn_waiter(cx, move |cx| {
            *made.get_or_init(cx, |cx| {
                opens.wait(cx);
                1
            })
        });
        let soon = || cx.within(Duration::from_millis(1));
        assert!(cell.wait(soon()).unwrap_err().is_late());
        assert!(cell.get_or_init(soon(), |_| 2).unwrap_err().is_late());
        assert_eq!(cell.set(3), Err(3));
        let (waits, cancelled) = (Arc::clone(&cell), token.clone());
        let waiter = spawn_waiter(cx, move |cx| {
            let waiter = cx.or_cancelled(&cancelled);
            [
                waits.wait(waiter).is_err(),
                waits.get_or_init(waiter, |_| 2).is_err(),
            ]
        });
        token.cancel();
        assert_eq!(waiter.join(cx).unwrap(), [true, true]);
        gate.set();
        assert_eq!(maker.join(cx).unwrap(), 1);
        // What is there needs no wait, but who is cancelled does not even look.
        assert_eq!(cell.get_or_init(soon(), |_| 2), Ok(&1));
        let cancelled = cx.or_cancelled(&token);
        assert!(cell.get_or_init(cancelled, |_| 2).is_err() && cell.wait(cancelled).is_err());
    });
}

#[test]
fn ten_thousand_late_and_failing_ones_make_it_once() {
    const JOBS: usize = 10_000;
    let _watchdog = watch();
    for workers in WORKERS {
        let (cell, busy) = (OnceCell::new(), AtomicBool::new(false));
        system(workers).run(|cx| {
            cx.scope(|s| {
                for job in 1..=JOBS {
                    let (cell, busy) = (&cell, &busy);
                    s.spawn(move |cx| {
                        let waiter = cx.within(Duration::from_micros(job as u64 % 300));
                        let made = cell.get_or_try_init(waiter, |_| {
                            assert!(!busy.swap(true, Ordering::Relaxed));
                            cx.yield_now();
                            assert!(busy.swap(false, Ordering::Relaxed));
                            if job < JOBS { Err("not yet") } else { Ok(job) }
                        });
                        match made {
                            Ok(Ok(value)) => assert_eq!(*value, JOBS),
                            Ok(Err(failed)) => assert_eq!(failed, "not yet"),
                            Err(interrupted) => assert!(interrupted.is_late()),
                        }
                    });
                }
            });
            // If the last one has been late.
            cell.get_or_init(cx, |_| JOBS);
        });
        assert_eq!(cell.into_inner(), Some(JOBS));
        assert!(!busy.into_inner());
    }
}

#[test]
fn what_makes_the_value_waits_and_joins_and_loops() {
    let _watchdog = watch();
    for workers in WORKERS {
        let jobs = system(workers);
        let cell = OnceCell::new();
        jobs.run(|cx| {
            cx.with_grain(1).par_for(0..100, |cx, _| {
                let sum = cell.get_or_init(cx, |cx| {
                    cx.sleep(Duration::from_micros(100));
                    let (a, b) = cx.join(|cx| cx.spawn(|_| 1).join(cx).unwrap(), |_| 2);
                    cx.par_map_reduce(0..1_000, || 0, |_, n| n, |a, b| a + b) + a + b
                });
                assert_eq!(*sum, 499_503);
            });
        });
    }
}

#[test]
fn one_cell_needs_another() {
    let _watchdog = watch();
    for workers in WORKERS {
        let cells: Vec<OnceCell<usize>> = (0..100).map(|_| OnceCell::new()).collect();
        fn get(cx: &Context<'_>, cells: &[OnceCell<usize>]) -> usize {
            cells.split_first().map_or(0, |(first, others)| {
                *first.get_or_init(cx, |cx| get(cx, others) + 1)
            })
        }
        system(workers).run(|cx| {
            cx.with_grain(1)
                .par_for(0..100, |cx, n| assert_eq!(get(cx, &cells[n..]), 100 - n));
        });
    }
}

#[test]
fn to_need_the_value_while_making_it_is_to_wait_for_oneself() {
    let _watchdog = watch();
    system(1).run(|cx| {
        let cell = OnceCell::new();
        let made = cell.get_or_init(cx, |cx| {
            let again = cell.get_or_init(cx.within(Duration::from_millis(1)), |_| 1);
            assert!(again.unwrap_err().is_late());
            2
        });
        assert_eq!(*made, 2);
    });
}

#[test]
fn a_taken_cell_is_used_again() {
    let _watchdog = watch();
    let jobs = system(2);
    let mut cell = OnceCell::new();
    for round in 0..10 {
        jobs.run(|cx| cx.par_for(0..10, |cx, _| _ = cell.get_or_init(cx, |_| round)));
        assert_eq!(cell.take(), Some(round));
        assert_eq!(cell.get(), None);
    }
}

#[test]
fn blocking_in_a_job_panics_and_leaves_the_cell_empty() {
    let _watchdog = watch();
    let cell = OnceCell::new();
    system(1).run(|cx| {
        for wait in [false, true] {
            let waits = AssertUnwindSafe(|| {
                if wait {
                    cell.wait(Blocking);
                } else {
                    cell.get_or_init(Blocking, |_| 1);
                }
            });
            let message = catch_unwind(waits).unwrap_err();
            let message = message.downcast::<&str>().unwrap();
            assert!(message.contains("pass the job's context instead"));
        }
        assert_eq!(cell.get_or_init(cx, |_| 2), &2);
    });
}
