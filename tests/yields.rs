//! A job that yields comes back by itself, after whatever else is ready.
#![forbid(unsafe_code)]

mod common;

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, Barrier};

use common::{WORKERS, system, watch};
use rustfiber::{Blocking, Context, Counter, Event};

/// Something that has happened, or not yet.
#[derive(Clone, Default)]
struct Flag(Arc<AtomicBool>);

impl Flag {
    fn set(&self) {
        self.0.store(true, Ordering::Release);
    }

    fn is_set(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }

    fn yield_until_set(&self, cx: &Context<'_>) {
        while !self.is_set() {
            cx.yield_now();
        }
    }
}

/// Runs `test` as a job, some times, on systems of each size.
fn everywhere(test: impl Fn(&Context<'_>) + Sync) {
    let _watchdog = watch();
    for workers in WORKERS {
        let jobs = system(workers);
        for _ in 0..50 {
            jobs.run(&test);
        }
    }
}

/// A job that spawns its like, for ever, until it is told to stop.
fn respawn(cx: &Context<'_>, stop: Flag) {
    cx.spawn(move |cx| {
        if !stop.is_set() {
            respawn(cx, stop);
        }
    });
}

/// Two jobs that wake each other, for ever, until they are told to stop.
fn ping_pong(cx: &Context<'_>, stop: &Flag) {
    let events = [Event::auto(), Event::auto()].map(Arc::new);
    for me in 0..2 {
        let (stop, [hear, call]) = (stop.clone(), [me, 1 - me].map(|i| Arc::clone(&events[i])));
        cx.spawn(move |cx| {
            while !stop.is_set() {
                call.set();
                hear.wait(cx);
            }
            call.set();
        });
    }
}

#[test]
fn until_a_job_in_the_own_queue_has_run() {
    everywhere(|cx| {
        let flag = Flag::default();
        let set = flag.clone();
        cx.spawn(move |_| set.set());
        flag.yield_until_set(cx);
    });
}

#[test]
fn until_a_job_that_is_injected_from_outside_has_run() {
    let _watchdog = watch();
    for workers in WORKERS {
        let jobs = system(workers);
        for _ in 0..50 {
            let (flag, (runs, yielding)) = (Flag::default(), channel());
            let awaited = flag.clone();
            let job = jobs.spawn(move |cx| {
                runs.send(()).unwrap();
                awaited.yield_until_set(cx);
            });
            yielding.recv().unwrap();
            jobs.spawn(move |_| flag.set());
            job.join(Blocking).unwrap();
        }
    }
}

#[test]
fn until_a_plain_thread_has_done_something() {
    everywhere(|cx| {
        let flag = Flag::default();
        let set = flag.clone();
        let thread = std::thread::spawn(move || set.set());
        flag.yield_until_set(cx);
        thread.join().unwrap();
    });
}

#[test]
fn until_a_job_that_itself_yields_has_run() {
    everywhere(|cx| {
        let flag = Flag::default();
        let set = flag.clone();
        cx.spawn(move |cx| {
            (0..100).for_each(|_| cx.yield_now());
            set.set();
        });
        flag.yield_until_set(cx);
    });
}

#[test]
fn until_jobs_that_yield_for_each_other_have_run() {
    everywhere(|cx| {
        let turn = AtomicUsize::new(0);
        cx.scope(|s| {
            for me in 0..10 {
                let turn = &turn;
                s.spawn(move |cx| {
                    for round in 0..10 {
                        while turn.load(Ordering::Acquire) != round * 10 + me {
                            cx.yield_now();
                        }
                        turn.fetch_add(1, Ordering::Release);
                    }
                });
            }
        });
    });
}

#[test]
fn until_a_grandchild_of_a_waiting_job_has_run() {
    everywhere(|cx| {
        let flag = Flag::default();
        let set = flag.clone();
        cx.spawn(move |cx| {
            let child = cx.spawn(move |cx| cx.spawn(move |_| set.set()).join(cx));
            child.join(cx).unwrap().unwrap();
        });
        flag.yield_until_set(cx);
    });
}

#[test]
fn until_a_continuation_has_run() {
    everywhere(|cx| {
        let (flag, counter) = (Flag::default(), Counter::new());
        let set = flag.clone();
        cx.spawn_counted(&counter, |cx| cx.yield_now());
        cx.then(&counter, move |_| set.set());
        flag.yield_until_set(cx);
    });
}

/// The chain is always newer than the old job, and there is always one more of it.
#[test]
fn until_an_old_job_below_an_endless_chain_has_run() {
    everywhere(|cx| {
        let (flag, stop) = (Flag::default(), Flag::default());
        let set = flag.clone();
        cx.spawn(move |_| set.set());
        respawn(cx, stop.clone());
        flag.yield_until_set(cx);
        stop.set();
    });
}

#[test]
fn until_an_injected_job_beside_an_endless_chain_has_run() {
    everywhere(|cx| {
        let (flag, stop, now) = (Flag::default(), Flag::default(), Counter::new());
        respawn(cx, stop.clone());
        let set = flag.clone();
        // What can start at once comes in with the jobs from outside.
        cx.then(&now, move |_| set.set());
        flag.yield_until_set(cx);
        stop.set();
    });
}

#[test]
fn until_an_old_job_below_endlessly_woken_ones_has_run() {
    everywhere(|cx| {
        let (flag, stop) = (Flag::default(), Flag::default());
        let set = flag.clone();
        cx.spawn(move |_| set.set());
        ping_pong(cx, &stop);
        flag.yield_until_set(cx);
        stop.set();
    });
}

/// The same without anyone who yields: neither new jobs nor woken ones starve an old one.
#[test]
fn an_old_job_starts_below_an_endless_chain_also_when_nobody_yields() {
    everywhere(|cx| {
        let (flag, stop) = (Arc::new(Event::manual()), Flag::default());
        let (set, now) = (Arc::clone(&flag), Counter::new());
        let old = cx.spawn(move |cx| {
            // And so does one from outside.
            cx.then(&now, move |_| set.set());
        });
        respawn(cx, stop.clone());
        ping_pong(cx, &stop);
        flag.wait(cx);
        stop.set();
        old.join(cx).unwrap();
    });
}

/// One worker is held by a job that has work in its queue; the other one yields until that has run.
fn until_a_job_of_a_held_worker_has_run(
    beside: impl Fn(&Context<'_>, &Flag) + Copy + Send + 'static,
) {
    let _watchdog = watch();
    let jobs = system(2);
    for _ in 0..50 {
        let (flag, both) = (Flag::default(), Arc::new(Barrier::new(2)));
        let (let_go, held) = channel();
        let (set, on_two_workers) = (flag.clone(), Arc::clone(&both));
        let holder = jobs.spawn(move |cx| {
            on_two_workers.wait();
            cx.spawn(move |_| set.set());
            held.recv().unwrap();
        });
        let yields = jobs.spawn(move |cx| {
            both.wait();
            let stop = Flag::default();
            beside(cx, &stop);
            flag.yield_until_set(cx);
            stop.set();
            let_go.send(()).unwrap();
        });
        yields.join(Blocking).unwrap();
        holder.join(Blocking).unwrap();
    }
}

#[test]
fn until_a_job_in_the_queue_of_a_held_worker_has_run() {
    until_a_job_of_a_held_worker_has_run(|_, _| ());
}

#[test]
fn until_a_job_in_the_queue_of_a_held_worker_has_run_beside_an_endless_chain() {
    until_a_job_of_a_held_worker_has_run(|cx, stop| respawn(cx, stop.clone()));
}

#[test]
fn until_a_job_in_the_queue_of_a_held_worker_has_run_beside_endlessly_woken_ones() {
    until_a_job_of_a_held_worker_has_run(ping_pong);
}

#[test]
fn a_thousand_jobs_that_each_yield_a_thousand_times_end() {
    let _watchdog = watch();
    for workers in WORKERS {
        let jobs = system(workers);
        let turns = AtomicUsize::new(0);
        jobs.run(|cx| {
            cx.scope(|s| {
                for _ in 0..1_000 {
                    s.spawn(|cx| {
                        for _ in 0..1_000 {
                            cx.yield_now();
                            turns.fetch_add(1, Ordering::Relaxed);
                        }
                    });
                }
            });
        });
        assert_eq!(turns.into_inner(), 1_000_000);
        if workers == 1 {
            // All but those of the last job, which may find itself alone.
            assert!(jobs.stats().yields() >= 999_000);
        }
    }
}

#[test]
fn a_job_is_asked_to_yield_when_another_has_been_woken() {
    let _watchdog = watch();
    let jobs = system(1);
    let (event, woken) = (Event::manual(), Flag::default());
    jobs.run(|cx| {
        cx.scope(|s| {
            s.spawn(|cx| {
                event.wait(cx);
                woken.set();
            });
            assert!(!cx.should_yield(), "what has not started can be stolen");
            cx.yield_now();
            assert!(!cx.should_yield(), "the other one waits");
            event.set();
            assert!(cx.should_yield());
            cx.yield_now();
            assert!(woken.is_set());
            assert!(!cx.should_yield());
        });
    });
}

#[test]
fn a_job_is_asked_to_yield_when_a_plain_thread_wakes_another() {
    let _watchdog = watch();
    let jobs = system(1);
    for _ in 0..50 {
        let (event, woken) = (Arc::new(Event::manual()), Flag::default());
        let (waits, set) = (Arc::clone(&event), woken.clone());
        jobs.run(|cx| {
            let waiting = cx.spawn(move |cx| {
                waits.wait(cx);
                set.set();
            });
            cx.yield_now();
            let thread = std::thread::spawn(move || event.set());
            while !cx.should_yield() {
                std::hint::spin_loop();
            }
            cx.yield_now();
            assert!(woken.is_set());
            waiting.join(cx).unwrap();
            thread.join().unwrap();
        });
    }
}
