//! A spawned job can't use the context of the job that spawned it.
#![forbid(unsafe_code)]

use rustfiber::{Context, Counter, Handle, JobSystem};

fn spawn(outer: &'static Context<'static>) {
    outer.spawn(move |_| outer.yield_now());
}

fn spawn_counted(outer: &'static Context<'static>, counter: &Counter) {
    outer.spawn_counted(counter, move |_| outer.yield_now());
}

fn then(outer: &'static Context<'static>, counter: &Counter) {
    outer.then(counter, move |_| outer.yield_now());
}

fn built(outer: &'static Context<'static>) {
    outer.job().name("built").spawn(move |_| outer.yield_now());
}

fn from_outside(outer: &'static Context<'static>, jobs: &JobSystem) {
    jobs.spawn(move |_| outer.yield_now());
}

fn by_handle(outer: &'static Context<'static>, handle: &Handle) {
    handle.spawn(move |_| outer.yield_now()).unwrap();
}

fn main() {}
