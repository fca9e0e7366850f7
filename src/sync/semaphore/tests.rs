//! What a semaphore says of itself and to whom it gives; models of its steps under `--cfg loom`.

use super::*;

#[cfg(loom)]
mod model;

#[cfg(not(loom))]
mod plain {
    use super::*;
    use crate::sched::Blocking;

    #[test]
    fn what_it_shows() {
        let semaphore = Semaphore::new(3);
        let permits = semaphore.try_acquire(2).unwrap();
        assert_eq!(
            format!("{semaphore:?} {permits:?}"),
            "Semaphore { available_permits: 1 } SemaphorePermit { count: 2, .. }"
        );
        assert_eq!(
            format!("{:?}", semaphore.raw),
            "RawSemaphore { permits: 1, .. }"
        );
    }

    #[test]
    fn what_may_go_where() {
        fn send_and_sync<T: Send + Sync + UnwindSafe + RefUnwindSafe>() {}
        send_and_sync::<Semaphore>();
        send_and_sync::<SemaphorePermit<'static>>();
    }

    #[test]
    fn none_and_all() {
        let semaphore = Semaphore::new(0);
        assert_eq!(semaphore.acquire(Blocking, 0).count(), 0);
        assert!(semaphore.try_acquire(1).is_none());
        semaphore.release(Semaphore::MAX_PERMITS);
        semaphore.acquire(Blocking, Semaphore::MAX_PERMITS).forget();
        assert!(semaphore.try_acquire(usize::MAX).is_none());
    }

    #[test]
    #[should_panic(expected = "can't have more than `Semaphore::MAX_PERMITS`")]
    fn a_new_one_with_too_many() {
        drop(Semaphore::new(Semaphore::MAX_PERMITS + 1));
    }

    #[test]
    #[should_panic(expected = "no semaphore ever has")]
    fn to_ask_for_too_many() {
        drop(Semaphore::new(1).acquire(Blocking, Semaphore::MAX_PERMITS + 1));
    }

    #[test]
    #[should_panic(expected = "were they released twice?")]
    fn to_release_too_many() {
        let semaphore = Semaphore::new(1);
        semaphore.release(Semaphore::MAX_PERMITS - 1);
        semaphore.release(1);
    }

    #[test]
    #[should_panic(expected = "were they released twice?")]
    fn to_give_back_what_was_released_by_hand() {
        let semaphore = Semaphore::new(Semaphore::MAX_PERMITS);
        let permit = semaphore.try_acquire(1).unwrap();
        semaphore.release(1);
        drop(permit);
    }

    #[test]
    #[should_panic(expected = "permits of two semaphores")]
    fn to_merge_those_of_two() {
        let semaphores = [Semaphore::new(1), Semaphore::new(1)];
        let [mut one, other] = semaphores.each_ref().map(|s| s.try_acquire(1).unwrap());
        one.merge(other);
    }
}
