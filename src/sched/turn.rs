//! In which order a worker takes what is at hand.
//!
//! Woken fibers first, then own jobs (newest first), then jobs from outside and stolen ones, then
//! fibers that have yielded. Three rules keep that from starving anybody:
//!
//! - **Ticks.** After `WOKEN_BURST` woken fibers in a row, or as many as were ready at the
//!   beginning of that row if that is more, something else comes once: an own job, or if there is none, one
//!   from outside, or another worker's. At each `TICK`th look for an own job the worker takes
//!   instead the oldest one, one from outside, or another worker's. A row of
//!   what takes long has `COARSE` of it instead. A fiber that stops to wait, and need not, counts as woken.
//! - **Force.** A look at other workers that also finds private jobs comes once in `FORCE_NANOS` at
//!   most. Where there are always jobs from outside, every second look for one begins with it.
//! - **Rounds.** While fibers have yielded, the worker goes in rounds. A round notes which jobs are
//!   unstarted at its beginning, here and outside, and how many fibers have yielded. It starts
//!   those jobs, oldest first, takes one job from another worker, and then gives each of those
//!   fibers one turn. What comes up meanwhile belongs to the next round. So a job that yields until
//!   another one has run waits a finite time, and nobody takes two turns while another that was
//!   ready has none.

use std::cell::Cell;

use super::deque::Steal;
use super::fiber::ReadyFiber;
use super::task::JobRef;
use super::worker::{Next, Worker};
use crate::primitive::Moment;

/// Woken fibers in a row before something else comes once. A guess.
const WOKEN_BURST: usize = 64;
/// Own jobs in a row before a look at the other end of the queues, unless they take long. A guess.
const TICK: usize = 61;
/// The length of either row if what is in it takes long. A guess.
const COARSE: usize = 4;
/// What takes so long, with all that comes in between, takes long. A guess.
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
    woken: Row,
    /// Looks for own jobs.
    own: Row,
    /// The ticks so far.
    ticks: Cell<u32>,
    last_force: Cell<Moment>,
    /// Where the last look outside began.
    outside_was_first: Cell<bool>,
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

/// Things of one kind, one after the other, until something else comes. Whether they take long is
/// judged by the time since the end of the last row, whatever happened in it.
struct Row {
    left: Cell<usize>,
    /// How long a row is now, at least.
    len: Cell<usize>,
    began: Cell<Moment>,
}

impl Row {
    fn new(len: usize, now: Moment) -> Self {
        Self {
            left: Cell::new(len),
            len: Cell::new(len),
            began: Cell::new(now),
        }
    }

    /// The row is over. The next one is of this length, or shorter if what was in this one took long.
    fn end(&self, now: Moment, len: usize) {
        let took = now.nanos_since(self.began.replace(now));
        let took_long = took / self.len.get() >= COARSE_NANOS;
        self.len.set(if took_long { COARSE } else { len });
    }

    /// Begins a row of the length that there is now, or of this one if that is more.
    #[inline]
    fn begin(&self, least: usize) {
        self.left.set(self.len.get().max(least));
    }
}

impl Turn {
    pub(super) fn new() -> Self {
        let now = Moment::now();
        Self {
            woken: Row::new(WOKEN_BURST, now),
            own: Row::new(TICK, now),
            ticks: Cell::new(0),
            last_force: Cell::new(now),
            outside_was_first: Cell::new(false),
            lone_yields: Cell::new(0),
            round_end: Cell::new(0),
            round_injected: Cell::new(0),
            round_may_steal: Cell::new(false),
            round_has_jobs: Cell::new(false),
            round_turns: Cell::new(0),
        }
    }

    /// There is no own job. Whoever has none looks elsewhere anyway, unless fibers are woken all the
    /// time, and by turns also where jobs from outside don't end; so it is no reason to look more
    /// often that its own come seldom.
    #[inline]
    fn ran_dry(&self) {
        if self.own.len.get() != TICK {
            self.own.len.set(TICK);
            self.own.begin(0);
        }
    }

