//! orx-parallel: parallel iterators over its own pool, as in its README. Each loop says how many
//! threads it may use.

use orx_parallel::*;

use super::{Each, Peer, Setup};
use crate::bench::Ability::{self, Loop, Walk};

pub struct OrxParallel {
    threads: usize,
}

impl Peer for OrxParallel {
    const NAME: &'static str = "orx-parallel";
    const CAN: &'static [Ability] = &[Loop, Walk];

    fn start(setup: Setup) -> Self {
        Self {
            threads: setup.workers,
        }
    }

    fn walk<N: Send + Sync, C: IntoIterator<Item = N>>(
        &self,
        root: N,
        children: impl Fn(&N) -> C + Copy + Send + Sync,
        value: impl Fn(N) -> u64 + Copy + Send + Sync,
    ) -> u64 {
        let nodes = par_recursive([root], children).num_threads(self.threads);
        nodes.map(value).sum()
    }

    /// Its loops start from a plain thread: it has no jobs that could start them.
    fn for_each<T: Send>(&self, times: usize, items: &mut [T], _chunk: usize, each: impl Each<T>) {
        for _ in 0..times {
            let items = items.into_par().enumerate().num_threads(self.threads);
            items.for_each(|(index, item)| each(index, item));
        }
    }
}
