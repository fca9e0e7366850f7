//! One file per peer, behind one trait.

use std::net::TcpListener;
use std::sync::Arc;

use crate::bench::{Ability, Bench, Outcome, Run};
use crate::divide::Divide;
use crate::workloads;
use crate::workloads::channels::{Tally, Traffic};
use crate::workloads::distraction::{LongJob, Scene};
use crate::workloads::sleep_100k::Lengths;

/// The peer that the others are compared with.
pub const OURS: &str = "rustfiber";

/// The same work without any of them.
pub const SERIAL: &str = "serial";

/// With what a peer is started.
#[derive(Clone, Copy, Debug)]
pub struct Setup {
    /// Threads that do work.
    pub workers: usize,
    /// Whether the caller can be one of them, in a peer where it works too. It can't where the
    /// bench is about handing jobs over.
    pub caller_works: bool,
    /// Whether jobs wait for the clock or for sockets.
    pub waits_for_events: bool,
    /// Bytes of stack for a fiber; threads have theirs from the environment.
    pub stack: Option<usize>,
}

impl Setup {
    pub fn of(run: &Run) -> Self {
        Self {
            workers: run.workers,
            caller_works: !run.bench.needs.contains(&Ability::Run)
                && !run.bench.needs.contains(&Ability::StartUp),
            waits_for_events: run.bench.needs.contains(&Ability::Sleep)
                || run.bench.needs.contains(&Ability::Echo),
            stack: run.bench.stack,
        }
    }
}

/// What a loop does with an element, and its index.
pub trait Each<T>: Fn(usize, &mut T) + Send + Sync {}

impl<T, F: Fn(usize, &mut T) + Send + Sync> Each<T> for F {}

/// A way to run jobs.
///
/// A peer implements what it says it can do, in the shape that its own documentation uses,
/// and no more. Each method is called from a plain thread and returns when all the work has been
/// waited for.
pub trait Peer: Sized + Send + Sync + 'static {
    const NAME: &'static str;
    const CAN: &'static [Ability];
    /// Whether a job is a thread, so that spawning or waking one takes a hundred times longer.
    const BLOCKS_THREADS: bool = false;

    fn start(setup: Setup) -> Self;

    /// Solves a problem by forking at each split.
    fn fork<D: Divide>(&self, problem: D) -> D::Out {
        let _ = problem;
        unnamed(Self::NAME)
    }

    /// The sum of `value` over a tree.
    fn walk<N: Send + Sync, C: IntoIterator<Item = N>>(
        &self,
        root: N,
        children: impl Fn(&N) -> C + Copy + Send + Sync,
        value: impl Fn(N) -> u64 + Copy + Send + Sync,
    ) -> u64 {
        let _ = (root, children, value);
        unnamed(Self::NAME)
    }

    /// Hands one job over to a worker, whose result is `n`, and waits for it.
    fn run(&self, n: u64) -> u64 {
        let _ = n;
        unnamed(Self::NAME)
    }

    /// In a job: `times` loops over `items`. Who must say how far to split stops at `chunk` items.
    fn for_each<T: Send>(&self, times: usize, items: &mut [T], chunk: usize, each: impl Each<T>) {
        let _ = (times, items, chunk, each);
        unnamed(Self::NAME)
    }

    /// In a job: spawns `jobs` others, and waits until all have run.
    fn spawn_many(&self, jobs: usize, job: impl Fn() + Copy + Send + Sync + 'static) {
        let _ = (jobs, job);
        unnamed(Self::NAME)
    }

    /// In a job: `times` scopes one after the other, of so many jobs each.
    fn scopes<R: Send>(&self, times: usize, jobs: usize, job: impl Fn() -> R + Copy + Send + Sync) {
        let _ = (times, jobs, job);
        unnamed(Self::NAME)
    }

    /// In a job: for each number below `times`, spawns a job that results in it, and waits for it.
    /// The sum of the results.
    fn spawn_wait(&self, times: u64) -> u64 {
        let _ = times;
        unnamed(Self::NAME)
    }

    /// So many jobs, each of which yields so often. The number of yields.
    fn yields(&self, jobs: usize, each: usize) -> usize {
        let _ = (jobs, each);
        unnamed(Self::NAME)
    }

    /// Two jobs that wake each other, and hit a ball when they are woken. The number of hits.
    fn pingpong(&self, trips: u64) -> u64 {
        let _ = trips;
        unnamed(Self::NAME)
    }

    /// A tree of jobs that send their parents numbers. The sum of the leaves' numbers.
    fn skynet(&self, leaves: u64) -> u64 {
        let _ = leaves;
        unnamed(Self::NAME)
    }

    /// So many jobs, each of which locks the same lock so often and adds one to the number in it.
    /// The number.
    fn count_locked(&self, jobs: usize, each: u64) -> u64 {
        let _ = (jobs, each);
        unnamed(Self::NAME)
    }

    /// Two jobs, and two channels for one message each: one sends each number below `trips`, and
    /// receives it again before it sends the next; the other one sends back what it receives.
    fn send_back(&self, trips: u64) -> Tally {
        let _ = trips;
        unnamed(Self::NAME)
    }

    /// A job for each sender and each receiver of one channel, of the capacity that the workload
    /// names. What the receivers receive until there is no sender left.
    fn stream(&self, traffic: Traffic) -> Tally {
        let _ = traffic;
        unnamed(Self::NAME)
    }

    /// In a job: spawns `jobs` others that each sleep as long as `lengths` says and then call
    /// `woken` with their number, and waits until all have.
    fn sleep(
        &self,
        jobs: usize,
        lengths: Lengths,
        woken: impl Fn(usize) + Copy + Send + Sync + 'static,
    ) {
        let _ = (jobs, lengths, woken);
        unnamed(Self::NAME)
    }

    /// Accepts so many connections, and serves each with a job that sends back what it reads, until
    /// the client closes it. The number of bytes sent back.
    fn echo(&self, listener: TcpListener, connections: usize) -> u64 {
        let _ = (listener, connections);
        unnamed(Self::NAME)
    }

    /// From outside: spawns a job that does all the steps of `job`, and does not wait. Between the
    /// steps it does what the peer's documentation tells a long job to do.
    fn queue_long_job(&self, job: LongJob) {
        let _ = job;
        unnamed(Self::NAME)
    }

    /// In a job: spawns `scene.samples()` children, one after the other, and waits for each.
    fn wait_for_children(&self, scene: &Arc<Scene>) {
        let _ = scene;
        unnamed(Self::NAME)
    }
}

