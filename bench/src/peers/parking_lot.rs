//! parking_lot: its lock, and threads of the standard library.

use parking_lot::Mutex;

use super::{Peer, Setup, thread_talk};
use crate::bench::Ability::{self, Lock};

pub struct ParkingLot;

impl Peer for ParkingLot {
    const NAME: &'static str = "parking_lot";
    const CAN: &'static [Ability] = &[Lock];
    const BLOCKS_THREADS: bool = true;

    fn start(_: Setup) -> Self {
        Self
    }

    fn count_locked(&self, jobs: usize, each: u64) -> u64 {
        let number = Mutex::new(0);
        thread_talk::count_locked(jobs, each, || *number.lock() += 1);
        number.into_inner()
    }
}
