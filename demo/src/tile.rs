//! One tile of a picture: where to look, and how often.
//!
//! The corners of the pixels are looked at first; neighbours share them. A pixel whose corners agree is their mean, one
//! whose corners don't is looked at again inside. That spends rays on edges only, and since a corner's colour is a
//! function of its place, a pixel does not depend on the tile it is in.

use glam::Vec3A;

use crate::picture::{Pixel, Tile};
use crate::shade::{View, encode};

#[cfg(test)]
mod tests;

/// The looks inside a pixel: no two share a row or a column, so edges near to upright or level get all their steps.
const INSIDE: [(f32, f32); 4] = [
    (0.375, 0.125),
    (0.875, 0.375),
    (0.625, 0.875),
    (0.125, 0.625),
];

/// By how much corners may differ and still agree.
const TOLERANCE: f32 = 0.035;

pub fn render(view: &View<'_>, tile: Tile, pixels: &mut [Pixel]) {
    let corner_row = |y: u32| -> Vec<Vec3A> {
        (tile.x..=tile.x + tile.width)
            .map(|x| view.sample(x as f32, y as f32))
            .collect()
    };
    let mut above = corner_row(tile.y);
    for (y, row) in (tile.y..).zip(pixels.chunks_exact_mut(tile.width as usize)) {
        let below = corner_row(y + 1);
        for (column, pixel) in row.iter_mut().enumerate() {
            let corners = [
                above[column],
                above[column + 1],
                below[column],
                below[column + 1],
            ];
            *pixel = encode(resolve(view, tile.x + column as u32, y, corners));
        }
        above = below;
    }
}

fn resolve(view: &View<'_>, x: u32, y: u32, corners: [Vec3A; 4]) -> Vec3A {
    let [a, b, c, d] = corners;
    let mean = (a + b + c + d) * 0.25;
    let spread = a.max(b).max(c).max(d) - a.min(b).min(c).min(d);
    if spread.max_element() <= TOLERANCE {
        return mean;
    }
    let inside = INSIDE
        .iter()
        .map(|&(dx, dy)| view.sample(x as f32 + dx, y as f32 + dy))
        .fold(Vec3A::ZERO, |sum, light| sum + light);
    // A corner is shared by four pixels and stands for a quarter as much of this one as a look inside.
    (inside + mean) / 5.0
}
