//! Bits and tokens; models of falling asleep against everything that wakes, under `--cfg loom`.

use super::*;

#[cfg(not(loom))]
mod plain {
    use super::*;

    fn idle(workers: usize) -> Idle {
        let idle = Idle::new(workers);
        (0..workers).for_each(|worker| idle.move_in(worker));
        idle
    }

    #[test]
    fn nobody_sleeps_at_first() {
        let idle = idle(2);
        idle.notify_one(|_| 0);
        idle.wake_all();
        assert!(!idle.everyone_sleeps());
        assert_eq!(idle.wakes(), 0);
    }

    #[test]
    fn push_wakes_one_starter_for_the_search() {
        let idle = idle(3);
        let resumer = idle.fall_asleep(0, false, || ());
        let starter = idle.fall_asleep(2, true, || ());
        idle.notify_one(|_| 0);
        assert_eq!(starter.park(), Token::Search);
        assert!(!idle.try_search(), "the token carries `searching`");
        idle.end_search();
        idle.notify_one(|_| 0);
        idle.wake(0);
        assert_eq!(resumer.park(), Token::Look);
    }

    #[test]
    fn a_job_from_outside_wakes_the_one_with_the_least_load() {
        let idle = idle(100);
        let load = |worker: usize| 70 - worker; // 2, 4, 0 and 1 of those below
        let [busy, busiest, idlest, next] =
            [68, 66, 70, 69].map(|worker| idle.fall_asleep(worker, true, || ()));
        for chosen in [idlest, next, busy, busiest] {
            assert!(idle.notify_one(load));
            assert_eq!(chosen.cancel(), Token::Search);
            idle.end_search();
        }
        assert!(!idle.notify_one(load), "nobody sleeps");
    }

    #[test]
    fn push_wakes_nobody_while_one_searches() {
        let idle = idle(2);
        assert!(idle.try_search());
        let sleeper = idle.fall_asleep(1, true, || ());
        idle.notify_one(|_| 0);
        assert_eq!(sleeper.cancel(), Token::Look);
        idle.end_search();
        assert_eq!(idle.wakes(), 1);
    }

    #[test]
    fn cancel_takes_a_token_that_is_on_its_way() {
        let idle = idle(1);
        let asleep = idle.fall_asleep(0, true, || ());
        idle.notify_one(|_| 0);
        assert_eq!(asleep.cancel(), Token::Search);
        idle.end_search();
        assert_eq!(idle.fall_asleep(0, true, || ()).cancel(), Token::Look);
        assert_eq!(idle.wakes(), 2);
    }

    #[test]
    fn a_job_from_outside_wakes_a_drowsy_searcher_and_an_owners_does_not() {
        let idle = idle(2);
        assert!(idle.try_search());
        let starter = idle.fall_asleep(1, true, || ());
        let stays_awake = || {
            assert!(!idle.wants_jobs());
            assert!(!idle.nobody_comes());
            assert!(!idle.see_to_jobs());
            assert!(!idle.everyone_sleeps());
            assert!(idle.notify_one(|_| 0));
            false
        };
        assert!(idle.drowse(0, None, stays_awake));
        assert!(idle.wants_jobs());
        assert_eq!(starter.cancel(), Token::Look);
        // Another has taken the search over.
        assert!(!idle.drowse(0, None, || idle.try_search()));
        assert!(!idle.try_search());
        idle.end_search();
        assert!(idle.try_search());
        idle.end_search();
    }

    #[test]
    fn everyone_sleeps_when_all_bits_are_set() {
        let idle = idle(70);
        let asleep: Vec<_> = (0..70)
            .map(|worker| {
                assert!(!idle.everyone_sleeps());
                idle.fall_asleep(worker, worker % 2 == 0, || ())
            })
            .collect();
        assert!(idle.everyone_sleeps());
        idle.wake_all();
        assert!(asleep.into_iter().all(|a| a.park() == Token::Look));
        assert_eq!(idle.wakes(), 70);
    }
}

#[cfg(loom)]
mod model {
    use super::*;
    use crate::primitive::Arc;
    use crate::wait::testing::explore;

