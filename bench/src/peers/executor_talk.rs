//! Tasks that spawn and wait, for the peers whose tasks are those of `async_task`: async-executor,
//! bevy_tasks and Forte, which differ in who spawns. They talk through `async_channel`, which the
//! first two use themselves.

use std::pin::Pin;
use std::sync::Arc;

use async_channel::{Sender, bounded};
use async_executor::Task;
use futures_lite::future::{yield_now, zip};

use crate::workloads::distraction::{LongJob, Scene};
use crate::workloads::pingpong::Ball;
use crate::workloads::skynet::FAN_OUT;

/// Something that spawns tasks; its clones spawn into the same place.
pub trait Spawner: Clone + Send + Sync + 'static {
    fn spawn<R: Send + 'static>(&self, task: impl Future<Output = R> + Send + 'static) -> Task<R>;
}

impl Spawner for Arc<async_executor::Executor<'static>> {
    fn spawn<R: Send + 'static>(&self, task: impl Future<Output = R> + Send + 'static) -> Task<R> {
        (**self).spawn(task)
    }
}

impl Spawner for Arc<bevy_tasks::TaskPool> {
    fn spawn<R: Send + 'static>(&self, task: impl Future<Output = R> + Send + 'static) -> Task<R> {
        (**self).spawn(task)
    }
}

impl Spawner for &'static forte::ThreadPool {
    fn spawn<R: Send + 'static>(&self, task: impl Future<Output = R> + Send + 'static) -> Task<R> {
        forte::ThreadPool::spawn(self, task)
    }
}

pub async fn spawn_many(
    spawner: impl Spawner,
    jobs: usize,
    job: impl Fn() + Copy + Send + Sync + 'static,
) {
    let tasks = Vec::from_iter((0..jobs).map(|_| spawner.spawn(async move { job() })));
    for task in tasks {
        task.await;
    }
}

pub async fn spawn_wait(spawner: impl Spawner, times: u64) -> u64 {
    let mut sum = 0;
    for n in 0..times {
        sum += spawner.spawn(async move { n }).await;
    }
    sum
}

pub async fn yields(spawner: impl Spawner, jobs: usize, each: usize) -> usize {
    let tasks = Vec::from_iter((0..jobs).map(|_| {
        spawner.spawn(async move {
            for _ in 0..each {
                yield_now().await;
            }
            each
        })
    }));
    let mut yields = 0;
    for task in tasks {
        yields += task.await;
    }
    yields
}

/// A channel for one value is an auto-reset event.
pub async fn pingpong(spawner: impl Spawner, trips: u64) -> u64 {
    let (ping, pinged) = bounded(1);
    let (pong, ponged) = bounded(1);
    let ball = Arc::new(Ball::default());
    let (one, other) = (Arc::clone(&ball), Arc::clone(&ball));
    let first = spawner.spawn(async move {
        for _ in 0..trips {
            pinged.recv().await.expect("the other sends");
            one.hit();
            pong.send(()).await.expect("the other receives");
        }
    });
    let second = spawner.spawn(async move {
        for _ in 0..trips {
            ping.send(()).await.expect("the other receives");
            ponged.recv().await.expect("the other sends");
            other.hit();
        }
    });
    zip(first, second).await;
    ball.hits()
}

pub async fn skynet(spawner: impl Spawner, leaves: u64) -> u64 {
    let (parent, sum) = bounded(1);
    node(spawner, parent, 0, leaves).await;
    sum.recv().await.expect("the root sends")
}

/// A recursive future needs a box.
fn node(
    spawner: impl Spawner,
    parent: Sender<u64>,
    first: u64,
    leaves: u64,
) -> Pin<Box<dyn Future<Output = ()> + Send>> {
    Box::pin(async move {
        let mut sum = first;
        if leaves > 1 {
            let (sender, children) = bounded(FAN_OUT as usize);
            let each = leaves / FAN_OUT;
            for child in 0..FAN_OUT {
                let child = node(spawner.clone(), sender.clone(), first + child * each, each);
                spawner.spawn(child).detach();
            }
            sum = 0;
            for _ in 0..FAN_OUT {
                sum += children.recv().await.expect("each child sends");
            }
        }
        parent.send(sum).await.expect("the parent receives");
    })
}

pub async fn long_job(mut job: LongJob) {
    while job.step() {
        yield_now().await;
    }
}

pub async fn wait_for_children(spawner: impl Spawner, scene: Arc<Scene>) {
    for _ in 0..scene.samples() {
        let child = Arc::clone(&scene);
        let child = spawner.spawn(async move { child.child() });
        scene.be_busy();
        child.await;
        scene.note();
    }
}
