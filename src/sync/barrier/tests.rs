//! What a barrier says of itself; models of arriving and leaving under `--cfg loom`.

use super::*;

#[cfg(loom)]
mod model;

#[cfg(not(loom))]
mod plain {
    use super::*;
    use crate::sched::Blocking;

    #[test]
    fn what_it_shows() {
        let barrier = Barrier::new(2);
        let arrival = barrier.arrive();
        assert_eq!(format!("{barrier:?}"), "Barrier { n: 2, arrived: 1 }");
        drop(arrival);
        assert_eq!(format!("{barrier:?}"), "Barrier { n: 2, arrived: 0 }");
        let result = Barrier::new(1).wait(Blocking);
        assert_eq!(
            format!("{result:?}"),
            "BarrierWaitResult { is_leader: true }"
        );
    }

    #[test]
    fn nobody_waits_at_a_barrier_for_one_or_none() {
        for n in [0, 1] {
            let barrier = Barrier::new(n);
            for _ in 0..3 {
                assert!(barrier.wait(Blocking).is_leader());
            }
        }
    }

    #[test]
    fn an_arrival_that_has_been_used_is_not_taken_back() {
        let barrier = Barrier::new(2);
        let first = barrier.arrive();
        assert!(barrier.arrive().is_none(), "it is the last");
        let next = barrier.arrive();
        drop(first);
        assert_eq!(barrier.state.with(|state| state.arrived), 1);
        drop(next);
        assert_eq!(barrier.state.with(|state| state.arrived), 0);
    }

    #[test]
    fn the_generation_goes_round() {
        let barrier = Barrier::new(2);
        barrier.state.with(|state| state.generation = usize::MAX);
        std::thread::scope(|s| {
            for _ in 0..2 {
                s.spawn(|| {
                    for _ in 0..10 {
                        barrier.wait(Blocking);
                    }
                });
            }
        });
        assert_eq!(barrier.state.with(|state| state.generation), 9);
    }

    #[test]
    fn what_may_go_where() {
        fn send_and_sync<T: Send + Sync + UnwindSafe + RefUnwindSafe>() {}
        send_and_sync::<Barrier>();
    }
}
