//! The same work in plain calls and loops on one thread: no peer, but what all of them start from.

use std::hint::black_box;

use super::{Each, Peer, Setup};
use crate::bench::Ability::{self, CoarseFork, Fork, Loop};
use crate::divide::{Divide, Step};

pub struct Serial;

impl Peer for Serial {
    const NAME: &'static str = "serial";
    const CAN: &'static [Ability] = &[Fork, CoarseFork, Loop];

    fn start(_: Setup) -> Self {
        Self
    }

    fn fork<D: Divide>(&self, problem: D) -> D::Out {
        solve(problem)
    }

    fn for_each<T: Send>(&self, times: usize, items: &mut [T], _chunk: usize, each: impl Each<T>) {
        for _ in 0..times {
            for (index, item) in items.iter_mut().enumerate() {
                each(index, item);
            }
            // Or the compiler might leave out all loops but the last.
            black_box(&mut *items);
        }
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
