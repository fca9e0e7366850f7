//! A function that is given a scope can't lend its own variables to the scope's jobs.
#![forbid(unsafe_code)]

use rustfiber::Scope;

fn helper<'scope>(s: &'scope Scope<'scope, '_>) {
    let local = 1;
    let borrowed = &local;
    s.spawn(move |_| assert_eq!(*borrowed, 1));
}

fn main() {}
