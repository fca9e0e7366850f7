//! The sum over a balanced binary tree of 2^20 - 1 nodes, with a join per node: chili's own
//! example.

use crate::bench::{Ability, Bench, Outcome, Row, Run, Unit, check};
use crate::divide::{Divide, Step};
use crate::measure::repeat;
use crate::peers::{Peer, Setup, can};

pub const BENCHES: &[Bench] = &[Bench::new(
    "tree_sum",
    &[Row {
        name: "tree_sum",
        unit: Unit::Ns,
    }], &[Ability::Fork, Ability::Walk])];

pub fn measure<P: Peer>(run: &Run) -> Outcome {
    let layers = run.size.pick(20, 17);
    let nodes = (1 << layers) - 1;
    // The process ends before its tree does.
    let root: &'static Node = Box::leak(tree(layers).expect("there are layers"));
    let peer = P::start(Setup::of(run));
    let time = repeat(run.target, nodes, &mut || {
        let sum = if const { can::<P>(&[Ability::Fork]) } {
            peer.fork(Sum(Some(root)))
        } else {
            peer.walk(root, children, |node| node.value)
        };
        check("the sum", sum, nodes)
    })?;
    Ok(vec![("tree_sum", time)])
}

struct Node {
    value: u64,
    left: Option<Box<Self>>,
    right: Option<Box<Self>>,
}

fn tree(layers: u32) -> Option<Box<Node>> {
    (layers > 0).then(|| {
        Box::new(Node {
            value: 1,
            left: tree(layers - 1),
            right: tree(layers - 1),
        })
    })
}

fn children(node: &&'static Node) -> impl Iterator<Item = &'static Node> + use<> {
    [node.left.as_deref(), node.right.as_deref()].into_iter().flatten()
}

struct Sum(Option<&'static Node>);

impl Divide for Sum {
    type Out = u64;
    type Carry = u64;

    #[inline]
    fn divide(self) -> Step<Self> {
        match self.0 {
            None => Step::Leaf(0),
            Some(node) => Step::Fork(
                Self(node.left.as_deref()),
                Self(node.right.as_deref()),
                node.value,
            ),
        }
    }

    #[inline]
    fn merge(value: u64, left: u64, right: u64) -> u64 {
        value + left + right
    }
}
