//! Auto-reset events: a job and a plain thread play ping-pong.
//!
//! ```text
//! cargo run --release --example events
//! ```
//!
//! An auto-reset event lets one waiter through for each `set`. The two sides differ only in who waits: the job with its
//! context, which frees its worker, the thread with `Blocking`, which stops it.
#![forbid(unsafe_code)]

use std::error::Error;
use std::sync::atomic::{AtomicU32, Ordering};

use rustfiber::{Blocking, Event, JobSystem, Waiter};

const ROUNDS: u32 = 10_000;

struct Table {
    ping: Event,
    pong: Event,
    /// How often the ball was hit. Only whoever has been let through by an event touches it, so
    /// what orders these operations are the events.
    hits: AtomicU32,
}

impl Table {
    /// One side's game; the same code for a job and for a thread.
    fn play<W: Waiter<Outcome<()> = ()>>(&self, who: W, mine: &Event, theirs: &Event) {
        for _ in 0..ROUNDS {
            mine.wait(who);
            let hits = self.hits.load(Ordering::Relaxed);
            self.hits.store(hits + 1, Ordering::Relaxed);
            theirs.set();
        }
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let jobs = JobSystem::new()?;
    let table = Table {
        ping: Event::auto(),
        pong: Event::auto(),
        hits: AtomicU32::new(0),
    };

    table.ping.set(); // the job serves
    std::thread::scope(|threads| {
        threads.spawn(|| table.play(Blocking, &table.pong, &table.ping));
        jobs.run(|cx| table.play(cx, &table.ping, &table.pong));
    });

    let hits = table.hits.into_inner();
    println!(
        "{hits} hits; the job waited {} times and held no worker",
        jobs.stats().waits()
    );
    assert_eq!(hits, 2 * ROUNDS);
    assert!(table.ping.is_set() && !table.pong.is_set());
    Ok(())
}
