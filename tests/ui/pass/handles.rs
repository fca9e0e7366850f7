//! Handles of jobs in collections, in other jobs, on plain threads; a waiter as a type parameter.
#![forbid(unsafe_code)]

use rustfiber::{Blocking, Counter, JobHandle, JobPanic, JobSystem, Waiter};

fn sum<W>(who: W, handles: Vec<JobHandle<u32>>) -> u32
where
    W: Waiter<Outcome<Result<u32, JobPanic>> = Result<u32, JobPanic>>,
{
    handles
        .into_iter()
        .map(|handle| handle.join(who).unwrap())
        .sum()
}

fn main() {
    let jobs = JobSystem::builder().workers(2).build().unwrap();
    let spawn = || (0..10).map(|n| jobs.spawn(move |_| n)).collect();

    assert_eq!(sum(Blocking, spawn()), 45);
    let handles = spawn();
    assert_eq!(jobs.run(|cx| sum(cx, handles)), 45);
    let handles = spawn();
    let by_thread = std::thread::spawn(move || sum(Blocking, handles));
    assert_eq!(by_thread.join().unwrap(), 45);

    // A scoped handle joined by a sibling.
    jobs.run(|cx| {
        cx.scope(|s| {
            let first = s.spawn(|_| 1);
            let second = s.spawn(|cx| first.join(cx).unwrap() + 1);
            assert_eq!(second.join(cx).unwrap(), 2);
        });
    });

    // A counter lent to jobs of a scope instead of cloned.
    let counter = Counter::new();
    jobs.run(|cx| {
        cx.scope(|s| {
            s.spawn_counted(&counter, |_| ());
            s.spawn(|cx| counter.wait(cx));
        });
    });
    assert!(counter.is_zero());
}
