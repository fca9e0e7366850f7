//! Notices workers that something foreign blocks: a lock, a channel or a read that is not
//! rustfiber's, in the middle of a job.
//!
//! A thread of its own looks at all workers now and then. A worker is *blocked* if between two looks
//! it was awake, ran neither a job nor a fiber to an end, and used almost no processor time, without
//! waiting for a processor. (One that computes uses its time, and one that waits through its context
//! sleeps, or does something else.) Each worker puts on its *post* which job it runs, as long as there is a watch.
//!
//! Processor time of another thread can be had on Linux only; elsewhere nobody watches.

use std::borrow::Cow;
use std::panic::Location;
use std::ptr;
use std::sync::atomic::{AtomicPtr, AtomicU64, Ordering, fence};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread::{self, Thread};
use std::time::Duration;

use super::shared::Shared;
use super::task::JobMeta;

/// A worker that is blocked uses less than this part of the time.
const ALMOST_NONE: u32 = 100;

/// Looks in the time after which a worker counts as blocked. It is watched for that long at least,
/// and for one look more at most.
const LOOKS: u32 = 4;

/// A worker that is blocked.
#[derive(Clone, Debug)]
pub(crate) struct BlockedWorker {
    pub(crate) worker: usize,
    pub(crate) after: Duration,
    pub(crate) job: JobMeta,
}

/// What the watching thread knows of the workers.
pub(super) struct Watch {
    after: Duration,
    posts: Box<[Post]>,
    watcher: OnceLock<Thread>,
}

/// What a worker shows of the job that it runs. The worker writes; the watching thread reads when
/// nothing has been written for a while.
#[derive(Default)]
pub(super) struct Post {
    spawned_at: AtomicPtr<Location<'static>>,
    name: Mutex<Option<Cow<'static, str>>>,
    has_name: AtomicU64,
    /// How often it was written.
    changes: AtomicU64,
    /// The worker's thread.
    thread: OnceLock<cpu::ThreadId>,
}

impl Post {
    /// The calling thread is the worker from now on.
    pub(super) fn take_up(&self) {
        if let Some(this) = cpu::ThreadId::of_this() {
            let _first = self.thread.set(this);
        }
    }

    /// The worker runs this job from now on, or none.
    #[cold]
    pub(super) fn set(&self, job: Option<JobMeta>) {
        let (at, name) = match job {
            Some(job) => (ptr::from_ref(job.spawned_at).cast_mut(), job.details.name),
            None => (ptr::null_mut(), None),
        };
        if name.is_some() || self.has_name.load(Ordering::Relaxed) != 0 {
            self.has_name
                .store(u64::from(name.is_some()), Ordering::Relaxed);
            *self.name.lock().unwrap_or_else(PoisonError::into_inner) = name;
        }
        // Relaxed: a reader that comes a moment later takes what is there, and asks `changes`.
        self.spawned_at.store(at, Ordering::Relaxed);
        let changes = self.changes.load(Ordering::Relaxed).wrapping_add(1);
        // Release: pairs with the acquire in `look`.
        self.changes.store(changes, Ordering::Release);
    }

    fn job(&self) -> Option<JobMeta> {
        let at = self.spawned_at.load(Ordering::Relaxed);
        // SAFETY: whatever was stored there comes from a `&'static Location`.
        let at = unsafe { at.as_ref() }?;
        let mut job = JobMeta::at(at);
        job.details.name = self
            .name
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        Some(job)
    }
}

/// One worker, seen once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Seen {
    asleep: bool,
    /// Grows with whatever the worker does.
    progress: u64,
    /// Nanoseconds on a processor.
    used: u64,
}

/// A worker since it last did something.
#[derive(Clone, Copy, Debug)]
struct Stretch {
    since: Seen,
    looks: u32,
    is_known: bool,
}

impl Stretch {
    fn begin(seen: Seen) -> Self {
        Self {
            since: seen,
            looks: 0,
            is_known: false,
        }
    }

    /// Takes one more look into account; says whether the worker is found blocked by it.
    fn go_on(&mut self, now: Seen, between_looks: Duration) -> bool {
        let used = u128::from(now.used.saturating_sub(self.since.used));
        let allowed = (between_looks * (self.looks + 1) / ALMOST_NONE).as_nanos();
        if now.asleep || now.progress != self.since.progress || used > allowed {
            *self = Self::begin(now);
            return false;
        }
        self.looks += 1;
        self.looks >= LOOKS && !std::mem::replace(&mut self.is_known, true)
    }
}

