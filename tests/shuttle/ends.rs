//! Systems that end while others still come, wait or wake.

use std::sync::Arc;
use std::time::Duration;

use rustfiber::{Blocking, Counter, Event, JobSystem};
use shuttle::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use shuttle::thread;

use crate::{build, explore, system};

#[test]
fn a_system_ends_when_the_last_waiting_job_has() {
    explore([1, 2, 3], |workers| {
        let jobs = system(workers);
        let (event, ended) = (Arc::new(Event::manual()), Arc::new(AtomicUsize::new(0)));
        for _ in 0..2 {
            let (event, ended) = (Arc::clone(&event), Arc::clone(&ended));
            jobs.spawn(move |cx| {
                event.wait(cx);
                // What a job spawns while the system closes still runs.
                let last = Arc::clone(&ended);
                cx.spawn(move |_| last.fetch_add(1, Relaxed));
                ended.fetch_add(1, Relaxed);
            });
        }
        let sets = thread::spawn(move || event.set());
        drop(jobs);
        assert_eq!(ended.load(Relaxed), 4);
        sets.join().unwrap();
    });
}

#[test]
fn jobs_from_outside_run_or_come_back() {
    explore([1, 2], |workers| {
        let jobs = system(workers);
        let ran = Arc::new(AtomicUsize::new(0));
        let (outside, mark) = (jobs.handle(), Arc::clone(&ran));
        let spawns = thread::spawn(move || {
            let let_in = outside.spawn(move |_| _ = mark.fetch_add(1, Relaxed));
            usize::from(let_in.is_ok())
        });
        drop(jobs);
        let ran_before = ran.load(Relaxed);
        assert_eq!(spawns.join().unwrap(), ran_before);
        assert_eq!(ran.load(Relaxed), ran_before);
    });
}

#[test]
fn a_postponed_job_keeps_the_system() {
    explore([1, 2], |workers| {
        let jobs = system(workers);
        let (counter, ran) = (Counter::new(), Arc::new(AtomicUsize::new(0)));
        counter.add(1);
        let mark = Arc::clone(&ran);
        let ends = counter.clone();
        jobs.run(|cx| drop(cx.then(&counter, move |_| _ = mark.fetch_add(1, Relaxed))));
        let ends = thread::spawn(move || ends.done());
        drop(jobs);
        assert_eq!(ran.load(Relaxed), 1);
        ends.join().unwrap();
    });
}

#[test]
fn a_shutdown_waits_as_long_as_it_may() {
    explore([1, 2], |workers| {
        let jobs = system(workers);
        let event = Arc::new(Event::auto());
        let set = Arc::clone(&event);
        jobs.spawn(move |cx| event.wait(cx));
        let sets = thread::spawn(move || set.set());
        jobs.shutdown_timeout(Duration::MAX).unwrap();
        sets.join().unwrap();
    });
}

#[test]
fn a_system_dropped_by_its_own_job_ends_by_itself() {
    explore([1, 2], |workers| {
        let alive = Arc::new(());
        let witness = Arc::clone(&alive);
        let builder = JobSystem::builder().workers(workers);
        let jobs = Arc::new(build(builder.on_stall(move |_| _ = &witness)));
        let inner = Arc::clone(&jobs);
        let job = jobs.spawn(move |cx| {
            cx.spawn(|cx| cx.yield_now());
            drop(inner);
        });
        drop(jobs);
        job.join(Blocking).unwrap();
        // Its threads are on their own.
        while Arc::strong_count(&alive) > 1 {
            thread::yield_now();
        }
    });
}
