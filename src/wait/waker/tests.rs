//! Tasks in a broadcast list: woken when it is closed, by their latest waker, and gone without a
//! trace when they leave; models of the races under `--cfg loom`.

use std::sync::Weak;
use std::task::Wake as Waking;

use super::*;
use crate::primitive::atomic::{AtomicUsize, Ordering};
use crate::wait::testing::Gate;

/// A waker that counts its calls.
struct Counts(AtomicUsize);

impl Counts {
    fn new() -> Arc<Self> {
        Arc::new(Self(AtomicUsize::new(0)))
    }

    fn calls(&self) -> usize {
        self.0.load(Ordering::Acquire)
    }
}

impl Waking for Counts {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::AcqRel);
    }
}

fn waker(counts: &Arc<Counts>) -> Waker {
    Arc::clone(counts).into()
}

fn memory(enlisted: &Enlisted) -> Weak<TaskWaiter> {
    Arc::downgrade(&enlisted.0)
}

#[cfg(not(loom))]
mod plain {
    use super::*;

    #[test]
    fn woken_once_and_ready_from_then_on() {
        let (gate, counts) = (Gate::new(), Counts::new());
        let enlisted = Enlisted::new(&gate, &waker(&counts)).expect("the gate is shut");
        let memory = memory(&enlisted);
        assert!(enlisted.poll(&waker(&counts)).is_pending());
        assert_eq!(
            Arc::strong_count(&counts),
            2,
            "the same waker is not kept twice"
        );
        gate.open();
        assert_eq!(counts.calls(), 1);
        assert!(enlisted.poll(&waker(&counts)).is_ready());
        assert_eq!(Arc::strong_count(&counts), 1);
        assert!(Enlisted::new(&gate, &waker(&counts)).is_none());
        drop(enlisted);
        assert_eq!(memory.strong_count(), 0);
        assert_eq!(counts.calls(), 1);
    }

    #[test]
    fn the_latest_waker_is_called() {
        let (gate, old, new) = (Gate::new(), Counts::new(), Counts::new());
        let enlisted = Enlisted::new(&gate, &waker(&old)).expect("the gate is shut");
        assert!(enlisted.poll(&waker(&new)).is_pending());
        assert_eq!(Arc::strong_count(&old), 1, "the old one is dropped");
        gate.open();
        assert_eq!((old.calls(), new.calls()), (0, 1));
    }

    #[test]
    fn who_leaves_is_gone() {
        let (gate, counts) = (Gate::new(), Counts::new());
        let [stays, leaves] = [(); 2].map(|()| Enlisted::new(&gate, &waker(&counts)).unwrap());
        let memory = memory(&leaves);
        leaves.leave(&gate);
        assert_eq!(memory.strong_count(), 0);
        assert_eq!((counts.calls(), Arc::strong_count(&counts)), (0, 2));
        gate.open();
        assert!(stays.poll(&waker(&counts)).is_ready());
        assert_eq!(counts.calls(), 1);
        stays.leave(&gate);
    }

    /// Foreign code, called without a lock: it may poll and leave.
    #[test]
    fn a_waker_may_use_the_list_that_it_is_called_for() {
        struct Leaves(std::sync::Mutex<Option<Enlisted>>, Arc<Gate>);
        impl Waking for Leaves {
            fn wake(self: Arc<Self>) {
                let other = self.0.lock().unwrap().take().unwrap();
                assert!(other.poll(&waker(&Counts::new())).is_pending());
                other.leave(&*self.1);
            }
        }
        let (gate, counts) = (Arc::new(Gate::new()), Counts::new());
        let leaves = Arc::new(Leaves(std::sync::Mutex::new(None), Arc::clone(&gate)));
        let first = Enlisted::new(&*gate, &Arc::clone(&leaves).into());
        let second = Enlisted::new(&*gate, &waker(&counts));
        let memory = memory(second.as_ref().unwrap());
        *leaves.0.lock().unwrap() = second;
        gate.open();
        assert!(first.unwrap().poll(&waker(&counts)).is_ready());
        assert_eq!((memory.strong_count(), counts.calls()), (0, 0));
    }

