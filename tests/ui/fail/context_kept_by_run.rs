//! A context can't be kept in a variable of the thread that started the job.
#![forbid(unsafe_code)]

use rustfiber::{Context, JobSystem};

fn keep<'a, 'f>(jobs: &JobSystem, kept: &mut &'a Context<'f>) {
    jobs.run(|cx| *kept = cx);
}

fn main() {}
