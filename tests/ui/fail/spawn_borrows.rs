//! A job that nobody waits for can't borrow.
#![forbid(unsafe_code)]

use rustfiber::{Context, Counter, Handle, JobSystem};

fn spawn(cx: &Context) {
    let local = 1;
    cx.spawn(|_| assert_eq!(local, 1));
}

fn spawn_counted(cx: &Context, counter: &Counter) {
    let local = 1;
    cx.spawn_counted(counter, |_| assert_eq!(local, 1));
}

fn then(cx: &Context, counter: &Counter) {
    let local = 1;
    cx.then(counter, |_| assert_eq!(local, 1));
}

fn built(cx: &Context) {
    let local = 1;
    cx.job().spawn(|_| assert_eq!(local, 1));
}

fn from_outside(jobs: &JobSystem) {
    let local = 1;
    jobs.spawn(|_| assert_eq!(local, 1));
}

fn by_handle(handle: &Handle) {
    let local = 1;
    handle.spawn(|_| assert_eq!(local, 1)).unwrap();
}

fn main() {}
