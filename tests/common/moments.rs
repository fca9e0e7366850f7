//! Times for tests of sleeps and deadlines.
#![allow(dead_code)] // each test binary uses its part of it

use std::time::Duration;

pub const HOUR: Duration = Duration::from_secs(3600);
pub const MOMENT: Duration = Duration::from_millis(1);

pub fn micros(n: usize) -> Duration {
    Duration::from_micros(n as u64)
}

/// Numbers below `below` in no order.
pub fn scattered(n: usize, below: usize) -> usize {
    n.wrapping_mul(0x9e37_79b9_7f4a_7c15_u64 as usize) / 7 % below
}
