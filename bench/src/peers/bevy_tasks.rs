//! bevy_tasks: `TaskPool::scope` and `ParallelSliceMut`, as in its README and documentation. The
//! thread that calls `scope` helps; tasks that must leave that to the workers are spawned into the
//! pool.

use std::sync::Arc;

use bevy_tasks::{ParallelSliceMut, TaskPool, TaskPoolBuilder, block_on};

use super::executor_talk as talk;
use super::{Each, Peer, Setup};
use crate::bench::Ability::{self, *};
use crate::workloads::distraction::{LongJob, Scene};

pub struct BevyTasks(Arc<TaskPool>);

impl BevyTasks {
    fn block_on<R: Send + 'static, F: Future<Output = R> + Send + 'static>(
        &self,
        task: impl FnOnce(Arc<TaskPool>) -> F,
    ) -> R {
        block_on(self.0.spawn(task(Arc::clone(&self.0))))
    }
}

impl Peer for BevyTasks {
    const NAME: &'static str = "bevy_tasks";
    const CAN: &'static [Ability] = &[
        Loop, Spawn, SpawnMillion, Scope, SpawnWait, Yield, PingPong, Skynet, Distraction, Run, StartUp,
    ];

    fn start(setup: Setup) -> Self {
        let pool = TaskPoolBuilder::new().num_threads(setup.workers).build();
        Self(Arc::new(pool))
    }

    fn run(&self, n: u64) -> u64 {
        self.block_on(|_| async move { n })
    }

    /// One chunk per thread.
    fn for_each<T: Send>(&self, times: usize, mut items: &mut [T], _chunk: usize, each: impl Each<T>) {
        let length = (items.len() / self.0.thread_num()).max(1);
        for _ in 0..times {
            items.par_splat_map_mut(&self.0, None, |chunk, items| {
                for (index, item) in items.iter_mut().enumerate() {
                    each(chunk * length + index, item);
                }
            });
        }
    }

    fn spawn_many(&self, jobs: usize, job: impl Fn() + Copy + Send + Sync + 'static) {
        self.block_on(|pool| talk::spawn_many(pool, jobs, job));
    }

    fn scopes<R: Send>(&self, times: usize, jobs: usize, job: impl Fn() -> R + Copy + Send + Sync) {
        for _ in 0..times {
            self.0.scope(|s| {
                for _ in 0..jobs {
                    s.spawn(async move { drop(job()) });
                }
            });
        }
    }

    fn spawn_wait(&self, times: u64) -> u64 {
        self.block_on(|pool| talk::spawn_wait(pool, times))
    }

    fn yields(&self, jobs: usize, each: usize) -> usize {
        self.block_on(|pool| talk::yields(pool, jobs, each))
    }

    fn pingpong(&self, trips: u64) -> u64 {
        self.block_on(|pool| talk::pingpong(pool, trips))
    }

    fn skynet(&self, leaves: u64) -> u64 {
        self.block_on(|pool| talk::skynet(pool, leaves))
    }

    fn queue_long_job(&self, job: LongJob) {
        self.0.spawn(talk::long_job(job)).detach();
    }

    fn wait_for_children(&self, scene: &Arc<Scene>) {
        self.block_on(|pool| talk::wait_for_children(pool, Arc::clone(scene)));
    }
}
