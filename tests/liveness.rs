//! Jobs that meet at a `std::sync::Barrier`, with as many workers as parties: each must be started
//! although all others hold their workers.
#![forbid(unsafe_code)]

mod common;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, Barrier, Condvar, Mutex};

use common::{system, watch};
use rustfiber::{Blocking, Context, Counter, Event, JobSystem};

const PARTIES: [usize; 3] = [2, 4, 8];
const ROUNDS: usize = 200;

/// One way to start as many jobs as there are parties, and to wait for them.
type Meeting = fn(&Context<'_>, usize, &Arc<Barrier>);

const MEETINGS: [Meeting; 5] = [
    by_balanced_joins,
    by_right_joins,
    by_left_joins,
    by_spawns,
    by_scope,
];

fn by_balanced_joins(cx: &Context<'_>, parties: usize, barrier: &Arc<Barrier>) {
    split(cx, parties, barrier, |parties| parties / 2);
}

/// Each right half splits again.
fn by_right_joins(cx: &Context<'_>, parties: usize, barrier: &Arc<Barrier>) {
    split(cx, parties, barrier, |_| 1);
}

/// Each left half splits again.
fn by_left_joins(cx: &Context<'_>, parties: usize, barrier: &Arc<Barrier>) {
    split(cx, parties, barrier, |parties| parties - 1);
}

fn split(cx: &Context<'_>, parties: usize, barrier: &Barrier, left: fn(usize) -> usize) {
    if parties == 1 {
        barrier.wait();
        return;
    }
    let left_parties = left(parties);
    cx.join(
        |cx| split(cx, left_parties, barrier, left),
        |cx| split(cx, parties - left_parties, barrier, left),
    );
}

fn by_spawns(cx: &Context<'_>, parties: usize, barrier: &Arc<Barrier>) {
    let counter = Counter::new();
    for _ in 0..parties {
        let barrier = Arc::clone(barrier);
        cx.spawn_counted(&counter, move |_| barrier.wait());
    }
    counter.wait(cx);
}

/// The scope's own body is one of the parties.
fn by_scope(cx: &Context<'_>, parties: usize, barrier: &Arc<Barrier>) {
    cx.scope(|s| {
        for _ in 1..parties {
            s.spawn(|_| barrier.wait());
        }
        barrier.wait();
    });
}

#[test]
fn jobs_meet_while_all_workers_are_free() {
    let _watchdog = watch();
    for parties in PARTIES {
        let jobs = system(parties);
        let barrier = Arc::new(Barrier::new(parties));
        for meeting in MEETINGS {
            for _ in 0..ROUNDS {
                jobs.run(|cx| meeting(cx, parties, &barrier));
            }
        }
    }
}

#[test]
fn jobs_meet_again_and_again_in_one_job() {
    let _watchdog = watch();
    for parties in PARTIES {
        let jobs = system(parties);
        let barrier = Arc::new(Barrier::new(parties));
        jobs.run(|cx| {
            for meeting in MEETINGS {
                for _ in 0..ROUNDS {
                    meeting(cx, parties, &barrier);
                }
            }
        });
    }
}

#[test]
fn jobs_from_outside_meet() {
    let _watchdog = watch();
    for parties in PARTIES {
        let jobs = system(parties);
        let barrier = Arc::new(Barrier::new(parties));
        for _ in 0..ROUNDS {
            let counter = Counter::new();
            for _ in 0..parties {
                let barrier = Arc::clone(&barrier);
                jobs.job().counter(&counter).spawn(move |_| barrier.wait());
            }
            counter.wait(Blocking);
        }
    }
}

#[test]
fn continuations_meet() {
    let _watchdog = watch();
    for parties in PARTIES {
        let jobs = system(parties);
        let barrier = Arc::new(Barrier::new(parties));
        for _ in 0..ROUNDS {
            jobs.run(|cx| {
                let (start, ended) = (Counter::new(), Counter::new());
                start.add(1);
                for _ in 0..parties {
                    let barrier = Arc::clone(&barrier);
                    cx.job()
                        .counter(&ended)
                        .then(&start, move |_| barrier.wait());
                }
                start.done();
                ended.wait(cx);
            });
        }
    }
}

/// Jobs that have waited on one worker each, and are woken together.
#[test]
fn woken_jobs_meet() {
    let _watchdog = watch();
    for parties in PARTIES {
        let jobs = system(parties);
        let barrier = Arc::new(Barrier::new(parties));
        for _ in 0..ROUNDS {
            let (gate, counter) = (Arc::new(Event::manual()), Counter::new());
            for _ in 0..parties {
                let (gate, barrier) = (Arc::clone(&gate), Arc::clone(&barrier));
                jobs.job().counter(&counter).spawn(move |cx| {
                    // Each holds its worker, so that each has another one as its home.
                    barrier.wait();
                    gate.wait(cx);
                    barrier.wait();
                });
            }
            gate.set();
            counter.wait(Blocking);
        }
    }
}

/// Something from std that holds a worker until it is told to let go.
struct Hold {
    hold: Arc<dyn Fn() + Send + Sync>,
    let_go: Box<dyn Fn() + Send>,
}

/// As many workers as `holders` are held in std's receive.
fn by_channels(holders: usize) -> Hold {
    let (let_go, held) = channel();
    let held = Mutex::new(held);
    Hold {
        hold: Arc::new(move || held.lock().unwrap().recv().unwrap()),
        let_go: Box::new(move || (0..holders).for_each(|_| let_go.send(()).unwrap())),
    }
}

fn by_condvar(_holders: usize) -> Hold {
    let free = Arc::new((Mutex::new(false), Condvar::new()));
    let held = Arc::clone(&free);
    Hold {
        hold: Arc::new(move || {
            let (free, changed) = &*held;
            let mut free = free.lock().unwrap();
            while !*free {
                free = changed.wait(free).unwrap();
            }
        }),
        let_go: Box::new(move || {
            let (free, changed) = &*free;
            *free.lock().unwrap() = true;
            changed.notify_all();
        }),
    }
}

/// All workers but one are held while the parties are started; they become idle when the first
/// party waits for them.
fn meet_when_workers_become_idle(
    jobs: &JobSystem,
    parties: usize,
    meeting: Meeting,
    hold_by: fn(usize) -> Hold,
) {
    let holders = parties - 1;
    let Hold { hold, let_go } = hold_by(holders);
    let all_held = Arc::new(Barrier::new(parties));
    for _ in 0..holders {
        let (hold, all_held) = (Arc::clone(&hold), Arc::clone(&all_held));
        jobs.spawn(move |_| {
            all_held.wait();
            hold();
        });
    }
    all_held.wait();
    let (waits, first_waits) = channel();
    let barrier = Arc::new(Barrier::new(parties));
    let meets = jobs.spawn(move |cx| {
        // In the deque, behind the parties: nobody needs it to be run first.
        let last = cx.spawn(|_| ());
        waits.send(()).unwrap();
        meeting(cx, parties, &barrier);
        last.join(cx).unwrap();
    });
    first_waits.recv().unwrap();
    let_go();
    meets.join(Blocking).unwrap();
}

#[test]
fn jobs_meet_when_workers_become_idle_later() {
    let _watchdog = watch();
    for parties in PARTIES {
        let jobs = system(parties);
        for meeting in MEETINGS {
            for hold_by in [by_channels, by_condvar] {
                for _ in 0..ROUNDS {
                    meet_when_workers_become_idle(&jobs, parties, meeting, hold_by);
                }
            }
        }
    }
}

/// The last party only becomes unstarted when all others hold their workers.
#[test]
fn a_job_starts_that_is_spawned_just_before_its_worker_is_held() {
    let _watchdog = watch();
    for parties in PARTIES {
        let jobs = system(parties);
        for _ in 0..ROUNDS {
            jobs.run(|cx| chain(cx, parties - 1, &Arc::new(Barrier::new(parties))));
        }
    }
}

/// Each job spawns the next and then waits for all of them, in its worker's hands.
fn chain(cx: &Context<'_>, more: usize, barrier: &Arc<Barrier>) {
    if more > 0 {
        let next = Arc::clone(barrier);
        cx.spawn(move |cx| chain(cx, more - 1, &next));
    }
    barrier.wait();
}

/// The owner's positions have fallen in between, and the second push must be seen all the same.
#[test]
fn halves_of_a_join_that_follows_other_joins_meet() {
    let _watchdog = watch();
    let jobs = system(2);
    for _ in 0..1_000 {
        jobs.run(|cx| {
            cx.join(|cx| cx.join(|cx| cx.join(|_| (), |_| ()), |_| ()), |_| ());
            let both = Barrier::new(2);
            cx.join(|_| _ = both.wait(), |_| _ = both.wait());
        });
    }
}

/// A worker takes some more from one that has many; if it is held then, a third must come to those.
#[test]
fn jobs_start_that_a_held_worker_has_taken_along() {
    const JOBS: usize = 10_000;
    let _watchdog = watch();
    let jobs = system(3);
    for holder in (0..JOBS).step_by(97) {
        jobs.run(|cx| {
            let ended = AtomicUsize::new(0);
            let hold_until = |others| {
                while ended.load(Ordering::Relaxed) < others {
                    std::thread::yield_now();
                }
            };
            cx.scope(|s| {
                for job in 0..JOBS {
                    let (ended, hold_until) = (&ended, &hold_until);
                    s.spawn(move |_| {
                        if job == holder {
                            hold_until(JOBS - 1);
                        }
                        ended.fetch_add(1, Ordering::Relaxed);
                    });
                }
                hold_until(JOBS);
            });
        });
    }
}
