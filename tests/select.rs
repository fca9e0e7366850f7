//! Select: one of several things, and nothing of the others.
#![forbid(unsafe_code)]

mod common;
#[macro_use]
#[path = "common/who.rs"]
mod who;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use common::{WORKERS, let_others_go_on, spawn_waiter, system, watch};
use rustfiber::channel::{Receiver, RecvError, Sender, bounded, rendezvous, unbounded};
use rustfiber::{Blocking, CancelToken, Event, Selected, select, try_select};
use who::{Running, in_all_pairs};

type Channel<T> = (Sender<T>, Receiver<T>);

fn kinds<T>() -> [Channel<T>; 4] {
    [rendezvous(), bounded(1), bounded(16), unbounded()]
}

#[test]
fn what_is_there_is_taken_at_once() {
    let (sender, receiver) = bounded(1);
    let (event, token) = (Event::auto(), CancelToken::new());
    let mut value = Some('v');
    assert_eq!(try_select((&receiver, &event, &token)), None);
    event.set();
    let chosen = select(Blocking, (&receiver, &event, &token));
    assert_eq!(chosen, Selected::B(()));
    assert!(!event.is_set());
    token.cancel();
    let chosen = select(Blocking, (&receiver, &event, &token));
    assert_eq!(chosen, Selected::C(()));
    let chosen = select(Blocking, (&receiver, sender.sending(&mut value)));
    assert_eq!((chosen, value), (Selected::B(Ok(())), None));
    let chosen = select(Blocking, (&event, &receiver));
    assert_eq!(chosen, Selected::B(Ok('v')));
    drop(sender);
    let chosen = select(Blocking, [&receiver, &receiver]);
    assert_eq!(chosen.1, Err(RecvError));
}

#[test]
fn a_send_that_is_not_chosen_leaves_its_value() {
    let _watchdog = watch();
    for workers in WORKERS {
        system(workers).run(|cx| {
            for (sender, receiver) in [rendezvous(), bounded(1)] {
                let mut filler = Some(Box::new(0));
                while try_select([sender.sending(&mut filler)]).is_some() {
                    filler = Some(Box::new(0));
                }
                let event = Event::auto();
                let mut value = Some(Box::new(1));
                let late = cx.within(Duration::from_micros(10));
                let chosen = select(late, (sender.sending(&mut value), &event));
                assert!(chosen.unwrap_err().is_late());
                assert_eq!(value.as_deref(), Some(&1));
                cx.scope(|s| {
                    s.spawn(|_| event.set());
                    let chosen = select(cx, (sender.sending(&mut value), &event));
                    assert_eq!(chosen, Selected::B(()));
                });
                assert_eq!(value.as_deref(), Some(&1));
                receiver.close();
                let chosen = select(cx, (&event, sender.sending(&mut value)));
                let Selected::B(Err(error)) = chosen else {
                    panic!("the channel is closed");
                };
                assert_eq!((*error.into_inner(), value), (1, None));
            }
        });
    }
}

/// On one worker, where it is known that the select waits: what wakes it is what it takes, and the
/// others are as if it had never been there.
#[test]
fn only_the_chosen_arm_takes_anything() {
    let _watchdog = watch();
    system(1).run(|cx| {
        for ((sender, receiver), (other_sender, other_receiver)) in kinds().into_iter().zip(kinds())
        {
            let event = Arc::new(Event::auto());
            let token = CancelToken::new();
            let selecting = {
                let (receiver, other_receiver) = (receiver.clone(), other_receiver.clone());
                let (event, token) = (Arc::clone(&event), token.clone());
                spawn_waiter(cx, move |cx| {
                    select(cx, (&other_receiver, &*event, &receiver, &token))
                })
            };
            sender.try_send(1).expect("the select waits for it");
            // The select has been woken, but not yet gone on: nothing else can serve it.
            event.set();
            assert!(event.is_set());
            assert_eq!(
                other_sender.try_send(2).is_ok(),
                other_sender.capacity() != Some(0)
            );
            token.cancel();
            assert_eq!(selecting.join(cx).unwrap(), Selected::C(Ok(1)));
            assert!(event.is_set());
            assert_eq!(
                other_receiver.try_recv().ok(),
                (other_sender.capacity() != Some(0)).then_some(2)
            );
            // It has left all the queues: no wake-up goes to it any more.
            let waiting = spawn_waiter(cx, move |cx| receiver.recv(cx));
            sender.send(cx, 3).unwrap();
            assert_eq!(waiting.join(cx).unwrap(), Ok(3));
        }
    });
}

