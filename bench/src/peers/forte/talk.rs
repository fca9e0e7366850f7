//! Forte's jobs that wait: futures, which its README recommends for that.

use std::sync::Arc;

use forte::{ThreadPool, Worker};
use futures_lite::future;

use crate::workloads::distraction::Scene;
use crate::workloads::pingpong::Ball;

pub fn yields(pool: &'static ThreadPool, jobs: usize, each: usize) -> usize {
    pool.with_worker(|worker| {
        let tasks = Vec::from_iter((0..jobs).map(|_| {
            worker.spawn(async move {
                for _ in 0..each {
                    future::yield_now().await;
                }
                each
            })
        }));
        worker.block_on(async {
            let mut yields = 0;
            for task in tasks {
                yields += task.await;
            }
            yields
        })
    })
}

pub fn pingpong(pool: &'static ThreadPool, trips: u64) -> u64 {
    let (ping, pinged) = async_channel::bounded(1);
    let (pong, ponged) = async_channel::bounded(1);
    let ball = Arc::new(Ball::default());
    let balls = (Arc::clone(&ball), Arc::clone(&ball));
    pool.with_worker(|worker| {
        let first = worker.spawn(async move {
            for _ in 0..trips {
                pinged.recv().await.expect("the other sends");
                balls.0.hit();
                pong.send(()).await.expect("the other receives");
            }
        });
        let second = worker.spawn(async move {
            for _ in 0..trips {
                ping.send(()).await.expect("the other receives");
                ponged.recv().await.expect("the other sends");
                balls.1.hit();
            }
        });
        worker.block_on(future::zip(first, second));
    });
    ball.hits()
}

pub fn wait_for_children(pool: &'static ThreadPool, scene: &Arc<Scene>) {
    pool.with_worker(|worker| {
        for _ in 0..scene.samples() {
            worker.scope(|scope| {
                scope.spawn(|_: &Worker| scene.child());
                scene.be_busy();
            });
            scene.note();
        }
    });
}
