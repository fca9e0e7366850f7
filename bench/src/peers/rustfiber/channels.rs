//! rustfiber's jobs that talk through channels.

use rustfiber::{JobSystem, channel};

use crate::workloads::channels::{CAPACITY, Tally, Traffic};

pub fn send_back(system: &JobSystem, trips: u64) -> Tally {
    let (there, far) = channel::bounded(1);
    let (back, near) = channel::bounded(1);
    system.run(|cx| {
        cx.scope(|s| {
            s.spawn(move |cx| {
                while let Ok(message) = far.recv(cx) {
                    back.send(cx, message).expect("the other receives");
                }
            });
            let first = s.spawn(move |cx| {
                let mut tally = Tally::default();
                for message in 0..trips {
                    there.send(cx, message).expect("the other receives");
                    tally.note(near.recv(cx).expect("the other sends"));
                }
                tally
            });
            first.join(cx).expect("no panic")
        })
    })
}

pub fn stream(system: &JobSystem, traffic: Traffic) -> Tally {
    let (sender, receiver) = channel::bounded(CAPACITY);
    system.run(|cx| {
        cx.scope(|s| {
            for number in 0..traffic.senders {
                let sender = sender.clone();
                s.spawn(move |cx| {
                    for message in traffic.of(number) {
                        sender.send(cx, message).expect("the receivers wait for the end");
                    }
                });
            }
            drop(sender);
            let receivers = Vec::from_iter((0..traffic.receivers).map(|_| {
                let receiver = receiver.clone();
                s.spawn(move |cx| {
                    let mut tally = Tally::default();
                    while let Ok(message) = receiver.recv(cx) {
                        tally.note(message);
                    }
                    tally
                })
            }));
            let tallies = receivers.into_iter().map(|receiver| receiver.join(cx).expect("no panic"));
            tallies.sum()
        })
    })
}
