//! What a job system tells a `tracing` subscriber: `cargo test --features tracing --test tracing`.
//!
//! The subscriber is the process's, so the tests take turns; each looks at what was recorded while its own job
//! system lived, to the end of its threads.
#![cfg(feature = "tracing")]

mod recorder;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering};

use recorder::{Fields, Log, What, recorded};
use rustfiber::{Context, Counter, Event, JobSystem};

/// `file:line:`, as a spawn location begins.
fn on_line(line: u32) -> String {
    format!("{}:{line}:", file!())
}

fn yield_until(cx: &Context, flag: &AtomicBool) {
    while !flag.load(Ordering::Acquire) {
        cx.yield_now();
    }
}

#[test]
fn each_job_has_a_span_with_its_name_and_where_it_was_spawned() {
    let mut expected: Vec<(Option<&str>, u32)> = Vec::new();
    let mut ran = 0;
    let log = recorded(|_| {
        let jobs = JobSystem::builder().workers(2).build().unwrap();
        let counter = Counter::new();
        let outside = jobs.job().name("outside");
        expected.push((Some("outside"), line!() - 1));
        outside.counter(&counter).spawn(|_| ());
        jobs.run(|cx| {
            expected.push((None, line!() - 1));
            cx.spawn(|_| ());
            expected.push((None, line!() - 1));
            let plain = cx.job().name("plain");
            expected.push((Some("plain"), line!() - 1));
            plain.spawn(|_| ()).join(cx).unwrap();
            let next = cx.job().name("next");
            expected.push((Some("next"), line!() - 1));
            next.then(&counter, |_| ());
            cx.scope(|s| {
                let scoped = s.job().name("scoped");
                expected.push((Some("scoped"), line!() - 1));
                scoped.spawn(|_| ());
            });
        });
        let handle = jobs.handle();
        drop(jobs);
        ran = handle.stats().jobs();
    });

    let jobs = log.jobs();
    assert_eq!(jobs.len(), expected.len());
    assert_eq!(jobs.len() as u64, ran);
    for (name, line) in expected {
        let is_it = |fields: &Fields| {
            fields.get("name").map(String::as_str) == name
                && fields["spawned_at"].starts_with(&on_line(line))
        };
        assert_eq!(jobs.iter().filter(|(_, fields)| is_it(fields)).count(), 1);
    }
    log.assert_balanced();
}

#[test]
fn the_span_of_a_waiting_job_is_left_while_it_waits() {
    let mut line = 0;
    let log = recorded(|_| {
        let jobs = JobSystem::builder().workers(1).build().unwrap();
        let (event, waits) = (Event::manual(), AtomicBool::new(false));
        jobs.run(|cx| {
            cx.scope(|s| {
                s.job().name("waiter").spawn(|cx| {
                    waits.store(true, Ordering::Release);
                    event.wait(cx);
                });
                line = line!() - 2;
                s.job().name("setter").spawn(|cx| {
                    // With one worker: when this is seen, the other one has stopped.
                    yield_until(cx, &waits);
                    event.set();
                });
            });
        });
    });

    log.assert_balanced();
    let waiter = log.job("waiter");
    let (enters, exits) = (
        log.places(waiter, &What::Enter),
        log.places(waiter, &What::Exit),
    );
    assert_eq!((enters.len(), exits.len()), (2, 2));
    let (left, entered_again) = (exits[0], enters[1]);

    // The setter runs between the two.
    let setter = log.job("setter");
    let runs = log.places(setter, &What::Enter);
    assert!(runs.iter().any(|at| (left..entered_again).contains(at)));

    // What the job waits for, and where; and that it goes on.
    let suspended: Vec<_> = log.events("suspend");
    let of_the_waiter: Vec<_> = suspended
        .iter()
        .filter(|(_, fields)| fields["at"].starts_with(&on_line(line)))
        .collect();
    let [(suspended_at, fields)] = of_the_waiter[..] else {
        panic!("the waiter is suspended once: {suspended:?}");
    };
    assert_eq!(fields["waits_for"], "an event");
    assert_eq!(fields["worker"], "0");
    let resumed: Vec<_> = log.events("resume");
    assert_eq!(resumed.len(), suspended.len());
    let between = |at: usize| (left..entered_again).contains(&at) || at + 1 == left;
    assert!(between(*suspended_at));
    assert!(
        resumed
            .iter()
            .any(|(at, _)| (*suspended_at..=entered_again + 1).contains(at))
    );
}

#[test]
fn a_users_span_belongs_to_the_job_that_opens_it() {
    const JOBS: usize = 10;
    let log = recorded(|_| {
        let jobs = JobSystem::builder().workers(2).build().unwrap();
        jobs.run(|cx| {
            let counter = Counter::new();
            counter.add(1);
            cx.scope(|s| {
                for n in 0..JOBS {
                    let counter = &counter;
                    s.job().name(format!("job {n}")).spawn(move |cx| {
                        tracing::info_span!("before", n).in_scope(|| ());
                        cx.yield_now();
                        tracing::info_span!("between", n).in_scope(|| ());
                        counter.wait(cx);
                        tracing::info_span!("after", n).in_scope(|| ());
                    });
                }
                counter.done();
            });
        });
    });

    log.assert_balanced();
    let mut seen = 0;
    for record in &log.0 {
        if let What::New { parent, fields, .. } = &record.what {
            if let Some(n) = fields.get("n") {
                assert_eq!(*parent, Some(log.job(&format!("job {n}"))), "{record:?}");
                seen += 1;
            }
        }
    }
    assert_eq!(seen, 3 * JOBS);
}

