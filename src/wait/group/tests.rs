//! Waits for several things: what is given to one that has been served otherwise is not lost, and
//! nobody is woken twice.

use std::time::Instant;

use super::*;
use crate::wait::testing::Gate;
use crate::wait::{Chain, Deadline, Patience, SpinLock, ThreadWaiter, WaitQueue};

/// A queue of waiters for permits.
struct Permits(SpinLock<(u32, WaitQueue)>);

impl Permits {
    fn new(permits: u32) -> Self {
        Self(SpinLock::new((permits, WaitQueue::new())))
    }

    fn give(&self) {
        let first = self.0.with(|(permits, waiters)| {
            let first = waiters.pop();
            *permits += u32::from(first.is_none());
            first
        });
        Chain::of(first).deliver(Wake::Signalled);
    }

    fn left(&self) -> u32 {
        self.0.with(|(permits, _)| *permits)
    }
}

impl Source for Permits {
    unsafe fn register(&self, node: NonNull<WaitNode>) -> bool {
        self.0.with(|(permits, waiters)| {
            // SAFETY: by contract.
            unsafe {
                if *permits > 0 {
                    *permits -= u32::from(WaitNode::claim(node));
                    return false;
                }
                waiters.push(node);
            }
            true
        })
    }

    unsafe fn leave(&self, node: NonNull<WaitNode>) -> bool {
        // SAFETY: by contract.
        self.0.with(|(_, waiters)| unsafe { waiters.remove(node) })
    }
}

/// Waits as a thread. In a model the deadline comes at any moment, or never.
fn wait(sources: &[&dyn Source], at: Option<Instant>) -> Won {
    let arms: Vec<Arm<'_>> = sources.iter().map(|source| Arm::new(*source)).collect();
    let arms = Arms {
        wanted: &arms,
        limits: [None; 2],
    };
    let group = Group::new();
    let deadline = Deadline {
        at,
        late: &|| group.give_up(),
    };
    let (won, _) = group.wait(arms, |source, stage| match stage {
        Stage::Serve => ThreadWaiter::wait_for(source, Patience::Spin, deadline),
        Stage::Drain => ThreadWaiter::wait_for(source, Patience::Spin, Deadline::NONE),
    });
    won
}

#[cfg(not(loom))]
mod plain {
    use super::*;

    #[test]
    fn the_first_that_is_there_is_taken_and_no_other() {
        let (none, some, more) = (Permits::new(0), Permits::new(1), Permits::new(1));
        assert_eq!(wait(&[&none, &some, &more], None), Won::Arm(1));
        assert_eq!((some.left(), more.left()), (0, 1));
        none.give();
        assert_eq!(none.left(), 1, "nobody is left behind");
    }

    #[test]
    fn an_open_gate_and_a_closed_one() {
        let (open, closed) = (Gate::new(), Gate::new());
        open.open();
        assert_eq!(wait(&[&closed, &open], None), Won::Arm(1));
        closed.open();
    }

    #[test]
    fn late() {
        let (permits, gate) = (Permits::new(0), Gate::new());
        assert_eq!(wait(&[&permits, &gate], Some(Instant::now())), Won::Late);
        permits.give();
        assert_eq!(permits.left(), 1);
    }
}

#[cfg(loom)]
mod model {
    use loom::sync::Arc;
    use loom::thread;

    use super::*;
    use crate::wait::testing::{Probe, explore};

    struct World {
        permits: [Permits; 2],
        gate: Gate,
        other_gate: Gate,
    }

    fn world() -> Arc<World> {
        Arc::new(World {
            permits: [Permits::new(0), Permits::new(0)],
            gate: Gate::new(),
            other_gate: Gate::new(),
        })
    }

    fn spawn<R: 'static>(
        world: &Arc<World>,
        part: impl FnOnce(&World) -> R + 'static,
    ) -> thread::JoinHandle<R> {
        let world = Arc::clone(world);
        thread::spawn(move || part(&world))
    }

    #[test]
    fn loom_permit_against_gate() {
        explore(3, || {
            let world = world();
            let waiter = spawn(&world, |w| wait(&[&w.permits[0], &w.gate], None));
            let giver = spawn(&world, |w| w.permits[0].give());
            world.gate.open();
            giver.join().unwrap();
            let taken = u32::from(waiter.join().unwrap() == Won::Arm(0));
            assert_eq!(world.permits[0].left(), 1 - taken);
        });
    }

    /// The gate first: its registration is there when the permit is found at once.
    #[test]
    fn loom_gate_against_permit() {
        explore(3, || {
            let world = world();
            let waiter = spawn(&world, |w| wait(&[&w.gate, &w.permits[0]], None));
            let giver = spawn(&world, |w| w.permits[0].give());
            world.gate.open();
            giver.join().unwrap();
            let taken = u32::from(waiter.join().unwrap() == Won::Arm(1));
            assert_eq!(world.permits[0].left(), 1 - taken);
        });
    }

    #[test]
    fn loom_two_permits_for_one_waiter() {
        explore(3, || {
            let world = world();
            let waiter = spawn(&world, |w| wait(&[&w.permits[0], &w.permits[1]], None));
            let giver = spawn(&world, |w| w.permits[0].give());
            world.permits[1].give();
            giver.join().unwrap();
            let taken = match waiter.join().unwrap() {
                Won::Arm(0) => [0, 1],
                Won::Arm(1) => [1, 0],
                other => panic!("{other:?}"),
            };
            assert_eq!(world.permits.each_ref().map(Permits::left), taken);
        });
    }

    #[test]
    fn loom_two_gates_for_one_waiter() {
        explore(3, || {
            let world = world();
            let waiter = spawn(&world, |w| wait(&[&w.gate, &w.other_gate], None));
            let opener = spawn(&world, |w| w.other_gate.open());
            world.gate.open();
            opener.join().unwrap();
            waiter.join().unwrap();
        });
    }

    #[test]
    fn loom_late_against_permit() {
        explore(None, || {
            let world = world();
            let now = Some(Instant::now());
            let waiter = spawn(&world, move |w| wait(&[&w.permits[0]], now));
            world.permits[0].give();
            let taken = u32::from(waiter.join().unwrap() == Won::Arm(0));
            assert_eq!(world.permits[0].left(), 1 - taken);
        });
    }

    #[test]
    fn loom_late_against_gate() {
        explore(None, || {
            let world = world();
            let now = Some(Instant::now());
            let waiter = spawn(&world, move |w| wait(&[&w.gate], now));
            world.gate.open();
            waiter.join().unwrap();
        });
    }

    /// One permit, and two waiters of which one gives up, or passes it on.
    #[test]
    fn loom_a_permit_for_one_that_gives_up_goes_to_the_next() {
        explore(3, || {
            let world = world();
            let now = Some(Instant::now());
            let hasty = spawn(&world, move |w| {
                if wait(&[&w.permits[0]], now) == Won::Arm(0) {
                    w.permits[0].give();
                }
            });
            let patient = Probe::new();
            // SAFETY: the probe outlives all that could deliver it.
            let waits = unsafe { world.permits[0].register(patient.node()) };
            world.permits[0].give();
            hasty.join().unwrap();
            assert_eq!(patient.outcome(), waits.then_some(Wake::Signalled));
            assert_eq!(world.permits[0].left(), 0);
        });
    }
}
