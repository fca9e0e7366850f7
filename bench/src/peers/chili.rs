//! chili: `Scope::join` passed down the recursion, as in its README; loops by joining halves. The
//! calling thread is one of the workers, and there is no way to hand a job over to another.

use std::num::NonZero;

use chili::{Config, Scope, ThreadPool};

use super::{Each, Peer, Setup};
use crate::bench::Ability::{self, CoarseFork, Fork, Loop};
use crate::divide::{Divide, Step};

pub struct Chili(ThreadPool);

impl Peer for Chili {
    const NAME: &'static str = "chili";
    const CAN: &'static [Ability] = &[Fork, CoarseFork, Loop];

    fn start(setup: Setup) -> Self {
        Self(ThreadPool::with_config(Config {
            thread_count: NonZero::new(setup.workers),
            ..Config::default()
        }))
    }

    fn fork<D: Divide>(&self, problem: D) -> D::Out {
        solve(&mut self.0.scope(), problem)
    }

    fn for_each<T: Send>(&self, times: usize, items: &mut [T], chunk: usize, each: impl Each<T>) {
        let mut scope = self.0.scope();
        for _ in 0..times {
            halve(&mut scope, 0, items, chunk, &each);
        }
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

fn halve<T: Send, F: Each<T>>(
    scope: &mut Scope<'_>,
    first: usize,
    items: &mut [T],
    chunk: usize,
    each: &F,
) {
    if items.len() <= chunk {
        for (index, item) in items.iter_mut().enumerate() {
            each(first + index, item);
        }
        return;
    }
    let middle = items.len() / 2;
    let (left, right) = items.split_at_mut(middle);
    scope.join(
        |s| halve(s, first, left, chunk, each),
        |s| halve(s, first + middle, right, chunk, each),
    );
}
