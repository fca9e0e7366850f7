//! Async both ways: futures of other crates in jobs, and jobs and counters in other executors.
#![forbid(unsafe_code)]

mod common;

use std::future::{Future, IntoFuture};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier};
use std::task::{Context as Task, Poll, Wake, Waker};
use std::thread;
use std::time::{Duration, Instant};

use common::system_with_panics;
use common::{OnDrop, WORKERS, let_others_go_on, quiet_panic, spawn_waiter, system, watch};
use rustfiber::{Blocking, Counter, Event, JobHandle, JobSystem};

/// A waker that counts its calls.
#[derive(Default)]
struct Counts(AtomicUsize);

impl Counts {
    fn calls(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

impl Wake for Counts {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

fn poll<F: Future + Unpin>(future: &mut F, counts: &Arc<Counts>) -> Poll<F::Output> {
    let waker = Waker::from(Arc::clone(counts));
    Pin::new(future).poll(&mut Task::from_waker(&waker))
}

/// A job that ends with `n` when the event is set.
fn held_back(jobs: &JobSystem, n: u32) -> (Arc<Event>, JobHandle<u32>) {
    let go = Arc::new(Event::manual());
    let waits = Arc::clone(&go);
    let handle = jobs.spawn(move |cx| {
        waits.wait(cx);
        n
    });
    (go, handle)
}

/// Runs `test` on systems of each size.
fn everywhere(test: impl Fn(&JobSystem)) {
    let _watchdog = watch();
    for workers in WORKERS {
        test(&system(workers));
    }
}

#[test]
fn jobs_are_awaited_by_jobs_and_threads() {
    everywhere(|jobs| {
        for _ in 0..100 {
            assert_eq!(Blocking.block_on(jobs.spawn(|_| 1)).unwrap(), 1);
            let sum = jobs.run(|cx| {
                let (one, two) = (cx.spawn(|_| 1), cx.spawn(|cx| cx.join(|_| 2, |_| 3)));
                cx.block_on(async { one.await.unwrap() + two.await.unwrap().1 })
            });
            assert_eq!(sum, 4);
        }
    });
}

#[test]
fn a_panic_is_awaited_like_a_result() {
    let _watchdog = watch();
    for workers in WORKERS {
        let (jobs, panics) = system_with_panics(workers);
        let doomed = jobs.job().name("doomed").spawn(|_| quiet_panic("awaited"));
        let panic = Blocking.block_on(doomed).unwrap_err();
        assert_eq!(
            (panic.message(), panic.job_name()),
            ("awaited", Some("doomed"))
        );
        // Nobody takes this one: it is reported as that of any detached job.
        let (go, handle) = held_back(&jobs, 0);
        let mut unclaimed = jobs.spawn(move |cx| {
            handle.join(cx).unwrap();
            quiet_panic("unclaimed")
        });
        assert!(poll::<JobHandle<()>>(&mut unclaimed, &Arc::default()).is_pending());
        drop(unclaimed);
        go.set();
        drop(jobs);
        assert_eq!(panics.sorted(), ["unclaimed"]);
    }
}

#[test]
fn a_pending_handle_can_be_polled_joined_and_dropped() {
    everywhere(|jobs| {
        for round in 0..100 {
            let (go, mut handle) = held_back(jobs, 7);
            let (old, new) = <(Arc<Counts>, Arc<Counts>)>::default();
            assert!(poll(&mut handle, &old).is_pending());
            assert!(poll(&mut handle, &old).is_pending());
            assert!(poll(&mut handle, &new).is_pending());
            assert_eq!(
                Arc::strong_count(&old),
                1,
                "the latest waker replaces the others"
            );
            let late = handle.wait(Blocking.within(Duration::ZERO));
            assert!(late.unwrap_err().is_late());
            match round % 4 {
                0 => {
                    go.set();
                    assert_eq!(handle.join(Blocking).unwrap(), 7);
                }
                1 => {
                    drop(handle);
                    assert_eq!(
                        Arc::strong_count(&new),
                        1,
                        "the waker is dropped with the handle"
                    );
                    go.set();
                }
                2 => {
                    // The end of the job and that of the handle meet.
                    go.set();
                    drop(handle);
                }
                _ => {
                    go.set();
                    while new.calls() == 0 {
                        thread::yield_now();
                    }
                    assert!(handle.is_finished());
                    assert!(matches!(poll(&mut handle, &new), Poll::Ready(Ok(7))));
                    assert_eq!(new.calls(), 1);
                }
            }
            assert_eq!(old.calls(), 0);
        }
    });
}

#[test]
fn an_awaited_result_is_taken_once() {
    everywhere(|jobs| {
        let drops = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&drops);
        let mut handle =
            jobs.spawn(move |_| OnDrop(move || _ = counted.fetch_add(1, Ordering::SeqCst)));
        let result = Blocking.block_on(&mut handle).unwrap();
        assert!(handle.is_finished());
        handle.wait(Blocking);
        assert!(format!("{handle:?}").contains("taken"));
        let again = catch_unwind(AssertUnwindSafe(|| {
            poll(&mut handle, &Arc::default()).is_ready()
        }));
        assert!(again.is_err());
        let joined = catch_unwind(AssertUnwindSafe(|| handle.join(Blocking).map(drop)));
        assert!(joined.is_err());
        assert_eq!(drops.load(Ordering::SeqCst), 0);
        drop(result);
        assert_eq!(drops.load(Ordering::SeqCst), 1);
    });
}

/// Threads drop and await handles while the jobs end.
#[test]
fn handles_are_polled_and_dropped_while_their_jobs_end() {
    everywhere(|jobs| {
        for _ in 0..30 {
            let go = Arc::new(Event::manual());
            let counts = Arc::<Counts>::default();
            let handles: Vec<_> = (0..40)
                .map(|n| {
                    let go = Arc::clone(&go);
                    jobs.spawn(move |cx| {
                        go.wait(cx);
                        n
                    })
                })
                .collect();
            let start = Barrier::new(2);
            thread::scope(|s| {
                s.spawn(|| {
                    start.wait();
                    go.set();
                });
                start.wait();
                for (n, mut handle) in handles.into_iter().enumerate() {
                    match poll(&mut handle, &counts) {
                        Poll::Ready(result) => assert_eq!(result.unwrap(), n),
                        Poll::Pending if n % 2 == 0 => drop(handle),
                        Poll::Pending => assert_eq!(Blocking.block_on(handle).unwrap(), n),
                    }
                }
            });
            jobs.run(|_| ());
        }
    });
}

#[test]
fn counters_are_awaited_from_the_call_on() {
    everywhere(|jobs| {
        for _ in 0..100 {
            let counter = Counter::new();
            let hold = counter.hold();
            for _ in 0..10 {
                jobs.job().counter(&counter).spawn(|_| ());
            }
            let zero = counter.into_future();
            drop(hold);
            assert_eq!(
                jobs.run(|cx| cx.block_on(async {
                    (&counter).await;
                    counter.count()
                })),
                0
            );
            counter.add(1);
            Blocking.block_on(zero);
            counter.done();
        }
    });
}

#[test]
fn counters_are_dropped_and_lowered_at_once() {
    everywhere(|jobs| {
        for _ in 0..200 {
            let counter = Counter::new();
            let counts = Arc::<Counts>::default();
            jobs.run(|cx| {
                cx.scope(|s| {
                    let go = Event::manual();
                    counter.add(1);
                    let mut zero = Box::pin(counter.into_future());
                    assert!(poll(&mut zero, &counts).is_pending());
                    s.spawn(|_| counter.done());
                    s.spawn(|cx| {
                        cx.yield_now();
                        drop(zero);
                    });
                    go.set();
                });
            });
            assert!(counts.calls() <= 1);
            assert_eq!(Arc::strong_count(&counts), 1);
        }
    });
}

/// A waker is foreign code: it is called where no lock is held, and its panic goes no further.
#[test]
fn a_waker_that_panics_or_spawns() {
    struct Panics;
    impl Wake for Panics {
        fn wake(self: Arc<Self>) {
            quiet_panic("the waker's own fault");
        }
    }
    struct Spawns(rustfiber::Handle, Arc<Event>);
    impl Wake for Spawns {
        fn wake(self: Arc<Self>) {
            let event = Arc::clone(&self.1);
            let _detached = self.0.spawn(move |_| event.set()).unwrap();
        }
    }
    everywhere(|jobs| {
        let counter = Counter::new();
        counter.add(1);
        let event = Arc::new(Event::manual());
        let wakers: [Waker; 2] = [
            Arc::new(Panics).into(),
            Arc::new(Spawns(jobs.handle(), Arc::clone(&event))).into(),
        ];
        let mut zeros: Vec<_> = wakers
            .iter()
            .map(|_| Box::pin(counter.into_future()))
            .collect();
        for (zero, waker) in zeros.iter_mut().zip(&wakers) {
            assert!(
                zero.as_mut()
                    .poll(&mut Task::from_waker(waker))
                    .is_pending()
            );
        }
        let counted = counter.clone();
        jobs.run(move |_| counted.done());
        event.wait(Blocking);
        for (zero, waker) in zeros.iter_mut().zip(&wakers) {
            assert!(zero.as_mut().poll(&mut Task::from_waker(waker)).is_ready());
        }
    });
}

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
