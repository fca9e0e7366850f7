//! What is in the picture and how it moves: a turntable carries families in a ring around one large bunny, and each
//! family carries its bunnies. Three levels; each function below places one node of one level and needs only the node
//! above it, the frame's number, and what never changes. No frame depends on another.

use std::f32::consts::TAU;
use std::ops::Range;

use glam::{Affine3A, Mat3A, Quat, Vec2, Vec3, Vec3A};

use crate::mesh::Mesh;

#[cfg(test)]
mod tests;

const FAMILIES: usize = 8;
const CHILDREN: usize = 6;
const FRAMES_PER_SECOND: f32 = 30.0;

/// Colours of the families around the ring, as light, not as screen values.
const PALETTE: [Vec3; FAMILIES] = [
    Vec3::new(0.80, 0.13, 0.11),
    Vec3::new(0.88, 0.30, 0.06),
    Vec3::new(0.86, 0.56, 0.08),
    Vec3::new(0.30, 0.58, 0.14),
    Vec3::new(0.05, 0.50, 0.42),
    Vec3::new(0.08, 0.36, 0.74),
    Vec3::new(0.32, 0.20, 0.70),
    Vec3::new(0.72, 0.16, 0.46),
];
const IVORY: Vec3 = Vec3::new(0.66, 0.55, 0.44);

/// The second level: a place on the turntable with the bunnies it carries.
#[derive(Debug)]
pub struct Group {
    pub members: Range<usize>,
    /// Where on the ring, in turns; the large bunny's place is the middle.
    turn: Option<f32>,
}

/// The third level.
#[derive(Debug)]
pub struct Bunny {
    pub color: Vec3A,
    role: Role,
}

#[derive(Clone, Copy, Debug)]
enum Role {
    /// The large one in the middle.
    Hero,
    /// In the middle of a family.
    Parent,
    /// Hops around its parent; the number is its seat.
    Child(usize),
}

#[derive(Debug)]
pub struct Scene {
    pub mesh: Mesh,
    pub groups: Vec<Group>,
    pub bunnies: Vec<Bunny>,
}

/// Where a bunny is in one frame.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Posed {
    place: Affine3A,
    /// What `place` does to directions that stand upright on a surface.
    normals: Mat3A,
    /// How far the top of the mesh leans, in its own space; the lean grows with the square of the height. Because of
    /// it the shape of each bunny differs in each frame, and the tree is built over what is really there.
    lean: Vec2,
}

impl Scene {
    pub fn new(mesh: Mesh) -> Scene {
        let mut groups = vec![Group {
            members: 0..1,
            turn: None,
        }];
        let mut bunnies = vec![Bunny {
            color: IVORY.into(),
            role: Role::Hero,
        }];
        for (family, &color) in PALETTE.iter().enumerate() {
            let start = bunnies.len();
            bunnies.push(Bunny {
                color: color.into(),
                role: Role::Parent,
            });
            bunnies.extend((0..CHILDREN).map(|seat| Bunny {
                color: color.lerp(Vec3::ONE, 0.12 + 0.05 * seat as f32).into(),
                role: Role::Child(seat),
            }));
            groups.push(Group {
                members: start..bunnies.len(),
                turn: Some(family as f32 / FAMILIES as f32),
            });
        }
        Scene {
            mesh,
            groups,
            bunnies,
        }
    }

    /// Packs of triangles in a frame.
    pub fn packs(&self) -> usize {
        self.bunnies.len() * self.mesh.packs()
    }

    /// First level: the turntable.
    pub fn turntable(&self, frame: u32) -> Affine3A {
        let turns = 0.031 + seconds(frame) / 24.0;
        Affine3A::from_rotation_y(turns.fract() * TAU)
    }

    /// Second level.
    pub fn group(&self, frame: u32, turntable: &Affine3A, group: usize) -> Affine3A {
        match self.groups[group].turn {
            None => *turntable,
            Some(turn) => {
                let breath = 3.05 + 0.12 * (seconds(frame) * 1.3 + turn * TAU * 2.0).sin();
                *turntable
                    * Affine3A::from_rotation_y(turn * TAU)
                    * Affine3A::from_translation(Vec3::new(breath, 0.0, 0.0))
            }
        }
    }

