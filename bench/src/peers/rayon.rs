//! rayon: a pool of its own, `join`, `scope` and parallel iterators, as the documentation of
//! `ThreadPool::install` and of each of these shows.

use std::sync::Arc;

use rayon::iter::{IndexedParallelIterator, IntoParallelRefMutIterator, ParallelIterator};
use rayon::{ThreadPool, ThreadPoolBuilder};

use super::{Each, Peer, Setup};
use crate::bench::Ability::{self, *};
use crate::divide::{Divide, Step};
use crate::workloads::distraction::{LongJob, Scene};

pub struct Rayon(ThreadPool);

impl Peer for Rayon {
    const NAME: &'static str = "rayon";
    const CAN: &'static [Ability] = &[
        Fork, CoarseFork, Loop, Spawn, SpawnMillion, Scope, SpawnWait, Distraction, Run, StartUp,
    ];

    fn start(setup: Setup) -> Self {
        let pool = ThreadPoolBuilder::new().num_threads(setup.workers);
        Self(pool.build().expect("a thread pool starts"))
    }

    fn fork<D: Divide>(&self, problem: D) -> D::Out {
        self.0.install(|| solve(problem))
    }

    fn run(&self, n: u64) -> u64 {
        self.0.install(|| n)
    }

    fn for_each<T: Send>(&self, times: usize, items: &mut [T], _chunk: usize, each: impl Each<T>) {
        self.0.install(|| {
            for _ in 0..times {
                let items = items.par_iter_mut().enumerate();
                items.for_each(|(index, item)| each(index, item));
            }
        });
    }

    fn spawn_many(&self, jobs: usize, job: impl Fn() + Copy + Send + Sync + 'static) {
        self.scopes(1, jobs, job);
    }

    fn scopes<R: Send>(&self, times: usize, jobs: usize, job: impl Fn() -> R + Copy + Send + Sync) {
        self.0.install(|| {
            for _ in 0..times {
                rayon::scope(|s| {
                    for _ in 0..jobs {
                        s.spawn(move |_| drop(job()));
                    }
                });
            }
        });
    }

    fn spawn_wait(&self, times: u64) -> u64 {
        let child = |n| {
            let mut result = 0;
            rayon::scope(|s| s.spawn(|_| result = n));
            result
        };
        self.0.install(|| (0..times).map(child).sum())
    }

    fn queue_long_job(&self, mut job: LongJob) {
        self.0.spawn(move || while job.step() {});
    }

    fn wait_for_children(&self, scene: &Arc<Scene>) {
        self.0.install(|| {
            for _ in 0..scene.samples() {
                rayon::scope(|s| {
                    s.spawn(|_| scene.child());
                    scene.be_busy();
                });
                scene.note();
            }
        });
    }
}

fn solve<D: Divide>(problem: D) -> D::Out {
    match problem.divide() {
        Step::Leaf(out) => out,
        Step::Fork(left, right, carry) => {
            let (left, right) = rayon::join(|| solve(left), || solve(right));
            D::merge(carry, left, right)
        }
    }
}
