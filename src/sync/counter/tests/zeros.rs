//! Models of zeros that come and go around a wait: it is ended by each since its call, and by none
//! before.

use super::model::*;
use super::*;
use crate::primitive::{Arc, thread};
use crate::wait::testing::Probe;

/// A call after a crossing is not ended by it, and one from before is, when the bits that the state
/// has for crossings overflow meanwhile.
#[test]
fn loom_crossings_overflow() {
    explore_blocks(3, || {
        let probes = Arc::new([Probe::new(), Probe::new()]);
        let counter = counter_after_crossings(u64::MAX / CROSSING, 1);
        assert!(register(&counter, &probes[0], 0));
        let late = {
            let probes = Arc::clone(&probes);
            spawn(&counter, move |counter| {
                counter.add(1);
                if let Some(since) = counter.core().arrive(0) {
                    assert!(since >= u64::MAX / CROSSING);
                    assert!(register_since(&counter, &probes[1], since));
                }
            })
        };
        counter.done();
        join([late]);
        assert_eq!(counter.count(), 1);
        counter.done();
        assert!(probes.iter().all(|probe| probe.outcome() == SIGNALLED));
    });
}

/// A call in the middle of another's wake is ended by the next zero, also by one that is over
/// before the waiter stands in the list, and before that wake is over.
#[test]
fn loom_zero_that_comes_and_goes_during_anothers_wake() {
    explore_blocks(3, || {
        let probes = Arc::new([Probe::new(), Probe::new()]);
        let counter = counter(1);
        assert!(register(&counter, &probes[0], 0));
        let late = {
            let probes = Arc::clone(&probes);
            let counter = counter.clone();
            thread::spawn(move || {
                if !counter.is_zero() {
                    return false;
                }
                counter.add(1);
                // The call. The other thread may be anywhere in its wake.
                let since = counter.core().arrive(0).unwrap();
                counter.done();
                counter.add(1);
                register_since(&counter, &probes[1], since)
            })
        };
        counter.done();
        let registered = late.join().unwrap();
        assert_eq!(probes[0].outcome(), SIGNALLED);
        assert_eq!(probes[1].outcome(), registered.then_some(Wake::Signalled));
    });
}

/// The same, but the zero comes when the waiter stands in the list, or in the hands of the first
/// waker.
#[test]
fn loom_zero_that_comes_and_goes_while_a_late_waiter_is_put_back() {
    explore_blocks(3, || {
        let probes = Arc::new([Probe::new(), Probe::new()]);
        let counter = counter(1);
        assert!(register(&counter, &probes[0], 0));
        let late = {
            let probes = Arc::clone(&probes);
            let counter = counter.clone();
            thread::spawn(move || {
                if !counter.is_zero() {
                    return false;
                }
                counter.add(1);
                assert!(register(&counter, &probes[1], 0));
                counter.done();
                counter.add(1);
                true
            })
        };
        counter.done();
        let late = late.join().unwrap();
        assert_eq!(probes[0].outcome(), SIGNALLED);
        assert_eq!(probes[1].outcome(), late.then_some(Wake::Signalled));
    });
}

/// A late waiter in the hands of who sweeps for a level is not woken by a waker that goes by for an
/// earlier zero.
#[test]
fn loom_late_waiter_in_a_sweep() {
    explore_blocks(3, || {
        let probes = Arc::new([Probe::new(), Probe::new(), Probe::new()]);
        let counter = counter(1);
        assert!(register(&counter, &probes[0], 0));
        let late = {
            let probes = Arc::clone(&probes);
            let counter = counter.clone();
            thread::spawn(move || {
                if !counter.is_zero() {
                    return false;
                }
                counter.add(3);
                assert!(register(&counter, &probes[1], 0));
                assert!(register(&counter, &probes[2], 2));
                counter.done();
                true
            })
        };
        counter.done();
        let late = late.join().unwrap();
        assert_eq!(probes[0].outcome(), SIGNALLED);
        assert_eq!(probes[1].outcome(), None);
        assert_eq!(probes[2].outcome(), late.then_some(Wake::Signalled));
        if late {
            counter.done();
            counter.done();
            assert_eq!(probes[1].outcome(), SIGNALLED);
        }
    });
}
