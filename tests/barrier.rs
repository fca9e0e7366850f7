//! Barriers: nobody goes on before all have come, one of them leads, and again.
#![forbid(unsafe_code)]

mod common;
#[macro_use]
#[path = "common/who.rs"]
mod who;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use common::{WORKERS, let_others_go_on, spawn_waiter, system, watch};
use rustfiber::{Barrier, Blocking, CancelToken};
use who::{Running, in_all_pairs};

#[test]
fn all_go_on_when_all_have_come_and_one_leads() {
    in_all_pairs(|jobs, one, other| {
        const N: usize = 6;
        const ROUNDS: usize = 30;
        let shared = Arc::new((Barrier::new(N), AtomicUsize::new(0), AtomicUsize::new(0)));
        let parties: Vec<_> = (0..N)
            .map(|n| {
                let shared = Arc::clone(&shared);
                let kind = if n % 2 == 0 { one } else { other };
                kind.start(jobs, move |who| {
                    let (barrier, came, led) = &*shared;
                    for round in 1..=ROUNDS {
                        came.fetch_add(1, Ordering::Relaxed);
                        let result = wait_as!(who, w => barrier.wait(w));
                        let came = came.load(Ordering::Relaxed);
                        // The fastest may have come for the next round already.
                        assert!((N * round..N * (round + 1)).contains(&came));
                        led.fetch_add(usize::from(result.is_leader()), Ordering::Relaxed);
                    }
                })
            })
            .collect();
        parties.into_iter().for_each(Running::join);
        assert_eq!(shared.2.load(Ordering::Relaxed), ROUNDS);
    });
}

#[test]
fn ten_thousand_jobs_meet_three_times() {
    const JOBS: usize = 10_000;
    let _watchdog = watch();
    for workers in WORKERS {
        let (barrier, leaders) = (Barrier::new(JOBS), AtomicUsize::new(0));
        let came = AtomicUsize::new(0);
        system(workers).run(|cx| {
            cx.scope(|s| {
                for _ in 0..JOBS {
                    s.spawn(|cx| {
                        for round in 1..=3 {
                            came.fetch_add(1, Ordering::Relaxed);
                            if barrier.wait(cx).is_leader() {
                                leaders.fetch_add(1, Ordering::Relaxed);
                            }
                            assert!(came.load(Ordering::Relaxed) >= round * JOBS);
                        }
                    });
                }
            });
        });
        assert_eq!(leaders.into_inner(), 3);
    }
}

/// More come than the barrier is for: each generation takes as many as it needs.
#[test]
fn ten_thousand_jobs_meet_in_tens() {
    const JOBS: usize = 10_000;
    let _watchdog = watch();
    for workers in WORKERS {
        let (barrier, leaders) = (Barrier::new(10), AtomicUsize::new(0));
        system(workers).run(|cx| {
            cx.scope(|s| {
                for _ in 0..JOBS {
                    s.spawn(|cx| {
                        let leads = barrier.wait(cx).is_leader();
                        leaders.fetch_add(usize::from(leads), Ordering::Relaxed);
                    });
                }
            });
        });
        assert_eq!(leaders.into_inner(), JOBS / 10);
    }
}

#[test]
fn nobody_waits_at_a_barrier_for_none_or_one() {
    let _watchdog = watch();
    for n in [0, 1] {
        let (jobs, barrier) = (system(1), Barrier::new(n));
        for _ in 0..3 {
            assert!(barrier.wait(Blocking).is_leader());
            assert!(jobs.run(|cx| barrier.wait(cx).is_leader()));
        }
        assert_eq!(jobs.stats().waits(), 0);
    }
}

#[test]
fn a_late_one_takes_its_arrival_back() {
    in_all_pairs(|jobs, hasty, patient| {
        let (barrier, token) = (Arc::new(Barrier::new(3)), CancelToken::new());
        for _ in 0..5 {
            let late = Arc::clone(&barrier);
            let late = hasty.start(jobs, move |who| {
                wait_as!(who, w => late.wait(w.until(Instant::now()))).is_err()
            });
            assert!(late.join());
        }
        let (cancelled, waits) = (token.clone(), Arc::clone(&barrier));
        let cancelled = hasty.start(jobs, move |who| {
            wait_as!(who, w => waits.wait(w.or_cancelled(&cancelled))).is_err()
        });
        token.cancel();
        assert!(cancelled.join());
        // None of the six counts.
        let parties = [(); 3].map(|()| {
            let barrier = Arc::clone(&barrier);
            patient.start(jobs, move |who| {
                wait_as!(who, w => barrier.wait(w)).is_leader()
            })
        });
        let leaders = parties.map(Running::join);
        assert_eq!(leaders.into_iter().filter(|&leads| leads).count(), 1);
    });
}

