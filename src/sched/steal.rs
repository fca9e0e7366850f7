//! Jobs of other workers: public ones, and by force private ones.

use super::deque::Steal;
use super::task::JobRef;
use super::trace;
use super::worker::Worker;

/// Of so many public jobs a worker without any takes one more than it needs at once, up to so many.
/// Where jobs are many and small, each way to another's deque costs more than the job that it
/// brings; where they are few and large, one is enough. A guess.
const HAUL: usize = 64;

impl Worker {
    /// Takes the oldest public job of another worker. `None` means that no deque had one when it
    /// was looked at, but perhaps one that is left there for a moment.
    pub(super) fn steal(&self) -> Option<JobRef> {
        let (_, job) = self.steal_from_somebody()?;
        self.pass_on();
        Some(job)
    }

    /// The same for a worker that has no job; it takes some more from one that has very many.
    pub(super) fn haul(&self) -> Option<JobRef> {
        let (victim, job) = self.steal_from_somebody()?;
        self.haul_more(victim);
        self.pass_on();
        Some(job)
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

    /// Makes some worker's private jobs public; says whether there may be some to steal.
    #[cold]
    pub(super) fn force_others(&self) -> bool {
        self.others().any(|victim| {
            let stealer = &self.shared.remotes[victim].stealer;
            !stealer.is_empty() && stealer.force()
        })
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

    /// Once: an owner that takes its jobs back faster than they become public leaves none behind.
    fn steal_by_force(&self, victim: usize) -> Option<JobRef> {
        let stealer = &self.shared.remotes[victim].stealer;
        let oldest = || self.steal_from(victim, |_| false);
        oldest().or_else(|| {
            let may_have_some = !stealer.is_empty() && stealer.force();
            may_have_some.then(oldest).flatten()
        })
    }

    /// The oldest public job of another worker, and whose it was. What comes next is `pass_on`.
    fn steal_from_somebody(&self) -> Option<(usize, JobRef)> {
        self.others().find_map(|victim| {
            let is_young = |top| self.eyed.replace(Some((victim, top))) != Some((victim, top));
            Some((victim, self.steal_from(victim, is_young)?))
        })
    }

    /// The oldest public job of the worker `victim`. A lost race is tried again.
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

    fn note_steal(&self, victim: usize, job: &JobRef) {
        self.remote().stats.steals.bump();
        trace::stole(self.index, victim, job);
    }

    /// The other workers, beginning with a random one.
    fn others(&self) -> impl Iterator<Item = usize> {
        let (workers, own) = (self.shared.remotes.len(), self.index);
        let first = self.rng.below(workers);
        (first..workers)
            .chain(0..first)
            .filter(move |&other| other != own)
    }
}
