//! Items are dropped once, by whom they belong to.

use std::rc::Rc;

use super::*;

/// A vector with room for `len`, and its places.
fn with_room<T>(len: usize) -> (Vec<T>, Places<T>) {
    let mut items = Vec::with_capacity(len);
    let places = Places::of(&mut items);
    (items, places)
}

fn fill<T: Clone>(places: &Places<T>, range: std::ops::Range<usize>, item: &T) -> Filled<T> {
    range.fold(places.none(), |filled, index| {
        // SAFETY: the tests' vectors have room, and live longer; each place is filled once.
        unsafe { filled.put(index, item.clone()) }
    })
}

#[test]
fn neighbours_fill_a_vector() {
    let (item, (mut items, places)) = (Rc::new(()), with_room(10));
    let (a, b, c) = (
        fill(&places, 0..4, &item),
        fill(&places, 4..5, &item),
        fill(&places, 5..10, &item),
    );
    let all = places.none().and(a).and(b.and(places.none()).and(c));
    all.belong_to(&mut items, 10);
    assert_eq!((items.len(), Rc::strong_count(&item)), (10, 11));
    drop(items);
    assert_eq!(Rc::strong_count(&item), 1);
}

#[test]
fn nothing_and_something_is_something() {
    let (_items, places) = with_room(10);
    let some = places
        .none()
        .and(fill(&places, 3..5, &0))
        .and(places.none());
    assert_eq!((some.first(), some.len), (3, 2));
}

/// Neither a panic between two pieces nor one of a destructor leaks the others' items.
#[test]
fn an_item_whose_drop_panics_leaks_no_other() {
    #[derive(Clone)]
    struct Bomb(bool, #[expect(dead_code, reason = "it is counted")] Rc<()>);
    impl Drop for Bomb {
        fn drop(&mut self) {
            if self.0 && !std::thread::panicking() {
                std::panic::resume_unwind(Box::new("bomb"));
            }
        }
    }
    let (item, (_items, places)) = (Rc::new(()), with_room(10));
    let left = fill(&places, 0..3, &Bomb(false, item.clone()));
    let mut bomb = Bomb(true, item.clone());
    let right = fill(&places, 4..6, &bomb);
    assert_eq!(Rc::strong_count(&item), 1 + 3 + 1 + 2);
    let both = std::panic::AssertUnwindSafe(|| drop(left.and(right)));
    assert!(std::panic::catch_unwind(both).is_err());
    bomb.0 = false;
    drop(bomb);
    assert_eq!(Rc::strong_count(&item), 1);
}

#[test]
fn what_no_vector_gets_is_dropped() {
    let (item, (items, places)) = (Rc::new(()), with_room(10));
    let left = fill(&places, 1..3, &item);
    let behind_a_gap = fill(&places, 4..9, &item);
    let both = left.and(behind_a_gap);
    assert_eq!(Rc::strong_count(&item), 3);
    drop(both);
    assert_eq!(Rc::strong_count(&item), 1);
    drop(items);
    assert_eq!(Rc::strong_count(&item), 1);
}

#[test]
#[should_panic(expected = "has run all elements")]
fn a_vector_gets_all_or_nothing() {
    let (mut items, places) = with_room(10);
    fill(&places, 1..10, &0).belong_to(&mut items, 10);
}

#[test]
fn nothing_fills_nothing() {
    let (mut items, places) = with_room::<String>(0);
    places.none().belong_to(&mut items, 0);
    assert!(items.is_empty());
}
