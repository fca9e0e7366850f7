//! The handle of a scoped job can't leave the scope.
#![forbid(unsafe_code)]

use rustfiber::Context;

fn returned(cx: &Context) {
    cx.scope(|s| s.spawn(|_| 1));
}

fn kept(cx: &Context) {
    let mut kept = None;
    cx.scope(|s| kept = Some(s.spawn(|_| 1)));
}

fn main() {}
