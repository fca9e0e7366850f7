//! may's coroutines that yield, and that wait for each other.

use std::sync::Arc;

use may::coroutine::yield_now;
use may::go;
use may::sync::Semphore;

use crate::workloads::pingpong::Ball;

pub fn yields(jobs: usize, each: usize) -> usize {
    let job = move || {
        for _ in 0..each {
            yield_now();
        }
        each
    };
    let all = go!(move || {
        let handles = Vec::from_iter((0..jobs).map(|_| go!(job)));
        let yields = handles.into_iter().map(|handle| handle.join().expect("no panic"));
        yields.sum()
    });
    all.join().expect("no panic")
}

/// A semaphore that is posted once at a time is an auto-reset event.
pub fn pingpong(trips: u64) -> u64 {
    let court = Arc::new((Semphore::new(0), Semphore::new(0), Ball::default()));
    let (one, other) = (Arc::clone(&court), Arc::clone(&court));
    let first = go!(move || {
        let (ping, pong, ball) = &*one;
        for _ in 0..trips {
            ping.wait();
            ball.hit();
            pong.post();
        }
    });
    let second = go!(move || {
        let (ping, pong, ball) = &*other;
        for _ in 0..trips {
            ping.post();
            pong.wait();
            ball.hit();
        }
    });
    first.join().expect("no panic");
    second.join().expect("no panic");
    court.2.hits()
}
