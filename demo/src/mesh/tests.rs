use super::*;

const TETRAHEDRON: &str = "v 0 0 0\nv 10 0 0\nv 0 10 0\nv 0 0 10\n\
    f 1 3 2\nf 1 2 4\nf 1 4 3\nf 2 3 4\n";

fn mesh(text: &str) -> Mesh {
    Mesh::from_bytes(text.as_bytes()).unwrap()
}

#[test]
fn stands_on_the_ground_one_unit_large() {
    let far_away = "v 1e30 0 0\n";
    for text in [TETRAHEDRON.to_owned(), format!("{TETRAHEDRON}{far_away}")] {
        let mesh = mesh(&text);
        let mut bounds = Aabb::EMPTY;
        for vertex in &mesh.vertices[..4] {
            bounds.include(vertex.position);
        }
        assert_eq!(bounds.min, Vec3A::new(-0.5, 0.0, -0.5));
        assert_eq!(bounds.max, Vec3A::new(0.5, 1.0, 0.5));
    }
}

#[test]
fn huge_and_tiny_meshes_look_the_same() {
    let expected = mesh(TETRAHEDRON);
    for scale in ["1e37", "1e-300"] {
        let mesh = mesh(&TETRAHEDRON.replace("10", scale));
        for (vertex, expected) in mesh.vertices.iter().zip(&expected.vertices) {
            assert!(vertex.position.distance(expected.position) < 1e-6);
            assert!(vertex.normal.is_normalized());
            assert_eq!(vertex.openness, expected.openness);
        }
    }
}

#[test]
fn refuses_a_mesh_that_is_a_point() {
    let error = Mesh::from_bytes(b"v 1 2 3\nf 1 1 1\n").unwrap_err();
    assert_eq!(error, "1: all vertices of the faces are in one place");
}

#[test]
fn faces_without_area_have_finite_normals() {
    let mesh = mesh("v 0 0 0\nv 1 0 0\nv 2 0 0\nf 1 2 3\nf 1 1 2\n");
    assert!(mesh.vertices.iter().all(|v| v.normal.is_normalized()));
}

#[test]
fn normals_look_outward() {
    let mesh = mesh(TETRAHEDRON);
    let middle = Vec3A::new(-0.2, 0.3, -0.2);
    for vertex in &mesh.vertices {
        assert!(vertex.normal.dot(vertex.position - middle) > 0.0);
    }
}

#[test]
fn all_triangles_are_in_packs_and_only_the_last_is_short() {
    let obj = obj::parse(BUNNY).unwrap();
    let mut expected = obj.triangles.clone();
    let mut mesh = Mesh {
        vertices: fit(&obj)
            .unwrap()
            .into_iter()
            .map(|position| Vertex {
                position,
                normal: Vec3A::Y,
                openness: 1.0,
            })
            .collect(),
        triangles: obj.triangles,
    };
    mesh.gather_neighbours();
    assert_eq!(mesh.packs(), expected.len().div_ceil(LANES));
    let positions: Vec<Vec3A> = mesh.vertices.iter().map(|v| v.position).collect();
    let mean_size = (0..mesh.packs())
        .map(|pack| mesh.pack(pack, &positions).1)
        .map(|bounds| (bounds.max - bounds.min).max_element())
        .sum::<f32>()
        / mesh.packs() as f32;
    assert!(mean_size < 0.1, "packs are {mean_size} large on average");
    mesh.triangles.sort_unstable();
    expected.sort_unstable();
    assert_eq!(mesh.triangles, expected);
}

#[test]
fn a_vertex_under_a_roof_sees_less_of_the_sky() {
    let mesh = mesh(
        "v -1 0 -1\nv 1 0 -1\nv 1 0 1\nv -1 0 1\nf 1 4 3 2\n\
         v -1 .5 -1\nv 1 .5 -1\nv 1 .5 1\nv -1 .5 1\nf 5 8 7 6\n",
    );
    let floor = mesh.vertices[0].openness;
    let roof = mesh.vertices[4].openness;
    assert!(floor < 0.8 && roof > 0.95, "floor {floor}, roof {roof}");
}
