//! What colour the light has that arrives along a ray: a sun with hard shadows, a sky, and a polished floor.
//!
//! All of it is a pure function of the frame's scene and the ray.

use glam::{Affine3A, Vec2, Vec3, Vec3A, Vec4};

use crate::bvh::{Hit, Tree};
use crate::camera::Camera;
use crate::geometry::{LANES, Ray};
use crate::scene::{Posed, Scene};

/// Towards the sun; of length 1.
const SUN: Vec3A = Vec3A::new(-0.688_6, 0.612_1, 0.388_7);
const SUNLIGHT: Vec3A = Vec3A::new(2.55, 2.12, 1.58);
const ZENITH: Vec3A = Vec3A::new(0.09, 0.19, 0.56);
const HORIZON: Vec3A = Vec3A::new(1.30, 0.62, 0.40);
/// What a surface that looks up gets from the whole sky, and one that looks down from the floor.
const SKYLIGHT: Vec3A = Vec3A::new(0.32, 0.40, 0.64);
const FLOORLIGHT: Vec3A = Vec3A::new(0.34, 0.28, 0.26);
const FLOOR: Vec3A = Vec3A::new(0.07, 0.13, 0.22);
const TABLE: Vec3A = Vec3A::new(0.58, 0.53, 0.50);
const TABLE_RADIUS: f32 = 4.5;
/// Rays begin this far off the surface they leave, more than rounding moves it.
const LIFT: f32 = 2e-3;
/// Beyond it the haze hides all: one part in four hundred of the light comes through.
const FAR: f32 = HAZE_START + 2.45 * HAZE_REACH;
const HAZE_START: f32 = 12.0;
const HAZE_REACH: f32 = 30.0;

/// Everything that a ray of one frame can see.
pub struct View<'a> {
    scene: &'a Scene,
    pose: &'a [Posed],
    tree: &'a Tree,
    camera: &'a Camera,
    /// Turns points of the world into points of the turntable.
    to_table: Affine3A,
    balls: Vec<Balls>,
}

/// Four balls: center x, y, z, and squared radius.
type Balls = [Vec4; 4];

