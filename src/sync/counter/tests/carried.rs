//! Models of what is carried, against those who look at the count, wait for a level or for zero, and
//! let go of the counter.

use super::carry::Load;
use super::model::*;
use super::*;
use crate::primitive::{Arc, thread};
use crate::wait::testing::{Evidence, Probe};

/// Ends a job as a worker does that carries.
fn add(load: Load, job: Ticket) -> Option<Load> {
    if job.add_to(&load) {
        return Some(load);
    }
    assert_eq!(load.set_down(), 0);
    None
}

/// Ends `jobs` one after the other, as a worker does that has nothing else to do.
fn work_off(jobs: impl IntoIterator<Item = Ticket>) {
    let mut load: Option<Load> = None;
    for job in jobs {
        load = match load {
            Some(load) => add(load, job),
            None => job.finish_or_carry().unwrap(),
        };
    }
    if let Some(load) = load {
        assert_eq!(load.set_down(), 0);
    }
}

/// One that has begun to carry: one job of three has ended.
fn laden(counter: &Counter) -> (Load, Ticket, Ticket) {
    let [first, second, third] = [(); 3].map(|()| counter.ticket());
    let load = first.finish_or_carry().unwrap();
    (load.expect("there are many"), second, third)
}

// Where it matters what others see of `added`, the one that carries is the model's first thread, which runs
// before the others until they interrupt it. `loom` would not let a later one run before their loads: it
// compares a store with the last access only, and `add` itself reads `added` before it.

/// What has ended is counted by whoever comes after its end, also while it is carried.
#[test]
fn loom_count_takes_what_is_carried() {
    explore_blocks(3, || {
        let done = Arc::new(Evidence::new());
        let counter = counter(0);
        let (load, second, third) = laden(&counter);
        let looker = {
            let done = Arc::clone(&done);
            spawn(&counter, move |counter| {
                if counter.count() == 1 {
                    assert_eq!(done.read(), 1);
                }
            })
        };
        done.add(1);
        if let Some(load) = add(load, second) {
            load.set_down();
        }
        join([looker]);
        assert_eq!(counter.count(), 1);
        third.finish().unwrap();
        assert!(counter.is_zero());
    });
}

/// Two look while jobs are added: who sees that the other has taken some out sees that they were added.
#[test]
fn loom_two_look_while_one_carries() {
    explore_blocks(2, || {
        let counter = counter(1);
        let (load, second, third) = laden(&counter);
        let lookers = [(); 2].map(|()| {
            spawn(&counter, |counter| {
                assert!(matches!(counter.count(), 1..=3));
            })
        });
        let load = add(load, second).expect("there is room");
        let load = add(load, third).expect("there is room");
        join(lookers);
        load.set_down();
        assert_eq!(counter.count(), 1);
        counter.done();
    });
}

/// Two take out of one share: each job is lowered once. One may look when the other has taken it out
/// and is about to lower the count.
#[test]
fn loom_two_take_out_what_is_carried() {
    explore_blocks(3, || {
        let counter = counter(0);
        let (load, second, third) = laden(&counter);
        let load = add(load, second).expect("there is room");
        let other = spawn(&counter, |counter| assert_ne!(counter.count(), 0));
        load.set_down();
        assert_ne!(counter.count(), 0);
        join([other]);
        assert_eq!(counter.count(), 1);
        third.finish().unwrap();
        assert!(counter.is_zero());
    });
}

/// Who waits for a level is woken by a job that is carried, however long the next one takes.
#[test]
fn loom_level_against_one_that_carries() {
    explore_blocks(3, || {
        let probe = Arc::new(Probe::new());
        let counter = counter(0);
        let (load, second, third) = laden(&counter);
        let worker = thread::spawn(move || add(load, second));
        let registered = register(&counter, &probe, 1);
        // It goes on to the third one, and whatever it carries, it carries for as long as that takes.
        let load = worker.join().unwrap();
        assert_eq!(probe.outcome(), registered.then_some(Wake::Signalled));
        drop(counter);
        match load {
            Some(load) => drop(add(load, third).map(Load::set_down)),
            None => third.finish().unwrap(),
        }
    });
}

