//! Read-write locks, between jobs and threads.

use std::sync::Arc;
use std::time::Duration;

use rustfiber::{Blocking, CancelToken, Event, RwLock};
use shuttle::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use shuttle::thread;

use crate::{explore, system};

/// A lock that knows who is inside: each reader counts as one, a writer as many.
#[derive(Default)]
struct Room {
    lock: RwLock<u32>,
    inside: AtomicUsize,
}

const WRITER: usize = 100;

impl Room {
    fn reader_comes(&self) {
        assert!(self.inside.fetch_add(1, Relaxed) < WRITER);
    }

    fn reader_goes(&self) {
        self.inside.fetch_sub(1, Relaxed);
    }

    fn writer_comes(&self) {
        assert_eq!(self.inside.fetch_add(WRITER, Relaxed), 0);
    }

    fn writer_goes(&self) {
        self.inside.fetch_sub(WRITER, Relaxed);
    }
}

#[test]
fn writers_are_alone() {
    explore([1, 2, 3], |workers| {
        let jobs = system(workers);
        let room = Arc::new(Room::default());
        let users: Vec<_> = [true, false, false]
            .into_iter()
            .map(|writes| {
                let room = Arc::clone(&room);
                jobs.spawn(move |cx| {
                    if writes {
                        let mut value = room.lock.write(cx);
                        room.writer_comes();
                        cx.yield_now();
                        *value += 1;
                        room.writer_goes();
                    } else {
                        let value = room.lock.read(cx);
                        room.reader_comes();
                        let before = *value;
                        cx.yield_now();
                        assert_eq!(*value, before);
                        room.reader_goes();
                    }
                })
            })
            .collect();
        let thread = {
            let room = Arc::clone(&room);
            thread::spawn(move || {
                let mut value = room.lock.write(Blocking);
                room.writer_comes();
                *value += 1;
                room.writer_goes();
            })
        };
        users
            .into_iter()
            .for_each(|job| job.join(Blocking).unwrap());
        thread.join().unwrap();
        assert!(!room.lock.is_locked());
        assert_eq!(*room.lock.read(Blocking), 2);
    });
}

#[test]
fn nobody_is_lost_among_readers_and_writers_that_give_up() {
    explore([1, 2], |workers| {
        let jobs = system(workers);
        let (room, token) = (Arc::new(Room::default()), CancelToken::new());
        let held = room.lock.write(Blocking);
        let limit = Duration::from_micros(30);
        let writers: Vec<_> = (0..3)
            .map(|n| {
                let (room, token) = (Arc::clone(&room), token.clone());
                jobs.spawn(move |cx| {
                    let value = match n {
                        0 => room.lock.write(cx.or_cancelled(&token)),
                        1 => room.lock.write(cx.within(limit)),
                        _ => Ok(room.lock.write(cx)),
                    };
                    value.map_or(0, |mut value| {
                        room.writer_comes();
                        *value += 1;
                        room.writer_goes();
                        1
                    })
                })
            })
            .collect();
        let reader = {
            let (room, token) = (Arc::clone(&room), token.clone());
            thread::spawn(move || {
                if let Ok(_value) = room.lock.read(Blocking.or_cancelled(&token)) {
                    room.reader_comes();
                    room.reader_goes();
                }
            })
        };
        let cancels = thread::spawn(move || token.cancel());
        drop(held);
        let written: u32 = writers
            .into_iter()
            .map(|job| job.join(Blocking).unwrap())
            .sum();
        reader.join().unwrap();
        cancels.join().unwrap();
        assert!(!room.lock.is_locked());
        assert_eq!(*room.lock.read(Blocking), written);
    });
}

#[test]
fn a_reader_comes_in_when_the_writers_before_it_give_up() {
    explore([1, 2], |workers| {
        let jobs = system(workers);
        let (lock, token) = (Arc::new(RwLock::new(())), CancelToken::new());
        let held = lock.read(Blocking);
        let writers: Vec<_> = [Duration::from_micros(30), Duration::MAX]
            .into_iter()
            .map(|limit| {
                let (lock, token) = (Arc::clone(&lock), token.clone());
                jobs.spawn(move |cx| {
                    let who = cx.within(limit).or_cancelled(&token);
                    lock.write(who).is_ok()
                })
            })
            .collect();
        let in_job = {
            let lock = Arc::clone(&lock);
            jobs.spawn(move |cx| drop(lock.read(cx)))
        };
        let on_thread = {
            let lock = Arc::clone(&lock);
            thread::spawn(move || drop(lock.read(Blocking)))
        };
        token.cancel();
        // The lock is held meanwhile.
        in_job.join(Blocking).unwrap();
        on_thread.join().unwrap();
        for writer in writers {
            assert!(!writer.join(Blocking).unwrap());
        }
        drop(held);
        assert!(lock.try_write().is_some());
    });
}

#[test]
fn a_writer_that_becomes_a_reader_lets_readers_in() {
    explore([1, 2], |workers| {
        let jobs = system(workers);
        let (lock, came_in) = (Arc::new(RwLock::new(0)), Arc::new(Event::manual()));
        let writer = {
            let (lock, came_in) = (Arc::clone(&lock), Arc::clone(&came_in));
            jobs.spawn(move |cx| {
                let mut value = lock.write(cx);
                *value = 1;
                let value = value.downgrade();
                came_in.wait(cx);
                *value
            })
        };
        let reader = jobs.spawn(move |cx| {
            let value = *lock.read(cx);
            came_in.set();
            value
        });
        // It may have come first.
        assert!(reader.join(Blocking).unwrap() <= 1);
        assert_eq!(writer.join(Blocking).unwrap(), 1);
    });
}
