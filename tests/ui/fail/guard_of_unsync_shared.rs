//! A guard lends its value: it can't be shared where the value can't.

use std::cell::Cell;

use rustfiber::{JobSystem, Mutex};

fn main() {
    let jobs = JobSystem::new().unwrap();
    let cell = Mutex::new(Cell::new(1));
    jobs.run(|cx| {
        let guard = cell.lock(cx);
        cx.join(|_| guard.set(2), |_| guard.set(3));
    });
}
