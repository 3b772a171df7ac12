//! `g.expand-qlinear` (mandatory): ONNX Runtime's quantised operators between DequantizeLinear and QuantizeLinear.
//!
//! Claim `real`: that is their definition. `g.qdq-to-integer` makes integer operators of what has one (QGemm).

use super::GraphPass;
use super::build::{Build, Res, each};
use crate::fold::value::floats;
use ir::{Attrs, DType, Graph, Node, NodeId, Op, Tensor, TensorType, ValueId};
use kit::{Claim, PassCx};

pub(super) const PASS: GraphPass = GraphPass { name: "g.expand-qlinear", claim: Claim::Real, rules: &[], run };

fn run(g: &Graph, _cx: &mut PassCx<'_>) -> Res<Graph> {
    each(g, |r, id| {
        let n = &g.nodes[id];
        let mut b = Build::at(r, id);
        let Some(v) = expand(&mut b, id, n)? else { return Ok(false) };
        b.bind(id, 0, v);
        Ok(true)
    })
}

fn expand(b: &mut Build<'_, '_>, id: NodeId, n: &Node) -> Res<Option<ValueId>> {
    let v = match n.op {
        Op::QLinearAdd | Op::QLinearMul => {
            let (x, y) = (dequantized(b, id, 0)?, dequantized(b, id, 3)?);
            let op = if n.op == Op::QLinearAdd { Op::Add } else { Op::Mul };
            let z = b.bin(op, x, y)?;
            quantized(b, id, n, z, 6)?
        }
        Op::QLinearSigmoid | Op::QLinearLeakyRelu => {
            let x = dequantized(b, id, 0)?;
            let op = if n.op == Op::QLinearSigmoid { Op::Sigmoid } else { Op::LeakyRelu };
            let y = b.op(op, n.attrs.clone(), &[Some(x)])?;
            quantized(b, id, n, y, 3)?
        }
        Op::QLinearAveragePool | Op::QLinearGlobalAveragePool => {
            let x = dequantized(b, id, 0)?;
            let y = pooled(b, n, x)?;
            quantized(b, id, n, y, 3)?
        }
        Op::QLinearConcat => {
            let parts: Res<Vec<_>> = (2..n.inputs.len()).step_by(3).map(|i| dequantized(b, id, i).map(Some)).collect();
            let y = b.op(Op::Concat, n.attrs.clone(), &parts?)?;
            quantized(b, id, n, y, 0)?
        }
        Op::QLinearSoftmax => {
            let x = dequantized(b, id, 0)?;
            let y = softmax(b, n, x)?;
            quantized(b, id, n, y, 3)?
        }
        Op::QGemm => gemm(b, id, n)?,
        _ => return Ok(None),
    };
    Ok(Some(v))
}

