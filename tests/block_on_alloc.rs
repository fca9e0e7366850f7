//! Waiting for a future allocates once, and its polls nothing. One test alone, because the allocator
//! counts.

mod common;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::future::poll_fn;
use std::task::Poll;

use common::{system, watch};
use rustfiber::Event;

/// The system's allocator; counts what this thread asks it for.
struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
}

// SAFETY: all is left to `System`.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        // SAFETY: by contract.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, old: *mut u8, layout: Layout) {
        // SAFETY: by contract.
        unsafe { System.dealloc(old, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[test]
fn one_allocation_for_a_future_and_none_for_a_poll() {
    let _watchdog = watch();
    let jobs = system(1);
    let (waiting, waker) = (Event::auto(), std::sync::Mutex::new(None));
    let allocations = jobs.run(|cx| {
        cx.scope(|s| {
            // Wakes the other one each time that it waits, until it ends.
            let wakes = s.spawn(|cx| {
                while {
                    waiting.wait(cx);
                    let waker: Option<std::task::Waker> = waker.lock().unwrap().take();
                    waker.inspect(std::task::Waker::wake_by_ref).is_some()
                } {}
            });
            let mut allocations = [0; 3];
            for (polls, allocated) in [1, 2, 1_000].into_iter().zip(&mut allocations) {
                cx.yield_now();
                let before = ALLOCATIONS.get();
                let mut left = polls;
                cx.block_on(poll_fn(|task| {
                    left -= 1;
                    if left == 0 {
                        return Poll::Ready(());
                    }
                    *waker.lock().unwrap() = Some(task.waker().clone());
                    waiting.set();
                    Poll::Pending
                }));
                *allocated = ALLOCATIONS.get() - before;
            }
            waiting.set();
            wakes.join(cx).unwrap();
            allocations
        })
    });
    assert_eq!(allocations, [1; 3]);
}
