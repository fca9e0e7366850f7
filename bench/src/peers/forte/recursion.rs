//! Forte's recursions: a worker passed down.

use forte::Worker;

use crate::divide::{Divide, Step};
use crate::peers::Each;

pub fn solve<D: Divide>(worker: &Worker, problem: D) -> D::Out {
    match problem.divide() {
        Step::Leaf(out) => out,
        Step::Fork(left, right, carry) => {
            let (left, right) = worker.join(|w| solve(w, left), |w| solve(w, right));
            D::merge(carry, left, right)
        }
    }
}

pub fn halve<T: Send, F: Each<T>>(
    worker: &Worker,
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
    worker.join(
        |w| halve(w, first, left, chunk, each),
        |w| halve(w, first + middle, right, chunk, each),
    );
}
