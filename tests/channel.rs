//! Channels between jobs and threads: order, sums, and waits that end early.
#![forbid(unsafe_code)]

#[path = "common/channels.rs"]
mod channels;
mod common;
#[macro_use]
#[path = "common/who.rs"]
mod who;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use channels::channels;
use common::{WORKERS, let_others_go_on, spawn_waiter, system, watch};
use rustfiber::CancelToken;
use rustfiber::channel::{RecvError, TryRecvError, bounded, rendezvous, unbounded};
use who::{Running, in_all_pairs};

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
