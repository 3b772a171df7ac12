//! Reduction moves: smaller cases from a case. Each gives candidates, largest step first; validity is checked by re-inferring all types.

use crate::case::Case;
use ir::{Attr, DType, Def, Graph, NodeId, Op, Rebuild, Tensor, TensorType, ValueId};
use std::collections::{BTreeMap, BTreeSet};

/// Tensors that the reference computes for every value, for each input set.
pub type Values = Vec<BTreeMap<ValueId, Tensor>>;

/// Evaluates the reference on every set; `None` where it can't.
pub fn values(case: &Case) -> Option<Values> {
    case.sets
        .iter()
        .map(|s| {
            let e = reference::evaluate(&case.graph, s, &case.setup.contract).ok()?;
            Some(e.values().map(|(v, b)| (v, b.to_tensor())).collect())
        })
        .collect()
}

/// The case restricted to some nodes: operands from outside become inputs with the values they had, results that nobody of the
/// kept nodes reads become outputs (others stay outputs if they were).
pub fn restrict(case: &Case, vals: &Values, keep: &BTreeSet<NodeId>) -> Option<Case> {
    let g = &case.graph;
    let mut new = Graph { name: g.name.clone(), ..Graph::default() };
    let mut map: BTreeMap<ValueId, ValueId> = BTreeMap::new();
    let mut sets: Vec<Vec<Tensor>> = vec![Vec::new(); case.sets.len()];
    let read: BTreeSet<ValueId> = keep.iter().flat_map(|&n| g.nodes[n].inputs.iter().flatten().copied()).collect();
    let mut names = BTreeSet::new();
    for &v in &read {
        if g.producer(v).is_some_and(|p| keep.contains(&p)) {
            continue;
        }
        if let Def::Const(t) = &g.values[v].def {
            let id = if t.dtype == g.ty(v).dtype {
                new.add_const(g.values[v].name.clone(), t.clone())
            } else {
                new.add_wide_const(g.values[v].name.clone(), g.ty(v).clone(), t.clone())
            };
            map.insert(v, id);
            continue;
        }
        let mut name = g.values[v].name.clone().unwrap_or_else(|| format!("v{}", v.0));
        while !names.insert(name.clone()) {
            name.push('_');
        }
        map.insert(v, new.add_input(name, g.ty(v).clone()));
        for (s, m) in sets.iter_mut().zip(vals) {
            s.push(m.get(&v)?.clone());
        }
    }
    for &n in keep {
        let node = &g.nodes[n];
        let inputs = node.inputs.iter().map(|i| i.map(|v| map[&v])).collect();
        let outs = node.outputs.iter().map(|&o| (g.ty(o).clone(), g.values[o].name.clone())).collect();
        let made = new.add_node(node.op, node.attrs.clone(), inputs, outs, node.origin.clone());
        map.extend(node.outputs.iter().copied().zip(made));
    }
    for &n in keep {
        for (i, &o) in g.nodes[n].outputs.iter().enumerate() {
            let used_outside = !read.contains(&o) && (i == 0 || !g.users()[o].is_empty());
            if used_outside || g.is_output(o) {
                new.add_output(format!("y{}", new.outputs.len()), map[&o]);
            }
        }
    }
    if new.outputs.is_empty() {
        return None;
    }
    let graph = ir::rebuild::compact(&new);
    Some(Case { graph, sets, setup: case.setup.clone() })
}

/// Bypasses: each node whose output has the type of one of its operands is replaced by that operand.
pub fn bypasses(case: &Case) -> Vec<Case> {
    let g = &case.graph;
    let mut out = Vec::new();
    for (id, n) in g.nodes.iter() {
        let Some(&o) = n.outputs.first() else { continue };
        let mut tried = BTreeSet::new();
        for &v in n.inputs.iter().flatten() {
            if g.ty(v) == g.ty(o) && tried.insert(v) {
                out.extend(replaced(case, id, o, v));
            }
        }
    }
    out
}

fn replaced(case: &Case, id: NodeId, o: ValueId, by: ValueId) -> Option<Case> {
    let g = &case.graph;
    if g.nodes[id].outputs.len() > 1 && g.nodes[id].outputs[1..].iter().any(|v| !g.users()[*v].is_empty()) {
        return None;
    }
    let mut r = Rebuild::new(g);
    for n in g.nodes.ids() {
        if n == id {
            let v = r.value(by);
            r.bind(o, v);
        } else {
            r.keep(n);
        }
    }
    let graph = finish(r)?;
    with_graph(case, graph)
}

fn finish(r: Rebuild<'_>) -> Option<Graph> {
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| r.finish())).ok()
}

