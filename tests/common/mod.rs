//! What the tests share: a guard against hangs, systems to run on, and a hook that collects panics.
#![allow(dead_code)] // each test binary uses its part of it

use std::io::Write;
use std::panic::Location;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustfiber::{Builder, Context, Event, JobHandle, JobPanic, JobSystem};

/// Most tests run once for each of these: alone, as a pair, and with more workers than cores.
pub const WORKERS: [usize; 3] = [1, 2, 8];

/// No test takes a fraction of that. It only keeps a hang from lasting for ever, and says which test it is.
const LIMIT: Duration = Duration::from_secs(300);

/// Ends the process if the test that holds it does not end.
#[must_use]
pub struct Watchdog(Sender<()>);

/// Watches the calling test until the result is dropped.
#[track_caller]
pub fn watch() -> Watchdog {
    let (alive, dropped) = channel();
    let test = std::thread::current().name().unwrap_or("a test").to_owned();
    let place = Location::caller();
    std::thread::spawn(move || {
        if dropped.recv_timeout(LIMIT) == Err(RecvTimeoutError::Timeout) {
            // Past the harness, which keeps what tests print until they end.
            let _ = writeln!(std::io::stderr(), "{test} ({place}) hangs; aborting");
            std::process::abort();
        }
    });
    Watchdog(alive)
}

/// A system of `workers` workers that takes no panic and no stall lightly.
pub fn system(workers: usize) -> JobSystem {
    let builder = JobSystem::builder().workers(workers);
    build(
        builder
            .on_panic(|panic| unexpected(panic))
            .on_stall(|stall| unexpected(stall)),
    )
}

fn unexpected(what: &dyn std::fmt::Display) {
    let _ = writeln!(std::io::stderr(), "nobody expects {what}; aborting");
    std::process::abort();
}

/// A system of `workers` workers, and the list of what its `on_panic` hook is shown.
pub fn system_with_panics(workers: usize) -> (JobSystem, Panics) {
    let panics = Panics::default();
    (
        build(panics.hook(JobSystem::builder().workers(workers))),
        panics,
    )
}

pub fn build(builder: Builder) -> JobSystem {
    builder.build().expect("the settings are good")
}

/// The messages of the panics that an `on_panic` hook was shown.
#[derive(Clone, Default)]
pub struct Panics(Arc<Mutex<Vec<String>>>);

impl Panics {
    pub fn hook(&self, builder: Builder) -> Builder {
        let shown = self.clone();
        builder.on_panic(move |panic: &JobPanic| shown.lock().push(panic.message().to_owned()))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The messages so far, in alphabetical order.
    pub fn sorted(&self) -> Vec<String> {
        let mut messages = self.lock().clone();
        messages.sort();
        messages
    }
}

/// Panics without a report on stderr, which thousands of panics would flood.
pub fn quiet_panic(message: &'static str) -> ! {
    std::panic::resume_unwind(Box::new(message))
}

/// Calls a closure when it is dropped.
pub struct OnDrop<F: FnMut()>(pub F);

impl<F: FnMut()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

/// Spawns a job that waits, and returns when it is known to. On one worker only: nothing
/// else runs there between the mark and the wait.
pub fn spawn_waiter<T: Send + 'static>(
    cx: &Context<'_>,
    wait: impl FnOnce(&Context<'_>) -> T + Send + 'static,
) -> JobHandle<T> {
    let calls = Arc::new(AtomicBool::new(false));
    let mark = Arc::clone(&calls);
    let handle = cx.spawn(move |cx| {
        mark.store(true, Ordering::Relaxed);
        wait(cx)
    });
    while !calls.load(Ordering::Relaxed) {
        cx.yield_now();
    }
    handle
}

/// Gives everything that is ready on the one worker its turn.
pub fn let_others_go_on(cx: &Context<'_>) {
    for _ in 0..10 {
        cx.yield_now();
    }
}

/// A job that ends with `n` when the event is set.
pub fn held_back(jobs: &JobSystem, n: u32) -> (Arc<Event>, JobHandle<u32>) {
    let go = Arc::new(Event::manual());
    let waits = Arc::clone(&go);
    let handle = jobs.spawn(move |cx| {
        waits.wait(cx);
        n
    });
    (go, handle)
}

/// Runs `test` on systems of each size.
pub fn everywhere(test: impl Fn(&JobSystem)) {
    let _watchdog = watch();
    for workers in WORKERS {
        test(&system(workers));
    }
}
