//! A job waits for a child of 100 us while the system has jobs of 10 ms to do: how long it takes
//! from the child's end to the waiter's going on.
//!
//! With several workers the waiter is busy until another worker has started the child, and then
//! waits. With one worker it waits at once.

use std::hint::spin_loop;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use crate::bench::{Ability, Bench, Outcome, Row, Run, Unit, check};
use crate::measure::{nanos, spin};
use crate::peers::{Peer, Setup};
use crate::stats::percentile;

pub const BENCHES: &[Bench] = &[Bench {
    is_work: false,
    ..Bench::new(
        "distraction",
        &[
            Row {
                name: "distraction_p50",
                unit: Unit::Us,
            },
            Row {
                name: "distraction_p99",
                unit: Unit::Us,
            },
        ], &[Ability::Distraction])
}];

const LONG: Duration = Duration::from_millis(10);
/// Between two moments at which a long job may give way.
const STEP: Duration = Duration::from_micros(50);
const CHILD: Duration = Duration::from_micros(100);
/// Three long jobs: by then any worker has looked for something new, or will not take the child.
const PATIENCE: Duration = Duration::from_millis(30);
/// Children that are not measured: the first wait of a process runs through code that has never run.
const WARM_UP: usize = 1;
/// More long jobs than are done before the last child has ended.
const QUEUED: usize = 1000;

/// What the jobs of this bench do.
pub struct Scene {
    samples: usize,
    alone: bool,
    waiter_runs: AtomicBool,
    child_started: AtomicBool,
    child_ended: Mutex<Option<Instant>>,
    latencies: Mutex<Vec<f64>>,
    over: AtomicBool,
}

/// A job of 10 ms.
pub struct LongJob {
    scene: Arc<Scene>,
    end: Option<Instant>,
}

impl LongJob {
    /// Does a step, unless the job is done.
    pub fn step(&mut self) -> bool {
        let end = *self.end.get_or_insert_with(|| Instant::now() + LONG);
        if self.scene.over.load(Ordering::Relaxed) || Instant::now() >= end {
            return false;
        }
        spin(STEP);
        true
    }
}

impl Scene {
    pub fn long_job(self: &Arc<Self>) -> LongJob {
        LongJob {
            scene: Arc::clone(self),
            end: None,
        }
    }

    /// How many children the waiter spawns, one after the other. The first one is the warm-up.
    pub fn samples(&self) -> usize {
        self.waiter_runs.store(true, Ordering::Release);
        self.samples + WARM_UP
    }

    /// What a child does.
    pub fn child(&self) {
        self.child_started.store(true, Ordering::Release);
        spin(CHILD);
        *self.child_ended.lock().unwrap() = Some(Instant::now());
    }

    /// What the waiter does before it waits.
    pub fn be_busy(&self) {
        let start = Instant::now();
        while !self.alone
            && !self.child_started.load(Ordering::Acquire)
            && start.elapsed() < PATIENCE
        {
            spin_loop();
        }
    }

    /// What the waiter does when it goes on.
    pub fn note(&self) {
        let now = Instant::now();
        let ended = self.child_ended.lock().unwrap().take();
        let ended = ended.expect("who waits for a child goes on after its end");
        self.latencies.lock().unwrap().push(nanos(now - ended));
        self.child_started.store(false, Ordering::Relaxed);
    }
}

pub fn measure<P: Peer>(run: &Run) -> Outcome {
    let samples = run.size.pick(40, 6);
    let peer = P::start(Setup::of(run));
    let scene = Arc::new(Scene {
        samples,
        alone: run.workers == 1,
        waiter_runs: AtomicBool::new(false),
        child_started: AtomicBool::new(false),
        child_ended: Mutex::new(None),
        latencies: Mutex::new(Vec::with_capacity(samples + WARM_UP)),
        over: AtomicBool::new(false),
    });
    thread::scope(|threads| {
        threads.spawn(|| {
            peer.wait_for_children(&scene);
            scene.over.store(true, Ordering::Relaxed);
        });
        // What is queued before the waiter would be done before it.
        while !scene.waiter_runs.load(Ordering::Acquire) {
            thread::yield_now();
        }
        for _ in 0..QUEUED {
            peer.queue_long_job(scene.long_job());
        }
    });
    let mut latencies = scene.latencies.lock().unwrap();
    check("the number of children", latencies.len(), samples + WARM_UP)?;
    latencies.drain(..WARM_UP);
    Ok(vec![
        ("distraction_p50", percentile(&mut latencies, 50.0)),
        ("distraction_p99", percentile(&mut latencies, 99.0)),
    ])
}
