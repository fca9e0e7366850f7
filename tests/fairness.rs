//! What else there is to do comes in between, however busy a worker is with what it has at hand.
#![forbid(unsafe_code)]

mod common;

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::{Duration, Instant};

use common::{build, system, watch};
use rustfiber::{Blocking, Context, Counter, Event, JobSystem};

const ROUNDS: usize = 200;

/// Nobody is idle who would search for it.
#[test]
fn a_job_of_a_held_worker_starts_although_the_other_always_has_some() {
    let _watchdog = watch();
    let jobs = system(2);
    for _ in 0..ROUNDS {
        let started = Arc::new(AtomicBool::new(false));
        let (stops, starts) = (Arc::clone(&started), Arc::clone(&started));
        jobs.spawn(|cx| go_on_until(cx, stops));
        jobs.run(|cx| {
            let sets = Arc::clone(&starts);
            cx.spawn(move |_| sets.store(true, Ordering::Relaxed));
            while !starts.load(Ordering::Relaxed) {
                std::thread::yield_now();
            }
        });
    }
}

/// One held worker has a single job that nobody can see, and another very many that anybody can
/// take.
#[test]
fn a_private_job_of_a_held_worker_starts_although_there_are_many_public_ones() {
    const MANY: usize = 100_000;
    let _watchdog = watch();
    let jobs = system(3);
    for _ in 0..20 {
        let all_held = Barrier::new(3);
        let (started, before) = (AtomicBool::new(false), AtomicUsize::new(0));
        let hold = || {
            while !started.load(Ordering::Relaxed) {
                thread::yield_now();
            }
        };
        jobs.run(|cx| {
            cx.scope(|s| {
                s.spawn(|cx| {
                    all_held.wait();
                    cx.scope(|s| {
                        s.spawn(|_| started.store(true, Ordering::Relaxed));
                        all_held.wait();
                        hold();
                    });
                });
                s.spawn(|cx| {
                    all_held.wait();
                    cx.scope(|s| {
                        for _ in 0..MANY {
                            s.spawn(|_| take_a_while_until(&started, &before));
                        }
                        all_held.wait();
                        hold();
                    });
                });
                s.spawn(|_| {
                    all_held.wait();
                    all_held.wait();
                });
            });
        });
        let before = before.into_inner();
        assert!(before < MANY / 4, "{before} of {MANY} jobs came before");
    }
}

/// A look at so many workers takes longer than a search may last, in a debug build at least.
#[test]
fn jobs_of_a_held_worker_start_however_many_there_are_to_look_at() {
    const JOBS: usize = 8;
    let _watchdog = watch();
    let jobs = system(256);
    for _ in 0..3 {
        let started = AtomicUsize::new(0);
        jobs.run(|cx| {
            cx.scope(|s| {
                for _ in 0..JOBS {
                    s.spawn(|_| _ = started.fetch_add(1, Ordering::Relaxed));
                }
                while started.load(Ordering::Relaxed) < JOBS {
                    thread::yield_now();
                }
            });
        });
    }
}

