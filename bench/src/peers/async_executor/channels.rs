//! async-executor's tasks that talk through `async_channel`.

use std::sync::Arc;

use async_channel::bounded;
use async_executor::Executor;

use crate::workloads::channels::{CAPACITY, Tally, Traffic};

pub async fn send_back(executor: Arc<Executor<'static>>, trips: u64) -> Tally {
    let (there, far) = bounded(1);
    let (back, near) = bounded(1);
    let other = executor.spawn(async move {
        while let Ok(message) = far.recv().await {
            back.send(message).await.expect("the other receives");
        }
    });
    let first = executor.spawn(async move {
        let mut tally = Tally::default();
        for message in 0..trips {
            there.send(message).await.expect("the other receives");
            tally.note(near.recv().await.expect("the other sends"));
        }
        tally
    });
    let tally = first.await;
    other.await;
    tally
}

pub async fn stream(executor: Arc<Executor<'static>>, traffic: Traffic) -> Tally {
    let (sender, receiver) = bounded(CAPACITY);
    let senders = Vec::from_iter((0..traffic.senders).map(|number| {
        let sender = sender.clone();
        executor.spawn(async move {
            for message in traffic.of(number) {
                sender.send(message).await.expect("the receivers wait for the end");
            }
        })
    }));
    drop(sender);
    let receivers = Vec::from_iter((0..traffic.receivers).map(|_| {
        let receiver = receiver.clone();
        executor.spawn(async move {
            let mut tally = Tally::default();
            while let Ok(message) = receiver.recv().await {
                tally.note(message);
            }
            tally
        })
    }));
    let mut tallies = Vec::new();
    for receiver in receivers {
        tallies.push(receiver.await);
    }
    for sender in senders {
        sender.await;
    }
    tallies.into_iter().sum()
}
