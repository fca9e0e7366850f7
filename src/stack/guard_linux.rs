//! Guards: the memory below each stack that faults when touched.
//!
//! There are two ways to make one.
//!
//! - `madvise(MADV_GUARD_INSTALL)`, Linux 6.13 and later: marks pages inside a mapping. It costs no
//!   mapping, so there is no limit on their number.
//! - `mprotect(PROT_NONE)`, everywhere: cuts the mapping, so each guard costs two. A process has
//!   65,530 mappings by default, and at that limit every `mmap` in it fails, `malloc`'s too.
//!   These guards are therefore counted against a [`Budget`] of half of them.
//!
//! The first way is taken if a [probe](works_here) saw it work, and the second for any range where
//! the first is refused (an `mlock`ed one, for example).

use std::fs;
use std::io;
use std::ptr::{self, NonNull};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use super::{Limit, StackError};

/// From the kernel's `asm-generic/mman-common.h`; the `libc` crate has it for some targets only.
const MADV_GUARD_INSTALL: libc::c_int = 102;

/// Makes guards for one chunk, and holds what they took from the budget until it is dropped.
/// That must be after the chunk is unmapped.
#[derive(Debug)]
pub(super) struct Guards {
    ways: GuardWays,
    spent: usize,
}

/// The ways to make a guard that are open to an arena.
#[derive(Clone, Copy, Debug)]
pub(super) struct GuardWays {
    madvise: bool,
    budget: &'static Budget,
}

/// How many `mprotect` guards may exist, and how many do.
#[derive(Debug)]
pub(super) struct Budget {
    limit: usize,
    // A count and nothing else: no memory is published through it, so every access is Relaxed.
    spent: AtomicUsize,
}

impl GuardWays {
    /// What this kernel offers.
    pub(super) fn detect() -> Self {
        static MADVISE: OnceLock<bool> = OnceLock::new();
        Self {
            madvise: *MADVISE.get_or_init(works_here),
            budget: Budget::of_process(),
        }
    }

    /// The same with a budget of one's own.
    #[cfg(test)]
    pub(super) fn detect_with(budget: &'static Budget) -> Self {
        Self {
            budget,
            ..Self::detect()
        }
    }

    /// Only `mprotect`, whatever the kernel offers.
    #[cfg(test)]
    pub(super) fn mprotect_only(budget: &'static Budget) -> Self {
        Self {
            madvise: false,
            budget,
        }
    }

    #[cfg(test)]
    pub(super) fn has_madvise(self) -> bool {
        self.madvise
    }
}

impl Guards {
    pub(super) fn new(ways: GuardWays) -> Self {
        Self { ways, spent: 0 }
    }

    /// Makes a guard of `len` bytes at `start`. It lasts until the range is unmapped.
    ///
    /// # Safety
    ///
    /// - The range is page-aligned, and all of it lies in one mapping that the caller owns.
    /// - The mapping is unmapped before `self` is dropped.
    /// - Nothing else is kept in the range.
    pub(super) unsafe fn install(
        &mut self,
        start: NonNull<u8>,
        len: usize,
    ) -> Result<(), StackError> {
        let start = start.as_ptr().cast();
        // SAFETY: the caller owns the range and keeps nothing in it.
        if self.ways.madvise && unsafe { libc::madvise(start, len, MADV_GUARD_INSTALL) } == 0 {
            return Ok(());
        }

        self.ways.budget.spend().map_err(StackError::Limit)?;
        self.spent += 1;
        // SAFETY: as above.
        if unsafe { libc::mprotect(start, len, libc::PROT_NONE) } != 0 {
            let error = io::Error::last_os_error();
            self.spent -= 1;
            self.ways.budget.give_back(1);
            return Err(StackError::Os(error));
        }
        Ok(())
    }
}

impl Drop for Guards {
    fn drop(&mut self) {
        self.ways.budget.give_back(self.spent);
    }
}

impl Budget {
    pub(super) const fn new(limit: usize) -> Self {
        Self {
            limit,
            spent: AtomicUsize::new(0),
        }
    }

    /// The one budget that all arenas of the process share, as they share its mappings.
    fn of_process() -> &'static Self {
        static BUDGET: OnceLock<Budget> = OnceLock::new();
        BUDGET.get_or_init(|| {
            let mappings = fs::read_to_string("/proc/sys/vm/max_map_count")
                .ok()
                .and_then(|text| text.trim().parse::<usize>().ok())
                .unwrap_or(64_000);
            // Half of the mappings, at two for each guard.
            Self::new(mappings / 4)
        })
    }

    fn spend(&self) -> Result<(), Limit> {
        self.spent
            .fetch_update(Relaxed, Relaxed, |n| (n < self.limit).then_some(n + 1))
            .map(drop)
            .map_err(|_| Limit::Guards(self.limit))
    }

    fn give_back(&self, guards: usize) {
        self.spent.fetch_sub(guards, Relaxed);
    }

    #[cfg(test)]
    pub(super) fn spent(&self) -> usize {
        self.spent.load(Relaxed)
    }
}

/// Whether `MADV_GUARD_INSTALL` makes a page that faults. The answer of `madvise` is not enough:
/// advice is a hint, and qemu's user mode reports success for advice that it ignores. So the kernel
/// is asked to read from the page, and must refuse with `EFAULT`.
fn works_here() -> bool {
    let page = page_size();
    // SAFETY: a new private mapping at an address of the kernel's choice touches nothing existing.
    let start = unsafe {
        libc::mmap(
            ptr::null_mut(),
            page,
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
            -1,
            0,
        )
    };
    if start == libc::MAP_FAILED {
        return false;
    }
    // SAFETY: the page was mapped above, belongs to this function, and nothing is kept in it.
    let works =
        unsafe { libc::madvise(start, page, MADV_GUARD_INSTALL) } == 0 && kernel_read_faults(start);
    // SAFETY: maps this function's page out; no reference into it was ever made.
    unsafe { libc::munmap(start, page) };
    works
}

/// Whether the kernel faults when it reads at `address`. Never faults itself.
pub(super) fn kernel_read_faults(address: *const libc::c_void) -> bool {
    // SAFETY: creates a file descriptor, an event counter that takes writes of eight bytes.
    let counter = unsafe { libc::eventfd(0, libc::EFD_CLOEXEC) };
    if counter < 0 {
        return false;
    }
    // SAFETY: the kernel checks the address it reads from and answers EFAULT if it can't.
    let written = unsafe { libc::write(counter, address, size_of::<u64>()) };
    let faults = written < 0 && io::Error::last_os_error().raw_os_error() == Some(libc::EFAULT);
    // SAFETY: this function opened the descriptor and nobody else knows it.
    unsafe { libc::close(counter) };
    faults
}

pub(super) fn page_size() -> usize {
    // SAFETY: asks for a constant of the system.
    let size = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    usize::try_from(size)
        .ok()
        .filter(|size| size.is_power_of_two())
        .expect("the page size is a power of two")
}
