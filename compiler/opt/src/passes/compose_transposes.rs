//! `g.compose-transposes`: Transposes meet and cancel.
//!
//! Claim `bits`: a Transpose moves elements, and element-by-element operators, Concat and (de)quantisation commute with
//! moving them, if the axis of a Concat or of per-axis parameters moves along. Output axis `a` of `Transpose(perm)` is
//! input axis `perm[a]`. A Transpose is pushed down only if nobody else reads it.

use super::GraphPass;
use super::build::{Build, Res, each};
use crate::types::perm as perm_of;
use ir::{Attrs, Graph, Node, NodeId, Op, Rebuild, ValueId};
use kit::{Claim, PassCx};

pub(super) const PASS: GraphPass = GraphPass {
    name: "g.compose-transposes",
    claim: Claim::Bits,
    rules: &["identity", "compose", "push-elementwise", "push-concat", "push-quantization"],
    run,
};

fn run(g: &Graph, cx: &mut PassCx<'_>) -> Res<Graph> {
    let mut reads: Vec<usize> = g.users().values().map(Vec::len).collect();
    for o in &g.outputs {
        reads[o.value.0 as usize] += 1;
    }
    each(g, |r, id| {
        let n = &g.nodes[id];
        if n.op == Op::Transpose {
            return transpose(r, id, n, cx);
        }
        let Some(plan) = plan(r, n, &reads) else { return Ok(false) };
        if !cx.permit(plan.rule, n.origin.source) {
            return Ok(false);
        }
        push(r, id, n, &plan)
    })
}

fn is_identity(perm: &[usize]) -> bool {
    perm.iter().enumerate().all(|(i, &p)| i == p)
}
/// Input and permutation of the Transpose that makes a new value.
fn source(r: &Rebuild<'_>, v: ValueId) -> Option<(ValueId, Vec<usize>)> {
    let n = &r.new.nodes[r.new.producer(v)?];
    let x = n.input(0)?;
    (n.op == Op::Transpose).then(|| perm_of(&n.attrs, r.new.ty(x).rank()).ok()).flatten().map(|p| (x, p))
}

fn transpose(r: &mut Rebuild<'_>, id: NodeId, n: &Node, cx: &mut PassCx<'_>) -> Res<bool> {
    let Some(x) = n.input(0).map(|v| r.value(v)) else { return Ok(false) };
    let Ok(outer) = perm_of(&n.attrs, r.new.ty(x).rank()) else { return Ok(false) };
    if is_identity(&outer) {
        if !cx.permit("identity", n.origin.source) {
            return Ok(false);
        }
        r.bind(n.outputs[0], x);
        return Ok(true);
    }
    let Some((from, inner)) = source(r, x) else { return Ok(false) };
    if !cx.permit("compose", n.origin.source) {
        return Ok(false);
    }
    // Output axis a is axis outer[a] of the middle value, which is axis inner[outer[a]] of the first.
    let both: Vec<usize> = outer.iter().map(|&a| inner[a]).collect();
    let mut b = Build::at(r, id);
    let v = b.transpose(from, &both)?;
    b.bind(id, 0, v);
    Ok(true)
}

struct Plan {
    rule: &'static str,
    perm: Vec<usize>,
    attrs: Attrs,
}

/// Whether and how the Transposes above a node can go below it.
fn plan(r: &mut Rebuild<'_>, n: &Node, reads: &[usize]) -> Option<Plan> {
    use ir::Family::{Binary, Compare, Unary};
    let (rule, data): (_, usize) = match n.op {
        Op::Concat => ("push-concat", n.inputs.len()),
        Op::QuantizeLinear | Op::DequantizeLinear => ("push-quantization", 1),
        Op::Clip => ("push-elementwise", 1),
        op if matches!(op.schema().family, Unary | Binary | Compare) && n.outputs.len() == 1 => {
            ("push-elementwise", n.inputs.len())
        }
        _ => return None,
    };
    let mut perm: Option<Vec<usize>> = None;
    let mut waiting = Vec::new();
    for i in 0..data {
        let old = n.input(i)?;
        let v = r.value(old);
        match source(r, v).filter(|_| reads[old.0 as usize] == 1) {
            Some((_, p)) if perm.as_ref().is_none_or(|q| q == &p) => perm = Some(p),
            Some(_) => return None,
            None if r.new.constant(v).is_some() && n.op != Op::Concat => waiting.push(v),
            None => return None,
        }
    }
    let perm = perm?;
    if waiting.iter().any(|&v| r.new.ty(v).rank() > perm.len()) {
        return None;
    }
    let mut attrs = n.attrs.clone();
    let per_axis = n.op == Op::Concat || (rule == "push-quantization" && r.old.ty(n.input(1)?).elements() != 1);
    if per_axis {
        if rule == "push-quantization" && n.attrs.int("block_size") != Some(0) {
            return None;
        }
        let axis = crate::types::util::axis(n.attrs.int("axis")?, perm.len()).ok()?;
        attrs.set("axis", ir::Attr::Int(perm[axis] as i64));
    }
    Some(Plan { rule, perm, attrs })
}

/// Puts the node above the Transpose.
fn push(r: &mut Rebuild<'_>, id: NodeId, n: &Node, plan: &Plan) -> Res<bool> {
    let mut b = Build::at(r, id);
    let mut inputs = Vec::new();
    let parameters_from = match n.op {
        Op::QuantizeLinear | Op::DequantizeLinear | Op::Clip => 1,
        _ => n.inputs.len(),
    };
    for i in 0..n.inputs.len() {
        let Some(v) = b.opt_input(id, i) else {
            inputs.push(None);
            continue;
        };
        inputs.push(Some(match source(b.r, v) {
            Some((x, _)) if i < parameters_from => x,
            _ if i < parameters_from => turned_constant(&mut b, v, &plan.perm)?,
            _ => v,
        }));
    }
    let y = b.op(n.op, plan.attrs.clone(), &inputs)?;
    let y = b.transpose(y, &plan.perm)?;
    b.bind(id, 0, y);
    Ok(true)
}
/// A constant operand laid out as before the Transpose: rank filled up with leading ones, then the inverse permutation.
fn turned_constant(b: &mut Build<'_, '_>, v: ValueId, perm: &[usize]) -> Res<ValueId> {
    let own = b.dims(v);
    if own.is_empty() {
        return Ok(v);
    }
    let mut dims = vec![1; perm.len() - own.len()];
    dims.extend(own);
    let mut inverse = vec![0; perm.len()];
    for (i, &p) in perm.iter().enumerate() {
        inverse[p] = i;
    }
    let v = b.reshape(v, &dims)?;
    b.transpose(v, &inverse)
}
