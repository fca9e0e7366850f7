//! A job of the outer scope can't borrow what dies with the inner one.
#![forbid(unsafe_code)]

use rustfiber::Context;

fn nested(cx: &Context) {
    cx.scope(|outer| {
        let local = 1;
        let borrowed = &local;
        cx.scope(|_inner| {
            outer.spawn(move |_| assert_eq!(*borrowed, 1));
        });
    });
}

fn main() {}
