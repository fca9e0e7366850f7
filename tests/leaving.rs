//! The end of a system: it waits for every job, wherever and by whomever it is dropped.
#![forbid(unsafe_code)]

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use common::{WORKERS, build, quiet_panic, system, watch};
use rustfiber::{Blocking, Context, Counter, Event, Handle, JobSystem};

/// Counts a job, and lets it spawn two more, `depth` times over.
fn multiply(cx: &Context<'_>, depth: u32, ended: &Arc<AtomicUsize>) {
    if depth > 0 {
        for _ in 0..2 {
            let ended = Arc::clone(ended);
            cx.spawn(move |cx| multiply(cx, depth - 1, &ended));
        }
    }
    cx.yield_now();
    ended.fetch_add(1, Ordering::Relaxed);
}

#[test]
fn drop_drains_detached_jobs_and_what_they_spawn() {
    let _watchdog = watch();
    for workers in WORKERS {
        for _ in 0..20 {
            let jobs = system(workers);
            let ended = Arc::new(AtomicUsize::new(0));
            for _ in 0..4 {
                let ended = Arc::clone(&ended);
                jobs.spawn(move |cx| multiply(cx, 6, &ended));
            }
            drop(jobs);
            assert_eq!(ended.load(Ordering::Relaxed), 4 * 127);
        }
    }
}

#[test]
fn drop_waits_for_jobs_that_wait() {
    let _watchdog = watch();
    for workers in WORKERS {
        for _ in 0..20 {
            let jobs = system(workers);
            let (gate, ended) = (Counter::new(), Arc::new(AtomicUsize::new(0)));
            gate.add(1);
            for _ in 0..50 {
                let (gate, ended) = (gate.clone(), Arc::clone(&ended));
                jobs.spawn(move |cx| {
                    gate.wait(cx);
                    ended.fetch_add(1, Ordering::Relaxed);
                });
            }
            let handle = jobs.handle();
            let opens = std::thread::spawn(move || {
                while !handle.is_closed() {
                    std::thread::yield_now();
                }
                gate.done();
            });
            drop(jobs);
            assert_eq!(ended.load(Ordering::Relaxed), 50);
            opens.join().unwrap();
        }
    }
}

/// A system whose threads and memory are known to be gone when `token` is alone.
fn system_that_tells(workers: usize, token: &Arc<()>) -> JobSystem {
    let held = Arc::clone(token);
    build(
        JobSystem::builder()
            .workers(workers)
            .on_panic(move |_| assert!(Arc::strong_count(&held) > 0)),
    )
}

fn until_it_is_gone(token: &Arc<()>) {
    while Arc::strong_count(token) > 1 {
        std::thread::yield_now();
    }
}

#[test]
fn dropped_inside_its_own_job_it_ends_by_itself() {
    let _watchdog = watch();
    for workers in WORKERS {
        for _ in 0..20 {
            let token = Arc::new(());
            let jobs = Arc::new(system_that_tells(workers, &token));
            let (last, gate) = (Arc::clone(&jobs), Arc::new(Event::manual()));
            let waits = Arc::clone(&gate);
            let job = jobs.spawn(move |cx| {
                waits.wait(cx);
                let handle = last.handle();
                assert_eq!(Arc::strong_count(&last), 1);
                drop(last);
                // It drains, but its own jobs still spawn and wait.
                assert!(handle.is_closed());
                let more = handle
                    .spawn(|cx| cx.spawn(|_| 40).join(cx).unwrap())
                    .unwrap();
                more.join(cx).unwrap() + cx.spawn(|_| 2).join(cx).unwrap()
            });
            drop(jobs);
            gate.set();
            assert_eq!(job.join(Blocking).unwrap(), 42);
            until_it_is_gone(&token);
        }
    }
}

#[test]
fn dropped_inside_another_systems_job_it_ends_by_itself() {
    let _watchdog = watch();
    for workers in WORKERS {
        let other = system(workers);
        for _ in 0..20 {
            let token = Arc::new(());
            let jobs = system_that_tells(workers, &token);
            let (gate, ended) = (Counter::new(), Arc::new(AtomicUsize::new(0)));
            gate.add(1);
            for _ in 0..10 {
                let (gate, ended) = (gate.clone(), Arc::clone(&ended));
                jobs.spawn(move |cx| {
                    gate.wait(cx);
                    ended.fetch_add(1, Ordering::Relaxed);
                });
            }
            // The gate opens after the drop: this hangs if the drop waits.
            other.run(|_| drop(jobs));
            gate.done();
            until_it_is_gone(&token);
            assert_eq!(ended.load(Ordering::Relaxed), 10);
        }
    }
}

