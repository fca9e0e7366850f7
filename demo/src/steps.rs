//! The steps of a frame that do the work, each on what it is given and nothing else. The serial driver calls them in
//! loops, the parallel one from jobs; neither has any of its own.

use glam::Vec3A;

use crate::bvh::{Ref, Tree};
use crate::camera::Camera;
use crate::geometry::Pack;
use crate::mesh::Mesh;
use crate::picture::{Picture, Size};
use crate::scene::{Posed, Scene};

/// What all frames have in common.
pub struct Film {
    pub scene: Scene,
    pub camera: Camera,
    pub size: Size,
    pub frames: u32,
}

impl Film {
    pub fn new(mesh: Mesh, size: Size, frames: u32) -> Film {
        Film {
            scene: Scene::new(mesh),
            camera: Camera::new(size),
            size,
            frames,
        }
    }
}

/// The memory of a frame. A frame in flight has one, and the next frame takes it over.
pub struct Slot {
    pub pose: Vec<Posed>,
    pub tree: Tree,
    pub picture: Picture,
}

impl Slot {
    pub fn new(film: &Film) -> Slot {
        let mut tree = Tree::default();
        tree.resize(film.scene.packs());
        Slot {
            pose: vec![Posed::default(); film.scene.bunnies.len()],
            tree,
            picture: Picture::new(film.size),
        }
    }
}

/// Puts one bunny's triangles into the world: its packs, and their boxes for the tree.
pub fn place(mesh: &Mesh, posed: &Posed, bunny: usize, packs: &mut [Pack], refs: &mut [Ref]) {
    let positions: Vec<Vec3A> = mesh
        .vertices
        .iter()
        .map(|vertex| posed.position(vertex.position))
        .collect();
    for (index, (pack, r)) in packs.iter_mut().zip(refs).enumerate() {
        let bounds;
        (*pack, bounds) = mesh.pack(index, &positions);
        *r = Ref {
            bounds,
            pack: (bunny * mesh.packs() + index) as u32,
        };
    }
}
