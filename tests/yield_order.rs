//! Jobs that yield take turns: among the jobs of one home, none takes its turn n+2 before every ready one has taken turn n.
#![forbid(unsafe_code)]

mod common;

use std::sync::{Arc, Mutex};

use common::{system, watch};
use rustfiber::{Blocking, Context, Counter, Event};

/// What happens to jobs on one worker, in order; says so when one is passed over.
#[derive(Default)]
struct Log(Mutex<State>);

#[derive(Default)]
struct State {
    now: usize,
    jobs: Vec<Seen>,
}

#[derive(Clone, Default)]
struct Seen {
    ready_since: Option<usize>,
    /// When its last two turns began.
    turns: [Option<usize>; 2],
}

impl Log {
    fn with(&self, job: usize, act: impl FnOnce(&mut Seen, usize)) {
        let mut state = self.0.lock().unwrap();
        state.now += 1;
        let now = state.now;
        if state.jobs.len() <= job {
            state.jobs.resize(job + 1, Seen::default());
        }
        act(&mut state.jobs[job], now);
    }

    /// `job` could go on from now on.
    fn ready(&self, job: usize) {
        self.with(job, |seen, now| seen.ready_since = Some(now));
    }

    /// It takes a turn: whoever was ready before its turn before the last has had one since.
    fn turn(&self, job: usize) {
        self.with(job, |seen, _| seen.ready_since = None);
        let mut state = self.0.lock().unwrap();
        let [before_last, last] = state.jobs[job].turns;
        if let Some(turn) = before_last {
            for (other, seen) in state.jobs.iter().enumerate() {
                assert!(
                    seen.ready_since.is_none_or(|since| since > turn),
                    "job {job} takes its second turn since {turn}; job {other} has been passed over: {seen:?}"
                );
            }
        }
        let now = state.now;
        state.jobs[job].turns = [last, Some(now)];
    }

    fn yields(&self, cx: &Context<'_>, job: usize) {
        self.ready(job);
        cx.yield_now();
        self.turn(job);
    }
}

impl std::fmt::Debug for Seen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ready since {:?}", self.ready_since)
    }
}

/// Some jobs take turns on one worker; before each turn of the first one, `more` adds others.
fn take_turns(
    yielding: usize,
    more: impl Fn(&Context<'_>, &Arc<Log>, usize) + Clone + Send + Sync + 'static,
) {
    let _watchdog = watch();
    let jobs = system(1);
    let (log, counter) = (Arc::new(Log::default()), Counter::new());
    jobs.run(|cx| {
        for job in 0..yielding {
            log.ready(job);
            let (log, more) = (Arc::clone(&log), more.clone());
            cx.spawn_counted(&counter, move |cx| {
                log.turn(job);
                for turn in 0..TURNS {
                    if job == 0 {
                        more(cx, &log, turn);
                    }
                    log.yields(cx, job);
                }
            });
        }
    });
    counter.wait(Blocking);
}

const TURNS: usize = 50;

/// The numbers of the `n` jobs that come in a turn.
fn newcomers(turn: usize, n: usize) -> impl Iterator<Item = usize> {
    (0..n).map(move |job| 1_000 * (turn + 1) + job)
}

#[test]
fn nobody_takes_two_turns_while_another_that_is_ready_has_none() {
    for yielding in [1, 2, 10, 200] {
        take_turns(yielding, |_, _, _| ());
    }
}

#[test]
fn nobody_takes_two_turns_while_a_new_job_has_none() {
    take_turns(10, |cx, log, turn| {
        for job in newcomers(turn, 20) {
            log.ready(job);
            let log = Arc::clone(log);
            cx.spawn(move |cx| {
                log.turn(job);
                log.yields(cx, job);
            });
        }
    });
}

#[test]
fn nobody_takes_two_turns_while_an_injected_job_has_none() {
    take_turns(10, |cx, log, turn| {
        let now = Counter::new();
        for job in newcomers(turn, 20) {
            log.ready(job);
            let log = Arc::clone(log);
            // What can start at once comes in with the jobs from outside.
            cx.then(&now, move |cx| {
                log.turn(job);
                log.yields(cx, job);
            });
        }
    });
}

/// In its first turn one job adds others that wait; in each later turn it wakes `n` of them, who end then, or yield once.
fn take_turns_with_woken_jobs(yielding: usize, n: usize, they_yield: bool) {
    let gates: Arc<[Event; TURNS]> = Arc::new(std::array::from_fn(|_| Event::manual()));
    take_turns(yielding, move |cx, log, turn| {
        if turn > 0 {
            newcomers(turn, n).for_each(|job| log.ready(job));
            return gates[turn].set();
        }
        for turn in 1..TURNS {
            for job in newcomers(turn, n) {
                let (log, gates) = (Arc::clone(log), Arc::clone(&gates));
                cx.spawn(move |cx| {
                    gates[turn].wait(cx);
                    log.turn(job);
                    if they_yield {
                        log.yields(cx, job);
                    }
                });
            }
        }
    });
}

#[test]
fn nobody_takes_two_turns_while_a_woken_job_has_none() {
    for yielding in [1, 2, 10] {
        for woken in [1, 10, 200] {
            take_turns_with_woken_jobs(yielding, woken, false);
            take_turns_with_woken_jobs(yielding, woken, true);
        }
    }
}
