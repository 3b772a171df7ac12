//! The generator's guard: evaluates the reference on each new node and refuses nodes whose bound would be useless, so that what a
//! campaign runs is decided.

use crate::data::{self, Regime};
use graphgen::{Lattice, Profile};
use ir::{Graph, NodeId, Tensor, ValueId};
use reference::Contract;
use std::collections::BTreeMap;

/// Share of a new node's elements that must be decided.
const USEFUL: f64 = 0.9;

/// Generates a graph whose every node has a useful bound on the `Normal` data of `data_seed`.
pub fn generate(
    u: &mut arbitrary::Unstructured<'_>,
    p: &Profile,
    l: &Lattice,
    data_seed: u64,
    contract: &Contract,
) -> Graph {
    let mut known: BTreeMap<ValueId, Tensor> = BTreeMap::new();
    graphgen::from_bytes(u, p, l, &mut |g, new| accept(g, new, data_seed, contract, &mut known))
}

/// The new nodes and the elementwise nodes that they read, three deep.
fn chain(g: &Graph, new: &[NodeId]) -> Vec<NodeId> {
    let mut all = new.to_vec();
    let mut front = new.to_vec();
    for _ in 0..3 {
        let mut next = Vec::new();
        for &n in &front {
            for p in g.nodes[n].inputs.iter().flatten().filter_map(|v| g.producer(*v)) {
                let family = g.nodes[p].op.schema().family;
                let elementwise = matches!(family, ir::Family::Unary | ir::Family::Binary | ir::Family::Compare);
                if elementwise && !all.contains(&p) {
                    all.push(p);
                    next.push(p);
                }
            }
        }
        front = next;
    }
    all.sort_unstable();
    all
}

fn accept(g: &Graph, new: &[NodeId], seed: u64, contract: &Contract, known: &mut BTreeMap<ValueId, Tensor>) -> bool {
    let mut given = BTreeMap::new();
    let mut fresh = Vec::new();
    // Elementwise producers may be fused with the new node: what counts is the bound of the whole chain.
    let chain = chain(g, new);
    for &n in &chain {
        for v in g.nodes[n].inputs.iter().flatten() {
            if let Some(t) = known.get(v) {
                given.insert(*v, t.clone());
            } else if g.inputs.contains(v) {
                let all = data::inputs(g, seed, Regime::Normal);
                let i = g.inputs.iter().position(|x| x == v).expect("just found");
                given.insert(*v, all[i].clone());
                fresh.push((*v, all[i].clone()));
            }
        }
    }
    let Ok(e) = reference::evaluate_nodes(g, &chain, &given, contract) else { return false };
    let mut results = Vec::new();
    for &n in new {
        for &o in &g.nodes[n].outputs {
            let Some(b) = e.value(o) else { return false };
            // The reference measures the type that the generator declared.
            if b.dtype != g.ty(o).dtype || b.dims != g.ty(o).dims {
                panic!(
                    "{} `{}` is declared {}, the reference measures {}{:?}",
                    g.nodes[n].op,
                    o,
                    g.ty(o),
                    b.dtype,
                    b.dims
                );
            }
            let (decided, _) = b.decided_and_exact();
            if (decided as f64) < USEFUL * b.elements() as f64 {
                return false;
            }
            results.push((o, b.to_tensor()));
        }
    }
    known.extend(fresh);
    known.extend(results);
    true
}
