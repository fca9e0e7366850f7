//! The threads of a job system: how they start, and how they are waited for.

use std::io;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use super::deque::{Owner, deque};
use super::shared::{Config, Shared};
use super::task::JobRef;
use super::watch::watch;
use super::worker::Worker;
use crate::primitive::thread::{self, JoinHandle};
use crate::primitive::{Condvar, Mutex};
use crate::unwind::AbortOnUnwind;

/// The threads of a job system.
pub(crate) struct Threads {
    threads: Vec<JoinHandle<()>>,
    running: Arc<Running>,
}

/// How many threads have not ended.
struct Running {
    count: Mutex<usize>,
    none: Condvar,
}

/// Starts the workers. If a thread can't be started, none of the others stays behind.
pub(crate) fn start(config: Config) -> io::Result<(Arc<Shared>, Threads)> {
    let name = config.thread_name.clone();
    let (owners, stealers): (Vec<_>, Vec<_>) = (0..config.workers).map(|_| deque()).unzip();
    let shared = Arc::new(Shared::new(config, stealers));
    let mut threads = Threads {
        threads: Vec::new(),
        running: Arc::new(Running {
            count: Mutex::new(0),
            none: Condvar::new(),
        }),
    };
    for (index, owner) in owners.into_iter().enumerate() {
        let started = threads.spawn(format!("{name}-{index}"), index, owner, &shared);
        if let Err(error) = started {
            shared.terminate();
            threads.join();
            return Err(error);
        }
    }
    if shared.watch.is_some() {
        // Without it the system works as well.
        let watched = Arc::clone(&shared);
        let watcher = thread::Builder::new().name(format!("watch-{name}"));
        threads
            .threads
            .extend(watcher.spawn(move || watch(&watched)));
    }
    Ok((shared, threads))
}

impl Threads {
    fn spawn(
        &mut self,
        name: String,
        index: usize,
        owner: Owner<JobRef>,
        shared: &Arc<Shared>,
    ) -> io::Result<()> {
        let shared = Arc::clone(shared);
        let running = Arc::clone(&self.running);
        running.change(1);
        let body = move || {
            let guard = AbortOnUnwind("a worker's main loop");
            shared.idle.move_in(index);
            if let Some(watch) = &shared.watch {
                watch.post(index).take_up();
            }
            Worker::new(index, shared, owner).run();
            guard.disarm();
            running.change(-1);
        };
        let thread = thread::Builder::new().name(name).spawn(body);
        self.threads
            .push(thread.inspect_err(|_| self.running.change(-1))?);
        Ok(())
    }

    /// Waits until all threads have ended.
    pub(crate) fn join(self) {
        for thread in self.threads {
            // A worker never unwinds: `AbortOnUnwind`.
            let _ = thread.join();
        }
    }

    /// Waits until all threads have ended, but not longer than `patience`; says whether they have.
    pub(crate) fn join_timeout(self, patience: Duration) -> Result<(), Threads> {
        let deadline = Instant::now().checked_add(patience);
        let mut count = self
            .running
            .count
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        while *count > 0 {
            let left = match deadline {
                Some(deadline) => deadline.saturating_duration_since(Instant::now()),
                None => Duration::from_secs(3600),
            };
            if left.is_zero() {
                drop(count);
                return Err(self);
            }
            let waited = self.running.none.wait_timeout(count, left);
            count = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        drop(count);
        self.join();
        Ok(())
    }
}

impl Running {
    fn change(&self, by: isize) {
        let mut count = self.count.lock().unwrap_or_else(PoisonError::into_inner);
        *count = count.wrapping_add_signed(by);
        if *count == 0 {
            self.none.notify_all();
        }
    }
}