    #[test]
    fn a_waker_that_panics_stops_nobody_else() {
        struct Panics;
        impl Waking for Panics {
            fn wake(self: Arc<Self>) {
                std::panic::resume_unwind(Box::new("a waker's own fault"));
            }
        }
        let (gate, counts) = (Gate::new(), Counts::new());
        let first = Enlisted::new(&gate, &Arc::new(Panics).into());
        let second = Enlisted::new(&gate, &waker(&counts));
        gate.open();
        assert_eq!(counts.calls(), 1);
        for enlisted in [first, second] {
            assert!(enlisted.unwrap().poll(&waker(&counts)).is_ready());
        }
    }
}

#[cfg(loom)]
mod model {
    use super::*;
    use crate::primitive::thread;
    use crate::wait::testing::{Evidence, explore};

    struct Stage {
        gate: Gate,
        evidence: Evidence,
    }

    /// Opens the gate on another thread.
    fn open(stage: &Arc<Stage>) -> thread::JoinHandle<()> {
        let stage = Arc::clone(stage);
        thread::spawn(move || {
            stage.evidence.add(1);
            stage.gate.open();
        })
    }

    fn stage() -> Arc<Stage> {
        Arc::new(Stage {
            gate: Gate::new(),
            evidence: Evidence::new(),
        })
    }

    /// Woken if it was enlisted; ready means that what came before is visible.
    #[test]
    fn loom_waker_enlist_and_poll_against_open() {
        explore(None, || {
            let (stage, counts) = (stage(), Counts::new());
            let opener = open(&stage);
            let enlisted = Enlisted::new(&stage.gate, &waker(&counts));
            match &enlisted {
                None => assert_eq!(stage.evidence.read(), 1),
                Some(enlisted) => {
                    if enlisted.poll(&waker(&counts)).is_ready() {
                        assert_eq!(stage.evidence.read(), 1);
                    }
                }
            }
            opener.join().unwrap();
            assert_eq!(counts.calls(), enlisted.is_some().into());
            assert_eq!(Arc::strong_count(&counts), 1);
        });
    }

    /// Another waker comes while the old one is called: either it learns that all is over, or it is
    /// called.
    #[test]
    fn loom_waker_changed_against_open() {
        explore(None, || {
            let (stage, old, new) = (stage(), Counts::new(), Counts::new());
            let enlisted = Enlisted::new(&stage.gate, &waker(&old)).unwrap();
            let opener = open(&stage);
            let polled = enlisted.poll(&waker(&new));
            opener.join().unwrap();
            match polled {
                Poll::Ready(()) => assert_eq!((old.calls(), new.calls()), (1, 0)),
                Poll::Pending => assert_eq!((old.calls(), new.calls()), (0, 1)),
            }
            assert!(enlisted.poll(&waker(&new)).is_ready());
        });
    }

    /// Who leaves is woken before that or not at all, and its memory is freed by whoever is last.
    #[test]
    fn loom_waker_leave_against_open() {
        explore(None, || {
            let (stage, counts) = (stage(), Counts::new());
            let enlisted = Enlisted::new(&stage.gate, &waker(&counts)).unwrap();
            let memory = memory(&enlisted);
            let opener = open(&stage);
            enlisted.leave(&stage.gate);
            opener.join().unwrap();
            assert!(counts.calls() <= 1);
            assert_eq!(Arc::strong_count(&counts), 1);
            assert_eq!(memory.strong_count(), 0);
        });
    }

    /// One leaves while another is delivered by the same opening.
    #[test]
    fn loom_waker_one_leaves_and_one_stays() {
        explore(3, || {
            let (stage, counts) = (stage(), Counts::new());
            let other = Counts::new();
            let leaves = Enlisted::new(&stage.gate, &waker(&other)).unwrap();
            let stays = Enlisted::new(&stage.gate, &waker(&counts)).unwrap();
            let memory = memory(&leaves);
            let opener = open(&stage);
            leaves.leave(&stage.gate);
            opener.join().unwrap();
            assert_eq!(counts.calls(), 1);
            assert!(stays.poll(&waker(&counts)).is_ready());
            assert_eq!(memory.strong_count(), 0);
        });
    }
}
