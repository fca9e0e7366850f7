//! tokio's tasks that share a lock.

use std::sync::Arc;

use tokio::sync::Mutex;

pub async fn count_locked(jobs: usize, each: u64) -> u64 {
    let number = Arc::new(Mutex::new(0));
    let tasks = Vec::from_iter((0..jobs).map(|_| {
        let number = Arc::clone(&number);
        tokio::spawn(async move {
            for _ in 0..each {
                *number.lock().await += 1;
            }
        })
    }));
    for task in tasks {
        task.await.expect("no panic");
    }
    *number.lock().await
}