/// Two close the shares at a time, and neither relies on the other.
#[test]
fn loom_two_levels_against_one_that_carries() {
    explore_blocks(2, || {
        let probes = Arc::new([Probe::new(), Probe::new()]);
        let counter = counter(0);
        let (load, second, third) = laden(&counter);
        let load = add(load, second).expect("there is room");
        let other = {
            let probes = Arc::clone(&probes);
            let counter = counter.clone();
            thread::spawn(move || register(&counter, &probes[0], 1))
        };
        let registered = [register(&counter, &probes[1], 1), other.join().unwrap()];
        assert_eq!(
            probes[1].outcome(),
            registered[0].then_some(Wake::Signalled)
        );
        assert_eq!(
            probes[0].outcome(),
            registered[1].then_some(Wake::Signalled)
        );
        load.set_down();
        third.finish().unwrap();
    });
}

/// Nobody begins to carry for a counter that somebody waits for a level of.
#[test]
fn loom_level_against_one_that_begins_to_carry() {
    explore_blocks(3, || {
        let probe = Arc::new(Probe::new());
        let counter = counter(0);
        let [first, second, third] = [(); 3].map(|()| counter.ticket());
        let worker = thread::spawn(move || match first.finish_or_carry().unwrap() {
            Some(load) => add(load, second),
            None => {
                second.finish().unwrap();
                None
            }
        });
        let registered = register(&counter, &probe, 1);
        let load = worker.join().unwrap();
        assert_eq!(probe.outcome(), registered.then_some(Wake::Signalled));
        if let Some(load) = load {
            load.set_down();
        }
        third.finish().unwrap();
    });
}

/// The zero is reached by one that sets down what it carries, or by another one; either wakes.
#[test]
fn loom_two_carry_against_a_waiter() {
    explore_blocks(2, || {
        let parts = Arc::new([Evidence::new(), Evidence::new()]);
        let counter = counter(0);
        let jobs = [(); 2].map(|()| [counter.ticket(), counter.ticket()]);
        let mut workers = jobs.into_iter().zip([0, 1]).map(|(jobs, n)| {
            let parts = Arc::clone(&parts);
            move || {
                parts[n].add(1);
                work_off(jobs);
            }
        });
        let (first, second) = (workers.next().unwrap(), workers.next().unwrap());
        let other = thread::spawn(first);
        let waiter = spawn(&counter, move |counter| {
            counter.wait(Blocking);
            assert_eq!([parts[0].read(), parts[1].read()], [1, 1]);
        });
        second();
        join([other, waiter]);
    });
}

/// The last handle goes while jobs are carried: whoever gives up the last reference frees the block.
#[test]
fn loom_carried_against_the_last_handle() {
    explore_blocks(3, || {
        let counter = counter(0);
        let (load, second, third) = laden(&counter);
        let worker = thread::spawn(move || {
            if let Some(load) = add(load, second) {
                load.set_down();
            }
        });
        let other = thread::spawn(move || third.finish().unwrap());
        let _ = counter.count();
        drop(counter);
        join([worker, other]);
    });
}

/// Two begin to carry at the same time: each has a share of its own.
#[test]
fn loom_two_begin_to_carry() {
    explore_blocks(2, || {
        let counter = counter(1);
        let other = {
            let jobs = [counter.ticket(), counter.ticket()];
            thread::spawn(move || work_off(jobs))
        };
        let third = {
            let jobs = [counter.ticket(), counter.ticket()];
            thread::spawn(move || work_off(jobs))
        };
        join([other, third]);
        assert_eq!(counter.count(), 1);
        counter.done();
    });
}

/// One begins to carry in the share that another has just left: it goes on from the numbers there.
#[test]
fn loom_one_carries_after_another() {
    explore_blocks(3, || {
        let counter = counter(1);
        let (load, second, third) = laden(&counter);
        let other = {
            let jobs = [third, counter.ticket()];
            thread::spawn(move || work_off(jobs))
        };
        let load = add(load, second).expect("there is room");
        assert_eq!(load.set_down(), 0);
        join([other]);
        assert_eq!(counter.count(), 1);
        counter.done();
    });
}
