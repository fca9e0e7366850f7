//! What a cell says of itself; models of those who make its value under `--cfg loom`.

use super::*;

#[cfg(loom)]
mod model;

#[cfg(not(loom))]
mod plain {
    use std::cell::Cell;

    use super::*;
    use crate::sched::Blocking;

    #[test]
    fn what_it_shows() {
        let cell = OnceCell::new();
        assert_eq!(format!("{cell:?}"), "OnceCell(<uninit>)");
        cell.set(7).unwrap();
        assert_eq!(format!("{cell:?}"), "OnceCell(7)");
    }

    #[test]
    fn clones_and_comparisons() {
        let (empty, one) = (OnceCell::default(), OnceCell::from(1));
        assert_eq!(empty.clone(), empty);
        assert_eq!(one.clone(), one);
        assert_ne!(empty, one);
        assert_ne!(one, OnceCell::from(2));
    }

    #[test]
    fn nothing_can_be_set_while_somebody_makes_the_value() {
        let cell = OnceCell::new();
        let made = cell.get_or_init(Blocking, |_| {
            assert_eq!(cell.get(), None);
            assert_eq!(cell.set(1), Err(1));
            2
        });
        assert_eq!((made, cell.set(3)), (&2, Err(3)));
    }

    #[test]
    fn each_value_is_dropped_once() {
        let drops = Cell::new(0);
        struct Counts<'a>(&'a Cell<u32>);
        impl Drop for Counts<'_> {
            fn drop(&mut self) {
                self.0.set(self.0.get() + 1);
            }
        }
        let mut cell = OnceCell::new();
        assert!(cell.set(Counts(&drops)).is_ok());
        drop(cell.set(Counts(&drops)));
        assert_eq!(drops.get(), 1);
        drop(cell.take());
        assert_eq!(drops.get(), 2);
        assert!(cell.get().is_none() && cell.set(Counts(&drops)).is_ok());
        assert_eq!(drops.get(), 2);
        drop(cell);
        assert_eq!(drops.get(), 3);
    }

    #[test]
    fn what_may_go_where() {
        fn send<T: Send>() {}
        fn sync<T: Sync>() {}
        fn safe<T: UnwindSafe + RefUnwindSafe>() {}
        send::<OnceCell<Cell<u8>>>();
        sync::<OnceCell<String>>();
        safe::<OnceCell<String>>();
    }
}
