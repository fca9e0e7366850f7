//! A job of a scope can't borrow what dies in the scope's body: the jobs outlive the body.
#![forbid(unsafe_code)]

use rustfiber::Context;

fn local(cx: &Context) {
    cx.scope(|s| {
        let local = 1;
        s.spawn(|_| assert_eq!(local, 1));
    });
}

fn result(cx: &Context) {
    cx.scope(|s| {
        let local = 1;
        let borrowed = &local;
        s.spawn(move |_| borrowed).join(cx).unwrap();
    });
}

fn main() {}
