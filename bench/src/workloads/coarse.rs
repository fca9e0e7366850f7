//! `join` of halves that sleep for 10 ms, four workers: who leaves a half to nobody takes twice as
//! long.

use std::thread;
use std::time::Duration;

use crate::bench::{Ability, Bench, Outcome, Row, Run, Unit, Workers, check};
use crate::divide::{Divide, Step};
use crate::measure::repeat;
use crate::peers::{Peer, Setup};

const LEAF: Duration = Duration::from_millis(10);

const FLAT: Row = Row {
    name: "coarse",
    unit: Unit::Ms,
};

const NESTED: Row = Row {
    name: "coarse_nested",
    unit: Unit::Ms,
};

pub const BENCHES: &[Bench] = &[
    Bench {
        group: "coarse",
        workers: Workers::Only(4),
        ..Bench::new("coarse", &[FLAT], &[Ability::CoarseFork])
    },
    Bench {
        group: "coarse",
        workers: Workers::Only(4),
        ..Bench::new("coarse_nested", &[NESTED], &[Ability::CoarseFork])
    },
];

pub fn measure<P: Peer>(run: &Run) -> Outcome {
    let depth = if run.bench.name == "coarse" { 1 } else { 2 };
    let peer = P::start(Setup::of(run));
    let time = repeat(run.target, 1, &mut || {
        check("the number of leaves", peer.fork(Sleep(depth)), 1 << depth)
    })?;
    Ok(vec![(run.bench.name, time)])
}

/// A tree of joins so deep.
struct Sleep(u32);

impl Divide for Sleep {
    type Out = u32;
    type Carry = ();

    fn divide(self) -> Step<Self> {
        match self.0 {
            0 => {
                thread::sleep(LEAF);
                Step::Leaf(1)
            }
            depth => Step::Fork(Self(depth - 1), Self(depth - 1), ()),
        }
    }

    fn merge((): (), left: u32, right: u32) -> u32 {
        left + right
    }
}
