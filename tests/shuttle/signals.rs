//! Jobs and threads that wait for each other: counters, events, channels.

use std::sync::Arc;

use rustfiber::{Blocking, Counter, Event, channel};
use shuttle::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use shuttle::thread;

use crate::{explore, system};

#[test]
fn a_counter_wakes_jobs_and_threads_and_starts_what_comes_then() {
    explore([2, 3], |workers| {
        let jobs = system(workers);
        let (counter, ended) = (Counter::new(), Arc::new(AtomicUsize::new(0)));
        let hold = counter.hold();
        let mark = Arc::clone(&ended);
        let then = jobs.run(|cx| cx.then(&counter, move |_| mark.load(Relaxed)));
        let thread = {
            let (counter, ended) = (counter.clone(), Arc::clone(&ended));
            thread::spawn(move || {
                counter.wait(Blocking);
                ended.load(Relaxed)
            })
        };
        let job = {
            let (counter, ended) = (counter.clone(), Arc::clone(&ended));
            jobs.spawn(move |cx| {
                for _ in 0..2 {
                    let ended = Arc::clone(&ended);
                    cx.spawn_counted(&counter, move |_| _ = ended.fetch_add(1, Relaxed));
                }
                drop(hold);
                counter.wait(cx);
                ended.load(Relaxed)
            })
        };
        assert_eq!(job.join(Blocking).unwrap(), 2);
        assert_eq!(then.join(Blocking).unwrap(), 2);
        assert_eq!(thread.join().unwrap(), 2);
    });
}

#[test]
fn a_counter_goes_up_and_down_while_others_wait() {
    explore([2], |workers| {
        let jobs = system(workers);
        let counter = Counter::new();
        let waiters: Vec<_> = (0..2)
            .map(|_| {
                let counter = counter.clone();
                counter.add(1);
                jobs.spawn(move |cx| {
                    counter.done();
                    counter.wait(cx);
                    counter.add(1);
                    counter.done();
                    counter.wait_until(cx, 1);
                })
            })
            .collect();
        counter.wait(Blocking);
        waiters
            .into_iter()
            .for_each(|job| job.join(Blocking).unwrap());
        assert!(counter.is_zero());
    });
}

#[test]
fn a_job_and_a_thread_play_ping_pong() {
    explore([1, 2], |workers| {
        let jobs = system(workers);
        let (ping, pong) = (Arc::new(Event::auto()), Arc::new(Event::auto()));
        let balls = Arc::new(AtomicUsize::new(0));
        let job = {
            let (ping, pong, balls) = (Arc::clone(&ping), Arc::clone(&pong), Arc::clone(&balls));
            jobs.spawn(move |cx| {
                for _ in 0..3 {
                    ping.wait(cx);
                    // No read-modify-write: only one side has the ball.
                    balls.store(balls.load(Relaxed) + 1, Relaxed);
                    pong.set();
                }
            })
        };
        for _ in 0..3 {
            ping.set();
            pong.wait(Blocking);
            balls.store(balls.load(Relaxed) + 1, Relaxed);
        }
        job.join(Blocking).unwrap();
        assert_eq!(balls.load(Relaxed), 6);
    });
}

#[test]
fn two_jobs_play_ping_pong() {
    explore([1, 2, 3], |workers| {
        let jobs = system(workers);
        let (ping, pong) = (Event::auto(), Event::auto());
        jobs.run(|cx| {
            cx.scope(|s| {
                s.spawn(|cx| {
                    for _ in 0..3 {
                        ping.wait(cx);
                        pong.set();
                    }
                });
                for _ in 0..3 {
                    ping.set();
                    pong.wait(cx);
                }
            });
        });
    });
}

#[test]
fn a_manual_event_lets_everybody_through() {
    explore([2, 3], |workers| {
        let jobs = system(workers);
        let event = Arc::new(Event::manual());
        let waiters: Vec<_> = (0..3)
            .map(|_| {
                let event = Arc::clone(&event);
                jobs.spawn(move |cx| event.wait(cx))
            })
            .collect();
        let thread = {
            let event = Arc::clone(&event);
            thread::spawn(move || event.wait(Blocking))
        };
        let setter = {
            let event = Arc::clone(&event);
            jobs.spawn(move |_| event.set())
        };
        thread.join().unwrap();
        waiters
            .into_iter()
            .for_each(|job| job.join(Blocking).unwrap());
        setter.join(Blocking).unwrap();
    });
}

#[test]
fn a_full_channel_between_jobs_and_threads() {
    explore([1, 2], |workers| {
        let jobs = system(workers);
        let (sender, receiver) = channel::bounded(1);
        let from_job = sender.clone();
        let sends = jobs.spawn(move |cx| (1..=2).for_each(|n| from_job.send(cx, n).unwrap()));
        let thread = thread::spawn(move || (3..=4).for_each(|n| sender.send(Blocking, n).unwrap()));
        let to_job = receiver.clone();
        let receives =
            jobs.spawn(move |cx| std::iter::from_fn(|| to_job.recv(cx).ok()).sum::<u32>());
        let here: u32 = std::iter::from_fn(|| receiver.recv(Blocking).ok()).sum();
        assert_eq!(here + receives.join(Blocking).unwrap(), 10);
        sends.join(Blocking).unwrap();
        thread.join().unwrap();
    });
}

#[test]
fn a_closed_channel_gives_values_back() {
    explore([1, 2], |workers| {
        let jobs = system(workers);
        let (sender, receiver) = channel::bounded(1);
        let sends = jobs.spawn(move |cx| {
            // Until nobody listens any more.
            (0..).find_map(|n| sender.send(cx, n).err()).unwrap()
        });
        let first = receiver.recv(Blocking).unwrap();
        drop(receiver);
        assert_eq!(first, 0);
        assert!((1..=3).contains(&sends.join(Blocking).unwrap().into_inner()));
    });
}

#[test]
fn jobs_of_two_systems_wait_for_each_other() {
    explore([1, 2], |workers| {
        let (jobs, others) = (system(workers), system(1));
        let other = others.handle();
        let answer = jobs.spawn(move |cx| {
            let event = Arc::new(Event::auto());
            let set = Arc::clone(&event);
            let job = other.spawn(move |_| set.set()).unwrap();
            event.wait(cx);
            job.join(cx).unwrap();
        });
        answer.join(Blocking).unwrap();
    });
}

#[test]
fn a_pipeline_of_threads_jobs_and_loops() {
    explore([2, 3], |workers| {
        let jobs = system(workers);
        let (sender, receiver) = channel::bounded(1);
        let (counter, full) = (Counter::new(), Arc::new(Event::manual()));
        let producer =
            thread::spawn(move || (1..=2).for_each(|n| sender.send(Blocking, n).unwrap()));
        let total = Arc::new(AtomicUsize::new(0));
        let consumer = {
            let (counter, full, total) = (counter.clone(), Arc::clone(&full), Arc::clone(&total));
            jobs.spawn(move |cx| {
                while let Ok(n) = receiver.recv(cx) {
                    let (total, full) = (Arc::clone(&total), Arc::clone(&full));
                    cx.spawn_counted(&counter, move |cx| {
                        cx.with_grain(1)
                            .par_for(0..2, |_, _| _ = total.fetch_add(n, Relaxed));
                        full.wait(cx);
                    });
                }
                full.set();
                counter.wait(cx);
            })
        };
        full.wait(Blocking);
        consumer.join(Blocking).unwrap();
        producer.join().unwrap();
        counter.wait(Blocking);
        assert_eq!(total.load(Relaxed), 6);
    });
}
