//! What a job of a scope borrows mutably, nobody else touches before the scope has ended.
#![forbid(unsafe_code)]

use rustfiber::Context;

fn two_jobs(cx: &Context) {
    let mut n = 0;
    cx.scope(|s| {
        s.spawn(|_| n += 1);
        s.spawn(|_| n += 1);
    });
}

fn job_and_body(cx: &Context) {
    let mut n = 0;
    cx.scope(|s| {
        s.spawn(|_| n += 1);
        n += 1;
    });
}

fn halves(cx: &Context) {
    let mut n = 0;
    cx.join(|_| n += 1, |_| n += 1);
}

fn main() {}
