//! A context can't be put in a static, not even behind a lock, which may be shared if what is in it is `Send`.
#![forbid(unsafe_code)]

use std::sync::Mutex;

use rustfiber::Context;

fn share<T: Sync>(value: T) {
    drop(value);
}

fn locked(cx: &Context) {
    share(Mutex::new(cx));
}

fn main() {}
