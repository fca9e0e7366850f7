//! The initializer of a thread-local can't use the context of the job that touches it first.
#![forbid(unsafe_code)]

use rustfiber::JobSystem;

fn main() {
    let jobs = JobSystem::new().unwrap();
    jobs.run(|cx| {
        thread_local! {
            static WAITS: u32 = {
                cx.yield_now();
                1
            };
        }
        cx.yield_now();
        WAITS.with(|_| ());
    });
}
