//! Unbalanced tree search: counts the nodes of a tree that is made while it is walked, by the rules
//! of the UTS benchmark. The children of a node are split in two until one is left.

mod tree;

use self::tree::{Shape, Tree};
use crate::bench::{Ability, Bench, Outcome, Row, Run, Unit, check};
use crate::divide::{Divide, Step};
use crate::measure::repeat_warm;
use crate::peers::{Peer, Setup, can};

/// For 1,572 levels of up to three joins each, and for what a worker steals on top while it waits.
const STACK: usize = 64 << 20;

pub const BENCHES: &[Bench] = &[
    Bench {
        group: "uts",
        stack: Some(STACK),
        ..Bench::new(
            "uts_t1",
            &[Row {
                name: "uts_t1",
                unit: Unit::Ns,
            }], &[Ability::Fork, Ability::Walk])
    },
    Bench {
        group: "uts",
        stack: Some(STACK),
        ..Bench::new(
            "uts_t3",
            &[Row {
                name: "uts_t3",
                unit: Unit::Ns,
            }], &[Ability::Fork, Ability::Walk])
    },
];

/// `-t1 -a3 -d10 -b4 -r19`
const T1: Tree = Tree {
    seed: 19,
    shape: Shape::Geometric {
        branching: 4.0,
        depth: 10,
    },
};
const T1_NODES: u64 = 4_130_071;

/// T1 with `-d7`
const T1_QUICK: Tree = Tree {
    seed: 19,
    shape: Shape::Geometric {
        branching: 4.0,
        depth: 7,
    },
};

const T1_QUICK_NODES: u64 = 63_914;

/// `-t0 -b2000 -q0.124875 -m8 -r42`
const T3: Tree = Tree {
    seed: 42,
    shape: Shape::Binomial {
        at_root: 2000,
        children: 8,
        probability: 0.124875,
    },
};
const T3_NODES: u64 = 4_112_897;

/// T3 with `-q0.122`
const T3_QUICK: Tree = Tree {
    seed: 42,
    shape: Shape::Binomial {
        at_root: 2000,
        children: 8,
        probability: 0.122,
    },
};
const T3_QUICK_NODES: u64 = 112_169;

pub fn measure<P: Peer>(run: &Run) -> Outcome {
    let (whole, part) = match run.bench.name {
        "uts_t1" => ((&T1, T1_NODES), (&T1_QUICK, T1_QUICK_NODES)),
        _ => ((&T3, T3_NODES), (&T3_QUICK, T3_QUICK_NODES)),
    };
    let (tree, nodes) = run.size.pick(whole, part);
    let peer = P::start(Setup::of(run));
    // A whole tree would take too long to warm up with.
    count(&peer, part.0, part.1)?;
    let time = repeat_warm(run.target, nodes, &mut || count(&peer, tree, nodes))?;
    Ok(vec![(run.bench.name, time)])
}

fn count<P: Peer>(peer: &P, tree: &'static Tree, nodes: u64) -> Result<(), String> {
    let counted = if const { can::<P>(&[Ability::Fork]) } {
        peer.fork(Siblings::root(tree))
    } else {
        peer.walk((tree.root(), 0), |node| tree.offspring(*node), |_| 1)
    };
    check("the number of nodes", counted, nodes)
}

/// Some children of a node, and how many nodes were counted on the way to them.
struct Siblings {
    tree: &'static Tree,
    parent: tree::State,
    depth: u32,
    first: u32,
    end: u32,
    counted: u64,
}

impl Siblings {
    fn root(tree: &'static Tree) -> Self {
        let parent = tree.root();
        Self {
            tree,
            parent,
            depth: 0,
            first: 0,
            end: tree.children(&parent, 0),
            counted: 1,
        }
    }
}

impl Divide for Siblings {
    type Out = u64;
    type Carry = ();

    fn divide(mut self) -> Step<Self> {
        loop {
            match self.end - self.first {
                0 => return Step::Leaf(self.counted),
                1 => {
                    self.parent = tree::child(&self.parent, self.first);
                    self.depth += 1;
                    self.counted += 1;
                    self.first = 0;
                    self.end = self.tree.children(&self.parent, self.depth);
                }
                several => {
                    let middle = self.first + several / 2;
                    let right = Self {
                        first: middle,
                        counted: 0,
                        ..self
                    };
                    self.end = middle;
                    return Step::Fork(self, right, ());
                }
            }
        }
    }

    fn merge((): (), left: u64, right: u64) -> u64 {
        left + right
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn serially(siblings: Siblings) -> u64 {
        match siblings.divide() {
            Step::Leaf(nodes) => nodes,
            Step::Fork(left, right, ()) => serially(left) + serially(right),
        }
    }

    #[test]
    fn small_trees_have_their_numbers_of_nodes() {
        assert_eq!(serially(Siblings::root(&T1_QUICK)), T1_QUICK_NODES);
        assert_eq!(serially(Siblings::root(&T3_QUICK)), T3_QUICK_NODES);
    }

    #[test]
    #[ignore = "takes seconds, and a minute without optimisation"]
    fn whole_trees_have_their_published_numbers_of_nodes() {
        let counting = std::thread::Builder::new().stack_size(STACK).spawn(|| {
            assert_eq!(serially(Siblings::root(&T1)), T1_NODES);
            assert_eq!(serially(Siblings::root(&T3)), T3_NODES);
        });
        counting.unwrap().join().unwrap();
    }
}
