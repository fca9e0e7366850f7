//! A context is only lent: it can't be moved out, copied, cloned, or made.
#![forbid(unsafe_code)]

use rustfiber::Context;

fn moved<'f>(cx: &Context<'f>) -> Context<'f> {
    *cx
}

fn cloned<'f>(cx: &Context<'f>) -> Context<'f> {
    cx.clone()
}

fn made<'f>() -> Context<'f> {
    Context::default()
}

fn main() {}
