//! A thread that nobody waits for can't spawn into a scope.
#![forbid(unsafe_code)]

use rustfiber::Context;

fn detached(f: impl FnOnce() + Send + 'static) {
    drop(f);
}

fn thread(cx: &Context) {
    cx.scope(|s| {
        detached(move || {
            s.spawn(|_| ());
        });
    });
}

fn job(cx: &Context) {
    cx.scope(|s| {
        cx.spawn(move |_| {
            s.spawn(|_| ());
        });
    });
}

fn main() {}
