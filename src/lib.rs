//! A job system on stackful fibers: a job that waits frees its worker, wherever in its call stack
//! it waits.
//!
//! A *job* is a closure. Thousands to a million of them share one worker thread per core. A job may
//! wait in the middle of any call depth, for other jobs, a [`Counter`], a [`Mutex`], a [`channel`], a
//! future, a moment; its worker goes on with other work meanwhile. A wait never runs an unrelated job on
//! the waiter's stack.
//!
//! ```
//! use rustfiber::{Context, JobSystem};
//!
//! fn sum(cx: &Context, data: &[u64]) -> u64 {
//!     if data.len() < 1024 {
//!         return data.iter().sum();
//!     }
//!     let (left, right) = data.split_at(data.len() / 2);
//!     let (a, b) = cx.join(|cx| sum(cx, left), |cx| sum(cx, right));
//!     a + b
//! }
//!
//! let jobs = JobSystem::new()?;
//! let data: Vec<u64> = (1..=100_000).collect();
//! assert_eq!(jobs.run(|cx| sum(cx, &data)), 5_000_050_000);
//! # Ok::<(), rustfiber::BuildError>(())
//! ```
//!
//! # Who waits is an argument
//! Everything that can wait takes its [`Waiter`] first: `counter.wait(cx)` in a job,
//! `counter.wait(Blocking)` on a plain thread. A [`Context`] is lent to each job, and can't be
//! stored or sent: that is what makes waiting sound.
//!
//! # Where to begin
//! - [`JobSystem::run`] from a plain thread, then [`Context::join`], [`Context::scope`],
//!   [`Context::spawn`] in jobs.
//! - [`Context::par_for`], [`Context::par_for_each`], [`Context::par_map_reduce`]: parallel loops, which
//!   cost little when they are short. [`Context::par_iter`]: the same as an iterator.
//! - [`Counter`]: wait for many jobs at once, or for anything else that is counted.
//! - [`Event`], [`channel`] and [`select`]: jobs that talk to each other. [`Mutex`], [`RwLock`], [`Condvar`],
//!   [`Semaphore`], [`Barrier`], [`OnceCell`], [`Lazy`]: jobs that share.
//! - [`Context::within`], [`Context::until`], [`Context::or_cancelled`]: waits that end early.
//! - [`Context::sleep`], [`Interval`]: time. [`Context::block_on`]: futures. [`Context::blocking`]: calls
//!   that block their thread.
//!
//! # Cargo features
//! - `tracing`: a span per job, with name and spawn location, and events for suspend, resume, steal
//!   and park. Both halves of a `join` belong to the span of the job that joins, unless another
//!   worker takes the right one.
//! - `migration`: the `unsafe` builder setting that lets started jobs go on on any worker.

mod primitive;
mod recall;
mod rng;
mod slots;
mod unwind;

mod stack;

mod fiber;

mod wait;

mod sched;

mod sync;

mod job;

mod builder;
mod error;
mod system;

pub use builder::Builder;
pub use error::{Blocked, BuildError, ShutdownError, Stall, Waiting};
pub use job::{
    JobBuilder, JobHandle, JobPanic, ParIter, Scope, ScopedJobHandle, SpawnError, WithGrain,
};
pub use sched::{Blocking, Context, Stats, WorkerStats};
pub use sync::{
    Barrier, BarrierWaitResult, CancelGuard, CancelToken, Case, Cases, Condvar, Counter,
    CounterFuture, CounterHold, Event, Interval, Lazy, Limited, Mutex, MutexGuard, OnceCell,
    RwLock, RwLockReadGuard, RwLockWriteGuard, Selected, Semaphore, SemaphorePermit, Tick, channel,
    select, try_select,
};
pub use system::{Handle, JobSystem};
pub use wait::{Interrupted, Waiter};

/// The README's example, and those of the guide, are tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
#[doc = include_str!("../docs/waiting.md")]
struct Readme;
