//! A scope can't be reached when it has ended: not returned, not kept, not given to a thread.
#![forbid(unsafe_code)]

use rustfiber::Context;

fn returned(cx: &Context) {
    cx.scope(|s| s);
}

fn builder_returned(cx: &Context) {
    cx.scope(|s| s.job());
}

fn kept(cx: &Context) {
    let mut kept = None;
    cx.scope(|s| kept = Some(s));
}

fn main() {}
