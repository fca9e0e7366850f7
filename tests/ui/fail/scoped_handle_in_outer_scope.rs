//! A job of the outer scope can't hold the handle of a job of the inner one.
#![forbid(unsafe_code)]

use rustfiber::Context;

fn nested(cx: &Context) {
    cx.scope(|outer| {
        cx.scope(|inner| {
            let handle = inner.spawn(|_| 1);
            outer.spawn(move |cx| handle.join(cx));
        });
    });
}

fn main() {}