#[test]
fn enter_and_exit_balance_on_each_thread() {
    fn tree(cx: &Context, depth: u32) -> u32 {
        if depth == 0 {
            cx.yield_now();
            return 1;
        }
        let child = cx.spawn(move |cx| tree(cx, depth - 1));
        let (a, b) = cx.join(
            |cx| tree(cx, depth - 1),
            |cx| {
                cx.yield_now();
                tree(cx, depth - 1)
            },
        );
        a + b + child.join(cx).unwrap()
    }

    for workers in [1, 2, 4] {
        let mut waits = 0;
        let log = recorded(|_| {
            let jobs = JobSystem::builder().workers(workers).build().unwrap();
            assert_eq!(jobs.run(|cx| tree(cx, 4)), 81);
            let handle = jobs.handle();
            drop(jobs);
            waits = handle.stats().waits();
        });
        log.assert_balanced();
        // Every job of its own is a root; a job is not part of the one that spawned it, or whose worker it runs on.
        for record in &log.0 {
            if let What::New { parent, .. } = record.what {
                assert_eq!(parent, None);
            }
        }
        assert_eq!(log.events("suspend").len() as u64, waits);
        assert_eq!(log.events("resume").len() as u64, waits);
    }
}

#[test]
fn a_stolen_job_is_told() {
    let log = recorded(|_| {
        let jobs = JobSystem::builder().workers(2).build().unwrap();
        // The two meet, so the one that is spawned runs on the other worker.
        let meeting = Barrier::new(2);
        jobs.run(|cx| {
            cx.scope(|s| {
                s.job().name("stolen").spawn(|_| meeting.wait());
                meeting.wait();
            });
        });
    });

    log.assert_balanced();
    let steals = log.events("steal");
    let [(at, fields)] = steals[..] else {
        panic!("one job is stolen: {steals:?}");
    };
    assert_eq!(fields["name"], "stolen");
    assert!(fields["spawned_at"].starts_with(file!()));
    let mut workers = [&fields["worker"], &fields["victim"]];
    workers.sort();
    assert_eq!(workers, ["0", "1"]);

    let entered = log.place(log.job("stolen"), &What::Enter);
    assert!(at < entered);
    assert_eq!(log.0[at].thread, log.0[entered].thread);
}

#[test]
fn a_worker_that_goes_to_sleep_is_told() {
    let has_parked = |log: &Log, worker: &str| {
        let parks = log.events("park");
        parks.iter().any(|(_, fields)| fields["worker"] == worker)
    };
    let mut parks = 0;
    let log = recorded(|recorder| {
        let jobs = JobSystem::builder().workers(2).build().unwrap();
        recorder.wait_until(|log| has_parked(log, "0") && has_parked(log, "1"));
        let handle = jobs.handle();
        drop(jobs);
        parks = handle.stats().parks();
    });
    assert_eq!(log.events("park").len() as u64, parks);
    assert!(log.0.iter().all(|record| record.span.is_none()));
}

#[test]
fn the_spans_of_a_panic_and_of_a_wait_while_unwinding_balance() {
    struct WaitsWhenDropped<'a, 'f>(&'a Context<'f>, &'a Event, &'a AtomicBool);

    impl Drop for WaitsWhenDropped<'_, '_> {
        fn drop(&mut self) {
            self.2.store(true, Ordering::Release);
            self.1.wait(self.0);
        }
    }

    let log = recorded(|_| {
        let jobs = JobSystem::builder().workers(1).build().unwrap();
        let (event, unwinds) = (Event::manual(), AtomicBool::new(false));
        let result = catch_unwind(AssertUnwindSafe(|| {
            jobs.run(|cx| {
                cx.scope(|s| {
                    s.job().name("setter").spawn(|cx| {
                        yield_until(cx, &unwinds);
                        event.set();
                    });
                    // Newest first: the setter starts while this one unwinds.
                    s.job().name("unwinding").spawn(|cx| {
                        let _waits = WaitsWhenDropped(cx, &event, &unwinds);
                        std::panic::resume_unwind(Box::new("on purpose"));
                    });
                });
            });
        }));
        let payload = result.expect_err("the scope hands the panic on");
        assert_eq!(payload.downcast_ref(), Some(&"on purpose"));
    });
    log.assert_balanced();
    // Neither job is part of the other, although one starts on top of the other.
    for record in &log.0 {
        if let What::New { parent, .. } = record.what {
            assert_eq!(parent, None, "{record:?}");
        }
    }
    assert_eq!(log.jobs().len(), 3);
}
