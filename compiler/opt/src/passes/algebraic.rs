//! `g.algebraic`: operations that give back what they got.
//!
//! Claim `bits`: only identities that hold for every value of the type, −0, infinities and NaN included. So `x + (+0)` is
//! kept for floats (it makes +0 of −0) while `x + (−0)`, `x − (+0)`, `x * 1` and `x / 1` go; `x * 0` and `x − x` are never
//! touched; pairs of Casts go only where the first loses nothing; and nothing goes that also broadcasts.

use super::GraphPass;
use super::build::{Build, Res, each};
use crate::fold::quant::range;
use crate::fold::value;
use ir::{DType, Graph, Node, NodeId, Op, Rebuild, ValueId};
use kit::{Claim, PassCx};

pub(super) const PASS: GraphPass = GraphPass {
    name: "g.algebraic",
    claim: Claim::Bits,
    rules: &["neutral-operand", "double-negation", "idempotent", "reshape-reshape", "cast-pair"],
    run,
};

fn run(g: &Graph, cx: &mut PassCx<'_>) -> Res<Graph> {
    each(g, |r, id| {
        let n = &g.nodes[id];
        let Some((rule, plan)) = plan(r, id, n) else { return Ok(false) };
        if !cx.permit(rule, n.origin.source) {
            return Ok(false);
        }
        let mut b = Build::at(r, id);
        let v = match plan {
            Plan::Is(v) => v,
            Plan::Reshape(v) => {
                let dims = g.ty(n.outputs[0]).dims.clone();
                b.reshape(v, &dims)?
            }
            Plan::Cast(v) => b.cast(v, g.ty(n.outputs[0]).dtype)?,
        };
        b.bind(id, 0, v);
        Ok(true)
    })
}

/// What a node is replaced by.
enum Plan {
    Is(ValueId),
    Reshape(ValueId),
    Cast(ValueId),
}

/// The defining node of a new value, if it is of that operator.
fn made_by(r: &Rebuild<'_>, v: ValueId, op: Op) -> Option<Node> {
    let n = &r.new.nodes[r.new.producer(v)?];
    (n.op == op).then(|| n.clone())
}

fn plan(r: &mut Rebuild<'_>, id: NodeId, n: &Node) -> Option<(&'static str, Plan)> {
    let x = r.value(n.input(0)?);
    match n.op {
        Op::Neg | Op::Not | Op::BitwiseNot => Some(("double-negation", Plan::Is(made_by(r, x, n.op)?.input(0)?))),
        Op::Relu | Op::Abs | Op::Floor | Op::Ceil | Op::Round | Op::Sign => {
            made_by(r, x, n.op)?;
            Some(("idempotent", Plan::Is(x)))
        }
        Op::Reshape => Some(("reshape-reshape", Plan::Reshape(made_by(r, x, Op::Reshape)?.input(0)?))),
        Op::Cast => {
            let from = made_by(r, x, Op::Cast)?.input(0)?;
            let (a, b, c) = (r.new.ty(from).dtype, r.new.ty(x).dtype, r.old.ty(n.outputs[0]).dtype);
            let plan = if a == c { Plan::Is(from) } else { Plan::Cast(from) };
            (lossless(a, b) && (a == c || same_class(a, b, c))).then_some(("cast-pair", plan))
        }
        _ => {
            let kept = neutral(r, id, n)?;
            Some(("neutral-operand", Plan::Is(kept)))
        }
    }
}

/// Whether a conversion keeps every value of `a`.
fn lossless(a: DType, b: DType) -> bool {
    let bits = |d: DType| match d {
        DType::F64 => 53,
        DType::F32 => 24,
        DType::F16 => 11,
        _ => 8, // bf16
    };
    match (a.is_float(), b.is_float()) {
        (true, true) => a == b || (matches!((a, b), (_, DType::F64) | (DType::F16 | DType::BF16, DType::F32))),
        (true, false) => false,
        _ if a == DType::Bool => true,
        (false, true) => {
            let width = 8 * a.size() as u32 - u32::from(a.is_signed_int());
            width <= bits(b)
        }
        (false, false) => {
            let ((lo, hi), (to_lo, to_hi)) = (range(a), range(b));
            b != DType::Bool && to_lo <= lo && hi <= to_hi
        }
    }
}
/// All floats, or none: then a conversion to `c` depends on the value alone. (Integer to integer wraps, float to integer
/// saturates, so a detour through the other class would change what happens out of range.)
fn same_class(a: DType, b: DType, c: DType) -> bool {
    (a.is_float() && b.is_float() && c.is_float()) || !(a.is_float() || b.is_float() || c.is_float())
}

/// The operand that a binary node returns unchanged, if the other is neutral and the type stays.
fn neutral(r: &mut Rebuild<'_>, id: NodeId, n: &Node) -> Option<ValueId> {
    let out = r.old.ty(r.old.nodes[id].outputs[0]).clone();
    let (x, y) = (r.value(n.input(0)?), r.value(n.input(1)?));
    let commutes = matches!(n.op, Op::Add | Op::Mul | Op::And | Op::Or | Op::Xor | Op::BitwiseOr | Op::BitwiseXor);
    let sides: &[(ValueId, ValueId)] = if commutes { &[(x, y), (y, x)] } else { &[(x, y)] };
    sides.iter().find(|&&(kept, other)| r.new.ty(kept) == &out && is_neutral(r, n, other)).map(|s| s.0)
}
fn is_neutral(r: &Rebuild<'_>, n: &Node, v: ValueId) -> bool {
    let Some(t) = r.new.constant(v) else { return false };
    let int = |want: i128| value::ints(t).is_some_and(|v| v.iter().all(|&x| x == want));
    let float = |want: f64| value::floats(t).is_some_and(|v| v.iter().all(|x| x.to_bits() == want.to_bits()));
    match n.op {
        Op::Add => int(0) || float(-0.0),
        Op::Sub => int(0) || float(0.0),
        Op::Mul | Op::Div => int(1) || float(1.0),
        Op::Or | Op::Xor | Op::BitwiseOr | Op::BitwiseXor | Op::BitShift => int(0),
        Op::And => int(1),
        _ => false,
    }
}
