//! One set of tests for every backend, and those of the Linux backend's own promises.

use std::hint::black_box;
use std::process::{Command, ExitStatus, Output};
use std::sync::{Arc, mpsc};
use std::{env, io, process, ptr, thread};

use corosensei::stack::{STACK_ALIGNMENT, Stack};
use corosensei::{Coroutine, CoroutineResult};

use super::*;

#[cfg(target_os = "linux")]
mod linux;

/// Runs `body` in a process of its own: this test binary, told to run the test named `test` and no
/// other. There this function calls `body` and ends the process; here it returns how that ended.
pub(super) fn alone(test: &str, body: impl FnOnce()) -> Output {
    const CHILD: &str = "RUSTFIBER_TEST_ALONE";
    if env::var_os(CHILD).is_some() {
        body();
        process::exit(0);
    }
    let (_, test) = test.split_once("::").expect("a path with the crate's name");
    let mut child = Command::new(env::current_exe().unwrap());
    child.args(["--exact", test, "--test-threads=1"]);
    child.env(CHILD, "1");
    // A sanitizer would turn a fault into a report and an exit code.
    for options in ["ASAN_OPTIONS", "TSAN_OPTIONS"] {
        let old = env::var(options).unwrap_or_default();
        child.env(options, format!("{old}:handle_segv=0:handle_sigbus=0"));
    }
    let output = child.output().expect("the test binary starts");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("running 1 test"), "no test {test}: {text}");
    output
}

/// Whether a process ended by touching a guard.
fn hit_a_guard(status: ExitStatus) -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::process::ExitStatusExt;
        matches!(status.signal(), Some(libc::SIGSEGV | libc::SIGBUS))
    }
    #[cfg(windows)]
    {
        const STATUS_STACK_OVERFLOW: u32 = 0xC000_00FD;
        status.code() == Some(STATUS_STACK_OVERFLOW as i32)
    }
}

/// What `descend` leaves free below its last frame: room to return and, under AddressSanitizer, for
/// the calls into its runtime.
const MARGIN: usize = if cfg!(feature = "sanitizer") {
    16 * KIB
} else {
    2 * KIB
};

/// An address near the top of the caller's stack frame. Not that of a local: AddressSanitizer may
/// keep locals elsewhere.
#[inline(always)]
fn stack_pointer() -> usize {
    let sp: usize;
    #[cfg(target_arch = "x86_64")]
    // SAFETY: reads a register.
    unsafe {
        std::arch::asm!("mov {}, rsp", out(reg) sp, options(nomem, nostack, preserves_flags));
    }
    #[cfg(target_arch = "aarch64")]
    // SAFETY: reads a register.
    unsafe {
        std::arch::asm!("mov {}, sp", out(reg) sp, options(nomem, nostack, preserves_flags));
    }
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    {
        sp = (&raw const sp).addr();
    }
    sp
}

/// Recurses until the stack pointer is below `end`.
#[inline(never)]
fn descend(end: usize) -> usize {
    let mut frame = [1_u8; 256];
    black_box(&mut frame);
    let deepest = match stack_pointer() {
        sp if sp < end => sp,
        _ => descend(end),
    };
    black_box(&mut frame);
    deepest
}

/// Runs `descend(end)` on `stack`.
fn descend_on(stack: impl Stack + 'static, end: usize) -> usize {
    let mut fiber = Coroutine::<(), (), usize, _>::with_stack(stack, move |_, ()| descend(end));
    match fiber.resume(()) {
        CoroutineResult::Return(deepest) => deepest,
        CoroutineResult::Yield(()) => unreachable!(),
    }
}

