//! A job of a scope spawns its siblings, at any depth, and so does a thread that the scope waits for.
#![forbid(unsafe_code)]

use std::sync::atomic::{AtomicU32, Ordering};

use rustfiber::{JobSystem, Scope};

fn visit<'scope>(s: &'scope Scope<'scope, '_>, visited: &'scope AtomicU32, depth: u32) {
    visited.fetch_add(1, Ordering::Relaxed);
    if depth > 0 {
        s.spawn(move |_| visit(s, visited, depth - 1));
        s.spawn(move |cx| {
            cx.yield_now();
            visit(s, visited, depth - 1);
        });
    }
}

fn main() {
    let jobs = JobSystem::builder().workers(2).build().unwrap();
    let visited = AtomicU32::new(0);
    jobs.run(|cx| {
        cx.scope(|s| {
            visit(s, &visited, 5);
            std::thread::scope(|threads| {
                threads.spawn(|| visit(s, &visited, 2));
            });
        });
    });
    assert_eq!(visited.into_inner(), 63 + 7);
}
