//! Channels between jobs and threads: order, sums, closing, and each value dropped once.
#![forbid(unsafe_code)]

mod common;
#[macro_use]
#[path = "common/who.rs"]
mod who;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use common::{WORKERS, let_others_go_on, spawn_waiter, system, watch};
use rustfiber::channel::{
    Receiver, RecvError, SendError, Sender, TryRecvError, bounded, rendezvous, unbounded,
};
use rustfiber::{Blocking, CancelToken};
use who::{Running, in_all_pairs};

/// A channel of each kind, and of several capacities.
fn channels<T>() -> [(Sender<T>, Receiver<T>); 5] {
    [
        rendezvous(),
        bounded(1),
        bounded(3),
        bounded(64),
        unbounded(),
    ]
}

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
fn values_arrive_in_order_in_every_kind() {
    in_all_pairs(|jobs, sends, receives| {
        for (sender, receiver) in channels() {
            let sends = sends.start(jobs, move |who| {
                (0..500).for_each(|n| wait_as!(who, w => sender.send(w, n)).unwrap());
            });
            let received = receives.start(jobs, move |who| {
                std::iter::from_fn(|| wait_as!(who, w => receiver.recv(w)).ok()).collect::<Vec<_>>()
            });
            sends.join();
            assert!(received.join().into_iter().eq(0..500));
        }
    });
}

#[test]
fn many_to_many_lose_nothing_and_double_nothing() {
    in_all_pairs(|jobs, sends, receives| {
        for (sender, receiver) in channels() {
            let senders: Vec<_> = (0..4)
                .map(|side| {
                    let sender = sender.clone();
                    sends.start(jobs, move |who| {
                        for n in 0..250 {
                            wait_as!(who, w => sender.send(w, (side, n))).unwrap();
                        }
                    })
                })
                .collect();
            drop(sender);
            let receivers: Vec<_> = (0..4)
                .map(|_| {
                    let receiver = receiver.clone();
                    receives.start(jobs, move |who| {
                        std::iter::from_fn(|| wait_as!(who, w => receiver.recv(w)).ok())
                            .collect::<Vec<_>>()
                    })
                })
                .collect();
            drop(receiver);
            senders.into_iter().for_each(Running::join);
            let mut all = Vec::new();
            for received in receivers.into_iter().map(Running::join) {
                for side in 0..4 {
                    let of_side = received.iter().filter(|value| value.0 == side);
                    assert!(of_side.is_sorted(), "one sender's values stay in order");
                }
                all.extend(received);
            }
            all.sort_unstable();
            let sent = (0..4).flat_map(|side| (0..250).map(move |n| (side, n)));
            assert!(all.into_iter().eq(sent));
        }
    });
}

#[test]
fn capacity_one_takes_one() {
    let (sender, receiver) = bounded(1);
    assert_eq!((sender.capacity(), receiver.capacity()), (Some(1), Some(1)));
    assert_eq!(sender.try_send("first"), Ok(()));
    let full = sender.try_send("second").unwrap_err();
    assert!(full.is_full());
    assert_eq!(full.into_inner(), "second");
    assert_eq!(receiver.try_recv(), Ok("first"));
    assert!(receiver.is_empty());
}

/// On one worker, where the order of the waits is known.
#[test]
fn waiting_senders_are_served_in_order() {
    let _watchdog = watch();
    system(1).run(|cx| {
        for (sender, receiver) in [rendezvous(), bounded(1), bounded(2)] {
            let waiting: Vec<_> = (0..6)
                .map(|n| {
                    let sender = sender.clone();
                    spawn_waiter(cx, move |cx| sender.send(cx, n).unwrap())
                })
                .collect();
            for n in 0..6 {
                if 6 - n >= sender.capacity().unwrap() {
                    assert!(sender.try_send(100).unwrap_err().is_full());
                }
                assert_eq!(receiver.recv(cx), Ok(n));
                let_others_go_on(cx);
            }
            for handle in waiting {
                handle.join(cx).unwrap();
            }
        }
    });
}

