//! Everything at once, by a random number generator with a fixed seed: what each job does is known,
//! when it happens is not.
#![forbid(unsafe_code)]

mod common;

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier};

use common::{build, watch};
use rustfiber::{Blocking, Context, Counter, Event, JobHandle, JobSystem};

/// A xorshift generator: the jobs' decisions.
struct Random(u64);

impl Random {
    fn new(seed: u64) -> Self {
        Self(seed | 1)
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    /// Lets some time go by.
    fn think(&mut self) {
        match self.below(40) {
            0 => std::thread::yield_now(),
            _ => (0..self.below(200)).for_each(|_| std::hint::spin_loop()),
        }
    }
}

/// Tokens that have been made and not dropped.
static LIVE: AtomicUsize = AtomicUsize::new(0);

/// Something that must be dropped once.
struct Token(Box<u8>);

impl Token {
    fn new() -> Self {
        LIVE.fetch_add(1, Ordering::Relaxed);
        Self(Box::new(7))
    }
}

impl Drop for Token {
    fn drop(&mut self) {
        assert_eq!(std::mem::take(&mut *self.0), 7);
        LIVE.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Counts the leaves of a tree of jobs that are started in every way there is.
fn leaves(cx: &Context<'_>, depth: u64, seed: u64) -> u64 {
    let mut random = Random::new(seed);
    random.think();
    let Some(depth) = depth.checked_sub(1) else {
        if random.below(8) == 0 {
            cx.yield_now();
        }
        return 1;
    };
    let token = Token::new();
    let (left, right) = (random.next(), random.next());
    match random.below(6) {
        0 => {
            let handle = cx.spawn(move |cx| {
                let _token = &token;
                leaves(cx, depth, left)
            });
            leaves(cx, depth, right) + handle.join(cx).unwrap()
        }
        1 => cx.scope(|s| {
            let handle = s.spawn(|cx| leaves(cx, depth, left));
            s.spawn(move |_| drop(token));
            leaves(cx, depth, right) + handle.join(cx).unwrap()
        }),
        2 => {
            drop(cx.spawn(move |_| token));
            let counter = Counter::new();
            let first = cx.spawn_counted(&counter, move |cx| leaves(cx, depth, left));
            let second = cx.then(&counter, move |cx| leaves(cx, depth, right));
            first.join(cx).unwrap() + second.join(cx).unwrap()
        }
        3 => {
            let both = || {
                cx.join(
                    |cx| {
                        leaves(cx, depth, left);
                        resume_unwind(Box::new(token))
                    },
                    |cx| {
                        leaves(cx, depth, right);
                        if right % 2 == 0 {
                            resume_unwind(Box::new(Token::new()));
                        }
                        Token::new()
                    },
                )
            };
            let panicked = catch_unwind(AssertUnwindSafe(both)).map(|((), _)| ());
            assert!(panicked.unwrap_err().is::<Token>());
            2 << depth
        }
        _ => {
            // Larger than any slot.
            let large = [left; 64];
            let (left, right) = cx.join(
                move |cx| {
                    let _token = token;
                    leaves(cx, depth, large[5])
                },
                |cx| leaves(cx, depth, right),
            );
            left + right
        }
    }
}

/// Meets all the others in the leaves of a random tree.
fn meet(cx: &Context<'_>, parties: u64, barrier: &Barrier, seed: u64) {
    let mut random = Random::new(seed);
    random.think();
    if parties == 1 {
        barrier.wait();
        return;
    }
    let some = 1 + random.below(parties - 1);
    let (left, right) = (random.next(), random.next());
    if random.below(2) == 0 {
        cx.join(
            |cx| meet(cx, some, barrier, left),
            |cx| meet(cx, parties - some, barrier, right),
        );
    } else {
        cx.scope(|s| {
            s.spawn(|cx| meet(cx, some, barrier, left));
            let handle = s.spawn(|cx| meet(cx, parties - some, barrier, right));
            if left % 2 == 0 {
                handle.join(cx).unwrap();
            }
        });
    }
}

/// Jobs from outside; some handles are kept.
fn from_outside(jobs: &JobSystem, random: &mut Random, kept: &mut Vec<JobHandle<Token>>) {
    let (depth, seed) = (random.below(6), random.next());
    let handle = jobs.spawn(move |cx| {
        leaves(cx, depth, seed);
        Token::new()
    });
    match seed % 3 {
        0 => kept.push(handle),
        1 => drop(handle.join(Blocking).unwrap()),
        _ => drop(handle),
    }
}

#[test]
fn nothing_is_lost_and_nothing_hangs() {
    let _watchdog = watch();
    for workers in [1, 2, 3, 8, 64] {
        let mut random = Random::new(0x9E37_79B9_7F4A_7C15 ^ workers);
        for system in 0..30 {
            let builder = JobSystem::builder().workers(workers as usize);
            let jobs = build(builder.on_panic(|_| ()).on_stall(|stall| panic!("{stall}")));
            let mut kept = Vec::new();
            for _ in 0..50 {
                let (depth, seed) = (random.below(7), random.next());
                match random.below(3) {
                    0 => jobs.run(|cx| meet(cx, workers, &Barrier::new(workers as usize), seed)),
                    1 => assert_eq!(jobs.run(|cx| leaves(cx, depth, seed)), 1 << depth),
                    _ => from_outside(&jobs, &mut random, &mut kept),
                }
            }
            // Handles outlive their system, and may be dropped on another thread.
            if system % 2 == 0 {
                drop(jobs);
                drop(kept);
            } else {
                let dropper = std::thread::spawn(move || drop(kept));
                drop(jobs);
                dropper.join().unwrap();
            }
            assert_eq!(LIVE.load(Ordering::Relaxed), 0, "of {workers} workers");
        }
    }
}

/// When all jobs have ended, every worker has a fiber again, wherever the fibers have been.
#[test]
fn at_the_limit_every_worker_can_run_a_job_in_the_end() {
    let _watchdog = watch();
    let mut random = Random::new(3);
    for workers in [2, 4, 8] {
        for _ in 0..100 {
            let builder = JobSystem::builder().workers(workers);
            let jobs = build(builder.max_fibers(workers + 1).on_stall(|_| ()));
            let events = Vec::from_iter((0..workers * 3).map(|_| Arc::new(Event::manual())));
            let counter = Counter::new();
            for event in &events {
                let (event, seed) = (Arc::clone(event), random.next());
                jobs.job().counter(&counter).spawn(move |cx| {
                    Random::new(seed).think();
                    event.wait(cx);
                    Random::new(seed).think();
                });
            }
            for event in events {
                random.think();
                event.set();
            }
            counter.wait(Blocking);
            let all = Arc::new(Barrier::new(workers));
            for _ in 0..workers {
                let all = Arc::clone(&all);
                jobs.job().counter(&counter).spawn(move |_| _ = all.wait());
            }
            counter.wait(Blocking);
        }
    }
}
