//! The bounding-volume tree over packs of triangles: how a node splits, and how a ray walks it.
//!
//! A tree over `n` packs has `n - 1` nodes. A node stands first in its own range, the nodes of its left half follow,
//! then those of its right half:
//!
//! ```text
//!   base        base + 1              base + left            base + n - 1
//!   | this node | left: left - 1 nodes | right: right - 1 nodes |
//! ```
//!
//! So where a node lies follows from the sizes of the halves alone. Whoever grows them, in whatever order, the tree
//! is the same to the last bit, and the halves borrow disjoint slices.

use crate::geometry::{Aabb, BoxPair, LANES, Pack, Ray};

mod split;
#[cfg(test)]
mod tests;

/// A pack on its way into the tree.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ref {
    pub bounds: Aabb,
    pub pack: u32,
}

/// What a node points at: another node, or a pack.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Link(u32);

enum Target {
    Node(usize),
    Pack(usize),
}

impl Link {
    const PACK: u32 = 1 << 31;

    fn target(self) -> Target {
        if self.0 & Self::PACK == 0 {
            Target::Node(self.0 as usize)
        } else {
            Target::Pack((self.0 & !Self::PACK) as usize)
        }
    }
}

/// Two children with their boxes, in one cache line.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[repr(align(64))]
pub struct Node {
    boxes: BoxPair,
    children: [Link; 2],
}

/// A part of a tree that is still to be grown, with exclusive right to its nodes and packs' references.
pub struct Branch<'a> {
    refs: &'a mut [Ref],
    nodes: &'a mut [Node],
    base: u32,
    /// How many more levels may be cut where it costs least; after that they are cut in the middle.
    free_levels: u32,
}

impl<'a> Branch<'a> {
    /// The whole tree. `nodes` must have one element less than `refs`.
    pub fn whole(refs: &'a mut [Ref], nodes: &'a mut [Node]) -> Branch<'a> {
        assert_eq!(
            nodes.len() + 1,
            refs.len(),
            "a tree of n packs has n - 1 nodes"
        );
        // Twice what a balanced tree needs: bad input costs time, never more than MOST_LEVELS.
        let free_levels = 2 * refs.len().ilog2() + 8;
        Branch {
            refs,
            nodes,
            base: 0,
            free_levels,
        }
    }

    /// How many packs are below.
    pub fn len(&self) -> usize {
        self.refs.len()
    }

    fn link(&self) -> Link {
        match &*self.refs {
            [only] => Link(Link::PACK | only.pack),
            _ => Link(self.base),
        }
    }

    /// Decides this branch's own node and returns the two halves. Needs at least two packs.
    pub fn fork(self) -> (Branch<'a>, Branch<'a>) {
        let cut = split::cut(self.refs, self.free_levels > 0);
        let (left_refs, right_refs) = self.refs.split_at_mut(cut.left);
        let (node, below) = self.nodes.split_first_mut().expect("a fork has a node");
        let (left_nodes, right_nodes) = below.split_at_mut(cut.left - 1);
        let free_levels = self.free_levels.saturating_sub(1);
        let left = Branch {
            refs: left_refs,
            nodes: left_nodes,
            base: self.base + 1,
            free_levels,
        };
        let right = Branch {
            refs: right_refs,
            nodes: right_nodes,
            base: self.base + cut.left as u32,
            free_levels,
        };
        *node = Node {
            boxes: BoxPair::new(cut.bounds[0], cut.bounds[1]),
            children: [left.link(), right.link()],
        };
        (left, right)
    }

    /// Grows the whole branch here and now.
    pub fn grow(self) {
        if self.len() > 1 {
            let (left, right) = self.fork();
            left.grow();
            right.grow();
        }
    }
}

/// Levels that a walk can meet: the free ones, then one per halving. `obj::MAX_TRIANGLES` in every instance of the
/// scene are below 2^23 packs.
const MOST_LEVELS: usize = (2 * 22 + 8) + 23;

