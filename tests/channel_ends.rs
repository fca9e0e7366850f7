//! Channels that are closed or dropped: who waits is told so, values come back or are still received, and each is
//! dropped once.
#![forbid(unsafe_code)]

#[path = "common/channels.rs"]
mod channels;
mod common;
#[macro_use]
#[path = "common/who.rs"]
mod who;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use channels::channels;
use common::{system, watch};
use rustfiber::Blocking;
use rustfiber::channel::{RecvError, SendError, bounded, rendezvous};
use who::{Running, in_all_pairs};

/// A value that counts how many of its kind there are.
struct Counted(Arc<AtomicUsize>);

impl Counted {
    fn new(alive: &Arc<AtomicUsize>) -> Self {
        alive.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(alive))
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        // Dropped twice, the number would wrap.
        assert_ne!(self.0.fetch_sub(1, Ordering::Relaxed), 0);
    }
}

#[test]
fn senders_gone_leave_what_is_left_and_end_all_receivers() {
    in_all_pairs(|jobs, sends, receives| {
        for (sender, receiver) in (0..20).flat_map(|_| channels()) {
            let receivers: Vec<_> = (0..3)
                .map(|_| {
                    let receiver = receiver.clone();
                    receives.start(jobs, move |who| {
                        let received =
                            std::iter::from_fn(|| wait_as!(who, w => receiver.recv(w)).ok())
                                .count();
                        assert_eq!(
                            wait_as!(who, w => receiver.recv(w)),
                            Err(RecvError),
                            "closed for good"
                        );
                        received
                    })
                })
                .collect();
            let sends = sends.start(jobs, move |who| {
                (0..5).for_each(|n| wait_as!(who, w => sender.send(w, n)).unwrap());
            });
            sends.join();
            let received: usize = receivers.into_iter().map(Running::join).sum();
            assert_eq!(received, 5);
        }
    });
}

#[test]
fn receivers_gone_give_every_waiting_sender_its_value_back() {
    in_all_pairs(|jobs, sends, receives| {
        for (sender, receiver) in (0..30).flat_map(|_| [rendezvous(), bounded(1)]) {
            let holds = sender.capacity().unwrap();
            let senders: Vec<_> = (0..4)
                .map(|side| {
                    let sender = sender.clone();
                    sends.start(jobs, move |who| {
                        let mut sent = 0;
                        loop {
                            if let Err(error) = wait_as!(who, w => sender.send(w, (side, sent))) {
                                assert_eq!(error.into_inner(), (side, sent));
                                break sent;
                            }
                            sent += 1;
                        }
                    })
                })
                .collect();
            receives
                .start(jobs, move |who| {
                    (0..3).for_each(|_| _ = wait_as!(who, w => receiver.recv(w)).unwrap());
                })
                .join();
            let sent: usize = senders.into_iter().map(Running::join).sum();
            let could = 3..=3 + holds;
            assert!(could.contains(&sent), "what was received, and what fits");
            let error = sender.try_send((4, 0)).unwrap_err();
            assert!(error.is_closed());
        }
    });
}

/// On one worker, where the senders are known to wait.
#[test]
fn closing_wakes_all_who_wait_on_either_side() {
    let _watchdog = watch();
    system(1).run(|cx| {
        let (sender, receiver) = bounded(1);
        sender.try_send(0).unwrap();
        let senders: Vec<_> = (1..100)
            .map(|n| {
                let sender = sender.clone();
                let handle = cx.spawn(move |cx| sender.send(cx, n).unwrap_err().into_inner());
                cx.yield_now();
                handle
            })
            .collect();
        drop(receiver);
        for (n, handle) in (1..).zip(senders) {
            assert_eq!(handle.join(cx).unwrap(), n);
        }
        let (sender, receiver) = bounded::<()>(1);
        let receivers: Vec<_> = (0..100)
            .map(|_| {
                let receiver = receiver.clone();
                let handle = cx.spawn(move |cx| receiver.recv(cx));
                cx.yield_now();
                handle
            })
            .collect();
        drop(sender);
        for handle in receivers {
            assert_eq!(handle.join(cx).unwrap(), Err(RecvError));
        }
    });
}

#[test]
fn each_value_is_dropped_once_wherever_it_ends() {
    in_all_pairs(|jobs, sends, receives| {
        let numbers = [0, 1, 7, 20].into_iter();
        for (received, (sender, receiver)) in
            numbers.flat_map(|received| channels().map(|channel| (received, channel)))
        {
            let alive = Arc::new(AtomicUsize::new(0));
            let senders: Vec<_> = (0..3)
                .map(|_| {
                    let (sender, alive) = (sender.clone(), Arc::clone(&alive));
                    sends.start(jobs, move |who| {
                        let unsent = (0..10).find_map(|_| {
                            wait_as!(who, w => sender.send(w, Counted::new(&alive))).err()
                        });
                        drop(unsent.map(SendError::into_inner));
                    })
                })
                .collect();
            receives
                .start(jobs, move |who| {
                    (0..received).for_each(|_| drop(wait_as!(who, w => receiver.recv(w)).unwrap()));
                })
                .join();
            senders.into_iter().for_each(Running::join);
            // The channel itself is still there, but nobody can receive.
            assert_eq!(alive.load(Ordering::Relaxed), 0);
            assert!(sender.is_empty());
        }
    });
}

#[test]
fn values_left_in_a_channel_are_dropped_with_its_receivers() {
    let alive = Arc::new(AtomicUsize::new(0));
    let (sender, receiver) = bounded(4);
    (0..4).for_each(|_| sender.send(Blocking, Counted::new(&alive)).unwrap());
    drop(sender);
    assert_eq!(alive.load(Ordering::Relaxed), 4);
    drop(receiver.recv(Blocking));
    assert_eq!(alive.load(Ordering::Relaxed), 3);
    drop(receiver);
    assert_eq!(alive.load(Ordering::Relaxed), 0);
}

/// By `close`, from either side, while both sides are at it: each value that a sender was told is
/// sent is received, and the others have come back.
#[test]
fn close_in_full_flight_loses_nothing() {
    in_all_pairs(|jobs, sends, receives| {
        for (sender, receiver) in (0..10).flat_map(|_| channels()) {
            let alive = Arc::new(AtomicUsize::new(0));
            let senders: Vec<_> = (0..2)
                .map(|_| {
                    let (sender, alive) = (sender.clone(), Arc::clone(&alive));
                    sends.start(jobs, move |who| {
                        let mut sent = 0;
                        loop {
                            match wait_as!(who, w => sender.send(w, Counted::new(&alive))) {
                                Ok(()) => sent += 1,
                                Err(error) => {
                                    assert!(error.is_closed());
                                    break sent;
                                }
                            }
                            // An unbounded channel never stops it.
                            who.yield_now();
                        }
                    })
                })
                .collect();
            let receivers: Vec<_> = (0..2)
                .map(|_| {
                    let receiver = receiver.clone();
                    receives.start(jobs, move |who| {
                        let mut received = 0;
                        while wait_as!(who, w => receiver.recv(w)).is_ok() {
                            received += 1;
                            if received == 20 {
                                receiver.close();
                            }
                        }
                        assert!(receiver.is_closed());
                        received
                    })
                })
                .collect();
            let sent: usize = senders.into_iter().map(Running::join).sum();
            let received: usize = receivers.into_iter().map(Running::join).sum();
            assert_eq!(sent, received);
            assert!(received >= 20);
            assert!(!sender.close(), "closed once");
            assert_eq!(alive.load(Ordering::Relaxed), 0);
        }
    });
}