/// Whether `P` can do something of `needs`. Asked in a constant, the answer keeps the code for what a peer
/// can't do out of the program.
pub const fn can<P: Peer>(needs: &[Ability]) -> bool {
    have_common(P::CAN, needs)
}

const fn have_common(mut abilities: &[Ability], needs: &[Ability]) -> bool {
    while let [ability, others @ ..] = abilities {
        let mut needs = needs;
        while let [need, others @ ..] = needs {
            if *ability as u8 == *need as u8 {
                return true;
            }
            needs = others;
        }
        abilities = others;
    }
    false
}

/// A method for what is not in [`Peer::CAN`].
fn unnamed(peer: &str) -> ! {
    unreachable!("{peer} names an ability without its method")
}

/// What the parent knows about a peer.
#[derive(Debug)]
pub struct Info {
    pub name: &'static str,
    pub can: &'static [Ability],
}

impl Info {
    pub fn can(&self, bench: &Bench) -> bool {
        have_common(self.can, bench.needs)
    }
}

macro_rules! peers {
    ($($module:ident :: $peer:ident),* $(,)?) => {
        $(mod $module;)*
        mod executor_talk;
        mod thread_talk;

        /// All peers, rustfiber first, in the order of the table's columns.
        pub const ALL: &[Info] = &[$(Info {
            name: <$module::$peer as Peer>::NAME,
            can: <$module::$peer as Peer>::CAN,
        }),*];

        /// Measures `run.bench` with the peer of this name.
        pub fn measure(peer: &str, run: &Run) -> Outcome {
            $(
                if peer == <$module::$peer as Peer>::NAME {
                    return workloads::measure::<$module::$peer>(run);
                }
            )*
            Err(format!("no peer is named {peer}"))
        }
    };
}

peers!(
    rustfiber::Rustfiber,
    serial::Serial,
    rayon::Rayon,
    chili::Chili,
    forte::Forte,
    orx_parallel::OrxParallel,
    may::May,
    tokio::Tokio,
    async_executor::AsyncExecutor,
    bevy_tasks::BevyTasks,
    threads::Threads,
    parking_lot::ParkingLot,
    crossbeam_channel::CrossbeamChannel,
    flume::Flume,
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ours_comes_first_and_can_do_everything() {
        assert_eq!(ALL[0].name, OURS);
        assert!(workloads::all().all(|bench| ALL[0].can(bench)));
        assert!(ALL.iter().any(|info| info.name == SERIAL));
    }

    #[test]
    fn every_bench_has_a_peer_to_compare_with() {
        for bench in workloads::all() {
            let able = |info: &&Info| ![OURS, SERIAL].contains(&info.name) && info.can(bench);
            assert!(ALL.iter().any(|info| able(&info)), "{}", bench.name);
        }
    }
}
