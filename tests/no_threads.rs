//! Too little address space for all the worker threads: an error, and none of the started ones stays behind.
#![forbid(unsafe_code)]
// The sanitizer needs more address space than there is.
#![cfg(all(target_os = "linux", not(feature = "sanitizer")))]

mod common;

use std::error::Error;
use std::process::Command;

use common::watch;
use rustfiber::JobSystem;

const CHILD: &str = "RUSTFIBER_TEST_NO_THREADS";

/// The stacks of so many threads take four times what the child may have. They are so large that a thread which
/// does start finds room for all the rest.
const WORKERS: usize = 64;
const THREAD_STACK_MIB: u32 = 256;
const LIMIT_MIB: u32 = 16 * THREAD_STACK_MIB;

fn threads_of_this_process() -> usize {
    std::fs::read_dir("/proc/self/task").unwrap().count()
}

fn in_the_child() {
    let before = threads_of_this_process();
    for _ in 0..3 {
        let error = JobSystem::builder().workers(WORKERS).build().unwrap_err();
        assert!(error.to_string().contains("set fewer `workers`"), "{error}");
        assert!(error.source().is_some());
        // A thread that has been joined may be listed a moment longer.
        while threads_of_this_process() > before {
            std::thread::yield_now();
        }
    }
    let jobs = JobSystem::builder().workers(4).build().unwrap();
    assert_eq!(jobs.run(|cx| cx.join(|_| 1, |_| 2)), (1, 2));
}

#[test]
fn threads_that_can_not_be_started_leave_none_of_the_others_behind() {
    let _watchdog = watch();
    if std::env::var_os(CHILD).is_some() {
        return in_the_child();
    }
    let child = Command::new("sh")
        .arg("-c")
        .arg(format!(
            "ulimit -v {} && exec \"$0\" --nocapture",
            u64::from(LIMIT_MIB) << 10
        ))
        .arg(std::env::current_exe().unwrap())
        .env(CHILD, "1")
        .env(
            "RUST_MIN_STACK",
            (u64::from(THREAD_STACK_MIB) << 20).to_string(),
        )
        .env("MALLOC_ARENA_MAX", "1")
        .output()
        .unwrap();
    let [stdout, stderr] = [&child.stdout, &child.stderr].map(|out| String::from_utf8_lossy(out));
    assert!(child.status.success(), "{stdout}{stderr}");
}
