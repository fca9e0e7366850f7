//! A worker that has nothing at hand: it looks elsewhere, and sleeps. The protocol is in `idle`.

use super::deque::Steal;
use super::idle::Token;
use super::migrate;
use super::nested::Nested;
use super::task::JobRef;
use super::trace;
use super::worker::{Next, Worker};
use crate::primitive::atomic::Ordering;
use crate::wait::Spin;

/// Passes over all queues before a searcher uses force. A guess: about a microsecond, in which an
/// owner that calls the library makes jobs public by itself.
const FORCE_AFTER: u32 = 4;

/// So many times in a row a worker is woken for a search and finds nothing, before it drowses. A
/// guess.
const IN_VAIN: u32 = 2;

/// Of so many public jobs a worker without any takes one more than it needs at once, up to so many.
/// Where jobs are many and small, each way to another's deque costs more than the job that it
/// brings; where they are few and large, one is enough. A guess.
const HAUL: usize = 64;

/// How a search has ended.
struct Searched {
    /// `Some(None)`: there is something at hand.
    found: Option<Option<Next>>,
    /// Whether the worker holds `searching`.
    still_searches: bool,
}

impl Searched {
    fn ended(found: Option<Option<Next>>) -> Self {
        Self {
            found,
            still_searches: true,
        }
    }
}

impl Worker {
    /// The next thing to do; sleeps until there is one. `can_start` says that there is a fiber for
    /// a job; if there is none, returns `Nothing` after a sleep, so that the caller can try again
    /// to get one. With `until`, returns `Nothing` when that wait is over.
    #[inline]
    pub(super) fn next(&self, can_start: bool, until: Option<&Nested>) -> Next {
        loop {
            if until.is_some_and(Nested::is_over) {
                return Next::Nothing;
            }
            if let Some(next) = self.next_at_hand(can_start) {
                return next;
            }
            if let Some(next) = self.next_from_elsewhere(can_start, until) {
                return next;
            }
        }
    }

    #[cold]
    fn next_from_elsewhere(&self, can_start: bool, until: Option<&Nested>) -> Option<Next> {
        if let Some(next) = self.look_elsewhere(can_start) {
            return Some(next);
        }
        if self.set_burden_down() {
            // It may have woken a fiber.
            return None;
        }
        if self.shared.terminated() {
            return Some(Next::Nothing);
        }
        let may_search = !self.only_timers_fired();
        let spin = if may_search && self.expects_answers() {
            if self.linger(until) {
                return None;
            }
            Spin::rest
        } else {
            Spin::start
        };
        self.remote().stats.idle_begins();
        let next = self.wait_for_work(can_start, may_search, until, spin);
        self.remote().stats.idle_ends();
        next.or_else(|| (!can_start).then_some(Next::Nothing))
    }

    /// Whether fibers of this worker wait.
    fn expects_answers(&self) -> bool {
        // Relaxed: this thread's own.
        self.remote().waiting.load(Ordering::Relaxed) != 0
    }

    /// Looks at its inbox for a moment longer: two workers whose fibers wake each other in turn have
    /// an answer within a microsecond, and becoming the searcher and handing that on would make each
    /// answer late by as much. Says whether one has come.
    fn linger(&self, until: Option<&Nested>) -> bool {
        let has_come = || self.has_ready_fiber() || until.is_some_and(Nested::is_over);
        let mut spin = Spin::moment();
        while spin.again(has_come) {
            if has_come() {
                return true;
            }
        }
        false
    }

