//! Models of pushing against taking and closing.

use super::*;
use crate::primitive::atomic::AtomicU64;
use crate::primitive::{Arc, thread};
use crate::wait::testing::{Evidence, explore};

/// A list, the waiters of the model, and what they wait for.
pub(super) struct Stage<const N: usize> {
    pub(super) list: WaitList,
    pub(super) waiters: [Probe; N],
    pub(super) crossings: AtomicU64,
    pub(super) count: u32,
}

impl<const N: usize> Stage<N> {
    /// The first `pushed` waiters stand in the list.
    pub(super) fn with(pushed: usize) -> Arc<Self> {
        Self::with_levels(pushed, [0; N], u32::MAX)
    }

    pub(super) fn with_levels(pushed: usize, levels: [u32; N], count: u32) -> Arc<Self> {
        let stage = Arc::new(Self {
            list: WaitList::new(),
            waiters: probes(),
            crossings: AtomicU64::new(0),
            count,
        });
        for (probe, level) in stage.waiters.iter().zip(levels) {
            wishes(probe, 0, level);
        }
        assert!((0..pushed).all(|n| stage.push(n)));
        stage
    }

    pub(super) fn reached(&self) -> Reached {
        Reached {
            crossings: self.crossings.load(Ordering::Acquire),
            count: self.count,
        }
    }

    pub(super) fn push(&self, waiter: usize) -> bool {
        push(&self.list, &self.waiters[waiter])
    }

    /// Comes after the crossings so far.
    pub(super) fn push_late(&self, waiter: usize) {
        wishes(&self.waiters[waiter], self.reached().crossings, 0);
        assert!(self.push(waiter));
    }

    pub(super) fn leave(&self, waiter: usize) {
        leave(&self.list, &self.waiters[waiter], || self.reached());
    }

    pub(super) fn wake_all(&self) {
        self.crossings.fetch_add(1, Ordering::AcqRel);
        deliver(self.list.take(|| self.reached()));
    }

    pub(super) fn close(&self) {
        self.list.close().0.deliver(Wake::Signalled);
    }

    pub(super) fn outcomes(&self) -> [Option<Wake>; N] {
        self.waiters.each_ref().map(Probe::outcome)
    }

    /// Whoever is still in the list is woken now.
    pub(super) fn end(&self) {
        self.wake_all();
        assert!(is_at_rest(&self.list));
    }
}

/// Runs the parts at the same time.
pub(super) fn at_once<const N: usize, const M: usize>(
    stage: &Arc<Stage<N>>,
    parts: [fn(&Stage<N>); M],
) {
    let threads = parts.map(|part| {
        let stage = Arc::clone(stage);
        thread::spawn(move || part(&stage))
    });
    threads.into_iter().for_each(|t| t.join().unwrap());
}

#[test]
fn loom_push_against_take_all() {
    explore(3, || {
        let stage = Stage::<3>::with(0);
        at_once(
            &stage,
            [
                |s| assert!(s.push(0) && s.push(1)),
                |s| assert!(s.push(2)),
                Stage::wake_all,
            ],
        );
        stage.end();
        assert_eq!(stage.outcomes(), [SIGNALLED; 3]);
    });
}

/// Signal before, during and after the registration. A waiter that is refused sees what came
/// before the close.
#[test]
fn loom_push_against_close() {
    struct Gate {
        list: WaitList,
        waiters: [Probe; 2],
        opened: Evidence,
    }
    explore(3, || {
        let gate = Arc::new(Gate {
            list: WaitList::new(),
            waiters: probes(),
            opened: Evidence::new(),
        });
        let pushers = [0, 1].map(|n| {
            let gate = Arc::clone(&gate);
            thread::spawn(move || {
                let pushed = push(&gate.list, &gate.waiters[n]);
                if !pushed {
                    assert_eq!(gate.opened.read(), 1);
                }
                pushed
            })
        });
        gate.opened.add(1);
        gate.list.close().0.deliver(Wake::Signalled);
        for (pusher, probe) in pushers.into_iter().zip(&gate.waiters) {
            let expected = pusher.join().unwrap().then_some(Wake::Signalled);
            assert_eq!(probe.outcome(), expected);
        }
        assert!(gate.list.is_closed() && is_at_rest(&gate.list));
    });
}

/// A waiter that only looks sees what came before the close.
#[test]
fn loom_look_against_close() {
    explore(None, || {
        let gate = Arc::new((WaitList::new(), Evidence::new()));
        let looker = {
            let gate = Arc::clone(&gate);
            thread::spawn(move || {
                if gate.0.is_closed() {
                    assert_eq!(gate.1.read(), 1);
                }
            })
        };
        gate.1.add(1);
        assert!(!gate.0.close().1);
        looker.join().unwrap();
    });
}

/// The last touch, and who frees a job's cell: one of the two sides finds the other one gone,
/// sees all that it did there, and frees it.
#[test]
fn loom_mark_against_close() {
    struct Cell {
        done: WaitList,
        result: Evidence,
    }
    struct Share(NonNull<Cell>);
    // SAFETY: for the model to judge: it checks each access.
    unsafe impl Send for Share {}

    impl Share {
        fn cell(&self) -> &Cell {
            // SAFETY: this side has not let go of the cell yet.
            unsafe { self.0.as_ref() }
        }

        fn free(self) {
            // SAFETY: the other side has let go of the cell, which the model checks: all of
            // the other side's accesses must come before these.
            let mut cell = unsafe { Box::from_raw(self.0.as_ptr()) };
            cell.done.word.with_mut(|_| ());
            cell.result.add(1);
            assert_eq!(cell.result.read(), 3);
        }
    }

    explore(None, || {
        let cell = NonNull::from(Box::leak(Box::new(Cell {
            done: WaitList::new(),
            result: Evidence::new(),
        })));
        let (job, handle) = (Share(cell), Share(cell));
        let job = thread::spawn(move || {
            job.cell().result.add(2);
            let (waiters, marked) = job.cell().done.close();
            if marked {
                job.free();
            }
            waiters.deliver(Wake::Signalled);
            marked
        });
        let handle_frees = handle.cell().done.mark();
        if handle_frees {
            handle.free();
        }
        let job_frees = job.join().unwrap();
        assert_ne!(job_frees, handle_frees);
    });
}

/// Who comes after what a waker wakes for, and before it takes the nodes, stays in the list,
/// and is woken by the next waker, also when that one finds it in the hands of the first.
#[test]
fn loom_late_waiter_between_two_wakers() {
    explore(3, || {
        let stage = Stage::<3>::with(1);
        at_once(
            &stage,
            [
                Stage::wake_all,
                |s| s.push_late(1),
                |s| {
                    // The waiter comes, what it waits for happens, and the waker goes by.
                    s.push_late(2);
                    s.wake_all();
                },
            ],
        );
        let [first, _, last] = stage.outcomes();
        assert_eq!([first, last], [SIGNALLED; 2]);
        stage.end();
        assert_eq!(stage.outcomes()[1], SIGNALLED);
    });
}
