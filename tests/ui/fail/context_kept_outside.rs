//! A context, or a builder that holds it, can't be kept when the closure that it is lent to has returned.
#![forbid(unsafe_code)]

use rustfiber::Context;

fn lend<R>(_f: impl FnOnce(&Context) -> R) -> R {
    unreachable!()
}

fn main() {
    let mut kept = None;
    lend(|cx| kept = Some(cx));
    let mut kept_builder = None;
    lend(|cx| kept_builder = Some(cx.job()));

    let _returned = lend(|cx| cx);
    let _returned_builder = lend(|cx| cx.job());
}
