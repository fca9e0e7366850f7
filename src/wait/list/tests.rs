//! Order, tags and early leaving; models of each race under `--cfg loom`.

use super::*;
use crate::wait::testing::Probe;
use crate::wait::{Wake, Wish};

/// Nothing has happened that anybody would wait for.
const NOTHING: Reached = Reached {
    crossings: 0,
    count: u32::MAX,
};

/// The count is `count`, and has not been zero.
fn count(count: u32) -> Reached {
    Reached { count, ..NOTHING }
}

/// What everybody waits for has happened.
const ALL: Reached = Reached {
    crossings: u64::MAX,
    count: 0,
};

/// A waiter that is content with `level`, or with one more crossing than `since`.
fn wishes(probe: &Probe, since: u64, level: u32) {
    // SAFETY: the tests call this before they push the node.
    unsafe { probe.node().as_ref().set_wish(Wish { since, level }) };
}

fn probes<const N: usize>() -> [Probe; N] {
    std::array::from_fn(|_| Probe::new())
}

fn push(list: &WaitList, probe: &Probe) -> bool {
    // SAFETY: each test pushes a probe once, and keeps it until the list is empty for good.
    unsafe { list.push(probe.node()) }
}

fn leave(list: &WaitList, probe: &Probe, reached: impl Fn() -> Reached) {
    // SAFETY: the probe has been pushed, and outlives the call.
    deliver(unsafe { list.leave(probe.node(), reached) });
}

fn wake_all(list: &WaitList) {
    deliver(list.take(|| ALL));
}

fn deliver(swept: Swept) {
    swept.signalled.deliver(Wake::Signalled);
    swept.left.deliver(Wake::Left);
}

/// No node is left in the list, nor a sweep under way.
fn is_at_rest(list: &WaitList) -> bool {
    let word = Word(list.word.load(Ordering::Relaxed));
    word.node().is_null() && word.phase() == IDLE
}

const SIGNALLED: Option<Wake> = Some(Wake::Signalled);
const LEFT: Option<Wake> = Some(Wake::Left);

#[cfg(not(loom))]
mod plain {
    use super::*;

    fn drain(mut chain: Chain) -> Vec<NonNull<WaitNode>> {
        std::iter::from_fn(|| chain.pop()).collect()
    }

    #[test]
    fn smoke() {
        let list = WaitList::new();
        let [probe] = probes();
        assert!(push(&list, &probe));
        assert_eq!(probe.outcome(), None);
        wake_all(&list);
        assert_eq!(probe.outcome(), SIGNALLED);
        assert!(is_at_rest(&list));
    }

    #[test]
    fn waiters_are_detached_in_the_order_of_their_arrival() {
        let list = WaitList::new();
        let waiters: [Probe; 4] = probes();
        let nodes: Vec<_> = waiters.iter().map(Probe::node).collect();
        assert!(waiters.iter().all(|probe| push(&list, probe)));
        assert_eq!(drain(list.take(|| ALL).signalled), nodes);
        assert!(waiters.iter().all(|probe| push(&list, probe)));
        assert_eq!(drain(list.close().0), nodes);
    }

    #[test]
    fn closed_list_takes_no_waiters_until_it_is_reopened() {
        let list = WaitList::new();
        let [probe] = probes();
        assert!(!list.is_closed());
        list.close().0.deliver(Wake::Signalled);
        assert!(list.is_closed());
        assert!(!push(&list, &probe));
        list.reopen();
        assert!(!list.is_closed());
        assert!(push(&list, &probe));
        wake_all(&list);
        assert_eq!(probe.outcome(), SIGNALLED);
    }

    #[test]
    fn mark_and_close_see_each_other_once() {
        let list = WaitList::new();
        assert!(!list.mark());
        assert!(list.close().1);

        let list = WaitList::new();
        assert!(!list.close().1);
        assert!(list.mark());
    }

