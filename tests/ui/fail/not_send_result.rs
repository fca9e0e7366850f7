//! What a job returns goes to another thread, so it must be `Send`.
#![forbid(unsafe_code)]

use std::rc::Rc;

use rustfiber::{Context, JobSystem};

fn spawn(cx: &Context) {
    cx.spawn(|_| Rc::new(1));
}

fn scope_spawn(cx: &Context) {
    cx.scope(|s| {
        s.spawn(|_| Rc::new(1));
    });
}

fn join_left(cx: &Context) {
    cx.join(|_| Rc::new(1), |_| ());
}

fn join_right(cx: &Context) {
    cx.join(|_| (), |_| Rc::new(1));
}

fn run(jobs: &JobSystem) {
    jobs.run(|_| Rc::new(1));
}

fn main() {}
