//! The mesh as the frames use it: of known size, with smooth normals, triangles in groups of four that lie close
//! together, and the light that its own shape keeps away from each vertex.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use glam::{DVec3, Vec3A};

use crate::bvh::{Branch, Ref, Tree};
use crate::geometry::{Aabb, LANES, Pack, Ray};
use crate::obj::{self, Obj};

#[cfg(test)]
mod tests;

/// The Stanford bunny; see `assets/CREDITS.md`.
pub const BUNNY: &[u8] = include_bytes!("../assets/bunny.obj");

/// Larger files are refused unread, which also ends the reading of endless ones.
const MOST_BYTES: u64 = 1 << 28;

#[derive(Clone, Copy, Debug)]
pub struct Vertex {
    /// The mesh stands on `y = 0` around the y axis and is one unit large.
    pub position: Vec3A,
    pub normal: Vec3A,
    /// How much of the sky it sees past the mesh itself and past the ground: 0 none, 1 all that its normal allows.
    pub openness: f32,
}

#[derive(Debug)]
pub struct Mesh {
    pub vertices: Vec<Vertex>,
    /// Indices into `vertices`; triangles `4 i` to `4 i + 3` make up pack `i`.
    pub triangles: Vec<[u32; 3]>,
}

impl Mesh {
    /// Reads `path`, or the embedded bunny. The error is one line that names the file and the line in it.
    pub fn load(path: Option<&Path>) -> Result<Mesh, String> {
        let Some(path) = path else {
            return Mesh::from_bytes(BUNNY).map_err(|error| format!("bunny.obj:{error}"));
        };
        let name = path.display();
        let mut bytes = Vec::new();
        File::open(path)
            .and_then(|file| file.take(MOST_BYTES + 1).read_to_end(&mut bytes))
            .map_err(|error| format!("{name}: cannot read the mesh: {error}"))?;
        if bytes.len() as u64 > MOST_BYTES {
            return Err(format!(
                "{name}: the mesh is larger than {MOST_BYTES} bytes"
            ));
        }
        Mesh::from_bytes(&bytes).map_err(|error| format!("{name}:{error}"))
    }

    /// Reads the contents of a file. The error begins with the line.
    pub fn from_bytes(bytes: &[u8]) -> Result<Mesh, String> {
        let obj = obj::parse(bytes).map_err(|error| error.to_string())?;
        Mesh::from_obj(obj)
            .ok_or_else(|| "1: all vertices of the faces are in one place".to_owned())
    }

    /// `None` if the faces span no space.
    fn from_obj(obj: Obj) -> Option<Mesh> {
        let positions = fit(&obj)?;
        let normals = normals(&positions, &obj.triangles);
        let vertices = positions
            .into_iter()
            .zip(normals)
            .map(|(position, normal)| Vertex {
                position,
                normal,
                openness: 1.0,
            })
            .collect();
        let mut mesh = Mesh {
            vertices,
            triangles: obj.triangles,
        };
        mesh.gather_neighbours();
        mesh.measure_openness();
        Some(mesh)
    }

    pub fn packs(&self) -> usize {
        self.triangles.len().div_ceil(LANES)
    }

    /// Pack `index` with its reference, the vertices placed at `positions`.
    pub fn pack(&self, index: usize, positions: &[Vec3A]) -> (Pack, Aabb) {
        let mut pack = Pack::default();
        let mut bounds = Aabb::EMPTY;
        let start = index * LANES;
        let end = (start + LANES).min(self.triangles.len());
        for (lane, triangle) in self.triangles[start..end].iter().enumerate() {
            let corners = triangle.map(|vertex| positions[vertex as usize]);
            corners.iter().for_each(|&corner| bounds.include(corner));
            pack.set(lane, corners);
        }
        (pack, bounds)
    }

    /// Orders the triangles so that each four in a row are close together.
    fn gather_neighbours(&mut self) {
        let mut keyed: Vec<(Vec3A, u32)> = (0..)
            .zip(&self.triangles)
            .map(|(index, triangle)| {
                let corners = triangle.map(|vertex| self.vertices[vertex as usize].position);
                (corners[0] + corners[1] + corners[2], index)
            })
            .collect();
        halve(&mut keyed);
        self.triangles = keyed
            .iter()
            .map(|&(_, index)| self.triangles[index as usize])
            .collect();
    }

    /// Counts for each vertex the rays to the sky that nothing stops.
    fn measure_openness(&mut self) {
        // Large meshes have their vertices close together, so fewer rays each show as little noise.
        let rays = (100_000 / self.vertices.len()).clamp(8, 64);
        let tree = self.tree();
        let measured: Vec<f32> = self
            .vertices
            .iter()
            .map(|vertex| openness(&tree, vertex, rays))
            .collect();
        for (vertex, openness) in self.vertices.iter_mut().zip(measured) {
            vertex.openness = openness;
        }
    }

