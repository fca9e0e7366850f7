//! Models of the count, of the references and of levels.

use std::cell::Cell;

use super::*;
use crate::primitive::{Arc, thread};
use crate::wait::testing::{Evidence, Probe, explore};

std::thread_local! {
    /// Blocks that have not been freed. A model runs on one thread of the system.
    static BLOCKS: Cell<i32> = const { Cell::new(0) };
}

impl Drop for Core {
    /// Whoever frees the block comes after everything that was done to it.
    fn drop(&mut self) {
        self.state.with_mut(|_| ());
        self.settled.with_mut(|_| ());
        BLOCKS.set(BLOCKS.get() - 1);
    }
}

pub(super) fn counter(count: u32) -> Counter {
    counter_after_crossings(0, count)
}

pub(super) fn counter_after_crossings(crossings: u64, count: u32) -> Counter {
    let counter = Counter::new();
    let core = counter.core();
    core.settled.fetch_add(crossings, Ordering::Relaxed);
    core.state
        .fetch_add(CROSSING.wrapping_mul(crossings), Ordering::Relaxed);
    BLOCKS.set(BLOCKS.get() + 1);
    counter.add(count);
    counter
}

/// Explores a model in which every block must be freed.
pub(super) fn explore_blocks(preemptions: impl Into<Option<usize>>, model: fn()) {
    explore(preemptions, move || {
        BLOCKS.set(0);
        model();
        assert_eq!(BLOCKS.get(), 0, "blocks that nobody has freed");
    });
}

pub(super) fn spawn(
    counter: &Counter,
    part: impl FnOnce(Counter) + 'static,
) -> thread::JoinHandle<()> {
    let counter = counter.clone();
    thread::spawn(move || part(counter))
}

pub(super) fn join<const N: usize>(threads: [thread::JoinHandle<()>; N]) {
    threads.into_iter().for_each(|t| t.join().unwrap());
}

/// Registers a waiter that has arrived for zero. False: it has nothing to wait for.
pub(super) fn register_since(counter: &Counter, probe: &Probe, since: u64) -> bool {
    enlist(counter, probe, Wish { since, level: 0 })
}

fn enlist(counter: &Counter, probe: &Probe, wish: Wish) -> bool {
    let core = counter.core();
    // SAFETY: the model keeps the probe to its end.
    unsafe { AtMost { core, wish }.register(probe.node()) }
}

/// Registers a waiter for `level`, as `wait_until` does. False: it has nothing to wait for.
pub(super) fn register(counter: &Counter, probe: &Probe, level: u32) -> bool {
    let arrived = counter.core().arrive(level);
    arrived.is_some_and(|since| enlist(counter, probe, Wish { since, level }))
}

pub(super) const SIGNALLED: Option<Wake> = Some(Wake::Signalled);

/// Before, during and after the registration; what came before `done` is visible.
#[test]
fn loom_wait_against_done() {
    explore_blocks(None, || {
        let evidence = Arc::new(Evidence::new());
        let counter = counter(1);
        let waiter = {
            let evidence = Arc::clone(&evidence);
            spawn(&counter, move |counter| {
                counter.wait(Blocking);
                assert_eq!(evidence.read(), 1);
            })
        };
        evidence.add(1);
        counter.done();
        join([waiter]);
    });
}

#[test]
fn loom_two_wait_for_one() {
    explore_blocks(2, || {
        let counter = counter(1);
        let waiters = [(); 2].map(|()| spawn(&counter, |counter| counter.wait(Blocking)));
        counter.done();
        join(waiters);
    });
}

#[test]
fn loom_one_waits_for_two() {
    explore_blocks(3, || {
        let parts = Arc::new([Evidence::new(), Evidence::new()]);
        let counter = counter(2);
        let waiter = {
            let parts = Arc::clone(&parts);
            spawn(&counter, move |counter| {
                counter.wait(Blocking);
                assert_eq!([parts[0].read(), parts[1].read()], [1, 1]);
            })
        };
        let other = {
            let parts = Arc::clone(&parts);
            spawn(&counter, move |counter| {
                parts[0].add(1);
                counter.done();
            })
        };
        parts[1].add(1);
        counter.done();
        join([waiter, other]);
    });
}

