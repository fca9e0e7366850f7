//! Order, closing and hand-over; models of each race under `--cfg loom`.

use super::*;
use crate::sched::Blocking;

#[cfg(not(loom))]
mod plain {
    use std::thread;

    use super::*;

    #[test]
    fn smoke() {
        let (sender, receiver) = bounded(2);
        assert_eq!((sender.capacity(), receiver.capacity()), (2, 2));
        sender.send(Blocking, 1).unwrap();
        sender.try_send(2).unwrap();
        assert!(sender.try_send(3).unwrap_err().is_full());
        assert_eq!((sender.len(), receiver.is_empty()), (2, false));
        assert_eq!(receiver.recv(Blocking), Ok(1));
        assert_eq!(receiver.try_recv(), Ok(2));
        assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty));
    }

    #[test]
    fn what_was_sent_is_received_after_the_close() {
        let (sender, receiver) = bounded(2);
        sender.send(Blocking, 1).unwrap();
        drop(sender.clone());
        drop(sender);
        assert_eq!(receiver.recv(Blocking), Ok(1));
        assert_eq!(receiver.recv(Blocking), Err(RecvError));
        assert_eq!(receiver.try_recv(), Err(TryRecvError::Closed));
    }

    #[test]
    fn values_that_nobody_can_receive_are_given_back_or_dropped() {
        let value = Arc::new(());
        let (sender, receiver) = bounded(1);
        sender.send(Blocking, Arc::clone(&value)).unwrap();
        drop(receiver);
        assert_eq!(Arc::strong_count(&value), 1);
        let error = sender.send(Blocking, Arc::clone(&value)).unwrap_err();
        assert!(Arc::ptr_eq(&error.into_inner(), &value));
        assert!(sender.try_send(value).unwrap_err().is_closed());
    }

    #[test]
    #[should_panic(expected = "capacity 0")]
    fn capacity_zero() {
        drop(bounded::<()>(0));
    }

    #[test]
    fn stress() {
        const SENDERS: usize = 3;
        const VALUES: usize = if cfg!(debug_assertions) { 500 } else { 5000 };
        let (sender, receiver) = bounded(2);
        let received = thread::scope(|s| {
            for from in 0..SENDERS {
                let sender = sender.clone();
                s.spawn(move || {
                    (0..VALUES).for_each(|n| sender.send(Blocking, (from, n)).unwrap())
                });
            }
            drop(sender);
            let receivers = [receiver.clone(), receiver].map(|receiver| {
                s.spawn(move || {
                    std::iter::from_fn(|| receiver.recv(Blocking).ok()).collect::<Vec<_>>()
                })
            });
            receivers.map(|receiver| receiver.join().unwrap())
        });
        for values in &received {
            for from in 0..SENDERS {
                assert!(values.iter().filter(|value| value.0 == from).is_sorted());
            }
        }
        assert_eq!(received.iter().flatten().count(), SENDERS * VALUES);
    }
}

#[cfg(loom)]
mod model {
    use super::*;
    use crate::primitive::thread;
    use crate::wait::testing::{Evidence, Probe, explore};
    use crate::wait::{Source, Wake};

    /// A value that its sender has written, and that its receiver changes.
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

    #[test]
    fn loom_send_against_recv() {
        explore(3, || {
            let (sender, receiver) = bounded(1);
            let sending = thread::spawn(move || {
                send(&sender, 1);
                send(&sender, 2);
            });
            let receiving = thread::spawn(move || {
                assert_eq!(recv(&receiver), Some(1));
                assert_eq!(recv(&receiver), Some(2));
                assert_eq!(recv(&receiver), None);
            });
            sending.join().unwrap();
            receiving.join().unwrap();
        });
    }

    // The channel's lock spins, and `loom` explores such a lock only between two threads: that
    // is why further waiters are registered before.

