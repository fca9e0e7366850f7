//! The closures of a loop are called on several threads at once, so they share nothing that is not `Sync`.
#![forbid(unsafe_code)]

use std::cell::Cell;
use std::rc::Rc;

use rustfiber::Context;

fn counts(cx: &Context, calls: &Cell<usize>) {
    cx.par_for(0..10, |_, _| calls.set(calls.get() + 1));
}

fn counts_mutably(cx: &Context, mut calls: usize) {
    cx.par_for(0..10, |_, _| calls += 1);
}

fn initializes(cx: &Context, state: Rc<usize>) {
    cx.with_grain(1).par_for_init(0..10, || state.clone(), |_, _, _| ());
}

fn results(cx: &Context) {
    cx.par_map_reduce(0..10, || Rc::new(0), |_, i| Rc::new(i), |a, _| a);
}

fn elements(cx: &Context, items: &mut [Rc<usize>]) {
    cx.par_for_each(items, |_, _, _| ());
}

fn main() {}