    /// The tree over the mesh alone.
    fn tree(&self) -> Tree {
        let positions: Vec<Vec3A> = self.vertices.iter().map(|v| v.position).collect();
        let mut tree = Tree::default();
        tree.resize(self.packs());
        for index in 0..self.packs() {
            let (pack, bounds) = self.pack(index, &positions);
            tree.packs[index] = pack;
            tree.refs[index] = Ref {
                bounds,
                pack: index as u32,
            };
        }
        Branch::whole(&mut tree.refs, &mut tree.nodes).grow();
        tree
    }
}

/// Moves and scales the mesh to stand on the ground, one unit large. Vertices that no face uses don't count.
fn fit(obj: &Obj) -> Option<Vec<Vec3A>> {
    let mut min = DVec3::INFINITY;
    let mut max = DVec3::NEG_INFINITY;
    for &vertex in obj.triangles.iter().flatten() {
        let position = obj.positions[vertex as usize];
        min = min.min(position);
        max = max.max(position);
    }
    let size = (max - min).max_element();
    if size <= 0.0 {
        return None;
    }
    let foot = DVec3::new((min.x + max.x) / 2.0, min.y, (min.z + max.z) / 2.0);
    // An unused vertex may lie far away; it is never looked at, but its numbers stay finite.
    let reach = DVec3::splat(2.0);
    Some(
        obj.positions
            .iter()
            .map(|&position| {
                let fitted = ((position - foot) / size).clamp(-reach, reach);
                Vec3A::from(fitted.as_vec3())
            })
            .collect(),
    )
}

/// The mean of the faces around each vertex, weighted by their areas, added up in the order of the file.
fn normals(positions: &[Vec3A], triangles: &[[u32; 3]]) -> Vec<Vec3A> {
    let mut sums = vec![Vec3A::ZERO; positions.len()];
    for triangle in triangles {
        let [a, b, c] = triangle.map(|vertex| positions[vertex as usize]);
        let normal = (b - a).cross(c - a);
        for &vertex in triangle {
            sums[vertex as usize] += normal;
        }
    }
    sums.into_iter()
        .map(|sum| sum.try_normalize().unwrap_or(Vec3A::Y))
        .collect()
}

/// Cuts at the middle of the longest axis until four are left. The left part is always a multiple of four, so that
/// only the very last pack may have free lanes; triangles in the same place keep the order of the file.
fn halve(keyed: &mut [(Vec3A, u32)]) {
    let packs = keyed.len().div_ceil(LANES);
    if packs < 2 {
        return;
    }
    let mut bounds = Aabb::EMPTY;
    keyed.iter().for_each(|&(at, _)| bounds.include(at));
    let extent = bounds.max - bounds.min;
    let axis = (1..3).fold(0, |best, axis| {
        if extent[axis] > extent[best] {
            axis
        } else {
            best
        }
    });
    let left = packs / 2 * LANES;
    keyed.select_nth_unstable_by(left, |a, b| {
        a.0[axis].total_cmp(&b.0[axis]).then(a.1.cmp(&b.1))
    });
    let (low, high) = keyed.split_at_mut(left);
    halve(low);
    halve(high);
}

/// The part of `rays`, spread around the normal as light falls, that reaches the sky.
fn openness(tree: &Tree, vertex: &Vertex, rays: usize) -> f32 {
    const FAR: f32 = 2.0;
    const GOLDEN_ANGLE: f32 = 2.399_963_2;
    let normal = vertex.normal;
    let (side, front) = normal.any_orthonormal_pair();
    let origin = vertex.position + normal * 2e-3;
    let seen = (0..rays)
        .filter(|&index| {
            // A spiral over the disk, lifted to the half sphere: as many rays as the cosine weighs.
            let squared = (index as f32 + 0.5) / rays as f32;
            let angle = index as f32 * GOLDEN_ANGLE;
            let on_disk = (side * angle.cos() + front * angle.sin()) * squared.sqrt();
            let direction = on_disk + normal * (1.0 - squared).sqrt();
            let above = direction.y > -0.02;
            above && !tree.blocked(&Ray::new(origin, direction), FAR)
        })
        .count();
    // A normal that looks down sees no sky, which the shading accounts for; here only what is missing counts.
    let possible = (0.5 + 0.5 * normal.y).max(0.25);
    (seen as f32 / rays as f32 / possible).min(1.0)
}
