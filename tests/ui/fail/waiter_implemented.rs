//! Only this crate says who can wait.
#![forbid(unsafe_code)]

use rustfiber::{Interrupted, Waiter};

#[derive(Clone, Copy)]
struct Mine;

impl Waiter for Mine {
    type Outcome<T> = Result<T, Interrupted>;

    fn outcome<T>(self, result: Result<T, Interrupted>) -> Self::Outcome<T> {
        result
    }
}

fn main() {}
