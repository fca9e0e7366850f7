//! Frames in the style of Naughty Dog's engine: stages of many jobs, tied by counters and continuations.
//!
//! ```text
//! cargo run --release --example frame
//! ```
//!
//! Each stage of a frame has a counter that counts its jobs. The next stage is a continuation of that counter: until it
//! starts it has no stack and occupies nobody. Only the main loop waits, for the oldest frame, when enough frames are in
//! flight.
#![forbid(unsafe_code)]

use std::collections::VecDeque;
use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rustfiber::{Context, Counter, JobHandle, JobSystem};

const FRAMES: u64 = 60;
const IN_FLIGHT: usize = 3;
const OBJECTS: usize = 64;

#[derive(Default)]
struct Object {
    position: AtomicU64,
    /// How far it is from the viewer, or 0 if it can't be seen.
    visible_at: AtomicU64,
}

struct Frame {
    number: u64,
    objects: Vec<Object>,
}

impl Frame {
    fn new(number: u64) -> Arc<Self> {
        let objects = std::iter::repeat_with(Object::default).take(OBJECTS);
        Arc::new(Self {
            number,
            objects: objects.collect(),
        })
    }

    fn animate(&self, n: usize) {
        let position = (self.number + 1) * (n as u64 + 1);
        self.objects[n].position.store(position, Ordering::Relaxed);
    }

    fn cull(&self, n: usize) {
        let object = &self.objects[n];
        let position = object.position.load(Ordering::Relaxed);
        // Every other place is behind a wall.
        let visible_at = if position % 2 == 0 { position } else { 0 };
        object.visible_at.store(visible_at, Ordering::Relaxed);
    }

    fn draw(&self) -> u64 {
        let visible = |object: &Object| object.visible_at.load(Ordering::Relaxed);
        self.objects.iter().map(visible).sum()
    }
}

/// Starts a job for each object, which `counter` counts.
fn for_each_object(
    cx: &Context,
    name: &'static str,
    counter: &Counter,
    frame: &Arc<Frame>,
    work: fn(&Frame, usize),
) {
    for n in 0..OBJECTS {
        let frame = Arc::clone(frame);
        cx.job()
            .name(name)
            .counter(counter)
            .spawn(move |_| work(&frame, n));
    }
}

/// Starts a frame, and returns at once: animate, then cull, then draw.
fn begin(cx: &Context, frame: Arc<Frame>) -> JobHandle<u64> {
    let (animated, culled) = (Counter::new(), Counter::new());
    for_each_object(cx, "animate", &animated, &frame, Frame::animate);

    // `culled` counts this continuation from now on, so it is not zero before the jobs are added.
    let (to_cull, counter) = (Arc::clone(&frame), culled.clone());
    cx.job()
        .name("begin culling")
        .counter(&culled)
        .then(&animated, move |cx| {
            for_each_object(cx, "cull", &counter, &to_cull, Frame::cull);
        });

    cx.job().name("draw").then(&culled, move |_| frame.draw())
}

fn main() -> Result<(), Box<dyn Error>> {
    let jobs = JobSystem::new()?;

    let pictures = jobs.run(|cx| {
        let mut in_flight = VecDeque::new();
        let mut pictures = Vec::new();
        for number in 0..FRAMES {
            if in_flight.len() == IN_FLIGHT {
                pictures.extend(in_flight.pop_front().map(|frame| finish(cx, frame)));
            }
            in_flight.push_back(begin(cx, Frame::new(number)));
        }
        pictures.extend(in_flight.into_iter().map(|frame| finish(cx, frame)));
        pictures
    });

    let stats = jobs.stats();
    println!(
        "{FRAMES} frames of {OBJECTS} objects: {} jobs, {} waits, on {} workers",
        stats.jobs(),
        stats.waits(),
        jobs.workers()
    );
    for (number, picture) in (1..).zip(pictures) {
        let positions = (1..=OBJECTS as u64).map(|n| number * n);
        let expected: u64 = positions.filter(|position| position % 2 == 0).sum();
        assert_eq!(picture, expected);
    }
    Ok(())
}

fn finish(cx: &Context, frame: JobHandle<u64>) -> u64 {
    frame.join(cx).unwrap_or_else(|panic| panic.resume())
}
