//! tokio's tasks that talk through `mpsc` channels, and where many receive through `async_channel`,
//! as the documentation of `tokio::sync` advises.

use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::workloads::channels::{CAPACITY, Tally, Traffic};

pub async fn send_back(trips: u64) -> Tally {
    let (there, mut far) = mpsc::channel(1);
    let (back, mut near) = mpsc::channel(1);
    let other = tokio::spawn(async move {
        while let Some(message) = far.recv().await {
            back.send(message).await.expect("the other receives");
        }
    });
    let first = tokio::spawn(async move {
        let mut tally = Tally::default();
        for message in 0..trips {
            there.send(message).await.expect("the other receives");
            tally.note(near.recv().await.expect("the other sends"));
        }
        tally
    });
    let tally = first.await.expect("no panic");
    other.await.expect("no panic");
    tally
}

pub async fn stream(traffic: Traffic) -> Tally {
    if traffic.receivers > 1 {
        return stream_to_many(traffic).await;
    }
    let (sender, mut receiver) = mpsc::channel(CAPACITY);
    let senders = (0..traffic.senders).map(|number| {
        let sender = sender.clone();
        tokio::spawn(async move {
            for message in traffic.of(number) {
                sender.send(message).await.expect("the receiver waits for the end");
            }
        })
    });
    let senders = senders.collect();
    drop(sender);
    let receiver = tokio::spawn(async move {
        let mut tally = Tally::default();
        while let Some(message) = receiver.recv().await {
            tally.note(message);
        }
        tally
    });
    end(senders, vec![receiver]).await
}

async fn stream_to_many(traffic: Traffic) -> Tally {
    let (sender, receiver) = async_channel::bounded(CAPACITY);
    let senders = (0..traffic.senders).map(|number| {
        let sender = sender.clone();
        tokio::spawn(async move {
            for message in traffic.of(number) {
                sender.send(message).await.expect("the receivers wait for the end");
            }
        })
    });
    let senders = senders.collect();
    drop(sender);
    let receivers = (0..traffic.receivers).map(|_| {
        let receiver = receiver.clone();
        tokio::spawn(async move {
            let mut tally = Tally::default();
            while let Ok(message) = receiver.recv().await {
                tally.note(message);
            }
            tally
        })
    });
    end(senders, receivers.collect()).await
}

async fn end(senders: Vec<JoinHandle<()>>, receivers: Vec<JoinHandle<Tally>>) -> Tally {
    for sender in senders {
        sender.await.expect("no panic");
    }
    let mut tallies = Vec::new();
    for receiver in receivers {
        tallies.push(receiver.await.expect("no panic"));
    }
    tallies.into_iter().sum()
}
