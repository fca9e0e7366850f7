//! What a mutex says of itself; models of lock, unlock and late waiters under `--cfg loom`.

use super::*;

#[cfg(not(loom))]
mod plain {
    use super::*;

    #[test]
    fn what_it_shows() {
        let mutex = Mutex::new(7);
        assert_eq!(format!("{mutex:?}"), "Mutex { data: 7 }");
        let guard = mutex.try_lock().unwrap();
        assert_eq!(format!("{mutex:?}"), "Mutex { data: <locked> }");
        assert_eq!(format!("{guard:?} {guard}"), "7 7");
        drop(guard);
        assert_eq!(
            format!("{:?}", RawMutex::new()),
            "RawMutex { is_locked: false, .. }"
        );
    }

    #[test]
    fn the_usual_ways_to_make_one() {
        assert_eq!(Mutex::<u8>::default().into_inner(), 0);
        assert_eq!(Mutex::from(3).into_inner(), 3);
        let unsized_value: &Mutex<[u8]> = &Mutex::new([1, 2]);
        unsized_value.try_lock().unwrap()[1] = 3;
        assert_eq!(*unsized_value.try_lock().unwrap(), [1, 3]);
    }

    #[test]
    fn what_may_go_where() {
        fn send<T: Send>() {}
        fn sync<T: Sync>() {}
        type Cell = std::cell::Cell<u8>;
        type StdGuard = std::sync::MutexGuard<'static, u8>;
        send::<Mutex<Cell>>();
        sync::<Mutex<Cell>>();
        send::<MutexGuard<'static, Cell>>();
        sync::<MutexGuard<'static, StdGuard>>();
    }

    #[test]
    fn it_is_small() {
        assert!(size_of::<Mutex<()>>() <= 4 * size_of::<usize>());
        assert_eq!(size_of::<MutexGuard<'static, ()>>(), size_of::<usize>());
    }
}

#[cfg(loom)]
mod model {
    use std::time::Instant;

    use super::*;
    use crate::primitive::{Arc, thread};
    use crate::sched::Blocking;
    use crate::wait::testing::{Evidence, explore};

    type Shared = Arc<Mutex<Evidence>>;

    fn shared() -> Shared {
        Arc::new(Mutex::new(Evidence::new()))
    }

    fn spawn<T: 'static>(
        mutex: &Shared,
        part: impl FnOnce(&Mutex<Evidence>) -> T + 'static,
    ) -> thread::JoinHandle<T> {
        let mutex = Arc::clone(mutex);
        thread::spawn(move || part(&mutex))
    }

    /// Locks, patiently.
    fn add(mutex: &Mutex<Evidence>) {
        mutex.lock(Blocking).add(1);
    }

    /// Locks, or is late at any moment; says which.
    fn add_in_time(mutex: &Mutex<Evidence>) -> u32 {
        match mutex.lock(Blocking.until(Instant::now())) {
            Ok(guard) => {
                guard.add(1);
                1
            }
            Err(_) => 0,
        }
    }

    /// Nobody holds it, waits or is on the way; `added` have held it, one after the other.
    fn assert_at_rest(mutex: &Mutex<Evidence>, added: u32) {
        assert!(mutex.raw.is_at_rest());
        assert_eq!(mutex.try_lock().unwrap().read(), added);
    }

    #[test]
    fn loom_mutex_two_locks() {
        explore(None, || {
            let mutex = shared();
            let threads = [(); 2].map(|()| spawn(&mutex, add));
            threads.into_iter().for_each(|t| t.join().unwrap());
            assert_at_rest(&mutex, 2);
        });
    }

    #[test]
    fn loom_mutex_three_locks() {
        explore(2, || {
            let mutex = shared();
            let threads = [(); 3].map(|()| spawn(&mutex, add));
            threads.into_iter().for_each(|t| t.join().unwrap());
            assert_at_rest(&mutex, 3);
        });
    }

    /// The waiter that is woken may lose, and is handed the lock then.
    #[test]
    fn loom_mutex_wait_against_a_greedy_holder() {
        explore(3, || {
            let mutex = shared();
            let first = mutex.try_lock().unwrap();
            let waiter = spawn(&mutex, add);
            first.add(1);
            drop(first);
            let mut held = 2;
            for _ in 0..2 {
                if let Some(guard) = mutex.try_lock() {
                    guard.add(1);
                    held += 1;
                }
            }
            waiter.join().unwrap();
            assert_at_rest(&mutex, held);
        });
    }

    #[test]
    fn loom_mutex_late_against_unlock() {
        explore(None, || {
            let mutex = shared();
            let holder = mutex.try_lock().unwrap();
            let hasty = spawn(&mutex, add_in_time);
            holder.add(1);
            drop(holder);
            let held = 1 + hasty.join().unwrap();
            assert_at_rest(&mutex, held);
        });
    }

    /// A wake-up for one that is late, also for one that was woken in vain and is late then, goes to
    /// the next.
    #[test]
    fn loom_mutex_late_and_patient_against_a_greedy_holder() {
        explore(2, || {
            let mutex = shared();
            let first = mutex.try_lock().unwrap();
            let hasty = spawn(&mutex, add_in_time);
            let patient = spawn(&mutex, add);
            first.add(1);
            drop(first);
            let mut held = 2;
            if let Some(guard) = mutex.try_lock() {
                guard.add(1);
                held += 1;
            }
            patient.join().unwrap();
            held += hasty.join().unwrap();
            assert_at_rest(&mutex, held);
        });
    }
}
