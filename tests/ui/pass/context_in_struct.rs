//! A context can be lent on: to functions, in structs and trait objects, to closures and futures of the same job.
#![forbid(unsafe_code)]

use std::future::Future;
use std::pin::pin;
use std::task::{Poll, Waker};

use rustfiber::{Context, Counter, JobSystem};

struct Walker<'a, 'f> {
    cx: &'a Context<'f>,
    steps: u32,
}

impl Walker<'_, '_> {
    fn step(&mut self) {
        self.cx.yield_now();
        self.steps += 1;
    }
}

trait Step {
    fn step(&mut self, cx: &Context) -> u32;
}

struct Twice;

impl Step for Twice {
    fn step(&mut self, cx: &Context) -> u32 {
        let mut walker = Walker { cx, steps: 0 };
        walker.step();
        walker.step();
        walker.steps
    }
}

fn each(items: &[u32], mut f: impl FnMut(u32)) {
    items.iter().for_each(|&item| f(item));
}

fn main() {
    let jobs = JobSystem::builder().workers(2).build().unwrap();

    let mut step: Box<dyn Step + Send> = Box::new(Twice);
    assert_eq!(jobs.run(|cx| step.step(cx)), 2);

    // A callback without a parameter for the context captures it.
    let mut seen = Vec::new();
    jobs.run(|cx| {
        each(&[1, 2, 3], |item| {
            cx.yield_now();
            seen.push(item);
        });
    });
    assert_eq!(seen, [1, 2, 3]);

    // A future waits through the context of the job that polls it.
    let counter = Counter::new();
    let value = jobs.run(|cx| {
        cx.spawn_counted(&counter, |cx| cx.yield_now());
        let future = pin!(async {
            counter.wait(cx);
            42
        });
        match future.poll(&mut std::task::Context::from_waker(Waker::noop())) {
            Poll::Ready(value) => value,
            Poll::Pending => unreachable!("the future never gives way to its executor"),
        }
    });
    assert_eq!(value, 42);
}
