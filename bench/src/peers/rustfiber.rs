//! rustfiber, as its README and its documentation use it.

use rustfiber::{Context, JobSystem};

use super::{Peer, Setup};
use crate::divide::{Divide, Step};

pub struct Rustfiber(JobSystem);

impl Peer for Rustfiber {
    const NAME: &'static str = "rustfiber";
    const BENCHES: &'static [&'static str] = &["fib_join"];

    fn start(setup: Setup) -> Self {
        let mut builder = JobSystem::builder().workers(setup.workers);
        if let Some(bytes) = setup.stack {
            builder = builder.stack_size(bytes);
        }
        Self(builder.build().expect("a job system starts"))
    }

    fn fork<D: Divide>(&self, problem: D) -> D::Out {
        self.0.run(|cx| solve(cx, problem))
    }
}

fn solve<D: Divide>(cx: &Context, problem: D) -> D::Out {
    match problem.divide() {
        Step::Leaf(out) => out,
        Step::Fork(left, right, carry) => {
            let (left, right) = cx.join(|cx| solve(cx, left), |cx| solve(cx, right));
            D::merge(carry, left, right)
        }
    }
}
