//! Jobs that meet at a `std::sync::Barrier`, with as many workers as parties: each must be started
//! although all others hold their workers.
#![forbid(unsafe_code)]

mod common;

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, Barrier, Condvar, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use common::{build, watch};
use rustfiber::{Blocking, Context, Counter, Event, JobSystem};

/// A system in which nobody is told that all fibers wait: there is no limit that could be reached.
fn system(workers: usize) -> JobSystem {
    build(
        JobSystem::builder()
            .workers(workers)
            .on_stall(|stall| panic!("{stall}")),
    )
}

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