    /// Third level.
    pub fn bunny(&self, frame: u32, group: &Affine3A, bunny: usize) -> Posed {
        let time = seconds(frame);
        let phase = bunny as f32 * 0.37;
        match self.bunnies[bunny].role {
            Role::Hero => {
                let sway = 0.05 * (time * 2.1).sin();
                posed(
                    group,
                    Vec3::ZERO,
                    -0.9,
                    2.0,
                    1.0,
                    Vec2::new(sway, 0.5 * sway),
                )
            }
            Role::Parent => {
                let sway = 0.10 * (time * 3.0 + phase).sin();
                posed(group, Vec3::ZERO, 0.6, 0.82, 1.0, Vec2::new(0.0, sway))
            }
            Role::Child(seat) => {
                let hop = Hop::at(time * 1.7 + phase);
                let angle = TAU * (seat as f32 / CHILDREN as f32 + (hop.count + hop.way) / 14.0);
                let seat = Vec3::new(angle.cos(), 0.0, angle.sin()) * 0.86;
                let place = seat + Vec3::Y * (0.30 * hop.height);
                // The mesh looks along -x; a child looks where it hops to.
                let heading = -TAU / 4.0 - angle;
                let lean = Vec2::new(0.22 * hop.speed_up, 0.0);
                posed(group, place, heading, 0.42, hop.stretch, lean)
            }
        }
    }
}

impl Posed {
    /// From the mesh's space to the world.
    pub fn position(&self, p: Vec3A) -> Vec3A {
        let lean = self.lean * (p.y * p.y);
        self.place
            .transform_point3a(p + Vec3A::new(lean.x, 0.0, lean.y))
    }

    /// The direction in the world of a normal at height `y` of the mesh.
    pub fn normal(&self, y: f32, mut n: Vec3A) -> Vec3A {
        // The inverse transpose of what leaning does to the space around the point.
        n.y -= 2.0 * y * (self.lean.x * n.x + self.lean.y * n.z);
        (self.normals * n).normalize_or(Vec3A::Y)
    }

    /// A ball that stands for the bunny where its exact shape does not matter.
    pub fn ball(&self) -> (Vec3A, f32) {
        let center = self.place.transform_point3a(Vec3A::new(0.0, 0.38, 0.0));
        let radius = 0.40 * self.place.matrix3.y_axis.length();
        (center, radius)
    }
}

/// One node of the third level: place and heading in its group, size, and how much higher than wide.
fn posed(
    group: &Affine3A,
    place: Vec3,
    heading: f32,
    size: f32,
    stretch: f32,
    lean: Vec2,
) -> Posed {
    let width = size / stretch.sqrt();
    let scale = Vec3::new(width, size * stretch, width);
    let local =
        Affine3A::from_scale_rotation_translation(scale, Quat::from_rotation_y(heading), place);
    let place = *group * local;
    Posed {
        place,
        normals: place.matrix3.inverse().transpose(),
        lean,
    }
}

/// A hop: a rest on the ground, then a flight along a parabola.
struct Hop {
    count: f32,
    /// 0 to 1: how much of the hop's way is done.
    way: f32,
    height: f32,
    stretch: f32,
    /// -1 to 1: forward at the start of the flight, back at its end.
    speed_up: f32,
}

impl Hop {
    fn at(beats: f32) -> Hop {
        const REST: f32 = 0.35;
        let count = beats.floor();
        let beat = beats - count;
        if beat < REST {
            let press = (beat / REST * TAU / 2.0).sin();
            return Hop {
                count,
                way: 0.0,
                height: 0.0,
                stretch: 1.0 - 0.16 * press,
                speed_up: 0.0,
            };
        }
        let way = (beat - REST) / (1.0 - REST);
        let speed = 1.0 - 2.0 * way;
        Hop {
            count,
            way,
            height: 1.0 - speed * speed,
            stretch: 1.0 + 0.16 * (way * TAU / 2.0).sin(),
            speed_up: speed * (way * TAU / 2.0).sin(),
        }
    }
}

fn seconds(frame: u32) -> f32 {
    frame as f32 / FRAMES_PER_SECOND
}
