//! Which tick it is, by given moments; waiting is tested in `tests/intervals.rs`.

use super::*;
use crate::sched::Blocking;

const PERIOD: Duration = Duration::from_millis(10);

fn after(begin: Instant, millis: u64) -> Instant {
    begin + Duration::from_millis(millis)
}

#[test]
fn ticks_are_multiples_of_the_period() {
    let begin = Instant::now();
    let mut interval = Interval::starting_at(begin, PERIOD);
    // When it is asked, which tick that is, and how many it has missed.
    for (now, deadline, missed) in [
        (0, 0, 0),
        (19, 10, 0),
        (20, 20, 0),
        (65, 60, 3),
        (70, 70, 0),
    ] {
        let tick = interval.take_tick(after(begin, now));
        assert_eq!(
            (tick.deadline(), tick.missed()),
            (after(begin, deadline), missed)
        );
        assert_eq!(interval.next_deadline(), tick.deadline() + PERIOD);
    }
}

#[test]
fn the_last_nanosecond_before_a_tick_belongs_to_the_one_before() {
    let begin = Instant::now();
    let mut interval = Interval::starting_at(begin, PERIOD);
    let now = after(begin, 30) - Duration::from_nanos(1);
    let tick = interval.take_tick(now);
    assert_eq!((tick.deadline(), tick.missed()), (after(begin, 20), 2));
}

#[test]
fn periods_of_any_length() {
    let begin = Instant::now();
    let mut shortest = Interval::starting_at(begin, Duration::from_nanos(1));
    let tick = shortest.take_tick(after(begin, 3_600_000));
    assert_eq!(tick.missed(), 3_600_000_000_000);
    assert_eq!(tick.deadline(), after(begin, 3_600_000));

    let mut longest = Interval::new(Duration::MAX);
    assert_eq!(longest.tick(Blocking).missed(), 0);
    assert!(longest.next_deadline() > Instant::now() + Duration::from_secs(1 << 30));
    longest.reset();
    assert_eq!(longest.period(), Duration::MAX);
}

#[test]
#[should_panic = "the period of an interval must be longer than zero"]
fn a_period_of_zero_is_refused() {
    let _ = Interval::new(Duration::ZERO);
}
