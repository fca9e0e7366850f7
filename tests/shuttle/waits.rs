//! Waits that end in one of several ways, and futures.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll, Waker};
use std::time::Duration;

use rustfiber::{Blocking, CancelToken, Counter, Event, channel};
use shuttle::sync::Mutex;
use shuttle::thread;

use crate::{explore, system};

#[test]
fn a_signal_is_not_lost_on_a_cancelled_waiter() {
    explore([1, 2], |workers| {
        let jobs = system(workers);
        let (event, token) = (Arc::new(Event::auto()), CancelToken::new());
        let patient = {
            let event = Arc::clone(&event);
            jobs.spawn(move |cx| event.wait(cx))
        };
        let other = {
            let (event, token) = (Arc::clone(&event), token.clone());
            jobs.spawn(move |cx| event.wait(cx.or_cancelled(&token)).is_ok())
        };
        let signals = {
            let event = Arc::clone(&event);
            thread::spawn(move || event.set())
        };
        token.cancel();
        signals.join().unwrap();
        if other.join(Blocking).unwrap() {
            event.set();
        }
        patient.join(Blocking).unwrap();
        assert!(!event.is_set());
    });
}

#[test]
fn a_value_is_not_lost_on_a_cancelled_receiver() {
    explore([1, 2], |workers| {
        let jobs = system(workers);
        let token = CancelToken::new();
        let (sender, receiver) = channel::bounded(1);
        let in_job = {
            let (receiver, token) = (receiver.clone(), token.clone());
            jobs.spawn(move |cx| matches!(receiver.recv(cx.or_cancelled(&token)), Ok(Ok(_))))
        };
        let on_thread = {
            let (receiver, token) = (receiver.clone(), token.clone());
            thread::spawn(move || matches!(receiver.recv(Blocking.or_cancelled(&token)), Ok(Ok(_))))
        };
        let sends = jobs.spawn(move |cx| sender.send(cx, 'a').unwrap());
        token.cancel();
        let received = [in_job.join(Blocking).unwrap(), on_thread.join().unwrap()];
        sends.join(Blocking).unwrap();
        let [one, other] = received.map(u32::from);
        assert_eq!(one + other + u32::from(receiver.try_recv().is_ok()), 1);
    });
}

#[test]
fn a_sender_that_is_cancelled_has_sent_all_or_nothing() {
    explore([1, 2], |workers| {
        let jobs = system(workers);
        let token = CancelToken::new();
        let (sender, receiver) = channel::bounded(1);
        sender.try_send(0).unwrap();
        let sends = {
            let token = token.clone();
            jobs.spawn(move |cx| sender.send(cx.or_cancelled(&token), 1).is_ok())
        };
        let cancels = thread::spawn(move || token.cancel());
        assert_eq!(receiver.recv(Blocking), Ok(0));
        let sent = sends.join(Blocking).unwrap();
        assert_eq!(receiver.recv(Blocking).is_ok(), sent);
        cancels.join().unwrap();
    });
}

#[test]
fn a_counter_is_left_while_it_wakes() {
    explore([1, 2], |workers| {
        let jobs = system(workers);
        let (counter, token) = (Counter::new(), CancelToken::new());
        counter.add(2);
        let waiters: Vec<_> = (0..3)
            .map(|level| {
                let (counter, token) = (counter.clone(), token.clone());
                jobs.spawn(move |cx| match level {
                    // These two leave, or are woken; the others must be woken all the same.
                    0 => _ = counter.wait(cx.or_cancelled(&token)),
                    1 => _ = counter.wait_until(cx.or_cancelled(&token), 1),
                    _ => counter.wait_until(cx, 1),
                })
            })
            .collect();
        let thread = {
            let counter = counter.clone();
            thread::spawn(move || counter.wait(Blocking))
        };
        let cancels = jobs.spawn(move |_| token.cancel());
        counter.done();
        counter.done();
        thread.join().unwrap();
        waiters
            .into_iter()
            .for_each(|job| job.join(Blocking).unwrap());
        cancels.join(Blocking).unwrap();
    });
}