    /// Workers with a queue of jobs and one inbox. Both are counts without any order of their own:
    /// what a sleeper or a waker must see, it sees by the protocol.
    struct System {
        idle: Idle,
        jobs: AtomicUsize,
        /// Left out of models without fibers.
        inbox: Option<AtomicUsize>,
        /// How many sleeps have ended.
        slept: AtomicUsize,
    }

    fn take(from: &AtomicUsize) -> bool {
        from.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| n.checked_sub(1))
            .is_ok()
    }

    fn holds(queue: &AtomicUsize) -> bool {
        queue.load(Ordering::Relaxed) > 0
    }

    impl System {
        fn new(workers: usize, has_fibers: bool) -> Arc<Self> {
            Arc::new(Self {
                idle: Idle::new(workers),
                jobs: AtomicUsize::new(0),
                inbox: has_fibers.then(|| AtomicUsize::new(0)),
                slept: AtomicUsize::new(0),
            })
        }

        /// P1 to P4.
        fn push(&self) {
            self.jobs.fetch_add(1, Ordering::Relaxed);
            self.idle.notify_one(|_| 0);
        }

        fn deliver(&self, worker: usize) {
            let inbox = self.inbox.as_ref().expect("a model with fibers");
            inbox.fetch_add(1, Ordering::Relaxed);
            self.idle.wake(worker);
        }

        fn take_fiber(&self) -> bool {
            self.inbox.as_ref().is_some_and(take)
        }

        /// S2 to S5, with `busy` for S4.
        fn sleep(&self, worker: usize, can_start: bool, busy: bool) -> Token {
            let asleep = self.idle.fall_asleep(worker, can_start, || ());
            let token = if busy
                || (can_start && holds(&self.jobs))
                || self.inbox.as_ref().is_some_and(holds)
            {
                asleep.cancel()
            } else {
                asleep.park()
            };
            self.slept.fetch_add(1, Ordering::Relaxed);
            token
        }

        /// What a worker does until it has something: the loop of `search`. True for a job.
        fn next(&self, worker: usize) -> bool {
            loop {
                if self.take_fiber() {
                    return false;
                }
                if take(&self.jobs) {
                    return true;
                }
                let searching = self.idle.try_search();
                if let Some(found) = self.search_or_sleep(worker, searching) {
                    return found;
                }
            }
        }

        /// `None`: look again.
        fn search_or_sleep(&self, worker: usize, mut searching: bool) -> Option<bool> {
            loop {
                if let Some(found) = searching.then(|| self.search()).flatten() {
                    return Some(found);
                }
                searching = match self.sleep(worker, true, false) {
                    Token::Search => true,
                    // S6.
                    Token::Look => holds(&self.jobs) && self.idle.try_search(),
                };
                if !searching {
                    return None;
                }
            }
        }

        /// D1 to D5, and the search after them, if nobody else searches. It sleeps until it is
        /// woken, or not at all.
        fn drowse(&self, worker: usize, sleeps: bool) -> Option<bool> {
            if !self.idle.try_search() {
                return None;
            }
            let stays_awake =
                || !sleeps || holds(&self.jobs) || self.inbox.as_ref().is_some_and(holds);
            let still_searches = self.idle.drowse(worker, None, stays_awake);
            self.slept.fetch_add(1, Ordering::Relaxed);
            still_searches.then(|| self.search()).flatten()
        }

        /// Looks once, as the searcher.
        fn search(&self) -> Option<bool> {
            let fiber = self.take_fiber();
            let job = !fiber && take(&self.jobs);
            self.idle.end_search();
            if !fiber && !job {
                return None;
            }
            if holds(&self.jobs) {
                self.idle.notify_one(|_| 0);
            }
            Some(job)
        }

        /// When all is done: nobody searches, no bit is set, no token is left, and each sleep has
        /// ended once.
        fn is_at_rest(&self) {
            assert_eq!(self.idle.searching.load(Ordering::Relaxed), NOBODY);
            assert!(!self.idle.drowsers.any(Ordering::Relaxed));
            assert!(!self.idle.starters.any(Ordering::Relaxed));
            assert!(!self.idle.resumers.any(Ordering::Relaxed));
            for bed in &self.idle.beds {
                assert_eq!(bed.token.load(Ordering::Relaxed), NONE);
            }
            assert_eq!(self.idle.wakes(), self.slept.load(Ordering::Relaxed));
        }
    }

    /// Starts a worker that goes on until it has had so many jobs and fibers. Then it is
    /// busy for ever. `loom` reports a deadlock if it sleeps for ever instead.
    fn worker(
        system: &Arc<System>,
        worker: usize,
        jobs: usize,
        fibers: usize,
    ) -> thread::JoinHandle<()> {
        let system = Arc::clone(system);
        thread::spawn(move || {
            system.idle.move_in(worker);
            let (mut jobs, mut fibers) = (jobs, fibers);
            while jobs + fibers > 0 {
                let left = if system.next(worker) {
                    &mut jobs
                } else {
                    &mut fibers
                };
                *left = left.checked_sub(1).expect("more than was pushed");
            }
        })
    }

    /// The same, but at first the worker drowses, as the searcher.
    fn drowsy_worker(
        system: &Arc<System>,
        sleeps: bool,
        mut jobs: usize,
        mut fibers: usize,
    ) -> thread::JoinHandle<()> {
        let system = Arc::clone(system);
        thread::spawn(move || {
            system.idle.move_in(0);
            let found = system.drowse(0, sleeps);
            let mut found = found.or_else(|| system.search_or_sleep(0, false));
            while jobs + fibers > 0 {
                match found.take().unwrap_or_else(|| system.next(0)) {
                    true => jobs -= 1,
                    false => fibers -= 1,
                }
            }
        })
    }

    /// The searcher sleeps, and is woken.
    #[test]
    fn loom_pushes_against_one_that_drowses() {
        explore(3, || {
            let system = System::new(1, false);
            let worker = drowsy_worker(&system, true, 2, 0);
            system.push();
            system.push();
            join([worker]);
            system.is_at_rest();
        });
    }

    #[test]
    fn loom_push_and_fiber_against_one_that_drowses() {
        explore(3, || {
            let system = System::new(1, true);
            let worker = drowsy_worker(&system, true, 1, 1);
            let waker = spawn(&system, |system| system.deliver(0));
            system.push();
            join([worker, waker]);
            system.is_at_rest();
        });
    }

    /// Another worker takes the search over, or falls asleep and relies on it.
    #[test]
    fn loom_pushes_against_one_that_drowses_and_one_that_searches() {
        explore(2, || {
            let system = System::new(2, false);
            let drowser = drowsy_worker(&system, false, 1, 0);
            let other = worker(&system, 1, 1, 0);
            system.push();
            system.push();
            join([drowser, other]);
            system.is_at_rest();
        });
    }

    fn spawn(system: &Arc<System>, part: fn(&System)) -> thread::JoinHandle<()> {
        let system = Arc::clone(system);
        thread::spawn(move || part(&system))
    }

    fn join<const N: usize>(threads: [thread::JoinHandle<()>; N]) {
        threads.into_iter().for_each(|t| t.join().unwrap());
    }

    #[test]
    fn loom_push_against_falling_asleep() {
        explore(None, || {
            let system = System::new(1, false);
            let worker = worker(&system, 0, 1, 0);
            system.push();
            join([worker]);
            system.is_at_rest();
        });
    }

    /// The second push may rely on the search that the first has begun.
    #[test]
    fn loom_two_pushes_against_one_worker() {
        explore(3, || {
            let system = System::new(1, false);
            let worker = worker(&system, 0, 2, 0);
            system.push();
            system.push();
            join([worker]);
            system.is_at_rest();
        });
    }

    /// A pusher may rely on the other's `searching`, which that one then takes back.
    #[test]
    fn loom_two_pushers_against_one_worker() {
        explore(2, || {
            let system = System::new(1, false);
            let worker = worker(&system, 0, 2, 0);
            let pusher = spawn(&system, System::push);
            system.push();
            join([worker, pusher]);
            system.is_at_rest();
        });
    }

    /// Starts a worker that sleeps already, until it is told to search; it takes one job.
    fn sleeper(system: &Arc<System>, worker: usize) -> thread::JoinHandle<()> {
        let sleeper = {
            let system = Arc::clone(system);
            thread::spawn(move || {
                let asleep = Asleep {
                    idle: &system.idle,
                    mask: &system.idle.starters,
                    worker,
                };
                assert_eq!(asleep.park(), Token::Search);
                system.slept.fetch_add(1, Ordering::Relaxed);
                assert!(system.search().unwrap_or_else(|| system.next(worker)));
            })
        };
        let thread = sleeper.thread().clone();
        system.idle.beds[worker].thread.with(|t| *t = Some(thread));
        let _ = system.idle.fall_asleep(worker, true, || ());
        sleeper
    }

    /// Each worker takes one job and is lost for the other one: who had the search must pass it on,
    /// whether it finds a job as the searcher or when it was about to sleep.
    #[test]
    fn loom_searcher_that_found_wakes_the_next() {
        explore(2, || {
            let system = System::new(2, false);
            let asleep = sleeper(&system, 0);
            let awake = worker(&system, 1, 1, 0);
            system.push();
            system.push();
            join([asleep, awake]);
            system.is_at_rest();
        });
    }

    /// The sleeper gets the second job, whichever pusher relied on whom.
    #[test]
    fn loom_two_pushers_against_two_workers() {
        explore(2, || {
            let system = System::new(2, false);
            let asleep = sleeper(&system, 0);
            let awake = worker(&system, 1, 1, 0);
            let pusher = spawn(&system, System::push);
            system.push();
            join([asleep, awake, pusher]);
            system.is_at_rest();
        });
    }

    #[test]
    fn loom_fiber_against_falling_asleep() {
        explore(None, || {
            let system = System::new(1, true);
            let worker = worker(&system, 0, 0, 1);
            system.deliver(0);
            join([worker]);
            system.is_at_rest();
        });
    }

    /// Whichever of the two wakes the worker, it must come to see the other's too.
    #[test]
    fn loom_job_and_fiber_against_one_worker() {
        explore(2, || {
            let system = System::new(1, true);
            let worker = worker(&system, 0, 1, 1);
            let waker = spawn(&system, |system| system.deliver(0));
            system.push();
            join([worker, waker]);
            system.is_at_rest();
        });
    }

    /// A worker that can't start a job is not woken for one, and only for a fiber.
    #[test]
    fn loom_resumer_is_woken_by_fibers_only() {
        explore(3, || {
            let system = System::new(1, true);
            let resumer = spawn(&system, |system| {
                system.idle.move_in(0);
                while !system.take_fiber() {
                    assert_eq!(system.sleep(0, false, false), Token::Look);
                }
            });
            let pusher = spawn(&system, System::push);
            system.deliver(0);
            join([resumer, pusher]);
            assert!(take(&system.jobs));
            system.is_at_rest();
        });
    }

    /// A sleep that is called off, against who would end it: the token comes once or not at all.
    #[test]
    fn loom_cancel_against_notify_and_wake() {
        explore(3, || {
            let system = System::new(1, false);
            let worker = spawn(&system, |system| {
                system.idle.move_in(0);
                for _ in 0..2 {
                    if system.sleep(0, true, true) == Token::Search {
                        assert!(!system.idle.try_search());
                        system.idle.end_search();
                    }
                }
            });
            let waker = spawn(&system, |system| system.idle.wake(0));
            system.idle.notify_one(|_| 0);
            join([worker, waker]);
            system.is_at_rest();
        });
    }

    /// What is read between two equal numbers of wakes, while everybody sleeps, belongs together:
    /// nobody runs.
    #[test]
    fn loom_everyone_sleeps_means_that_nobody_runs() {
        explore(3, || {
            let system = System::new(2, false);
            let sleeper = spawn(&system, |system| {
                system.idle.move_in(1);
                system.sleep(1, true, false);
                // It runs, and its next sleep shows what it has done.
                system.jobs.store(1, Ordering::Release);
                system.jobs.store(2, Ordering::Release);
                let last = system.idle.fall_asleep(1, false, || ());
                system.slept.fetch_add(1, Ordering::Relaxed);
                last.park();
            });
            let waker = spawn(&system, |system| {
                while !system.idle.starters.has(1) {
                    thread::yield_now();
                }
                system.idle.wake(1);
            });
            system.idle.move_in(0);
            let observer = system.idle.fall_asleep(0, false, || ());
            let wakes = system.idle.wakes();
            if system.idle.everyone_sleeps() {
                let jobs = system.jobs.load(Ordering::Acquire);
                if wakes == system.idle.wakes() {
                    assert_ne!(jobs, 1, "read while the worker was running");
                }
            }
            assert_eq!(observer.cancel(), Token::Look);
            system.slept.fetch_add(1, Ordering::Relaxed);
            join([waker]);
            while !system.idle.resumers.has(1) {
                thread::yield_now();
            }
            system.idle.wake(1);
            join([sleeper]);
            system.is_at_rest();
        });
    }

    /// An owner's deque and a worker that takes all from it. The owner is busy for ever when it has
    /// pushed.
    mod owner {
        use super::*;
        use crate::sched::deque::{Owner, Pushed, Steal, Stealer, Word, deque};

        struct Job;

        // SAFETY: there is nothing in it.
        unsafe impl Word for Job {
            fn into_raw(self) -> *mut () {
                std::ptr::dangling_mut()
            }

            unsafe fn from_raw(_: *mut ()) -> Self {
                Job
            }
        }

        struct Pair {
            idle: Idle,
            stealer: Stealer<Job>,
        }

        impl Pair {
            fn push(&self, owner: &Owner<Job>) {
                if owner.push(Job) == Pushed::Look && owner.look_up(|| self.idle.wants_jobs()) {
                    self.idle.see_to_jobs();
                }
            }

            /// As the searcher, or when it falls asleep again.
            fn take(&self) -> bool {
                match self.stealer.steal() {
                    Steal::Success(Job) => true,
                    _ => {
                        self.stealer.force() && matches!(self.stealer.steal(), Steal::Success(Job))
                    }
                }
            }

            fn part_pushes(&self) {
                super::super::part_pushes(std::iter::once(&self.stealer));
            }

            fn pass_on(&self) {
                let part = || self.part_pushes();
                self.idle.pass_on(part, || !self.stealer.is_empty());
            }

            fn next(&self, worker: usize, drowses: bool) {
                loop {
                    if self.take() {
                        return self.pass_on();
                    }
                    let mut searching = self.idle.try_search();
                    loop {
                        if searching {
                            self.stealer.call_owner();
                            let mut found = self.take();
                            let mut still = true;
                            if drowses && !found {
                                still = self.idle.drowse(worker, None, || true);
                                found = still && self.take();
                            }
                            if still {
                                self.idle.end_search();
                            }
                            if found {
                                return self.pass_on();
                            }
                            // Another forces, perhaps: it is its turn.
                            thread::yield_now();
                        }
                        let part = || self.part_pushes();
                        let asleep = self.idle.fall_asleep(worker, true, part);
                        let token = if self.stealer.is_empty() {
                            asleep.park()
                        } else {
                            asleep.cancel()
                        };
                        searching = token == Token::Search
                            || (!self.stealer.is_empty() && self.idle.try_search());
                        if !searching {
                            break;
                        }
                    }
                    // Another searches: it is its turn.
                    thread::yield_now();
                }
            }
        }

        /// One worker takes all jobs. Two would be worth a model, too, but then one may spin while
        /// the other forces, and `loom` lets it do so for ever.
        fn explore_pushes(preemptions: usize, jobs: usize, drowses: bool) {
            explore(preemptions, move || {
                let (owner, stealer) = deque();
                let pair = Arc::new(Pair {
                    idle: Idle::new(1),
                    stealer,
                });
                let worker = {
                    let pair = Arc::clone(&pair);
                    thread::spawn(move || {
                        pair.idle.move_in(0);
                        (0..jobs).for_each(|_| pair.next(0, drowses));
                    })
                };
                (0..jobs).for_each(|_| pair.push(&owner));
                worker.join().unwrap();
                assert!(owner.is_empty());
            });
        }

        #[test]
        fn loom_push_of_an_owner_against_falling_asleep() {
            explore_pushes(3, 1, false);
        }

        /// Its push wakes nobody who drowses, and is found all the same.
        #[test]
        fn loom_push_of_an_owner_against_one_that_drowses() {
            explore_pushes(3, 1, true);
        }

        /// The second push may not look up, and is seen by the worker's last look then.
        #[test]
        fn loom_two_pushes_of_an_owner_against_falling_asleep() {
            explore_pushes(2, 2, false);
        }
    }
}
mod drowsy;
#[cfg(loom)]
mod model;
#[cfg(loom)]
mod owner;
