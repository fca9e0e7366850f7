//! Read-write locks: many read or one writes, in the order in which they come.
#![forbid(unsafe_code)]

mod common;
#[macro_use]
#[path = "common/who.rs"]
mod who;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use common::{WORKERS, let_others_go_on, quiet_panic, spawn_waiter, system, watch};
use rustfiber::{Blocking, CancelToken, JobHandle, RwLock};
use who::{Running, in_all_pairs};

#[test]
fn readers_see_whole_writes() {
    in_all_pairs(|jobs, reads, writes| {
        let lock = Arc::new(RwLock::new((0, 0)));
        let writers: Vec<_> = (0..4)
            .map(|_| {
                let lock = Arc::clone(&lock);
                writes.start(jobs, move |who| {
                    for _ in 0..50 {
                        let mut pair = wait_as!(who, w => lock.write(w));
                        pair.0 += 1;
                        who.yield_now();
                        pair.1 += 1;
                    }
                })
            })
            .collect();
        let readers: Vec<_> = (0..4)
            .map(|_| {
                let lock = Arc::clone(&lock);
                reads.start(jobs, move |who| {
                    for _ in 0..50 {
                        let pair = wait_as!(who, w => lock.read(w));
                        who.yield_now();
                        assert_eq!(pair.0, pair.1);
                    }
                })
            })
            .collect();
        writers.into_iter().for_each(Running::join);
        readers.into_iter().for_each(Running::join);
        assert!(!lock.is_locked());
        assert_eq!(*lock.try_read().unwrap(), (200, 200));
    });
}

#[test]
fn ten_thousand_jobs_read_and_write() {
    const JOBS: usize = 10_000;
    let _watchdog = watch();
    for workers in WORKERS {
        let lock = RwLock::new((0, 0));
        system(workers).run(|cx| {
            cx.scope(|s| {
                for job in 0..JOBS {
                    let lock = &lock;
                    s.spawn(move |cx| {
                        if job % 5 == 0 {
                            let mut pair = lock.write(cx);
                            pair.0 += 1;
                            cx.yield_now();
                            pair.1 += 1;
                        } else {
                            let pair = lock.read(cx);
                            cx.yield_now();
                            assert_eq!(pair.0, pair.1);
                        }
                    });
                }
            });
        });
        assert_eq!(lock.into_inner(), (JOBS / 5, JOBS / 5));
    }
}

#[test]
fn readers_hold_it_together() {
    let _watchdog = watch();
    for workers in WORKERS {
        let (lock, inside) = (RwLock::new(()), AtomicUsize::new(0));
        system(workers).run(|cx| {
            cx.scope(|s| {
                for _ in 0..100 {
                    s.spawn(|cx| {
                        let _guard = lock.read(cx);
                        inside.fetch_add(1, Ordering::Relaxed);
                        // Ends only when all are inside.
                        while inside.load(Ordering::Relaxed) < 100 {
                            cx.yield_now();
                        }
                    });
                }
            });
        });
    }
}

/// A stream of readers that is never interrupted, but for writers.
#[test]
fn writers_do_not_starve() {
    in_all_pairs(|jobs, reads, writes| {
        let lock = Arc::new(RwLock::new(0));
        let readers: Vec<_> = (0..6)
            .map(|_| {
                let lock = Arc::clone(&lock);
                reads.start(jobs, move |who| {
                    let mut guard = wait_as!(who, w => lock.read(w));
                    while *guard < 20 {
                        who.yield_now();
                        // As long as nobody writes or waits to, somebody reads all the time.
                        let next = lock.try_read();
                        drop(guard);
                        guard = match next {
                            Some(next) => next,
                            None => wait_as!(who, w => lock.read(w)),
                        };
                    }
                })
            })
            .collect();
        let written = Arc::clone(&lock);
        let writer = writes.start(jobs, move |who| {
            for _ in 0..20 {
                *wait_as!(who, w => written.write(w)) += 1;
            }
        });
        writer.join();
        readers.into_iter().for_each(Running::join);
    });
}

#[test]
fn readers_do_not_starve() {
    in_all_pairs(|jobs, reads, writes| {
        let lock = Arc::new((RwLock::new(()), AtomicUsize::new(0)));
        let writers: Vec<_> = (0..4)
            .map(|_| {
                let lock = Arc::clone(&lock);
                writes.start(jobs, move |who| {
                    while lock.1.load(Ordering::Relaxed) < 20 {
                        let _guard = wait_as!(who, w => lock.0.write(w));
                        who.yield_now();
                    }
                })
            })
            .collect();
        let read = Arc::clone(&lock);
        let reader = reads.start(jobs, move |who| {
            for _ in 0..20 {
                drop(wait_as!(who, w => read.0.read(w)));
                read.1.fetch_add(1, Ordering::Relaxed);
            }
        });
        reader.join();
        writers.into_iter().for_each(Running::join);
    });
}