impl Watch {
    /// A watch over so many workers, where one is possible.
    pub(super) fn new(after: Duration, workers: usize) -> Option<Self> {
        if cfg!(shuttle) {
            // The workers are one thread of the system, and no time passes.
            return None;
        }
        cpu::ThreadId::of_this().map(|_| Self {
            after,
            posts: (0..workers).map(|_| Post::default()).collect(),
            watcher: OnceLock::new(),
        })
    }

    pub(super) fn post(&self, worker: usize) -> &Post {
        &self.posts[worker]
    }

    /// The system has ended.
    pub(super) fn end(&self) {
        // SeqCst: pairs with the fence in `watch`.
        fence(Ordering::SeqCst);
        if let Some(watcher) = self.watcher.get() {
            watcher.unpark();
        }
    }
}

/// The body of the watching thread.
pub(super) fn watch(shared: &Arc<Shared>) {
    let Some(watch) = &shared.watch else { return };
    let _first = watch.watcher.set(thread::current());
    // SeqCst: pairs with the fence in `end`: either that one sees this thread, or this one the end.
    fence(Ordering::SeqCst);
    let between_looks = watch.after / LOOKS;
    let look = |worker| Seen {
        asleep: shared.idle.is_asleep(worker),
        progress: shared.progress(worker, &watch.posts[worker]),
        used: watch.posts[worker]
            .thread
            .get()
            .map_or(0, cpu::ThreadId::used),
    };
    let workers = 0..watch.posts.len();
    let mut stretches: Vec<Stretch> = workers.clone().map(look).map(Stretch::begin).collect();
    loop {
        // Not longer than a look at a time, and it may wake early: then it was not a full one.
        let begin = std::time::Instant::now();
        while begin.elapsed() < between_looks {
            if shared.terminated() {
                return;
            }
            thread::park_timeout(between_looks.saturating_sub(begin.elapsed()));
        }
        for worker in workers.clone() {
            let post = &watch.posts[worker];
            let now = look(worker);
            if !stretches[worker].go_on(now, between_looks) {
                continue;
            }
            if post
                .thread
                .get()
                .is_some_and(cpu::ThreadId::wants_processor)
            {
                stretches[worker] = Stretch::begin(now);
            } else if let Some(job) = post.job() {
                let after = watch.after;
                let blocked = BlockedWorker { worker, after, job };
                shared.config.hooks.blocked(blocked);
            }
        }
    }
}

impl Shared {
    fn progress(&self, worker: usize, post: &Post) -> u64 {
        let stats = &self.remotes[worker].stats;
        // Acquire: what is on the post is at least as new.
        let changes = post.changes.load(Ordering::Acquire);
        [&stats.jobs, &stats.switches, &stats.parks]
            .iter()
            .fold(changes, |sum, tally| sum.wrapping_add(tally.get()))
    }
}

/// What a thread has of the processors.
#[cfg(target_os = "linux")]
mod cpu {
    #[derive(Debug)]
    pub(super) struct ThreadId {
        id: libc::pid_t,
        clock: libc::clockid_t,
    }

    impl ThreadId {
        pub(super) fn of_this() -> Option<Self> {
            let mut clock = 0;
            // SAFETY: the calling thread is alive, and `clock` is a place for the answer.
            unsafe {
                let failed = libc::pthread_getcpuclockid(libc::pthread_self(), &raw mut clock);
                let id = libc::gettid();
                (failed == 0).then_some(Self { id, clock })
            }
        }

        /// Nanoseconds that the thread has had; 0 if it has ended.
        pub(super) fn used(&self) -> u64 {
            let mut time = libc::timespec {
                tv_sec: 0,
                tv_nsec: 0,
            };
            // SAFETY: `time` is a place for the answer; a clock whose thread has ended is an error.
            let failed = unsafe { libc::clock_gettime(self.clock, &raw mut time) };
            if failed != 0 {
                return 0;
            }
            time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
        }

        /// Whether the thread could run now, if it had a processor.
        pub(super) fn wants_processor(&self) -> bool {
            let stat = std::fs::read_to_string(format!("/proc/self/task/{}/stat", self.id));
            // The state is the first thing after the name, which stands in parentheses.
            stat.is_ok_and(|stat| {
                stat.rsplit_once(") ")
                    .is_some_and(|(_, rest)| rest.starts_with('R'))
            })
        }
    }
}

/// Nothing that is known here.
#[cfg(not(target_os = "linux"))]
mod cpu {
    #[derive(Debug)]
    pub(super) enum ThreadId {}

    impl ThreadId {
        pub(super) fn of_this() -> Option<Self> {
            None
        }

        pub(super) fn used(&self) -> u64 {
            match *self {}
        }

        pub(super) fn wants_processor(&self) -> bool {
            match *self {}
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests;
