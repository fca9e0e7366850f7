//! may's coroutines that talk through the channels it has for one or many senders and receivers,
//! which have no bound.

use may::coroutine::JoinHandle;
use may::go;
use may::sync::{mpmc, mpsc, spsc};

use crate::workloads::channels::{Tally, Traffic};

pub fn send_back(trips: u64) -> Tally {
    let (there, far) = spsc::channel();
    let (back, near) = spsc::channel();
    let other = go!(move || {
        for message in far {
            back.send(message).expect("the other receives");
        }
    });
    let first = go!(move || {
        let mut tally = Tally::default();
        for message in 0..trips {
            there.send(message).expect("the other receives");
            tally.note(near.recv().expect("the other sends"));
        }
        tally
    });
    let tally = first.join().expect("no panic");
    other.join().expect("no panic");
    tally
}

pub fn stream(traffic: Traffic) -> Tally {
    match (traffic.senders, traffic.receivers) {
        (1, 1) => {
            let (sender, receiver) = spsc::channel();
            let sender = go!(move || send(traffic.of(0), |message| sender.send(message).is_ok()));
            end(vec![sender], vec![go!(move || receive(receiver.into_iter()))])
        }
        (_, 1) => {
            let (sender, receiver) = mpsc::channel();
            let senders = (0..traffic.senders).map(|number| {
                let sender = sender.clone();
                go!(move || send(traffic.of(number), |message| sender.send(message).is_ok()))
            });
            let senders = senders.collect();
            drop(sender);
            end(senders, vec![go!(move || receive(receiver.into_iter()))])
        }
        _ => {
            let (sender, receiver) = mpmc::channel();
            let senders = (0..traffic.senders).map(|number| {
                let sender = sender.clone();
                go!(move || send(traffic.of(number), |message| sender.send(message).is_ok()))
            });
            let senders = senders.collect();
            drop(sender);
            let receivers = (0..traffic.receivers).map(|_| {
                let receiver = receiver.clone();
                go!(move || receive(receiver.into_iter()))
            });
            end(senders, receivers.collect())
        }
    }
}

fn send(messages: impl Iterator<Item = u64>, send: impl Fn(u64) -> bool) {
    for message in messages {
        assert!(send(message), "the receivers wait for the end");
    }
}

fn receive(messages: impl Iterator<Item = u64>) -> Tally {
    let mut tally = Tally::default();
    for message in messages {
        tally.note(message);
    }
    tally
}

fn end(senders: Vec<JoinHandle<()>>, receivers: Vec<JoinHandle<Tally>>) -> Tally {
    for sender in senders {
        sender.join().expect("no panic");
    }
    let tallies = receivers.into_iter().map(|receiver| receiver.join().expect("no panic"));
    tallies.sum()
}
