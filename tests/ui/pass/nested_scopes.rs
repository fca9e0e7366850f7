//! A scope in a scope, and in a job of a scope.
#![forbid(unsafe_code)]

use std::sync::atomic::{AtomicU32, Ordering};

use rustfiber::{Context, JobSystem};

fn main() {
    let jobs = JobSystem::builder().workers(2).build().unwrap();
    let count = AtomicU32::new(0);
    let add = |_: &Context| {
        count.fetch_add(1, Ordering::Relaxed);
    };

    jobs.run(|cx| {
        cx.scope(|outer| {
            let from_outer = 1;
            cx.scope(|inner| {
                // The inner scope's jobs may borrow from the body of the outer one,
                inner.spawn(|cx| {
                    add(cx);
                    assert_eq!(from_outer, 1);
                });
                // and the outer scope can be used in the inner one's body and jobs.
                outer.spawn(add);
                inner.spawn(|_| {
                    outer.spawn(add);
                });
            });
            outer.spawn(|cx| {
                cx.scope(|innermost| {
                    innermost.spawn(add);
                    innermost.spawn(|_| {
                        outer.spawn(add);
                    });
                });
            });
        });
    });

    assert_eq!(count.into_inner(), 5);
}
