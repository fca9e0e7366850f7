//! tokio: the multi-threaded runtime, tasks awaited by their handles, as in the documentation of
//! `tokio::task::spawn`.

mod talk;

use std::sync::Arc;

use tokio::runtime::{Builder, Runtime};

use super::{Peer, Setup};
use crate::bench::Ability::{self, *};
use crate::workloads::distraction::{LongJob, Scene};

pub struct Tokio(Runtime);

impl Tokio {
    /// Runs a task on a worker: `block_on` alone would stay on this thread.
    fn on_a_worker<R: Send + 'static>(&self, task: impl Future<Output = R> + Send + 'static) -> R {
        self.0.block_on(self.0.spawn(task)).expect("no panic")
    }
}

impl Peer for Tokio {
    const NAME: &'static str = "tokio";
    const CAN: &'static [Ability] = &[
        Spawn, SpawnMillion, SpawnWait, Yield, PingPong, Skynet, Distraction, Run, StartUp,
    ];

    fn start(setup: Setup) -> Self {
        let runtime = Builder::new_multi_thread().worker_threads(setup.workers).build();
        Self(runtime.expect("a runtime starts"))
    }

    fn run<R: Send + 'static>(&self, job: impl FnOnce() -> R + Send + 'static) -> R {
        self.on_a_worker(async { job() })
    }

    fn spawn_many(&self, jobs: usize, job: impl Fn() + Copy + Send + Sync + 'static) {
        self.on_a_worker(async move {
            let tasks = Vec::from_iter((0..jobs).map(|_| tokio::spawn(async move { job() })));
            for task in tasks {
                task.await.expect("no panic");
            }
        });
    }

    fn spawn_wait(&self, times: u64) -> u64 {
        self.on_a_worker(async move {
            let mut sum = 0;
            for n in 0..times {
                sum += tokio::spawn(async move { n }).await.expect("no panic");
            }
            sum
        })
    }

    fn yields(&self, jobs: usize, each: usize) -> usize {
        self.on_a_worker(talk::yields(jobs, each))
    }

    fn pingpong(&self, trips: u64) -> u64 {
        self.on_a_worker(talk::pingpong(trips))
    }

    fn skynet(&self, leaves: u64) -> u64 {
        self.on_a_worker(talk::skynet(leaves))
    }

    fn queue_long_job(&self, mut job: LongJob) {
        self.0.spawn(async move {
            while job.step() {
                tokio::task::yield_now().await;
            }
        });
    }

    fn wait_for_children(&self, scene: &Arc<Scene>) {
        self.on_a_worker(talk::wait_for_children(Arc::clone(scene)));
    }
}
