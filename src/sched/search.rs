//! A worker that has nothing at hand: it looks elsewhere, and sleeps. The protocol is in `idle`.

use super::idle::Token;
use super::migrate;
use super::nested::Nested;
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
                // With very many workers a pass takes so long that force has had no turn yet; then
                // a private job of one that never calls the library would stay where it is.
                if pass < FORCE_AFTER && self.may_force() && self.force_others() {
                    continue;
                }
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
            let job = if self.shared.injector.is_empty() {
                None
            } else {
                self.job_from_outside_or_by_force()
            };
            if let Some(job) = job.or_else(|| self.haul()) {
                return Some(Next::Job(job));
            }
        }
        migrate::fiber_from_elsewhere(self).map(Next::Fiber)
    }

    /// C1 and C2 of `idle`.
    pub(super) fn pass_on(&self) {
        let shared = &self.shared;
        let has_more = || shared.has_unstarted_job() || migrate::has_fiber_elsewhere(self);
        shared.idle.pass_on(|| shared.part_pushes(), has_more);
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
