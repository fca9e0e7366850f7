//! Whole programs under `shuttle`: the real scheduler, deques and fibers, on model threads that run
//! one at a time and may change at each atomic operation.
//!
//! Run them with `RUSTFLAGS="--cfg shuttle -C debug-assertions" cargo test --release --test shuttle`.
//! `SHUTTLE_ITERATIONS` says how many schedules of each kind every program gets, and
//! `SHUTTLE_RANDOM_SEED` which ones: whoever fails says its seed. (A program that waits for a time
//! reads the clock and may go another way with the same seed.)
//!
//! Panics that a program is meant to survive must not unwind through an atomic operation: the model
//! threads share one count of panics.
#![cfg(shuttle)]
#![forbid(unsafe_code)]

mod ends;
mod locks;
mod makers;
mod readers;
mod rounds;
mod selects;
mod signals;
mod waits;
mod work;

use std::cell::Cell;
use std::hash::{BuildHasher, RandomState};
use std::io::Write;
use std::panic::PanicHookInfo;
use std::sync::Once;

use rustfiber::{Builder, JobSystem};
use shuttle::scheduler::{PctScheduler, RandomScheduler, Scheduler};
use shuttle::{Config, FailurePersistence, Runner};

/// Schedules of each kind, for each program and number of workers.
const ITERATIONS: usize = 2_000;

/// Changes of priority that the PCT schedules make, and one more.
const DEPTH: usize = 3;

/// Far more than any program takes.
const MAX_STEPS: usize = 300_000;

/// Which schedule this thread tries.
#[derive(Clone, Copy, Debug)]
#[expect(dead_code, reason = "for whoever reads the report")]
struct Attempt {
    schedules: &'static str,
    seed: u64,
    workers: usize,
    iteration: usize,
}

thread_local! {
    static ATTEMPT: Cell<Option<Attempt>> = const { Cell::new(None) };
}

/// Runs the program with each number of workers under many schedules.
fn explore<const N: usize>(workers: [usize; N], program: fn(usize)) {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| std::panic::set_hook(Box::new(report_and_abort)));
    for workers in workers {
        let random = |seed, count| RandomScheduler::new_from_seed(seed, count);
        try_all("random", workers, program, random);
        let pct = |seed, count| PctScheduler::new_from_seed(seed, DEPTH, count);
        try_all("PCT", workers, program, pct);
    }
}

fn try_all<S: Scheduler + 'static>(
    schedules: &'static str,
    workers: usize,
    program: fn(usize),
    scheduler: impl Fn(u64, usize) -> S,
) {
    let iterations = number_from("SHUTTLE_ITERATIONS").unwrap_or(ITERATIONS as u64);
    let seed =
        number_from("SHUTTLE_RANDOM_SEED").unwrap_or_else(|| RandomState::new().hash_one(()));
    ATTEMPT.set(Some(Attempt {
        schedules,
        seed,
        workers,
        iteration: 0,
    }));
    let mut config = Config::new();
    config.failure_persistence = FailurePersistence::None;
    config.max_steps = shuttle::MaxSteps::FailAfter(MAX_STEPS);
    config.silence_warnings = true;
    Runner::new(scheduler(seed, iterations as usize), config).run(move || {
        let mut attempt = ATTEMPT.get().expect("it is set above");
        attempt.iteration += 1;
        ATTEMPT.set(Some(attempt));
        program(workers);
    });
}

fn number_from(variable: &str) -> Option<u64> {
    let value = std::env::var(variable).ok()?;
    Some(value.parse().expect("a number"))
}

/// A program that has failed can't be unwound: its threads stand in the middle of fibers.
fn report_and_abort(panic: &PanicHookInfo<'_>) {
    // Past the harness, which keeps what tests print until they end.
    let mut out = std::io::stderr();
    let test = std::thread::current().name().unwrap_or("?").to_owned();
    let _ = writeln!(out, "{test}: {panic}\n{:?}", ATTEMPT.get());
    std::process::abort();
}

/// A system that takes no panic and no stall lightly.
fn system(workers: usize) -> JobSystem {
    let builder = JobSystem::builder().workers(workers);
    build(builder.on_stall(|stall| panic!("nobody expects {stall}")))
}

fn build(builder: Builder) -> JobSystem {
    let builder = builder.on_panic(|panic| panic!("nobody expects {panic}"));
    builder.build().expect("the settings are good")
}
