//! A plain thread that waits.
//!
//! Steps of the two sides:
//!
//! 1. The thread fills a `ThreadWaiter` in its frame and registers the node.
//! 2. The waker copies the thread's handle out of the waiter, then stores `done` (release).
//! 3. The waker unparks the thread by its copy: after step 2 the waiter may be gone.
//! 4. The thread parks until it loads `done` (acquire).
//!
//! No wake-up is lost: `unpark` leaves a token that the next `park` consumes, so an unpark
//! between the load of `done` and the `park` makes that park return at once.

use std::ptr::NonNull;
#[cfg(not(any(loom, shuttle)))]
use std::time::Duration;

use super::deadline::Deadline;
use super::node::{Source, WaitNode, Wake};
use crate::primitive::atomic::{AtomicU8, Ordering};
use crate::primitive::thread::{self, Thread};

#[cfg(not(any(loom, shuttle)))]
/// The longest that any thread spins before it parks.
const SPIN_LIMIT: Duration = Duration::from_micros(20);

const PENDING: u8 = 0;

fn encode(wake: Wake) -> u8 {
    match wake {
        Wake::Signalled => 1,
        Wake::Left => 2,
        Wake::Abandoned => 3,
    }
}

fn decode(code: u8) -> Wake {
    match code {
        1 => Wake::Signalled,
        2 => Wake::Left,
        _ => Wake::Abandoned,
    }
}

/// Whether a thread spins before it parks.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Patience {
    /// For `SPIN_LIMIT` at most.
    Spin,
    /// Not at all: what it waits for takes longer than that, or needs this thread's core.
    None,
}

/// A thread's node. `repr(C)`: a pointer to the node is a pointer to the waiter.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct ThreadWaiter {
    node: WaitNode,
    done: AtomicU8,
    thread: Thread,
}

impl ThreadWaiter {
    fn new() -> Self {
        Self {
            node: WaitNode::new(deliver),
            done: AtomicU8::new(PENDING),
            thread: thread::current(),
        }
    }

    /// Registers with `source` and blocks the thread until the node is delivered; lets the deadline
    /// know when it has passed, which makes somebody deliver the node.
    pub(crate) fn wait_for(
        source: &dyn Source,
        patience: Patience,
        deadline: Deadline<'_>,
    ) -> Wake {
        let waiter = Self::new();
        // The pointer is derived from the whole waiter, which `deliver` reaches through it.
        let node = NonNull::from(&waiter).cast::<WaitNode>();
        // SAFETY: the node lives in this frame until it is delivered, and this frame
        // goes on only after `register` has returned.
        if !unsafe { source.register(node) } {
            return Wake::Signalled;
        }
        waiter.park_until_done(patience, deadline)
    }

    fn park_until_done(&self, patience: Patience, mut deadline: Deadline<'_>) -> Wake {
        let mut spin = match patience {
            Patience::Spin => Spin::start(),
            Patience::None => Spin::over(),
        };
        loop {
            // Acquire: pairs with the release in `deliver`.
            let done = self.done.load(Ordering::Acquire);
            if done != PENDING {
                return decode(done);
            }
            if !spin.again(|| self.done.load(Ordering::Relaxed) != PENDING) {
                deadline.park();
            }
        }
    }
}

/// # Safety
/// As `WaitNode::new` says: called once, by whoever has unlinked the node of a `ThreadWaiter`.
unsafe fn deliver(node: NonNull<WaitNode>, wake: Wake) {
    // SAFETY: the node is the first field of its waiter, which is valid until `done` is stored.
    let waiter = unsafe { node.cast::<ThreadWaiter>().as_ref() };
    let thread = waiter.thread.clone();
    // Release: pairs with the acquire in `park_until_done`. The last touch of the waiter.
    waiter.done.store(encode(wake), Ordering::Release);
    thread.unpark();
}

/// Spins for at most `SPIN_LIMIT`.
#[cfg(not(any(loom, shuttle)))]
pub(crate) struct Spin(Option<std::time::Instant>);

#[cfg(not(any(loom, shuttle)))]
impl Spin {
    pub(crate) fn start() -> Self {
        Self(Some(std::time::Instant::now() + SPIN_LIMIT))
    }

    /// For about as long as another thread needs to get out of the way.
    pub(crate) fn moment() -> Self {
        Self(Some(std::time::Instant::now() + SPIN_LIMIT / 10))
    }

    /// For what a moment leaves of the limit.
    pub(crate) fn rest() -> Self {
        Self(Some(
            std::time::Instant::now() + SPIN_LIMIT - SPIN_LIMIT / 10,
        ))
    }

    pub(crate) fn over() -> Self {
        Self(None)
    }

    /// Spins for a little while, or until `has_come`; says whether the time allows another look.
    #[inline]
    pub(crate) fn again(&mut self, has_come: impl Fn() -> bool) -> bool {
        let Some(end) = self.0 else { return false };
        for _ in 0..16 {
            crate::primitive::hint::spin_loop();
            if has_come() {
                return true;
            }
        }
        if std::time::Instant::now() >= end {
            self.0 = None;
        }
        true
    }
}

/// A model explores every interleaving anyway: no time passes in it.
#[cfg(loom)]
pub(crate) struct Spin;

#[cfg(loom)]
impl Spin {
    pub(crate) fn start() -> Self {
        Self
    }

    pub(crate) fn over() -> Self {
        Self
    }

    pub(crate) fn moment() -> Self {
        Self
    }

    pub(crate) fn rest() -> Self {
        Self
    }

    pub(crate) fn again(&mut self, _has_come: impl Fn() -> bool) -> bool {
        false
    }
}

/// No time passes here either: it looks again a few times.
#[cfg(shuttle)]
pub(crate) struct Spin {
    looks: u32,
    /// Whether it lets all others go on between two looks.
    yields: bool,
}

#[cfg(shuttle)]
impl Spin {
    /// As many looks as a searcher needs until it uses force. Schedules by priority starve the
    /// others if it never lets them go on, and never see it fall asleep before them if it always
    /// does.
    pub(crate) fn start() -> Self {
        use shuttle::rand::Rng;
        Self {
            looks: 4,
            yields: shuttle::rand::thread_rng().gen_ratio(1, 4),
        }
    }

    /// Another thread has to get out of the way.
    pub(crate) fn moment() -> Self {
        Self {
            looks: 1,
            yields: true,
        }
    }

    pub(crate) fn rest() -> Self {
        Self::start()
    }

    pub(crate) fn over() -> Self {
        Self {
            looks: 0,
            yields: false,
        }
    }

    pub(crate) fn again(&mut self, _has_come: impl Fn() -> bool) -> bool {
        if self.looks == 0 {
            return false;
        }
        self.looks -= 1;
        if self.yields {
            crate::primitive::hint::spin_loop();
        }
        true
    }
}

#[cfg(test)]
mod tests;
