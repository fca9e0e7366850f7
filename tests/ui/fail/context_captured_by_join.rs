//! Each half of a join uses the context that it is given, not the outer one.
#![forbid(unsafe_code)]

use rustfiber::Context;

fn left(outer: &Context) {
    outer.join(|_| outer.yield_now(), |_| ());
}

fn right(outer: &Context) {
    outer.join(|_| (), |_| outer.yield_now());
}

fn main() {}
