//! The trait that seals `Waiter` has no name outside.
#![forbid(unsafe_code)]

use rustfiber::wait::sealed::Sealed;

struct Mine;

impl Sealed for Mine {}

fn main() {}
