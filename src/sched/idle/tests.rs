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
mod drowsy;
#[cfg(loom)]
mod model;
#[cfg(loom)]
mod owner;
