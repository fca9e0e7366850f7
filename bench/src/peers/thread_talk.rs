//! Threads that share a lock or talk through a channel, for the peers that have nothing but that:
//! a thread per job, as in the examples of their documentation.

use std::thread;

use crate::workloads::channels::{Tally, Traffic};

/// So many threads that each add one so often; `add` does it under the lock.
pub fn count_locked(jobs: usize, each: u64, add: impl Fn() + Sync) {
    thread::scope(|s| {
        for _ in 0..jobs {
            s.spawn(|| {
                for _ in 0..each {
                    add();
                }
            });
        }
    });
}

/// The two ends of a channel.
pub trait Sending: Clone + Send {
    fn send(&self, message: u64);
}

pub trait Receiving: Clone + Send {
    /// `None` if there is no sender left.
    fn receive(&self) -> Option<u64>;
}

pub fn send_back<S: Sending, R: Receiving>(channel: impl Fn() -> (S, R), trips: u64) -> Tally {
    let ((there, far), (back, near)) = (channel(), channel());
    thread::scope(|s| {
        s.spawn(move || {
            while let Some(message) = far.receive() {
                back.send(message);
            }
        });
        let mut tally = Tally::default();
        for message in 0..trips {
            there.send(message);
            tally.note(near.receive().expect("the other sends"));
        }
        drop(there);
        tally
    })
}

pub fn stream<S: Sending, R: Receiving>((sender, receiver): (S, R), traffic: Traffic) -> Tally {
    thread::scope(|s| {
        for number in 0..traffic.senders {
            let sender = sender.clone();
            s.spawn(move || {
                for message in traffic.of(number) {
                    sender.send(message);
                }
            });
        }
        drop(sender);
        let receivers = Vec::from_iter((0..traffic.receivers).map(|_| {
            let receiver = receiver.clone();
            s.spawn(move || {
                let mut tally = Tally::default();
                while let Some(message) = receiver.receive() {
                    tally.note(message);
                }
                tally
            })
        }));
        let tallies = receivers.into_iter().map(|receiver| receiver.join().expect("no panic"));
        tallies.sum()
    })
}
