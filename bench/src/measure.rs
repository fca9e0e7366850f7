//! How a child measures.

use std::time::{Duration, Instant};

/// Does some work and waits for it, and says so if the result is wrong. By reference, so that each
/// bench of each peer does not have a loop of its own: one call for thousands of units costs nothing.
type Once<'a> = &'a mut dyn FnMut() -> Result<(), String>;

/// Nanoseconds per unit: calls `once`, which does `units` units of work, until `target` is filled; and
/// once before that, to warm up. Stops at the first wrong result.
pub fn repeat(target: Duration, units: u64, once: Once<'_>) -> Result<f64, String> {
    once()?;
    repeat_warm(target, units, once)
}

/// The same for what is warm already.
pub fn repeat_warm(target: Duration, units: u64, once: Once<'_>) -> Result<f64, String> {
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
