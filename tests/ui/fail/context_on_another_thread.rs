//! A context can't be used on another thread, not even while its job stands still.
#![forbid(unsafe_code)]

use std::thread::Scope;

use rustfiber::JobSystem;

fn on_another_thread<'scope>(s: &'scope Scope<'scope, '_>, f: impl FnOnce() + Send + 'scope) {
    s.spawn(f);
}

fn main() {
    let jobs = JobSystem::new().unwrap();
    jobs.run(|cx| {
        std::thread::scope(|s| on_another_thread(s, || cx.yield_now()));
    });
}