#[test]
fn waiting_receivers_are_served_in_order() {
    let _watchdog = watch();
    system(1).run(|cx| {
        for (sender, receiver) in channels() {
            let waiting: Vec<_> = (0..4)
                .map(|_| {
                    let receiver = receiver.clone();
                    spawn_waiter(cx, move |cx| receiver.recv(cx).unwrap())
                })
                .collect();
            for n in 0..4 {
                sender.try_send(n).unwrap();
                let_others_go_on(cx);
            }
            assert!(receiver.is_empty());
            for (n, handle) in waiting.into_iter().enumerate() {
                assert_eq!(handle.join(cx).unwrap(), n);
            }
        }
    });
}

/// What a rendezvous promises beyond the others: who waits is not overtaken.
#[test]
fn nobody_overtakes_in_a_rendezvous() {
    let _watchdog = watch();
    system(1).run(|cx| {
        let (sender, receiver) = rendezvous();
        let waiting: Vec<_> = (0..3)
            .map(|_| {
                let receiver = receiver.clone();
                spawn_waiter(cx, move |cx| receiver.recv(cx).unwrap())
            })
            .collect();
        for n in 0..3 {
            sender.try_send(n).unwrap();
            assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty));
        }
        assert!(sender.try_send(3).unwrap_err().is_full());
        for (n, handle) in waiting.into_iter().enumerate() {
            assert_eq!(handle.join(cx).unwrap(), n);
        }
    });
}

