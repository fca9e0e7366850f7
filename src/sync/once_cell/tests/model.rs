//! The value is made once, by one at a time, and nobody is left waiting.

use std::time::Instant;

use super::turn::{Waiting, Wants};
use super::*;
use crate::primitive::{Arc, thread};
use crate::sched::Blocking;
use crate::sync::Event;
use crate::wait::sealed::Sealed;
use crate::wait::testing::{Evidence, Probe, explore};
use crate::wait::{Arm, Source, Wake};

type Shared = Arc<(OnceCell<u32>, Evidence)>;

fn shared() -> Shared {
    Arc::new((OnceCell::new(), Evidence::new()))
}

fn spawn<T: 'static>(
    shared: &Shared,
    part: impl FnOnce(&OnceCell<u32>, &Evidence) -> T + 'static,
) -> thread::JoinHandle<T> {
    let shared = Arc::clone(shared);
    thread::spawn(move || part(&shared.0, &shared.1))
}

/// Makes the value: the evidence shows that nobody else does at the same time.
fn make(evidence: &Evidence) -> u32 {
    evidence.add(1);
    evidence.read()
}

/// Makes it, or waits for it and is late at any moment.
fn make_in_time(cell: &OnceCell<u32>, evidence: &Evidence) -> Option<u32> {
    let late = Blocking.until(Instant::now());
    cell.get_or_init(late, |_| make(evidence)).copied().ok()
}

/// Gets it and sees what it was made of.
fn get_or_make(cell: &OnceCell<u32>, evidence: &Evidence) -> u32 {
    let value = *cell.get_or_init(Blocking, |_| make(evidence));
    assert_eq!(evidence.read(), value);
    value
}

// The threads that wait are threads of their own: `loom` can't bear that a thread is unparked while it
// joins another.

#[test]
fn loom_once_two_make_it() {
    explore(3, || {
        let shared = shared();
        let threads = [(); 2].map(|()| spawn(&shared, get_or_make));
        for thread in threads {
            assert_eq!(thread.join().unwrap(), 1);
        }
    });
}

/// One fails and the other waits for it, or does not.
#[test]
fn loom_once_one_fails_and_one_makes_it() {
    explore(3, || {
        let shared = shared();
        let fails = spawn(&shared, |cell, evidence| {
            let tried = cell.get_or_try_init(Blocking, |_| Err(make(evidence)));
            tried.copied()
        });
        let makes = spawn(&shared, get_or_make);
        match fails.join().unwrap() {
            Ok(value) => assert_eq!((value, makes.join().unwrap()), (1, 1)),
            Err(made) => assert_eq!((made, makes.join().unwrap()), (1, 2)),
        }
    });
}

/// One fails, and another only waits for what a third one sets.
#[test]
fn loom_once_one_fails_and_one_waits() {
    explore(3, || {
        let shared = shared();
        let waits = spawn(&shared, |cell, evidence| {
            let value = *cell.wait(Blocking);
            assert_eq!(evidence.read(), value);
        });
        let Err(made) = shared.0.get_or_try_init(Blocking, |_| Err(make(&shared.1))) else {
            panic!("nobody else makes it");
        };
        assert_eq!(made, 1);
        assert!(shared.0.set(make(&shared.1)).is_ok());
        waits.join().unwrap();
    });
}

/// The turn that is handed on by one that fails is not lost to one that is late.
#[test]
fn loom_once_one_fails_and_one_is_late() {
    explore(3, || {
        let shared = shared();
        let fails = shared.0.once.try_turn();
        let hasty = spawn(&shared, make_in_time);
        drop(fails);
        assert!(matches!(hasty.join().unwrap(), None | Some(1)));
        // Whoever comes gets it, or the turn.
        assert_eq!(get_or_make(&shared.0, &shared.1), 1);
    });
}

// A queue has a lock that spins, and `loom` explores that between three threads only if they do
// little: that is why the one that fails registers the one who has time.

/// As before, with one beside it who has time: it gets the turn, or the value.
#[test]
fn loom_once_one_fails_one_is_late_and_one_has_time() {
    explore(3, || {
        let shared = shared();
        let once = &shared.0.once;
        let fails = once.try_turn();
        let hasty = spawn(&shared, make_in_time);
        let patient = Probe::new();
        // SAFETY: the probe outlives all that could deliver it.
        assert!(unsafe { Waiting::of(once, Wants::Turn).register(patient.node()) });
        drop(fails);
        let made = hasty.join().unwrap();
        assert_eq!(made, shared.0.get().copied());
        assert!(matches!(made, None | Some(1)));
        assert_eq!(patient.outcome(), Some(Wake::Signalled));
        let is_busy = matches!(once.try_turn(), Begun::Busy);
        assert_eq!(is_busy, made.is_none(), "it is the turn of the patient one");
    });
}

/// A waiter that is served otherwise while it asks for a turn that is free does not get it.
#[test]
fn loom_once_another_arm_against_register() {
    explore(3, || {
        let shared = shared();
        let event = Arc::new(Event::manual());
        let happens = Arc::clone(&event);
        let waiter = spawn(&shared, move |cell, _| {
            let turn = Waiting::of(&cell.once, Wants::Turn);
            let arms = [Arm::new(&*happens), Arm::new(&turn)];
            let (served, _) = Blocking
                .wait_for_any(&arms, Site::here(&"either"))
                .expect("it is in no hurry");
            served
        });
        event.set();
        let has_the_turn = waiter.join().unwrap() == 1;
        let is_busy = matches!(shared.0.once.try_turn(), Begun::Busy);
        assert_eq!(is_busy, has_the_turn);
    });
}
