//! async-executor: threads that run one executor until a channel closes, as in the documentation of
//! `Executor`; tasks in a `Vec`, awaited one after the other, as in its benches. Where tasks wait
//! for `async_io`, its `block_on` drives the threads, as in smol.

mod channels;
mod events;

use std::net::TcpListener;
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use async_channel::Sender;
use async_executor::Executor;
use futures_lite::future;

use super::executor_talk as talk;
use super::{Peer, Setup};
use crate::bench::Ability::{self, *};
use crate::workloads::channels::{Tally, Traffic};
use crate::workloads::distraction::{LongJob, Scene};
use crate::workloads::sleep_100k::Lengths;

pub struct AsyncExecutor {
    executor: Arc<Executor<'static>>,
    shutdown: Sender<()>,
    threads: Vec<JoinHandle<()>>,
}

impl AsyncExecutor {
    fn block_on<R: Send + 'static, F: Future<Output = R> + Send + 'static>(
        &self,
        task: impl FnOnce(Arc<Executor<'static>>) -> F,
    ) -> R {
        let task = self.executor.spawn(task(Arc::clone(&self.executor)));
        future::block_on(task)
    }
}

impl Peer for AsyncExecutor {
    const NAME: &'static str = "async-executor";
    const CAN: &'static [Ability] = &[
        Spawn, SpawnMillion, SpawnWait, Yield, PingPong, Skynet, Distraction, Run, StartUp, Channels, Sleep, Echo,
    ];

    fn start(setup: Setup) -> Self {
        let executor = Arc::new(Executor::new());
        let (shutdown, over) = async_channel::unbounded::<()>();
        let threads = (0..setup.workers).map(|_| {
            let (executor, over) = (Arc::clone(&executor), over.clone());
            thread::spawn(move || {
                let run = executor.run(over.recv());
                // An error says that the channel is closed.
                let _ = if setup.waits_for_events {
                    async_io::block_on(run)
                } else {
                    future::block_on(run)
                };
            })
        });
        Self {
            threads: threads.collect(),
            executor,
            shutdown,
        }
    }

    fn run(&self, n: u64) -> u64 {
        self.block_on(|_| async move { n })
    }

    fn spawn_many(&self, jobs: usize, job: impl Fn() + Copy + Send + Sync + 'static) {
        self.block_on(|executor| talk::spawn_many(executor, jobs, job));
    }

    fn spawn_wait(&self, times: u64) -> u64 {
        self.block_on(|executor| talk::spawn_wait(executor, times))
    }

    fn yields(&self, jobs: usize, each: usize) -> usize {
        self.block_on(|executor| talk::yields(executor, jobs, each))
    }

    fn pingpong(&self, trips: u64) -> u64 {
        self.block_on(|executor| talk::pingpong(executor, trips))
    }

    fn skynet(&self, leaves: u64) -> u64 {
        self.block_on(|executor| talk::skynet(executor, leaves))
    }

    fn send_back(&self, trips: u64) -> Tally {
        self.block_on(|executor| channels::send_back(executor, trips))
    }

    fn stream(&self, traffic: Traffic) -> Tally {
        self.block_on(|executor| channels::stream(executor, traffic))
    }

    fn sleep(&self, jobs: usize, lengths: Lengths, woken: impl Fn(usize) + Copy + Send + Sync + 'static) {
        self.block_on(|executor| events::sleep(executor, jobs, lengths, woken));
    }

    fn echo(&self, listener: TcpListener, connections: usize) -> u64 {
        self.block_on(|executor| events::echo(executor, listener, connections))
    }

    fn queue_long_job(&self, job: LongJob) {
        self.executor.spawn(talk::long_job(job)).detach();
    }

    fn wait_for_children(&self, scene: &Arc<Scene>) {
        self.block_on(|executor| talk::wait_for_children(executor, Arc::clone(scene)));
    }
}

impl Drop for AsyncExecutor {
    fn drop(&mut self) {
        self.shutdown.close();
        for thread in self.threads.drain(..) {
            thread.join().expect("no panic");
        }
    }
}
