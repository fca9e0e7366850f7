//! Jobs and counters as futures: awaited, polled and dropped, by anybody and at any time.
#![forbid(unsafe_code)]

mod common;

use std::future::{Future, IntoFuture};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier};
use std::task::{Context as Task, Poll, Wake, Waker};
use std::thread;
use std::time::Duration;

use common::{OnDrop, WORKERS, everywhere, held_back, quiet_panic, system_with_panics, watch};
use rustfiber::{Blocking, Counter, Event, JobHandle};

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
