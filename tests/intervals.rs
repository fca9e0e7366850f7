//! Intervals: no tick is early, and none is lost or counted twice.
#![forbid(unsafe_code)]

mod common;
#[macro_use]
#[path = "common/who.rs"]
mod who;

use std::time::{Duration, Instant};

use common::{WORKERS, system, watch};
use rustfiber::{CancelToken, Event, Interval};
use who::in_all_pairs;

const PERIOD: Duration = Duration::from_micros(500);
const HOUR: Duration = Duration::from_secs(3600);

/// However late each tick is, ticks and missed ones together are the periods that have passed.
#[test]
fn ticks_and_missed_ticks_add_up() {
    in_all_pairs(|jobs, waits, _| {
        let begin = Instant::now() + PERIOD;
        let ticks = waits.start(jobs, move |who| {
            let mut interval = Interval::starting_at(begin, PERIOD);
            let mut periods = 0;
            for n in 0..20 {
                if n % 5 == 4 {
                    wait_as!(who, w => w.within(HOUR).sleep(2 * PERIOD)).unwrap();
                }
                let tick = wait_as!(who, w => interval.tick(w));
                assert!(tick.deadline() <= Instant::now(), "no tick is early");
                periods += tick.missed() as u32;
                assert_eq!(tick.deadline(), begin + periods * PERIOD);
                assert_eq!(interval.next_deadline(), tick.deadline() + PERIOD);
                periods += 1;
            }
            periods
        });
        assert!(ticks.join() >= 20);
    });
}

#[test]
fn a_wait_that_ends_early_takes_no_tick() {
    in_all_pairs(|jobs, waits, _| {
        let waiter = waits.start(jobs, |who| {
            let far = Instant::now() + HOUR;
            let mut interval = Interval::starting_at(far, PERIOD);
            let token = CancelToken::new();
            let late = wait_as!(who, w => interval.tick(w.within(PERIOD)));
            assert!(late.unwrap_err().is_late());
            token.cancel();
            let cancelled = wait_as!(who, w => interval.tick(w.or_cancelled(&token)));
            assert!(cancelled.unwrap_err().is_cancelled());
            assert_eq!(interval.next_deadline(), far);
            // One that is due counts also after the deadline.
            let passed = Instant::now();
            let mut due = Interval::starting_at(passed, HOUR);
            let tick = wait_as!(who, w => due.tick(w.until(passed))).unwrap();
            assert_eq!((tick.deadline(), tick.missed()), (passed, 0));
        });
        waiter.join();
    });
}

#[test]
fn a_cancelled_tick_ends_wherever_that_is_done() {
    let _watchdog = watch();
    for workers in WORKERS {
        system(workers).run(|cx| {
            let (token, ticks) = (CancelToken::new(), Event::auto());
            cx.scope(|s| {
                let pace = s.spawn(|cx| {
                    let mut interval = Interval::new(PERIOD);
                    let mut count = 0;
                    while interval.tick(cx.or_cancelled(&token)).is_ok() {
                        count += 1;
                        ticks.set();
                    }
                    count
                });
                ticks.wait(cx);
                ticks.wait(cx);
                token.cancel();
                assert!(pace.join(cx).unwrap() >= 2);
            });
        });
    }
}