    /// Searches, unless it shall not, and sleeps until there may be something; `spin` says how long it
    /// searches before it first sleeps. `None`: look again.
    fn wait_for_work(
        &self,
        can_start: bool,
        may_search: bool,
        until: Option<&Nested>,
        mut spin: fn() -> Spin,
    ) -> Option<Next> {
        let idle = &self.shared.idle;
        let mut searching = can_start && may_search && idle.try_search();
        if !searching && self.has_ready_fiber() {
            return None;
        }
        let mut woken_to_search = false;
        loop {
            if searching {
                let found = self.search_for_a_while(until, spin());
                spin = Spin::start;
                self.note_search(woken_to_search, found.is_some());
                let found = match found {
                    None if until.is_none() && self.in_vain.get() >= IN_VAIN => self.drowse(),
                    found => Searched::ended(found),
                };
                if found.still_searches {
                    idle.end_search();
                }
                if let Some(next) = found.found {
                    // Pushers have relied on this search: look for them once more.
                    self.pass_on();
                    return next;
                }
            }
            let asleep = idle.fall_asleep(self.index, can_start, || self.shared.part_pushes());
            let stays_awake =
                self.has_reason_to_wake(can_start, until) || self.shared.last_one_asleep();
            let token = if stays_awake {
                asleep.cancel()
            } else {
                self.remote().stats.parks.bump();
                trace::parked(self.index);
                let token = asleep.park_until(self.next_timer());
                self.stride.end();
                token
            };
            self.note_what_ended_the_sleep();
            woken_to_search = token == Token::Search;
            // S6.
            searching = token == Token::Search
                || (can_start && self.shared.has_unstarted_job() && idle.try_search());
            self.answer_census();
            if !searching {
                return None;
            }
        }
    }

    /// As the searcher: looks everywhere until the time is up. `Some(None)`: there is something at
    /// hand.
    fn search_for_a_while(&self, until: Option<&Nested>, mut spin: Spin) -> Option<Option<Next>> {
        self.shared.call_owners();
        for pass in 0_u32.. {
            if self.has_ready_fiber()
                || until.is_some_and(Nested::is_over)
                || self.shared.terminated()
            {
                return Some(None);
            }
            if let Some(next) = self.look_elsewhere(true) {
                return Some(Some(next));
            }
            // Force is dear, so it is used ever more rarely in one search.
            if pass >= FORCE_AFTER && pass.is_power_of_two() && self.force_others() {
                continue;
            }
            // A system that closes waits for its workers to sleep.
            if !spin.again(|| self.has_ready_fiber()) || self.shared.is_closed() {
                break;
            }
        }
        None
    }

    /// Counts the times that the worker was woken in vain.
    fn note_search(&self, woken: bool, found: bool) {
        if found {
            self.in_vain.set(0);
        } else if woken {
            self.in_vain.set(self.in_vain.get().saturating_add(1));
        }
    }

    /// As the searcher: looks for a moment now and then, as long as others push.
    #[cold]
    fn drowse(&self) -> Searched {
        let shared = &self.shared;
        loop {
            // Whoever pushes raises its limit again.
            shared.call_owners();
            let has_reason = || self.has_ready_fiber() || self.is_needed();
            let end = self.next_timer();
            if !shared.idle.drowse(self.index, end, has_reason) {
                // D5.
                return Searched {
                    found: None,
                    still_searches: false,
                };
            }
            let somebody_pushes = shared.has_pushed_owner();
            let found = self.search_for_a_while(None, Spin::moment());
            self.note_search(false, found.is_some());
            let goes_on = somebody_pushes && !shared.is_closed() && !self.timer_is_due();
            if found.is_some() || !goes_on {
                return Searched::ended(found);
            }
        }
    }

    /// Whether an order, a timer, or a job from outside waits for somebody.
    fn is_needed(&self) -> bool {
        self.shared.terminated()
            || self.shared.is_closed()
            || self.census_is_due()
            || self.timer_is_due()
            || !self.shared.injector.is_empty()
            || migrate::has_fiber_elsewhere(self)
    }

    fn look_elsewhere(&self, can_start: bool) -> Option<Next> {
        if can_start {
            let job = self.shared.injector.pop().or_else(|| self.haul());
            if let Some(job) = job {
                return Some(Next::Job(job));
            }
        }
        migrate::fiber_from_elsewhere(self).map(Next::Fiber)
    }

    /// Takes the oldest job of another worker, also one that is private: of the first that has any,
    /// or private jobs would wait as long as there are public ones anywhere.
    pub(super) fn steal_anyhow(&self) -> Option<JobRef> {
        let job = self
            .others()
            .find_map(|victim| self.steal_by_force(victim))?;
        self.pass_on();
        Some(job)
    }

