//! `fib(32)` with a join per call: what a join costs whose halves do nothing.

use crate::bench::{Ability, Bench, Outcome, Row, Run, Unit, check};
use crate::divide::{Divide, Step};
use crate::measure::repeat;
use crate::peers::{Peer, Setup};

pub const BENCHES: &[Bench] = &[Bench::new(
    "fib_join",
    &[Row {
        name: "fib_join",
        unit: Unit::Ns,
    }], &[Ability::Fork])];

pub fn measure<P: Peer>(run: &Run) -> Outcome {
    let n = run.size.pick(32, 27);
    let (expected, joins) = (fibonacci(n), fibonacci(n + 1) - 1);
    let peer = P::start(Setup::of(run));
    let time = repeat(run.target, joins, &mut || {
        check("fib", peer.fork(Fib(std::hint::black_box(n))), expected)
    })?;
    Ok(vec![("fib_join", time)])
}

/// By iteration, to compare with.
fn fibonacci(n: u32) -> u64 {
    (0..n).fold((0, 1), |(a, b), _| (b, a + b)).0
}

pub struct Fib(pub u32);

impl Divide for Fib {
    type Out = u64;
    type Carry = ();

    #[inline]
    fn divide(self) -> Step<Self> {
        if self.0 < 2 {
            Step::Leaf(u64::from(self.0))
        } else {
            Step::Fork(Self(self.0 - 1), Self(self.0 - 2), ())
        }
    }

    #[inline]
    fn merge((): (), left: u64, right: u64) -> u64 {
        left + right
    }
}
