//! Forte: a static pool and a worker passed down the recursion, as in its README and its own
//! benches. The calling thread is one of the workers.

use forte::{ThreadPool, Worker};

use super::{Peer, Setup};
use crate::divide::{Divide, Step};

static POOL: ThreadPool = ThreadPool::new();

pub struct Forte;

impl Peer for Forte {
    const NAME: &'static str = "forte";
    const BENCHES: &'static [&'static str] = &["fib_join"];

    fn start(setup: Setup) -> Self {
        POOL.resize_to(setup.workers - 1);
        Self
    }

    fn fork<D: Divide>(&self, problem: D) -> D::Out {
        POOL.with_worker(|worker| solve(worker, problem))
    }
}

fn solve<D: Divide>(worker: &Worker, problem: D) -> D::Out {
    match problem.divide() {
        Step::Leaf(out) => out,
        Step::Fork(left, right, carry) => {
            let (left, right) = worker.join(|w| solve(w, left), |w| solve(w, right));
            D::merge(carry, left, right)
        }
    }
}

impl Drop for Forte {
    fn drop(&mut self) {
        POOL.depopulate();
    }
}
