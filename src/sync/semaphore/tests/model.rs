//! No permit is lost or made, nobody is overtaken, and nobody waits for what is there.

use std::ptr::NonNull;
use std::time::Instant;

use super::raw::Acquire;
use super::*;
use crate::primitive::{Arc, thread};
use crate::sched::Blocking;
use crate::sync::Event;
use crate::wait::sealed::Sealed;
use crate::wait::testing::{Evidence, Probe, explore};
use crate::wait::{Arm, Source, Wake};

type Shared = Arc<(Semaphore, Evidence)>;

fn shared(permits: usize) -> Shared {
    Arc::new((Semaphore::new(permits), Evidence::new()))
}

fn spawn<T: 'static>(
    shared: &Shared,
    part: impl FnOnce(&Semaphore, &Evidence) -> T + 'static,
) -> thread::JoinHandle<T> {
    let shared = Arc::clone(shared);
    thread::spawn(move || part(&shared.0, &shared.1))
}

/// Takes permits for good, or is late at any moment; says how many.
fn take_in_time(semaphore: &Semaphore, n: usize) -> usize {
    match semaphore.acquire(Blocking.until(Instant::now()), n) {
        Ok(permits) => {
            permits.forget();
            n
        }
        Err(_) => 0,
    }
}

/// So many permits are there, and nobody waits.
fn assert_at_rest(semaphore: &Semaphore, permits: usize) {
    assert_eq!(semaphore.available_permits(), permits);
    assert!(semaphore.try_acquire(permits).is_some());
}

/// A waiter that stands in the queue until it is served.
struct Patient<'a> {
    probe: Probe,
    wait: Acquire<'a>,
}

impl<'a> Patient<'a> {
    fn new(semaphore: &'a Semaphore, n: usize) -> Self {
        Self {
            probe: Probe::new(),
            wait: Acquire {
                semaphore: &semaphore.raw,
                n,
            },
        }
    }

    fn node(&self) -> NonNull<crate::wait::WaitNode> {
        self.probe.node()
    }

    /// False: it has its permits already.
    fn register(&self) -> bool {
        // SAFETY: each is registered once, and kept until all is over.
        unsafe { self.wait.register(self.node()) }
    }

    fn is_served(&self) -> bool {
        self.probe.outcome() == Some(Wake::Signalled)
    }
}

/// One permit for two: each has it to itself, and sees what the other did.
#[test]
fn loom_semaphore_two_take_turns() {
    explore(3, || {
        let shared = shared(1);
        let users = [(); 2].map(|()| {
            spawn(&shared, |semaphore, evidence| {
                let _permit = semaphore.acquire(Blocking, 1);
                evidence.add(1);
            })
        });
        users.into_iter().for_each(|user| user.join().unwrap());
        assert_eq!(shared.1.read(), 2);
        assert_at_rest(&shared.0, 1);
    });
}

// A queue has a lock that spins, and `loom` explores that between three threads only if they do
// little: that is why some waiters are registered by the thread that releases.

/// A release that is not enough, and one that is.
#[test]
fn loom_semaphore_permits_come_bit_by_bit() {
    explore(3, || {
        let shared = shared(0);
        let waiter = spawn(&shared, |semaphore, evidence| {
            semaphore.acquire(Blocking, 2).forget();
            assert_eq!(evidence.read(), 2);
        });
        for _ in 0..2 {
            shared.1.add(1);
            shared.0.release(1);
        }
        waiter.join().unwrap();
        assert_at_rest(&shared.0, 0);
    });
}

/// The permits that one waits for come from two.
#[test]
fn loom_semaphore_two_release_what_one_waits_for() {
    explore(3, || {
        let shared = shared(0);
        let patient = Patient::new(&shared.0, 2);
        assert!(patient.register());
        let others = [(); 2].map(|()| spawn(&shared, |semaphore, _| semaphore.release(1)));
        others.into_iter().for_each(|other| other.join().unwrap());
        assert!(patient.is_served());
        assert_at_rest(&shared.0, 0);
    });
}

