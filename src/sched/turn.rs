//! In which order a worker takes what is at hand.
//!
//! Woken fibers first, then own jobs (newest first), then jobs from outside and stolen ones, then
//! fibers that have yielded. Two rules keep that from starving anybody:
//!
//! - **Ticks.** After `WOKEN_BURST` woken fibers in a row, or as many as were ready at the
//!   beginning of that row if that is more, something else comes once. Every `TICK`th own job (every
//!   `COARSE_TICK`th, if they take long) is
//!   instead the oldest one, one from outside, or another worker's.
//! - **Rounds.** While fibers have yielded, the worker goes in rounds. A round notes which jobs are
//!   unstarted at its beginning, here and outside, and how many fibers have yielded. It starts
//!   those jobs, oldest first, takes one job from another worker, and then gives each of those
//!   fibers one turn. What comes up meanwhile belongs to the next round. So a job that yields until
//!   another one has run waits a finite time, and nobody takes two turns while another that was
//!   ready has none.

use std::cell::Cell;

use super::deque::Steal;
use super::task::JobRef;
use super::worker::{Next, Worker};
use crate::primitive::Moment;

/// Woken fibers in a row before something else comes once. A guess.
const WOKEN_BURST: usize = 64;
/// Own jobs in a row before a look at the other end of the queues, unless they take long. A guess.
const TICK: u32 = 61;
/// The same if they take long. A guess.
const COARSE_TICK: u32 = 4;
/// Jobs that take so long on average, with all that comes between them, take long. A guess.
const COARSE_NANOS: usize = 10_000;
/// The least time between two looks that take private jobs, by force. That costs some microseconds, and
/// the other worker about as much. A guess.
const FORCE_NANOS: usize = 1_000_000;
/// Yields in a row that return at once because nothing else is ready, before one that looks
/// everywhere. A guess.
const LONE_YIELDS: u32 = 32;

/// Where a worker stands in its order.
pub(super) struct Turn {
    /// Woken fibers that may go on before something else comes.
    woken_left: Cell<usize>,
    /// Own jobs of the row that are left, and of how many it is.
    row_left: Cell<u32>,
    row: Cell<u32>,
    row_began: Cell<Moment>,
    /// The ticks so far.
    ticks: Cell<u32>,
    last_force: Cell<Moment>,
    lone_yields: Cell<u32>,
    /// The deque's position at the beginning of the round: jobs below it belong to the round.
    round_end: Cell<isize>,
    /// Jobs from outside that belong to the round.
    round_injected: Cell<usize>,
    /// Whether the round has yet to look for a job to steal.
    round_may_steal: Cell<bool>,
    /// Whether the round may have jobs left to start.
    round_has_jobs: Cell<bool>,
    /// Turns of yielded fibers that the round has left.
    round_turns: Cell<usize>,
}

impl Turn {
    pub(super) fn new() -> Self {
        let now = Moment::now();
        Self {
            woken_left: Cell::new(0),
            row_left: Cell::new(TICK),
            row: Cell::new(TICK),
            row_began: Cell::new(now),
            ticks: Cell::new(0),
            last_force: Cell::new(now),
            lone_yields: Cell::new(0),
            round_end: Cell::new(0),
            round_injected: Cell::new(0),
            round_may_steal: Cell::new(false),
            round_has_jobs: Cell::new(false),
            round_turns: Cell::new(0),
        }
    }

    /// Begins the next row, shorter if the jobs of the last one took long.
    fn begin_row(&self, now: Moment) {
        let took = now.nanos_since(self.row_began.replace(now));
        self.row.set(row_after(self.row.get(), took));
        self.row_left.set(self.row.get());
    }

    /// There is no own job. Whoever has none looks elsewhere anyway, unless fibers are woken all the
    /// time, so it is no reason to look more often that its own come seldom.
    #[inline]
    fn ran_dry(&self) {
        if self.row.get() != TICK {
            self.row.set(TICK);
            self.row_left.set(TICK);
        }
    }

    /// Whether it is time to use force again; notes it as used.
    fn may_force(&self, now: Moment) -> bool {
        // No time passes in a model.
        let may = cfg!(any(loom, shuttle)) || now.nanos_since(self.last_force.get()) >= FORCE_NANOS;
        if may {
            self.last_force.set(now);
        }
        may
    }
}

/// The length of the row after one of this length, which took so many nanoseconds.
fn row_after(row: u32, took: usize) -> u32 {
    if took / row as usize >= COARSE_NANOS {
        COARSE_TICK
    } else {
        TICK
    }
}

fn count_down(cell: &Cell<usize>) -> bool {
    let left = cell.get();
    cell.set(left.saturating_sub(1));
    left > 0
}