#[test]
fn two_of_two_are_not_enough_if_one_has_left() {
    let _watchdog = watch();
    system(1).run(|cx| {
        let barrier = Arc::new(Barrier::new(2));
        let late = barrier.wait(cx.within(Duration::from_millis(1)));
        assert!(late.unwrap_err().is_late());
        let waits = Arc::clone(&barrier);
        let waiter = spawn_waiter(cx, move |cx| waits.wait(cx).is_leader());
        let_others_go_on(cx);
        assert!(!waiter.is_finished());
        assert!(barrier.wait(cx).is_leader());
        assert!(!waiter.join(cx).unwrap());
    });
}

/// All of a generation agree: as many are through as the barrier is for, or none.
#[test]
fn ten_thousand_late_and_cancelled_waits_agree() {
    const JOBS: usize = 10_000;
    let _watchdog = watch();
    for workers in WORKERS {
        for n in [2, 7] {
            let (barrier, token) = (Barrier::new(n), CancelToken::new());
            let (through, leaders) = (AtomicUsize::new(0), AtomicUsize::new(0));
            system(workers).run(|cx| {
                cx.scope(|s| {
                    for job in 0..JOBS {
                        let (barrier, token) = (&barrier, &token);
                        let (through, leaders) = (&through, &leaders);
                        s.spawn(move |cx| {
                            let soon = Duration::from_micros(job as u64 % 200);
                            let waiter = cx.within(soon).or_cancelled(token);
                            if let Ok(result) = barrier.wait(waiter) {
                                through.fetch_add(1, Ordering::Relaxed);
                                let leads = usize::from(result.is_leader());
                                leaders.fetch_add(leads, Ordering::Relaxed);
                            }
                            if job == JOBS - JOBS / 10 {
                                token.cancel();
                            }
                        });
                    }
                });
            });
            assert_eq!(through.into_inner(), n * leaders.into_inner());
            assert!(format!("{barrier:?}").ends_with("arrived: 0 }"));
        }
    }
}

#[test]
fn a_cancelled_token_does_not_arrive() {
    let _watchdog = watch();
    let (barrier, token) = (Barrier::new(1), CancelToken::new());
    token.cancel();
    assert!(barrier.wait(Blocking.or_cancelled(&token)).is_err());
    assert!(barrier.wait(Blocking.until(Instant::now())).is_ok());
}

#[test]
fn a_wait_that_panics_does_not_arrive() {
    let _watchdog = watch();
    let barrier = Barrier::new(2);
    system(1).run(|_| {
        let waits = AssertUnwindSafe(|| barrier.wait(Blocking));
        assert!(catch_unwind(waits).is_err());
    });
    assert_eq!(format!("{barrier:?}"), "Barrier { n: 2, arrived: 0 }");
}

#[test]
fn a_panic_between_two_barriers_keeps_the_others_only_as_long_as_they_want() {
    let _watchdog = watch();
    for workers in WORKERS {
        let jobs = system(workers);
        let barrier = Arc::new(Barrier::new(2));
        let meets = Arc::clone(&barrier);
        let panics = jobs.spawn(move |cx| {
            meets.wait(cx);
            common::quiet_panic("before it comes again");
        });
        barrier.wait(Blocking);
        assert!(panics.join(Blocking).is_err());
        let alone = barrier.wait(Blocking.within(Duration::from_millis(1)));
        assert!(alone.unwrap_err().is_late());
    }
}

#[test]
fn the_steps_of_a_simulation() {
    const PARTS: usize = 16;
    let _watchdog = watch();
    for workers in WORKERS {
        let barrier = Barrier::new(PARTS);
        let cells: Vec<AtomicUsize> = (0..PARTS).map(AtomicUsize::new).collect();
        system(workers).run(|cx| {
            cx.scope(|s| {
                for part in 0..PARTS {
                    let (barrier, cells) = (&barrier, &cells);
                    s.spawn(move |cx| {
                        for _ in 0..PARTS {
                            let next = cells[(part + 1) % PARTS].load(Ordering::Relaxed);
                            barrier.wait(cx);
                            cells[part].store(next, Ordering::Relaxed);
                            barrier.wait(cx);
                        }
                    });
                }
            });
        });
        // Once round.
        assert!(cells.into_iter().map(AtomicUsize::into_inner).eq(0..PARTS));
    }
}