impl<'a> View<'a> {
    pub fn new(
        scene: &'a Scene,
        camera: &'a Camera,
        frame: u32,
        pose: &'a [Posed],
        tree: &'a Tree,
    ) -> View<'a> {
        let balls = pose
            .chunks(LANES)
            .map(|bunnies| {
                let mut balls = Balls::default();
                for (lane, bunny) in bunnies.iter().enumerate() {
                    let (center, radius) = bunny.ball();
                    for axis in 0..3 {
                        balls[axis][lane] = center[axis];
                    }
                    balls[3][lane] = radius * radius;
                }
                balls
            })
            .collect();
        View {
            scene,
            pose,
            tree,
            camera,
            to_table: scene.turntable(frame).inverse(),
            balls,
        }
    }

    /// The light at a point of the picture, as a screen shows it: each channel from 0 to 1, still linear.
    pub fn sample(&self, x: f32, y: f32) -> Vec3A {
        on_screen(self.look(&self.camera.ray(x, y), true))
    }

    /// `mirror` is whether the floor shows what stands on it; a mirrored floor shows it no more.
    fn look(&self, ray: &Ray, mirror: bool) -> Vec3A {
        let to_floor = if ray.direction.y < -1e-4 {
            -ray.origin.y / ray.direction.y
        } else {
            f32::INFINITY
        };
        let limit = to_floor.min(FAR);
        match self.tree.nearest(ray, limit) {
            Some(hit) => hazy(self.bunny(ray, &hit), hit.t),
            None if to_floor < FAR => hazy(self.floor(ray, to_floor, mirror), to_floor),
            None => sky(ray.direction),
        }
    }

    fn bunny(&self, ray: &Ray, hit: &Hit) -> Vec3A {
        let mesh = &self.scene.mesh;
        let pack = hit.triangle as usize / LANES;
        let index = pack / mesh.packs();
        let in_mesh = hit.triangle as usize - index * mesh.packs() * LANES;
        let corners = mesh.triangles[in_mesh].map(|vertex| &mesh.vertices[vertex as usize]);
        let weights = [1.0 - hit.u - hit.v, hit.u, hit.v];
        let posed = &self.pose[index];

        let mut position = Vec3A::ZERO;
        let mut normal = Vec3A::ZERO;
        let mut openness = 0.0;
        for (corner, weight) in corners.iter().zip(weights) {
            position += corner.position * weight;
            normal += corner.normal * weight;
            openness += corner.openness * weight;
        }
        // Shadows on a smooth surface must not show its flat triangles: their rays leave from where the corners'
        // tangent planes bulge out to ("Hacking the shadow terminator", Hanika).
        let mut bulge = position;
        for (corner, weight) in corners.iter().zip(weights) {
            let below = (position - corner.position).dot(corner.normal).min(0.0);
            bulge -= corner.normal * (below * weight);
        }

        let mut normal = posed.normal(position.y, normal);
        if normal.dot(ray.direction) > 0.0 {
            // The inside of an open mesh, or a smooth normal that looks past the silhouette.
            normal -= ray.direction * (normal.dot(ray.direction) * 1.02);
            normal = normal.normalize();
        }
        let origin = posed.position(bulge) + normal * LIFT;
        let color = self.scene.bunnies[index].color;

        let toward_sun = normal.dot(SUN);
        let lit = toward_sun > 0.0 && !self.tree.blocked(&Ray::new(origin, SUN), FAR);
        let sun = if lit {
            SUNLIGHT * toward_sun
        } else {
            Vec3A::ZERO
        };
        let up = 0.5 + 0.5 * normal.y;
        let ambient = FLOORLIGHT.lerp(SKYLIGHT, up) * (0.15 + 0.85 * openness);
        let mut light = color * (sun + ambient);

        // A thin coat: a highlight of the sun, and the sky at grazing angles.
        let facing = (-normal.dot(ray.direction)).clamp(0.0, 1.0);
        let fresnel = 0.03 + 0.97 * (1.0 - facing).powi(5);
        if lit {
            let half = (SUN - ray.direction).normalize();
            light += SUNLIGHT * (0.22 * normal.dot(half).max(0.0).powi(48));
        }
        light += sky(reflect(ray.direction, normal)) * (fresnel * 0.35 * openness);
        light
    }

    fn floor(&self, ray: &Ray, t: f32, mirror: bool) -> Vec3A {
        let mut position = ray.at(t);
        position.y = 0.0;
        let origin = position + Vec3A::Y * LIFT;
        let lit = !self.tree.blocked(&Ray::new(origin, SUN), FAR);
        let sun = if lit { SUNLIGHT * SUN.y } else { Vec3A::ZERO };
        let mut light =
            self.floor_color(position) * (sun + SKYLIGHT * self.floor_openness(position));
        if mirror {
            let direction = reflect(ray.direction, Vec3A::Y);
            let fresnel = 0.05 + 0.95 * (1.0 - direction.y).powi(5);
            light = light.lerp(self.look(&Ray::new(origin, direction), false), fresnel);
        }
        light
    }

    fn floor_color(&self, position: Vec3A) -> Vec3A {
        let on_table = self.to_table.transform_point3a(position);
        let on_table = Vec2::new(on_table.x, on_table.z);
        let radius = on_table.length();
        if radius > TABLE_RADIUS {
            return FLOOR;
        }
        let rim = (TABLE_RADIUS - radius).min((radius - 1.55).abs());
        if rim < 0.035 {
            return TABLE * 0.62;
        }
        TABLE
    }

    /// How much of the sky a point of the floor sees past the bunnies, taken as balls: what a ball hides goes with
    /// its height times its radius squared over the distance cubed.
    fn floor_openness(&self, position: Vec3A) -> f32 {
        let [x, z] = [Vec4::splat(position.x), Vec4::splat(position.z)];
        let mut hidden = Vec4::ZERO;
        for [center_x, center_y, center_z, squared_radius] in &self.balls {
            let (dx, dz) = (*center_x - x, *center_z - z);
            let squared = dx * dx + center_y * center_y + dz * dz + Vec4::splat(1e-6);
            let inverse = Vec4::ONE / squared;
            let root = Vec4::new(
                inverse.x.sqrt(),
                inverse.y.sqrt(),
                inverse.z.sqrt(),
                inverse.w.sqrt(),
            );
            hidden += center_y * squared_radius * inverse * root;
        }
        let hidden = hidden.element_sum();
        1.0 / (1.0 + 1.6 * hidden)
    }
}

fn reflect(direction: Vec3A, normal: Vec3A) -> Vec3A {
    direction - normal * (2.0 * direction.dot(normal))
}

fn sky(direction: Vec3A) -> Vec3A {
    let height = direction.y.clamp(0.0, 1.0);
    let toward_zenith = 1.0 - (1.0 - height).powi(8);
    let glow = direction.dot(SUN).max(0.0).powi(6) * 0.25;
    HORIZON.lerp(ZENITH, toward_zenith) + SUNLIGHT * glow
}

/// The floor fades into the horizon, which has no line then.
fn hazy(light: Vec3A, t: f32) -> Vec3A {
    let thickness = (t - HAZE_START).max(0.0) / HAZE_REACH;
    let clear = (-thickness * thickness).exp();
    HORIZON.lerp(light, clear)
}

/// A film's response: soft in the highlights, so that colours don't clip.
fn on_screen(light: Vec3A) -> Vec3A {
    let x = light * 0.62;
    let toned = (x * (x * 2.51 + Vec3A::splat(0.03)))
        / (x * (x * 2.43 + Vec3A::splat(0.59)) + Vec3A::splat(0.14));
    toned.clamp(Vec3A::ZERO, Vec3A::ONE)
}

/// The byte that a screen wants for a linear value.
pub fn encode(linear: Vec3A) -> [u8; 3] {
    let channel = |x: f32| {
        let curved = if x <= 0.003_130_8 {
            12.92 * x
        } else {
            1.055 * x.powf(1.0 / 2.4) - 0.055
        };
        (curved * 255.0 + 0.5) as u8
    };
    let Vec3 { x, y, z } = linear.into();
    [channel(x), channel(y), channel(z)]
}
