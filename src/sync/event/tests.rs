//! Setting, resetting and waiting; models of the races between them under `--cfg loom`.

use super::*;
use crate::wait::testing::Probe;

/// Registers a waiter. False: the event lets it through.
fn register(event: &Event, probe: &Probe) -> bool {
    // SAFETY: each test registers a probe once, and keeps it until it is delivered.
    unsafe { event.register(probe.node()) }
}

const SIGNALLED: Option<Wake> = Some(Wake::Signalled);

#[cfg(not(loom))]
mod plain {
    use super::*;
    use crate::sched::Blocking;

    #[test]
    fn manual_lets_all_through_until_it_is_reset() {
        let event = Event::manual();
        let waiters = [Probe::new(), Probe::new()];
        assert!(waiters.iter().all(|probe| register(&event, probe)));
        event.set();
        assert!(waiters.iter().all(|probe| probe.outcome() == SIGNALLED));
        event.wait(Blocking);
        event.wait(Blocking);
        event.reset();
        assert!(!event.is_set());
    }

    #[test]
    fn auto_lets_one_through_for_each_set_in_order() {
        let event = Event::auto();
        let waiters = [Probe::new(), Probe::new()];
        assert!(waiters.iter().all(|probe| register(&event, probe)));
        event.set();
        assert_eq!(waiters.each_ref().map(Probe::outcome), [SIGNALLED, None]);
        event.set();
        assert_eq!(waiters[1].outcome(), SIGNALLED);
        assert!(!event.is_set());
    }

    #[test]
    fn sets_of_an_auto_event_do_not_add_up() {
        let event = Event::auto();
        event.set();
        event.set();
        event.wait(Blocking);
        assert!(!event.is_set());
        event.set();
        event.reset();
        assert!(!event.is_set());
    }
}

#[cfg(loom)]
mod model {
    use super::*;
    use crate::primitive::{Arc, thread};
    use crate::sched::Blocking;
    use crate::wait::testing::{Evidence, explore};

    struct Stage {
        event: Event,
        waiters: [Probe; 2],
        evidence: Evidence,
    }

    impl Stage {
        fn new(event: Event) -> Arc<Self> {
            Arc::new(Self {
                event,
                waiters: [Probe::new(), Probe::new()],
                evidence: Evidence::new(),
            })
        }

        fn register(&self, waiter: usize) -> bool {
            register(&self.event, &self.waiters[waiter])
        }

        fn outcomes(&self) -> [Option<Wake>; 2] {
            self.waiters.each_ref().map(Probe::outcome)
        }

        /// How many have got through: those that need not wait, and those that were woken.
        fn count_through(&self, registered: [bool; 2]) -> usize {
            let woken = self.outcomes().map(|outcome| outcome.is_some());
            (0..2).filter(|&n| !registered[n] || woken[n]).count()
        }
    }

