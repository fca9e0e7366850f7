use super::*;

fn scene() -> Scene {
    Scene::new(Mesh {
        vertices: Vec::new(),
        triangles: Vec::new(),
    })
}

#[test]
fn groups_share_out_at_least_48_bunnies_in_order() {
    let scene = scene();
    let mut next = 0;
    for group in &scene.groups {
        assert_eq!(group.members.start, next);
        next = group.members.end;
    }
    assert_eq!(next, scene.bunnies.len());
    assert!(next >= 48);
}

#[test]
fn everything_stays_on_the_turntable_and_above_the_ground() {
    let scene = scene();
    for frame in (0..600).step_by(7) {
        let turntable = scene.turntable(frame);
        for (index, group) in scene.groups.iter().enumerate() {
            let place = scene.group(frame, &turntable, index);
            for bunny in group.members.clone() {
                let posed = scene.bunny(frame, &place, bunny);
                let foot = posed.position(Vec3A::ZERO);
                assert!(foot.y >= -1e-5, "frame {frame}, bunny {bunny}: {foot}");
                assert!(foot.length() < 5.0, "frame {frame}, bunny {bunny}: {foot}");
            }
        }
    }
}

#[test]
fn normals_stay_upright_on_a_leaning_surface() {
    let group = Affine3A::from_rotation_y(0.4);
    let lean = Vec2::new(0.3, -0.2);
    let posed = posed(&group, Vec3::X, 1.0, 0.7, 1.3, lean);
    let at = Vec3A::new(0.2, 0.8, -0.1);
    let normal = Vec3A::new(0.6, 0.5, -0.62).normalize();
    let (side, front) = normal.any_orthonormal_pair();
    let world = posed.normal(at.y, normal);
    for along in [side, front] {
        let step = posed.position(at + along * 1e-3) - posed.position(at - along * 1e-3);
        assert!(world.dot(step.normalize()).abs() < 1e-3);
    }
}

#[test]
fn hops_start_and_end_on_the_ground_where_the_next_begins() {
    let before = Hop::at(2.999_999);
    let after = Hop::at(3.0);
    assert!(before.height < 1e-4 && after.height == 0.0);
    assert!((before.count + before.way - after.count - after.way).abs() < 1e-4);
    assert!((before.stretch - after.stretch).abs() < 1e-4);
}