/// Who comes first is served first; readers in a row are served together.
#[test]
fn first_come_first_served() {
    let _watchdog = watch();
    system(1).run(|cx| {
        let lock = Arc::new(RwLock::new(()));
        let order = Arc::new(Mutex::new(String::new()));
        let first = lock.write(cx);
        let waiters: Vec<_> = "rrwrwwrrr"
            .chars()
            .map(|kind| {
                let (lock, order) = (Arc::clone(&lock), Arc::clone(&order));
                spawn_waiter(cx, move |cx| {
                    let enter = |mark: &str| order.lock().unwrap().push_str(mark);
                    if kind == 'r' {
                        let _guard = lock.read(cx);
                        enter("r");
                        cx.yield_now();
                        enter("-");
                    } else {
                        let _guard = lock.write(cx);
                        enter("w");
                        cx.yield_now();
                        enter("+");
                    }
                })
            })
            .collect();
        assert!(lock.try_read().is_none());
        drop(first);
        waiters
            .into_iter()
            .for_each(|waiter| waiter.join(cx).unwrap());
        assert_eq!(*order.lock().unwrap(), "rr--w+r-w+w+rrr---");
    });
}

#[test]
fn a_reader_waits_behind_a_writer_that_waits() {
    let _watchdog = watch();
    system(1).run(|cx| {
        let lock = Arc::new(RwLock::new(0));
        let reads = lock.read(cx);
        let waits = Arc::clone(&lock);
        let writer = spawn_waiter(cx, move |cx| *waits.write(cx) += 1);
        assert!(lock.try_read().is_none());
        // This is the deadlock that is documented, but for the deadline.
        let again = lock.read(cx.within(Duration::from_millis(1)));
        assert!(again.unwrap_err().is_late());
        assert!(!writer.is_finished());
        drop(reads);
        writer.join(cx).unwrap();
        assert_eq!(*lock.read(cx), 1);
    });
}

#[test]
fn a_late_writer_lets_the_readers_behind_it_through() {
    in_all_pairs(|jobs, writes, reads| {
        let lock = Arc::new(RwLock::new(0));
        let first = lock.try_read().unwrap();
        let (gives_up, token) = (Arc::clone(&lock), CancelToken::new());
        let cancelled = token.clone();
        let writer = writes.start(
            jobs,
            move |who| wait_as!(who, w => gives_up.write(w.or_cancelled(&cancelled)).map(drop)),
        );
        // It waits as soon as nobody can read.
        while lock.try_read().is_some() {
            std::thread::yield_now();
        }
        let readers = [(); 3].map(|()| {
            let lock = Arc::clone(&lock);
            reads.start(jobs, move |who| *wait_as!(who, w => lock.read(w)))
        });
        token.cancel();
        assert!(writer.join().unwrap_err().is_cancelled());
        for reader in readers {
            assert_eq!(reader.join(), 0);
        }
        drop(first);
        assert!(!lock.is_locked());
    });
}

#[test]
fn ten_thousand_late_and_cancelled_waits_lose_nothing() {
    const JOBS: usize = 10_000;
    let _watchdog = watch();
    for workers in WORKERS {
        let (lock, token) = (RwLock::new((0, 0)), CancelToken::new());
        let written = AtomicUsize::new(0);
        system(workers).run(|cx| {
            cx.scope(|s| {
                for job in 0..JOBS {
                    let (lock, token, written) = (&lock, &token, &written);
                    s.spawn(move |cx| {
                        let soon = Duration::from_micros(job as u64 % 500);
                        let waiter = cx.within(soon).or_cancelled(token);
                        if job % 3 == 0 {
                            if let Ok(mut pair) = lock.write(waiter) {
                                pair.0 += 1;
                                cx.yield_now();
                                pair.1 += 1;
                                written.fetch_add(1, Ordering::Relaxed);
                            }
                        } else if let Ok(pair) = lock.read(waiter) {
                            cx.yield_now();
                            assert_eq!(pair.0, pair.1);
                        }
                        if job == JOBS - JOBS / 10 {
                            token.cancel();
                        }
                    });
                }
            });
        });
        assert!(!lock.is_locked());
        let written = written.into_inner();
        assert_eq!(lock.into_inner(), (written, written));
    }
}

