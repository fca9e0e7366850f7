//! A counter awaited: each zero since the call counts, and who gives up leaves no trace.

use std::pin::pin;
use std::sync::Arc;
use std::task::{Wake, Waker};

use super::*;
use crate::primitive::atomic::{AtomicUsize, Ordering};

struct Counts(AtomicUsize);

impl Wake for Counts {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::AcqRel);
    }
}

fn counting() -> (Arc<Counts>, Waker) {
    let counts = Arc::new(Counts(AtomicUsize::new(0)));
    (Arc::clone(&counts), counts.into())
}

#[cfg(not(loom))]
mod plain {
    use super::*;

    fn poll(future: Pin<&mut CounterFuture<'_>>, waker: &Waker) -> bool {
        future.poll(&mut Context::from_waker(waker)).is_ready()
    }

    #[test]
    fn the_call_counts_not_the_first_poll() {
        let counter = Counter::new();
        let (counts, waker) = counting();
        let at_zero = counter.into_future();
        counter.add(1);
        let before_zero = counter.into_future();
        counter.done();
        counter.add(1);
        let after_zero = counter.into_future();
        assert!(poll(pin!(at_zero), &waker), "it was zero at the call");
        assert!(
            poll(pin!(before_zero), &waker),
            "it was zero since the call"
        );
        let mut after_zero = pin!(after_zero);
        assert!(!poll(after_zero.as_mut(), &waker));
        let calls = counts.0.load(Ordering::Acquire);
        counter.done();
        assert_eq!(counts.0.load(Ordering::Acquire), calls + 1);
        assert!(poll(after_zero.as_mut(), &waker));
        counter.add(1);
        assert!(poll(after_zero, &waker), "it remains done");
        counter.done();
    }

    #[test]
    fn who_is_dropped_is_not_woken() {
        let counter = Counter::new();
        counter.add(1);
        let (counts, waker) = counting();
        {
            let mut dropped = pin!(counter.into_future());
            assert!(!poll(dropped.as_mut(), &waker));
            let _unpolled = counter.into_future();
        }
        assert_eq!(Arc::strong_count(&counts), 2);
        counter.done();
        assert_eq!(counts.0.load(Ordering::Acquire), 0);
    }

    /// Where leaked futures are, so that a checker of leaks finds them reachable.
    static LEAKED: std::sync::Mutex<Vec<usize>> = std::sync::Mutex::new(Vec::new());

    /// A leaked future stands in the list until the last handle goes, or the count is zero.
    #[test]
    fn a_leaked_future_is_delivered_in_the_end() {
        let (counts, waker) = counting();
        for reaches_zero in [true, false] {
            let counter = Counter::new();
            counter.add(1);
            let mut leaked = Box::pin(counter.into_future());
            assert!(!poll(leaked.as_mut(), &waker));
            let place = std::ptr::from_ref(&*std::mem::ManuallyDrop::new(leaked).as_ref());
            LEAKED.lock().unwrap().push(place.addr());
            if reaches_zero {
                counter.done();
            }
        }
        assert_eq!(counts.0.load(Ordering::Acquire), 2);
        assert_eq!(Arc::strong_count(&counts), 2);
    }
}

#[cfg(loom)]
mod model {
    use super::*;
    use crate::primitive::thread;
    use crate::sched::Blocking;
    use crate::wait::testing::{Evidence, explore};

    fn lowered_elsewhere(counter: &Counter, evidence: &Arc<Evidence>) -> thread::JoinHandle<()> {
        let (counter, evidence) = (counter.clone(), Arc::clone(evidence));
        thread::spawn(move || {
            evidence.add(1);
            counter.done();
        })
    }

    /// Zero before, during and after the call, the poll, and the wait for the waker.
    #[test]
    fn loom_await_counter_against_done() {
        explore(3, || {
            let (counter, evidence) = (Counter::new(), Arc::new(Evidence::new()));
            counter.add(1);
            let other = lowered_elsewhere(&counter, &evidence);
            Blocking.block_on(&counter);
            assert_eq!(evidence.read(), 1);
            other.join().unwrap();
        });
    }

    /// The future is dropped while its node may be in the other's hands.
    #[test]
    fn loom_await_counter_drop_against_done() {
        explore(3, || {
            let (counter, evidence) = (Counter::new(), Arc::new(Evidence::new()));
            counter.add(1);
            let (counts, waker) = counting();
            let other = {
                let mut future = pin!(counter.into_future());
                let mut task = Context::from_waker(&waker);
                assert!(future.as_mut().poll(&mut task).is_pending());
                lowered_elsewhere(&counter, &evidence)
            };
            other.join().unwrap();
            assert!(counts.0.load(Ordering::Acquire) <= 1);
            drop(waker);
            assert_eq!(Arc::strong_count(&counts), 1, "nobody keeps the waker");
        });
    }
}
