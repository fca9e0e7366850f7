//! Parallel loops over a slice, from inside a job: few cheap elements, many, and some that weigh
//! far more than others.

use crate::bench::{Ability, Bench, Outcome, Row, Run, Unit, check};
use crate::measure::repeat;
use crate::peers::{Peer, Setup};

pub const BENCHES: &[Bench] = &[
    Bench::new(
        "par_small",
        &[Row {
            name: "par_small",
            unit: Unit::Ns,
        }], &[Ability::Loop]),
    Bench::new(
        "par_large",
        &[Row {
            name: "par_large",
            unit: Unit::Ms,
        }], &[Ability::Loop]),
    Bench::new(
        "unbalanced",
        &[Row {
            name: "unbalanced",
            unit: Unit::Ns,
        }], &[Ability::Loop]),
];

/// What a peer that must be told how far to split is told: as in Forte's own benches.
const CHEAP_CHUNK: usize = 64;

pub fn measure<P: Peer>(run: &Run) -> Outcome {
    let peer = P::start(Setup::of(run));
    let time = match run.bench.name {
        // Nanoseconds per loop.
        "par_small" => repeat_loop(&peer, run, 1000, run.size.pick(2_000, 500), CHEAP_CHUNK, cheap)?,
        "par_large" => {
            let items = run.size.pick(4_000_000, 1_000_000);
            repeat_loop(&peer, run, items, 1, CHEAP_CHUNK, cheap)?
        }
        // Nanoseconds per element.
        _ => repeat_loop(&peer, run, 1024, 10, 1, uneven)? / 1024.0,
    };
    Ok(vec![(run.bench.name, time)])
}

/// Nanoseconds per loop over so many elements; each job makes `at_once` loops.
fn repeat_loop<P: Peer, T: Default + PartialEq + Clone + Send>(
    peer: &P,
    run: &Run,
    items: usize,
    at_once: usize,
    chunk: usize,
    value: impl Fn(usize) -> T + Send + Sync,
) -> Result<f64, String> {
    let expected: Vec<T> = (0..items).map(&value).collect();
    let mut slice = vec![T::default(); items];
    let write = |index: usize, item: &mut T| *item = value(index);
    peer.for_each(1, &mut slice, chunk, write);
    check("every element being written", slice == expected, true)?;
    let time = repeat(run.target, at_once as u64, &mut || {
        peer.for_each(at_once, &mut slice, chunk, write);
        Ok(())
    })?;
    slice.fill(T::default());
    peer.for_each(1, &mut slice, chunk, write);
    check("every element being written", slice == expected, true)?;
    Ok(time)
}

/// A multiplication and a shift, which the compiler may do for several elements at a time.
#[inline]
fn cheap(index: usize) -> u32 {
    (index as u32).wrapping_mul(0x9E37_79B9) >> 7
}

/// 20,000 steps for each 32nd element, 16 for the others; no step can be skipped.
#[inline]
fn uneven(index: usize) -> u64 {
    let steps = if index.is_multiple_of(32) { 20_000 } else { 16 };
    (0..steps).fold(index as u64, |x, step| {
        let x = x.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(step);
        x ^ (x >> 17)
    })
}
