//! From a position on the picture to a ray. The camera stands still; the turntable moves.

use glam::{Vec2, Vec3A};

use crate::geometry::Ray;
use crate::picture::Size;

const EYE: Vec3A = Vec3A::new(0.0, 2.80, 10.9);
const TARGET: Vec3A = Vec3A::new(0.0, 0.78, 0.0);
/// Half the height of the view at distance 1, for pictures at least as wide as 16:9.
const HALF_HEIGHT: f32 = 0.262;

pub struct Camera {
    size: Vec2,
    half: Vec2,
    forward: Vec3A,
    right: Vec3A,
    up: Vec3A,
}

impl Camera {
    pub fn new(size: Size) -> Camera {
        let aspect = size.width as f32 / size.height as f32;
        // Narrower pictures keep the width of the view and show more above and below.
        let half_height = HALF_HEIGHT * (16.0 / 9.0 / aspect).max(1.0);
        let forward = (TARGET - EYE).normalize();
        let right = forward.cross(Vec3A::Y).normalize();
        Camera {
            size: Vec2::new(size.width as f32, size.height as f32),
            half: Vec2::new(half_height * aspect, half_height),
            forward,
            right,
            up: right.cross(forward),
        }
    }

    /// Through a point of the picture, in pixels from the top left corner.
    pub fn ray(&self, x: f32, y: f32) -> Ray {
        let on_view = (Vec2::new(x, y) / self.size * 2.0 - 1.0) * self.half;
        let direction = self.forward + self.right * on_view.x - self.up * on_view.y;
        Ray::new(EYE, direction.normalize())
    }
}
