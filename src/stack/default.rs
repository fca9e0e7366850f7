//! The backend for every platform but Linux: each stack is a `corosensei::stack::DefaultStack` of its
//! own, with the guard that it makes.
//!
//! The arena keeps the stacks that came back and hands the last one out first, so a stack is made
//! once and used many times. A stack is either in `free` or owned by one [`FiberStack`]; it moves
//! under the pool's lock. All memory goes back to the system when the arena and its last
//! [`FiberStack`] are gone; a leaked fiber keeps its memory for ever.
//!
//! On Windows the kernel takes part in the growth of a stack. Its record of how far a stack has
//! grown travels with the stack from fiber to fiber.

use std::fmt;
use std::io;
use std::mem::ManuallyDrop;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

#[cfg(windows)]
use corosensei::stack::StackTebFields;
use corosensei::stack::{DefaultStack, Stack, StackPointer};

use super::{Limit, StackError, check_request, sanitizer};

/// Hands out stacks of one size, up to a number of them.
pub(crate) struct StackArena {
    stack_size: usize,
    max_stacks: usize,
    pool: Mutex<Pool>,
}

/// Invariant: `free` has room for all stacks that were made, in use or not.
#[derive(Default)]
struct Pool {
    free: Vec<DefaultStack>,
    made: usize,
}

impl StackArena {
    /// An arena for at most `max_stacks` stacks with `stack_size` usable bytes each.
    ///
    /// # Errors
    ///
    /// If a number makes no sense.
    pub(crate) fn new(stack_size: usize, max_stacks: usize) -> io::Result<Arc<Self>> {
        check_request(stack_size, max_stacks)?;
        Ok(Arc::new(Self {
            stack_size,
            max_stacks,
            pool: Mutex::default(),
        }))
    }

    /// Takes a stack: the one that came back last, else a new one.
    ///
    /// # Errors
    ///
    /// See [`StackError`]. Nothing is lost by an error; a later call may succeed.
    pub(crate) fn allocate(self: &Arc<Self>) -> Result<FiberStack, StackError> {
        let stack = self.take_stack()?;
        let (start, len) = range(&stack);
        sanitizer::unpoison(start, len);
        sanitizer::register_root(start, len);
        Ok(FiberStack {
            stack: ManuallyDrop::new(stack),
            arena: Arc::clone(self),
        })
    }

    /// The usable bytes that every stack has at least.
    #[cfg(test)]
    pub(crate) fn stack_size(&self) -> usize {
        self.stack_size
    }

    fn take_stack(&self) -> Result<DefaultStack, StackError> {
        let mut pool = self.lock();
        if let Some(stack) = pool.free.pop() {
            return Ok(stack);
        }
        if pool.made == self.max_stacks {
            return Err(StackError::Limit(Limit::Stacks(self.max_stacks)));
        }
        let stack = DefaultStack::new(self.stack_size).map_err(StackError::Os)?;
        pool.made += 1;
        // Room for every stack made: giving one back never allocates. `free` is empty here.
        let made = pool.made;
        pool.free.reserve(made);
        Ok(stack)
    }

    fn lock(&self) -> MutexGuard<'_, Pool> {
        // Nothing panics between two changes that belong together, so a poisoned pool is whole.
        self.pool.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for StackArena {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pool = self.lock();
        f.debug_struct("StackArena")
            .field("stack_size", &self.stack_size)
            .field("max_stacks", &self.max_stacks)
            .field("in_use", &(pool.made - pool.free.len()))
            .field("free", &pool.free.len())
            .finish_non_exhaustive()
    }
}

/// Memory for one fiber stack, with a guard below it; gives itself back to its arena on drop.
pub(crate) struct FiberStack {
    // Taken out by `Drop::drop` and nowhere else.
    stack: ManuallyDrop<DefaultStack>,
    arena: Arc<StackArena>,
}

// SAFETY: all of it is `DefaultStack`'s own implementation.
unsafe impl Stack for FiberStack {
    #[inline]
    fn base(&self) -> StackPointer {
        self.stack.base()
    }

    #[inline]
    fn limit(&self) -> StackPointer {
        self.stack.limit()
    }

    #[cfg(windows)]
    #[inline]
    fn teb_fields(&self) -> StackTebFields {
        self.stack.teb_fields()
    }

    #[cfg(windows)]
    #[inline]
    fn update_teb_fields(&mut self, stack_limit: usize, guaranteed_stack_bytes: usize) {
        self.stack
            .update_teb_fields(stack_limit, guaranteed_stack_bytes);
    }
}

impl Drop for FiberStack {
    fn drop(&mut self) {
        // SAFETY: the field is not used again, here or by anyone else.
        let stack = unsafe { ManuallyDrop::take(&mut self.stack) };
        let (start, len) = range(&stack);
        sanitizer::unregister_root(start, len);
        self.arena.lock().free.push(stack);
    }
}

impl fmt::Debug for FiberStack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FiberStack")
            .field("base", &self.base())
            .field("limit", &self.limit())
            .finish_non_exhaustive()
    }
}

/// The start and the length of a stack, guard included: that one is no readable mapping, and the
/// leak checker leaves it out.
fn range(stack: &DefaultStack) -> (usize, usize) {
    let start = stack.limit().get();
    (start, stack.base().get() - start)
}
