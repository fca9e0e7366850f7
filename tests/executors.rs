//! Async both ways with other crates: their channels, locks and timers in jobs, and jobs and counters in
//! their executors.
#![forbid(unsafe_code)]

mod common;

use std::future::IntoFuture;
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use common::{everywhere, held_back, let_others_go_on, quiet_panic, spawn_waiter, system, watch};
use rustfiber::{Blocking, Counter, JobHandle};

/// Jobs send and receive through a channel of another crate, all to all.
#[test]
fn an_async_channel_between_jobs() {
    everywhere(|jobs| {
        const SENDERS: usize = 8;
        const EACH: usize = 500;
        let (sender, receiver) = async_channel::bounded(4);
        let sum = AtomicUsize::new(0);
        jobs.run(|cx| {
            cx.scope(|s| {
                for _ in 0..4 {
                    s.spawn(|cx| {
                        while let Ok(n) = cx.block_on(receiver.recv()) {
                            sum.fetch_add(n, Ordering::Relaxed);
                        }
                    });
                }
                for _ in 0..SENDERS {
                    let sender = sender.clone();
                    s.spawn(move |cx| {
                        (1..=EACH).for_each(|n| cx.block_on(sender.send(n)).unwrap())
                    });
                }
                drop(sender);
            });
        });
        assert_eq!(sum.into_inner(), SENDERS * EACH * (EACH + 1) / 2);
    });
}

/// A lock of another crate, held across waits of jobs and by a thread.
#[test]
fn an_async_lock_across_waits() {
    everywhere(|jobs| {
        let (lock, all) = (async_lock::Mutex::new(0), async_lock::Barrier::new(21));
        thread::scope(|threads| {
            threads.spawn(|| {
                Blocking.block_on(all.wait());
                for _ in 0..100 {
                    *Blocking.block_on(lock.lock()) += 1;
                }
            });
            jobs.run(|cx| {
                cx.scope(|s| {
                    for _ in 0..20 {
                        s.spawn(|cx| {
                            cx.block_on(all.wait());
                            for _ in 0..50 {
                                let mut count = cx.block_on(lock.lock());
                                let before = *count;
                                cx.yield_now();
                                *count = before + 1;
                            }
                        });
                    }
                });
            });
        });
        assert_eq!(lock.into_inner(), 1_100);
    });
}

#[test]
fn a_timer_of_async_io() {
    everywhere(|jobs| {
        let at = Instant::now() + Duration::from_millis(2);
        let (fired, late) = jobs.run(|cx| {
            cx.join(
                |cx| cx.block_on(async_io::Timer::at(at)),
                |cx| cx.within(Duration::ZERO).block_on(async_io::Timer::never()),
            )
        });
        assert!(fired >= at && late.unwrap_err().is_late());
    });
}

/// A runtime of tokio that runs on a thread of its own until it is dropped.
struct Tokio {
    handle: tokio::runtime::Handle,
    stop: Option<tokio::sync::oneshot::Sender<()>>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Tokio {
    fn start() -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .unwrap();
        let (stop, stopped) = tokio::sync::oneshot::channel();
        Self {
            handle: runtime.handle().clone(),
            stop: Some(stop),
            thread: Some(thread::spawn(move || _ = runtime.block_on(stopped))),
        }
    }
}

impl Drop for Tokio {
    fn drop(&mut self) {
        drop(self.stop.take());
        let ended = self.thread.take().unwrap().join();
        assert!(ended.is_ok() || thread::panicking());
    }
}

#[test]
fn tokio_awaits_jobs_and_counters() {
    everywhere(|jobs| {
        let tokio = Tokio::start();
        let tasks: Vec<_> = (0..100)
            .map(|n| {
                let job = jobs.spawn(move |cx| {
                    cx.yield_now();
                    n
                });
                let (counter, handle) = (Counter::new(), jobs.handle());
                tokio.handle.spawn(async move {
                    let first = job.await.unwrap();
                    for _ in 0..3 {
                        let _detached = handle
                            .job()
                            .counter(&counter)
                            .spawn(|cx| cx.yield_now())
                            .unwrap();
                    }
                    (&counter).await;
                    assert!(counter.is_zero());
                    // A deadline of theirs gives ours up.
                    let hold = counter.hold();
                    let late = tokio::time::timeout(Duration::from_micros(1), &counter).await;
                    assert!(late.is_err());
                    drop(hold);
                    first
                })
            })
            .collect();
        for (n, task) in tasks.into_iter().enumerate() {
            assert_eq!(Blocking.block_on(task).unwrap(), n);
        }
    });
}

#[test]
fn jobs_await_tasks_of_tokio() {
    everywhere(|jobs| {
        let tokio = Tokio::start();
        jobs.run(|cx| {
            cx.scope(|s| {
                for n in 0..50_u64 {
                    let tokio = &tokio;
                    s.spawn(move |cx| {
                        let task = tokio.handle.spawn(async move {
                            tokio::time::sleep(Duration::from_micros(10 * n)).await;
                            n
                        });
                        assert_eq!(cx.block_on(task).unwrap(), n);
                        // What needs tokio's context itself is made in it.
                        let sleep = {
                            let _entered = tokio.handle.enter();
                            tokio::time::sleep(Duration::from_micros(10))
                        };
                        cx.block_on(sleep);
                        let doomed = tokio.handle.spawn(async { quiet_panic("in a task") });
                        assert!(cx.block_on(doomed).unwrap_err().is_panic());
                    });
                }
            });
        });
    });
}

/// A job, a task, a job, a task, each waits for the next.
#[test]
fn a_chain_of_jobs_and_tasks() {
    fn descend(
        jobs: rustfiber::Handle,
        tokio: tokio::runtime::Handle,
        depth: u32,
    ) -> JobHandle<u32> {
        let again = jobs.clone();
        let job = jobs.spawn(move |cx| match depth {
            0 => 0,
            _ => {
                let inner = tokio.clone();
                let task =
                    tokio.spawn(async move { descend(again, inner, depth - 1).await.unwrap() });
                cx.block_on(task).unwrap() + 1
            }
        });
        job.unwrap()
    }
    everywhere(|jobs| {
        let tokio = Tokio::start();
        let job = descend(jobs.handle(), tokio.handle.clone(), 100);
        assert_eq!(job.join(Blocking).unwrap(), 100);
    });
}

/// The task that awaits a job is gone before the job, and the system after that.
#[test]
fn an_aborted_task_leaves_the_job_alone() {
    everywhere(|jobs| {
        let tokio = Tokio::start();
        let (go, job) = held_back(jobs, 1);
        let counter = Counter::new();
        let counted = counter.clone();
        let other = jobs
            .job()
            .counter(&counter)
            .spawn(move |cx| job.join(cx).unwrap());
        let task = tokio.handle.spawn(async move {
            let both = futures_lite::future::zip((&counted).into_future(), other).await;
            both.1.unwrap()
        });
        task.abort();
        assert!(Blocking.block_on(task).unwrap_err().is_cancelled());
        go.set();
        counter.wait(Blocking);
    });
}

/// On one worker: while a job waits for a future, others run; when it is woken, it goes on.
#[test]
fn a_job_that_awaits_holds_no_worker() {
    let _watchdog = watch();
    system(1).run(|cx| {
        let (sender, receiver) = async_channel::bounded(1);
        let waiter = spawn_waiter(cx, move |cx| cx.block_on(receiver.recv()));
        let_others_go_on(cx);
        assert!(!waiter.is_finished());
        sender.try_send(5).unwrap();
        assert_eq!(cx.block_on(pin!(waiter)).unwrap(), Ok(5));
    });
}
