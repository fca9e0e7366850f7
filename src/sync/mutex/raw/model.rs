//! A model of a wait for several things, of which the lock is one: nobody waits so, but `Source` lets
//! whoever gives something away be asked for it in such a wait.

use super::*;
use crate::primitive::{Arc, thread};
use crate::sched::Blocking;
use crate::sync::Event;
use crate::wait::Arm;
use crate::wait::sealed::Sealed;
use crate::wait::testing::explore;

/// A waiter that is served otherwise while it finds the lock free does not get it.
#[test]
fn loom_mutex_another_arm_against_register() {
    explore(3, || {
        let shared = Arc::new((RawMutex::new(), Event::manual()));
        let waiter = {
            let shared = Arc::clone(&shared);
            thread::spawn(move || {
                let (mutex, event) = &*shared;
                let attempt = Attempt {
                    mutex,
                    has_waited: false,
                    is_owed: false,
                    end: Cell::new(End::Woken),
                };
                let arms = [Arm::new(event), Arm::new(&attempt)];
                let (served, _) = Blocking
                    .wait_for_any(&arms, Site::here(&"either"))
                    .expect("it is in no hurry");
                let got_it = matches!(attempt.end.get(), End::Locked);
                assert_eq!(got_it, served == 1);
                got_it
            })
        };
        shared.1.set();
        let got_it = waiter.join().unwrap();
        assert_eq!(shared.0.is_locked(), got_it);
    });
}
