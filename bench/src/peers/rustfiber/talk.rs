//! rustfiber's jobs that yield, and that wait for each other.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rustfiber::{Context, Event, JobSystem, channel};

use crate::workloads::distraction::{LongJob, Scene};
use crate::workloads::pingpong::Ball;
use crate::workloads::skynet::FAN_OUT;

pub fn yields(system: &JobSystem, jobs: usize, each: usize) -> usize {
    let yields = AtomicUsize::new(0);
    system.run(|cx| {
        cx.scope(|s| {
            for _ in 0..jobs {
                s.spawn(|cx| {
                    for _ in 0..each {
                        cx.yield_now();
                    }
                    yields.fetch_add(each, Ordering::Relaxed);
                });
            }
        });
    });
    yields.into_inner()
}

pub fn pingpong(system: &JobSystem, trips: u64) -> u64 {
    let (ping, pong, ball) = (Event::auto(), Event::auto(), Ball::default());
    system.run(|cx| {
        cx.scope(|s| {
            s.spawn(|cx| {
                for _ in 0..trips {
                    ping.wait(cx);
                    ball.hit();
                    pong.set();
                }
            });
            s.spawn(|cx| {
                for _ in 0..trips {
                    ping.set();
                    pong.wait(cx);
                    ball.hit();
                }
            });
        });
    });
    ball.hits()
}

pub fn skynet(system: &JobSystem, leaves: u64) -> u64 {
    system.run(|cx| {
        let (parent, sum) = channel::bounded(1);
        node(cx, &parent, 0, leaves);
        sum.recv(cx).expect("the root sends")
    })
}

fn node(cx: &Context, parent: &channel::Sender<u64>, first: u64, leaves: u64) {
    if leaves == 1 {
        return parent.send(cx, first).expect("the parent receives");
    }
    let (sender, children) = channel::bounded(FAN_OUT as usize);
    let each = leaves / FAN_OUT;
    for child in 0..FAN_OUT {
        let sender = sender.clone();
        cx.spawn(move |cx| node(cx, &sender, first + child * each, each));
    }
    let number = |_| children.recv(cx).expect("each child sends");
    let sum = (0..FAN_OUT).map(number).sum();
    parent.send(cx, sum).expect("the parent receives");
}

/// Asks whether others wait, as the README says to.
pub fn queue_long_job(system: &JobSystem, mut job: LongJob) {
    system.spawn(move |cx| {
        while job.step() {
            if cx.should_yield() {
                cx.yield_now();
            }
        }
    });
}

pub fn wait_for_children(system: &JobSystem, scene: &Arc<Scene>) {
    system.run(|cx| {
        for _ in 0..scene.samples() {
            cx.scope(|s| {
                let child = s.spawn(|_| scene.child());
                scene.be_busy();
                child.join(cx).expect("no panic");
                scene.note();
            });
        }
    });
}
