//! A context can't be stored in a thread-local, where an initializer could reach it.
#![forbid(unsafe_code)]

use std::cell::RefCell;

use rustfiber::{Context, JobSystem};

thread_local! {
    static KEPT: RefCell<Option<&'static Context<'static>>> = const { RefCell::new(None) };
}

fn main() {
    let jobs = JobSystem::new().unwrap();
    jobs.run(|cx| KEPT.with_borrow_mut(|kept| *kept = Some(cx)));
}
