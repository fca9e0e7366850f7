//! A job uses thread-locals as any code does, also across a wait: it goes on where it has started.
#![forbid(unsafe_code)]

use std::cell::{Cell, RefCell};

use rustfiber::JobSystem;

thread_local! {
    static PLACE: Cell<u32> = const { Cell::new(0) };
    static LIST: RefCell<Vec<u32>> = const { RefCell::new(Vec::new()) };
}

fn main() {
    let jobs = JobSystem::builder().workers(2).build().unwrap();
    jobs.run(|cx| {
        cx.scope(|s| {
            for n in 0..100 {
                s.spawn(move |cx| {
                    PLACE.with(|place| {
                        let before = std::ptr::from_ref(place).addr();
                        cx.yield_now();
                        place.set(n);
                        PLACE.with(|place| assert_eq!(std::ptr::from_ref(place).addr(), before));
                        assert_eq!(PLACE.get(), n);
                    });
                    LIST.with_borrow_mut(|list| list.push(n));
                });
            }
        });
    });
}
