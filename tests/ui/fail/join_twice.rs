//! Joining a job spends its handle: its result is there once.
#![forbid(unsafe_code)]

use rustfiber::{Blocking, Context, JobHandle, JobSystem};

fn handle(jobs: &JobSystem) {
    let handle = jobs.spawn(|_| 1);
    handle.join(Blocking).unwrap();
    handle.join(Blocking).unwrap();
}

fn scoped(cx: &Context) {
    cx.scope(|s| {
        let handle = s.spawn(|_| 1);
        handle.join(cx).unwrap();
        handle.join(cx).unwrap();
    });
}

fn cloned(handle: &JobHandle<u32>) -> JobHandle<u32> {
    handle.clone()
}

fn main() {}