/// Signals of an auto event on their way to a waiter that gives up, or to a select that is served
/// otherwise, go to the next.
#[test]
fn an_auto_event_loses_no_signal() {
    const SIGNALS: usize = 500;
    in_all_pairs(|jobs, sets, waits| {
        let event = Arc::new(Event::auto());
        let over = CancelToken::new();
        let (through, passed) = unbounded::<()>();
        let waiters: Vec<_> = (0..4)
            .map(|kind| {
                let (event, over) = (Arc::clone(&event), over.clone());
                let through = through.clone();
                waits.start(jobs, move |who| {
                    let mut count = 0_u64;
                    while !over.is_cancelled() {
                        let at_most = Duration::from_micros(count % 4);
                        count += 1;
                        let got = match kind {
                            0 => wait_as!(who, w => event.wait(w.within(at_most))).is_ok(),
                            1 => {
                                let (_other, nothing) = bounded::<u8>(1);
                                let chosen = wait_as!(who, w => select(
                                    w.within(at_most), (&nothing, &*event)));
                                chosen.is_ok()
                            }
                            _ => {
                                let (other, something) = bounded(1);
                                other.try_send(1).unwrap();
                                let chosen = wait_as!(who, w => select(w, (&something, &*event)));
                                chosen == Selected::B(())
                            }
                        };
                        if got {
                            through.try_send(()).unwrap();
                        }
                        who.yield_now();
                    }
                })
            })
            .collect();
        let setting = {
            let event = Arc::clone(&event);
            sets.start(jobs, move |who| {
                for _ in 0..SIGNALS {
                    event.set();
                    // Each signal lets one through, whoever it is; else this waits for ever.
                    wait_as!(who, w => passed.recv(w)).unwrap();
                }
                assert!(!event.is_set() && passed.is_empty());
            })
        };
        setting.join();
        over.cancel();
        waiters.into_iter().for_each(Running::join);
    });
}

/// Selects on both sides of several channels: each value that was sent arrives once.
#[test]
fn selects_on_both_sides_lose_nothing() {
    const EACH: usize = 300;
    in_all_pairs(|jobs, sends, receives| {
        for channels in [
            [rendezvous(), rendezvous()],
            [bounded(1), rendezvous()],
            [bounded(3), unbounded()],
        ] {
            let (senders, receivers): (Vec<_>, Vec<_>) = channels.into_iter().unzip();
            let sending: Vec<_> = (0..3)
                .map(|_| {
                    let senders = senders.clone();
                    sends.start(jobs, move |who| {
                        let mut sent = 0;
                        while sent < EACH {
                            let (mut a, mut b) = (Some(sent), Some(sent));
                            let (x, y) = (&senders[0], &senders[1]);
                            match wait_as!(who, w => select(
                                w, (x.sending(&mut a), y.sending(&mut b))))
                            {
                                Selected::A(result) => {
                                    result.unwrap();
                                    assert_eq!((a, b), (None, Some(sent)));
                                }
                                Selected::B(result) => {
                                    result.unwrap();
                                    assert_eq!((a, b), (Some(sent), None));
                                }
                            }
                            sent += 1;
                        }
                    })
                })
                .collect();
            drop(senders);
            let receiving: Vec<_> = (0..3)
                .map(|kind| {
                    let receivers = receivers.clone();
                    receives.start(jobs, move |who| {
                        let mut received = Vec::new();
                        let mut open: Vec<_> = receivers.iter().collect();
                        while !open.is_empty() {
                            let chosen = match kind {
                                0 => wait_as!(who, w => select(w, &open[..])),
                                _ => {
                                    let at_most = Duration::from_micros(received.len() as u64 % 3);
                                    match wait_as!(who, w => select(w.within(at_most), &open[..])) {
                                        Ok(chosen) => chosen,
                                        Err(_) => {
                                            who.yield_now();
                                            continue;
                                        }
                                    }
                                }
                            };
                            match chosen {
                                (_, Ok(value)) => received.push(value),
                                (closed, Err(RecvError)) => drop(open.remove(closed)),
                            }
                        }
                        received
                    })
                })
                .collect();
            drop(receivers);
            sending.into_iter().for_each(Running::join);
            let mut all: Vec<_> = receiving.into_iter().flat_map(Running::join).collect();
            all.sort_unstable();
            assert!(all.into_iter().eq((0..EACH).flat_map(|n| [n; 3])));
        }
    });
}