/// Keeps the inputs that are still used, and their data.
fn with_graph(case: &Case, graph: Graph) -> Option<Case> {
    let (graph, kept) = drop_unused_inputs(&graph);
    let sets = case.sets.iter().map(|s| kept.iter().map(|&i| s.get(i).cloned()).collect()).collect::<Option<_>>()?;
    Some(Case { graph, sets, setup: case.setup.clone() })
}

/// The graph without inputs that nothing reads, and the positions of those kept.
pub fn drop_unused_inputs(g: &Graph) -> (Graph, Vec<usize>) {
    let users = g.users();
    let kept: Vec<usize> =
        (0..g.inputs.len()).filter(|&i| !users[g.inputs[i]].is_empty() || g.is_output(g.inputs[i])).collect();
    let mut new = Graph { name: g.name.clone(), ..Graph::default() };
    let mut map: BTreeMap<ValueId, ValueId> = BTreeMap::new();
    for &i in &kept {
        let v = g.inputs[i];
        map.insert(v, new.add_input(g.value_name(v), g.ty(v).clone()));
    }
    for (v, value) in g.values.iter() {
        if matches!(value.def, Def::Const(_)) {
            map.insert(v, new.values.push(value.clone()));
        }
    }
    for n in g.nodes.values() {
        let inputs = n.inputs.iter().map(|i| i.map(|v| map[&v])).collect();
        let outs = n.outputs.iter().map(|&o| (g.ty(o).clone(), g.values[o].name.clone())).collect();
        let made = new.add_node(n.op, n.attrs.clone(), inputs, outs, n.origin.clone());
        map.extend(n.outputs.iter().copied().zip(made));
    }
    for o in &g.outputs {
        new.add_output(o.name.clone(), map[&o.value]);
    }
    (ir::rebuild::compact(&new), kept)
}

/// Cases with one output less (if there are several).
pub fn fewer_outputs(case: &Case) -> Vec<Case> {
    if case.graph.outputs.len() < 2 {
        return Vec::new();
    }
    (0..case.graph.outputs.len())
        .filter_map(|i| {
            let mut g = case.graph.clone();
            g.outputs.remove(i);
            with_graph(case, ir::rebuild::compact(&g))
        })
        .collect()
}

/// Cases in which one extent, wherever inputs and constants have it, is smaller; all types are inferred anew.
pub fn smaller_extents(case: &Case) -> Vec<Case> {
    let g = &case.graph;
    let mut extents: BTreeSet<usize> = BTreeSet::new();
    for v in g.values.values() {
        if !matches!(v.def, Def::Node { .. }) {
            extents.extend(v.ty.dims.iter().copied().filter(|&d| d > 1));
        }
    }
    let mut out = Vec::new();
    for &d in extents.iter().rev() {
        let mut steps = vec![1, d / 2, d - 1];
        steps.dedup();
        for new in steps {
            if new >= 1 && new < d {
                out.extend(with_extent(case, d, new));
            }
        }
    }
    out
}

fn with_extent(case: &Case, old: usize, new: usize) -> Option<Case> {
    let g = &case.graph;
    let mut h = g.clone();
    let cut = |t: &Tensor| {
        let dims: Vec<usize> = t.dims.iter().map(|&d| if d == old { new } else { d }).collect();
        crop(t, &dims)
    };
    for v in h.values.values_mut() {
        match &v.def {
            Def::Const(t) if t.dtype == DType::I64 => {
                // A shape or a parameter: the extent itself is replaced.
                let xs: Vec<i64> = t.to_i64()?.iter().map(|&x| if x == old as i64 { new as i64 } else { x }).collect();
                v.def = Def::Const(Tensor::from_i64(t.dims.clone(), &xs));
            }
            Def::Const(t) => {
                let t = cut(t);
                v.ty.dims.clone_from(&t.dims);
                v.def = Def::Const(t);
            }
            Def::Input(_) => v.ty.dims.iter_mut().filter(|d| **d == old).for_each(|d| *d = new),
            Def::Node { .. } => {}
        }
    }
    let h = reinfer(&h)?;
    let sets = case.sets.iter().map(|s| s.iter().map(&cut).collect()).collect();
    Some(Case { graph: h, sets, setup: case.setup.clone() })
}

/// The leading corner of a tensor.
pub fn crop(t: &Tensor, dims: &[usize]) -> Tensor {
    if t.dims == dims {
        return t.clone();
    }
    let size = t.dtype.size();
    let n: usize = dims.iter().product();
    let mut bytes = Vec::with_capacity(n * size);
    for i in 0..n {
        let idx = crate::check::multi_index(i, dims);
        let at = idx.iter().zip(&t.dims).fold(0, |a, (&x, &d)| a * d + x);
        bytes.extend(&t.bytes[at * size..(at + 1) * size]);
    }
    Tensor::new(t.dtype, dims.to_vec(), bytes).expect("n elements were copied")
}

