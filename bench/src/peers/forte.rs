//! Forte: a static pool and a worker passed down, as in its README; loops by joining halves, as in
//! its own benches; futures where a job must wait. The calling thread is one of the
//! workers, except where a job is handed over to them.

mod recursion;
mod talk;

use std::sync::Arc;

use forte::{ThreadPool, Worker};

use super::{Peer, Setup};
use crate::bench::Ability::{self, *};
use crate::divide::Divide;
use crate::workloads::distraction::{LongJob, Scene};

static POOL: ThreadPool = ThreadPool::new();

pub struct Forte;

impl Peer for Forte {
    const NAME: &'static str = "forte";
    const CAN: &'static [Ability] = &[
        Fork, CoarseFork, Loop, Spawn, SpawnMillion, Scope, SpawnWait, Yield, PingPong, Distraction, Run, StartUp,
    ];

    fn start(setup: Setup) -> Self {
        POOL.resize_to(setup.workers - usize::from(setup.caller_works));
        Self
    }

    fn fork<D: Divide>(&self, problem: D) -> D::Out {
        POOL.with_worker(|worker| recursion::solve(worker, problem))
    }

    fn run<R: Send + 'static>(&self, job: impl FnOnce() -> R + Send + 'static) -> R {
        POOL.block_on(POOL.spawn(async { job() }))
    }

    fn for_each<T: Send>(
        &self,
        times: usize,
        items: &mut [T],
        chunk: usize,
        each: impl Fn(usize, &mut T) + Send + Sync,
    ) {
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
        talk::yields(&POOL, jobs, each)
    }

    fn pingpong(&self, trips: u64) -> u64 {
        talk::pingpong(&POOL, trips)
    }

    fn queue_long_job(&self, mut job: LongJob) {
        POOL.spawn(move |_: &Worker| while job.step() {});
    }

    fn wait_for_children(&self, scene: &Arc<Scene>) {
        talk::wait_for_children(&POOL, scene);
    }
}

impl Drop for Forte {
    fn drop(&mut self) {
        POOL.depopulate();
    }
}