    fn may_force(&self, now: Moment) -> bool {
        // No time passes in a model.
        let may = cfg!(any(loom, shuttle)) || now.nanos_since(self.last_force.get()) >= FORCE_NANOS;
        if may {
            self.last_force.set(now);
        }
        may
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
        let turn = &self.turn;
        if count_down(&turn.woken.left) {
            if let Some(fiber) = self.ready.pop_front() {
                return Some(Next::Fiber(fiber));
            }
        } else if !self.ready.is_empty() {
            if let Some(job) = self.next_job_beside_woken(can_start) {
                return Some(Next::Job(job));
            }
        }
        // All that are ready now go on before the next unwoken thing, so that nobody who yields
        // overtakes them twice.
        turn.woken.begin(self.ready.len());
        self.next_unwoken(can_start)
            .or_else(|| self.ready.pop_front().map(Next::Fiber))
    }

    /// Ends a row of woken fibers. A job from outside or another worker's, if it would have to wait
    /// for a tick although this worker has none of its own.
    #[cold]
    #[inline(never)]
    fn next_job_beside_woken(&self, can_start: bool) -> Option<JobRef> {
        let turn = &self.turn;
        turn.woken.end(Moment::now(), WOKEN_BURST);
        if !can_start || !self.deque.is_empty() || !self.yielded.is_empty() {
            return None;
        }
        let job = self.job_from_outside_or_by_force()?;
        turn.woken.begin(self.ready.len());
        Some(job)
    }

    /// A job from outside, or another worker's, if it is time for force. In turn, so that neither
    /// keeps the other waiting.
    #[inline(never)]
    pub(super) fn job_from_outside_or_by_force(&self) -> Option<JobRef> {
        let from_outside = || self.shared.injector.pop();
        let by_force = || self.may_force().then(|| self.steal_anyhow()).flatten();
        let outside_first = !self.turn.outside_was_first.get();
        self.turn.outside_was_first.set(outside_first);
        if outside_first {
            from_outside().or_else(by_force)
        } else {
            by_force().or_else(from_outside)
        }
    }

    /// Whether it is time to use force again; notes it as used.
    pub(super) fn may_force(&self) -> bool {
        self.turn.may_force(Moment::now())
    }

    /// A fiber that stopped to wait, and need not: it goes on at once, unless that is the end of a row;
    /// then it stands in line with those that have been woken.
    #[inline]
    pub(super) fn in_row(&self, fiber: ReadyFiber) -> Option<ReadyFiber> {
        if count_down(&self.turn.woken.left) {
            return Some(fiber);
        }
        self.ready.push_back(fiber);
        None
    }

    #[inline]
    fn next_unwoken(&self, can_start: bool) -> Option<Next> {
        if self.yielded.is_empty() {
            // A round that has jobs left goes on later: at the limit of fibers each would start one
            // of its own, be cut off, and never come to those from outside.
            if !self.turn.round_has_jobs.get() {
                self.turn.round_turns.set(0);
            }
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
        let left = self.turn.own.left.get() - 1;
        self.turn.own.left.set(left);
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
        turn.own.end(now, TICK);
        turn.own.begin(0);
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
        if turn.round_may_steal.replace(false) && self.shared.has_unstarted_job() {
            return if self.may_force() {
                self.steal_anyhow()
            } else {
                self.steal()
            };
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
    use super::{COARSE, COARSE_NANOS, Moment, Row, TICK, Turn};

    #[test]
    fn rows_of_what_takes_long_are_short() {
        let row = Row::new(TICK, Moment::now());
        while Moment::now().nanos_since(row.began.get()) < TICK * COARSE_NANOS {}
        let end = Moment::now();
        row.end(end, TICK);
        row.begin(0);
        assert_eq!((row.left.get(), row.len.get()), (COARSE, COARSE));
        // No time has passed since.
        row.end(end, TICK);
        row.begin(TICK + 1);
        assert_eq!((row.left.get(), row.len.get()), (TICK + 1, TICK));
    }

    #[test]
    fn who_has_no_job_begins_a_row_of_short_ones() {
        let turn = Turn::new();
        turn.own.len.set(COARSE);
        turn.own.begin(0);
        turn.ran_dry();
        assert_eq!((turn.own.left.get(), turn.own.len.get()), (TICK, TICK));
        // No row is begun twice, or no tick would ever come.
        turn.own.left.set(1);
        turn.ran_dry();
        assert_eq!(turn.own.left.get(), 1);
    }

    #[test]
    fn a_long_row_of_what_is_short_is_short() {
        let row = Row::new(usize::MAX, Moment::now());
        while Moment::now().nanos_since(row.began.get()) < COARSE * COARSE_NANOS {}
        row.end(Moment::now(), TICK);
        assert_eq!(row.len.get(), TICK);
    }
}
