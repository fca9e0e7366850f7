//! How a child measures.

use std::time::{Duration, Instant};

/// Nanoseconds per unit: calls `once`, which does `units` units of work and waits for them, until
/// `target` is filled; and once before that, to warm up. Stops at the first wrong result.
pub fn repeat(
    target: Duration,
    units: u64,
    mut once: impl FnMut() -> Result<(), String>,
) -> Result<f64, String> {
    once()?;
    repeat_warm(target, units, once)
}

/// The same for what is warm already.
pub fn repeat_warm(
    target: Duration,
    units: u64,
    mut once: impl FnMut() -> Result<(), String>,
) -> Result<f64, String> {
    let start = Instant::now();
    let mut done = 0;
    loop {
        once()?;
        done += units;
        let spent = start.elapsed();
        if spent >= target {
            return Ok(nanos(spent) / done as f64);
        }
    }
}

pub fn nanos(time: Duration) -> f64 {
    time.as_nanos() as f64
}

/// Keeps the core busy.
pub fn spin(time: Duration) {
    let start = Instant::now();
    while start.elapsed() < time {
        std::hint::spin_loop();
    }
}
