//! The permits themselves: one word, and a queue of those who wait for them. A read-write lock is
//! made of it, too.
//!
//! ```text
//!  word:  | permits ........................ | WAITERS |
//! ```
//!
//! `permits` are there to be taken. `WAITERS` says that the queue is not empty, or that somebody
//! holds its lock and is about to say whether it is. Each node's note is the number of permits that
//! its waiter asks for.
//!
//! *Whoever holds the lock of the queue, and has set `WAITERS`, has the word to itself*: the others
//! change it only while the bit is clear. That is called to *seize* it.
//!
//! Steps:
//!
//! 1. **Take**: if `WAITERS` is clear, and there are enough permits, an exchange takes them.
//! 2. **Queue** (`Acquire::register`, under the queue's lock): the word is seized. If nobody waits and
//!    there are enough permits, the node is claimed, and if that succeeds they are taken. Else the
//!    node is pushed at the end.
//! 3. **Release**: if `WAITERS` is clear, an exchange adds the permits. Else under the queue's lock:
//!    the word is seized, the permits are added, and the queue is *served*.
//! 4. **Leave** (late or cancelled, under the queue's lock): the node is taken out. If it was there,
//!    the word is seized, and the queue is served.
//! 5. **Serve**: as long as the first waiter asks for no more than there is, it is taken out of the
//!    queue, and, if it can be claimed, its permits out of the word. After a number of them the lock
//!    is given away for a moment.
//!
//! *Nobody is overtaken*: while somebody waits, step 1 takes nothing, step 2 queues, and step 5 begins
//! with the first and stops at it if there is not enough.
//!
//! *No wake-up is lost*, which is to say: when nobody is in the middle of a step, the first waiter
//! asks for more than there is. Pushing a node leaves that so: it is pushed to a queue of which it
//! was true, or found too few permits and is the first. What could make it false is more permits,
//! or another first waiter: step 3 in the first case, 4 and 5 in the second, end with step 5.
//! A release that finds `WAITERS` clear came before the seizing of step 2, which therefore sees its
//! permits.
//!
//! *A permit is not lost to one that is late*: it is taken out of the word only for a node that has
//! been claimed, and a waiter whose node has been claimed is not late.
//!
//! **Orderings.** Permits are taken with acquire and given with release. A seizure acquires what all
//! gave before it, and its end releases it anew, since it is a plain store. A served waiter acquires
//! by its delivery, which comes after the lock.

use std::fmt;
use std::ptr::{self, NonNull};

use crate::primitive::atomic::{AtomicUsize, Ordering};
use crate::primitive::const_unless_modelled;
use crate::wait::{Chain, Interrupted, Site, Source, SpinLock, WaitNode, WaitQueue, Waiter, Wake};

const WAITERS: usize = 1;
/// One permit.
const ONE: usize = 2;

/// More permits than there can be memory for their holders.
pub(crate) const MOST: usize = usize::MAX / ONE;

/// Nodes that are looked at under one lock.
const BATCH: usize = 32;

/// A semaphore without its guards.
pub(crate) struct RawSemaphore {
    word: AtomicUsize,
    queue: SpinLock<WaitQueue>,
}

/// There would be more than `MOST` permits.
#[derive(Debug)]
pub(crate) struct Overflow;

impl RawSemaphore {
    const_unless_modelled! {
        /// With so many permits, `MOST` at most.
        pub(crate) fn new(permits: usize) -> Self {
            Self {
                word: AtomicUsize::new(permits * ONE),
                queue: SpinLock::new(WaitQueue::new()),
            }
        }
    }

    /// The permits that are there at this moment.
    pub(crate) fn permits(&self) -> usize {
        self.word.load(Ordering::Relaxed) / ONE
    }

    /// Takes `n` permits, at most `MOST`, or waits for them.
    #[inline(always)]
    pub(crate) fn acquire<W: Waiter>(
        &self,
        who: W,
        n: usize,
        site: Site,
    ) -> Result<(), Interrupted> {
        if self.try_acquire(n) {
            return Ok(());
        }
        self.wait_for(who, n, site)
    }

    #[cold]
    #[inline(never)]
    fn wait_for<W: Waiter>(&self, who: W, n: usize, site: Site) -> Result<(), Interrupted> {
        let semaphore = self;
        crate::sync::wait_for(who, &Acquire { semaphore, n }, site)
    }

    /// Step 1, for `n` permits, at most `MOST`.
    #[inline(always)]
    pub(crate) fn try_acquire(&self, n: usize) -> bool {
        let take = |word: usize| {
            let is_unawaited = word & WAITERS == 0;
            (is_unawaited && word >= n * ONE).then(|| word - n * ONE)
        };
        // Acquire: pairs with the release of whoever gave the permits.
        self.word
            .fetch_update(Ordering::Acquire, Ordering::Relaxed, take)
            .is_ok()
    }

