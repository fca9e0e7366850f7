//! A thread that waits for a list, and what might wake it too early or never.

use super::*;
use crate::wait::testing::Gate;

#[cfg(not(loom))]
mod plain {
    use std::sync::Barrier;

    use super::*;

    #[test]
    fn open_gate_holds_nobody_up() {
        let gate = Gate::new();
        gate.open();
        assert_eq!(
            ThreadWaiter::wait_for(&gate, Patience::Spin, Deadline::NONE),
            Wake::Signalled
        );
    }

    #[test]
    fn codes_are_distinct() {
        for wake in [Wake::Signalled, Wake::Left, Wake::Abandoned] {
            assert_ne!(encode(wake), PENDING);
            assert_eq!(decode(encode(wake)), wake);
        }
    }

    #[test]
    fn stress() {
        const THREADS: usize = 3;
        const ROUNDS: usize = if cfg!(debug_assertions) { 200 } else { 2000 };
        let gates: Vec<_> = (0..ROUNDS).map(|_| Gate::new()).collect();
        let start = Barrier::new(THREADS + 1);
        thread::scope(|s| {
            for _ in 0..THREADS {
                s.spawn(|| {
                    for gate in &gates {
                        start.wait();
                        assert_eq!(
                            ThreadWaiter::wait_for(gate, Patience::Spin, Deadline::NONE),
                            Wake::Signalled
                        );
                    }
                });
            }
            for gate in &gates {
                start.wait();
                gate.open();
            }
        });
    }
}

#[cfg(loom)]
mod model {
    use super::*;
    use crate::primitive::Arc;
    use crate::wait::Reached;
    use crate::wait::testing::{Evidence, explore};

    type Gates = Arc<([Gate; 2], Evidence)>;

    fn gates() -> Gates {
        Arc::new(([Gate::new(), Gate::new()], Evidence::new()))
    }

    /// The waiters are threads of their own: `loom` can't bear that a thread is unparked while it
    /// joins another.
    fn waiter(
        gates: &Gates,
        wait: impl FnOnce(&[Gate; 2], &Evidence) + 'static,
    ) -> loom::thread::JoinHandle<()> {
        let gates = Arc::clone(gates);
        thread::spawn(move || wait(&gates.0, &gates.1))
    }

    fn wait(gate: &Gate) {
        assert_eq!(
            ThreadWaiter::wait_for(gate, Patience::Spin, Deadline::NONE),
            Wake::Signalled
        );
    }

    /// Before, while and after it waits. What came before is visible to the waiter.
    #[test]
    fn loom_wait_against_open() {
        explore(None, || {
            let gates = gates();
            let waiter = waiter(&gates, |[gate, _], evidence| {
                wait(gate);
                assert_eq!(evidence.read(), 1);
            });
            gates.1.add(1);
            gates.0[0].open();
            waiter.join().unwrap();
        });
    }

    #[test]
    fn loom_two_wait_for_one() {
        explore(3, || {
            let gates = gates();
            let waiters = [(); 2].map(|()| {
                waiter(&gates, |[gate, _], evidence| {
                    wait(gate);
                    assert_eq!(evidence.read(), 1);
                })
            });
            gates.1.add(1);
            gates.0[0].open();
            waiters.into_iter().for_each(|w| w.join().unwrap());
        });
    }

    /// The unpark of one wait may come during the next one, and must not end it.
    #[test]
    fn loom_late_unpark_does_not_end_the_next_wait() {
        explore(None, || {
            let gates = gates();
            let waiter = waiter(&gates, |[first, second], evidence| {
                wait(first);
                wait(second);
                assert_eq!(evidence.read(), 1);
            });
            gates.0[0].open();
            gates.1.add(1);
            gates.0[1].open();
            waiter.join().unwrap();
        });
    }

    /// A stranger's unpark ends no wait, and swallows none of the real one.
    #[test]
    fn loom_stray_unpark() {
        explore(3, || {
            let gates = gates();
            let waiter = waiter(&gates, |[gate, _], evidence| {
                wait(gate);
                assert_eq!(evidence.read(), 1);
            });
            let stranger = {
                let waiter = waiter.thread().clone();
                thread::spawn(move || waiter.unpark())
            };
            gates.1.add(1);
            gates.0[0].open();
            waiter.join().unwrap();
            stranger.join().unwrap();
        });
    }

    /// A registration that is taken back, as a counter's is when the count has fallen
    /// meanwhile, against the gate: one of the two wakes the thread.
    #[test]
    fn loom_registration_is_taken_back_against_open() {
        struct Fickle<'a>(&'a Gate);

        impl Source for Fickle<'_> {
            unsafe fn register(&self, node: NonNull<WaitNode>) -> bool {
                // SAFETY: by contract.
                if !unsafe { self.0.register(node) } {
                    return false;
                }
                // SAFETY: the node was pushed to this list, and its waiter has not gone on.
                let swept = unsafe {
                    self.0.0.leave(node, || Reached {
                        crossings: 0,
                        count: u32::MAX,
                    })
                };
                swept.signalled.deliver(Wake::Signalled);
                swept.left.deliver(Wake::Left);
                true
            }

            unsafe fn leave(&self, node: NonNull<WaitNode>) -> bool {
                // SAFETY: by contract.
                unsafe { self.0.leave(node) }
            }
        }

        explore(3, || {
            let gates = gates();
            let fickle = waiter(&gates, |[gate, _], evidence| {
                match ThreadWaiter::wait_for(&Fickle(gate), Patience::Spin, Deadline::NONE) {
                    Wake::Signalled => assert_eq!(evidence.read(), 1),
                    wake => assert_eq!(wake, Wake::Left),
                }
            });
            let steady = waiter(&gates, |[gate, _], evidence| {
                wait(gate);
                assert_eq!(evidence.read(), 1);
            });
            gates.1.add(1);
            gates.0[0].open();
            fickle.join().unwrap();
            steady.join().unwrap();
        });
    }
}