/// The waiter's handle may be the last one: the block lives on its stack, so to speak.
#[test]
fn loom_waiter_drops_the_counter_at_once() {
    explore_blocks(None, || {
        let counter = counter(0);
        let ticket = counter.ticket();
        let waiter = thread::spawn(move || {
            counter.wait(Blocking);
            drop(counter);
        });
        ticket.finish().unwrap();
        join([waiter]);
    });
}

/// Two tickets and the handle go at the same time: one of them frees the block.
#[test]
fn loom_tickets_against_the_last_handle() {
    explore_blocks(3, || {
        let counter = counter(0);
        let jobs = [(); 2].map(|()| {
            let ticket = counter.ticket();
            thread::spawn(move || ticket.finish().unwrap())
        });
        drop(counter);
        join(jobs);
    });
}

/// The last handle goes while a continuation waits: it is started all the same, by the last job.
#[test]
fn loom_continuation_of_jobs_whose_handle_goes() {
    explore_blocks(3, || {
        let probe = Arc::new(Probe::new());
        let counter = counter(0);
        let jobs = [(); 2].map(|()| {
            let ticket = counter.ticket();
            thread::spawn(move || ticket.finish().unwrap())
        });
        let registered = register(&counter, &probe, 0);
        drop(counter);
        join(jobs);
        assert_eq!(probe.outcome(), registered.then_some(Wake::Signalled));
    });
}

/// The last reference goes with the count above zero: what waits is abandoned, once.
#[test]
fn loom_counter_is_dropped_above_zero() {
    explore_blocks(3, || {
        let probe = Arc::new(Probe::new());
        let counter = counter(1);
        let ticket = counter.ticket();
        let other = spawn(&counter, drop);
        let job = thread::spawn(move || ticket.finish().unwrap());
        assert!(register(&counter, &probe, 0));
        drop(counter);
        join([other, job]);
        assert_eq!(probe.outcome(), Some(Wake::Abandoned));
    });
}

/// A call that begins after the count rose again is not ended by the crossing before it; one
/// from before the crossing is.
#[test]
fn loom_crossing_does_not_wake_who_comes_after_it() {
    explore_blocks(None, || {
        let probes = Arc::new([Probe::new(), Probe::new()]);
        let counter = counter(1);
        assert!(register(&counter, &probes[0], 0));
        let late = {
            let probes = Arc::clone(&probes);
            let counter = counter.clone();
            thread::spawn(move || {
                let raised = counter.is_zero();
                if raised {
                    counter.add(1);
                    assert!(register(&counter, &probes[1], 0));
                }
                raised
            })
        };
        counter.done();
        let raised = late.join().unwrap();
        assert_eq!(probes[0].outcome(), SIGNALLED);
        assert_eq!(probes[1].outcome(), None);
        if raised {
            counter.done();
            assert_eq!(probes[1].outcome(), SIGNALLED);
        }
    });
}

/// The sweep of one that finds the level low enough when it registers does not keep others from
/// being woken.
#[test]
fn loom_two_register_for_a_level_against_done() {
    explore_blocks(2, || {
        let probes = Arc::new([Probe::new(), Probe::new()]);
        let counter = counter(2);
        let waiters = [0, 1].map(|n| {
            let probes = Arc::clone(&probes);
            let counter = counter.clone();
            thread::spawn(move || register(&counter, &probes[n], 1))
        });
        counter.done();
        let registered = waiters.map(|waiter| waiter.join().unwrap());
        for (registered, probe) in registered.into_iter().zip(probes.iter()) {
            assert_eq!(probe.outcome(), registered.then_some(Wake::Signalled));
        }
    });
}

