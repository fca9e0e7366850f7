//! Models: no wake-up is lost, and no value.

use std::cell::Cell;

use super::super::*;
use crate::primitive::thread;
use crate::sched::Blocking;
use crate::wait::testing::{Evidence, Probe, explore};
use crate::wait::{Source, Wake};

/// A value that its sender has written, and that its receiver changes.
#[derive(Debug)]
struct Parcel(Evidence);

fn parcel(n: u32) -> Parcel {
    let parcel = Parcel(Evidence::new());
    parcel.0.add(n);
    parcel
}

fn open(parcel: Parcel) -> u32 {
    parcel.0.add(10);
    parcel.0.read() - 10
}

fn recv(receiver: &Receiver<Parcel>) -> Option<u32> {
    receiver.recv(Blocking).ok().map(open)
}

fn send(sender: &Sender<Parcel>, n: u32) {
    let sent = sender.send(Blocking, parcel(n));
    assert!(sent.is_ok(), "there is a receiver");
}

fn register(source: &dyn Source, probe: &Probe) {
    // SAFETY: the model keeps both until the probe is delivered.
    assert!(unsafe { source.register(probe.node()) });
}

type Channel = fn() -> (Sender<Parcel>, Receiver<Parcel>);

const KINDS: [Channel; 3] = [|| bounded(1), unbounded, rendezvous];

/// The Dekker of the module: values come before, while and after the receiver waits, and so does
/// the close; and the sender waits for room.
#[test]
fn loom_send_against_recv() {
    for channel in KINDS {
        explore(3, move || {
            let (sender, receiver) = channel();
            let sending = thread::spawn(move || {
                send(&sender, 1);
                send(&sender, 2);
            });
            assert_eq!(recv(&receiver), Some(1));
            assert_eq!(recv(&receiver), Some(2));
            assert_eq!(recv(&receiver), None);
            sending.join().unwrap();
        });
    }
}

// The queues' lock spins, and `loom` explores such a lock only between two threads: that is why
// further waiters are registered by hand.

/// Two receivers begin to wait while two values come: neither is left waiting.
#[test]
fn loom_two_receivers_for_two_values() {
    explore(3, || {
        let (sender, receiver) = unbounded();
        let sending = thread::spawn(move || {
            send(&sender, 1);
            send(&sender, 2);
            sender
        });
        let probes = [Probe::new(), Probe::new()];
        let mut takes = [receiver.take(), receiver.take()];
        // SAFETY: kept until they are delivered.
        let wait = [0, 1].map(|n| unsafe { takes[n].register(probes[n].node()) });
        let _sender = sending.join().unwrap();
        for n in [0, 1] {
            assert!(!wait[n] || probes[n].outcome().is_some());
            assert!(takes[n].served().is_some_and(|received| received.is_ok()));
        }
    });
}

/// A receiver waits; its value may go to another that only looks. The next value finds it.
#[test]
fn loom_woken_in_vain() {
    explore(3, || {
        let (sender, receiver) = unbounded();
        let waiting = {
            let receiver = receiver.clone();
            thread::spawn(move || recv(&receiver).unwrap())
        };
        send(&sender, 1);
        let taken = receiver.try_recv().ok().map(open);
        send(&sender, 2);
        let got = waiting.join().unwrap();
        match taken {
            Some(taken) => assert_eq!((taken, got), (1, 2)),
            None => assert_eq!((got, receiver.try_recv().ok().map(open)), (1, Some(2))),
        }
    });
}

/// The same with room: the one that waits to send finds the room taken.
#[test]
fn loom_woken_in_vain_to_send() {
    explore(2, || {
        let (sender, receiver) = bounded(1);
        send(&sender, 1);
        let waiting = {
            let sender = sender.clone();
            thread::spawn(move || send(&sender, 2))
        };
        assert_eq!(recv(&receiver), Some(1));
        let third = sender.try_send(parcel(3)).is_ok();
        let mut got = [recv(&receiver), third.then(|| recv(&receiver)).flatten()];
        waiting.join().unwrap();
        got.sort();
        assert_eq!(
            got,
            if third {
                [Some(2), Some(3)]
            } else {
                [None, Some(2)]
            }
        );
    });
}

/// Two who take values out of a full channel let two in that wait.
#[test]
fn loom_two_receive_while_two_wait_to_send() {
    explore(3, || {
        let (sender, receiver) = bounded(2);
        let senders = [Probe::new(), Probe::new()];
        send(&sender, 1);
        send(&sender, 2);
        let puts = [sender.put(Some(parcel(3))), sender.put(Some(parcel(4)))];
        register(&puts[0], &senders[0]);
        register(&puts[1], &senders[1]);
        let other = {
            let receiver = receiver.clone();
            thread::spawn(move || open(receiver.try_recv().unwrap()))
        };
        let mut got = [open(receiver.try_recv().unwrap()), other.join().unwrap()];
        got.sort();
        assert_eq!(got, [1, 2]);
        let outcomes = senders.each_ref().map(Probe::outcome);
        assert_eq!(outcomes, [Some(Wake::Signalled); 2]);
        for mut put in puts {
            assert!(put.served().is_some_and(|sent| sent.is_ok()));
        }
    });
}

/// Late or cancelled: the value is received, or still there; and a second receiver that waits is
/// not forgotten when the first gives up.
#[test]
fn loom_cancel_against_send() {
    for channel in KINDS {
        explore(2, move || {
            let (sender, receiver) = channel();
            let token = crate::sync::CancelToken::new();
            let cancelled = {
                let (receiver, token) = (receiver.clone(), token.clone());
                thread::spawn(move || receiver.recv(Blocking.or_cancelled(&token)).ok())
            };
            let sending = {
                let token = token.clone();
                thread::spawn(move || {
                    let sent = sender.try_send(parcel(1)).is_ok();
                    token.cancel();
                    sent
                })
            };
            let sent = sending.join().unwrap();
            let got = cancelled.join().unwrap();
            let got = got.map(|received| received.is_ok_and(|parcel| open(parcel) == 1));
            let left = receiver.try_recv().is_ok();
            assert_eq!(u8::from(sent), u8::from(got == Some(true)) + u8::from(left));
        });
    }
}

