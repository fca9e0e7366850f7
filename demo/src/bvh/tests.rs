use glam::Vec3A;

use super::*;

/// A fixed cloud of small triangles, some of them doubles of others.
fn cloud(packs: usize) -> Tree {
    let mut tree = Tree::default();
    tree.resize(packs);
    let mut state = 1_u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / (1 << 24) as f32
    };
    for index in 0..packs {
        if index % 5 == 4 {
            tree.packs[index] = tree.packs[index - 1];
            tree.refs[index] = tree.refs[index - 1];
            tree.refs[index].pack = index as u32;
            continue;
        }
        let mut bounds = Aabb::EMPTY;
        for lane in 0..LANES {
            let corner = Vec3A::new(next(), next(), next()) * 10.0;
            let corners = [0; 3].map(|_| corner + Vec3A::new(next(), next(), next()));
            corners.iter().for_each(|&point| bounds.include(point));
            tree.packs[index].set(lane, corners);
        }
        tree.refs[index] = Ref {
            bounds,
            pack: index as u32,
        };
    }
    tree
}

fn whole(tree: &mut Tree) -> Branch<'_> {
    Branch::whole(&mut tree.refs, &mut tree.nodes)
}

/// Rays from outside towards points of the cloud.
fn rays() -> impl Iterator<Item = Ray> {
    (0..200).map(|index| {
        let angle = index as f32 * 0.7;
        let origin = Vec3A::new(20.0 * angle.cos(), index as f32 * 0.05, 20.0 * angle.sin());
        let target = Vec3A::new(index as f32 * 0.05, 5.0, 5.0);
        Ray::new(origin, (target - origin).normalize())
    })
}

/// What `nearest` must find, by looking at every triangle.
fn nearest_of_all(tree: &Tree, ray: &Ray, limit: f32) -> Option<(f32, u32)> {
    let mut best: Option<(f32, u32)> = None;
    for (index, pack) in tree.packs.iter().enumerate() {
        let hits = pack.meet(ray, limit);
        for lane in (0..LANES).filter(|lane| hits.mask & (1 << lane) != 0) {
            let found = (hits.t[lane], (index * LANES + lane) as u32);
            if best.is_none_or(|best| found < best) {
                best = Some(found);
            }
        }
    }
    best
}

#[test]
fn finds_what_looking_at_everything_finds() {
    for packs in [1, 2, 3, 150] {
        let mut tree = cloud(packs);
        whole(&mut tree).grow();
        let mut met = 0;
        for ray in rays() {
            let expected = nearest_of_all(&tree, &ray, 100.0);
            let found = tree.nearest(&ray, 100.0).map(|hit| (hit.t, hit.triangle));
            assert_eq!(found, expected);
            assert_eq!(tree.blocked(&ray, 100.0), expected.is_some());
            met += usize::from(expected.is_some());
        }
        assert!(packs < 150 || met > 50, "only {met} rays met anything");
    }
}

#[test]
fn of_doubles_the_lower_triangle_is_hit() {
    let mut tree = cloud(150);
    whole(&mut tree).grow();
    for hit in rays().filter_map(|ray| tree.nearest(&ray, 100.0)) {
        assert_ne!(hit.triangle as usize / LANES % 5, 4);
    }
}

#[test]
fn the_limit_counts() {
    let mut tree = cloud(150);
    whole(&mut tree).grow();
    for ray in rays() {
        if let Some(hit) = tree.nearest(&ray, 100.0) {
            assert!(tree.blocked(&ray, hit.t));
            assert!(!tree.blocked(&ray, hit.t * 0.999));
            assert_eq!(tree.nearest(&ray, hit.t * 0.999), None);
        }
    }
}

/// Grows by a list of open branches and takes the newest, the oldest, or a middle one first.
fn grow_in_order(tree: &mut Tree, pick: impl Fn(usize) -> usize) {
    let mut open = vec![whole(tree)];
    while !open.is_empty() {
        let branch = open.swap_remove(pick(open.len()));
        if branch.len() > 1 {
            let (left, right) = branch.fork();
            open.extend([left, right]);
        }
    }
}

#[test]
fn the_order_of_growing_leaves_no_trace() {
    let mut expected = cloud(500);
    whole(&mut expected).grow();
    let orders: [fn(usize) -> usize; 3] = [|_| 0, |open| open - 1, |open| open / 2];
    for pick in orders {
        let mut tree = cloud(500);
        grow_in_order(&mut tree, pick);
        assert_eq!(tree, expected);
    }
}

#[test]
fn a_reused_tree_remembers_nothing() {
    let mut expected = cloud(300);
    whole(&mut expected).grow();
    let mut reused = cloud(500);
    whole(&mut reused).grow();
    let fresh = cloud(300);
    reused.resize(300);
    reused.packs.copy_from_slice(&fresh.packs);
    reused.refs.copy_from_slice(&fresh.refs);
    whole(&mut reused).grow();
    assert_eq!(reused, expected);
}

/// How far down the deepest pack is.
fn levels(tree: &Tree, link: Link) -> usize {
    match link.target() {
        Target::Pack(_) => 0,
        Target::Node(node) => {
            let below = tree.nodes[node].children.map(|child| levels(tree, child));
            1 + below[0].max(below[1])
        }
    }
}

#[test]
fn packs_in_one_place_and_packs_ever_further_apart_stay_shallow() {
    for ratio in [1.0, 20.0] {
        let mut tree = Tree::default();
        tree.resize(1000);
        for (index, r) in tree.refs.iter_mut().enumerate() {
            let at = Vec3A::splat(f32::powi(ratio, index as i32 % 20 - 10));
            *r = Ref {
                bounds: Aabb { min: at, max: at },
                pack: index as u32,
            };
        }
        whole(&mut tree).grow();
        let deepest = levels(&tree, tree.root());
        assert!(deepest <= MOST_LEVELS, "{deepest} levels");
        let mut seen: Vec<u32> = tree.refs.iter().map(|r| r.pack).collect();
        seen.sort_unstable();
        assert!(seen.into_iter().eq(0..1000));
    }
}