macro_rules! tests_of_backend {
    ($backend:ident, $stack:ty, $new:expr) => {
        mod $backend {
            use super::*;

            const SIZE: usize = 64 * KIB;

            #[test]
            fn layout() {
                let arena = $new(SIZE, 200).unwrap();
                let stacks: Vec<$stack> = (0..200).map(|_| arena.allocate().unwrap()).collect();
                let mut ranges = Vec::new();
                for stack in &stacks {
                    let (base, limit) = (stack.base().get(), stack.limit().get());
                    assert_eq!(base % STACK_ALIGNMENT, 0);
                    assert_eq!(limit % STACK_ALIGNMENT, 0);
                    assert!(base - limit >= SIZE + 4 * KIB, "a stack and a guard");
                    ranges.push((limit, base));
                }
                ranges.sort_unstable();
                assert!(
                    ranges.windows(2).all(|pair| pair[0].1 <= pair[1].0),
                    "overlap"
                );
                assert_eq!(arena.stack_size(), SIZE);
            }

            #[test]
            fn all_of_it_is_usable() {
                let arena = $new(SIZE, 3).unwrap();
                let stacks: Vec<$stack> = (0..3).map(|_| arena.allocate().unwrap()).collect();
                for stack in stacks {
                    let end = stack.base().get() - SIZE + MARGIN;
                    let deepest = descend_on(stack, end);
                    assert!((end - MARGIN..end).contains(&deepest));
                }
            }

            #[test]
            fn overflow_ends_in_the_guard() {
                let test = concat!(module_path!(), "::overflow_ends_in_the_guard");
                let output = alone(test, || {
                    let arena = $new(SIZE, 2).unwrap();
                    let _below = arena.allocate().unwrap();
                    descend_on(arena.allocate().unwrap(), 0);
                });
                assert!(hit_a_guard(output.status), "{output:?}");
            }

            #[test]
            fn last_in_first_out() {
                let arena = $new(SIZE, 10).unwrap();
                let stacks: Vec<$stack> = (0..10).map(|_| arena.allocate().unwrap()).collect();
                let given: Vec<_> = stacks.iter().map(|stack| stack.base()).collect();
                stacks.into_iter().for_each(drop);
                let again: Vec<$stack> = (0..10).map(|_| arena.allocate().unwrap()).collect();
                let taken: Vec<_> = again.iter().rev().map(|stack| stack.base()).collect();
                assert_eq!(given, taken);
            }

            #[test]
            fn limit_is_an_error_until_one_comes_back() {
                let arena = $new(SIZE, 3).unwrap();
                let mut stacks: Vec<$stack> = (0..3).map(|_| arena.allocate().unwrap()).collect();
                for _ in 0..2 {
                    let error = arena.allocate().unwrap_err();
                    assert!(matches!(error, StackError::Limit(Limit::Stacks(3))));
                }
                stacks.pop();
                stacks.push(arena.allocate().unwrap());
                assert!(arena.allocate().is_err());
            }

            #[test]
            fn senseless_requests_are_errors() {
                let requests = [(0, 1), (MIN_STACK - 1, 1), (usize::MAX, 1), (MIN_STACK, 0)];
                for (stack_size, max_stacks) in requests {
                    let error = $new(stack_size, max_stacks).unwrap_err();
                    assert_eq!(error.kind(), io::ErrorKind::InvalidInput, "{error}");
                }
                $new(MIN_STACK, usize::MAX).unwrap();
                $new(DEFAULT_STACK, 1).unwrap();
            }

            #[test]
            fn a_stack_keeps_its_arena() {
                let arena = $new(SIZE, 2).unwrap();
                let weak = Arc::downgrade(&arena);
                let (one, two): ($stack, $stack) =
                    (arena.allocate().unwrap(), arena.allocate().unwrap());
                drop(arena);
                drop(one);
                let end = two.base().get() - SIZE + MARGIN;
                assert!(descend_on(two, end) < end);
                assert!(weak.upgrade().is_none());
            }

            /// Threads take stacks, hand them to each other and drop those of others. Nobody finds
            /// a stack that somebody else has.
            #[test]
            fn one_holder_at_a_time() {
                const THREADS: usize = 4;
                const ROUNDS: usize = 500;
                let arena = $new(MIN_STACK, THREADS * ROUNDS).unwrap();
                let (senders, receivers): (Vec<_>, Vec<_>) = (0..THREADS)
                    .map(|_| mpsc::channel::<(usize, $stack)>())
                    .unzip();
                thread::scope(|scope| {
                    for (me, inbox) in receivers.into_iter().enumerate() {
                        let (arena, next) = (&arena, senders[(me + 1) % THREADS].clone());
                        scope.spawn(move || {
                            for round in 0..ROUNDS {
                                let stack: $stack = arena.allocate().unwrap();
                                let mark = me * ROUNDS + round;
                                let cell = ptr::with_exposed_provenance_mut::<usize>(
                                    stack.base().get() - size_of::<usize>(),
                                );
                                // SAFETY: aligned, and in a stack that this thread holds.
                                unsafe { cell.write(mark) };
                                next.send((mark, stack)).unwrap();
                                let (mark, stack) = inbox.recv().unwrap();
                                let cell = ptr::with_exposed_provenance::<usize>(
                                    stack.base().get() - size_of::<usize>(),
                                );
                                // SAFETY: as above; the channel handed the stack over.
                                assert_eq!(unsafe { cell.read() }, mark);
                            }
                        });
                    }
                });
            }

            #[test]
            fn threads_and_debug() {
                fn sendable<T: Send>(value: T) -> T {
                    value
                }
                fn shareable<T: Send + Sync>(value: T) -> T {
                    value
                }
                let arena = shareable($new(SIZE, 5).unwrap());
                let stack: $stack = sendable(arena.allocate().unwrap());
                assert!(format!("{arena:?}").contains("in_use: 1"), "{arena:?}");
                assert!(format!("{stack:?}").contains("limit"), "{stack:?}");
            }
        }
    };
}

#[cfg(target_os = "linux")]
tests_of_backend!(chosen, FiberStack, StackArena::new);
#[cfg(target_os = "linux")]
tests_of_backend!(mprotect, FiberStack, linux::arena_with_mprotect);
tests_of_backend!(one_by_one, default::FiberStack, default::StackArena::new);

#[test]
fn errors_say_what_to_change() {
    let limit = StackError::Limit(Limit::Stacks(7)).to_string();
    assert!(limit.contains("all 7 ") && limit.contains("max_fibers"));
    let guards = StackError::Limit(Limit::Guards(7)).to_string();
    assert!(guards.contains("all 7 ") && guards.contains("vm.max_map_count"));
    let os = StackError::Os(io::ErrorKind::OutOfMemory.into());
    assert!(os.to_string().contains("stack_size"));
    assert!(error::Error::source(&os).is_some());
}
