//! Random graphs, valid by construction.
//!
//! Choices come from `arbitrary::Unstructured`, eight bytes a node: the bytes seed the node's own generator, so one flipped
//! byte edits one node (and whatever depends on its type). Types are declared here by rules of this crate's own; `opt` infers
//! them again and the reference measures them, and all three must agree.
#![deny(missing_docs)]

mod builder;
mod families;
mod shapes;

pub use builder::Builder;
pub use shapes::Lattice;

use arbitrary::Unstructured;
use ir::{Graph, NodeId};
use kit::Rng;

/// What kind of graphs.
#[derive(Clone, PartialEq, Debug)]
pub struct Profile {
    /// Name, as on the command line.
    pub name: &'static str,
    /// Fewest and most nodes.
    pub nodes: (usize, usize),
    /// Most elements of a tensor that a node may make.
    pub max_elements: usize,
    /// Whether int8 patterns, integers and bool occur.
    pub integers: bool,
    /// Whether convolutions and pools occur.
    pub conv: bool,
    /// Factor (0: none) on the frequency of run-time quantisation, QLinear, indexing, ordering, recurrent, attention and sampling operators; that of all others is 24.
    pub composites: u32,
}

impl Profile {
    /// The profiles by name: `default` (5 to 40 nodes), `fuzz` (10 nodes), `small` (1 to 4, for first tests), `float` (no integers),
    /// `composite` (1 to 8, mostly operators that are decomposed).
    pub fn named(name: &str) -> Option<Profile> {
        let base =
            Profile { name: "default", nodes: (5, 40), max_elements: 4096, integers: true, conv: true, composites: 1 };
        Some(match name {
            "default" => base,
            "fuzz" => Profile { name: "fuzz", nodes: (10, 10), max_elements: 1024, ..base },
            "small" => Profile { name: "small", nodes: (1, 4), max_elements: 512, ..base },
            "composite" => Profile { name: "composite", nodes: (1, 8), max_elements: 512, composites: 288, ..base },
            "float" => Profile { name: "float", integers: false, ..base },
            _ => return None,
        })
    }
    /// All names.
    pub const NAMES: &'static [&'static str] = &["default", "fuzz", "small", "float", "composite"];
}

/// Looks at the graph after each new node (and its helpers) and may refuse it: the apparatus evaluates the reference here, so that no
/// node with a useless bound stays.
pub type Guard<'a> = dyn FnMut(&Graph, &[NodeId]) -> bool + 'a;

/// Generates a graph from raw bytes; never fails, an empty input gives the smallest graph of the profile.
pub fn from_bytes(u: &mut Unstructured<'_>, profile: &Profile, lattice: &Lattice, guard: &mut Guard<'_>) -> Graph {
    let head: u64 = u.arbitrary().unwrap_or(0);
    let mut rng = Rng::new(head);
    let nodes = rng.range(profile.nodes.0 as i64, profile.nodes.1 as i64) as usize;
    let mut b = Builder::new(profile.clone(), lattice.clone());
    b.seed_inputs(&mut rng);
    let mut failures = 0;
    while b.node_count() < nodes && failures < 4 * nodes + 16 {
        let chunk: u64 = if u.is_empty() { rng.next_u64() } else { u.arbitrary().unwrap_or(0) };
        if !b.grow(&mut Rng::new(chunk), guard) {
            failures += 1;
        }
    }
    b.finish(&mut rng)
}

/// Generates a graph from a seed.
pub fn from_seed(seed: u64, profile: &Profile, lattice: &Lattice, guard: &mut Guard<'_>) -> Graph {
    let mut rng = Rng::new(seed);
    let bytes: Vec<u8> = (0..=profile.nodes.1).flat_map(|_| rng.next_u64().to_le_bytes()).collect();
    from_bytes(&mut Unstructured::new(&bytes), profile, lattice, guard)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn graphs_are_valid_and_repeat() {
        for name in Profile::NAMES {
            let p = Profile::named(name).expect("listed");
            for seed in 0..300 {
                let g = from_seed(seed, &p, &Lattice::default(), &mut |_, _| true);
                let bad = ir::verify::verify(&g);
                assert!(bad.is_empty(), "{name} seed {seed}: {bad:?}\n{}", ir::text::print(&g));
                assert_eq!(g, from_seed(seed, &p, &Lattice::default(), &mut |_, _| true));
                assert!(g.values.values().all(|v| v.ty.elements() <= 8 * p.max_elements));
            }
        }
    }

    #[test]
    fn the_default_profile_is_not_trivial() {
        let p = Profile::named("default").expect("listed");
        let (mut big, mut all, mut ops, mut nodes) = (0, 0, std::collections::BTreeSet::new(), 0);
        for seed in 0..200 {
            let g = from_seed(seed, &p, &Lattice::default(), &mut |_, _| true);
            nodes += g.nodes.len();
            for n in g.nodes.values() {
                ops.insert(n.op);
                for &o in &n.outputs {
                    all += 1;
                    big += usize::from(g.ty(o).elements() >= 64);
                }
            }
        }
        assert!(big * 2 >= all, "{big} of {all} tensors have 64 elements");
        assert!(ops.len() >= 60, "{} operators occur: {ops:?}", ops.len());
        assert!(nodes >= 200 * 15, "{nodes} nodes in 200 graphs");
    }

    #[test]
    fn one_byte_edits_locally() {
        let p = Profile::named("fuzz").expect("listed");
        let bytes: Vec<u8> = (0..96u8).map(|i| i.wrapping_mul(37)).collect();
        let a = from_bytes(&mut Unstructured::new(&bytes), &p, &Lattice::default(), &mut |_, _| true);
        let mut late = bytes.clone();
        late[80] ^= 1;
        let b = from_bytes(&mut Unstructured::new(&late), &p, &Lattice::default(), &mut |_, _| true);
        let same =
            a.nodes.values().zip(b.nodes.values()).take_while(|(x, y)| x.op == y.op && x.attrs == y.attrs).count();
        assert!(same >= 3, "only {same} leading nodes survive a late edit");
    }
}
