//! A store-load barrier for two sides of which one is hot.
//!
//! Two threads that each write one thing and then read the other's must not both miss: each needs
//! a full barrier in between, which costs as much as ten ordinary instructions. Where the system
//! can make *another thread's* processor execute a barrier, the hot side does without: it says
//! [`light`], which only keeps the compiler from moving anything, and the other side says
//! [`heavy`], a system call that takes microseconds while other threads run.
//!
//! **The promise.** Let a thread say `light` at `L` and another say `heavy` at `H`, and let
//! [`is_asymmetric`] be true. Then either everything before `L` is visible after `H`, or everything
//! before `H` is visible after `L`. Between two threads that say `heavy` it is a `SeqCst` fence.
//!
//! On Linux `heavy` is `membarrier(2)` with `MEMBARRIER_CMD_PRIVATE_EXPEDITED`. Elsewhere, and
//! where the kernel refuses, `is_asymmetric` is false, `light` promises nothing, and whoever relies
//! on it takes another way. `--cfg rustfiber_eager` makes it false everywhere, for tests. In a
//! model a `light` is no fence, but keeps the promise and hardly more; under `shuttle`, whose threads
//! run one at a time and see everything, nothing needs to be done for it.

pub(crate) use imp::{heavy, is_asymmetric, light};

#[cfg(all(target_os = "linux", not(any(loom, shuttle))))]
mod imp {
    use std::sync::OnceLock;
    use std::sync::atomic::{Ordering, compiler_fence, fence};

    use crate::unwind::abort;

    /// Of `linux/membarrier.h`.
    const QUERY: libc::c_int = 0;
    const PRIVATE_EXPEDITED: libc::c_int = 1 << 3;
    const REGISTER_PRIVATE_EXPEDITED: libc::c_int = 1 << 4;

    /// A guess: longer than the kernel goes without a page.
    const TRIES: usize = 1_000;

    /// Whether this process has registered for the expedited command.
    pub(crate) fn is_asymmetric() -> bool {
        static REGISTERED: OnceLock<bool> = OnceLock::new();
        !cfg!(rustfiber_eager)
            && *REGISTERED.get_or_init(|| {
                let known = membarrier(QUERY);
                known > 0
                    && known & libc::c_long::from(PRIVATE_EXPEDITED) != 0
                    && membarrier(REGISTER_PRIVATE_EXPEDITED) == 0
            })
    }

    #[inline(always)]
    pub(crate) fn light() {
        compiler_fence(Ordering::SeqCst);
    }

    #[cold]
    pub(crate) fn heavy() {
        fence(Ordering::SeqCst);
        if !is_asymmetric() {
            return;
        }
        // A registered process is refused only when the kernel is out of memory, which passes.
        let refused = (0..TRIES).all(|_| {
            let refused = membarrier(PRIVATE_EXPEDITED) != 0;
            if refused {
                std::thread::yield_now();
            }
            refused
        });
        if refused {
            let error = std::io::Error::last_os_error();
            abort(format_args!("the kernel refuses a membarrier ({error})"));
        }
        fence(Ordering::SeqCst);
    }

    fn membarrier(command: libc::c_int) -> libc::c_long {
        // SAFETY: the call takes two numbers beside the command and touches no memory of ours.
        unsafe { libc::syscall(libc::SYS_membarrier, command, 0, 0) }
    }
}

#[cfg(loom)]
mod imp {
    use crate::primitive::atomic::{AtomicU8, Ordering, fence};

    loom::lazy_static! {
        /// All barriers change it, so of any two the later one sees what came before the earlier one.
        static ref MEETING: AtomicU8 = AtomicU8::new(0);
    }

    fn meet() {
        MEETING.fetch_add(0, Ordering::AcqRel);
    }

    pub(crate) fn is_asymmetric() -> bool {
        true
    }

    pub(crate) fn light() {
        meet();
    }

    pub(crate) fn heavy() {
        fence(Ordering::SeqCst);
        meet();
        fence(Ordering::SeqCst);
    }
}

#[cfg(not(any(loom, all(target_os = "linux", not(shuttle)))))]
mod imp {
    use crate::primitive::atomic::{Ordering, fence};

    pub(crate) fn is_asymmetric() -> bool {
        cfg!(all(shuttle, not(rustfiber_eager)))
    }

    #[inline(always)]
    pub(crate) fn light() {}

    pub(crate) fn heavy() {
        fence(Ordering::SeqCst);
    }
}
