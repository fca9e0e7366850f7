//! A parallel iterator shares elements and closures among workers, and gives items of one to another.
#![forbid(unsafe_code)]

use std::cell::Cell;
use std::rc::Rc;

use rustfiber::Context;

fn elements(cx: &Context, cells: &[Cell<u32>]) -> usize {
    cx.par_iter(cells).count()
}

fn captured(cx: &Context, numbers: &[u32], one: Rc<u32>) -> u32 {
    cx.par_iter(numbers).map(|_, n| n + *one).sum()
}

fn items(cx: &Context, numbers: &[u32]) -> Vec<Rc<u32>> {
    cx.par_iter(numbers).map(|_, n| Rc::new(*n)).collect()
}

fn main() {}