/// The graph with the types of all node outputs inferred from its inputs and constants; `None` if they do not fit.
pub fn reinfer(g: &Graph) -> Option<Graph> {
    let mut h = g.clone();
    for id in g.nodes.ids() {
        let n = g.nodes[id].clone();
        let types: Vec<TensorType> = opt::types::infer_node(&h, &n).ok()?;
        for (&o, t) in n.outputs.iter().zip(types) {
            h.values[o].ty = t;
        }
    }
    ir::verify::verify(&h).is_empty().then_some(h)
}

/// Cases with simpler attributes: optional ones removed, others at their default.
pub fn simpler_attributes(case: &Case) -> Vec<Case> {
    let mut out = Vec::new();
    for id in case.graph.nodes.ids() {
        let n = &case.graph.nodes[id];
        for spec in n.op.schema().attrs {
            let Some(now) = n.attrs.get(spec.name) else { continue };
            let simple: Option<Attr> = match (now, spec.name) {
                (Attr::Ints(xs), "strides" | "dilations") => Some(Attr::Ints(vec![1; xs.len()])),
                (Attr::Ints(xs), "pads") => Some(Attr::Ints(vec![0; xs.len()])),
                _ => spec.default.value(),
            };
            let Some(simple) = simple.filter(|s| s != now) else { continue };
            let mut g = case.graph.clone();
            g.nodes[id].attrs.set(spec.name, simple);
            if let Some(g) = reinfer(&g) {
                out.push(Case { graph: g, ..case.clone() });
            }
        }
    }
    out
}

/// Cases with an operand more constant or less: an input that every set agrees on stays an input; optional operands are dropped.
pub fn fewer_operands(case: &Case) -> Vec<Case> {
    let mut out = Vec::new();
    for id in case.graph.nodes.ids() {
        let n = &case.graph.nodes[id];
        let least = n.op.schema().inputs.0.max(1);
        if n.inputs.len() > least {
            let mut g = case.graph.clone();
            g.nodes[id].inputs.pop();
            if let Some(g) = reinfer(&ir::rebuild::compact(&g)) {
                out.extend(with_graph(case, g));
            }
        }
    }
    out
}

/// Cases with plainer data: constants and inputs zeroed, made ones, or rounded to small integers, one tensor at a time. This is also
/// what scrubs a user's weights.
pub fn plainer_values(case: &Case) -> Vec<Case> {
    let mut out = Vec::new();
    let plain = |t: &Tensor| -> Vec<Tensor> {
        let mut v = Vec::new();
        if t.dtype == DType::F32 {
            if let Some(xs) = t.to_f32() {
                v.push(Tensor::from_f32(t.dims.clone(), &vec![0.0; xs.len()]));
                v.push(Tensor::from_f32(t.dims.clone(), &vec![1.0; xs.len()]));
                let ints: Vec<f32> =
                    xs.iter().map(|x| if x.is_finite() { x.round().clamp(-8.0, 8.0) } else { *x }).collect();
                v.push(Tensor::from_f32(t.dims.clone(), &ints));
            }
        } else if matches!(t.dtype, DType::I8 | DType::U8) {
            v.push(Tensor::zeros(&t.ty()));
        }
        v.retain(|p| p != t && already_plain(t) > already_plain(p));
        v
    };
    for (i, v) in case.graph.values.iter() {
        if let Def::Const(t) = &v.def {
            for p in plain(t) {
                let mut g = case.graph.clone();
                g.values[i].def = Def::Const(p);
                out.push(Case { graph: g, ..case.clone() });
            }
        }
    }
    for k in 0..case.graph.inputs.len() {
        for s in 0..case.sets.len() {
            for p in plain(&case.sets[s][k]) {
                let mut c = case.clone();
                c.sets[s][k] = p;
                out.push(c);
            }
        }
    }
    out
}

/// How far from plain: 0 all zero, 1 all one, 2 small integers, 3 anything. A total order, so that moves end.
fn already_plain(t: &Tensor) -> u8 {
    match t.to_f32() {
        Some(xs) if xs.iter().all(|x| *x == 0.0) => 0,
        Some(xs) if xs.iter().all(|x| *x == 1.0) => 1,
        Some(xs) if xs.iter().all(|x| !x.is_finite() || (x.fract() == 0.0 && x.abs() <= 8.0)) => 2,
        Some(_) => 3,
        None => u8::from(t.bytes.iter().any(|&b| b != 0)),
    }
}

/// Number of nodes as reports count them, and all nodes: the order in which cases are smaller.
pub fn size(case: &Case) -> (usize, usize) {
    let (n, q) = case.graph.node_counts();
    (n + q, case.graph.values.values().map(|v| v.ty.elements()).sum())
}

/// Operators of a case, for keys and names.
pub fn operators(g: &Graph) -> Vec<Op> {
    g.nodes.values().map(|n| n.op).collect()
}
