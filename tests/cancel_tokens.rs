//! Trees of tokens on many threads at once.
#![forbid(unsafe_code)]

mod common;

use std::sync::Barrier;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use common::{WORKERS, system, watch};
use rustfiber::{Blocking, CancelToken, Event};

const HOUR: Duration = Duration::from_secs(3600);

/// A server, connections, requests: each waits with a token of its own below the server's.
#[test]
fn all_jobs_below_a_token_end_their_waits() {
    let _watchdog = watch();
    for workers in WORKERS {
        let (server, never) = (CancelToken::new(), Event::auto());
        let ended = AtomicUsize::new(0);
        system(workers).run(|cx| {
            cx.scope(|s| {
                for _ in 0..100 {
                    let (server, never, ended) = (&server, &never, &ended);
                    s.spawn(move |cx| {
                        let connection = server.child();
                        cx.scope(|s| {
                            for _ in 0..20 {
                                let request = connection.child();
                                s.spawn(move |cx| {
                                    let ends = cx.within(HOUR).or_cancelled(&request);
                                    assert!(never.wait(ends).unwrap_err().is_cancelled());
                                    ended.fetch_add(1, Ordering::Relaxed);
                                });
                            }
                        });
                    });
                }
                // Some wait, some have yet to begin.
                (0..10).for_each(|_| cx.yield_now());
                server.cancel();
            });
        });
        assert_eq!(ended.into_inner(), 2000);
    }
}

/// Makes, keeps, cancels and drops children, while the first token is cancelled in the middle of
/// it. In the end all that are left are cancelled.
fn come_and_go(first: &CancelToken, seed: usize) {
    let mut tokens = vec![first.clone()];
    let mut random = seed;
    for _ in 0..2000 {
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        let place = (random >> 40) % tokens.len();
        match (random >> 33) % 8 {
            0..=3 => tokens.push(tokens[place].child()),
            4 => tokens.push(tokens[place].clone()),
            5..=6 if tokens.len() > 1 => drop(tokens.swap_remove(place)),
            7 if tokens[place] != *first => {
                tokens[place].cancel();
                assert!(tokens[place].is_cancelled() && tokens[place].child().is_cancelled());
            }
            _ => thread::yield_now(),
        }
    }
    first.wait(Blocking);
    first.cancel();
    assert!(tokens.iter().all(CancelToken::is_cancelled));
}

#[test]
fn tokens_come_and_go_while_they_are_cancelled() {
    let _watchdog = watch();
    for round in 0..20 {
        let (first, all) = (CancelToken::new(), Barrier::new(4));
        thread::scope(|s| {
            for n in 0..3 {
                let (first, all) = (&first, &all);
                s.spawn(move || {
                    all.wait();
                    come_and_go(first, round * 3 + n);
                });
            }
            all.wait();
            (0..round).for_each(|_| thread::yield_now());
            first.cancel();
        });
    }
}

/// Every waiter is woken: those that come before the cancel, during it, and after.
#[test]
fn jobs_and_threads_wait_for_one_token() {
    let _watchdog = watch();
    for workers in WORKERS {
        let jobs = system(workers);
        for _ in 0..20 {
            let token = CancelToken::new();
            thread::scope(|s| {
                s.spawn(|| token.child().wait(Blocking));
                s.spawn(|| jobs.run(|cx| cx.par_for(0..100, |cx, _| token.child().wait(cx))));
                token.cancel();
            });
        }
    }
}

/// The job that fails ends the others' waits.
#[test]
fn a_guard_ends_the_waits_of_siblings() {
    let _watchdog = watch();
    for workers in WORKERS {
        let token = CancelToken::new();
        system(workers).run(|cx| {
            cx.scope(|s| {
                let sibling = s.spawn(|cx| cx.or_cancelled(&token).sleep(HOUR));
                let failing = s.spawn(|_| {
                    let _cancels = token.drop_guard();
                    common::quiet_panic("on purpose");
                });
                assert!(sibling.join(cx).unwrap().unwrap_err().is_cancelled());
                assert!(failing.join(cx).is_err());
            });
        });
    }
}
