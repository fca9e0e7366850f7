//! The same work in plain calls and loops on one thread: no peer, but what all of them start from.

use super::{Peer, Setup};
use crate::divide::{Divide, Step};

pub struct Serial;

impl Peer for Serial {
    const NAME: &'static str = "serial";
    const BENCHES: &'static [&'static str] = &["fib_join"];

    fn start(_: Setup) -> Self {
        Self
    }

    fn fork<D: Divide>(&self, problem: D) -> D::Out {
        solve(problem)
    }
}

fn solve<D: Divide>(problem: D) -> D::Out {
    match problem.divide() {
        Step::Leaf(out) => out,
        Step::Fork(left, right, carry) => {
            let (left, right) = (solve(left), solve(right));
            D::merge(carry, left, right)
        }
    }
}
