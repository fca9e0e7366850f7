//! rustfiber's jobs that share a lock.

use rustfiber::{JobSystem, Mutex};

pub fn count_locked(system: &JobSystem, jobs: usize, each: u64) -> u64 {
    let number = Mutex::new(0);
    system.run(|cx| {
        cx.scope(|s| {
            for _ in 0..jobs {
                s.spawn(|cx| {
                    for _ in 0..each {
                        *number.lock(cx) += 1;
                    }
                });
            }
        });
    });
    number.into_inner()
}
