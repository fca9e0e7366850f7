//! A job of a scope can't use the context of the job whose scope it is.
#![forbid(unsafe_code)]

use rustfiber::{Context, Counter};

fn spawn(outer: &Context) {
    outer.scope(|s| {
        s.spawn(|_| outer.yield_now());
    });
}

fn spawn_counted(outer: &Context, counter: &Counter) {
    outer.scope(|s| {
        s.spawn_counted(counter, |_| outer.yield_now());
    });
}

fn built(outer: &Context) {
    outer.scope(|s| {
        s.job().name("built").spawn(|_| outer.yield_now());
    });
}

fn main() {}