/// A late waiter against the release of what it waits for: either it has the permit, or the
/// semaphore.
#[test]
fn loom_semaphore_late_against_release() {
    explore(None, || {
        let shared = shared(0);
        let hasty = spawn(&shared, |semaphore, _| take_in_time(semaphore, 1));
        shared.0.release(1);
        let taken = hasty.join().unwrap();
        assert_at_rest(&shared.0, 1 - taken);
    });
}

/// A permit for one that gives up goes to the one behind it.
#[test]
fn loom_semaphore_late_with_one_behind_against_release() {
    explore(3, || {
        let shared = shared(0);
        let hasty = spawn(&shared, |semaphore, _| take_in_time(semaphore, 1));
        let patient = Patient::new(&shared.0, 1);
        let waits = patient.register();
        shared.0.release(1);
        let taken = hasty.join().unwrap();
        // Nobody is left out: if the hasty one has it, the next is for the patient one.
        if taken == 1 {
            assert!(waits && patient.probe.outcome().is_none());
            shared.0.release(1);
        }
        assert!(!waits || patient.is_served());
        assert_at_rest(&shared.0, 0);
    });
}

/// One that waits for more than there is keeps up the one behind it only as long as it waits.
#[test]
fn loom_semaphore_late_for_many_with_one_behind() {
    explore(3, || {
        let shared = shared(1);
        let hasty = spawn(&shared, |semaphore, _| take_in_time(semaphore, 3));
        let patient = Patient::new(&shared.0, 1);
        let waits = patient.register();
        shared.0.release(1);
        assert_eq!(hasty.join().unwrap(), 0, "there are never so many");
        assert!(!waits || patient.is_served());
        assert_at_rest(&shared.0, 1);
    });
}

/// Nobody takes what the first waiter needs.
#[test]
fn loom_semaphore_many_are_not_overtaken() {
    explore(3, || {
        let shared = shared(1);
        let patient = Patient::new(&shared.0, 2);
        assert!(patient.register());
        let thief = spawn(&shared, |semaphore, _| {
            semaphore
                .try_acquire(1)
                .map(SemaphorePermit::forget)
                .is_some()
        });
        shared.0.release(1);
        assert!(!thief.join().unwrap(), "it takes what is not there");
        assert!(patient.is_served());
        assert_at_rest(&shared.0, 0);
    });
}

/// A registration finds the permits that are given back while it comes.
#[test]
fn loom_semaphore_register_against_two_that_give_back() {
    explore(3, || {
        let shared = shared(2);
        let user = spawn(&shared, |semaphore, evidence| {
            if let Some(permit) = semaphore.try_acquire(1) {
                evidence.add(1);
                drop(permit);
            }
        });
        let patient = Patient::new(&shared.0, 2);
        let waits = patient.register();
        if !waits {
            shared.1.add(1);
            shared.0.release(2);
        }
        user.join().unwrap();
        if waits {
            assert!(patient.is_served());
            shared.0.release(2);
        }
        assert_at_rest(&shared.0, 2);
    });
}

/// A waiter that is served otherwise while it asks for a permit that is there takes none.
#[test]
fn loom_semaphore_another_arm_against_register() {
    explore(3, || {
        let shared = shared(1);
        let event = Arc::new(Event::manual());
        let happens = Arc::clone(&event);
        let waiter = spawn(&shared, move |semaphore, _| {
            let semaphore = &semaphore.raw;
            let permit = Acquire { semaphore, n: 1 };
            let arms = [Arm::new(&*happens), Arm::new(&permit)];
            let (served, _) = Blocking
                .wait_for_any(&arms, Site::here(&"either"))
                .expect("it is in no hurry");
            served
        });
        event.set();
        let taken = waiter.join().unwrap();
        assert_at_rest(&shared.0, 1 - taken);
    });
}
