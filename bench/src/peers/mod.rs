//! One file per peer, behind one trait.

use crate::bench::{Bench, Outcome, Run};
use crate::divide::Divide;
use crate::workloads;

/// The peer that the others are compared with.
pub const OURS: &str = "rustfiber";

/// The same work without any of them.
pub const SERIAL: &str = "serial";

/// With what a peer is started.
#[derive(Clone, Copy, Debug)]
pub struct Setup {
    /// Threads that do work. Where the caller works too, it is one of them.
    pub workers: usize,
    /// Bytes of stack for a fiber; threads have theirs from the environment.
    pub stack: Option<usize>,
}

impl Setup {
    pub fn of(run: &Run) -> Self {
        Self {
            workers: run.workers,
            stack: run.bench.stack,
        }
    }
}

/// A way to run jobs.
///
/// A peer implements what the benches it names need, in the shape that its own documentation uses,
/// and no more. Each method is called from a plain thread and returns when all the work has been
/// waited for.
pub trait Peer: Sized + Send + Sync + 'static {
    const NAME: &'static str;
    /// The benches that it can do.
    const BENCHES: &'static [&'static str];

    fn start(setup: Setup) -> Self;

    /// Solves a problem by forking at each split.
    fn fork<D: Divide>(&self, problem: D) -> D::Out {
        let _ = problem;
        unnamed(Self::NAME)
    }
}

/// A method that no bench in [`Peer::BENCHES`] needs.
fn unnamed(peer: &str) -> ! {
    unreachable!("{peer} names a bench without the method that it needs")
}

/// What the parent knows about a peer.
#[derive(Debug)]
pub struct Info {
    pub name: &'static str,
    pub benches: &'static [&'static str],
}

impl Info {
    pub fn can(&self, bench: &Bench) -> bool {
        self.benches.contains(&bench.name)
    }
}

macro_rules! peers {
    ($($module:ident :: $peer:ident),* $(,)?) => {
        $(mod $module;)*

        /// All peers, rustfiber first, in the order of the table's columns.
        pub const ALL: &[Info] = &[$(Info {
            name: <$module::$peer as Peer>::NAME,
            benches: <$module::$peer as Peer>::BENCHES,
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
);
