//! A future that waits through a context stays in that context's job.
#![forbid(unsafe_code)]

use rustfiber::{Context, Counter};

fn send(outer: &Context, counter: &Counter) {
    let future = async move {
        counter.wait(outer);
    };
    outer.scope(|s| {
        s.spawn(|_| drop(future));
    });
}

fn main() {}
