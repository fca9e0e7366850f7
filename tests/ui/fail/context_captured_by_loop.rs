//! Each element of a loop uses the context that it is given, not the outer one.
#![forbid(unsafe_code)]

use rustfiber::Context;

fn element(outer: &Context) {
    outer.par_for(0..10, |_, _| outer.yield_now());
}

fn state(outer: &Context) {
    outer.par_for_init(0..10, || outer.yield_now(), |_, (), _| ());
}

fn grain(outer: &Context) {
    let loops = outer.with_grain(1);
    outer.par_for(0..10, |_, _| loops.par_for(0..10, |_, _| ()));
}

fn main() {}