    #[test]
    fn who_leaves_goes_alone_and_the_order_stays() {
        let list = WaitList::new();
        let waiters: [Probe; 3] = probes();
        assert!(waiters.iter().all(|probe| push(&list, probe)));
        leave(&list, &waiters[1], || NOTHING);
        assert_eq!(waiters.each_ref().map(Probe::outcome), [None, LEFT, None]);
        let rest = [waiters[0].node(), waiters[2].node()];
        assert_eq!(drain(list.take(|| ALL).signalled), rest);
    }

    #[test]
    fn sweep_takes_those_with_a_level_high_enough() {
        let list = WaitList::new();
        let waiters: [Probe; 3] = probes();
        for (level, probe) in waiters.iter().enumerate() {
            wishes(probe, u64::MAX, level as u32);
            assert!(push(&list, probe));
        }
        deliver(list.sweep(|| count(1)));
        let outcomes = waiters.each_ref().map(Probe::outcome);
        assert_eq!(outcomes, [None, SIGNALLED, SIGNALLED]);
        wake_all(&list);
        assert_eq!(waiters[0].outcome(), SIGNALLED);
    }

    #[test]
    fn sweep_keeps_the_order_of_who_goes_and_of_who_stays() {
        let list = WaitList::new();
        let waiters: [Probe; 4] = probes();
        for (level, probe) in [0, 1, 0, 1].into_iter().zip(&waiters) {
            wishes(probe, u64::MAX, level);
            assert!(push(&list, probe));
        }
        let swept = list.sweep(|| count(1));
        assert_eq!(drain(swept.left), []);
        assert_eq!(
            drain(swept.signalled),
            [waiters[1].node(), waiters[3].node()]
        );
        assert_eq!(
            drain(list.take(|| ALL).signalled),
            [waiters[0].node(), waiters[2].node()]
        );
    }

    #[test]
    fn tags_survive_a_sweep() {
        let list = WaitList::new();
        let [stays, leaves] = probes();
        assert!(push(&list, &stays) && push(&list, &leaves));
        assert!(!list.mark());
        leave(&list, &leaves, || NOTHING);
        let (chain, marked) = list.close();
        assert!(marked);
        chain.deliver(Wake::Signalled);
        assert_eq!(stays.outcome(), SIGNALLED);
        assert!(list.is_closed() && is_at_rest(&list));
    }
}

#[cfg(loom)]
mod model {
    use super::*;
    use crate::primitive::atomic::{AtomicU32, AtomicU64};
    use crate::primitive::{Arc, thread};
    use crate::wait::testing::{Evidence, explore};

    /// A list, the waiters of the model, and what they wait for.
    struct Stage<const N: usize> {
        list: WaitList,
        waiters: [Probe; N],
        crossings: AtomicU64,
        count: u32,
    }

    impl<const N: usize> Stage<N> {
        /// The first `pushed` waiters stand in the list.
        fn with(pushed: usize) -> Arc<Self> {
            Self::with_levels(pushed, [0; N], u32::MAX)
        }

        fn with_levels(pushed: usize, levels: [u32; N], count: u32) -> Arc<Self> {
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

        fn reached(&self) -> Reached {
            Reached {
                crossings: self.crossings.load(Ordering::Acquire),
                count: self.count,
            }
        }

        fn push(&self, waiter: usize) -> bool {
            push(&self.list, &self.waiters[waiter])
        }

        /// Comes after the crossings so far.
        fn push_late(&self, waiter: usize) {
            wishes(&self.waiters[waiter], self.reached().crossings, 0);
            assert!(self.push(waiter));
        }

        fn leave(&self, waiter: usize) {
            leave(&self.list, &self.waiters[waiter], || self.reached());
        }

        fn wake_all(&self) {
            self.crossings.fetch_add(1, Ordering::AcqRel);
            deliver(self.list.take(|| self.reached()));
        }

        fn close(&self) {
            self.list.close().0.deliver(Wake::Signalled);
        }

        fn outcomes(&self) -> [Option<Wake>; N] {
            self.waiters.each_ref().map(Probe::outcome)
        }

        /// Whoever is still in the list is woken now.
        fn end(&self) {
            self.wake_all();
            assert!(is_at_rest(&self.list));
        }
    }

