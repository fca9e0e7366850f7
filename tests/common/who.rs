//! Jobs and plain threads on the same terms: for tests that try every pairing of the two.
#![allow(dead_code)] // each test binary uses its part of it

use rustfiber::{Blocking, Context, JobHandle, JobSystem};

use crate::common::{WORKERS, system, watch};

/// A waiter of either kind; see `wait_as!`.
#[derive(Clone, Copy)]
pub enum Who<'a, 'f> {
    Job(&'a Context<'f>),
    Thread,
}

/// Calls something that takes a waiter: `wait_as!(who, w => counter.wait(w))`.
macro_rules! wait_as {
    ($who:expr, $waiter:ident => $call:expr) => {
        match $who {
            $crate::who::Who::Job($waiter) => $call,
            $crate::who::Who::Thread => {
                let $waiter = rustfiber::Blocking;
                $call
            }
        }
    };
}

impl Who<'_, '_> {
    /// Lets others go first.
    pub fn yield_now(self) {
        match self {
            Who::Job(cx) => cx.yield_now(),
            Who::Thread => std::thread::yield_now(),
        }
    }
}

#[derive(Clone, Copy)]
pub enum Kind {
    Job,
    Thread,
}

/// Something that runs, as a job or as a thread.
pub enum Running<T> {
    Job(JobHandle<T>),
    Thread(std::thread::JoinHandle<T>),
}

impl Kind {
    pub fn start<T: Send + 'static>(
        self,
        jobs: &JobSystem,
        f: impl FnOnce(Who<'_, '_>) -> T + Send + 'static,
    ) -> Running<T> {
        match self {
            Kind::Job => Running::Job(jobs.spawn(|cx| f(Who::Job(cx)))),
            Kind::Thread => Running::Thread(std::thread::spawn(|| f(Who::Thread))),
        }
    }
}

impl<T> Running<T> {
    pub fn join(self) -> T {
        match self {
            Running::Job(handle) => handle.join(Blocking).unwrap(),
            Running::Thread(thread) => thread.join().unwrap(),
        }
    }
}

/// For each number of workers, and jobs and threads on either side.
pub fn in_all_pairs(test: impl Fn(&JobSystem, Kind, Kind)) {
    let _watchdog = watch();
    for workers in WORKERS {
        let jobs = system(workers);
        for one in [Kind::Job, Kind::Thread] {
            for other in [Kind::Job, Kind::Thread] {
                test(&jobs, one, other);
            }
        }
    }
}