    /// Step 3, for `n` permits.
    #[inline(always)]
    pub(crate) fn release(&self, n: usize) -> Result<(), Overflow> {
        let give = |word: usize| {
            let is_unawaited = word & WAITERS == 0;
            (is_unawaited && n <= MOST - word / ONE).then(|| word + n * ONE)
        };
        // Release: pairs with the acquire of whoever takes the permits, or seizes the word.
        self.word
            .fetch_update(Ordering::Release, Ordering::Relaxed, give)
            .map(|_| ())
            .or_else(|_| self.release_awaited(n))
    }

    /// Step 3 for a semaphore that somebody waits for, or that gets too many permits.
    #[cold]
    #[inline(never)]
    fn release_awaited(&self, n: usize) -> Result<(), Overflow> {
        let more = self.queue.with(|queue| {
            let mut seized = Seized::new(&self.word, queue);
            if n > MOST - seized.permits {
                return Err(Overflow);
            }
            seized.permits += n;
            Ok(seized.serve())
        })?;
        self.deliver(more);
        Ok(())
    }

    /// Delivers who has been served, and serves the rest.
    fn deliver(&self, mut served: Served) {
        loop {
            served.nodes.deliver(Wake::Signalled);
            if served.are_all {
                return;
            }
            served = self
                .queue
                .with(|queue| Seized::new(&self.word, queue).serve());
        }
    }
}

impl fmt::Debug for RawSemaphore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RawSemaphore")
            .field("permits", &self.permits())
            .finish_non_exhaustive()
    }
}

/// The word in the hands of whoever holds the lock of the queue. Dropped before the lock is.
struct Seized<'a> {
    word: &'a AtomicUsize,
    permits: usize,
    queue: &'a mut WaitQueue,
}

/// Waiters that have their permits, and whether that is all that can be done.
#[must_use = "the nodes are waiters that nobody else will wake"]
struct Served {
    nodes: Chain,
    are_all: bool,
}

impl<'a> Seized<'a> {
    fn new(word: &'a AtomicUsize, queue: &'a mut WaitQueue) -> Self {
        // Acquire: pairs with the release of whoever gave permits.
        let permits = word.fetch_or(WAITERS, Ordering::Acquire) / ONE;
        Self {
            word,
            permits,
            queue,
        }
    }

    /// What the first waiter asks for, if it can have it.
    fn next(&self) -> Option<usize> {
        let asked = self.queue.front()?.note().addr();
        (asked <= self.permits).then_some(asked)
    }

    /// Step 5, for some nodes.
    fn serve(&mut self) -> Served {
        let mut nodes = Chain::EMPTY;
        for _ in 0..BATCH {
            let Some(asked) = self.next() else { break };
            if let Some(first) = self.queue.pop_front() {
                self.permits -= asked;
                nodes.add(first);
            }
        }
        Served {
            nodes: nodes.reversed(),
            are_all: self.next().is_none(),
        }
    }
}

impl Drop for Seized<'_> {
    fn drop(&mut self) {
        let waiters = if self.queue.is_empty() { 0 } else { WAITERS };
        // Release: pairs with the acquire of whoever takes permits, or seizes the word next. A
        // store: nobody else writes a seized word.
        self.word
            .store((self.permits * ONE) | waiters, Ordering::Release);
    }
}

/// One wait for permits.
pub(super) struct Acquire<'a> {
    pub(super) semaphore: &'a RawSemaphore,
    pub(super) n: usize,
}

impl Source for Acquire<'_> {
    unsafe fn register(&self, node: NonNull<WaitNode>) -> bool {
        self.semaphore.queue.with(|queue| {
            let mut seized = Seized::new(&self.semaphore.word, queue);
            // SAFETY: by contract; the node is in no list yet.
            unsafe {
                if seized.queue.is_empty() && self.n <= seized.permits {
                    if WaitNode::claim(node) {
                        seized.permits -= self.n;
                    }
                    return false;
                }
                node.as_ref().set_note(ptr::without_provenance_mut(self.n));
                seized.queue.push(node);
            }
            true
        })
    }

    unsafe fn leave(&self, node: NonNull<WaitNode>) -> bool {
        let served = self.semaphore.queue.with(|queue| {
            // SAFETY: by contract.
            let was_there = unsafe { queue.remove(node) };
            was_there.then(|| Seized::new(&self.semaphore.word, queue).serve())
        });
        // If it was not there, a waker has dropped it, and serves those behind it.
        let Some(served) = served else { return false };
        self.semaphore.deliver(served);
        true
    }
}
