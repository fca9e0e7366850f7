//! Slots are disjoint, used again, and come back from other threads.

use std::thread;

use super::*;

const LAYOUTS: [Layout; 4] = [
    Layout::new::<[u64; 1]>(),
    Layout::new::<[u64; 8]>(),
    Layout::new::<[u64; 9]>(),
    Layout::new::<[u64; 32]>(),
];

fn fill(slot: NonNull<u8>, layout: Layout, with: u8) {
    // SAFETY: the slot is the test's.
    unsafe { slot.write_bytes(with, layout.size()) };
}

fn holds(slot: NonNull<u8>, layout: Layout, what: u8) -> bool {
    // SAFETY: as above, and `fill` has written it.
    let bytes = unsafe { std::slice::from_raw_parts(slot.as_ptr(), layout.size()) };
    bytes.iter().all(|&byte| byte == what)
}

#[test]
fn slots_are_disjoint_and_aligned() {
    let slots = Slots::new();
    for layout in LAYOUTS {
        let taken: Vec<_> = (0..5 * BATCH).map(|_| slots.take(layout)).collect();
        for (n, slot) in taken.iter().enumerate() {
            fill(*slot, layout, n as u8);
        }
        for (n, slot) in taken.into_iter().enumerate() {
            assert!(holds(slot, layout, n as u8));
            // SAFETY: taken above, for this layout.
            unsafe { slots.free(slot, layout) };
        }
    }
}

#[test]
#[cfg(not(feature = "sanitizer"))]
fn what_was_freed_last_is_taken_first() {
    let slots = Slots::new();
    let layout = LAYOUTS[1];
    let slot = slots.take(layout);
    assert_eq!(slot.addr().get() % LINE, 0);
    // SAFETY: taken above, for this layout.
    unsafe { slots.free(slot, layout) };
    assert_eq!(slots.take(layout), slot);
    // SAFETY: as above.
    unsafe { slots.free(slot, layout) };
}

#[test]
fn large_layouts_come_from_the_allocator() {
    for layout in [
        Layout::new::<[u64; 33]>(),
        Layout::from_size_align(8, 128).unwrap(),
    ] {
        assert_eq!(size_of_slot(layout), None);
        let slots = Slots::new();
        let (one, two) = (slots.take(layout), take_alone(layout));
        fill(one, layout, 1);
        fill(two, layout, 2);
        assert!(holds(one, layout, 1));
        assert_eq!(two.addr().get() % layout.align(), 0);
        // SAFETY: taken above, for this layout.
        unsafe {
            free_alone(one, layout);
            slots.free(two, layout);
        }
    }
}

/// The chunks are never given back.
#[test]
#[cfg(not(feature = "sanitizer"))]
fn each_chunk_doubles_what_there_is_until_it_is_large() {
    let mut depot = Depot::new();
    let (mut chunks, mut slots) = (vec![], std::collections::HashSet::new());
    let most = MOST_BATCHES * BATCH;
    while depot.all < 4 * most {
        let before = depot.all;
        slots.extend(depot.cut_batch(0));
        if depot.all > before {
            chunks.push(depot.all - before);
        }
    }
    let doubling = (0..).map(|n| (BATCH << n) >> usize::from(n > 0));
    let expected: Vec<usize> = doubling.take_while(|&slots| slots < most).collect();
    assert_eq!(chunks[..expected.len()], expected);
    assert_eq!(chunks[expected.len()..], [most; 3]);
    // No slot was given twice.
    assert_eq!(slots.len(), depot.all - depot.uncut.slots);
    assert!(depot.free.capacity() >= depot.all);
}

/// One takes and another frees: the slots go round by way of the depot, and there are no more and
/// more of them.
#[test]
#[cfg(not(feature = "sanitizer"))]
fn slots_come_back_from_another_worker() {
    let layout = Layout::new::<[u64; 20]>();
    let (taker, freer) = (Slots::new(), Slots::new());
    let mut seen = std::collections::HashSet::new();
    for _ in 0..100 {
        let taken: Vec<_> = (0..10 * BATCH).map(|_| taker.take(layout)).collect();
        seen.extend(taken.iter().copied());
        for slot in taken {
            // SAFETY: taken above, for this layout.
            unsafe { freer.free(slot, layout) };
        }
    }
    // Other tests use the depot, too.
    assert!(seen.len() < 100 * BATCH, "{} slots", seen.len());
}

#[test]
fn threads_without_slots_share_the_depot() {
    let layout = LAYOUTS[2];
    thread::scope(|s| {
        for mark in 0..4 {
            s.spawn(move || {
                for _ in 0..200 {
                    let taken: Vec<_> = (0..BATCH + 1).map(|_| take_alone(layout)).collect();
                    taken.iter().for_each(|slot| fill(*slot, layout, mark));
                    for slot in taken {
                        assert!(holds(slot, layout, mark));
                        // SAFETY: taken above, for this layout.
                        unsafe { free_alone(slot, layout) };
                    }
                }
            });
        }
    });
}
