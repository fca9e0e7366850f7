//! flume: bounded channels between threads of the standard library.

use flume::{Receiver, Sender, bounded};

use super::thread_talk::{self, Receiving, Sending};
use super::{Peer, Setup};
use crate::bench::Ability::{self, Channels};
use crate::workloads::channels::{CAPACITY, Tally, Traffic};

pub struct Flume;

impl Peer for Flume {
    const NAME: &'static str = "flume";
    const CAN: &'static [Ability] = &[Channels];
    const BLOCKS_THREADS: bool = true;

    fn start(_: Setup) -> Self {
        Self
    }

    fn send_back(&self, trips: u64) -> Tally {
        thread_talk::send_back(|| bounded(1), trips)
    }

    fn stream(&self, traffic: Traffic) -> Tally {
        thread_talk::stream(bounded(CAPACITY), traffic)
    }
}

impl Sending for Sender<u64> {
    fn send(&self, message: u64) {
        self.send(message).expect("the receivers wait for the end");
    }
}

impl Receiving for Receiver<u64> {
    fn receive(&self) -> Option<u64> {
        self.recv().ok()
    }
}