#[test]
fn a_deadline_against_a_signal() {
    explore([1, 2], |workers| {
        let jobs = system(workers);
        let event = Arc::new(Event::auto());
        let job = {
            let event = Arc::clone(&event);
            jobs.spawn(move |cx| event.wait(cx.within(Duration::from_micros(30))).is_ok())
        };
        let thread = {
            let event = Arc::clone(&event);
            let hour = Duration::from_secs(3600);
            thread::spawn(move || event.wait(Blocking.within(hour)).is_ok())
        };
        event.set();
        let passed = [job.join(Blocking).unwrap(), thread.join().unwrap()];
        let [one, other] = passed.map(u32::from);
        assert_eq!(one + other + u32::from(event.is_set()), 1);
    });
}

#[test]
fn a_signal_a_token_and_a_deadline_at_once() {
    explore([1, 2], |workers| {
        let jobs = system(workers);
        let (event, token) = (Arc::new(Event::auto()), CancelToken::new());
        let waiters: Vec<_> = (0..2)
            .map(|_| {
                let (event, token) = (Arc::clone(&event), token.clone());
                let limit = Duration::from_micros(30);
                jobs.spawn(move |cx| {
                    let who = cx.within(limit).or_cancelled(&token);
                    u32::from(event.wait(who).is_ok())
                })
            })
            .collect();
        let cancels = jobs.spawn(move |_| token.cancel());
        event.set();
        let passed: u32 = waiters
            .into_iter()
            .map(|job| job.join(Blocking).unwrap())
            .sum();
        cancels.join(Blocking).unwrap();
        assert_eq!(passed + u32::from(event.is_set()), 1);
    });
}

#[test]
fn jobs_that_sleep_wake_by_themselves() {
    explore([1, 2], |workers| {
        let jobs = system(workers);
        jobs.run(|cx| {
            cx.scope(|s| {
                s.spawn(|cx| cx.sleep(Duration::from_micros(20)));
                s.spawn(|cx| cx.sleep(Duration::from_micros(10)));
            });
        });
    });
}

/// Ready when it has been opened.
#[derive(Clone, Default)]
struct Door(Arc<Mutex<(bool, Option<Waker>)>>);

impl Door {
    fn open(&self) {
        let mut door = self.0.lock().unwrap();
        door.0 = true;
        let waker = door.1.take();
        drop(door);
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl Future for Door {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<()> {
        let mut door = self.0.lock().unwrap();
        if door.0 {
            return Poll::Ready(());
        }
        door.1 = Some(cx.waker().clone());
        Poll::Pending
    }
}

#[test]
fn futures_are_woken_by_threads_and_jobs() {
    explore([1, 2], |workers| {
        let jobs = system(workers);
        let (one, two) = (Door::default(), Door::default());
        let job = {
            let (one, two) = (one.clone(), two.clone());
            jobs.spawn(move |cx| {
                cx.block_on(one);
                two.open();
            })
        };
        let opens = thread::spawn(move || one.open());
        Blocking.block_on(two);
        job.join(Blocking).unwrap();
        opens.join().unwrap();
    });
}

#[test]
fn a_future_is_given_up_when_its_job_is_cancelled() {
    explore([1, 2], |workers| {
        let jobs = system(workers);
        let (door, token) = (Door::default(), CancelToken::new());
        let job = {
            let (door, token) = (door.clone(), token.clone());
            jobs.spawn(move |cx| _ = cx.or_cancelled(&token).block_on(door))
        };
        let opens = thread::spawn(move || door.open());
        token.cancel();
        job.join(Blocking).unwrap();
        // It may hold a waker of a job that is gone.
        drop(jobs);
        opens.join().unwrap();
    });
}
