//! Forte: a static pool and a worker passed down, as in its README; loops by joining halves, as in
//! its own benches; futures where a job must wait. The calling thread is one of the workers, except
//! where a job is handed over to them.

mod recursion;

use std::sync::Arc;

use forte::{ThreadPool, Worker};

use super::executor_talk as talk;
use super::{Each, Peer, Setup};
use crate::bench::Ability::{self, *};
use crate::divide::Divide;
use crate::workloads::distraction::{LongJob, Scene};

static POOL: ThreadPool = ThreadPool::new();

pub struct Forte;

impl Forte {
    fn block_on<R: Send>(&self, task: impl Future<Output = R> + Send) -> R {
        POOL.with_worker(|worker| worker.block_on(task))
    }
}

impl Peer for Forte {
    const NAME: &'static str = "forte";
    const CAN: &'static [Ability] = &[
        Fork, CoarseFork, Loop, Spawn, SpawnMillion, Scope, SpawnWait, Yield, PingPong, Skynet, Distraction, Run, StartUp,
    ];

    fn start(setup: Setup) -> Self {
        POOL.resize_to(setup.workers - usize::from(setup.caller_works));
        Self
    }

    fn fork<D: Divide>(&self, problem: D) -> D::Out {
        POOL.with_worker(|worker| recursion::solve(worker, problem))
    }

    fn run(&self, n: u64) -> u64 {
        POOL.block_on(POOL.spawn(async move { n }))
    }

    fn for_each<T: Send>(&self, times: usize, items: &mut [T], chunk: usize, each: impl Each<T>) {
        POOL.with_worker(|worker| {
            for _ in 0..times {
                recursion::halve(worker, 0, items, chunk, &each);
            }
        });
    }

    fn spawn_many(&self, jobs: usize, job: impl Fn() + Copy + Send + Sync + 'static) {
        self.scopes(1, jobs, job);
    }

    fn scopes<R: Send>(&self, times: usize, jobs: usize, job: impl Fn() -> R + Copy + Send + Sync) {
        POOL.with_worker(|worker| {
            for _ in 0..times {
                worker.scope(|scope| {
                    for _ in 0..jobs {
                        scope.spawn(move |_: &Worker| drop(job()));
                    }
                });
            }
        });
    }

    fn spawn_wait(&self, times: u64) -> u64 {
        let child = |worker: &Worker, n| worker.block_on(worker.spawn(async move { n }));
        POOL.with_worker(|worker| (0..times).map(|n| child(worker, n)).sum())
    }

    fn yields(&self, jobs: usize, each: usize) -> usize {
        self.block_on(talk::yields(&POOL, jobs, each))
    }

    fn pingpong(&self, trips: u64) -> u64 {
        self.block_on(talk::pingpong(&POOL, trips))
    }

    fn skynet(&self, leaves: u64) -> u64 {
        self.block_on(talk::skynet(&POOL, leaves))
    }

    fn queue_long_job(&self, mut job: LongJob) {
        POOL.spawn(move |_: &Worker| while job.step() {});
    }

    fn wait_for_children(&self, scene: &Arc<Scene>) {
        POOL.with_worker(|worker| {
            for _ in 0..scene.samples() {
                worker.scope(|scope| {
                    scope.spawn(|_: &Worker| scene.child());
                    scene.be_busy();
                });
                scene.note();
            }
        });
    }
}

impl Drop for Forte {
    fn drop(&mut self) {
        POOL.depopulate();
    }
}