/// A receiver that gives up stands before another, which has no limits.
#[test]
fn loom_who_gives_up_is_passed_over() {
    for channel in [KINDS[1], KINDS[2]] {
        explore(2, move || {
            let (sender, receiver) = channel();
            let token = crate::sync::CancelToken::new();
            let patient = Probe::new();
            let mut take = receiver.take();
            let impatient = {
                let (receiver, token) = (receiver.clone(), token.clone());
                thread::spawn(move || receiver.recv(Blocking.or_cancelled(&token)).is_ok())
            };
            token.cancel();
            // SAFETY: kept until it is delivered, or has left.
            let waits = unsafe { take.register(patient.node()) };
            let sent = sender.try_send(parcel(1)).is_ok();
            assert!(sent || !waits, "there is one that waits");
            let got = impatient.join().unwrap();
            let woken = !waits || patient.outcome().is_some();
            if sent && !got {
                assert!(woken, "the value is for the one that waits");
                assert!(take.served().is_some_and(|received| received.is_ok()));
            } else if !woken {
                // SAFETY: as above.
                assert!(unsafe { take.leave(patient.node()) });
            }
        });
    }
}

/// A sender whose wait is cancelled has its value back, or it is received: one of the two.
#[test]
fn loom_cancel_of_a_send() {
    for channel in [KINDS[0], KINDS[2]] {
        explore(2, move || {
            let (sender, receiver) = channel();
            let full = sender.try_send(parcel(1)).is_ok();
            let token = crate::sync::CancelToken::new();
            let sending = {
                let token = token.clone();
                thread::spawn(
                    move || match sender.send(Blocking.or_cancelled(&token), parcel(2)) {
                        Ok(()) => true,
                        Err(error) => {
                            assert!(error.is_interrupted());
                            assert_eq!(open(error.into_inner()), 2);
                            false
                        }
                    },
                )
            };
            let first = receiver.try_recv().map(open);
            token.cancel();
            let sent = sending.join().unwrap();
            let second = receiver.try_recv().map(open);
            let two = [first, second]
                .into_iter()
                .filter(|got| *got == Ok(2))
                .count();
            assert_eq!(two, usize::from(sent));
            assert!(!full || first == Ok(1));
        });
    }
}

/// The last sender goes before, while and after one waits to receive.
#[test]
fn loom_close_against_recv() {
    for channel in [KINDS[0], KINDS[1]] {
        explore(3, move || {
            let (sender, receiver) = channel();
            let receiving = thread::spawn(move || [recv(&receiver), recv(&receiver)]);
            send(&sender, 1);
            drop(sender);
            assert_eq!(receiving.join().unwrap(), [Some(1), None]);
        });
    }
}

/// The close comes from elsewhere: who is told that nothing comes any more gets nothing later, and
/// what a sender was told is sent is received.
#[test]
fn loom_close_against_send_and_recv() {
    for channel in KINDS {
        explore(2, move || {
            let (sender, receiver) = channel();
            let sending = {
                let sender = sender.clone();
                thread::spawn(move || sender.send(Blocking, parcel(1)).is_ok())
            };
            assert!(sender.close());
            let got = recv(&receiver);
            assert_eq!(sending.join().unwrap(), got.is_some());
            assert!(receiver.try_recv().is_err());
        });
    }
}

/// The last receiver goes while one waits to send: the value comes back, or has been taken.
#[test]
fn loom_close_against_send() {
    for channel in [KINDS[0], KINDS[2]] {
        explore(3, move || {
            let (sender, receiver) = channel();
            let sending = thread::spawn(move || {
                let first = sender.send(Blocking, parcel(1)).is_ok();
                let second = sender.send(Blocking, parcel(2));
                let second = second.map_err(|error| assert_eq!(open(error.into_inner()), 2));
                (first, second.is_ok())
            });
            assert_eq!(recv(&receiver), Some(1));
            drop(receiver);
            assert!(sending.join().unwrap().0);
        });
    }
}

/// As above, but nothing is received: the value comes back, and the one in the channel is dropped.
#[test]
fn loom_close_of_a_full_channel_against_send() {
    explore(3, || {
        let (sender, receiver) = bounded(1);
        send(&sender, 1);
        let sending = thread::spawn(move || {
            let error = sender.send(Blocking, parcel(2)).err();
            assert_eq!(error.map(|error| open(error.into_inner())), Some(2));
        });
        drop(receiver);
        sending.join().unwrap();
    });
}

thread_local! {
    static DROPPED: Cell<u32> = const { Cell::new(0) };
}

/// Counts its drops. A model's threads are one thread of the system.
struct Counted;

impl Drop for Counted {
    fn drop(&mut self) {
        DROPPED.set(DROPPED.get() + 1);
    }
}

/// A send races with the end of the last receiver: the value is given back, or dropped at once,
/// although the channel is still there.
#[test]
fn loom_no_value_stays_in_a_channel_without_receivers() {
    explore(3, || {
        DROPPED.set(0);
        let (sender, receiver) = unbounded();
        let sending = {
            let sender = sender.clone();
            thread::spawn(move || _ = sender.try_send(Counted).map_err(drop))
        };
        drop(receiver);
        sending.join().unwrap();
        assert_eq!(DROPPED.get(), 1);
        drop(sender);
    });
}
