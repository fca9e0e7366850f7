//! Whoever passes something else as the waiter is told what to pass.
#![forbid(unsafe_code)]

use rustfiber::{Context, Counter, Event, JobHandle};

fn unit(counter: &Counter) {
    counter.wait(());
}

fn reference_to_reference(event: &Event, cx: &Context) {
    event.wait(&cx);
}

fn join(handle: JobHandle<u32>) {
    handle.join(1).unwrap();
}

fn main() {}