/// Input `i` with its scale and zero point behind it.
fn dequantized(b: &mut Build<'_, '_>, id: NodeId, i: usize) -> Res<ValueId> {
    let (x, s, z) = (b.input(id, i), b.input(id, i + 1), b.opt_input(id, i + 2));
    b.op(
        Op::DequantizeLinear,
        Attrs::none().with_int("axis", 1),
        &[Some(x), Some(s), z][..if z.is_some() { 3 } else { 2 }],
    )
}
/// A float as the node's result, with scale `s` and zero point `s + 1`.
fn quantized(b: &mut Build<'_, '_>, id: NodeId, n: &Node, y: ValueId, s: usize) -> Res<ValueId> {
    let (scale, zero) = (b.input(id, s), b.opt_input(id, s + 1));
    let own = b.r.old.ty(n.outputs[0]).dtype;
    let code = i64::from(own.onnx_code());
    match zero {
        Some(_) => b.op(Op::QuantizeLinear, Attrs::none(), &[Some(y), Some(scale), zero]),
        None => b.op(Op::QuantizeLinear, Attrs::none().with_int("output_dtype", code), &[Some(y), Some(scale)]),
    }
}
/// The pool of the attributes, or the global one; channels go to axis 1 and back.
fn pooled(b: &mut Build<'_, '_>, n: &Node, x: ValueId) -> Res<ValueId> {
    let r = b.ty(x).rank();
    let last = n.attrs.flag("channels_last") && r > 2;
    let x = if last { b.transpose(x, &[&[0, r - 1], &(1..r - 1).collect::<Vec<_>>()[..]].concat())? } else { x };
    let mut attrs = n.attrs.clone();
    attrs.remove("channels_last");
    let op = if n.op == Op::QLinearAveragePool { Op::AveragePool } else { Op::GlobalAveragePool };
    let y = b.op(op, attrs, &[Some(x)])?;
    if last { b.transpose(y, &[&[0], &(2..r).collect::<Vec<_>>()[..], &[1]].concat()) } else { Ok(y) }
}
/// Softmax along the axis, or before operator set 13 over all axes from it on.
fn softmax(b: &mut Build<'_, '_>, n: &Node, x: ValueId) -> Res<ValueId> {
    let (dims, axis) = (b.dims(x), n.attrs.int("axis").unwrap_or(-1));
    if n.attrs.int("opset").unwrap_or(13) >= 13 {
        return b.op(Op::Softmax, Attrs::none().with_int("axis", axis), &[Some(x)]);
    }
    let axis = if axis < 0 { axis + dims.len() as i64 } else { axis } as usize;
    let (outer, inner) = dims.split_at(axis);
    let x = b.reshape(x, &[outer.iter().product(), inner.iter().product()])?;
    let y = b.op(Op::Softmax, Attrs::none().with_int("axis", 1), &[Some(x)])?;
    b.reshape(y, &dims)
}
/// `Gemm` of dequantised matrices; C is in units of `alpha a_scale b_scale`.
fn gemm(b: &mut Build<'_, '_>, id: NodeId, n: &Node) -> Res<ValueId> {
    let x = dequantized(b, id, 0)?;
    let (w, s, z) = (b.input(id, 3), b.input(id, 4), b.input(id, 5));
    let column = i64::from(!n.attrs.flag("transB"));
    let w = b.op(Op::DequantizeLinear, Attrs::none().with_int("axis", column), &[Some(w), Some(s), Some(z)])?;
    let mut inputs = vec![Some(x), Some(w)];
    if let Some(c) = b.opt_input(id, 6) {
        inputs.push(Some(units(b, id, n, c)?));
    }
    let y = b.op(Op::Gemm, n.attrs.clone(), &inputs)?;
    if n.input(7).is_some() { quantized(b, id, n, y, 7) } else { Ok(y) }
}
/// C as a float: its scale as a constant (exact, wide) where it is known, a product else.
fn units(b: &mut Build<'_, '_>, id: NodeId, n: &Node, c: ValueId) -> Res<ValueId> {
    let known = |b: &Build<'_, '_>, i: usize| n.input(i).and_then(|v| floats(b.r.old.constant(v)?));
    let alpha = f64::from(n.attrs.f32("alpha").unwrap_or(1.0));
    if let (Some(a), Some(s)) = (known(b, 1), known(b, 4))
        && (s.len() == 1 || b.ty(c).rank() == 1)
    {
        let scales: Vec<f64> = s.iter().map(|s| a[0] * s * alpha).collect();
        let dims: &[usize] = if s.len() == 1 { &[] } else { &[s.len()] };
        let scale = b.floats(DType::F32, dims, &scales);
        let zero = b.r.constant(Tensor::zeros(&TensorType::new(DType::I32, dims)));
        let attrs = Attrs::none().with_int("axis", 0);
        return b.op(Op::DequantizeLinear, attrs, &[Some(c), Some(scale), Some(zero)]);
    }
    let (a, s) = (b.input(id, 1), b.input(id, 4));
    let a = b.reshape(a, &[])?;
    let alpha = b.scalar(DType::F32, alpha);
    let m = b.bin(Op::Mul, a, s)?;
    let m = b.bin(Op::Mul, m, alpha)?;
    let c = b.cast(c, DType::F32)?;
    b.bin(Op::Mul, c, m)
}