/// Calls a closure that was given back as a job of another system.
fn run_elsewhere<T: Send>(f: impl FnOnce(&Context<'_>) -> T + Send) -> T {
    system(1).run(f)
}

#[test]
fn spawning_after_the_end_gives_the_closure_back() {
    let _watchdog = watch();
    for workers in WORKERS {
        let jobs = system(workers);
        let (handle, counter) = (jobs.handle(), Counter::new());
        assert_eq!(handle.spawn(|_| 1).unwrap().join(Blocking).unwrap(), 1);
        drop(jobs);
        assert!(handle.is_closed());
        let captured = Arc::new(());
        let kept = Arc::clone(&captured);
        let refused = handle
            .job()
            .counter(&counter)
            .spawn(move |_| Arc::strong_count(&kept));
        let refused = refused.unwrap_err();
        assert!(refused.to_string().contains("shut down"));
        assert!(counter.is_zero(), "a job that was refused is not counted");
        assert_eq!(run_elsewhere(refused.into_inner()), 2);
        assert_eq!(Arc::strong_count(&captured), 1);
    }
}

#[test]
fn while_it_drains_only_its_own_jobs_spawn() {
    fn spawns_until_closed(cx: &Context<'_>, handle: &Handle) -> usize {
        let mut spawned = 0;
        while !handle.is_closed() {
            spawned += handle.spawn(|_| 1).unwrap().join(cx).unwrap();
            cx.yield_now();
        }
        spawned
            + handle
                .spawn(|cx| cx.spawn(|_| 1).join(cx).unwrap())
                .unwrap()
                .join(cx)
                .unwrap()
    }
    let _watchdog = watch();
    for workers in WORKERS {
        for _ in 0..20 {
            let jobs = system(workers);
            let (inside, outside) = (jobs.handle(), jobs.handle());
            let job = jobs.spawn(move |cx| spawns_until_closed(cx, &inside));
            let from_outside = std::thread::spawn(move || {
                let mut taken = 0;
                loop {
                    match outside.spawn(|_| 1) {
                        Ok(job) => taken += job.join(Blocking).unwrap(),
                        Err(refused) => return taken + run_elsewhere(refused.into_inner()),
                    }
                }
            });
            drop(jobs);
            assert!(job.is_finished());
            assert!(job.join(Blocking).unwrap() > 0);
            assert!(from_outside.join().unwrap() > 0);
        }
    }
}

#[test]
fn what_is_accepted_while_it_closes_runs() {
    let _watchdog = watch();
    for workers in WORKERS {
        for _ in 0..500 {
            let jobs = system(workers);
            let handle = jobs.handle();
            let outside = [(); 3].map(|()| {
                let handle = handle.clone();
                std::thread::spawn(move || {
                    while let Ok(job) = handle.spawn(|_| ()) {
                        job.join(Blocking).unwrap(); // hangs if the job is lost
                    }
                })
            });
            // The workers have something to do until it closes, and nothing right after.
            jobs.spawn(move |cx| {
                while !handle.is_closed() {
                    cx.yield_now();
                }
            });
            drop(jobs);
            outside
                .into_iter()
                .for_each(|thread| thread.join().unwrap());
        }
    }
}

#[test]
fn shutdown_timeout_waits_for_jobs_that_end() {
    let _watchdog = watch();
    for workers in WORKERS {
        for patience in [Duration::from_secs(250), Duration::MAX] {
            let jobs = system(workers);
            let ended = Arc::new(AtomicUsize::new(0));
            let counted = Arc::clone(&ended);
            jobs.spawn(move |cx| multiply(cx, 6, &counted));
            jobs.shutdown_timeout(patience).unwrap();
            assert_eq!(ended.load(Ordering::Relaxed), 127);
        }
    }
}

#[test]
fn shutdown_timeout_reports_who_waits_for_what_and_leaves_them_to_end() {
    let _watchdog = watch();
    for workers in WORKERS {
        let token = Arc::new(());
        let jobs = system_that_tells(workers, &token);
        let handle = jobs.handle();
        let (gate, ended) = (Counter::new(), Counter::new());
        gate.add(1);
        for _ in 0..3 {
            let gate = gate.clone();
            let job = jobs.job().name("patient").counter(&ended);
            job.spawn(move |cx| gate.wait(cx));
        }
        let (_sender, receiver) = rustfiber::channel::bounded::<()>(1);
        let line = line!() + 1;
        let job = jobs.job().counter(&ended);
        job.spawn(move |cx| assert!(receiver.recv(cx).is_err()));
        while handle.stats().waits() < 4 {
            std::thread::yield_now();
        }
        let error = jobs.shutdown_timeout(Duration::ZERO).unwrap_err();
        let report = error.to_string();
        for part in [
            "patient",
            "a counter to reach zero",
            "a value from a channel",
            file!(),
        ] {
            assert!(report.contains(part), "{part:?} is not in {report}");
        }
        assert!(report.contains("(3 jobs)"), "{report}");
        let waiting = error.waiting();
        assert_eq!(waiting.len(), 4);
        let nameless = waiting.iter().find(|job| job.job_name.is_none()).unwrap();
        assert_eq!(nameless.spawned_at.map(|at| at.line()), Some(line));
        assert_eq!(nameless.waits_at.line(), line + 1);
        assert!(waiting.iter().all(|job| job.worker < workers));
        // They were left, not lost.
        assert!(handle.spawn(|_| ()).is_err());
        gate.done();
        drop(_sender);
        ended.wait(Blocking);
        drop((handle, error));
        until_it_is_gone(&token);
    }
}

#[test]
fn shutdown_timeout_reports_a_job_that_does_not_wait() {
    let _watchdog = watch();
    let jobs = system(1);
    let (started, ends) = (Arc::new(Event::manual()), Arc::new(AtomicUsize::new(0)));
    let (starts, until) = (Arc::clone(&started), Arc::clone(&ends));
    let job = jobs.spawn(move |_| {
        starts.set();
        while until.load(Ordering::Relaxed) == 0 {
            std::thread::yield_now();
        }
    });
    started.wait(Blocking);
    let report = jobs
        .shutdown_timeout(Duration::ZERO)
        .unwrap_err()
        .to_string();
    assert!(
        report.contains("worker 0 is in the middle of a job"),
        "{report}"
    );
    ends.store(1, Ordering::Relaxed);
    job.join(Blocking).unwrap();
}

#[test]
fn two_hundred_systems_one_after_the_other() {
    let _watchdog = watch();
    for round in 0..200 {
        let jobs = system(WORKERS[round % WORKERS.len()]);
        let handle = jobs.spawn(|cx| cx.spawn(|cx| cx.join(|_| 1, |_| 2)).join(cx).unwrap());
        if round % 2 == 0 {
            assert!(
                jobs.spawn(|_| quiet_panic("joined"))
                    .join(Blocking)
                    .is_err()
            );
        }
        drop(jobs);
        assert_eq!(handle.join(Blocking).unwrap(), (1, 2));
    }
}

#[test]
fn a_system_that_never_had_a_job_ends() {
    let _watchdog = watch();
    for workers in [1, 2, 8, 64] {
        drop(system(workers));
        system(workers).shutdown_timeout(Duration::MAX).unwrap();
    }
}

#[test]
fn jobs_of_two_systems_wait_for_each_others() {
    let _watchdog = watch();
    for workers in WORKERS {
        let [one, other] = [(); 2].map(|()| system(workers));
        for _ in 0..50 {
            let (first, second) = (Counter::new(), Counter::new());
            first.add(1);
            let (awaited, handle) = (second.clone(), one.handle());
            let there = other.job().counter(&second).spawn({
                let first = first.clone();
                move |cx| {
                    first.wait(cx);
                    handle
                        .spawn(|cx| cx.spawn(|_| 20).join(cx).unwrap())
                        .unwrap()
                        .join(cx)
                        .unwrap()
                }
            });
            let here = one.spawn(move |cx| {
                cx.spawn(move |_| first.done());
                awaited.wait(cx);
                there.join(cx).unwrap() + 22
            });
            assert_eq!(here.join(Blocking).unwrap(), 42);
        }
    }
}