    fn spawn<T: 'static>(
        stage: &Arc<Stage>,
        part: impl FnOnce(&Stage) -> T + 'static,
    ) -> thread::JoinHandle<T> {
        let stage = Arc::clone(stage);
        thread::spawn(move || part(&stage))
    }

    /// Set before, while and after it is waited for; what came before is visible.
    #[test]
    fn loom_wait_against_set() {
        for event in [Event::manual, Event::auto] {
            explore(3, move || {
                let stage = Stage::new(event());
                let waiter = spawn(&stage, |stage| {
                    stage.event.wait(Blocking);
                    assert_eq!(stage.evidence.read(), 1);
                });
                stage.evidence.add(1);
                stage.event.set();
                waiter.join().unwrap();
            });
        }
    }

    #[test]
    fn loom_manual_set_and_reset_against_register() {
        explore(3, || {
            let stage = Stage::new(Event::manual());
            let waiters = [0, 1].map(|n| spawn(&stage, move |stage| stage.register(n)));
            stage.event.set();
            stage.event.reset();
            let registered = waiters.map(|waiter| waiter.join().unwrap());
            for (registered, outcome) in registered.into_iter().zip(stage.outcomes()) {
                assert!(registered || outcome.is_none());
            }
            assert!(!stage.event.is_set());
            stage.event.set();
            for (registered, outcome) in registered.into_iter().zip(stage.outcomes()) {
                assert_eq!(outcome, registered.then_some(Wake::Signalled));
            }
        });
    }

    #[test]
    fn loom_manual_two_sets_against_two_waiters() {
        explore(2, || {
            let stage = Stage::new(Event::manual());
            let waiters = [0, 1].map(|_| spawn(&stage, |stage| stage.event.wait(Blocking)));
            let setter = spawn(&stage, |stage| stage.event.set());
            stage.event.set();
            waiters.into_iter().for_each(|w| w.join().unwrap());
            setter.join().unwrap();
            assert!(stage.event.is_set());
        });
    }

    /// Each set finds somebody who waits, so none is for nothing.
    #[test]
    fn loom_auto_two_sets_for_two_who_wait() {
        explore(None, || {
            let stage = Stage::new(Event::auto());
            assert!(stage.register(0) && stage.register(1));
            let setter = spawn(&stage, |stage| stage.event.set());
            stage.event.set();
            setter.join().unwrap();
            assert_eq!(stage.outcomes(), [SIGNALLED; 2]);
            assert!(!stage.event.is_set());
        });
    }

    // An auto event has a lock that spins, and `loom` explores such a lock only between two
    // threads: that is why one thread registers both waiters.

    /// One set lets one through, no matter when.
    #[test]
    fn loom_auto_one_set_against_two_waiters() {
        explore(None, || {
            let stage = Stage::new(Event::auto());
            let waiters = spawn(&stage, |stage| [stage.register(0), stage.register(1)]);
            stage.event.set();
            let registered = waiters.join().unwrap();
            assert_eq!(stage.count_through(registered), 1);
            assert!(!stage.event.is_set());
            stage.event.set();
            assert_eq!(stage.count_through(registered), 2);
        });
    }

    /// Two sets let one or two through, and what they did not use is not left set.
    #[test]
    fn loom_auto_two_sets_against_two_waiters() {
        explore(None, || {
            let stage = Stage::new(Event::auto());
            let other = spawn(&stage, |stage| {
                stage.event.set();
                stage.register(0)
            });
            stage.event.set();
            let registered = stage.register(1);
            let registered = [other.join().unwrap(), registered];
            if stage.count_through(registered) < 2 {
                assert!(!stage.event.is_set());
                stage.event.set();
            }
            assert_eq!(stage.count_through(registered), 2);
        });
    }

    /// One that gives up stands before another: the signal goes to the one or the other.
    #[test]
    fn loom_auto_set_passes_over_who_gives_up() {
        explore(2, || {
            let stage = Stage::new(Event::auto());
            let token = crate::sync::CancelToken::new();
            let impatient = {
                let token = token.clone();
                spawn(&stage, move |stage| {
                    stage.event.wait(Blocking.or_cancelled(&token)).is_ok()
                })
            };
            token.cancel();
            assert!(stage.register(0));
            stage.event.set();
            let got = impatient.join().unwrap();
            assert_eq!(got, stage.waiters[0].outcome().is_none());
            if got {
                stage.event.set(); // for the other
            }
            assert!(!stage.event.is_set());
        });
    }

    /// What the one did before its set is visible to the one that it lets through.
    #[test]
    fn loom_auto_hands_over() {
        explore(3, || {
            let stage = Stage::new(Event::auto());
            stage.event.set();
            let users = [(); 2].map(|()| {
                spawn(&stage, |stage| {
                    stage.event.wait(Blocking);
                    stage.evidence.add(1);
                    stage.event.set();
                })
            });
            users.into_iter().for_each(|user| user.join().unwrap());
            assert!(stage.event.is_set());
            assert_eq!(stage.evidence.read(), 2);
        });
    }
}
