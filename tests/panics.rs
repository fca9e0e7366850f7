//! Panics of jobs: never lost, never twice, and no worker dies of one.
#![forbid(unsafe_code)]

mod common;

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use common::{OnDrop, WORKERS, quiet_panic, system, system_with_panics, watch};
use rustfiber::{Blocking, Counter, Event, JobPanic, JobSystem};

/// The message of the panic that `f` ends with.
fn caught<R>(f: impl FnOnce() -> R) -> &'static str {
    match catch_unwind(AssertUnwindSafe(f)) {
        Ok(_) => panic!("it was to panic"),
        Err(payload) => *payload.downcast().expect("a literal"),
    }
}

#[test]
fn run_hands_the_payload_itself_on_when_all_have_ended() {
    let _watchdog = watch();
    for workers in WORKERS {
        let jobs = system(workers);
        let ended = AtomicBool::new(false);
        let run = || {
            jobs.run(|cx| {
                cx.scope(|s| {
                    s.spawn(|cx| {
                        cx.yield_now();
                        ended.store(true, Ordering::Relaxed);
                    });
                    resume_unwind(Box::new(vec![1, 2, 3]));
                });
            });
        };
        let payload = catch_unwind(AssertUnwindSafe(run)).unwrap_err();
        assert_eq!(*payload.downcast::<Vec<i32>>().unwrap(), [1, 2, 3]);
        assert!(ended.into_inner());
        assert_eq!(jobs.run(|_| 42), 42);
    }
}

#[test]
fn a_scope_hands_the_first_on_when_all_have_ended_and_reports_the_others() {
    let _watchdog = watch();
    for workers in WORKERS {
        let (jobs, panics) = system_with_panics(workers);
        let ended = AtomicUsize::new(0);
        let message = caught(|| {
            jobs.run(|cx| {
                let gate = Event::manual();
                cx.scope(|s| {
                    let first = s.spawn(|_| quiet_panic("first"));
                    while !first.is_finished() {
                        cx.yield_now();
                    }
                    drop(first);
                    for n in 0..10 {
                        let (gate, ended) = (&gate, &ended);
                        s.spawn(move |cx| {
                            gate.wait(cx);
                            let _ends = OnDrop(|| _ = ended.fetch_add(1, Ordering::Relaxed));
                            if n % 2 == 0 {
                                quiet_panic("later");
                            }
                        });
                    }
                    gate.set();
                });
            });
        });
        assert_eq!(message, "first");
        assert_eq!(ended.into_inner(), 10);
        assert_eq!(panics.sorted(), ["later"; 5]);
    }
}

#[test]
fn the_panic_of_a_scopes_body_comes_before_those_of_its_jobs() {
    let _watchdog = watch();
    for workers in WORKERS {
        let (jobs, panics) = system_with_panics(workers);
        let message = caught(|| {
            jobs.run(|cx| {
                cx.scope(|s| {
                    s.spawn(|_| quiet_panic("a job"));
                    s.spawn(|cx| {
                        cx.yield_now();
                        quiet_panic("a job");
                    });
                    quiet_panic("the body");
                })
            })
        });
        assert_eq!(message, "the body");
        assert_eq!(panics.sorted(), ["a job", "a job"]);
    }
}

#[test]
fn a_scope_does_not_hand_on_what_was_joined() {
    let _watchdog = watch();
    for workers in WORKERS {
        let jobs = system(workers);
        let message = jobs.run(|cx| {
            cx.scope(|s| {
                let panics = s.spawn(|_| quiet_panic("joined"));
                panics.join(cx).unwrap_err().message().to_owned()
            })
        });
        assert_eq!(message, "joined");
    }
}

/// With `meet`, the halves run at the same time: the left one waits in the middle for the right one.
fn join_with(jobs: &JobSystem, meet: bool, left: bool, right: bool) -> &'static str {
    let (started, ended) = (Event::manual(), AtomicUsize::new(0));
    let message = caught(|| {
        jobs.run(|cx| {
            cx.join(
                |cx| {
                    let _ends = OnDrop(|| _ = ended.fetch_add(1, Ordering::Relaxed));
                    if meet {
                        started.wait(cx);
                    }
                    if left {
                        quiet_panic("left");
                    }
                },
                |cx| {
                    let _ends = OnDrop(|| _ = ended.fetch_add(1, Ordering::Relaxed));
                    started.set();
                    cx.yield_now();
                    if right {
                        quiet_panic("right");
                    }
                },
            );
        });
    });
    assert_eq!(ended.into_inner(), 2, "both halves have ended");
    message
}

#[test]
fn join_hands_the_first_on_and_reports_the_second() {
    let _watchdog = watch();
    for workers in WORKERS {
        for meet in [false, true] {
            let (jobs, panics) = system_with_panics(workers);
            for _ in 0..50 {
                assert_eq!(join_with(&jobs, meet, true, false), "left");
                assert_eq!(join_with(&jobs, meet, false, true), "right");
            }
            assert!(panics.sorted().is_empty());
            for _ in 0..50 {
                assert_eq!(join_with(&jobs, meet, true, true), "left");
            }
            assert_eq!(panics.sorted(), ["right"; 50]);
        }
    }
}

