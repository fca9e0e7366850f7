//! What is due is taken out, all of it, and nothing else.

use std::ptr;

use super::*;

fn timer() -> Timer {
    Timer {
        at: Instant::now(),
        key: Cell::new(None),
        remote: Cell::new(None),
        fiber: ptr::null(),
        job: ptr::null(),
    }
}

#[test]
fn all_that_are_due_come_in_order() {
    for len in [0, 1, SOME - 1, SOME, SOME + 1, 3 * SOME] {
        let mut heap = Heap::new();
        let waiters = Vec::from_iter((0..len + 2).map(|_| (timer(), WaitNode::new(|_, _| ()))));
        let nodes = Vec::from_iter(waiters.iter().map(|(_, node)| NonNull::from(node)));
        for (at, (timer, node)) in waiters.iter().enumerate().rev() {
            let (timer, node) = (NonNull::from(timer), NonNull::from(node));
            let key = heap.insert(at as u64 + u64::from(at >= len), Registered { timer, node });
            // SAFETY: it lies in `waiters`.
            unsafe { timer.as_ref() }.key.set(Some(key));
        }
        // All but the last two are due, and then nothing is.
        for due in [len, 0] {
            // SAFETY: the timers lie in `waiters`.
            let taken = Vec::from_iter(unsafe { Due::new(&mut heap, len as u64) });
            assert_eq!(taken, nodes[..due]);
        }
        assert_eq!(heap.first(), Some(len as u64 + 1));
        for (at, (timer, _)) in waiters.iter().enumerate() {
            assert_eq!(timer.key.get().is_some(), at >= len);
        }
    }
}
