//! A child that spawns a sibling can't lend it its own variables.
#![forbid(unsafe_code)]

use rustfiber::Context;

fn sibling(cx: &Context) {
    cx.scope(|s| {
        s.spawn(|_| {
            let local = 1;
            let borrowed = &local;
            s.spawn(move |_| assert_eq!(*borrowed, 1));
        });
    });
}

fn main() {}