/// The other worker has nothing but jobs from outside, which take long and don't end.
#[test]
fn a_job_of_a_held_worker_starts_beside_long_ones_from_outside() {
    const LONG: Duration = Duration::from_millis(2);
    const QUEUED: u32 = 10;
    let _watchdog = watch();
    let jobs = system(2);
    let (ran, stop, waiting) = (AtomicUsize::new(0), AtomicBool::new(false), Counter::new());
    let (ran, stop) = (Arc::new(ran), Arc::new(stop));
    let feed = || {
        while !stop.load(Ordering::Relaxed) {
            if waiting.count() >= QUEUED {
                thread::yield_now();
                continue;
            }
            let (ran, stop) = (Arc::clone(&ran), Arc::clone(&stop));
            jobs.job().counter(&waiting).spawn(move |_| {
                let begun = Instant::now();
                while begun.elapsed() < LONG && !stop.load(Ordering::Relaxed) {}
                ran.fetch_add(1, Ordering::Relaxed);
            });
        }
    };
    let mut before = jobs.run(|cx| {
        thread::scope(|threads| {
            threads.spawn(feed);
            // This worker is held, so the other one has them all.
            while ran.load(Ordering::Relaxed) < 10 {
                thread::yield_now();
            }
            let before = [(); 5].map(|()| {
                let begun = ran.load(Ordering::Relaxed);
                let started = Arc::new(AtomicBool::new(false));
                let starts = Arc::clone(&started);
                cx.spawn(move |_| starts.store(true, Ordering::Relaxed));
                while !started.load(Ordering::Relaxed) {
                    thread::yield_now();
                }
                ran.load(Ordering::Relaxed) - begun
            });
            stop.store(true, Ordering::Relaxed);
            before
        })
    });
    waiting.wait(Blocking);
    before.sort_unstable();
    assert!(before[2] < 20, "{before:?} jobs came before");
}

/// So long that looks at other workers come in between.
fn take_a_while_until(stop: &AtomicBool, count: &AtomicUsize) {
    let begun = Instant::now();
    while !stop.load(Ordering::Relaxed) {
        if begun.elapsed() >= Duration::from_micros(10) {
            count.fetch_add(1, Ordering::Relaxed);
            return;
        }
    }
}

/// Each job spawns the next.
fn go_on_until(cx: &Context<'_>, stop: Arc<AtomicBool>) {
    if !stop.load(Ordering::Relaxed) {
        cx.spawn(|cx| go_on_until(cx, stop));
    }
}

/// Two fibers that wake each other, on one worker, until they are stopped: what else there is to do
/// has to come in between. `turns` counts how often one has gone on.
struct Players {
    turn: Duration,
    turns: AtomicUsize,
    stop: AtomicBool,
    balls: [Event; 2],
}

impl Players {
    /// Each turn takes so long, at least.
    fn new(turn: Duration) -> Arc<Self> {
        Arc::new(Self {
            turn,
            turns: AtomicUsize::new(0),
            stop: AtomicBool::new(false),
            balls: [Event::auto(), Event::auto()],
        })
    }

    fn play(&self, cx: &Context<'_>, me: usize) {
        while !self.stop.load(Ordering::Relaxed) {
            self.balls[me].wait(cx);
            let begun = Instant::now();
            while begun.elapsed() < self.turn {}
            self.turns.fetch_add(1, Ordering::Relaxed);
            self.balls[1 - me].set();
        }
    }

    fn spawn(self: &Arc<Self>, jobs: &JobSystem, counter: &Counter) {
        for me in [0, 1] {
            let players = Arc::clone(self);
            jobs.job()
                .counter(counter)
                .spawn(move |cx| players.play(cx, me));
        }
        self.balls[0].set();
    }

    /// How many turns pass before `start` has started something, which returns their number then: the
    /// median of some.
    fn turns_before(&self, start: impl Fn() -> usize) -> usize {
        let mut turns: Vec<usize> = (0..51)
            .map(|_| {
                let before = self.turns.load(Ordering::Relaxed);
                start() - before
            })
            .collect();
        turns.sort_unstable();
        turns[turns.len() / 2]
    }
}

#[test]
fn a_job_from_outside_starts_beside_fibers_that_wake_each_other() {
    let _watchdog = watch();
    let jobs = system(1);
    let (players, ended) = (Players::new(Duration::ZERO), Counter::new());
    players.spawn(&jobs, &ended);
    let turns = players.turns_before(|| {
        let players = Arc::clone(&players);
        let job = jobs.spawn(move |_| players.turns.load(Ordering::Relaxed));
        job.join(Blocking).unwrap()
    });
    players.stop.store(true, Ordering::Relaxed);
    ended.wait(Blocking);
    // Two rows of 64, and what passes while the other thread spawns.
    assert!(turns < 1_000, "{turns}");
}