/// On one worker: a value is taken between the wake-up of the one that waits and its turn.
#[test]
fn who_is_woken_in_vain_waits_on() {
    let _watchdog = watch();
    system(1).run(|cx| {
        for (sender, receiver) in [bounded(1), unbounded()] {
            let waiting = {
                let receiver = receiver.clone();
                spawn_waiter(cx, move |cx| receiver.recv(cx).unwrap())
            };
            for n in 0..10 {
                sender.try_send(n).unwrap();
                assert_eq!(receiver.try_recv(), Ok(n));
                let_others_go_on(cx);
                assert!(!waiting.is_finished());
            }
            sender.try_send(10).unwrap();
            assert_eq!(waiting.join(cx).unwrap(), 10);
        }
    });
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

#[test]
fn a_bounded_pipeline_of_several_stages() {
    const STAGES: u64 = 5;
    const VALUES: u64 = 500;
    let _watchdog = watch();
    for workers in WORKERS {
        let jobs = system(workers);
        let in_flight = AtomicUsize::new(0);
        let sum = jobs.run(|cx| {
            cx.scope(|s| {
                let (source, mut stage_in) = bounded(2);
                s.spawn(|cx| {
                    for n in 0..VALUES {
                        in_flight.fetch_add(1, Ordering::Relaxed);
                        source.send(cx, n).unwrap();
                    }
                    drop(source);
                });
                for _ in 0..STAGES {
                    let (stage_out, next) = bounded(2);
                    let receiver = std::mem::replace(&mut stage_in, next);
                    s.spawn(move |cx| {
                        while let Ok(n) = receiver.recv(cx) {
                            stage_out.send(cx, n + 1).unwrap();
                        }
                    });
                }
                let mut sum = 0;
                while let Ok(n) = stage_in.recv(cx) {
                    // Two in each channel, one in the hands of each stage and of either end.
                    let most = 2 * (STAGES + 1) + STAGES + 2;
                    assert!(in_flight.fetch_sub(1, Ordering::Relaxed) as u64 <= most);
                    sum += n;
                }
                sum
            })
        });
        assert_eq!(sum, VALUES * (VALUES - 1) / 2 + VALUES * STAGES);
        assert_eq!(in_flight.into_inner(), 0);
    }
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

/// Waits that end early, on both sides, while others have no limits: each value is received once, or
/// has come back.
#[test]
fn waits_that_end_early_lose_no_value_and_no_wake_up() {
    in_all_pairs(|jobs, sends, receives| {
        for (sender, receiver) in channels() {
            let token = CancelToken::new();
            let hurried: Vec<_> = (0..2)
                .map(|_| {
                    let sender = sender.clone();
                    sends.start(jobs, move |who| {
                        let mut sent = 0;
                        for n in 0..200 {
                            let at_most = Duration::from_micros(n % 3);
                            match wait_as!(who, w => sender.send(w.within(at_most), 1_usize)) {
                                Ok(()) => sent += 1,
                                Err(error) => {
                                    assert!(error.interrupted().unwrap().is_late());
                                    assert_eq!(error.into_inner(), 1);
                                    who.yield_now();
                                }
                            }
                        }
                        sent
                    })
                })
                .collect();
            let patient = {
                let sender = sender.clone();
                sends.start(jobs, move |who| {
                    (0..200).for_each(|_| wait_as!(who, w => sender.send(w, 1)).unwrap());
                    200
                })
            };
            drop(sender);
            let receivers: Vec<_> = (0..3)
                .map(|kind| {
                    let (receiver, token) = (receiver.clone(), token.clone());
                    receives.start(jobs, move |who| {
                        let mut received = 0;
                        loop {
                            let at_most = Duration::from_micros(received as u64 % 3);
                            let outcome = match kind {
                                0 => Ok(wait_as!(who, w => receiver.recv(w))),
                                1 => wait_as!(who, w => receiver.recv(w.within(at_most))),
                                _ => wait_as!(who, w => receiver.recv(w.or_cancelled(&token))),
                            };
                            match outcome {
                                Ok(Ok(n)) => received += n,
                                Ok(Err(RecvError)) => break,
                                Err(why) if why.is_cancelled() => break,
                                Err(_) => who.yield_now(),
                            }
                            if received == 30 {
                                token.cancel();
                            }
                        }
                        received
                    })
                })
                .collect();
            let sent: usize = hurried.into_iter().map(Running::join).sum();
            let sent = sent + patient.join();
            let received: usize = receivers.into_iter().map(Running::join).sum();
            assert_eq!(sent, received);
        }
    });
}

#[test]
fn an_iterator_ends_with_the_channel_or_with_its_waiter() {
    let _watchdog = watch();
    system(1).run(|cx| {
        for (sender, receiver) in channels() {
            let token = CancelToken::new();
            let waiting = {
                let (receiver, token) = (receiver.clone(), token.clone());
                spawn_waiter(cx, move |cx| {
                    let mut received = receiver.iter(cx.or_cancelled(&token));
                    let values: Vec<_> = received.by_ref().collect();
                    (values, received.interrupted())
                })
            };
            (0..3).for_each(|n| sender.send(cx, n).unwrap());
            let_others_go_on(cx);
            token.cancel();
            let (values, interrupted) = waiting.join(cx).unwrap();
            assert_eq!(values, [0, 1, 2]);
            assert!(interrupted.unwrap().is_cancelled());

            let waiting = spawn_waiter(cx, move |cx| {
                let mut received = receiver.iter(cx);
                (received.by_ref().count(), received.interrupted())
            });
            (0..3).for_each(|n| sender.send(cx, n).unwrap());
            drop(sender);
            assert_eq!(waiting.join(cx).unwrap(), (3, None));
        }
    });
}

#[test]
fn ten_thousand_jobs_on_one_channel() {
    const PAIRS: usize = 5000;
    let _watchdog = watch();
    for workers in WORKERS {
        let jobs = system(workers);
        for (sender, receiver) in channels() {
            let sum = AtomicUsize::new(0);
            jobs.run(|cx| {
                cx.scope(|s| {
                    for n in 0..PAIRS {
                        s.spawn(|cx| {
                            let n = receiver.recv(cx).unwrap();
                            sum.fetch_add(n, Ordering::Relaxed);
                        });
                        s.spawn({
                            let sender = &sender;
                            move |cx| sender.send(cx, n).unwrap()
                        });
                    }
                });
            });
            assert_eq!(sum.into_inner(), PAIRS * (PAIRS - 1) / 2);
        }
    }
}
