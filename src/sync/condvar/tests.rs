//! Who is notified, and who is not; models of waits against notifications under `--cfg loom`.

use super::*;
use crate::sync::Mutex;

#[cfg(not(loom))]
mod plain {
    use super::*;
    use crate::wait::testing::Probe;

    struct World {
        condvar: Condvar,
        mutex: Mutex<()>,
    }

    fn world() -> World {
        World {
            condvar: Condvar::new(),
            mutex: Mutex::new(()),
        }
    }

    impl World {
        /// Registers a node as a wait does, and forgets that the mutex is to be locked again.
        fn register(&self, node: NonNull<WaitNode>) {
            let guard = self.mutex.try_lock().expect("nobody holds it");
            let wait = Wait {
                condvar: &self.condvar,
                mutex: guard.raw(),
                is_unlocked: Cell::new(false),
            };
            // SAFETY: each test registers a node once, and keeps it until the end.
            assert!(unsafe { wait.register(node) });
            assert!(wait.is_unlocked.replace(false) && !self.mutex.is_locked());
            std::mem::forget(guard);
        }

        fn is_awaited(&self) -> bool {
            self.condvar.is_awaited.load(Ordering::Relaxed)
        }
    }

    fn woken(probes: &[Probe]) -> usize {
        let woken = probes.iter().map(|probe| probe.outcome().is_some());
        woken.filter(|&woken| woken).count()
    }

    #[test]
    fn one_by_one_in_order_then_all() {
        let world = world();
        let probes: Vec<_> = (0..3 * BATCH).map(|_| Probe::new()).collect();
        probes.iter().for_each(|probe| world.register(probe.node()));
        for n in 1..=3 {
            world.condvar.notify_one();
            assert_eq!(woken(&probes), n);
            assert_eq!(woken(&probes[..n]), n);
        }
        assert!(world.is_awaited());
        world.condvar.notify_all();
        assert_eq!(woken(&probes), 3 * BATCH);
        assert!(!world.is_awaited());
    }

    /// When it is delivered, it is back in the queue with another node.
    #[repr(C)]
    struct Eager<'a> {
        node: WaitNode,
        again: Probe,
        world: &'a World,
    }

    unsafe fn come_again(node: NonNull<WaitNode>, _: Wake) {
        // SAFETY: the node is the first field of an `Eager`, which outlives the notifications.
        let eager = unsafe { node.cast::<Eager<'_>>().as_ref() };
        eager.world.register(eager.again.node());
    }

    #[test]
    fn notify_all_wakes_those_that_wait_at_the_call() {
        let world = world();
        let eager = Eager {
            node: WaitNode::new(come_again),
            again: Probe::new(),
            world: &world,
        };
        world.register(NonNull::from(&eager).cast());
        let others: Vec<_> = (0..2 * BATCH).map(|_| Probe::new()).collect();
        others.iter().for_each(|probe| world.register(probe.node()));
        world.condvar.notify_all();
        assert_eq!(woken(&others), 2 * BATCH);
        assert_eq!(eager.again.outcome(), None);
        assert!(world.is_awaited());
        world.condvar.notify_all();
        assert_eq!(eager.again.outcome(), Some(Wake::Signalled));
    }

    #[test]
    fn the_number_of_calls_may_wrap() {
        let world = world();
        world
            .condvar
            .waiters
            .with(|waiters| waiters.calls = usize::MAX);
        let probes = [Probe::new(), Probe::new()];
        for probe in &probes {
            world.register(probe.node());
            world.condvar.notify_all();
            assert_eq!(probe.outcome(), Some(Wake::Signalled));
        }
    }
}

#[cfg(loom)]
mod model {
    use std::time::Instant;

    use super::*;
    use crate::primitive::{Arc, thread};
    use crate::sched::Blocking;
    use crate::wait::testing::{Evidence, explore};

    struct World {
        value: Mutex<Evidence>,
        changed: Condvar,
    }

    fn world() -> Arc<World> {
        Arc::new(World {
            value: Mutex::new(Evidence::new()),
            changed: Condvar::new(),
        })
    }

    fn spawn<T: 'static>(
        world: &Arc<World>,
        part: impl FnOnce(&World) -> T + 'static,
    ) -> thread::JoinHandle<T> {
        let world = Arc::clone(world);
        thread::spawn(move || part(&world))
    }

    impl World {
        fn wait(&self) {
            let mut value = self.value.lock(Blocking);
            let is_unset = |value: &mut Evidence| value.read() == 0;
            self.changed.wait_while(Blocking, &mut value, is_unset);
            value.add(1);
        }

        /// Waits, or is late at any moment, and passes on what it was told.
        fn wait_hastily(&self) {
            let mut value = self.value.lock(Blocking);
            let hasty = Blocking.until(Instant::now());
            if value.read() == 0 && self.changed.wait(hasty, &mut value).is_ok() {
                assert!(value.read() > 0);
                self.changed.notify_one();
            }
        }

        fn assert_at_rest(&self, changes: u32) {
            assert_eq!(self.value.try_lock().unwrap().read(), changes);
            assert!(!self.changed.is_awaited.load(Ordering::Relaxed));
        }
    }

    #[test]
    fn loom_condvar_wait_against_notify_one() {
        explore(3, || {
            let world = world();
            let waiter = spawn(&world, World::wait);
            let notifier = spawn(&world, |w| {
                w.value.lock(Blocking).add(1);
                w.changed.notify_one();
            });
            waiter.join().unwrap();
            notifier.join().unwrap();
            world.assert_at_rest(2);
        });
    }

    #[test]
    fn loom_condvar_wait_against_notify_under_the_lock() {
        explore(3, || {
            let world = world();
            let waiter = spawn(&world, World::wait);
            let notifier = spawn(&world, |w| {
                let value = w.value.lock(Blocking);
                value.add(1);
                w.changed.notify_one();
            });
            waiter.join().unwrap();
            notifier.join().unwrap();
            world.assert_at_rest(2);
        });
    }

    #[test]
    fn loom_condvar_two_waits_against_notify_all() {
        explore(2, || {
            let world = world();
            let waiters = [(); 2].map(|()| spawn(&world, World::wait));
            let notifier = spawn(&world, |w| {
                w.value.lock(Blocking).add(1);
                w.changed.notify_all();
            });
            waiters.into_iter().for_each(|w| w.join().unwrap());
            notifier.join().unwrap();
            world.assert_at_rest(3);
        });
    }

    /// One notification, and two waiters of which one is late, or passes it on.
    #[test]
    fn loom_condvar_late_and_patient_against_notify_one() {
        explore(2, || {
            let world = world();
            let hasty = spawn(&world, World::wait_hastily);
            let patient = spawn(&world, World::wait);
            let notifier = spawn(&world, |w| {
                w.value.lock(Blocking).add(1);
                w.changed.notify_one();
            });
            hasty.join().unwrap();
            patient.join().unwrap();
            notifier.join().unwrap();
            world.assert_at_rest(2);
        });
    }
}
