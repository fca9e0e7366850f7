//! Jobs that talk through channels: one message back and forth, and streams of 1,000,000 from one or
//! four senders to one or four receivers.

use std::ops::Range;

use crate::bench::{Ability, Bench, Outcome, Row, Run, Unit, check};
use crate::measure::repeat;
use crate::peers::{Peer, Setup};

pub const BENCHES: &[Bench] = &[
    Bench {
        group: "channels",
        ..Bench::new(
            "chan_pingpong",
            &[Row {
                name: "chan_pingpong",
                unit: Unit::Ns,
            }], &[Ability::Channels])
    },
    Bench {
        group: "channels",
        ..Bench::new(
            "chan_1_1",
            &[Row {
                name: "chan_1_1",
                unit: Unit::Ns,
            }], &[Ability::Channels])
    },
    Bench {
        group: "channels",
        ..Bench::new(
            "chan_n_1",
            &[Row {
                name: "chan_n_1",
                unit: Unit::Ns,
            }], &[Ability::Channels])
    },
    Bench {
        group: "channels",
        ..Bench::new(
            "chan_n_n",
            &[Row {
                name: "chan_n_n",
                unit: Unit::Ns,
            }], &[Ability::Channels])
    },
];

/// Messages for which the channel of a stream has room.
pub const CAPACITY: usize = 1024;

/// The senders and the receivers that `n` stands for.
const MANY: u64 = 4;

/// Who sends how much to whom.
#[derive(Clone, Copy, Debug)]
pub struct Traffic {
    pub senders: u64,
    pub receivers: u64,
    /// How many each sender sends.
    each: u64,
}

impl Traffic {
    /// What this sender sends, in this order. No other sends the same.
    pub fn of(self, sender: u64) -> Range<u64> {
        sender * self.each..(sender + 1) * self.each
    }

    fn messages(self) -> u64 {
        self.senders * self.each
    }
}

/// What has been received.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Tally {
    messages: u64,
    sum: u64,
}

impl Tally {
    pub fn note(&mut self, message: u64) {
        self.messages += 1;
        self.sum += message;
    }

    /// Each number below `messages`, once.
    fn expected(messages: u64) -> Self {
        Self {
            messages,
            sum: messages * (messages - 1) / 2,
        }
    }
}

impl std::iter::Sum for Tally {
    fn sum<I: Iterator<Item = Self>>(tallies: I) -> Self {
        tallies.fold(Self::default(), |one, other| Self {
            messages: one.messages + other.messages,
            sum: one.sum + other.sum,
        })
    }
}

pub fn measure<P: Peer>(run: &Run) -> Outcome {
    let peer = P::start(Setup::of(run));
    let (senders, receivers) = match run.bench.name {
        "chan_pingpong" => return pingpong(&peer, run),
        "chan_1_1" => (1, 1),
        "chan_n_1" => (MANY, 1),
        _ => (MANY, MANY),
    };
    let traffic = Traffic {
        senders,
        receivers,
        each: run.size.pick(1_000_000, 100_000) / senders,
    };
    let expected = Tally::expected(traffic.messages());
    let time = repeat(run.target, traffic.messages(), &mut || {
        check("what was received", peer.stream(traffic), expected)
    })?;
    Ok(vec![(run.bench.name, time)])
}

fn pingpong<P: Peer>(peer: &P, run: &Run) -> Outcome {
    let trips = if P::BLOCKS_THREADS { 1000 } else { 50_000 };
    let expected = Tally::expected(trips);
    let time = repeat(run.target, trips, &mut || {
        check("what came back", peer.send_back(trips), expected)
    })?;
    Ok(vec![("chan_pingpong", time)])
}
