//! tokio: the multi-threaded runtime, tasks awaited by their handles, as in the documentation of
//! `tokio::task::spawn`.

mod channels;
mod events;
mod locks;
mod talk;

use std::net::TcpListener;
use std::sync::Arc;

use tokio::runtime::{Builder, Runtime};

use super::{Peer, Setup};
use crate::bench::Ability::{self, *};
use crate::workloads::channels::{Tally, Traffic};
use crate::workloads::distraction::{LongJob, Scene};
use crate::workloads::sleep_100k::Lengths;

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
        Spawn, SpawnMillion, SpawnWait, Yield, PingPong, Skynet, Distraction, Run, StartUp, Lock, Channels, Sleep,
        Echo,
    ];

    fn start(setup: Setup) -> Self {
        let mut builder = Builder::new_multi_thread();
        builder.worker_threads(setup.workers);
        if setup.waits_for_events {
            builder.enable_all();
        }
        Self(builder.build().expect("a runtime starts"))
    }

    fn run(&self, n: u64) -> u64 {
        self.on_a_worker(async move { n })
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

    fn count_locked(&self, jobs: usize, each: u64) -> u64 {
        self.on_a_worker(locks::count_locked(jobs, each))
    }

    fn send_back(&self, trips: u64) -> Tally {
        self.on_a_worker(channels::send_back(trips))
    }

    fn stream(&self, traffic: Traffic) -> Tally {
        self.on_a_worker(channels::stream(traffic))
    }

    fn sleep(&self, jobs: usize, lengths: Lengths, woken: impl Fn(usize) + Copy + Send + Sync + 'static) {
        self.on_a_worker(events::sleep(jobs, lengths, woken));
    }

    fn echo(&self, listener: TcpListener, connections: usize) -> u64 {
        self.on_a_worker(events::echo(listener, connections))
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
