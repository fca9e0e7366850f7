//! On which worker a started fiber goes on: the seam between pinned fibers and free ones.
//!
//! Without the cargo feature `migration` a fiber goes on where it has started, and this file costs
//! nothing. With it, an `unsafe` builder setting chooses; the contract is in the builder's docs.

#[cfg(feature = "migration")]
mod free;
#[cfg(not(feature = "migration"))]
mod pinned;

#[cfg(feature = "migration")]
pub(crate) use free::Migration;
#[cfg(feature = "migration")]
pub(super) use free::{
    Commons, Guarded, Landing, arrive, fiber_from_elsewhere, forced, has_fiber_elsewhere,
    route_from_outside, route_from_worker, sent_from_outside, yielded,
};
#[cfg(not(feature = "migration"))]
pub(crate) use pinned::Migration;
#[cfg(not(feature = "migration"))]
pub(super) use pinned::{
    Commons, Guarded, Landing, arrive, fiber_from_elsewhere, forced, has_fiber_elsewhere,
    route_from_outside, route_from_worker, sent_from_outside, yielded,
};
