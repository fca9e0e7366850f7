//! may's coroutines that share a lock.

use std::sync::Arc;

use may::go;
use may::sync::Mutex;

pub fn count_locked(jobs: usize, each: u64) -> u64 {
    let number = Arc::new(Mutex::new(0));
    let handles = Vec::from_iter((0..jobs).map(|_| {
        let number = Arc::clone(&number);
        go!(move || {
            for _ in 0..each {
                *number.lock().expect("no panic") += 1;
            }
        })
    }));
    for handle in handles {
        handle.join().expect("no panic");
    }
    *number.lock().expect("no panic")
}
