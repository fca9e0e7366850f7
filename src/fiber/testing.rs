//! Fibers that are only handed around.

use std::sync::Arc;

use super::{Fiber, Protocol, Suspended};
use crate::stack::{MIN_STACK, StackArena};

/// Fibers with a number that do nothing.
pub(crate) struct Numbered;

impl Protocol for Numbered {
    type Resume = ();
    type Suspend = ();
    type Local = u32;

    fn body(_fiber: &Fiber<Self>, (): ()) {}
}

pub(crate) fn arena() -> Arc<StackArena> {
    StackArena::new(MIN_STACK, 4).expect("four small stacks")
}

pub(crate) fn fiber(arena: &Arc<StackArena>, number: u32) -> Suspended<Numbered> {
    Suspended::new(arena.allocate().expect("a stack"), number)
}
