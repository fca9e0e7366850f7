//! Semaphores: at most so many at a time, in the order in which they come, and nothing is lost.
#![forbid(unsafe_code)]

mod common;
#[macro_use]
#[path = "common/who.rs"]
mod who;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use common::{
    WORKERS, let_others_go_on, quiet_panic, spawn_waiter, system, system_with_panics, watch,
};
use rustfiber::{Blocking, CancelToken, JobHandle, Semaphore, SemaphorePermit};
use who::{Kind, Running, in_all_pairs};

/// Counts who is inside, and the most that have been.
#[derive(Default)]
struct Inside {
    now: AtomicUsize,
    most: AtomicUsize,
}

impl Inside {
    fn enter(&self, n: usize) {
        let now = self.now.fetch_add(n, Ordering::Relaxed) + n;
        self.most.fetch_max(now, Ordering::Relaxed);
    }

    fn exit(&self, n: usize) {
        self.now.fetch_sub(n, Ordering::Relaxed);
    }
}

#[test]
fn at_most_so_many_at_a_time() {
    in_all_pairs(|jobs, one, other| {
        let shared = Arc::new((Semaphore::new(3), Inside::default()));
        let users: Vec<_> = (0..8)
            .map(|user| {
                let shared = Arc::clone(&shared);
                let kind = if user % 2 == 0 { one } else { other };
                kind.start(jobs, move |who| {
                    let (semaphore, inside) = &*shared;
                    for round in 0..50 {
                        let n = (user + round) % 4;
                        let permits = wait_as!(who, w => semaphore.acquire(w, n));
                        assert_eq!(permits.count(), n);
                        inside.enter(n);
                        who.yield_now();
                        inside.exit(n);
                    }
                })
            })
            .collect();
        users.into_iter().for_each(Running::join);
        assert_eq!(shared.0.available_permits(), 3);
        assert!(shared.1.most.load(Ordering::Relaxed) <= 3);
    });
}

#[test]
fn what_one_releases_another_takes() {
    in_all_pairs(|jobs, takes, gives| {
        for _ in 0..50 {
            let shared = Arc::new((Semaphore::new(0), AtomicUsize::new(0)));
            let (taken, given) = (Arc::clone(&shared), Arc::clone(&shared));
            let taker = takes.start(jobs, move |who| {
                for n in [3, 1, 2] {
                    wait_as!(who, w => taken.0.acquire(w, n)).forget();
                }
                assert_eq!(taken.1.load(Ordering::Relaxed), 6);
            });
            let giver = gives.start(jobs, move |_| {
                for _ in 0..6 {
                    given.1.fetch_add(1, Ordering::Relaxed);
                    given.0.release(1);
                }
            });
            taker.join();
            giver.join();
            assert_eq!(shared.0.available_permits(), 0);
        }
    });
}

#[test]
fn ten_thousand_jobs_share_seven_permits() {
    const JOBS: usize = 10_000;
    let _watchdog = watch();
    for workers in WORKERS {
        let jobs = system(workers);
        let (semaphore, inside) = (Semaphore::new(7), Inside::default());
        jobs.run(|cx| {
            cx.scope(|s| {
                for job in 0..JOBS {
                    let (semaphore, inside) = (&semaphore, &inside);
                    s.spawn(move |cx| {
                        let n = job % 8;
                        let _permits = semaphore.acquire(cx, n);
                        inside.enter(n);
                        cx.yield_now();
                        inside.exit(n);
                    });
                }
            });
        });
        assert_eq!(semaphore.available_permits(), 7);
        assert!(inside.most.into_inner() <= 7);
    }
}

#[test]
fn one_release_serves_ten_thousand() {
    const JOBS: usize = 10_000;
    let _watchdog = watch();
    for workers in WORKERS {
        let jobs = system(workers);
        let semaphore = Semaphore::new(0);
        jobs.run(|cx| {
            cx.scope(|s| {
                for _ in 0..JOBS {
                    s.spawn(|cx| semaphore.acquire(cx, 1).forget());
                }
                while jobs.stats().waits() < JOBS as u64 {
                    cx.yield_now();
                }
                semaphore.release(JOBS + 1);
            });
        });
        assert_eq!(semaphore.available_permits(), 1);
    }
}

