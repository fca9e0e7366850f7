//! Counting and waiting; models of crossing zero against everything else, under `--cfg loom`.

use super::*;
use crate::sched::Blocking;
use crate::wait::Wake;

#[cfg(not(loom))]
mod plain {
    use std::sync::Barrier;
    use std::sync::atomic::AtomicU32;
    use std::thread;

    use super::*;
    use crate::wait::testing::Probe;

    #[test]
    fn smoke() {
        let counter = Counter::new();
        assert!(counter.is_zero());
        counter.wait(Blocking);
        counter.add(2);
        counter.done();
        counter.wait_until(Blocking, 1);
        assert_eq!(counter.count(), 1);
        counter.done();
        counter.wait(Blocking);
    }

    #[test]
    fn clones_and_holds_count_the_same() {
        let counter = Counter::new();
        let hold = counter.clone().hold();
        assert_eq!(counter.count(), 1);
        drop(hold);
        assert!(counter.is_zero());
    }

    #[test]
    #[should_panic(expected = "below zero")]
    fn one_done_too_many() {
        Counter::new().done();
    }

    #[test]
    fn continuation_of_a_dropped_counter_is_abandoned() {
        let counter = Counter::new();
        let probe = Probe::new();
        // SAFETY: the probe outlives the counter.
        let registered = |counter: &Counter| unsafe { counter.register(probe.node()) };
        assert!(matches!(registered(&counter), Continuation::Due));
        counter.add(1);
        assert!(matches!(registered(&counter), Continuation::Registered));
        drop(counter);
        assert_eq!(probe.outcome(), Some(Wake::Abandoned));
    }

    /// The bits in the state overflow many times; each crossing that somebody waits for is counted.
    #[test]
    fn crossings_are_counted_past_the_bits_in_the_state() {
        let counter = Counter::new();
        for crossings in 0..1_000 {
            assert_eq!(counter.core().reached().crossings, crossings);
            counter.add(1);
            assert_eq!(counter.core().arrive(0), Some(crossings));
            counter.done();
            counter.add(1);
            counter.done();
        }
    }

    /// A waiter that has called and does not stand in the list yet, for more crossings than the
    /// state can tell apart.
    #[test]
    fn no_number_of_zeros_hides_one() {
        let counter = Counter::new();
        counter.add(1);
        let since = counter.core().arrive(0).unwrap();
        for _ in 0..u64::MAX / CROSSING + 1 {
            counter.core().arrive(0).unwrap();
            counter.done();
            counter.add(1);
        }
        let probe = Probe::new();
        let wish = Wish { since, level: 0 };
        let core = counter.core();
        // SAFETY: the probe outlives the counter.
        let waits = unsafe { AtMost { core, wish }.register(probe.node()) };
        assert!(waits);
        assert_eq!(probe.outcome(), Some(Wake::Signalled));
        counter.done();
    }

    #[test]
    fn ticket_keeps_the_counter() {
        let counter = Counter::new();
        let probe = Probe::new();
        let ticket = counter.ticket();
        // SAFETY: the probe outlives the counter.
        let registered = unsafe { counter.register(probe.node()) };
        assert!(matches!(registered, Continuation::Registered));
        drop(counter);
        assert_eq!(probe.outcome(), None);
        ticket.finish().unwrap();
        assert_eq!(probe.outcome(), Some(Wake::Signalled));
    }

    /// The state has room for what is carried, since that has an end, and `add` knows that it is no
    /// part of the count.
    #[test]
    fn what_is_carried_has_an_end() {
        if !crate::primitive::barrier::is_asymmetric() {
            return;
        }
        let counter = Counter::new();
        let jobs: Vec<Ticket> = (0..2_000).map(|_| counter.ticket()).collect();
        let mut jobs = jobs.into_iter();
        let load = jobs.next().unwrap().finish_or_carry().unwrap().unwrap();
        let mut carried = 0;
        while jobs.next().unwrap().add_to(&load) {
            carried += 1;
        }
        assert!(carried < 1_100);
        let others = jobs.len() as u32;
        assert!(counter.core().now() > others);
        counter.add((MOST_BY_HAND as u32) - others);
        assert_eq!(counter.count(), MOST_BY_HAND as u32);
        assert_eq!(load.set_down(), 0);
        jobs.for_each(|job| job.finish().unwrap());
        assert_eq!(counter.count(), MOST_BY_HAND as u32 - others);
    }

    /// A thread wakes one waiter; another waiter calls as soon as that one's zero is over, and a
    /// third thread makes the next zero come and go at once.
    #[test]
    fn stress_zeros_during_anothers_wake() {
        const ROUNDS: u32 = if cfg!(debug_assertions) { 500 } else { 5000 };
        let spin_until = |condition: &dyn Fn() -> bool| {
            while !condition() {
                thread::yield_now();
            }
        };
        let counter = Counter::new();
        let (early, late) = (AtomicU32::new(0), AtomicU32::new(0));
        let (start, end) = (Barrier::new(4), Barrier::new(4));
        let each_round = |part: &dyn Fn(u32)| {
            for round in 1..=ROUNDS {
                start.wait();
                part(round);
                end.wait();
            }
        };
        let (counter, early, late) = (&counter, &early, &late);
        let call_and_say = |called: &AtomicU32, round| {
            let since = counter.core().arrive(0).expect("the count is one");
            called.store(round, Ordering::Release);
            let wish = Wish { since, level: 0 };
            let core = counter.core();
            crate::wait::ThreadWaiter::wait_for(
                &AtMost { core, wish },
                crate::wait::Patience::Spin,
                crate::wait::Deadline::NONE,
            );
        };
        thread::scope(|s| {
            s.spawn(|| {
                each_round(&|round| {
                    spin_until(&|| early.load(Ordering::Acquire) == round);
                    counter.done();
                });
            });
            s.spawn(|| {
                each_round(&|round| {
                    spin_until(&|| counter.is_zero());
                    counter.add(1);
                    call_and_say(late, round);
                });
            });
            s.spawn(|| {
                each_round(&|round| {
                    spin_until(&|| late.load(Ordering::Acquire) == round);
                    counter.done();
                    counter.add(1);
                });
            });
            counter.add(1);
            each_round(&|round| call_and_say(early, round));
        });
        assert_eq!(counter.count(), 1);
    }

    #[test]
    fn stress() {
        const THREADS: u32 = 3;
        const ROUNDS: usize = if cfg!(debug_assertions) { 200 } else { 2000 };
        let counter = Counter::new();
        let (start, end) = (Barrier::new(4), Barrier::new(4));
        thread::scope(|s| {
            for level in 0..THREADS {
                let (counter, start, end) = (counter.clone(), &start, &end);
                s.spawn(move || {
                    for _ in 0..ROUNDS {
                        start.wait();
                        counter.done();
                        counter.wait_until(Blocking, level);
                        end.wait();
                    }
                });
            }
            for _ in 0..ROUNDS {
                counter.add(THREADS);
                start.wait();
                counter.wait(Blocking);
                end.wait();
            }
        });
    }
}

#[cfg(loom)]
mod carried;
#[cfg(loom)]
mod model;
#[cfg(loom)]
mod zeros;