impl Worker {
    /// The next thing among what is at hand, without looking at other workers (except once a
    /// round).
    #[inline]
    pub(super) fn next_at_hand(&self, can_start: bool) -> Option<Next> {
        self.remote().inbox.take_into(&self.ready);
        self.mind_timers();
        if count_down(&self.turn.woken_left) {
            if let Some(fiber) = self.ready.pop_front() {
                return Some(Next::Fiber(fiber));
            }
        }
        // All that are ready now go on before the next unwoken thing, so that nobody who yields
        // overtakes them twice.
        self.turn.woken_left.set(WOKEN_BURST.max(self.ready.len()));
        self.next_unwoken(can_start)
            .or_else(|| self.ready.pop_front().map(Next::Fiber))
    }

    #[inline]
    fn next_unwoken(&self, can_start: bool) -> Option<Next> {
        if self.yielded.is_empty() {
            self.turn.round_turns.set(0);
            return if can_start {
                self.next_own_job().map(Next::Job)
            } else {
                None
            };
        }
        if can_start {
            let turn = &self.turn;
            if turn.round_turns.get() == 0 {
                self.begin_round();
            }
            if turn.round_has_jobs.get() {
                if let Some(job) = self.next_job_of_round() {
                    return Some(Next::Job(job));
                }
                turn.round_has_jobs.set(false);
            }
            count_down(&turn.round_turns);
        }
        self.yielded.pop_front().map(Next::Fiber)
    }

    /// Newest first, except on a tick.
    #[inline]
    fn next_own_job(&self) -> Option<JobRef> {
        let left = self.turn.row_left.get() - 1;
        self.turn.row_left.set(left);
        if left == 0 {
            if let Some(job) = self.next_job_on_tick() {
                return Some(job);
            }
        }
        let job = self.deque.pop();
        if job.is_none() {
            self.turn.ran_dry();
        }
        job
    }

    #[cold]
    fn next_job_on_tick(&self) -> Option<JobRef> {
        let turn = &self.turn;
        let now = Moment::now();
        turn.begin_row(now);
        turn.ticks.set(turn.ticks.get().wrapping_add(1));
        match turn.ticks.get() % 3 {
            0 => self.shared.injector.pop(),
            1 => self.oldest_own_job(),
            _ if turn.may_force(now) => self.steal_anyhow(),
            _ => self.steal(),
        }
    }

    fn oldest_own_job(&self) -> Option<JobRef> {
        loop {
            match self.deque.take_oldest() {
                Steal::Success(job) => return Some(job),
                Steal::Empty => return None,
                Steal::Retry => {}
            }
        }
    }

    fn begin_round(&self) {
        let turn = &self.turn;
        turn.round_end.set(self.deque.positions().1);
        turn.round_injected.set(self.shared.injector.len());
        turn.round_may_steal.set(true);
        turn.round_has_jobs.set(true);
        turn.round_turns.set(self.yielded.len());
    }

    #[cold]
    fn next_job_of_round(&self) -> Option<JobRef> {
        let turn = &self.turn;
        // Positions only grow at the old end, so what is below `round_end` was there when the round
        // began.
        if self.deque.positions().0.wrapping_sub(turn.round_end.get()) < 0 {
            if let Some(job) = self.oldest_own_job() {
                return Some(job);
            }
        }
        if count_down(&turn.round_injected) {
            if let Some(job) = self.shared.injector.pop() {
                return Some(job);
            }
            turn.round_injected.set(0);
        }
        if turn.round_may_steal.replace(false) {
            return self.steal_anyhow();
        }
        None
    }

    /// Whether a yield would come straight back. Now and then it says no, so that a job that
    /// spins with `yield_now` also looks at other workers' jobs.
    #[inline]
    pub(super) fn has_nothing_else(&self) -> bool {
        let alone = self.yielded.is_empty()
            && !self.has_ready_fiber()
            && self.deque.is_empty()
            && self.shared.injector.is_empty()
            && !super::migrate::forced(self);
        let lone = self.turn.lone_yields.get();
        if alone && lone < LONE_YIELDS {
            self.turn.lone_yields.set(lone + 1);
            return true;
        }
        self.turn.lone_yields.set(0);
        false
    }

    /// Whether a fiber of this worker has been woken.
    #[inline]
    pub(super) fn has_ready_fiber(&self) -> bool {
        !self.ready.is_empty() || !self.remote().inbox.is_empty()
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::{COARSE_NANOS, COARSE_TICK, TICK, row_after};

    #[test]
    fn rows_of_long_jobs_are_short() {
        for row in [TICK, COARSE_TICK] {
            assert_eq!(row_after(row, 0), TICK);
            assert_eq!(row_after(row, row as usize * COARSE_NANOS - 1), TICK);
            assert_eq!(row_after(row, row as usize * COARSE_NANOS), COARSE_TICK);
            assert_eq!(row_after(row, usize::MAX), COARSE_TICK);
        }
    }
}
