//! The switch between stacks: everything that rustfiber asks of `corosensei`.

use std::cell::Cell;
use std::mem::ManuallyDrop;
use std::ptr::{self, NonNull};

use corosensei::{Coroutine, CoroutineResult, Yielder};

use super::{Fiber, Protocol};
use crate::primitive::{LINE, UnsafeCell, prefetch_lines};
use crate::stack::FiberStack;

type Body<P> = Coroutine<
    (NonNull<Fiber<P>>, <P as Protocol>::Resume),
    <P as Protocol>::Suspend,
    (),
    FiberStack,
>;
type Gate<P> = Yielder<(NonNull<Fiber<P>>, <P as Protocol>::Resume), <P as Protocol>::Suspend>;

/// How much of a stack is asked for: the frames of a job that does little and waits, and those that
/// it is called from. A guess.
const FRAME_LINES: usize = 10;

/// One stack that can be entered and left.
pub(super) struct Switch<P: Protocol> {
    /// Reached only by the thread that holds the right to resume. Gone when the stack has been
    /// taken.
    coroutine: UnsafeCell<ManuallyDrop<Body<P>>>,
    /// The way out; written by the fiber when it starts, read by the fiber, or by whoever holds
    /// the right.
    yielder: Cell<*const Gate<P>>,
}

impl<P: Protocol> Switch<P> {
    pub(super) fn new(stack: FiberStack) -> Self {
        Self {
            coroutine: UnsafeCell::new(Self::coroutine(stack)),
            yielder: Cell::new(ptr::null()),
        }
    }

    fn coroutine(stack: FiberStack) -> ManuallyDrop<Body<P>> {
        ManuallyDrop::new(Coroutine::with_stack(
            stack,
            |yielder: &Gate<P>, (fiber, told)| {
                // SAFETY: `resume` passes the fiber that this coroutine belongs to; its header
                // outlives the coroutine.
                let fiber: &Fiber<P> = unsafe { fiber.as_ref() };
                fiber.switch.yielder.set(yielder);
                P::body(fiber, told);
            },
        ))
    }

    /// Enters the stack; returns what it says when it leaves, or `None` when its body has returned.
    ///
    /// # Safety
    /// The fiber is suspended or new, nobody else resumes it, and this is `fiber`'s switch.
    #[inline]
    pub(super) unsafe fn resume(
        &self,
        fiber: NonNull<Fiber<P>>,
        told: P::Resume,
    ) -> Option<P::Suspend> {
        self.coroutine.with_mut(|coroutine| {
            // SAFETY: the one holder of the right reaches the coroutine; the body does not.
            match unsafe { &mut *coroutine }.resume((fiber, told)) {
                CoroutineResult::Yield(word) => Some(word),
                CoroutineResult::Return(()) => None,
            }
        })
    }

    /// Leaves the stack; returns what the fiber is told when it goes on.
    ///
    /// # Safety
    /// The caller runs on this stack.
    #[inline]
    pub(super) unsafe fn suspend(&self, word: P::Suspend) -> P::Resume {
        let yielder = self.yielder.get();
        // SAFETY: the fiber has started, so the yielder is set; it lives at the root of this stack.
        unsafe { &*yielder }.suspend(word).1
    }

    /// Asks for the first frames of a fiber that has started. The caller holds the right to resume
    /// it.
    pub(super) fn prefetch_frames(&self) {
        // Null before it has started, which does no harm. The stack grows downwards from here.
        let first = self.yielder.get();
        prefetch_lines(
            first.wrapping_byte_sub(LINE * (FRAME_LINES - 1)),
            FRAME_LINES,
        );
    }

    /// The stack of a complete fiber.
    pub(super) fn into_stack(self) -> FiberStack {
        ManuallyDrop::into_inner(self.coroutine.into_inner()).into_stack()
    }

    /// Takes the stack of a fiber that stands still, or has not started. Nothing on it is dropped.
    ///
    /// # Safety
    /// - The caller alone reaches the switch, which has a stack.
    /// - Nothing on the stack needs to be dropped, and nobody refers to anything on it.
    pub(super) unsafe fn take_stack(&self) -> FiberStack {
        self.coroutine.with_mut(|coroutine| {
            // SAFETY: by contract; the coroutine is not used again before another is put there.
            let mut coroutine = unsafe { ManuallyDrop::take(&mut *coroutine) };
            // SAFETY: by contract there is nothing that the reset would forget.
            unsafe { coroutine.force_reset() };
            coroutine.into_stack()
        })
    }

    /// Starts anew on `stack`.
    ///
    /// # Safety
    /// The caller alone reaches the switch, whose stack has been taken.
    pub(super) unsafe fn give_stack(&self, stack: FiberStack) {
        // SAFETY: by contract. What is overwritten has been taken, and needs no drop.
        self.coroutine
            .with_mut(|coroutine| unsafe { coroutine.write(Self::coroutine(stack)) });
        self.yielder.set(ptr::null());
    }
}
