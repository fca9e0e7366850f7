//! Parallel loops: a cloud of bodies that attract each other.
//!
//! ```text
//! cargo run --release --example n_body
//! ```
//!
//! `par_for_each` moves each body, from what the last step has left of the others. `par_map_reduce` with a grain adds
//! the energy up in a tree that does not depend on the workers: two runs agree to the last bit.
#![forbid(unsafe_code)]

use std::error::Error;
use std::time::Instant;

use rustfiber::{Context, JobSystem};

const BODIES: usize = 1_000;
const STEPS: usize = 20;
const STEP: f64 = 1e-3;
/// Keeps bodies that come close from flying off.
const SOFTENING: f64 = 1e-2;

type Vector = [f64; 3];

#[derive(Clone)]
struct Body {
    place: Vector,
    speed: Vector,
}

fn subtract(a: Vector, b: Vector) -> Vector {
    [a[0] - b[0], a[1] - b[1], a[2] - b[2]]
}

fn square(a: Vector) -> f64 {
    a[0] * a[0] + a[1] * a[1] + a[2] * a[2]
}

/// On a spiral through a ball, at rest; the same each time.
fn cloud() -> Vec<Body> {
    let body = |n: usize| {
        let part = (n as f64 + 0.5) / BODIES as f64;
        let (height, angle) = (1.0 - 2.0 * part, n as f64 * 2.4);
        let radius = (1.0 - height * height).sqrt();
        Body {
            place: [radius * angle.cos(), radius * angle.sin(), height],
            speed: [0.0; 3],
        }
    };
    (0..BODIES).map(body).collect()
}

fn pull_of_all(bodies: &[Body], place: Vector) -> Vector {
    bodies.iter().fold([0.0; 3], |sum, other| {
        let way = subtract(other.place, place);
        let distance = (square(way) + SOFTENING).sqrt();
        let strength = 1.0 / (BODIES as f64 * distance * distance * distance);
        [0, 1, 2].map(|axis| sum[axis] + way[axis] * strength)
    })
}

fn step(cx: &Context, before: &[Body], after: &mut [Body]) {
    cx.par_for_each(after, |_, index, body| {
        let pull = pull_of_all(before, before[index].place);
        body.speed = [0, 1, 2].map(|axis| before[index].speed[axis] + pull[axis] * STEP);
        body.place = [0, 1, 2].map(|axis| before[index].place[axis] + body.speed[axis] * STEP);
    });
}

fn energy(cx: &Context, bodies: &[Body]) -> f64 {
    let of_one = |_: &Context, index: usize| {
        let body = &bodies[index];
        let others = bodies[..index].iter().map(|other| {
            let distance = (square(subtract(other.place, body.place)) + SOFTENING).sqrt();
            1.0 / (BODIES as f64 * distance)
        });
        square(body.speed) / 2.0 - others.sum::<f64>()
    };
    let loops = cx.with_grain(16);
    loops.par_map_reduce(0..bodies.len(), || 0.0, of_one, |a, b| a + b)
}

/// The energy before and after some steps.
fn simulate(jobs: &JobSystem) -> (f64, f64) {
    let mut bodies = cloud();
    let mut next = bodies.clone();
    jobs.run(|cx| {
        let before = energy(cx, &bodies);
        for _ in 0..STEPS {
            step(cx, &bodies, &mut next);
            std::mem::swap(&mut bodies, &mut next);
        }
        (before, energy(cx, &bodies))
    })
}

fn main() -> Result<(), Box<dyn Error>> {
    let jobs = JobSystem::new()?;
    let begin = Instant::now();
    let (before, after) = simulate(&jobs);
    println!(
        "{STEPS} steps of {BODIES} bodies in {:.1?} by {} workers, energy {before:.9} and {after:.9}",
        begin.elapsed(),
        jobs.workers()
    );
    assert!((after - before).abs() < 1e-3 * before.abs());
    assert_eq!(
        simulate(&JobSystem::builder().workers(1).build()?),
        (before, after)
    );
    Ok(())
}
