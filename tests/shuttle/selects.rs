//! Several waits at once, channels without a bound and without room, and trees of tokens.

use std::sync::Arc;

use rustfiber::{Blocking, CancelToken, Event, Selected, channel, select};
use shuttle::thread;

use crate::{explore, system};

#[test]
fn a_select_takes_what_it_says_and_nothing_else() {
    explore([1, 2], |workers| {
        let jobs = system(workers);
        let (sender, receiver) = channel::bounded(1);
        let event = Arc::new(Event::auto());
        let selects = {
            let (receiver, event) = (receiver.clone(), Arc::clone(&event));
            jobs.spawn(move |cx| match select(cx, (&receiver, &*event)) {
                Selected::A(value) => value.is_ok(),
                Selected::B(()) => false,
            })
        };
        let sends = thread::spawn(move || {
            sender.send(Blocking, 'a').unwrap();
            sender
        });
        event.set();
        let received = selects.join(Blocking).unwrap();
        let _sender = sends.join().unwrap();
        assert_eq!(receiver.try_recv().is_ok(), !received);
        assert_eq!(event.is_set(), received);
    });
}

#[test]
fn who_waits_patiently_gets_what_a_select_leaves() {
    explore([1, 2], |workers| {
        let jobs = system(workers);
        let (one, two) = (Arc::new(Event::auto()), Arc::new(Event::auto()));
        let selects = {
            let (one, two) = (Arc::clone(&one), Arc::clone(&two));
            jobs.spawn(move |cx| matches!(select(cx, (&*one, &*two)), Selected::A(())))
        };
        let waits = {
            let one = Arc::clone(&one);
            jobs.spawn(move |cx| one.wait(cx))
        };
        let sets = {
            let one = Arc::clone(&one);
            thread::spawn(move || one.set())
        };
        two.set();
        sets.join().unwrap();
        if selects.join(Blocking).unwrap() {
            one.set();
        } else {
            assert!(!two.is_set());
        }
        waits.join(Blocking).unwrap();
        assert!(!one.is_set());
    });
}

#[test]
fn a_select_that_sends_and_receives() {
    explore([1, 2], |workers| {
        let jobs = system(workers);
        let (out, sink) = channel::rendezvous();
        let (source, back) = channel::unbounded();
        let job = jobs.spawn(move |cx| {
            let (mut value, mut received) = (Some(1), None);
            while value.is_some() || received.is_none() {
                match select(cx, (out.sending(&mut value), &back)) {
                    Selected::A(sent) => sent.unwrap(),
                    Selected::B(Ok(got)) => received = Some(got),
                    // All has been received, so it is the other half that is missing.
                    Selected::B(Err(_)) => out.send(cx, value.take().unwrap()).unwrap(),
                }
            }
            received
        });
        let sends = thread::spawn(move || source.send(Blocking, 2).unwrap());
        assert_eq!(sink.recv(Blocking), Ok(1));
        assert_eq!(job.join(Blocking).unwrap(), Some(2));
        sends.join().unwrap();
    });
}

#[test]
fn a_rendezvous_gives_each_value_once() {
    explore([1, 2], |workers| {
        let jobs = system(workers);
        let token = CancelToken::new();
        let (sender, receiver) = channel::rendezvous();
        let from_job = {
            let (sender, token) = (sender.clone(), token.clone());
            jobs.spawn(move |cx| sender.send(cx.or_cancelled(&token), 1).is_ok())
        };
        let from_thread = thread::spawn(move || sender.send(Blocking, 2).unwrap());
        let receives =
            jobs.spawn(move |cx| std::iter::from_fn(|| receiver.recv(cx).ok()).sum::<u32>());
        token.cancel();
        let sent = u32::from(from_job.join(Blocking).unwrap()) + 2;
        from_thread.join().unwrap();
        assert_eq!(receives.join(Blocking).unwrap(), sent);
    });
}

#[test]
fn many_senders_and_receivers_without_a_bound() {
    explore([1, 2], |workers| {
        let jobs = system(workers);
        let (sender, receiver) = channel::unbounded();
        let receivers: Vec<_> = (0..2)
            .map(|_| {
                let receiver = receiver.clone();
                jobs.spawn(move |cx| std::iter::from_fn(|| receiver.recv(cx).ok()).sum::<u32>())
            })
            .collect();
        let from_job = sender.clone();
        jobs.spawn(move |cx| (1..=2).for_each(|n| from_job.send(cx, n).unwrap()));
        let thread = thread::spawn(move || sender.send(Blocking, 3).unwrap());
        let here: u32 = std::iter::from_fn(|| receiver.recv(Blocking).ok()).sum();
        let there: u32 = receivers
            .into_iter()
            .map(|job| job.join(Blocking).unwrap())
            .sum();
        assert_eq!(here + there, 6);
        thread.join().unwrap();
    });
}

#[test]
fn a_token_cancels_its_children_also_new_ones() {
    explore([1, 2], |workers| {
        let jobs = system(workers);
        let token = CancelToken::new();
        let child = token.child();
        let waits = {
            let child = child.clone();
            jobs.spawn(move |cx| child.wait(cx))
        };
        let grows = jobs.spawn(move |cx| child.child().wait(cx));
        let late = {
            let token = token.clone();
            thread::spawn(move || token.child().wait(Blocking))
        };
        token.cancel();
        waits.join(Blocking).unwrap();
        grows.join(Blocking).unwrap();
        late.join().unwrap();
    });
}
