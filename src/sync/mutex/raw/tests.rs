//! What the bits say while waiters come, lose, and are served.

use super::*;
use crate::wait::testing::Probe;

fn bits(mutex: &RawMutex) -> u32 {
    mutex.word.load(Ordering::Relaxed)
}

fn register(mutex: &RawMutex, probe: &Probe, has_waited: bool, is_owed: bool) -> bool {
    let attempt = Attempt {
        mutex,
        has_waited,
        is_owed,
        end: Cell::new(End::Woken),
    };
    // SAFETY: each test registers a probe once, and keeps it until it is delivered.
    unsafe { attempt.register(probe.node()) }
}

fn unlock(mutex: &RawMutex) {
    // SAFETY: each test unlocks what it has locked, or what was handed to a probe.
    unsafe { mutex.unlock() };
}

const SIGNALLED: Option<Wake> = Some(Wake::Signalled);

#[test]
fn an_unlock_wakes_one_and_no_other_before_that_has_tried() {
    let mutex = RawMutex::new();
    let [first, second] = [Probe::new(), Probe::new()];
    assert!(mutex.try_lock());
    assert!(register(&mutex, &first, false, false));
    assert!(register(&mutex, &second, false, false));
    assert_eq!(bits(&mutex), LOCKED | WAITERS);
    unlock(&mutex);
    assert_eq!(bits(&mutex), WAITERS | WOKEN);
    assert_eq!([first.outcome(), second.outcome()], [SIGNALLED, None]);
    assert!(mutex.try_lock());
    unlock(&mutex);
    assert_eq!(second.outcome(), None);
    assert!(mutex.try_again());
    assert_eq!(bits(&mutex), LOCKED | WAITERS);
    unlock(&mutex);
    assert_eq!(second.outcome(), SIGNALLED);
    assert!(mutex.try_again());
    unlock(&mutex);
    assert_eq!(bits(&mutex), 0);
}

/// Whoever is owed the lock does not wait for one that has been woken and does not come.
#[test]
fn the_next_unlock_serves_who_is_owed_the_lock() {
    let mutex = RawMutex::new();
    let [woken, waiting, owed] = [Probe::new(), Probe::new(), Probe::new()];
    assert!(mutex.try_lock());
    assert!(register(&mutex, &woken, false, false));
    assert!(register(&mutex, &waiting, false, false));
    unlock(&mutex);
    assert!(mutex.try_lock());
    assert!(register(&mutex, &owed, true, true));
    assert_eq!(bits(&mutex), LOCKED | WAITERS);
    unlock(&mutex);
    assert_eq!([owed.outcome(), waiting.outcome()], [SIGNALLED, None]);
    assert!(!mutex.try_lock(), "it was handed over");
    assert!(!mutex.try_again());
    unlock(&mutex);
    assert_eq!(waiting.outcome(), SIGNALLED);
    assert!(mutex.try_again());
    unlock(&mutex);
    assert_eq!(bits(&mutex), 0);
}

#[test]
fn who_leaves_leaves_nothing_behind() {
    let mutex = RawMutex::new();
    let probe = Probe::new();
    assert!(mutex.try_lock());
    assert!(register(&mutex, &probe, false, false));
    let attempt = Attempt {
        mutex: &mutex,
        has_waited: false,
        is_owed: false,
        end: Cell::new(End::Woken),
    };
    // SAFETY: the probe was registered with this mutex, and nobody else leaves for it.
    assert!(unsafe { attempt.leave(probe.node()) });
    assert_eq!(bits(&mutex), LOCKED);
    unlock(&mutex);
    assert_eq!((probe.outcome(), bits(&mutex)), (None, 0));
}
