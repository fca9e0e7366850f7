//! tokio's tasks that yield, and that wait for each other.

use std::pin::Pin;
use std::sync::Arc;

use tokio::sync::Notify;
use tokio::sync::mpsc::{Sender, channel};
use tokio::task::yield_now;

use crate::workloads::distraction::Scene;
use crate::workloads::pingpong::Ball;
use crate::workloads::skynet::FAN_OUT;

pub async fn yields(jobs: usize, each: usize) -> usize {
    let tasks = Vec::from_iter((0..jobs).map(|_| {
        tokio::spawn(async move {
            for _ in 0..each {
                yield_now().await;
            }
            each
        })
    }));
    let mut yields = 0;
    for task in tasks {
        yields += task.await.expect("no panic");
    }
    yields
}

/// `Notify` holds one permit, as an auto-reset event does.
pub async fn pingpong(trips: u64) -> u64 {
    let court = Arc::new((Notify::new(), Notify::new(), Ball::default()));
    let (one, other) = (Arc::clone(&court), Arc::clone(&court));
    let first = tokio::spawn(async move {
        let (ping, pong, ball) = &*one;
        for _ in 0..trips {
            ping.notified().await;
            ball.hit();
            pong.notify_one();
        }
    });
    let second = tokio::spawn(async move {
        let (ping, pong, ball) = &*other;
        for _ in 0..trips {
            ping.notify_one();
            pong.notified().await;
            ball.hit();
        }
    });
    first.await.expect("no panic");
    second.await.expect("no panic");
    court.2.hits()
}

pub async fn skynet(leaves: u64) -> u64 {
    let (parent, mut sum) = channel(1);
    node(parent, 0, leaves).await;
    sum.recv().await.expect("the root sends")
}

/// A recursive future needs a box.
fn node(parent: Sender<u64>, first: u64, leaves: u64) -> Pin<Box<dyn Future<Output = ()> + Send>> {
    Box::pin(async move {
        let mut sum = first;
        if leaves > 1 {
            let (sender, mut children) = channel(FAN_OUT as usize);
            let each = leaves / FAN_OUT;
            for child in 0..FAN_OUT {
                tokio::spawn(node(sender.clone(), first + child * each, each));
            }
            sum = 0;
            for _ in 0..FAN_OUT {
                sum += children.recv().await.expect("each child sends");
            }
        }
        parent.send(sum).await.expect("the parent receives");
    })
}

pub async fn wait_for_children(scene: Arc<Scene>) {
    for _ in 0..scene.samples() {
        let child = Arc::clone(&scene);
        let child = tokio::spawn(async move { child.child() });
        scene.be_busy();
        child.await.expect("no panic");
        scene.note();
    }
}
