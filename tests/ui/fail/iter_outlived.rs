//! What a parallel iterator lends lives as long as the slice, and no longer.
#![forbid(unsafe_code)]

use rustfiber::Context;

fn outlived(cx: &Context) {
    let borrowed: Vec<&mut u32>;
    {
        let mut numbers = [1, 2, 3];
        borrowed = cx.par_iter_mut(&mut numbers).collect();
    }
    drop(borrowed);
}

fn lent_twice(cx: &Context, numbers: &mut [u32]) {
    let all: Vec<&mut u32> = cx.par_iter_mut(numbers).collect();
    cx.par_iter(numbers).count();
    drop(all);
}

fn main() {}
