//! Boxes, rays, and triangles in packs of four that one ray meets at once.

use glam::{BVec4A, Vec3A, Vec4, Vec4Swizzles};

/// An axis-aligned box; the empty one has `min` above `max`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Aabb {
    pub min: Vec3A,
    pub max: Vec3A,
}

impl Aabb {
    pub const EMPTY: Aabb = Aabb {
        min: Vec3A::INFINITY,
        max: Vec3A::NEG_INFINITY,
    };

    pub fn include(&mut self, point: Vec3A) {
        self.min = self.min.min(point);
        self.max = self.max.max(point);
    }

    pub fn union(self, other: Aabb) -> Aabb {
        Aabb {
            min: self.min.min(other.min),
            max: self.max.max(other.max),
        }
    }

    /// Half the surface, which is what costs are proportional to.
    pub fn half_area(self) -> f32 {
        let d = self.max - self.min;
        d.x * d.y + d.y * d.z + d.z * d.x
    }
}

/// A ray with what the box and triangle tests need of it, spread over vector lanes.
#[derive(Clone, Copy, Debug)]
pub struct Ray {
    pub origin: Vec3A,
    pub direction: Vec3A,
    o: [Vec4; 3],
    d: [Vec4; 3],
    inverse: [Vec4; 3],
}

impl Ray {
    pub fn new(origin: Vec3A, direction: Vec3A) -> Ray {
        // A component of zero would make 0 * infinity = NaN on the face of a box; a tiny one does the same work.
        let away_from_zero = |x: f32| {
            if x.abs() < 1e-12 {
                1e-12_f32.copysign(x)
            } else {
                x
            }
        };
        let spread = |v: Vec3A| [Vec4::splat(v.x), Vec4::splat(v.y), Vec4::splat(v.z)];
        let inverse = Vec3A::new(
            1.0 / away_from_zero(direction.x),
            1.0 / away_from_zero(direction.y),
            1.0 / away_from_zero(direction.z),
        );
        Ray {
            origin,
            direction,
            o: spread(origin),
            d: spread(direction),
            inverse: spread(inverse),
        }
    }

    pub fn at(&self, t: f32) -> Vec3A {
        self.origin + self.direction * t
    }
}

/// Two boxes side by side: for each axis the lanes are (min of a, min of b, max of a, max of b).
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct BoxPair([Vec4; 3]);

/// Where a ray enters the boxes of a pair, and whether it meets them before the limit.
pub struct PairHit {
    pub enter: [f32; 2],
    pub hit: [bool; 2],
}

impl BoxPair {
    pub fn new(a: Aabb, b: Aabb) -> BoxPair {
        BoxPair(std::array::from_fn(|axis| {
            Vec4::new(a.min[axis], b.min[axis], a.max[axis], b.max[axis])
        }))
    }

    #[inline]
    pub fn meet(&self, ray: &Ray, limit: f32) -> PairHit {
        // The rounding of three operations; without it a ray along the edge of two boxes could slip between them.
        const WIDER: f32 = 1.0 + 4.0 * f32::EPSILON;
        let mut enter = Vec4::ZERO;
        let mut leave = Vec4::splat(limit);
        for axis in 0..3 {
            let t = (self.0[axis] - ray.o[axis]) * ray.inverse[axis];
            let swapped = t.zwxy();
            enter = enter.max(t.min(swapped));
            leave = leave.min(t.max(swapped) * WIDER);
        }
        let mask = enter.cmple(leave).bitmask();
        PairHit {
            enter: [enter.x, enter.y],
            hit: [mask & 1 != 0, mask & 2 != 0],
        }
    }
}

/// How many triangles a pack holds.
pub const LANES: usize = 4;

/// Four triangles, each as a corner and two edges. Unused lanes are all zero and never hit.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Pack {
    corner: [Vec4; 3],
    edge1: [Vec4; 3],
    edge2: [Vec4; 3],
}

/// The lanes of a pack that a ray meets.
pub struct PackHits {
    pub mask: u32,
    pub t: [f32; LANES],
    /// Weights of the second and of the third corner.
    pub u: [f32; LANES],
    pub v: [f32; LANES],
}

impl Pack {
    pub fn set(&mut self, lane: usize, [a, b, c]: [Vec3A; 3]) {
        for axis in 0..3 {
            self.corner[axis][lane] = a[axis];
            self.edge1[axis][lane] = b[axis] - a[axis];
            self.edge2[axis][lane] = c[axis] - a[axis];
        }
    }

    /// Möller and Trumbore, both sides, nothing before `t = 0` and nothing after the limit.
    #[inline]
    pub fn meet(&self, ray: &Ray, limit: f32) -> PackHits {
        let p = cross(&ray.d, &self.edge2);
        // A lane without area divides by zero; what follows is infinite or NaN, and no comparison holds.
        let scale = Vec4::ONE / dot(&self.edge1, &p);
        let from_corner: [Vec4; 3] = std::array::from_fn(|axis| ray.o[axis] - self.corner[axis]);
        let u = dot(&from_corner, &p) * scale;
        let q = cross(&from_corner, &self.edge1);
        let v = dot(&ray.d, &q) * scale;
        let t = dot(&self.edge2, &q) * scale;
        let inside: BVec4A = u.cmpge(Vec4::ZERO) & v.cmpge(Vec4::ZERO) & (u + v).cmple(Vec4::ONE);
        let in_reach = t.cmpge(Vec4::ZERO) & t.cmple(Vec4::splat(limit));
        PackHits {
            mask: (inside & in_reach).bitmask(),
            t: t.to_array(),
            u: u.to_array(),
            v: v.to_array(),
        }
    }
}

fn cross(a: &[Vec4; 3], b: &[Vec4; 3]) -> [Vec4; 3] {
    [
        a[1] * b[2] - a[2] * b[1],
        a[2] * b[0] - a[0] * b[2],
        a[0] * b[1] - a[1] * b[0],
    ]
}

fn dot(a: &[Vec4; 3], b: &[Vec4; 3]) -> Vec4 {
    a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
}
