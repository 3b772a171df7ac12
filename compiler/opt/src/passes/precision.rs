//! `g.precision` (under `--precision bf16`): matrix operands in bf16.
//!
//! Claim `rounds(precision)`: the operands and results of f32 convolutions and products are stored in bf16, by explicit
//! Casts; everything between them stays f32. Constants become bf16 constants that `g.round-constants` rounds once.

use super::GraphPass;
use super::build::{Build, Res, each};
use crate::fold::value::floats;
use ir::{DType, Graph, Op, Tensor, TensorType, ValueId};
use kit::pass::Rounding;
use kit::{Claim, PassCx};

pub(super) const PASS: GraphPass =
    GraphPass { name: "g.precision", claim: Claim::Rounds(Rounding::Precision), rules: &[], run };

fn run(g: &Graph, _cx: &mut PassCx<'_>) -> Res<Graph> {
    each(g, |r, id| {
        let n = &g.nodes[id];
        if !matches!(n.op, Op::Conv | Op::MatMul) || g.ty(n.outputs[0]).dtype != DType::F32 {
            return Ok(false);
        }
        let mut b = Build::at(r, id);
        let mut inputs = Vec::new();
        for i in 0..n.inputs.len() {
            let v = b.opt_input(id, i);
            inputs.push(v.map(|v| narrowed(&mut b, v)).transpose()?);
        }
        let y = b.op(n.op, n.attrs.clone(), &inputs)?;
        let y = b.cast(y, DType::F32)?;
        b.bind(id, 0, y);
        Ok(true)
    })
}
/// An operand in bf16: a constant stays exact here.
fn narrowed(b: &mut Build<'_, '_>, v: ValueId) -> Res<ValueId> {
    if let Some(x) = b.r.new.constant(v).and_then(floats) {
        let dims = b.dims(v);
        let t = Tensor::from_f64(dims.clone(), &x);
        return Ok(b.r.new.add_wide_const(None, TensorType::new(DType::BF16, dims), t));
    }
    // A Cast from bf16 just above gives the bf16 value itself: widening and narrowing again loses nothing.
    let above = b.r.new.producer(v).map(|p| &b.r.new.nodes[p]).filter(|p| p.op == Op::Cast).and_then(|p| p.input(0));
    match above {
        Some(x) if b.ty(x).dtype == DType::BF16 => Ok(x),
        _ => b.cast(v, DType::BF16),
    }
}
