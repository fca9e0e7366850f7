//! rustfiber, as its README and its documentation use it.

mod channels;
mod events;
mod locks;
mod talk;

use std::net::TcpListener;
use std::sync::Arc;

use rustfiber::{Context, Counter, JobSystem};

use super::{Each, Peer, Setup};
use crate::bench::Ability::{self, *};
use crate::divide::{Divide, Step};
use crate::workloads::channels::{Tally, Traffic};
use crate::workloads::distraction::{LongJob, Scene};
use crate::workloads::sleep_100k::Lengths;

pub struct Rustfiber(JobSystem);

impl Peer for Rustfiber {
    const NAME: &'static str = "rustfiber";
    const CAN: &'static [Ability] = &[
        Fork, CoarseFork, Loop, Spawn, SpawnMillion, Scope, SpawnWait, Yield, PingPong, Skynet, Distraction, Run,
        StartUp, Lock, Channels, Sleep, Echo,
    ];

    fn start(setup: Setup) -> Self {
        let mut builder = JobSystem::builder().workers(setup.workers);
        if let Some(bytes) = setup.stack {
            builder = builder.stack_size(bytes);
        }
        Self(builder.build().expect("a job system starts"))
    }

    fn fork<D: Divide>(&self, problem: D) -> D::Out {
        self.0.run(|cx| solve(cx, problem))
    }

    fn run(&self, n: u64) -> u64 {
        self.0.run(|_| n)
    }

    fn for_each<T: Send>(&self, times: usize, items: &mut [T], _chunk: usize, each: impl Each<T>) {
        self.0.run(|cx| {
            for _ in 0..times {
                cx.par_for_each(items, |_, index, item| each(index, item));
            }
        });
    }

    fn spawn_many(&self, jobs: usize, job: impl Fn() + Copy + Send + Sync + 'static) {
        self.0.run(|cx| {
            let counter = Counter::new();
            for _ in 0..jobs {
                cx.spawn_counted(&counter, move |_| job());
            }
            counter.wait(cx);
        });
    }

    fn scopes<R: Send>(&self, times: usize, jobs: usize, job: impl Fn() -> R + Copy + Send + Sync) {
        self.0.run(|cx| {
            for _ in 0..times {
                cx.scope(|s| {
                    for _ in 0..jobs {
                        s.spawn(move |_| job());
                    }
                });
            }
        });
    }

    fn spawn_wait(&self, times: u64) -> u64 {
        let child = |cx: &Context, n| cx.spawn(move |_| n).join(cx).expect("no panic");
        self.0.run(|cx| (0..times).map(|n| child(cx, n)).sum())
    }

    fn yields(&self, jobs: usize, each: usize) -> usize {
        talk::yields(&self.0, jobs, each)
    }

    fn pingpong(&self, trips: u64) -> u64 {
        talk::pingpong(&self.0, trips)
    }

    fn skynet(&self, leaves: u64) -> u64 {
        talk::skynet(&self.0, leaves)
    }

    fn count_locked(&self, jobs: usize, each: u64) -> u64 {
        locks::count_locked(&self.0, jobs, each)
    }

    fn send_back(&self, trips: u64) -> Tally {
        channels::send_back(&self.0, trips)
    }

    fn stream(&self, traffic: Traffic) -> Tally {
        channels::stream(&self.0, traffic)
    }

    fn sleep(&self, jobs: usize, lengths: Lengths, woken: impl Fn(usize) + Copy + Send + Sync + 'static) {
        events::sleep(&self.0, jobs, lengths, woken);
    }

    fn echo(&self, listener: TcpListener, connections: usize) -> u64 {
        events::echo(&self.0, listener, connections)
    }

    fn queue_long_job(&self, job: LongJob) {
        talk::queue_long_job(&self.0, job);
    }

    fn wait_for_children(&self, scene: &Arc<Scene>) {
        talk::wait_for_children(&self.0, scene);
    }
}

fn solve<D: Divide>(cx: &Context, problem: D) -> D::Out {
    match problem.divide() {
        Step::Leaf(out) => out,
        Step::Fork(left, right, carry) => {
            let (left, right) = cx.join(|cx| solve(cx, left), |cx| solve(cx, right));
            D::merge(carry, left, right)
        }
    }
}