/// The other worker has jobs from outside at every moment, and fibers that wake each other, and
/// none of its own.
#[test]
fn a_job_of_a_held_worker_starts_beside_woken_fibers_and_jobs_from_outside() {
    const FLOOD: usize = 1_000;
    let _watchdog = watch();
    let jobs = system(2);
    for turn in [0, 100].map(Duration::from_micros) {
        let (players, ended, waiting) = (Players::new(turn), Counter::new(), Counter::new());
        let most_turns = if turn.is_zero() { 10_000_000 } else { 20_000 };
        let started = jobs.run(|cx| {
            // This worker is held from here on, so the players get the other one.
            players.spawn(&jobs, &ended);
            while players.turns.load(Ordering::Relaxed) < 10 {
                thread::yield_now();
            }
            thread::scope(|threads| {
                threads.spawn(|| {
                    while !players.stop.load(Ordering::Relaxed) {
                        if (waiting.count() as usize) < FLOOD {
                            jobs.job().counter(&waiting).spawn(|_| ());
                        } else {
                            thread::yield_now();
                        }
                    }
                });
                let begun = players.turns.load(Ordering::Relaxed);
                let started = Arc::new(AtomicBool::new(false));
                let starts = Arc::clone(&started);
                cx.spawn(move |_| starts.store(true, Ordering::Relaxed));
                let turns = || players.turns.load(Ordering::Relaxed) - begun;
                while !started.load(Ordering::Relaxed) && turns() < most_turns {
                    std::hint::spin_loop();
                }
                players.stop.store(true, Ordering::Relaxed);
                started.load(Ordering::Relaxed)
            })
        });
        ended.wait(Blocking);
        waiting.wait(Blocking);
        assert!(started, "not within {most_turns} turns of {turn:?}");
    }
}

/// Spawns a job from a plain thread; returns what it sets when it has started.
fn spawn_from_outside(jobs: &JobSystem) -> Arc<AtomicBool> {
    let started = Arc::new(AtomicBool::new(false));
    let starts = Arc::clone(&started);
    let spawn = || jobs.spawn(move |_| starts.store(true, Ordering::Relaxed));
    thread::scope(|threads| drop(threads.spawn(spawn).join().unwrap()));
    started
}

#[test]
fn other_jobs_start_beside_one_that_sleeps_for_no_time() {
    const MOST: usize = 10_000;
    let _watchdog = watch();
    let jobs = system(1);
    jobs.run(|cx| {
        for _ in 0..ROUNDS {
            let outside = spawn_from_outside(&jobs);
            let own = Arc::new(AtomicBool::new(false));
            let starts = Arc::clone(&own);
            cx.spawn(move |_| starts.store(true, Ordering::Relaxed));
            let both = || own.load(Ordering::Relaxed) && outside.load(Ordering::Relaxed);
            let sleeps = (0..MOST).take_while(|_| {
                cx.sleep(Duration::ZERO);
                !both()
            });
            let sleeps = sleeps.count();
            assert!(sleeps < MOST, "{sleeps} sleeps");
        }
    });
}

/// Each round starts the job's own one first, and is cut off by the limit then.
#[test]
fn a_job_from_outside_starts_at_the_limit_beside_own_ones() {
    const MOST: usize = 1_000;
    let _watchdog = watch();
    let jobs = build(JobSystem::builder().workers(1).max_fibers(2));
    jobs.run(|cx| {
        for _ in 0..ROUNDS {
            let outside = spawn_from_outside(&jobs);
            let rounds = (0..MOST).take_while(|_| {
                let go = Arc::new(Event::auto());
                let waits = Arc::clone(&go);
                let child = cx.spawn(move |cx| {
                    waits.wait(cx);
                    cx.sleep(Duration::from_micros(20));
                });
                cx.yield_now();
                go.set();
                child.join(cx).unwrap();
                !outside.load(Ordering::Relaxed)
            });
            let rounds = rounds.count();
            assert!(rounds < MOST, "{rounds} rounds");
        }
    });
}
