//! What a lock says of itself; models of readers and writers under `--cfg loom`.

use super::*;

#[cfg(loom)]
mod model;

#[cfg(not(loom))]
mod plain {
    use super::*;

    #[test]
    fn what_it_shows() {
        let lock = RwLock::new(7);
        assert_eq!(format!("{lock:?}"), "RwLock { data: 7 }");
        let guard = lock.try_read().unwrap();
        assert_eq!(
            format!("{lock:?} {guard:?} {guard}"),
            "RwLock { data: 7 } 7 7"
        );
        drop(guard);
        let guard = lock.try_write().unwrap();
        assert_eq!(
            format!("{lock:?} {guard:?} {guard}"),
            "RwLock { data: <locked> } 7 7"
        );
    }

    #[test]
    fn the_usual_ways_to_make_one() {
        assert_eq!(RwLock::<u8>::default().into_inner(), 0);
        assert_eq!(RwLock::from(3).into_inner(), 3);
        let unsized_value: &RwLock<[u8]> = &RwLock::new([1, 2]);
        unsized_value.try_write().unwrap()[1] = 3;
        assert_eq!(*unsized_value.try_read().unwrap(), [1, 3]);
    }

    #[test]
    fn what_may_go_where() {
        fn send<T: Send>() {}
        fn sync<T: Sync>() {}
        type StdGuard = std::sync::MutexGuard<'static, u8>;
        send::<RwLock<std::cell::Cell<u8>>>();
        sync::<RwLock<String>>();
        send::<RwLockReadGuard<'static, String>>();
        send::<RwLockWriteGuard<'static, String>>();
        sync::<RwLockReadGuard<'static, StdGuard>>();
        sync::<RwLockWriteGuard<'static, StdGuard>>();
    }

    #[test]
    fn it_is_small() {
        assert!(size_of::<RwLock<()>>() <= 4 * size_of::<usize>());
        assert_eq!(
            size_of::<RwLockReadGuard<'static, ()>>(),
            size_of::<usize>()
        );
    }

    #[test]
    fn locked_and_how() {
        let lock = RwLock::new(());
        let state = || (lock.is_locked(), lock.is_locked_exclusive());
        assert_eq!(state(), (false, false));
        let readers = [lock.try_read().unwrap(), lock.try_read().unwrap()];
        assert_eq!(state(), (true, false));
        drop(readers);
        let writer = lock.try_write().unwrap();
        assert_eq!(state(), (true, true));
        let reader = writer.downgrade();
        assert_eq!(state(), (true, false));
        drop(reader);
        assert_eq!(state(), (false, false));
    }
}