    /// Runs the parts at the same time.
    fn at_once<const N: usize, const M: usize>(stage: &Arc<Stage<N>>, parts: [fn(&Stage<N>); M]) {
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

    /// Who leaves while a waker has it in hand, because it came too late for that waker, is taken
    /// out.
    #[test]
    fn loom_late_waiter_leaves() {
        explore(None, || {
            let stage = Stage::<3>::with(1);
            stage.crossings.fetch_add(1, Ordering::AcqRel);
            stage.push_late(1);
            at_once(
                &stage,
                [
                    // The rest of a wake for the crossing between the two waiters.
                    |s| deliver(s.list.take(|| s.reached())),
                    |s| s.leave(1),
                ],
            );
            assert_eq!(stage.outcomes(), [SIGNALLED, LEFT, None]);
            assert!(is_at_rest(&stage.list));
        });
    }

    /// Two that leave: the second one may ask the first to look again.
    #[test]
    fn loom_leave_against_leave() {
        explore(3, || {
            let stage = Stage::<3>::with(3);
            at_once(&stage, [|s| s.leave(0), |s| s.leave(2)]);
            assert_eq!(stage.outcomes(), [LEFT, None, LEFT]);
            stage.end();
            assert_eq!(stage.outcomes(), [LEFT, SIGNALLED, LEFT]);
        });
    }

    #[test]
    fn loom_three_leave() {
        explore(2, || {
            let stage = Stage::<3>::with(3);
            at_once(&stage, [|s| s.leave(0), |s| s.leave(1), |s| s.leave(2)]);
            assert_eq!(stage.outcomes(), [LEFT; 3]);
            stage.end();
        });
    }

    /// A waiter that arrives while another leaves stays in the list.
    #[test]
    fn loom_leave_against_push() {
        explore(3, || {
            let stage = Stage::<4>::with(2);
            at_once(
                &stage,
                [|s| s.leave(0), |s| assert!(s.push(2) && s.push(3))],
            );
            assert_eq!(stage.outcomes(), [LEFT, None, None, None]);
            stage.end();
            assert_eq!(stage.outcomes(), [LEFT, SIGNALLED, SIGNALLED, SIGNALLED]);
        });
    }

    /// Who stood in the list when the waker came is woken, also from a sweeper's hands.
    #[test]
    fn loom_leave_against_take_all() {
        explore(None, || {
            let stage = Stage::<3>::with(3);
            at_once(&stage, [|s| s.leave(1), Stage::wake_all]);
            let [first, leaver, last] = stage.outcomes();
            assert_eq!([first, last], [SIGNALLED; 2]);
            assert!(leaver.is_some());
            assert!(is_at_rest(&stage.list));
        });
    }

    /// Who comes after the waker is not woken by it.
    #[test]
    fn loom_push_after_take_all_during_a_sweep() {
        explore(None, || {
            let stage = Stage::<3>::with(2);
            at_once(
                &stage,
                [
                    |s| s.leave(0),
                    |s| {
                        s.wake_all();
                        s.push_late(2);
                    },
                ],
            );
            let [leaver, stays, late] = stage.outcomes();
            assert!(leaver.is_some());
            assert_eq!([stays, late], [SIGNALLED, None]);
            stage.end();
            assert_eq!(stage.outcomes()[2], SIGNALLED);
        });
    }

    /// Who comes after the waker, and leaves at once, is taken out by a sweeper that the waker has
    /// passed.
    #[test]
    fn loom_leave_after_take_all_during_a_sweep() {
        explore(None, || {
            let stage = Stage::<3>::with(2);
            at_once(
                &stage,
                [
                    |s| s.leave(0),
                    |s| {
                        s.wake_all();
                        s.push_late(2);
                        s.leave(2);
                    },
                ],
            );
            let [leaver, stays, late] = stage.outcomes();
            assert!(leaver.is_some());
            assert_eq!([stays, late], [SIGNALLED, LEFT]);
            assert!(is_at_rest(&stage.list));
        });
    }

    /// Two sweepers and a waker: asking again and passing mix.
    #[test]
    fn loom_two_leave_against_take_all() {
        explore(2, || {
            let stage = Stage::<3>::with(3);
            at_once(&stage, [|s| s.leave(0), |s| s.leave(1), Stage::wake_all]);
            let [first, second, stays] = stage.outcomes();
            assert!(first.is_some() && second.is_some());
            assert_eq!(stays, SIGNALLED);
            assert!(is_at_rest(&stage.list));
        });
    }

    /// Cancel of a registration before, while and after what it waits for happens.
    #[test]
    fn loom_leave_against_close_against_push() {
        explore(3, || {
            let stage = Stage::<3>::with(2);
            at_once(
                &stage,
                [
                    |s| s.leave(0),
                    |s| {
                        let pushed = s.push(2);
                        assert!(pushed || s.list.is_closed());
                    },
                    Stage::close,
                ],
            );
            let [leaver, stays, late] = stage.outcomes();
            assert!(leaver.is_some());
            assert_eq!(stays, SIGNALLED);
            assert!(matches!(late, None | SIGNALLED));
            assert!(stage.list.is_closed() && is_at_rest(&stage.list));
        });
    }

    /// Whoever pushed and then leaves is out, whatever the waker does.
    #[test]
    fn loom_push_and_leave_against_close() {
        explore(None, || {
            let stage = Stage::<2>::with(1);
            at_once(
                &stage,
                [
                    |s| {
                        if s.push(1) {
                            s.leave(1);
                        }
                    },
                    Stage::close,
                ],
            );
            assert_eq!(stage.outcomes()[0], SIGNALLED);
            assert!(stage.list.is_closed() && is_at_rest(&stage.list));
        });
    }

    /// A sweep for a level against a waker: nobody who stood in the list is left behind.
    #[test]
    fn loom_level_sweep_against_take_all() {
        explore(None, || {
            let stage = Stage::<3>::with_levels(2, [0, 5, 0], 3);
            at_once(
                &stage,
                [
                    |s| deliver(s.list.sweep(|| s.reached())),
                    |s| {
                        s.wake_all();
                        s.push_late(2);
                    },
                ],
            );
            assert_eq!(stage.outcomes(), [SIGNALLED, SIGNALLED, None]);
            stage.end();
        });
    }

    /// Each that lowers the level sweeps: who is content with the last level is woken, also
    /// when one sweeper leaves it to the other.
    #[test]
    fn loom_level_falls_twice() {
        struct Falling {
            list: WaitList,
            level: AtomicU32,
            waiters: [Probe; 3],
        }

        impl Falling {
            fn fall(&self) {
                self.level.fetch_sub(1, Ordering::AcqRel);
                deliver(
                    self.list
                        .sweep(|| count(self.level.load(Ordering::Acquire))),
                );
            }
        }

        explore(3, || {
            let falling = Arc::new(Falling {
                list: WaitList::new(),
                level: AtomicU32::new(3),
                waiters: probes(),
            });
            for (level, probe) in falling.waiters.iter().enumerate() {
                wishes(probe, u64::MAX, level as u32);
                assert!(push(&falling.list, probe));
            }
            let other = {
                let falling = Arc::clone(&falling);
                thread::spawn(move || falling.fall())
            };
            falling.fall();
            other.join().unwrap();
            let outcomes = falling.waiters.each_ref().map(Probe::outcome);
            assert_eq!(outcomes, [None, SIGNALLED, SIGNALLED]);
            wake_all(&falling.list);
        });
    }

    /// Reopening does not disturb a sweep, nor a sweep the closing.
    #[test]
    fn loom_close_and_reopen_against_leave() {
        explore(3, || {
            let stage = Stage::<3>::with(2);
            at_once(
                &stage,
                [
                    |s| s.leave(0),
                    |s| {
                        s.close();
                        s.list.reopen();
                        assert!(s.push(2));
                    },
                ],
            );
            let [leaver, stays, late] = stage.outcomes();
            assert!(leaver.is_some());
            assert_eq!([stays, late], [SIGNALLED, None]);
            stage.end();
            assert!(!stage.list.is_closed());
        });
    }
}
