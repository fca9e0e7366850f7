//! may: coroutines by `go!`, joined by their handles, as in its examples `spawn` and `scoped`.
//!
//! It has one scheduler per process, which never ends. Each coroutine takes two mappings, so a
//! process has room for 32,750 of them: too few for 100,000 sleepers and for a million at a time, and for skynet, whose
//! coroutines it starts oldest first.

mod channels;
mod echo;
mod locks;
mod talk;

use std::net::TcpListener;
use std::sync::Arc;

use may::go;

use super::{Peer, Setup};
use crate::bench::Ability::{self, *};
use crate::workloads::channels::{Tally, Traffic};
use crate::workloads::distraction::{LongJob, Scene};

pub struct May;

/// Runs a coroutine, and waits for it.
fn go_and_join<R: Send + 'static>(job: impl FnOnce() -> R + Send + 'static) -> R {
    go!(job).join().expect("no panic")
}

impl Peer for May {
    const NAME: &'static str = "may";
    const CAN: &'static [Ability] = &[
        Spawn, Scope, SpawnWait, Yield, PingPong, Distraction, Run, Lock, Channels, Echo,
    ];

    fn start(setup: Setup) -> Self {
        may::config().set_workers(setup.workers);
        Self
    }

    fn run(&self, n: u64) -> u64 {
        go_and_join(move || n)
    }

    fn spawn_many(&self, jobs: usize, job: impl Fn() + Copy + Send + Sync + 'static) {
        go_and_join(move || {
            let handles = Vec::from_iter((0..jobs).map(|_| go!(job)));
            for handle in handles {
                handle.join().expect("no panic");
            }
        });
    }

    fn scopes<R: Send>(&self, times: usize, jobs: usize, job: impl Fn() -> R + Copy + Send + Sync) {
        for _ in 0..times {
            may::coroutine::scope(|s| {
                for _ in 0..jobs {
                    go!(s, move || drop(job()));
                }
            });
        }
    }

    fn spawn_wait(&self, times: u64) -> u64 {
        let child = |n| go_and_join(move || n);
        go_and_join(move || (0..times).map(child).sum())
    }

    fn yields(&self, jobs: usize, each: usize) -> usize {
        talk::yields(jobs, each)
    }

    fn pingpong(&self, trips: u64) -> u64 {
        talk::pingpong(trips)
    }

    fn count_locked(&self, jobs: usize, each: u64) -> u64 {
        locks::count_locked(jobs, each)
    }

    fn send_back(&self, trips: u64) -> Tally {
        channels::send_back(trips)
    }

    fn stream(&self, traffic: Traffic) -> Tally {
        channels::stream(traffic)
    }

    fn echo(&self, listener: TcpListener, connections: usize) -> u64 {
        echo::echo(listener, connections)
    }

    fn queue_long_job(&self, mut job: LongJob) {
        go!(move || while job.step() {
            may::coroutine::yield_now();
        });
    }

    fn wait_for_children(&self, scene: &Arc<Scene>) {
        let scene = Arc::clone(scene);
        go_and_join(move || {
            for _ in 0..scene.samples() {
                let child = Arc::clone(&scene);
                let child = go!(move || child.child());
                scene.be_busy();
                child.join().expect("no panic");
                scene.note();
            }
        });
    }
}
