//! Heap allocations per job in steady state, whoever makes them in the process. Runs in the binary
//! with the counting allocator.

use std::hint::black_box;
use std::time::{Duration, Instant};

use crate::bench::{Ability, Bench, Outcome, Row, Run, Unit};
use crate::divide::{Divide, Step};
use crate::heap;
use crate::peers::{Peer, Setup, can};

pub const BENCHES: &[Bench] = &[Bench {
    is_work: false,
    counts_allocations: true,
    ..Bench::new(
        "alloc",
        &[
            row("alloc"),
            row("alloc_spawn"),
            row("alloc_join"),
            row("alloc_scope"),
            row("alloc_wait"),
            row("alloc_yield"),
        ], &[Ability::Spawn, Ability::Fork])
}];

const fn row(name: &'static str) -> Row {
    Row {
        name,
        unit: Unit::Count,
    }
}

/// Until every thread has had its part, and more jobs were under way at once than are later.
const WARM_UPS: usize = 20;

/// What a row is measured by.
struct Effort {
    /// In the run that counts once.
    jobs: usize,
    /// A peer that takes longer to warm up has had its time.
    warm_up: Duration,
}

/// As much as a closure and a result may hold without an allocation.
type Payload = [u64; 8];

/// `alloc` is the most of the other rows, which are there for what the peer can do.
pub fn measure<P: Peer>(run: &Run) -> Outcome {
    if !heap::is_counted() {
        return Err("the allocator of this binary does not count".to_owned());
    }
    let peer = P::start(Setup::of(run));
    let load: Payload = black_box([1; 8]);
    let job = move || {
        black_box(load);
    };
    let effort = Effort {
        jobs: run.size.pick(5000, 1000),
        warm_up: Duration::from_millis(run.size.pick(200, 50)),
    };
    let mut rows = Vec::new();
    if const { can::<P>(&[Ability::Spawn]) } {
        let spawn = effort.per_job(|jobs| peer.spawn_many(jobs, job));
        rows.push(("alloc_spawn", spawn));
    }
    if const { can::<P>(&[Ability::Fork]) } {
        let join = effort.per_job(|jobs| {
            peer.fork(Halves { jobs, load });
        });
        rows.push(("alloc_join", join));
    }
    if const { can::<P>(&[Ability::Scope]) } {
        const CHILDREN: usize = 4;
        let scope = effort.per_job(|jobs| {
            peer.scopes(jobs / CHILDREN, CHILDREN, move || black_box(load));
        });
        rows.push(("alloc_scope", scope));
    }
    if const { can::<P>(&[Ability::PingPong]) } {
        let wait = effort.per_job(|trips| {
            peer.pingpong(trips as u64);
        });
        rows.push(("alloc_wait", wait));
    }
    if const { can::<P>(&[Ability::Yield]) } {
        const TWO: usize = 2;
        let turn = effort.per_job(|yields| {
            peer.yields(TWO, yields / TWO);
        });
        rows.push(("alloc_yield", turn));
    }
    let most = rows.iter().map(|row| row.1).fold(0.0, f64::max);
    rows.insert(0, ("alloc", most));
    Ok(rows)
}

impl Effort {
    /// What twice as many jobs allocate more than once as many, per job: what a run of them costs
    /// in any case falls out. The first runs warm up.
    fn per_job(&self, run: impl Fn(usize)) -> f64 {
        let count = |jobs| {
            let before = heap::allocations();
            run(jobs);
            heap::allocations() - before
        };
        let start = Instant::now();
        for _ in 0..WARM_UPS {
            count(2 * self.jobs);
            if start.elapsed() >= self.warm_up {
                break;
            }
        }
        let (once, twice) = (count(self.jobs), count(2 * self.jobs));
        twice.saturating_sub(once) as f64 / self.jobs as f64
    }
}

/// So many joins, in two halves of about the same size.
struct Halves {
    jobs: usize,
    load: Payload,
}

impl Divide for Halves {
    type Out = Payload;
    type Carry = ();

    fn divide(self) -> Step<Self> {
        let load = self.load;
        match self.jobs {
            0 => Step::Leaf(load),
            jobs => {
                let left = (jobs - 1) / 2;
                let right = jobs - 1 - left;
                Step::Fork(Self { jobs: left, load }, Self { jobs: right, load }, ())
            }
        }
    }

    fn merge((): (), left: Payload, _: Payload) -> Payload {
        left
    }
}
