//! A context of one system can't be used in a job of another.
#![forbid(unsafe_code)]

use rustfiber::{Context, JobSystem};

fn run(outer: &Context, other: &JobSystem) {
    other.run(|_| outer.yield_now());
}

fn main() {}
