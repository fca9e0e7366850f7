//! Models of leaving and of levels: sweeps against everything that pushes or takes.

use super::model::{Stage, at_once};
use super::*;
use crate::primitive::atomic::AtomicU32;
use crate::primitive::{Arc, thread};
use crate::wait::testing::explore;

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
