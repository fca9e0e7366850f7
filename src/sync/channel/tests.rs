//! Order, closing and hand-over; models of each race under `--cfg loom`.

#[cfg(loom)]
mod model;

#[cfg(not(loom))]
mod plain {
    use std::sync::Arc;
    use std::thread;
    use std::time::Duration;

    use super::super::*;
    use crate::sched::Blocking;
    use crate::wait::testing::Probe;
    use crate::wait::{Source, Wake};

    #[test]
    fn smoke() {
        let (sender, receiver) = bounded(2);
        assert_eq!((sender.capacity(), receiver.capacity()), (Some(2), Some(2)));
        sender.send(Blocking, 1).unwrap();
        sender.try_send(2).unwrap();
        assert!(sender.try_send(3).unwrap_err().is_full());
        assert_eq!((sender.len(), receiver.is_empty()), (2, false));
        assert_eq!(receiver.recv(Blocking), Ok(1));
        assert_eq!(receiver.try_recv(), Ok(2));
        assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty));
    }

    #[test]
    fn a_rendezvous_holds_nothing() {
        for (sender, receiver) in [rendezvous(), bounded(0)] {
            assert_eq!((sender.capacity(), sender.len()), (Some(0), 0));
            assert!(receiver.is_empty() && receiver.is_full());
            assert!(sender.try_send(1).unwrap_err().is_full());
            assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty));
            let late = sender.send(Blocking.within(Duration::ZERO), 2);
            assert_eq!(late.unwrap_err().into_inner(), 2);
            assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty));
            thread::scope(|s| {
                s.spawn(|| sender.send(Blocking, 3).unwrap());
                assert_eq!(receiver.recv(Blocking), Ok(3));
            });
        }
    }

    #[test]
    fn what_was_sent_is_received_after_the_close() {
        for (sender, receiver) in [bounded(2), unbounded()] {
            sender.send(Blocking, 1).unwrap();
            drop(sender.clone());
            drop(sender);
            assert_eq!(receiver.recv(Blocking), Ok(1));
            assert_eq!(receiver.recv(Blocking), Err(RecvError));
            assert_eq!(receiver.try_recv(), Err(TryRecvError::Closed));
        }
    }

    #[test]
    fn values_that_nobody_can_receive_are_given_back_or_dropped() {
        for (sender, receiver) in [bounded(1), unbounded()] {
            let value = Arc::new(());
            sender.send(Blocking, Arc::clone(&value)).unwrap();
            drop(receiver);
            assert_eq!(Arc::strong_count(&value), 1);
            let error = sender.send(Blocking, Arc::clone(&value)).unwrap_err();
            assert!(Arc::ptr_eq(&error.into_inner(), &value));
            assert!(sender.try_send(value).unwrap_err().is_closed());
        }
    }

    /// A woken receiver whose value another takes waits on, before all others.
    #[test]
    fn who_was_woken_in_vain_goes_to_the_front() {
        let (sender, receiver) = bounded(4);
        let probes = [Probe::new(), Probe::new(), Probe::new()];
        let mut takes = [receiver.take(), receiver.take()];
        // SAFETY: the probes live until they are delivered, or have left.
        unsafe {
            assert!(takes[0].register(probes[0].node()));
            assert!(takes[1].register(probes[1].node()));
            sender.try_send('a').unwrap();
            assert_eq!(probes[0].outcome(), Some(Wake::Signalled));
            assert_eq!(receiver.try_recv(), Ok('a'));
            assert_eq!(takes[0].served(), None);
            assert!(takes[0].register(probes[2].node()));
            sender.try_send('b').unwrap();
            assert_eq!(probes[2].outcome(), Some(Wake::Signalled));
            assert_eq!(probes[1].outcome(), None);
            assert_eq!(takes[0].served(), Some(Ok('b')));
            assert!(takes[1].leave(probes[1].node()));
        }
    }

    #[test]
    fn stress() {
        const SENDERS: usize = 3;
        const VALUES: usize = if cfg!(debug_assertions) { 500 } else { 5000 };
        for (sender, receiver) in [bounded(2), bounded(1), unbounded(), rendezvous()] {
            let received = thread::scope(|s| {
                for from in 0..SENDERS {
                    let sender = sender.clone();
                    s.spawn(move || {
                        (0..VALUES).for_each(|n| sender.send(Blocking, (from, n)).unwrap())
                    });
                }
                drop(sender);
                let receivers = [receiver.clone(), receiver]
                    .map(|receiver| s.spawn(move || receiver.iter(Blocking).collect::<Vec<_>>()));
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
}
