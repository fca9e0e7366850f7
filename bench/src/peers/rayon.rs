//! rayon: `join` and `scope` in a pool of its own, as the documentation of `ThreadPool::install`
//! and `rayon::join` shows.

use rayon::{ThreadPool, ThreadPoolBuilder};

use super::{Peer, Setup};
use crate::divide::{Divide, Step};

pub struct Rayon(ThreadPool);

impl Peer for Rayon {
    const NAME: &'static str = "rayon";
    const BENCHES: &'static [&'static str] = &["fib_join"];

    fn start(setup: Setup) -> Self {
        let pool = ThreadPoolBuilder::new().num_threads(setup.workers);
        Self(pool.build().expect("a thread pool starts"))
    }

    fn fork<D: Divide>(&self, problem: D) -> D::Out {
        self.0.install(|| solve(problem))
    }
}

fn solve<D: Divide>(problem: D) -> D::Out {
    match problem.divide() {
        Step::Leaf(out) => out,
        Step::Fork(left, right, carry) => {
            let (left, right) = rayon::join(|| solve(left), || solve(right));
            D::merge(carry, left, right)
        }
    }
}
