//! A writer is alone, readers see what writers did, and nobody is left waiting.

use std::time::Instant;

use super::*;
use crate::primitive::{Arc, thread};
use crate::sched::Blocking;
use crate::wait::testing::{Evidence, explore};

type Shared = Arc<RwLock<Evidence>>;

fn shared() -> Shared {
    Arc::new(RwLock::new(Evidence::new()))
}

fn spawn<T: 'static>(
    lock: &Shared,
    part: impl FnOnce(&RwLock<Evidence>) -> T + 'static,
) -> thread::JoinHandle<T> {
    let lock = Arc::clone(lock);
    thread::spawn(move || part(&lock))
}

fn add(lock: &RwLock<Evidence>) {
    lock.write(Blocking).add(1);
}

/// Nobody holds it or waits; so many have written, one after the other.
fn assert_at_rest(lock: &RwLock<Evidence>, written: u32) {
    assert!(!lock.is_locked());
    assert_eq!(lock.try_write().unwrap().read(), written);
}

#[test]
fn loom_rwlock_two_writers() {
    explore(3, || {
        let lock = shared();
        let writers = [(); 2].map(|()| spawn(&lock, add));
        writers.into_iter().for_each(|w| w.join().unwrap());
        assert_at_rest(&lock, 2);
    });
}

#[test]
fn loom_rwlock_a_reader_and_a_writer() {
    explore(3, || {
        let lock = shared();
        let writer = spawn(&lock, add);
        let reader = spawn(&lock, |lock| {
            let guard = lock.read(Blocking);
            let seen = guard.read();
            assert_eq!(guard.read(), seen);
            drop(guard);
            // Again: it waits behind the writer, or comes after it.
            assert!(lock.read(Blocking).read() >= seen);
        });
        writer.join().unwrap();
        reader.join().unwrap();
        assert_at_rest(&lock, 1);
    });
}

/// The writer waits for both.
#[test]
fn loom_rwlock_two_readers_and_a_writer() {
    explore(2, || {
        let lock = shared();
        let first = lock.try_read().unwrap();
        let writer = spawn(&lock, add);
        let reader = spawn(&lock, |lock| {
            if let Some(guard) = lock.try_read() {
                assert!(guard.read() <= 1);
            }
        });
        assert_eq!(first.read(), 0);
        drop(first);
        writer.join().unwrap();
        reader.join().unwrap();
        assert_at_rest(&lock, 1);
    });
}

/// What was written before a downgrade is seen by the reader that it lets in, and no writer comes
/// between.
#[test]
fn loom_rwlock_downgrade() {
    explore(3, || {
        let lock = shared();
        let guard = lock.try_write().unwrap();
        let reader = spawn(&lock, |lock| {
            assert_eq!(lock.read(Blocking).read(), 1);
            add(lock);
        });
        guard.add(1);
        let guard = guard.downgrade();
        assert_eq!(guard.read(), 1);
        drop(guard);
        reader.join().unwrap();
        assert_at_rest(&lock, 2);
    });
}

/// A writer that gives up lets the reader behind it through.
#[test]
fn loom_rwlock_late_writer_with_a_reader_behind() {
    explore(2, || {
        let lock = shared();
        let first = lock.try_read().unwrap();
        let hasty = spawn(&lock, |lock| {
            match lock.write(Blocking.until(Instant::now())) {
                Ok(guard) => {
                    guard.add(1);
                    1
                }
                Err(_) => 0,
            }
        });
        let patient = spawn(&lock, |lock| lock.read(Blocking).read());
        drop(first);
        let written = hasty.join().unwrap();
        assert!(patient.join().unwrap() <= written);
        assert_at_rest(&lock, written);
    });
}
