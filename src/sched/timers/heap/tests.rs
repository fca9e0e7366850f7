use super::*;
use crate::rng::Rng;

/// Every entry is where its slot says, no child is earlier than its parent, and where nobody is
/// nobody is found.
fn check<T: Copy>(heap: &Heap<T>) {
    for place in ROOT..heap.end {
        let entry = heap.entry(place);
        assert_eq!(heap.places[entry.slot as usize] as usize, place);
        if place > ROOT {
            assert_eq!(children(parent(place)), place / CHILDREN);
            assert!(heap.entry(parent(place)).at <= entry.at);
        }
    }
    let places = heap.groups.len() * CHILDREN;
    assert!((heap.end..heap.end + CHILDREN).contains(&places));
    for place in (0..ROOT).chain(heap.end..places) {
        assert_eq!(heap.entry(place).slot, NONE);
    }
}

#[test]
fn the_earliest_comes_first() {
    let rng = Rng::new(1);
    let mut heap = Heap::new();
    let mut times = Vec::from_iter((0..200).map(|_| rng.below(50) as u64));
    for &at in &times {
        heap.insert(at, at);
        check(&heap);
    }
    times.sort_unstable();
    for at in times {
        assert_eq!(heap.first(), Some(at));
        assert!(at == 0 || heap.pop_until(at - 1).is_none());
        assert_eq!(heap.pop_until(at), Some(at));
        check(&heap);
    }
    assert_eq!((heap.first(), heap.pop_until(u64::MAX)), (None, None));
    check(&heap);
}

#[test]
fn any_item_can_leave() {
    let rng = Rng::new(2);
    let mut heap = Heap::new();
    let insert = |heap: &mut Heap<usize>, item| (heap.insert(rng.below(1000) as u64, item), item);
    let mut keys = Vec::from_iter((0..200).map(|item| insert(&mut heap, item)));
    // Others come meanwhile, into slots that have become free.
    for item in 200..400 {
        let (key, expected) = keys.swap_remove(rng.below(keys.len()));
        assert_eq!(heap.remove(key), expected);
        check(&heap);
        keys.push(insert(&mut heap, item));
        check(&heap);
    }
    assert_eq!(heap.items.len(), 200, "slots are used again");
    while !keys.is_empty() {
        let (key, expected) = keys.swap_remove(rng.below(keys.len()));
        assert_eq!(heap.remove(key), expected);
        check(&heap);
    }
    assert_eq!(heap.first(), None);
}
