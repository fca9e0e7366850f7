//! What a job captures goes to another thread, so it must be `Send`.
#![forbid(unsafe_code)]

use std::rc::Rc;

use rustfiber::{Context, JobSystem};

fn spawn(cx: &Context, not_send: Rc<u32>) {
    cx.spawn(move |_| drop(not_send));
}

fn scope_spawn(cx: &Context, not_send: Rc<u32>) {
    cx.scope(|s| {
        s.spawn(move |_| drop(not_send));
    });
}

fn join_left(cx: &Context, not_send: Rc<u32>) {
    cx.join(move |_| drop(not_send), |_| ());
}

fn join_right(cx: &Context, not_send: Rc<u32>) {
    cx.join(|_| (), move |_| drop(not_send));
}

fn run(jobs: &JobSystem, not_send: Rc<u32>) {
    jobs.run(move |_| drop(not_send));
}

fn main() {}