#[test]
fn first_come_first_served_whatever_the_numbers() {
    let _watchdog = watch();
    system(1).run(|cx| {
        let semaphore = Arc::new(Semaphore::new(0));
        let order = Arc::new(Mutex::new(vec![]));
        let asked = [3, 1, 4, 1, 5, 0, 2];
        let waiters: Vec<_> = asked
            .into_iter()
            .enumerate()
            .map(|(place, n)| {
                let (semaphore, order) = (Arc::clone(&semaphore), Arc::clone(&order));
                spawn_waiter(cx, move |cx| {
                    semaphore.acquire(cx, n).forget();
                    order.lock().unwrap().push(place);
                })
            })
            .collect();
        let mut served = 0;
        for given in 1..=asked.iter().sum() {
            semaphore.release(1);
            let_others_go_on(cx);
            let mut sum = 0;
            served = asked
                .iter()
                .take_while(|&&n| {
                    sum += n;
                    sum <= given
                })
                .count();
            assert_eq!(order.lock().unwrap().len(), served, "after {given}");
            let waits = served < asked.len();
            assert!(
                !waits || semaphore.try_acquire(0).is_none(),
                "no overtaking"
            );
        }
        assert_eq!(served, asked.len());
        assert!(order.lock().unwrap().is_sorted());
        waiters
            .into_iter()
            .for_each(|waiter| waiter.join(cx).unwrap());
    });
}

/// A stream of small requests does not keep a big one waiting for ever.
#[test]
fn many_get_their_turn_among_few() {
    in_all_pairs(|jobs, big, small| {
        let shared = Arc::new((Semaphore::new(4), AtomicUsize::new(0)));
        let users: Vec<_> = (0..6)
            .map(|_| {
                let shared = Arc::clone(&shared);
                small.start(jobs, move |who| {
                    while shared.1.load(Ordering::Relaxed) < 20 {
                        let _permit = wait_as!(who, w => shared.0.acquire(w, 1));
                        who.yield_now();
                    }
                })
            })
            .collect();
        let all = Arc::clone(&shared);
        big.start(jobs, move |who| {
            for _ in 0..20 {
                let _permits = wait_as!(who, w => all.0.acquire(w, 4));
                all.1.fetch_add(1, Ordering::Relaxed);
            }
        })
        .join();
        users.into_iter().for_each(Running::join);
    });
}

#[test]
fn a_late_waiter_at_the_front_lets_those_behind_it_through() {
    in_all_pairs(|jobs, hasty, patient| {
        let semaphore = Arc::new(Semaphore::new(2));
        let (gives_up, token) = (Arc::clone(&semaphore), CancelToken::new());
        let cancelled = token.clone();
        let hasty = hasty.start(jobs, move |who| {
            let waits =
                wait_as!(who, w => gives_up.acquire(w.or_cancelled(&cancelled), 3).map(drop));
            assert!(waits.unwrap_err().is_cancelled());
        });
        // It waits as soon as nobody can have a permit.
        while semaphore.try_acquire(1).is_some() {
            std::thread::yield_now();
        }
        let behind = [1, 2].map(|n| {
            let semaphore = Arc::clone(&semaphore);
            patient.start(jobs, move |who| {
                drop(wait_as!(who, w => semaphore.acquire(w, n)))
            })
        });
        token.cancel();
        hasty.join();
        behind.into_iter().for_each(Running::join);
        assert_eq!(semaphore.available_permits(), 2);
    });
}

#[test]
fn a_permit_for_a_late_one_goes_to_the_next() {
    in_all_pairs(|jobs, hasty, patient| {
        for round in 0..30 {
            let semaphore = Arc::new(Semaphore::new(0));
            let soon = Instant::now() + Duration::from_micros(20 * round);
            let impatient: Vec<_> = (0..4)
                .map(|_| {
                    let semaphore = Arc::clone(&semaphore);
                    hasty.start(jobs, move |who| {
                        wait_as!(who, w => semaphore.acquire(w.until(soon), 1).map(SemaphorePermit::forget)).is_ok()
                    })
                })
                .collect();
            let waits = Arc::clone(&semaphore);
            let waiter = patient.start(jobs, move |who| {
                wait_as!(who, w => waits.acquire(w, 1)).forget();
            });
            for _ in 0..5 {
                semaphore.release(1);
            }
            let taken = impatient.into_iter().map(Running::join);
            let taken = taken.filter(|&got_it| got_it).count();
            waiter.join();
            assert_eq!(semaphore.available_permits(), 4 - taken);
        }
    });
}

#[test]
fn ten_thousand_late_and_cancelled_waits_lose_nothing() {
    const JOBS: usize = 10_000;
    let _watchdog = watch();
    for workers in WORKERS {
        let jobs = system(workers);
        let (semaphore, token) = (Semaphore::new(2), CancelToken::new());
        let inside = Inside::default();
        jobs.run(|cx| {
            cx.scope(|s| {
                for job in 0..JOBS {
                    let (semaphore, inside, token) = (&semaphore, &inside, &token);
                    s.spawn(move |cx| {
                        let n = 1 + job % 2;
                        let soon = Duration::from_micros(job as u64 % 500);
                        let waiter = cx.within(soon).or_cancelled(token);
                        if let Ok(_permits) = semaphore.acquire(waiter, n) {
                            inside.enter(n);
                            cx.yield_now();
                            inside.exit(n);
                        }
                        if job == JOBS - JOBS / 10 {
                            token.cancel();
                        }
                    });
                }
            });
        });
        assert_eq!(semaphore.available_permits(), 2);
        assert!(inside.most.into_inner() <= 2);
    }
}

