//! Nor in a scoped thread-local, which takes any reference to a `'static` type.
#![forbid(unsafe_code)]

use rustfiber::{Context, JobSystem};
use scoped_tls::scoped_thread_local;

scoped_thread_local!(static LENT: Context);

fn main() {
    let jobs = JobSystem::new().unwrap();
    jobs.run(|cx| LENT.set(cx, || LENT.with(|cx| cx.yield_now())));
}