    fn steal_by_force(&self, victim: usize) -> Option<JobRef> {
        let stealer = &self.shared.remotes[victim].stealer;
        loop {
            if let Some(job) = self.steal_from(victim, |_| false) {
                return Some(job);
            }
            if stealer.is_empty() || !stealer.force() {
                return None;
            }
        }
    }

    /// Makes some worker's private jobs public; says whether there may be some to steal.
    #[cold]
    fn force_others(&self) -> bool {
        self.others().any(|victim| {
            let stealer = &self.shared.remotes[victim].stealer;
            !stealer.is_empty() && stealer.force()
        })
    }

    /// The other workers, beginning with a random one.
    fn others(&self) -> impl Iterator<Item = usize> {
        let (workers, own) = (self.shared.remotes.len(), self.index);
        let first = self.rng.below(workers);
        (first..workers)
            .chain(0..first)
            .filter(move |&other| other != own)
    }

    /// C1 and C2 of `idle`.
    fn pass_on(&self) {
        let shared = &self.shared;
        let has_more = || shared.has_unstarted_job() || migrate::has_fiber_elsewhere(self);
        shared.idle.pass_on(|| shared.part_pushes(), has_more);
    }

    /// Takes the oldest public job of another worker. `None` means that no deque had one when it
    /// was looked at.
    pub(super) fn steal(&self) -> Option<JobRef> {
        let (_, job) = self.steal_from_somebody()?;
        self.pass_on();
        Some(job)
    }

    /// The same for a worker that has no job; it takes some more from one that has very many.
    fn haul(&self) -> Option<JobRef> {
        let (victim, job) = self.steal_from_somebody()?;
        self.haul_more(victim);
        self.pass_on();
        Some(job)
    }

    #[inline]
    fn haul_more(&self, victim: usize) {
        let wanted = (self.shared.remotes[victim].stealer.public() / HAUL).min(HAUL);
        if wanted > 0 {
            self.haul_so_many(victim, wanted);
        }
    }

    #[cold]
    #[inline(never)]
    fn haul_so_many(&self, victim: usize, wanted: usize) {
        let stealer = &self.shared.remotes[victim].stealer;
        let mut jobs = [const { None }; HAUL];
        for place in &mut jobs[..wanted] {
            let Steal::Success(job) = stealer.steal_unless(|_| true) else {
                break;
            };
            self.note_steal(victim, &job);
            *place = Some(job);
        }
        // The oldest comes last, and is the next to run.
        for job in jobs.into_iter().rev().flatten() {
            self.spawn(job);
        }
    }

    fn note_steal(&self, victim: usize, job: &JobRef) {
        self.remote().stats.steals.bump();
        trace::stole(self.index, victim, job);
    }

    /// The oldest public job of another worker, and whose it was. What comes next is `pass_on`.
    fn steal_from_somebody(&self) -> Option<(usize, JobRef)> {
        self.others().find_map(|victim| {
            let is_young = |top| self.eyed.replace(Some((victim, top))) != Some((victim, top));
            Some((victim, self.steal_from(victim, is_young)?))
        })
    }

    /// The oldest public job of this worker. A lost race is tried again.
    #[inline]
    fn steal_from(&self, victim: usize, is_young: impl Fn(isize) -> bool) -> Option<JobRef> {
        loop {
            match self.shared.remotes[victim].stealer.steal_unless(&is_young) {
                Steal::Success(job) => {
                    self.note_steal(victim, &job);
                    return Some(job);
                }
                Steal::Empty => return None,
                Steal::Retry => {}
            }
        }
    }

    /// S4: whether there is anything that this worker could do.
    fn has_reason_to_wake(&self, can_start: bool, until: Option<&Nested>) -> bool {
        self.has_ready_fiber()
            || self.shared.terminated()
            || until.is_some_and(Nested::is_over)
            || self.census_is_due()
            || self.timer_is_due()
            || (can_start && self.shared.has_unstarted_job() && !self.shared.idle.is_searched())
            || (!can_start && self.others_left_a_runner())
            || migrate::has_fiber_elsewhere(self)
    }
}
