//! The same work in plain calls and loops on one thread: no peer, but what all of them start from. For
//! channels that is the bare queue that rustfiber's lie on, with nobody who waits.

use std::hint::black_box;

use concurrent_queue::ConcurrentQueue;

use super::{Each, Peer, Setup};
use crate::bench::Ability::{self, Channels, CoarseFork, Fork, Loop};
use crate::divide::{Divide, Step};
use crate::workloads::channels::{CAPACITY, Tally, Traffic};

pub struct Serial;

impl Peer for Serial {
    const NAME: &'static str = "serial";
    const CAN: &'static [Ability] = &[Fork, CoarseFork, Loop, Channels];

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

    fn send_back(&self, trips: u64) -> Tally {
        let [there, back] = [(); 2].map(|()| ConcurrentQueue::bounded(1));
        let mut tally = Tally::default();
        for message in 0..trips {
            there.push(message).expect("it is empty");
            back.push(there.pop().expect("it is full")).expect("it is empty");
            tally.note(back.pop().expect("it is full"));
        }
        tally
    }

    fn stream(&self, traffic: Traffic) -> Tally {
        let queue = ConcurrentQueue::bounded(CAPACITY);
        let mut tally = Tally::default();
        for message in (0..traffic.senders).flat_map(|sender| traffic.of(sender)) {
            if let Err(full) = queue.push(message) {
                queue.try_iter().for_each(|message| tally.note(message));
                queue.push(full.into_inner()).expect("there is room");
            }
        }
        queue.try_iter().for_each(|message| tally.note(message));
        tally
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
