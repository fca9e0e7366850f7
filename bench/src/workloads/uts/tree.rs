//! The trees of UTS: a node is a hash, and its hash decides how many children it has.

use sha1::{Digest, Sha1};

/// A node: 20 bytes of SHA-1.
pub type State = [u8; 20];

/// The most children of a node in a geometric tree.
const MOST_CHILDREN: u32 = 100;

pub enum Shape {
    /// The expected number of children is `branching` above `depth`, and zero from there on (UTS
    /// calls that the fixed shape).
    Geometric { branching: f64, depth: u32 },
    /// `at_root` children at the root; elsewhere `children` with this probability, else none.
    Binomial {
        at_root: u32,
        children: u32,
        probability: f64,
    },
}

pub struct Tree {
    pub seed: u32,
    pub shape: Shape,
}

impl Tree {
    pub fn root(&self) -> State {
        hash(&[0; 16], self.seed)
    }

    /// The children of a node at this depth, with theirs.
    pub fn offspring(
        &self,
        (node, depth): (State, u32),
    ) -> impl Iterator<Item = (State, u32)> + use<> {
        let children = 0..self.children(&node, depth);
        children.map(move |index| (child(&node, index), depth + 1))
    }

    /// How many children the node has.
    pub fn children(&self, node: &State, depth: u32) -> u32 {
        match self.shape {
            Shape::Geometric {
                branching,
                depth: most,
            } => {
                if depth >= most {
                    return 0;
                }
                let stop = 1.0 / (1.0 + branching);
                let children = ((1.0 - uniform(node)).ln() / (1.0 - stop).ln()).floor();
                (children as u32).min(MOST_CHILDREN)
            }
            Shape::Binomial { at_root, .. } if depth == 0 => at_root,
            Shape::Binomial {
                children,
                probability,
                ..
            } => {
                if uniform(node) < probability {
                    children
                } else {
                    0
                }
            }
        }
    }
}

pub fn child(parent: &State, index: u32) -> State {
    hash(parent, index)
}

fn hash(bytes: &[u8], number: u32) -> State {
    Sha1::new()
        .chain_update(bytes)
        .chain_update(number.to_be_bytes())
        .finalize()
        .into()
}

/// At least 0, below 1: the last four bytes without their sign.
fn uniform(node: &State) -> f64 {
    let last = node.last_chunk().expect("a state has 20 bytes");
    f64::from(u32::from_be_bytes(*last) & 0x7fff_ffff) / f64::from(1_u32 << 31)
}
