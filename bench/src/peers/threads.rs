//! Threads of the standard library, one per job: `thread::spawn` and `thread::scope`, and a
//! condition variable for an event, as in its documentation.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Condvar, Mutex};
use std::thread;

use super::{Each, Peer, Setup, thread_talk};
use crate::bench::Ability::{self, CoarseFork, Echo, Lock, Loop, PingPong, Run, SpawnWait};
use crate::divide::{Divide, Step};
use crate::workloads::echo::BUFFER;
use crate::workloads::pingpong::Ball;

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

    fn run<R: Send + 'static>(&self, job: impl FnOnce() -> R + Send + 'static) -> R {
        thread::spawn(job).join().expect("no panic")
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
        (0..times).map(|n| self.run(move || n)).sum()
    }

    fn pingpong(&self, trips: u64) -> u64 {
        let (ping, pong, ball) = (Event::default(), Event::default(), Ball::default());
        thread::scope(|s| {
            s.spawn(|| {
                for _ in 0..trips {
                    ping.wait();
                    ball.hit();
                    pong.set();
                }
            });
            for _ in 0..trips {
                ping.set();
                pong.wait();
                ball.hit();
            }
        });
        ball.hits()
    }

    fn count_locked(&self, jobs: usize, each: u64) -> u64 {
        let number = Mutex::new(0);
        thread_talk::count_locked(jobs, each, || *number.lock().unwrap() += 1);
        number.into_inner().unwrap()
    }

    fn echo(&self, listener: TcpListener, connections: usize) -> u64 {
        let threads = Vec::from_iter((0..connections).map(|_| {
            let (stream, _) = listener.accept().expect("a client connects");
            thread::spawn(move || serve(stream))
        }));
        let bytes = threads.into_iter().map(|thread| thread.join().expect("no panic"));
        bytes.sum()
    }
}

fn serve(mut stream: TcpStream) -> u64 {
    let (mut buffer, mut bytes) = ([0; BUFFER], 0);
    loop {
        match stream.read(&mut buffer).expect("the client writes") {
            0 => return bytes,
            n => {
                stream.write_all(&buffer[..n]).expect("the client reads");
                bytes += n as u64;
            }
        }
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

#[derive(Default)]
struct Event {
    is_set: Mutex<bool>,
    changed: Condvar,
}

impl Event {
    fn set(&self) {
        *self.is_set.lock().unwrap() = true;
        self.changed.notify_one();
    }

    fn wait(&self) {
        let is_set = self.is_set.lock().unwrap();
        *self.changed.wait_while(is_set, |is_set| !*is_set).unwrap() = false;
    }
}
