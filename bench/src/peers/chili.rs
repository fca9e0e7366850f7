//! chili: `Scope::join` passed down the recursion, as in its README. The calling thread is one of
//! the workers.

use std::num::NonZero;

use chili::{Config, Scope, ThreadPool};

use super::{Peer, Setup};
use crate::divide::{Divide, Step};

pub struct Chili(ThreadPool);

impl Peer for Chili {
    const NAME: &'static str = "chili";
    const BENCHES: &'static [&'static str] = &["fib_join"];

    fn start(setup: Setup) -> Self {
        Self(ThreadPool::with_config(Config {
            thread_count: NonZero::new(setup.workers),
            ..Config::default()
        }))
    }

    fn fork<D: Divide>(&self, problem: D) -> D::Out {
        solve(&mut self.0.scope(), problem)
    }
}

fn solve<D: Divide>(scope: &mut Scope<'_>, problem: D) -> D::Out {
    match problem.divide() {
        Step::Leaf(out) => out,
        Step::Fork(left, right, carry) => {
            let (left, right) = scope.join(|s| solve(s, left), |s| solve(s, right));
            D::merge(carry, left, right)
        }
    }
}
