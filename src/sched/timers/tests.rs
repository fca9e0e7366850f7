use super::*;
use crate::rng::Rng;

fn timers(count: usize) -> Vec<Timer> {
    (0..count).map(|_| Timer::new(Instant::now())).collect()
}

/// Every timer knows its place, and no child is earlier than its parent.
fn check(heap: &Heap) {
    for (place, entry) in heap.0.iter().enumerate() {
        // SAFETY: the timers outlive the heap.
        assert_eq!(unsafe { entry.timer.as_ref() }.place.get(), place);
        if place > 0 {
            assert!(heap.0[(place - 1) / CHILDREN].at <= entry.at);
        }
    }
}

#[test]
fn the_earliest_comes_first() {
    let timers = timers(200);
    let rng = Rng::new(1);
    let mut heap = Heap(Vec::new());
    let mut times: Vec<u64> = timers
        .iter()
        .map(|timer| {
            let at = rng.below(50) as u64;
            heap.insert(at, NonNull::from(timer));
            check(&heap);
            at
        })
        .collect();
    times.sort_unstable();
    for at in times {
        assert_eq!(heap.0[0].at, at);
        heap.remove(0);
        check(&heap);
    }
}

#[test]
fn any_timer_can_leave() {
    let timers = timers(200);
    let rng = Rng::new(2);
    let mut heap = Heap(Vec::new());
    for timer in &timers {
        heap.insert(rng.below(1000) as u64, NonNull::from(timer));
    }
    while !heap.0.is_empty() {
        let place = rng.below(heap.0.len());
        let leaves = heap.0[place].timer;
        heap.remove(place);
        // SAFETY: the timers outlive the heap.
        assert_eq!(unsafe { leaves.as_ref() }.place.get(), NOWHERE);
        check(&heap);
    }
}

#[test]
fn a_stride_fits_the_length_of_turns() {
    let stride = Stride::new();
    let mut now = 0;
    // Short turns: the clock is read ever more rarely.
    for _ in 0..10 {
        now += 100;
        stride.begin(now);
    }
    assert_eq!(stride.length.get(), LONGEST_STRIDE);
    // Long ones: every time.
    for _ in 0..2 {
        now += 100 * STRIDE_TIME;
        stride.begin(now);
    }
    assert_eq!(stride.length.get(), 1);
    assert!(stride.is_over());
}
