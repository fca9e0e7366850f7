//! Where to cut a set of packs in two: the surface-area heuristic over bins.
//!
//! Everything is a pure function of the references in their order: counts are whole numbers, boxes are minima and
//! maxima, and of planes that cost the same the lowest wins.

use glam::Vec3A;

use super::Ref;
use crate::geometry::Aabb;

const BINS: usize = 16;

/// The first `left` references go left. Both halves have at least one.
pub struct Cut {
    pub left: usize,
    pub bounds: [Aabb; 2],
}

/// Reorders the references so that the cheapest cut is a position in the slice; `free` allows any position, else it
/// is the middle.
///
/// Not inlined: its bins would make every level of the recursion above it larger by a kilobyte of stack.
#[inline(never)]
pub fn cut(refs: &mut [Ref], free: bool) -> Cut {
    let centers = center_bounds(refs);
    let extent = centers.max - centers.min;
    let axis = longest(extent);
    if free && extent[axis] > 0.0 {
        let bins = Bins::fill(refs, axis, centers.min[axis], extent[axis]);
        if let Some(plane) = bins.cheapest() {
            let left = partition(refs, |r| bins.index(r) <= plane);
            let bounds = [bins.union(0..plane + 1), bins.union(plane + 1..BINS)];
            return Cut { left, bounds };
        }
    }
    let left = refs.len() / 2;
    let bounds_of = |half: &[Ref]| half.iter().fold(Aabb::EMPTY, |all, r| all.union(r.bounds));
    let bounds = [bounds_of(&refs[..left]), bounds_of(&refs[left..])];
    Cut { left, bounds }
}

/// Twice the center, which orders and divides the same.
fn center(r: &Ref) -> Vec3A {
    r.bounds.min + r.bounds.max
}

fn center_bounds(refs: &[Ref]) -> Aabb {
    let mut bounds = Aabb::EMPTY;
    for r in refs {
        bounds.include(center(r));
    }
    bounds
}

/// The axis of the largest component, the first of equal ones.
fn longest(extent: Vec3A) -> usize {
    let mut axis = 0;
    for other in 1..3 {
        if extent[other] > extent[axis] {
            axis = other;
        }
    }
    axis
}

struct Bins {
    axis: usize,
    start: f32,
    scale: f32,
    counts: [u32; BINS],
    bounds: [Aabb; BINS],
}

impl Bins {
    fn fill(refs: &[Ref], axis: usize, start: f32, extent: f32) -> Bins {
        let mut bins = Bins {
            axis,
            start,
            scale: BINS as f32 / extent,
            counts: [0; BINS],
            bounds: [Aabb::EMPTY; BINS],
        };
        for r in refs {
            let bin = bins.index(r);
            bins.counts[bin] += 1;
            bins.bounds[bin] = bins.bounds[bin].union(r.bounds);
        }
        bins
    }

    fn index(&self, r: &Ref) -> usize {
        // The cast saturates, so a scale that overflowed puts everything in the last bin and the middle is cut.
        (((center(r)[self.axis] - self.start) * self.scale) as usize).min(BINS - 1)
    }

    fn union(&self, range: std::ops::Range<usize>) -> Aabb {
        self.bounds[range]
            .iter()
            .fold(Aabb::EMPTY, |all, &bounds| all.union(bounds))
    }

    /// The last bin that goes left, or `None` if all references share one bin.
    fn cheapest(&self) -> Option<usize> {
        let mut right_costs = [0.0; BINS];
        let mut all = Aabb::EMPTY;
        let mut count = 0;
        for bin in (1..BINS).rev() {
            all = all.union(self.bounds[bin]);
            count += self.counts[bin];
            right_costs[bin] = if count == 0 {
                f32::INFINITY
            } else {
                cost(all, count)
            };
        }
        let mut best = None;
        let mut lowest = f32::INFINITY;
        let mut all = Aabb::EMPTY;
        let mut count = 0;
        for plane in 0..BINS - 1 {
            all = all.union(self.bounds[plane]);
            count += self.counts[plane];
            if count == 0 {
                continue;
            }
            let both = cost(all, count) + right_costs[plane + 1];
            if both < lowest {
                lowest = both;
                best = Some(plane);
            }
        }
        best
    }
}

fn cost(bounds: Aabb, count: u32) -> f32 {
    bounds.half_area() * count as f32
}

/// Moves those that go left to the front and counts them.
fn partition(refs: &mut [Ref], goes_left: impl Fn(&Ref) -> bool) -> usize {
    let mut left = 0;
    let mut right = refs.len();
    while left < right {
        if goes_left(&refs[left]) {
            left += 1;
        } else {
            right -= 1;
            refs.swap(left, right);
        }
    }
    left
}
