//! Barriers, between jobs and threads.

use std::sync::Arc;
use std::time::Duration;

use rustfiber::{Barrier, Blocking, CancelToken};
use shuttle::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use shuttle::thread;

use crate::{explore, system};

#[test]
fn each_generation_has_all_of_it_and_one_leader() {
    explore([1, 2, 3], |workers| {
        let jobs = system(workers);
        let barrier = Arc::new(Barrier::new(3));
        let rounds = Arc::new([(); 3].map(|()| [AtomicUsize::new(0), AtomicUsize::new(0)]));
        let players: Vec<_> = (0..2)
            .map(|_| {
                let (barrier, rounds) = (Arc::clone(&barrier), Arc::clone(&rounds));
                jobs.spawn(move |cx| {
                    for [came, led] in &*rounds {
                        came.fetch_add(1, Relaxed);
                        let is_leader = barrier.wait(cx).is_leader();
                        assert_eq!(came.load(Relaxed), 3);
                        led.fetch_add(usize::from(is_leader), Relaxed);
                    }
                })
            })
            .collect();
        let thread = {
            let (barrier, rounds) = (Arc::clone(&barrier), Arc::clone(&rounds));
            thread::spawn(move || {
                for [came, led] in &*rounds {
                    came.fetch_add(1, Relaxed);
                    let is_leader = barrier.wait(Blocking).is_leader();
                    assert_eq!(came.load(Relaxed), 3);
                    led.fetch_add(usize::from(is_leader), Relaxed);
                }
            })
        };
        players
            .into_iter()
            .for_each(|job| job.join(Blocking).unwrap());
        thread.join().unwrap();
        assert!(rounds.iter().all(|[_, led]| led.load(Relaxed) == 1));
    });
}

#[test]
fn whoever_comes_meets_one_other() {
    // More than a generation has: some come while those before them are still being woken.
    explore([1, 2, 3], |workers| {
        let jobs = system(workers);
        let barrier = Arc::new(Barrier::new(2));
        let players: Vec<_> = (0..5)
            .map(|_| {
                let barrier = Arc::clone(&barrier);
                jobs.spawn(move |cx| usize::from(barrier.wait(cx).is_leader()))
            })
            .collect();
        let last = usize::from(barrier.wait(Blocking).is_leader());
        let leaders: usize = players
            .into_iter()
            .map(|job| job.join(Blocking).unwrap())
            .sum();
        assert_eq!(leaders + last, 3);
    });
}

#[test]
fn one_that_gives_up_has_come_or_has_not() {
    explore([1, 2], |workers| {
        let jobs = system(workers);
        let (barrier, token) = (Arc::new(Barrier::new(2)), CancelToken::new());
        let unsure: Vec<_> = [Duration::from_micros(30), Duration::MAX]
            .into_iter()
            .map(|limit| {
                let (barrier, token) = (Arc::clone(&barrier), token.clone());
                jobs.spawn(move |cx| barrier.wait(cx.within(limit).or_cancelled(&token)).ok())
            })
            .collect();
        let patient = {
            let barrier = Arc::clone(&barrier);
            jobs.spawn(move |cx| Some(barrier.wait(cx)))
        };
        let cancels = thread::spawn(move || token.cancel());
        let mut passed: Vec<_> = unsure
            .into_iter()
            .filter_map(|job| job.join(Blocking).unwrap())
            .collect();
        // Two have met, or the patient one still waits for somebody.
        if passed.len() != 1 {
            passed.push(barrier.wait(Blocking));
        }
        passed.extend(patient.join(Blocking).unwrap());
        cancels.join().unwrap();
        let leaders = passed.iter().filter(|passed| passed.is_leader()).count();
        assert_eq!((passed.len() % 2, leaders), (0, passed.len() / 2));
    });
}
