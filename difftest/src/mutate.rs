//! Structure-aware mutation of serialised graphs, for libFuzzer: the result is again a valid serialised graph.

use crate::case::Case;
use crate::moves;
use crate::targets::{GRAPH_V1, serialise};
use ir::{Attr, Def, Graph, Op, Tensor};
use kit::Rng;

/// A mutant of a serialised graph that fits `max` bytes; `None`: not a serialised graph, or nothing applied.
pub fn mutate(data: &[u8], max: usize, seed: u64) -> Option<Vec<u8>> {
    let (&first, rest) = data.split_first()?;
    if first != GRAPH_V1 {
        return None;
    }
    let g = ir::parse::parse(std::str::from_utf8(rest).ok()?).ok()?;
    let mut rng = Rng::new(seed);
    for _ in 0..8 {
        if let Some(m) = once(&g, &mut rng) {
            let out = serialise(&m);
            if out.len() <= max && m != g {
                return Some(out);
            }
        }
    }
    None
}

fn once(g: &Graph, rng: &mut Rng) -> Option<Graph> {
    match rng.below(4) {
        0 => constant(g, rng),
        1 => operator(g, rng),
        2 => attribute(g, rng),
        _ => bypass(g, rng),
    }
}

/// New bytes for one element of a constant.
fn constant(g: &Graph, rng: &mut Rng) -> Option<Graph> {
    let consts: Vec<ir::ValueId> =
        g.values.iter().filter(|(_, v)| matches!(v.def, Def::Const(_))).map(|(i, _)| i).collect();
    if consts.is_empty() {
        return None;
    }
    let v = *rng.pick(&consts);
    let t = g.constant(v)?.clone();
    if t.elements() == 0 || t.dtype == ir::DType::Bool {
        return None;
    }
    let mut bytes = t.bytes.to_vec();
    let at = rng.below(bytes.len() as u64) as usize;
    bytes[at] ^= 1 << rng.below(8);
    let mut h = g.clone();
    h.values[v].def = Def::Const(Tensor::new(t.dtype, t.dims, bytes).ok()?);
    moves::reinfer(&h)
}

/// Another operator of the same family and arity.
fn operator(g: &Graph, rng: &mut Rng) -> Option<Graph> {
    let id = ir::NodeId(rng.below(g.nodes.len().max(1) as u64) as u32);
    let n = g.nodes.get(id)?;
    let same: Vec<Op> = Op::ALL
        .iter()
        .copied()
        .filter(|o| o.schema().family == n.op.schema().family && o.schema().attrs.is_empty())
        .collect();
    if same.is_empty() {
        return None;
    }
    let mut h = g.clone();
    h.nodes[id].op = *rng.pick(&same);
    h.nodes[id].attrs = h.nodes[id].op.defaults();
    moves::reinfer(&h)
}

/// One integer of one attribute, a little up or down.
fn attribute(g: &Graph, rng: &mut Rng) -> Option<Graph> {
    let id = ir::NodeId(rng.below(g.nodes.len().max(1) as u64) as u32);
    let names: Vec<String> = g.nodes.get(id)?.attrs.iter().map(|(n, _)| n.to_string()).collect();
    if names.is_empty() {
        return None;
    }
    let name = rng.pick(&names);
    let mut h = g.clone();
    let step = rng.range(-1, 1);
    let new = match h.nodes[id].attrs.get(name)?.clone() {
        Attr::Int(x) => Attr::Int(x.wrapping_add(step)),
        Attr::Ints(mut xs) if !xs.is_empty() => {
            let i = rng.below(xs.len() as u64) as usize;
            let j = rng.below(xs.len() as u64) as usize;
            if rng.chance(1, 2) {
                xs.swap(i, j)
            } else {
                xs[i] = xs[i].wrapping_add(step)
            }
            Attr::Ints(xs)
        }
        _ => return None,
    };
    h.nodes[id].attrs.set(name, new);
    moves::reinfer(&h)
}

fn bypass(g: &Graph, rng: &mut Rng) -> Option<Graph> {
    let setup = crate::Setup::new("tiny-fuzz", isa::NpuConfig::tiny());
    let all = moves::bypasses(&Case { graph: g.clone(), sets: Vec::new(), setup });
    if all.is_empty() { None } else { Some(rng.pick(&all).graph.clone()) }
}
