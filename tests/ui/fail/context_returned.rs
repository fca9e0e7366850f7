//! A context can't be the result of a job, nor can a builder that holds it.
#![forbid(unsafe_code)]

use rustfiber::JobSystem;

fn main() {
    let jobs = JobSystem::new().unwrap();
    let _returned = jobs.run(|cx| cx);
    let _returned = jobs.run(|cx| cx.job());
}
