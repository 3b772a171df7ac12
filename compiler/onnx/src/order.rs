//! ONNX wants the nodes of a graph in topological order; this says which are not, and whether a cycle is the cause.

use crate::proto::NodeProto;
use std::collections::BTreeMap;

/// All uses before definition: index of the using node, and what is wrong. `defined` says which names are values
/// already; a node that defines one again is a fault of its own.
pub fn check(nodes: &[NodeProto], defined: impl Fn(&str) -> bool) -> Vec<(usize, String)> {
    let mut producer: BTreeMap<&str, usize> = BTreeMap::new();
    for (i, n) in nodes.iter().enumerate() {
        for o in n.output.iter().filter(|o| !o.is_empty() && !defined(o)) {
            producer.entry(o).or_insert(i);
        }
    }
    let mut uses = Vec::new();
    for (i, n) in nodes.iter().enumerate() {
        for name in n.input.iter().filter(|o| !o.is_empty()) {
            if let Some(&p) = producer.get(name.as_str())
                && p >= i
            {
                uses.push((i, name, p));
            }
        }
    }
    if uses.is_empty() {
        return Vec::new();
    }
    let mut out = Vec::new();
    let cyclic = on_or_behind_cycle(nodes, &producer);
    for (i, name, p) in uses {
        let why = if cyclic[i] && cyclic[p] { "which lies on a cycle or behind one" } else { "which comes later" };
        let name = crate::error::short(name);
        out.push((
            i,
            format!(
                "input `{name}` is defined by node #{p}, {why}; nodes have to be in topological order, without cycles"
            ),
        ));
    }
    out
}

/// Nodes that no topological order reaches (Kahn's algorithm).
fn on_or_behind_cycle(nodes: &[NodeProto], producer: &BTreeMap<&str, usize>) -> Vec<bool> {
    let mut waiting = vec![0usize; nodes.len()];
    let mut users: Vec<Vec<usize>> = vec![Vec::new(); nodes.len()];
    for (i, n) in nodes.iter().enumerate() {
        for p in n.input.iter().filter_map(|name| producer.get(name.as_str())) {
            waiting[i] += 1;
            users[*p].push(i);
        }
    }
    let mut ready: Vec<usize> = (0..nodes.len()).filter(|&i| waiting[i] == 0).collect();
    while let Some(i) = ready.pop() {
        for &u in &users[i] {
            waiting[u] -= 1;
            if waiting[u] == 0 {
                ready.push(u);
            }
        }
    }
    waiting.into_iter().map(|w| w > 0).collect()
}
