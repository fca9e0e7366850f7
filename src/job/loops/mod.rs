//! Parallel loops.
//!
//! A loop is a [`Body`](body::Body), what is done with the elements, and
//! [`Elements`](elements::Elements), something that can be cut in two. It runs as *pieces*: a piece
//! is a run of consecutive elements that one job goes through, with one state and one result so
//! far. There are two ways to find the pieces:
//!
//! - `on_demand`, for loops over many elements: the calling job goes on alone until it has proved
//!   to be worth a wake-up, and then gives half of what is left away whenever its worker has
//!   nothing else that others could take;
//! - `tree`, for an explicit grain, and for few elements: halved until a piece fits the grain,
//!   whoever runs what. A job runs no piece before all others that it holds can be stolen.
//!
//! Both split by `join` alone. A join takes its caller's frame once for each time that the elements
//! are halved, so at most 64 deep; what a frame holds does not depend on the size of the closures
//! (they are borrowed), nor of the states (they live as long as a piece, and no piece is under way
//! while its job joins), nor of the results (see [`Boxed`](body::Boxed)).

mod body;
mod elements;
mod gather;
mod grain;
mod iter;
mod methods;
mod methods_init;
mod methods_iter;
mod on_demand;
mod pace;
mod pipe;
mod tree;
mod work;

pub use grain::WithGrain;
pub use iter::ParIter;
