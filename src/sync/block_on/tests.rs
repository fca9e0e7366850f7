//! The waker's flag alone; models of the races between waker and waiter under `--cfg loom`.

use super::*;
use crate::wait::testing::Probe;
use crate::wait::{Source, Wake};

/// Registers a waiter. False: the flag was up.
fn register(flag: &Flag, probe: &Probe) -> bool {
    // SAFETY: each test registers a probe once, and keeps it until it is out.
    unsafe { flag.register(probe.node()) }
}

#[cfg(not(loom))]
mod plain {
    use super::*;

    const SIGNALLED: Option<Wake> = Some(Wake::Signalled);

    #[test]
    fn raising_delivers_who_waits_once() {
        let (flag, probe) = (Flag::new(), Probe::new());
        assert!(register(&flag, &probe));
        flag.raise();
        flag.raise();
        assert_eq!(probe.outcome(), SIGNALLED);
        assert!(flag.is_raised());
    }

    #[test]
    fn a_raised_flag_lets_one_registration_through() {
        let (flag, probes) = (Flag::new(), [Probe::new(), Probe::new()]);
        flag.raise();
        flag.raise();
        assert!(!register(&flag, &probes[0]));
        assert!(register(&flag, &probes[1]), "raising does not add up");
        flag.raise();
        assert_eq!(probes.each_ref().map(Probe::outcome), [None, SIGNALLED]);
    }

    #[test]
    fn who_has_left_is_not_delivered() {
        let (flag, probe) = (Flag::new(), Probe::new());
        assert!(register(&flag, &probe));
        // SAFETY: registered above, and valid.
        assert!(unsafe { flag.leave(probe.node()) });
        flag.raise();
        assert_eq!(probe.outcome(), None);
        assert!(flag.is_raised());
    }

    #[test]
    fn who_leaves_too_late_has_been_delivered() {
        let (flag, probe) = (Flag::new(), Probe::new());
        assert!(register(&flag, &probe));
        flag.raise();
        // SAFETY: registered above, and valid.
        assert!(!unsafe { flag.leave(probe.node()) });
        assert_eq!(probe.outcome(), SIGNALLED);
    }
}

#[cfg(loom)]
mod model {
    use std::future::poll_fn;
    use std::time::Instant;

    use super::*;
    use crate::primitive::atomic::{AtomicUsize, Ordering};
    use crate::primitive::{Arc, thread};
    use crate::wait::testing::{Evidence, explore};

    /// Before, during and after the registration; delivered exactly if it was registered.
    #[test]
    fn loom_block_on_raise_against_register() {
        explore(None, || {
            let stage = Arc::new((Flag::new(), Probe::new()));
            let waker = {
                let stage = Arc::clone(&stage);
                thread::spawn(move || stage.0.raise())
            };
            let registered = register(&stage.0, &stage.1);
            waker.join().unwrap();
            assert_eq!(stage.1.outcome(), registered.then_some(Wake::Signalled));
            assert_eq!(stage.0.is_raised(), registered);
        });
    }

    /// Two wakers deliver one waiter once.
    #[test]
    fn loom_block_on_two_raise_against_register() {
        explore(3, || {
            let stage = Arc::new((Flag::new(), Probe::new()));
            let wakers = [(); 2].map(|()| {
                let stage = Arc::clone(&stage);
                thread::spawn(move || stage.0.raise())
            });
            let registered = register(&stage.0, &stage.1);
            wakers.into_iter().for_each(|waker| waker.join().unwrap());
            assert_eq!(stage.1.outcome(), registered.then_some(Wake::Signalled));
        });
    }

    /// Either the waiter leaves, or it is delivered.
    #[test]
    fn loom_block_on_raise_against_leave() {
        explore(None, || {
            let stage = Arc::new((Flag::new(), Probe::new()));
            assert!(register(&stage.0, &stage.1));
            let waker = {
                let stage = Arc::clone(&stage);
                thread::spawn(move || stage.0.raise())
            };
            // SAFETY: registered above, and valid to the end of the model.
            let left = unsafe { stage.0.leave(stage.1.node()) };
            waker.join().unwrap();
            assert_eq!(stage.1.outcome(), (!left).then_some(Wake::Signalled));
        });
    }

    /// A future that is done when `parts` others have done theirs; each calls the waker for it.
    fn done_by_others(parts: usize, polls: usize) {
        let done = Arc::new((AtomicUsize::new(0), Evidence::new()));
        let mut others = Vec::new();
        let mut polled = 0;
        let future = poll_fn(|task| {
            if others.is_empty() {
                others.extend((0..parts).map(|_| {
                    let (done, waker) = (Arc::clone(&done), task.waker().clone());
                    thread::spawn(move || {
                        if parts == 1 {
                            done.1.add(1);
                        }
                        done.0.fetch_add(1, Ordering::Relaxed);
                        waker.wake();
                    })
                }));
                // It waits once whatever has been done: what it finds then, the waker has shown it.
                return Poll::Pending;
            }
            polled += 1;
            if done.0.load(Ordering::Relaxed) < parts {
                return Poll::Pending;
            }
            Poll::Ready(())
        });
        Blocking.block_on(future);
        assert!(polled <= polls);
        if parts == 1 {
            assert_eq!(
                done.1.read(),
                1,
                "visible, because the waker was called after it"
            );
        }
        others.into_iter().for_each(|other| other.join().unwrap());
    }

    /// Woken during the poll, between poll and registration, and when it waits.
    #[test]
    fn loom_block_on_woken_by_another() {
        explore(None, || done_by_others(1, 1));
    }

    #[test]
    fn loom_block_on_woken_by_two_others() {
        explore(3, || done_by_others(2, 2));
    }

    /// The deadline may pass at any moment. Nobody touches the wait after its end, and the waker,
    /// which outlives it, does no harm.
    #[test]
    fn loom_block_on_late_against_wake() {
        explore(3, || {
            let evidence = Arc::new(Evidence::new());
            let mut other = None;
            let future = poll_fn(|task| {
                if other.is_some() {
                    return Poll::Ready(evidence.read());
                }
                let (evidence, waker) = (Arc::clone(&evidence), task.waker().clone());
                other = Some(thread::spawn(move || {
                    evidence.add(1);
                    waker.wake();
                }));
                Poll::Pending
            });
            match Blocking.until(Instant::now()).block_on(future) {
                Ok(seen) => assert_eq!(seen, 1),
                Err(interrupted) => assert!(interrupted.is_late()),
            }
            other.unwrap().join().unwrap();
        });
    }
}
