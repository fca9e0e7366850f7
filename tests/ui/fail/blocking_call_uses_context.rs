//! A blocking call runs on another thread, where no job may wait.

use std::time::Duration;

use rustfiber::JobSystem;

fn main() {
    let jobs = JobSystem::new().unwrap();
    jobs.run(|cx| {
        cx.blocking(|| cx.sleep(Duration::ZERO));
    });
}
