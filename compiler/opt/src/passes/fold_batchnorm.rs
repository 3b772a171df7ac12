//! `g.fold-batchnorm`: BatchNormalization with constant parameters goes into the weights before it, or becomes Mul and Add.
//!
//! Claim `real`: with `s = scale / sqrt(var + eps)` it is `x s + (B - mean s)`, which distributes over the sums of a
//! convolution or product; the new constants stay f64 until `g.round-constants`. Weights are folded only if nobody else
//! reads the convolution's result (it is no graph output, it has one reader); shared weights are copied.

use super::GraphPass;
use super::build::{Build, Res, each};
use crate::fold::value::{float_bits, float_value, floats};
use ir::{DType, Graph, Node, NodeId, Op, ValueId};
use kit::{Claim, PassCx};

pub(super) const PASS: GraphPass =
    GraphPass { name: "g.fold-batchnorm", claim: Claim::Real, rules: &["conv", "matmul", "mul-add"], run };

/// Factor and summand of each channel.
struct Affine {
    factor: Vec<f64>,
    summand: Vec<f64>,
}

fn run(g: &Graph, cx: &mut PassCx<'_>) -> Res<Graph> {
    let users = g.users();
    each(g, |r, id| {
        let n = &g.nodes[id];
        if n.op != Op::BatchNormalization || n.outputs.len() > 1 {
            return Ok(false);
        }
        let Some(a) = affine(g, n) else { return Ok(false) };
        let source = n.origin.source;
        let above = n.input(0).filter(|&v| users[v].len() == 1 && !g.is_output(v)).and_then(|v| g.producer(v));
        if let Some(p) = above {
            let pn = &g.nodes[p];
            if let Some((w, bias)) = conv_weights(g, pn, &a)
                && cx.permit("conv", source)
            {
                return conv(r, id, p, w, bias);
            }
            if let Some(w) = matmul_weights(g, pn, &a)
                && cx.permit("matmul", source)
            {
                return matmul(r, id, p, w, &a);
            }
        }
        if !cx.permit("mul-add", source) {
            return Ok(false);
        }
        let mut b = Build::at(r, id);
        let x = b.input(id, 0);
        let y = mul_add(&mut b, x, Some(&a.factor), &a.summand)?;
        b.bind(id, 0, y);
        Ok(true)
    })
}

/// Factor and summand, if all parameters are constants and the results finite.
fn affine(g: &Graph, n: &Node) -> Option<Affine> {
    let p = |i: usize| floats(g.constant(n.input(i)?)?);
    let (scale, shift, mean, var) = (p(1)?, p(2)?, p(3)?, p(4)?);
    let eps = f64::from(n.attrs.f32("epsilon")?);
    let factor: Vec<f64> = scale.iter().zip(&var).map(|(s, v)| s / (v + eps).sqrt()).collect();
    let summand: Vec<f64> = (0..factor.len()).map(|i| shift[i] - mean[i] * factor[i]).collect();
    let d = g.ty(n.outputs[0]).dtype;
    (fits(d, &factor) && fits(d, &summand)).then_some(Affine { factor, summand })
}
/// Whether all values are finite when rounded to the type.
fn fits(d: DType, v: &[f64]) -> bool {
    v.iter().all(|&x| float_value(d, float_bits(d, x)).is_some_and(f64::is_finite))
}

/// New weights and bias of a convolution `[M, C/g, kh, kw]`, output channel first.
fn conv_weights(g: &Graph, n: &Node, a: &Affine) -> Option<(Vec<f64>, Vec<f64>)> {
    if n.op != Op::Conv {
        return None;
    }
    let w = floats(g.constant(n.input(1)?)?)?;
    let old_bias = match n.input(2) {
        Some(v) => floats(g.constant(v)?)?,
        None => vec![0.0; a.factor.len()],
    };
    if w.is_empty() {
        return None;
    }
    let per = w.len() / a.factor.len();
    let w: Vec<f64> = w.iter().enumerate().map(|(i, x)| x * a.factor[i / per]).collect();
    let bias: Vec<f64> = (0..old_bias.len()).map(|m| old_bias[m] * a.factor[m] + a.summand[m]).collect();
    let d = g.ty(n.outputs[0]).dtype;
    (fits(d, &w) && fits(d, &bias)).then_some((w, bias))
}
fn conv(r: &mut ir::Rebuild<'_>, id: NodeId, p: NodeId, w: Vec<f64>, bias: Vec<f64>) -> Res<bool> {
    let (attrs, old) = (r.old.nodes[p].attrs.clone(), r.old.nodes[p].input(1).map(|v| r.old.ty(v).clone()));
    let ty = old.expect("a convolution has weights");
    let mut b = Build::at(r, id);
    let x = b.input(p, 0);
    let w = b.floats(ty.dtype, &ty.dims, &w);
    let bias = b.floats(ty.dtype, &[bias.len()], &bias);
    let y = b.op(Op::Conv, attrs, &[Some(x), Some(w), Some(bias)])?;
    b.bind(id, 0, y);
    Ok(true)
}
/// New weights `[K, N]` of a product whose result has rank 2, so that axis 1 is the column.
fn matmul_weights(g: &Graph, n: &Node, a: &Affine) -> Option<Vec<f64>> {
    let w = n.input(1).filter(|_| n.op == Op::MatMul && g.ty(n.outputs[0]).rank() == 2)?;
    if g.ty(w).rank() != 2 {
        return None;
    }
    let cols = a.factor.len();
    let v = floats(g.constant(w)?)?;
    let v: Vec<f64> = v.iter().enumerate().map(|(i, x)| x * a.factor[i % cols]).collect();
    fits(g.ty(w).dtype, &v).then_some(v)
}
fn matmul(r: &mut ir::Rebuild<'_>, id: NodeId, p: NodeId, w: Vec<f64>, a: &Affine) -> Res<bool> {
    let ty = r.old.nodes[p].input(1).map(|v| r.old.ty(v).clone()).expect("a product has two operands");
    let mut b = Build::at(r, id);
    let x = b.input(p, 0);
    let w = b.floats(ty.dtype, &ty.dims, &w);
    let y = b.bin(Op::MatMul, x, w)?;
    let y = mul_add(&mut b, y, None, &a.summand)?;
    b.bind(id, 0, y);
    Ok(true)
}
/// `x * factor + summand` along axis 1.
fn mul_add(b: &mut Build<'_, '_>, x: ValueId, factor: Option<&[f64]>, summand: &[f64]) -> Res<ValueId> {
    let (d, rank) = (b.ty(x).dtype, b.ty(x).rank());
    let mut dims = vec![1; rank.saturating_sub(1)];
    if let Some(first) = dims.first_mut() {
        *first = summand.len();
    }
    let mut y = x;
    if let Some(f) = factor {
        let f = b.floats(d, &dims, f);
        y = b.bin(Op::Mul, y, f)?;
    }
    let s = b.floats(d, &dims, summand);
    b.bin(Op::Add, y, s)
}