/// A grown tree with its packs.
#[derive(Debug, Default, PartialEq)]
pub struct Tree {
    pub packs: Vec<Pack>,
    pub nodes: Vec<Node>,
    /// In growing, the packs' references; afterwards in the order of the leaves.
    pub refs: Vec<Ref>,
}

/// The nearest triangle that a ray meets.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Hit {
    pub t: f32,
    /// `pack * LANES + lane`.
    pub triangle: u32,
    /// Weights of the triangle's second and third corner.
    pub u: f32,
    pub v: f32,
}

impl Tree {
    /// Room for `packs` packs; what an earlier frame left in it is overwritten.
    pub fn resize(&mut self, packs: usize) {
        let nothing = Ref {
            bounds: Aabb::EMPTY,
            pack: 0,
        };
        self.packs.resize(packs, Pack::default());
        self.refs.resize(packs, nothing);
        self.nodes.resize(packs.saturating_sub(1), Node::default());
    }

    fn root(&self) -> Link {
        match &*self.refs {
            [only] => Link(Link::PACK | only.pack),
            _ => Link(0),
        }
    }

    /// The nearest hit up to `limit`. Of hits at the same distance the lowest triangle wins, so the answer does not
    /// depend on the order of the walk.
    pub fn nearest(&self, ray: &Ray, limit: f32) -> Option<Hit> {
        let mut best = Hit {
            t: limit,
            triangle: u32::MAX,
            u: 0.0,
            v: 0.0,
        };
        self.walk(ray, limit, |pack| {
            let hits = self.packs[pack].meet(ray, best.t);
            let mut mask = hits.mask;
            while mask != 0 {
                let lane = mask.trailing_zeros() as usize;
                mask &= mask - 1;
                let triangle = (pack * LANES + lane) as u32;
                let (t, u, v) = (hits.t[lane], hits.u[lane], hits.v[lane]);
                if t < best.t || (t == best.t && triangle < best.triangle) {
                    best = Hit { t, triangle, u, v };
                }
            }
            Some(best.t)
        });
        (best.triangle != u32::MAX).then_some(best)
    }

    /// Whether anything stands in the way before `limit`.
    pub fn blocked(&self, ray: &Ray, limit: f32) -> bool {
        let mut blocked = false;
        self.walk(ray, limit, |pack| {
            blocked = self.packs[pack].meet(ray, limit).mask != 0;
            (!blocked).then_some(limit)
        });
        blocked
    }

    /// Calls `visit` with each pack that the ray may meet within the limit, nearer boxes first. `visit` returns the
    /// new limit, or `None` when it has seen enough.
    #[inline]
    fn walk(&self, ray: &Ray, mut limit: f32, mut visit: impl FnMut(usize) -> Option<f32>) {
        let mut postponed = [(Link(0), 0.0_f32); MOST_LEVELS];
        let mut count = 0;
        let mut link = self.root();
        loop {
            let next = match link.target() {
                Target::Node(node) => {
                    let Node { boxes, children } = &self.nodes[node];
                    let found = boxes.meet(ray, limit);
                    match found.hit {
                        [false, false] => None,
                        [true, false] => Some(children[0]),
                        [false, true] => Some(children[1]),
                        [true, true] => {
                            let near = usize::from(found.enter[1] < found.enter[0]);
                            postponed[count] = (children[1 - near], found.enter[1 - near]);
                            count += 1;
                            Some(children[near])
                        }
                    }
                }
                Target::Pack(pack) => match visit(pack) {
                    Some(nearer) => {
                        limit = nearer;
                        None
                    }
                    None => return,
                },
            };
            link = match next {
                Some(link) => link,
                None => loop {
                    if count == 0 {
                        return;
                    }
                    count -= 1;
                    let (link, enter) = postponed[count];
                    // Not `<`: a hit at the same distance may have a lower triangle.
                    if enter <= limit {
                        break link;
                    }
                },
            };
        }
    }
}
