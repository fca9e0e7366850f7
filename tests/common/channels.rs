//! Channels for tests.

use rustfiber::channel::{Receiver, Sender, bounded, rendezvous, unbounded};

/// A channel of each kind, and of several capacities.
pub fn channels<T>() -> [(Sender<T>, Receiver<T>); 5] {
    [
        rendezvous(),
        bounded(1),
        bounded(3),
        bounded(64),
        unbounded(),
    ]
}