#[test]
fn a_cancelled_token_takes_nothing() {
    let _watchdog = watch();
    let (semaphore, token) = (Semaphore::new(1), CancelToken::new());
    token.cancel();
    let waits = semaphore.acquire(Blocking.or_cancelled(&token), 1);
    assert!(waits.unwrap_err().is_cancelled());
    assert_eq!(semaphore.available_permits(), 1);
    // But a deadline that has passed does not matter to what need not wait.
    assert!(semaphore.acquire(Blocking.until(Instant::now()), 1).is_ok());
}

#[test]
fn a_panic_gives_the_permits_back() {
    let _watchdog = watch();
    for workers in WORKERS {
        let (jobs, panics) = system_with_panics(workers);
        let semaphore = Arc::new(Semaphore::new(2));
        let held = Arc::clone(&semaphore);
        let job = jobs.spawn(move |cx| {
            let _permits = held.acquire(cx, 2);
            cx.yield_now();
            quiet_panic("while it holds permits");
        });
        let waits = Arc::clone(&semaphore);
        let waiter = jobs.spawn(move |cx| waits.acquire(cx, 2).count());
        assert_eq!(waiter.join(Blocking).unwrap(), 2);
        assert!(job.join(Blocking).is_err());
        assert_eq!(semaphore.available_permits(), 2);
        assert!(panics.sorted().is_empty());
    }
}

#[test]
fn a_permit_lives_across_waits_and_moves_to_another_job() {
    let _watchdog = watch();
    for workers in WORKERS {
        let semaphore = Semaphore::new(1);
        system(workers).run(|cx| {
            let permit = semaphore.acquire(cx, 1);
            cx.with_grain(1).par_for(0..100, |cx, _| {
                cx.yield_now();
                assert!(semaphore.try_acquire(1).is_none());
            });
            cx.scope(|s| {
                s.spawn(move |cx| {
                    cx.yield_now();
                    drop(permit);
                });
                assert_eq!(semaphore.acquire(cx, 1).count(), 1);
            });
        });
        assert_eq!(semaphore.available_permits(), 1);
    }
}

#[test]
fn permits_are_split_and_merged() {
    let _watchdog = watch();
    let semaphore = Semaphore::new(5);
    let mut permits = semaphore.try_acquire(4).unwrap();
    let mut one = permits.split(1).unwrap();
    assert!(permits.split(4).is_none());
    assert_eq!((permits.count(), one.count()), (3, 1));
    drop(permits);
    assert_eq!(semaphore.available_permits(), 4);
    one.merge(semaphore.try_acquire(2).unwrap());
    assert_eq!(one.count(), 3);
    drop(one);
    assert_eq!(semaphore.available_permits(), 5);
}

#[test]
fn blocking_in_a_job_panics_and_takes_nothing() {
    let _watchdog = watch();
    let semaphore = Semaphore::new(1);
    let message = system(1).run(|_| {
        let waits = AssertUnwindSafe(|| semaphore.acquire(Blocking, 1).forget());
        *catch_unwind(waits).unwrap_err().downcast::<&str>().unwrap()
    });
    assert!(message.contains("pass the job's context instead"));
    assert_eq!(semaphore.available_permits(), 1);
}

#[test]
fn waiters_come_and_go_while_jobs_are_finished_or_not() {
    let _watchdog = watch();
    system(1).run(|cx| {
        let semaphore = Arc::new(Semaphore::new(0));
        let waiters: Vec<JobHandle<()>> = (0..100)
            .map(|_| {
                let semaphore = Arc::clone(&semaphore);
                spawn_waiter(cx, move |cx| semaphore.acquire(cx, 1).forget())
            })
            .collect();
        for given in 1..=100 {
            semaphore.release(1);
            let_others_go_on(cx);
            let finished = waiters.iter().map(JobHandle::is_finished);
            assert!(finished.eq((0..100).map(|n| n < given)));
        }
    });
}

#[test]
fn a_thread_and_a_job_wait_in_one_line() {
    let _watchdog = watch();
    for workers in WORKERS {
        let jobs = system(workers);
        let semaphore = Arc::new(Semaphore::new(1));
        let kinds = [Kind::Job, Kind::Thread];
        let users: Vec<_> = (0..8)
            .map(|n| {
                let semaphore = Arc::clone(&semaphore);
                kinds[n % 2].start(&jobs, move |who| {
                    for _ in 0..100 {
                        drop(wait_as!(who, w => semaphore.acquire(w, 1)));
                    }
                })
            })
            .collect();
        users.into_iter().for_each(Running::join);
        assert_eq!(semaphore.available_permits(), 1);
    }
}
