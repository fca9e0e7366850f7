//! Divide and conquer with `join`: quicksort, in place, in parallel.
//!
//! ```text
//! cargo run --release --example quicksort
//! ```
//!
//! The two halves are borrowed from one slice, mutably. A half that no other worker takes is called right here, at
//! about the cost of a function call.
#![forbid(unsafe_code)]

use std::error::Error;
use std::time::Instant;

use rustfiber::{Context, JobSystem};

const LENGTH: usize = 1_000_000;
/// Below this a plain sort is faster; a guess.
const SMALL: usize = 1_000;

fn quicksort(cx: &Context, values: &mut [u64]) {
    if values.len() <= SMALL {
        values.sort_unstable();
        return;
    }
    let middle = partition(values);
    let (left, right) = values.split_at_mut(middle);
    // The pivot, first on the right, is in its place.
    cx.join(
        |cx| quicksort(cx, left),
        |cx| quicksort(cx, &mut right[1..]),
    );
}

/// Puts what is less than some pivot before it, the rest behind it, and returns where it is then.
fn partition(values: &mut [u64]) -> usize {
    let last = values.len() - 1;
    values.swap(last / 2, last);
    let mut middle = 0;
    for n in 0..last {
        if values[n] < values[last] {
            values.swap(n, middle);
            middle += 1;
        }
    }
    values.swap(middle, last);
    middle
}

/// The same numbers each time, in no order.
fn shuffled(length: usize) -> Vec<u64> {
    let step = |state: &u64| {
        Some(
            state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1),
        )
    };
    std::iter::successors(Some(1), step)
        .map(|state| state >> 32)
        .take(length)
        .collect()
}

fn main() -> Result<(), Box<dyn Error>> {
    let jobs = JobSystem::new()?;
    let mut values = shuffled(LENGTH);
    let mut expected = values.clone();
    expected.sort_unstable();

    let begin = Instant::now();
    jobs.run(|cx| quicksort(cx, &mut values));

    println!(
        "{LENGTH} numbers sorted in {:.1?} by {} workers, from {} to {}",
        begin.elapsed(),
        jobs.workers(),
        values[0],
        values[LENGTH - 1]
    );
    assert!(values == expected);
    Ok(())
}
