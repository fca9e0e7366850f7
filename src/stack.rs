//! Memory for fiber stacks.
//!
//! A [`StackArena`] hands out [`FiberStack`]s of one size and takes each of them back when it is
//! dropped. Every stack has a guard below it: memory that faults when touched, so that an overflow
//! ends the program and never writes over a neighbour. **There is no stack without a guard**; when
//! the system has no guard left to give, [`StackArena::allocate`] says so.
//!
//! This file holds what all platforms share. The arena itself is one of two backends with the same
//! interface, chosen here and nowhere else:
//!
//! - `arena_linux`: slots in a few large mappings; a million stacks fit in one process.
//! - `default`: one `corosensei::stack::DefaultStack` at a time, for every other platform. Windows
//!   needs it: there the kernel grows a stack and describes it in the thread's environment block.
//!
//! An arena is locked only to take a slot and to give one back. That is off the hot path: workers
//! keep idle fibers alive, stack and all, and come here when they have none.

use std::{error, fmt, io};

mod sanitizer;

#[cfg(target_os = "linux")]
mod arena_linux;
#[cfg(target_os = "linux")]
mod chunk_linux;
#[cfg(target_os = "linux")]
mod guard_linux;
#[cfg(target_os = "linux")]
pub(crate) use arena_linux::{FiberStack, StackArena};

// Linux compiles it for the tests, so that it doesn't rot.
#[cfg(any(not(target_os = "linux"), test))]
mod default;
#[cfg(not(target_os = "linux"))]
pub(crate) use default::{FiberStack, StackArena};

#[cfg(test)]
mod tests;

const KIB: usize = 1024;

/// The smallest stack an arena takes. A panic with a symbolized backtrace needs 22 KiB of it.
pub(crate) const MIN_STACK: usize = 32 * KIB;

/// The stack size for those who don't choose one. It is address space: only touched pages are
/// memory. Frames are several times as large without optimization and under AddressSanitizer.
pub(crate) const DEFAULT_STACK: usize = if cfg!(feature = "sanitizer") {
    2048 * KIB
} else if cfg!(debug_assertions) {
    1024 * KIB
} else {
    256 * KIB
};

/// Why [`StackArena::allocate`] gave no stack.
#[derive(Debug)]
pub(crate) enum StackError {
    /// A number set beforehand is reached. A stack that comes back to this arena can be had again.
    Limit(Limit),
    /// The operating system refused memory or a guard.
    Os(io::Error),
}

/// Which number [`StackError::Limit`] speaks of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Limit {
    /// The `max_stacks` of this arena, all in use.
    Stacks(usize),
    /// The guards that this process may make of mappings; see `guard_linux`.
    #[cfg_attr(
        not(target_os = "linux"),
        allow(dead_code, reason = "nobody counts guards elsewhere")
    )]
    Guards(usize),
}

impl fmt::Display for StackError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Limit(Limit::Stacks(n)) => {
                write!(f, "all {n} fiber stacks are in use; raise `max_fibers`")
            }
            Self::Limit(Limit::Guards(n)) => write!(
                f,
                "all {n} guards for fiber stacks are in use: this kernel makes each of them from \
                 two memory mappings, and half of the process's mappings may be used so; raise the \
                 sysctl vm.max_map_count, lower `max_fibers`, or use Linux 6.13 or later, whose \
                 guards need no mappings"
            ),
            Self::Os(error) => write!(
                f,
                "no memory for another fiber stack ({error}); lower `stack_size` or `max_fibers`, \
                 or raise the process's limits on address space and mappings (ulimit -v, the \
                 sysctls vm.max_map_count and vm.overcommit_memory)"
            ),
        }
    }
}

impl error::Error for StackError {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match self {
            Self::Limit(_) => None,
            Self::Os(error) => Some(error),
        }
    }
}

/// Checks what [`StackArena::new`] was asked for.
fn check_request(stack_size: usize, max_stacks: usize) -> io::Result<()> {
    if stack_size < MIN_STACK {
        return Err(invalid(format!(
            "a fiber stack of {stack_size} bytes is too small; `stack_size` is at least {MIN_STACK}"
        )));
    }
    // With room to add a guard and to round up.
    if stack_size > isize::MAX as usize / 2 {
        return Err(invalid(format!(
            "a `stack_size` of {stack_size} bytes is too large"
        )));
    }
    if max_stacks == 0 {
        return Err(invalid("`max_fibers` must be at least 1".into()));
    }
    Ok(())
}

fn invalid(message: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, message)
}