    fn put(sender: &Sender<Parcel>, n: u32) -> Put<'_, Parcel> {
        Put {
            channel: &sender.0,
            slot: Slot::new(Some(parcel(n))),
        }
    }

    fn take(receiver: &Receiver<Parcel>) -> Take<'_, Parcel> {
        Take {
            channel: &receiver.0,
            slot: Slot::new(None),
        }
    }

    fn register(source: &dyn Source, probe: &Probe) {
        // SAFETY: the model keeps both until the probe is delivered.
        assert!(unsafe { source.register(probe.node()) });
    }

    /// Each that takes a value out of a full channel lets one sender put its own in.
    #[test]
    fn loom_two_receive_while_two_wait_to_send() {
        explore(None, || {
            let (sender, receiver) = bounded(1);
            let senders = [Probe::new(), Probe::new()];
            send(&sender, 1);
            let puts = [put(&sender, 2), put(&sender, 3)];
            register(&puts[0], &senders[0]);
            register(&puts[1], &senders[1]);
            let other = {
                let receiver = receiver.clone();
                thread::spawn(move || open(receiver.try_recv().unwrap()))
            };
            let mut got = [open(receiver.try_recv().unwrap()), other.join().unwrap()];
            got.sort();
            assert_eq!(got, [1, 2]);
            assert_eq!(receiver.try_recv().map(open), Ok(3));
            let outcomes = senders.each_ref().map(Probe::outcome);
            assert_eq!(outcomes, [Some(Wake::Signalled); 2]);
            assert!(
                puts.into_iter()
                    .all(|put| put.slot.0.into_inner().is_none())
            );
        });
    }

    #[test]
    fn loom_two_send_while_two_wait_to_receive() {
        explore(None, || {
            let (sender, receiver) = bounded(1);
            let receivers = [Probe::new(), Probe::new()];
            let takes = [take(&receiver), take(&receiver)];
            register(&takes[0], &receivers[0]);
            register(&takes[1], &receivers[1]);
            let other = {
                let sender = sender.clone();
                thread::spawn(move || assert!(sender.try_send(parcel(1)).is_ok()))
            };
            assert!(sender.try_send(parcel(2)).is_ok());
            other.join().unwrap();
            let mut got = takes.map(|take| take.slot.0.into_inner().map(open));
            got.sort();
            assert_eq!(got, [Some(1), Some(2)]);
            let outcomes = receivers.each_ref().map(Probe::outcome);
            assert_eq!(outcomes, [Some(Wake::Signalled); 2]);
            assert!(sender.is_empty());
        });
    }

    /// The last two senders go, one of which has sent: the longest waiting receiver has the value.
    #[test]
    fn loom_close_while_two_wait_to_receive() {
        explore(None, || {
            let (sender, receiver) = bounded(1);
            let receivers = [Probe::new(), Probe::new()];
            let takes = [take(&receiver), take(&receiver)];
            register(&takes[0], &receivers[0]);
            register(&takes[1], &receivers[1]);
            let other = {
                let sender = sender.clone();
                thread::spawn(move || assert!(sender.try_send(parcel(1)).is_ok()))
            };
            drop(sender);
            other.join().unwrap();
            let outcomes = receivers.each_ref().map(Probe::outcome);
            assert_eq!(outcomes, [Some(Wake::Signalled), Some(Wake::Abandoned)]);
            let got = takes.map(|take| take.slot.0.into_inner().map(open));
            assert_eq!(got, [Some(1), None]);
        });
    }

    /// The last sender goes before, while and after one waits to receive.
    #[test]
    fn loom_close_against_recv() {
        explore(3, || {
            let (sender, receiver) = bounded(1);
            let receiving = thread::spawn(move || [recv(&receiver), recv(&receiver)]);
            send(&sender, 1);
            drop(sender);
            assert_eq!(receiving.join().unwrap(), [Some(1), None]);
        });
    }

    /// The last receiver goes while one waits to send: the value comes back, or has been taken.
    #[test]
    fn loom_close_against_send() {
        explore(3, || {
            let (sender, receiver) = bounded(1);
            send(&sender, 1);
            let sending = thread::spawn(move || match sender.send(Blocking, parcel(2)) {
                Ok(()) => true,
                Err(error) => {
                    assert_eq!(open(error.into_inner()), 2);
                    false
                }
            });
            let receiving = thread::spawn(move || assert_eq!(recv(&receiver), Some(1)));
            sending.join().unwrap();
            receiving.join().unwrap();
        });
    }

    /// As above, but nothing is received: the value comes back, and the one in the ring is dropped.
    #[test]
    fn loom_close_of_a_full_channel_against_send() {
        explore(None, || {
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

    #[test]
    fn loom_try_against_wait() {
        explore(3, || {
            let (sender, receiver) = bounded(1);
            let receiving = {
                let receiver = receiver.clone();
                thread::spawn(move || recv(&receiver))
            };
            let taken = receiver.try_recv().ok().map(open);
            let sent = sender.try_send(parcel(1)).is_ok();
            assert!(sent && taken.is_none());
            drop(sender);
            assert_eq!(receiving.join().unwrap(), Some(1));
        });
    }
}
