//! One generation after the other, each with one leader, and those who are late are not counted.

use std::time::Instant;

use super::*;
use crate::primitive::{Arc, thread};
use crate::sched::Blocking;
use crate::wait::testing::{Evidence, explore};

type Shared = Arc<(Barrier, [Evidence; 2])>;

fn shared(n: usize) -> Shared {
    Arc::new((Barrier::new(n), [Evidence::new(), Evidence::new()]))
}

fn spawn<T: 'static>(
    shared: &Shared,
    part: impl FnOnce(&Barrier, &[Evidence; 2]) -> T + 'static,
) -> thread::JoinHandle<T> {
    let shared = Arc::clone(shared);
    thread::spawn(move || part(&shared.0, &shared.1))
}

fn assert_at_rest(barrier: &Barrier, generation: usize) {
    let state = |state: &mut State| (state.generation, state.arrived, state.waiters.is_empty());
    assert_eq!(barrier.state.with(state), (generation, 0, true));
}

/// Each sees what the other did before, and each time one of them leads.
#[test]
fn loom_barrier_two_generations() {
    explore(3, || {
        let shared = shared(2);
        let leads = [0, 1].map(|me| {
            spawn(&shared, move |barrier, evidence| {
                [1, 2].map(|round| {
                    evidence[me].add(1);
                    let leads = barrier.wait(Blocking).is_leader();
                    assert!(evidence[1 - me].read() == round);
                    // The other one writes only when this one has read.
                    barrier.wait(Blocking);
                    leads
                })
            })
        });
        let [one, other] = leads.map(|leads| leads.join().unwrap());
        assert!((0..2).all(|round| one[round] != other[round]));
        assert_at_rest(&shared.0, 4);
    });
}

/// The last one against one that is late: both are through, or the late one has never been there.
#[test]
fn loom_barrier_late_against_the_last() {
    explore(3, || {
        let shared = shared(2);
        let hasty = spawn(&shared, |barrier, evidence| {
            evidence[0].add(1);
            match barrier.wait(Blocking.until(Instant::now())) {
                Ok(through) => Some(through.is_leader()),
                Err(_) => None,
            }
        });
        let patient = spawn(&shared, |barrier, evidence| {
            let through = barrier.wait(Blocking.until(Instant::now()));
            through.ok().map(|through| {
                assert_eq!(evidence[0].read(), 1);
                through.is_leader()
            })
        });
        match [hasty, patient].map(|waiter| waiter.join().unwrap()) {
            [Some(one), Some(other)] => {
                assert_ne!(one, other, "one leads");
                assert_at_rest(&shared.0, 1);
            }
            [None, None] => assert_at_rest(&shared.0, 0),
            apart => panic!("they don't agree: {apart:?}"),
        }
    });
}

/// One takes its arrival back, and comes again: nobody is let through by what was taken back.
#[test]
fn loom_barrier_an_arrival_is_taken_back() {
    let take_back = |arrival: Arrival<'_>| ManuallyDrop::new(arrival).take_back();
    explore(3, move || {
        let shared = shared(2);
        let first = shared.0.arrive().expect("it is the first");
        let hasty = spawn(&shared, |barrier, _| {
            barrier.wait(Blocking.until(Instant::now())).is_ok()
        });
        let first_is_back = take_back(first);
        let second = shared.0.arrive();
        let hasty_is_through = hasty.join().unwrap();
        match second {
            None => assert!(hasty_is_through, "the second was the last"),
            // It has been used if the hasty one is through, unless the first one has been.
            Some(second) => assert_eq!(take_back(second), !(hasty_is_through && first_is_back)),
        }
        assert!(first_is_back || hasty_is_through);
        assert_at_rest(&shared.0, usize::from(hasty_is_through));
    });
}