#[test]
fn a_job_panic_tells_what_it_was_and_whose() {
    fn is_an_error<E: std::error::Error + Send + Sync + 'static>(_: &E) {}
    let _watchdog = watch();
    let jobs = system(1);
    let line = line!() + 1;
    let panic = jobs.job().name("doomed").spawn(|_| quiet_panic("text"));
    let panic: JobPanic = panic.join(Blocking).unwrap_err();
    is_an_error(&panic);
    assert_eq!(
        (panic.message(), panic.job_name()),
        ("text", Some("doomed"))
    );
    assert_eq!(
        (panic.spawned_at().file(), panic.spawned_at().line()),
        (file!(), line)
    );
    let shown = panic.to_string();
    for part in ["doomed", "text", file!()] {
        assert!(shown.contains(part), "{shown}");
    }
    assert_eq!(caught(|| panic.resume()), "text");

    let formatted = jobs.spawn(|_| resume_unwind(Box::new(format!("{}", 42))));
    assert_eq!(formatted.join(Blocking).unwrap_err().message(), "42");
    let number = jobs.spawn(|_| resume_unwind(Box::new(42)));
    let panic = number.join(Blocking).unwrap_err();
    assert_eq!(panic.job_name(), None);
    assert_eq!(*panic.into_payload().downcast::<i32>().unwrap(), 42);
}

#[test]
fn detached_ones_are_reported_once() {
    let _watchdog = watch();
    for workers in WORKERS {
        let (jobs, panics) = system_with_panics(workers);
        for _ in 0..100 {
            drop(jobs.spawn(|_| quiet_panic("detached")));
            let detached_late = jobs.spawn(|_| quiet_panic("detached late"));
            while !detached_late.is_finished() {
                std::thread::yield_now();
            }
            drop(detached_late);
            jobs.run(|cx| {
                cx.spawn(|cx| {
                    cx.yield_now();
                    quiet_panic("waited before");
                });
            });
        }
        drop(jobs);
        let expected = ["detached", "detached late", "waited before"];
        let shown = panics.sorted();
        assert!(shown.chunks(100).eq(expected.map(|message| [message; 100])));
    }
}

#[test]
fn a_counted_job_that_panics_counts_down() {
    let _watchdog = watch();
    for workers in WORKERS {
        let (jobs, panics) = system_with_panics(workers);
        let counter = Counter::new();
        jobs.run(|cx| {
            for _ in 0..10 {
                cx.spawn_counted(&counter, |_| quiet_panic("counted"));
                cx.spawn_counted(&counter, |cx| {
                    cx.yield_now();
                    quiet_panic("counted");
                });
            }
            counter.wait(cx);
        });
        assert!(counter.is_zero());
        drop(jobs);
        assert_eq!(panics.sorted(), ["counted"; 20]);
    }
}

#[test]
fn workers_survive_ten_thousand_and_their_fibers_are_used_again() {
    let _watchdog = watch();
    for workers in WORKERS {
        let jobs = system(workers);
        for _ in 0..100 {
            jobs.run(|cx| {
                let handles: Vec<_> = (0..100)
                    .map(|n| {
                        cx.spawn(move |cx| {
                            if n % 10 == 0 {
                                cx.spawn(|_| ()).join(cx).unwrap();
                            }
                            quiet_panic("one of many");
                        })
                    })
                    .collect();
                for handle in handles {
                    assert!(handle.join(cx).is_err());
                }
            });
        }
        let stats = jobs.stats();
        assert_eq!(stats.workers.len(), workers);
        // On each worker the job of a round and its ten waiting jobs may meet, beside a runner.
        assert!(stats.fibers <= 12 * workers, "{} fibers", stats.fibers);
    }
}

/// Panics that are caught inside a job, with waits between the catch and the panic, many at a time.
#[test]
fn waits_inside_of_catch_unwind() {
    let _watchdog = watch();
    for workers in WORKERS {
        let jobs = system(workers);
        jobs.run(|cx| {
            cx.scope(|s| {
                for _ in 0..100 {
                    s.spawn(|cx| {
                        for _ in 0..10 {
                            let message = caught(|| {
                                cx.spawn(|cx| cx.yield_now()).join(cx).unwrap();
                                quiet_panic("caught in the job");
                            });
                            assert_eq!(message, "caught in the job");
                            assert!(!std::thread::panicking());
                            cx.yield_now();
                        }
                    });
                }
            });
        });
    }
}

/// The test runs itself again, as a process that is to abort.
#[test]
fn a_hook_that_panics_aborts_with_a_message() {
    const CHILD: &str = "RUSTFIBER_TEST_HOOK_PANICS";
    if std::env::var_os(CHILD).is_some() {
        let jobs = JobSystem::builder()
            .workers(1)
            .on_panic(|_| panic!("the hook's own"));
        let jobs = jobs.build().unwrap();
        drop(jobs.spawn(|_| quiet_panic("of the job")));
        drop(jobs);
        return;
    }
    let child = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "a_hook_that_panics_aborts_with_a_message",
            "--nocapture",
        ])
        .env(CHILD, "1")
        .output()
        .unwrap();
    let stderr = String::from_utf8_lossy(&child.stderr);
    assert!(!child.status.success());
    #[cfg(unix)]
    assert!(
        std::os::unix::process::ExitStatusExt::signal(&child.status).is_some(),
        "{stderr}"
    );
    assert!(
        stderr.contains("`on_panic` hook panicked (the hook's own)"),
        "{stderr}"
    );
}