/// The count crosses zero twice while one registers: it is woken once, or finds zero.
#[test]
fn loom_register_against_two_crossings() {
    explore_blocks(2, || {
        let probes = Arc::new([Probe::new(), Probe::new()]);
        let counter = counter(1);
        assert!(register(&counter, &probes[0], 0));
        let again = spawn(&counter, |counter| {
            counter.add(1);
            counter.done();
        });
        let waiter = {
            let probes = Arc::clone(&probes);
            let counter = counter.clone();
            thread::spawn(move || register(&counter, &probes[1], 0))
        };
        counter.done();
        let registered = waiter.join().unwrap();
        join([again]);
        assert_eq!(probes[0].outcome(), SIGNALLED);
        assert_eq!(probes[1].outcome(), registered.then_some(Wake::Signalled));
        assert!(counter.is_zero());
    });
}

/// A registration that finds the count at zero takes itself back, against others that stay.
#[test]
fn loom_two_register_against_done() {
    explore_blocks(2, || {
        let probes = Arc::new([Probe::new(), Probe::new()]);
        let counter = counter(1);
        let waiters = [0, 1].map(|n| {
            let probes = Arc::clone(&probes);
            let counter = counter.clone();
            thread::spawn(move || register(&counter, &probes[n], 0))
        });
        counter.done();
        // One waiter's sweep may deliver the other.
        let registered = waiters.map(|waiter| waiter.join().unwrap());
        for (registered, probe) in registered.into_iter().zip(probes.iter()) {
            assert_eq!(probe.outcome(), registered.then_some(Wake::Signalled));
        }
    });
}

#[test]
fn loom_wait_until_against_done() {
    explore_blocks(3, || {
        let counter = counter(2);
        let waiter = spawn(&counter, |counter| {
            counter.wait_until(Blocking, 1);
            assert!(counter.count() <= 1);
        });
        counter.done();
        join([waiter]);
        counter.done();
    });
}

/// The sweep for a level against the crossing: the sweeper holds nodes that the waker must not
/// miss.
#[test]
fn loom_level_sweep_against_crossing() {
    explore_blocks(None, || {
        let probes = Arc::new([Probe::new(), Probe::new(), Probe::new()]);
        let counter = counter(2);
        for (probe, level) in probes.iter().zip([0, 1, 0]) {
            assert!(register(&counter, probe, level));
        }
        let other = spawn(&counter, |counter| counter.done());
        counter.done();
        join([other]);
        assert!(probes.iter().all(|probe| probe.outcome() == SIGNALLED));
    });
}

/// Waiters for different levels register while the count falls to the lower of them.
#[test]
fn loom_levels_register_against_done() {
    explore_blocks(2, || {
        let probes = Arc::new([Probe::new(), Probe::new()]);
        let counter = counter(2);
        let waiters = [0, 1].map(|level| {
            let probes = Arc::clone(&probes);
            let counter = counter.clone();
            thread::spawn(move || register(&counter, &probes[level as usize], level))
        });
        counter.done();
        let [zero, one] = waiters.map(|waiter| waiter.join().unwrap());
        assert_eq!(probes[0].outcome(), None);
        assert_eq!(probes[1].outcome(), one.then_some(Wake::Signalled));
        assert!(zero);
        counter.done();
        assert_eq!(probes[0].outcome(), SIGNALLED);
    });
}

/// A job's ticket that has to sweep keeps the block until it has.
#[test]
fn loom_tickets_sweep_against_the_last_handle() {
    explore_blocks(3, || {
        let probes = Arc::new([Probe::new(), Probe::new()]);
        let counter = counter(0);
        let tickets = [counter.ticket(), counter.ticket()];
        for (probe, level) in probes.iter().zip([0, 1]) {
            assert!(register(&counter, probe, level));
        }
        let jobs = tickets.map(|ticket| thread::spawn(move || ticket.finish().unwrap()));
        drop(counter);
        join(jobs);
        assert!(probes.iter().all(|probe| probe.outcome() == SIGNALLED));
    });
}
