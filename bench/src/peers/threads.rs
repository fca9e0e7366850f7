//! Threads of the standard library, one per job: `thread::spawn` and `thread::scope`, and a
//! condition variable for an event, as in its documentation.

mod events;

use std::net::TcpListener;
use std::sync::Mutex;
use std::thread;

use super::{Each, Peer, Setup, thread_talk};
use crate::bench::Ability::{self, CoarseFork, Echo, Lock, Loop, PingPong, Run, SpawnWait};
use crate::divide::{Divide, Step};

pub struct Threads {
    workers: usize,
}

impl Peer for Threads {
    const NAME: &'static str = "threads";
    const CAN: &'static [Ability] = &[CoarseFork, Loop, SpawnWait, PingPong, Run, Lock, Echo];
    const BLOCKS_THREADS: bool = true;

    fn start(setup: Setup) -> Self {
        Self {
            workers: setup.workers,
        }
    }

    fn fork<D: Divide>(&self, problem: D) -> D::Out {
        solve(problem)
    }

    fn run(&self, n: u64) -> u64 {
        thread::spawn(move || n).join().expect("no panic")
    }

    fn for_each<T: Send>(&self, times: usize, items: &mut [T], _chunk: usize, each: impl Each<T>) {
        let length = items.len().div_ceil(self.workers);
        for _ in 0..times {
            thread::scope(|s| {
                for (chunk, items) in items.chunks_mut(length).enumerate() {
                    let each = &each;
                    s.spawn(move || {
                        for (index, item) in items.iter_mut().enumerate() {
                            each(chunk * length + index, item);
                        }
                    });
                }
            });
        }
    }

    fn spawn_wait(&self, times: u64) -> u64 {
        (0..times).map(|n| self.run(n)).sum()
    }

    fn pingpong(&self, trips: u64) -> u64 {
        events::pingpong(trips)
    }

    fn count_locked(&self, jobs: usize, each: u64) -> u64 {
        let number = Mutex::new(0);
        thread_talk::count_locked(jobs, each, || *number.lock().unwrap() += 1);
        number.into_inner().unwrap()
    }

    fn echo(&self, listener: TcpListener, connections: usize) -> u64 {
        events::echo(listener, connections)
    }
}

fn solve<D: Divide>(problem: D) -> D::Out {
    match problem.divide() {
        Step::Leaf(out) => out,
        Step::Fork(left, right, carry) => {
            let (left, right) = thread::scope(|s| {
                let right = s.spawn(|| solve(right));
                (solve(left), right.join().expect("no panic"))
            });
            D::merge(carry, left, right)
        }
    }
}
