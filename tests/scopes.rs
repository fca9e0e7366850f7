//! Scopes end when all their jobs have, whoever has spawned them.
#![forbid(unsafe_code)]

mod common;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use common::{WORKERS, system, watch};
use rustfiber::{Context, Event, Scope};

/// Around the number of jobs that a body counts at a time.
const COUNTS: [usize; 9] = [0, 1, 2, 63, 64, 65, 128, 129, 1_000];

#[test]
fn a_scope_ends_after_its_last_job() {
    let _watchdog = watch();
    for workers in WORKERS {
        let jobs = system(workers);
        for count in COUNTS {
            for _ in 0..50 {
                let ended = AtomicUsize::new(0);
                let run = |_: &Context<'_>| _ = ended.fetch_add(1, Ordering::Relaxed);
                jobs.run(|cx| {
                    cx.scope(|s| (0..count).for_each(|_| drop(s.spawn(run))));
                    assert_eq!(ended.load(Ordering::Relaxed), count);
                });
            }
        }
    }
}

/// The body, a half of a join that another worker may run, and jobs of the scope.
#[test]
fn all_may_spawn_at_the_same_time() {
    fn spawn<'s>(s: &'s Scope<'s, '_>, ended: &'s AtomicUsize, more: usize) {
        s.spawn(move |_| {
            if more > 0 {
                spawn(s, ended, more - 1);
            }
            ended.fetch_add(1, Ordering::Relaxed);
        });
    }
    const EACH: usize = 100;
    let _watchdog = watch();
    for workers in WORKERS {
        let jobs = system(workers);
        for _ in 0..50 {
            let ended = AtomicUsize::new(0);
            jobs.run(|cx| {
                cx.scope(|s| {
                    let many = || (0..EACH).for_each(|n| spawn(s, &ended, n % 3));
                    many();
                    cx.join(|_| many(), |_| many());
                    cx.yield_now();
                    // A plain thread, while the body spawns too.
                    thread::scope(|threads| {
                        threads.spawn(many);
                        many();
                    });
                });
                let each: usize = (0..EACH).map(|n| 1 + n % 3).sum();
                assert_eq!(ended.load(Ordering::Relaxed), 5 * each);
            });
        }
    }
}

#[test]
fn a_scope_tells_how_many_jobs_have_not_ended() {
    let _watchdog = watch();
    for workers in WORKERS {
        let jobs = system(workers);
        for count in COUNTS {
            let go_on = Event::manual();
            jobs.run(|cx| {
                cx.scope(|s| {
                    (0..count).for_each(|_| drop(s.spawn(|cx| go_on.wait(cx))));
                    let text = format!("{s:?}");
                    assert_eq!(text, format!("Scope {{ unfinished_jobs: {count}, .. }}"));
                    go_on.set();
                });
            });
        }
    }
}