#[test]
fn a_cancelled_token_locks_nothing() {
    let _watchdog = watch();
    let (lock, token) = (RwLock::new(()), CancelToken::new());
    token.cancel();
    assert!(lock.read(Blocking.or_cancelled(&token)).is_err());
    assert!(lock.write(Blocking.or_cancelled(&token)).is_err());
    assert!(!lock.is_locked());
    assert!(lock.read(Blocking.until(Instant::now())).is_ok());
    assert!(lock.write(Blocking.until(Instant::now())).is_ok());
}

/// There is no poisoning.
#[test]
fn a_panic_unlocks() {
    in_all_pairs(|jobs, panics, waits| {
        let lock = Arc::new(RwLock::new(0));
        for write in [true, false] {
            let held = Arc::clone(&lock);
            let job = panics.start(jobs, move |who| {
                let panic = AssertUnwindSafe(|| {
                    if write {
                        *wait_as!(who, w => held.write(w)) += 1;
                        let _guard = wait_as!(who, w => held.write(w));
                        who.yield_now();
                        quiet_panic("while it writes");
                    }
                    let _guard = wait_as!(who, w => held.read(w));
                    who.yield_now();
                    quiet_panic("while it reads");
                });
                assert!(catch_unwind(panic).is_err());
            });
            let waits_for_it = Arc::clone(&lock);
            waits
                .start(jobs, move |who| {
                    *wait_as!(who, w => waits_for_it.write(w)) += 1
                })
                .join();
            job.join();
            assert!(!lock.is_locked());
        }
        assert_eq!(*lock.try_read().unwrap(), 3);
    });
}

#[test]
fn a_panic_in_a_job_unlocks() {
    let _watchdog = watch();
    for workers in WORKERS {
        let jobs = system(workers);
        let lock = Arc::new(RwLock::new(0));
        let held = Arc::clone(&lock);
        let job = jobs.spawn(move |cx| {
            let mut guard = held.write(cx);
            *guard += 1;
            cx.yield_now();
            quiet_panic("while it holds the lock");
        });
        assert!(job.join(Blocking).is_err());
        assert_eq!(*lock.read(Blocking), 1);
    }
}

#[test]
fn guards_live_across_waits_and_loops_and_move_to_other_jobs() {
    let _watchdog = watch();
    for workers in WORKERS {
        let lock = RwLock::new(vec![0; 1_000]);
        system(workers).run(|cx| {
            let mut items = lock.write(cx);
            cx.par_for_each(&mut items, |cx, n, item| {
                if n % 100 == 0 {
                    cx.yield_now();
                }
                assert!(lock.is_locked_exclusive());
                *item = n;
            });
            let items = items.downgrade();
            let sum = |cx: &rustfiber::Context<'_>, n: usize| items[n] + lock.read(cx)[n];
            let sum = cx.par_map_reduce(0..items.len(), || 0, sum, |a, b| a + b);
            assert_eq!(sum, 999_000);
            cx.scope(|s| {
                s.spawn(move |cx| {
                    cx.yield_now();
                    assert_eq!(items[7], 7);
                    drop(items);
                });
                lock.write(cx).clear();
            });
        });
        assert!(lock.into_inner().is_empty());
    }
}

#[test]
fn a_downgrade_lets_readers_in_and_no_writer() {
    let _watchdog = watch();
    system(1).run(|cx| {
        let lock = Arc::new(RwLock::new(0));
        let mut writes = lock.write(cx);
        let readers: Vec<JobHandle<usize>> = (0..50)
            .map(|_| {
                let lock = Arc::clone(&lock);
                spawn_waiter(cx, move |cx| *lock.read(cx))
            })
            .collect();
        let waits = Arc::clone(&lock);
        let writer = spawn_waiter(cx, move |cx| *waits.write(cx) += 1);
        *writes += 1;
        let reads = writes.downgrade();
        let_others_go_on(cx);
        assert!(readers.iter().all(JobHandle::is_finished) && !writer.is_finished());
        for reader in readers {
            assert_eq!(reader.join(cx).unwrap(), 1);
        }
        drop(reads);
        writer.join(cx).unwrap();
        assert_eq!(*lock.read(cx), 2);
    });
}

#[test]
fn blocking_in_a_job_panics_and_locks_nothing() {
    let _watchdog = watch();
    let lock = RwLock::new(());
    system(1).run(|_| {
        for write in [false, true] {
            let waits = AssertUnwindSafe(|| {
                if write {
                    drop(lock.write(Blocking));
                } else {
                    drop(lock.read(Blocking));
                }
            });
            let message = catch_unwind(waits).unwrap_err();
            let message = message.downcast::<&str>().unwrap();
            assert!(message.contains("pass the job's context instead"));
        }
    });
    assert!(!lock.is_locked());
}