#[test]
fn a_select_with_both_ends_serves_others_but_not_itself() {
    in_all_pairs(|jobs, ones, others| {
        for (sender, receiver) in [rendezvous(), bounded(1)] {
            let barter = |kind: who::Kind| {
                let (sender, receiver) = (sender.clone(), receiver.clone());
                kind.start(jobs, move |who| {
                    let (mut sent, mut received) = (0, 0);
                    while sent < 200 || received < 200 {
                        let mut offer = (sent < 200).then_some(1);
                        if received == 200 {
                            wait_as!(who, w => sender.send(w, 1)).unwrap();
                            sent += 1;
                            continue;
                        }
                        match wait_as!(who, w => select(
                            w, (sender.sending(&mut offer), &receiver)))
                        {
                            Selected::A(result) => {
                                result.unwrap();
                                sent += 1;
                            }
                            Selected::B(value) => received += value.unwrap(),
                        }
                    }
                })
            };
            let both = [barter(ones), barter(others)];
            both.into_iter().for_each(Running::join);
            assert!(receiver.is_empty());
        }
    });
}

#[test]
fn ten_thousand_selects_end() {
    const JOBS: usize = 10_000;
    let _watchdog = watch();
    for workers in WORKERS {
        let jobs = system(workers);
        let (sender, receiver) = bounded(8);
        let event = Event::auto();
        let stop = CancelToken::new();
        let counts = [(); 3].map(|()| AtomicUsize::new(0));
        jobs.run(|cx| {
            cx.scope(|s| {
                for _ in 0..JOBS {
                    s.spawn(|cx| {
                        let which = match select(cx, (&receiver, &event, &stop)) {
                            Selected::A(value) => value.unwrap(),
                            Selected::B(()) => 1,
                            Selected::C(()) => 2,
                        };
                        counts[which].fetch_add(1, Ordering::Relaxed);
                    });
                }
                for _ in 0..JOBS / 4 {
                    sender.send(cx, 0).unwrap();
                    event.set();
                }
                let_others_go_on(cx);
                stop.cancel();
            });
        });
        let [values, _signals, _stopped] = counts.each_ref().map(|n| n.load(Ordering::Relaxed));
        assert_eq!(values + receiver.len(), JOBS / 4);
        let all: usize = counts.into_iter().map(AtomicUsize::into_inner).sum();
        assert_eq!(all, JOBS);
    }
}

#[test]
fn a_cancelled_or_late_select_says_so() {
    in_all_pairs(|jobs, one, other| {
        for _ in 0..20 {
            let token = CancelToken::new();
            let (sender, receiver) = bounded::<u8>(1);
            let selecting = {
                let token = token.clone();
                one.start(jobs, move |who| {
                    let event = Event::manual();
                    let late = wait_as!(who, w => select(
                        w.within(Duration::from_micros(20)), (&receiver, &event)));
                    assert!(late.unwrap_err().is_late());
                    wait_as!(who, w => select(w.or_cancelled(&token), (&receiver, &event)))
                })
            };
            other.start(jobs, move |_| token.cancel()).join();
            assert!(selecting.join().unwrap_err().is_cancelled());
            drop(sender);
        }
    });
}
