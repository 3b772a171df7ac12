//! `g.normalize` (mandatory): every operator in one normal form.
//!
//! Claim `real`: operators are rewritten by their own definitions (defaults made explicit, axes non-negative, 1-D windows as
//! 2-D ones, Gemm as MatMul, variadic operators as chains); over the reals nothing changes.
//!
//! The normal form: convolutions and pools have `auto_pad` NOTSET and all of `kernel_shape`, `pads`, `strides`, `dilations`;
//! Reshape and Expand have their output extents as a constant; Slice has four constant inputs, starts non-negative, and a
//! step of 1 where the extent is 1; Pad is non-negative, of mode constant, for all axes; Reduce has sorted constant axes;
//! Transpose has `perm`; axes are non-negative; matrix operands have rank 2 or more; quantisation has zero points.

mod index;
mod linear;
mod window;

pub use index::sliced;

use super::GraphPass;
use super::build::{Build, Res, each};
use crate::{fold, types};
use ir::{Attrs, DType, Graph, Node, NodeId, Op, Tensor, ValueId};
use kit::{Claim, PassCx};

pub(super) const PASS: GraphPass = GraphPass { name: "g.normalize", claim: Claim::Real, rules: &[], run };

fn run(g: &Graph, _cx: &mut PassCx<'_>) -> Res<Graph> {
    each(g, |r, id| {
        let n = &g.nodes[id];
        let mut b = Build::at(r, id);
        let out = node(&mut b, id, n)?;
        let Some(values) = out else { return Ok(false) };
        for (i, v) in values.into_iter().enumerate().take(n.outputs.len()) {
            b.bind(id, i, v);
        }
        Ok(true)
    })
}

/// ConstantOfShape up to this size is written out, since it often stands for weights; larger ones are an Expand.
const MAX_FILLED: usize = 1 << 24;

/// New values for the outputs of a node, or `None` where it is in normal form.
fn node(b: &mut Build<'_, '_>, id: NodeId, n: &Node) -> Res<Option<Vec<ValueId>>> {
    let old_ty = |i: usize| b.r.old.ty(n.outputs[i]).clone();
    let one = |v: ValueId| Ok(Some(vec![v]));
    match n.op {
        Op::Identity => one(b.input(id, 0)),
        Op::Dropout => dropout(b, id, n),
        Op::Flatten | Op::Squeeze | Op::Unsqueeze | Op::Reshape => {
            let (x, dims) = (b.input(id, 0), old_ty(0).dims);
            one(b.reshape(x, &dims)?)
        }
        Op::Expand => {
            let (x, dims) = (b.input(id, 0), old_ty(0).dims);
            one(b.expand(x, &dims)?)
        }
        Op::CastLike | Op::Cast => {
            let (x, to) = (b.input(id, 0), old_ty(0).dtype);
            one(b.cast(x, to)?)
        }
        Op::Clip if n.input(1).is_none() && n.input(2).is_none() => one(b.input(id, 0)),
        Op::Sum | Op::Max | Op::Min | Op::Mean => variadic(b, id, n),
        Op::Gemm => linear::gemm(b, id, n),
        Op::MatMul | Op::MatMulInteger => linear::matmul(b, id, n, 1),
        Op::QLinearMatMul => linear::matmul(b, id, n, 3),
        Op::Conv | Op::ConvInteger => window::conv(b, id, n, 1),
        Op::QLinearConv => window::conv(b, id, n, 3),
        Op::MaxPool | Op::AveragePool | Op::LpPool => window::pool(b, id, n),
        Op::GlobalAveragePool => window::global(b, id, Op::ReduceMean),
        Op::GlobalMaxPool => window::global(b, id, Op::ReduceMax),
        Op::GlobalLpPool => window::global_lp(b, id, n),
        Op::Transpose => transpose(b, id, n),
        Op::Split => index::split(b, id, n),
        Op::Slice => index::slice(b, id, n),
        Op::Pad => index::pad(b, id, n),
        Op::CenterCropPad => index::center_crop_pad(b, id, n),
        Op::Gather => index::gather(b, id, n),
        Op::Concat | Op::ArgMax | Op::ArgMin => axis_attr(b, id, n),
        Op::QuantizeLinear | Op::DequantizeLinear => quantization(b, id, n),
        Op::Shape | Op::Size | Op::Range | Op::EyeLike => Ok(static_value(b, n)),
        Op::ConstantOfShape => {
            let t = n.attrs.tensor("value").cloned().unwrap_or_else(|| Tensor::from_f32([], &[0.0]));
            let scalar = Tensor { dims: vec![], ..t };
            let ty = old_ty(0);
            if ty.elements() <= MAX_FILLED {
                let places = std::iter::repeat_n(scalar.bits(0), ty.elements());
                let t = fold::value::from_bits(ty.dtype, &ty.dims, places);
                return one(b.r.constant(t));
            }
            let (x, dims) = (b.r.constant(scalar), ty.dims);
            one(b.expand(x, &dims)?)
        }
        op if op.schema().family == ir::Family::Reduce && op.attr("noop_with_empty_axes").is_some() => {
            reduction(b, id, n)
        }
        _ => Ok(None),
    }
}

fn dropout(b: &mut Build<'_, '_>, id: NodeId, n: &Node) -> Res<Option<Vec<ValueId>>> {
    let training = n.input(2).map(|v| b.r.old.constant(v).and_then(|t| t.int(0)));
    if !matches!(training, None | Some(Some(0))) {
        return Ok(None); // training, or not known: left for the report of what is unsupported
    }
    let x = b.input(id, 0);
    let mut out = vec![x];
    if n.outputs.len() > 1 {
        let yes = b.r.constant(Tensor::from_bool([], &[true]));
        let dims = b.dims(x);
        out.push(b.expand(yes, &dims)?);
    }
    Ok(Some(out))
}

/// A left fold of binary operators; Mean divides the sum. Narrow floats are summed in f32, as the one operator would.
fn variadic(b: &mut Build<'_, '_>, id: NodeId, n: &Node) -> Res<Option<Vec<ValueId>>> {
    let op = match n.op {
        Op::Sum | Op::Mean => Op::Add,
        _ if n.inputs.len() == 2 => return Ok(None),
        other => other,
    };
    let own = b.r.old.ty(n.outputs[0]).dtype;
    let wide = op == Op::Add && n.inputs.len() > 1 && matches!(own, DType::F16 | DType::BF16);
    let work = if wide { DType::F32 } else { own };
    let mut acc = b.input(id, 0);
    acc = b.cast(acc, work)?;
    for i in 1..n.inputs.len() {
        let x = b.input(id, i);
        let x = b.cast(x, work)?;
        acc = b.bin(op, acc, x)?;
    }
    if n.op == Op::Mean && n.inputs.len() > 1 {
        let count = b.scalar(work, n.inputs.len() as f64);
        acc = b.bin(Op::Div, acc, count)?;
    }
    Ok(Some(vec![b.cast(acc, own)?]))
}

fn transpose(b: &mut Build<'_, '_>, id: NodeId, n: &Node) -> Res<Option<Vec<ValueId>>> {
    if n.attrs.has("perm") {
        return Ok(None);
    }
    let x = b.input(id, 0);
    let perm: Vec<i64> = (0..b.ty(x).rank() as i64).rev().collect();
    Ok(Some(vec![b.op(Op::Transpose, Attrs::none().with_ints("perm", &perm), &[Some(x)])?]))
}

/// Makes attribute `axis` non-negative.
fn axis_attr(b: &mut Build<'_, '_>, id: NodeId, n: &Node) -> Res<Option<Vec<ValueId>>> {
    if n.op == Op::Concat && n.inputs.len() == 1 {
        return Ok(Some(vec![b.input(id, 0)]));
    }
    let axis = n.attrs.int("axis").unwrap_or(0);
    if axis >= 0 {
        return Ok(None);
    }
    let rank = n.input(0).map_or(0, |v| b.r.old.ty(v).rank()) as i64;
    let inputs: Vec<_> = (0..n.inputs.len()).map(|i| b.opt_input(id, i)).collect();
    Ok(Some(vec![b.op(n.op, n.attrs.clone().with_int("axis", axis + rank), &inputs)?]))
}

fn quantization(b: &mut Build<'_, '_>, id: NodeId, n: &Node) -> Res<Option<Vec<ValueId>>> {
    let (x, s) = (b.input(id, 0), b.input(id, 1));
    let per_axis = b.ty(s).elements() != 1;
    let (axis, rank) = (n.attrs.int("axis").unwrap_or(1), b.ty(x).rank() as i64);
    let fixed = if per_axis && axis < 0 { axis + rank } else { axis };
    if n.input(2).is_some() && fixed == axis {
        return Ok(None);
    }
    let z = match b.opt_input(id, 2) {
        Some(z) => z,
        None => {
            let own = if n.op == Op::QuantizeLinear { b.r.old.ty(n.outputs[0]).dtype } else { b.ty(x).dtype };
            let ty = ir::TensorType::new(own, b.dims(s));
            b.r.constant(Tensor::zeros(&ty))
        }
    };
    let v = b.op(n.op, n.attrs.clone().with_int("axis", fixed), &[Some(x), Some(s), Some(z)])?;
    Ok(Some(vec![v]))
}

/// A value that follows from static shapes or constants, as a constant.
fn static_value(b: &mut Build<'_, '_>, n: &Node) -> Option<Vec<ValueId>> {
    let old = b.r.old;
    let ty = old.ty(n.outputs[0]).clone();
    let t = fold::evaluate(n.op, &n.attrs, &types::args(old, n), std::slice::from_ref(&ty))?.pop()?;
    Some(vec![b.r.new.add_wide_const(None, ty, t)])
}

fn reduction(b: &mut Build<'_, '_>, id: NodeId, n: &Node) -> Res<Option<Vec<ValueId>>> {
    let args = types::args(b.r.old, n);
    let Ok(axes) = types::reduce_axes(&n.attrs, &args) else { return Ok(None) };
    let x = b.input(id, 0);
    let Some(mut axes) = axes else { return Ok(Some(vec![x])) };
    axes.sort_unstable();
    let own = matches!(n.op, Op::ReduceSum | Op::ReduceMean | Op::ReduceMax | Op::ReduceMin | Op::ReduceProd);
    if own && axes.is_empty() {
        return Ok(Some(vec![x])); // a scalar: the reduction of one element
    }
    let axes: Vec<i64> = axes.iter().map(|&a| a as i64).collect();
    let given = n.input(1).and_then(|v| b.r.old.constant(v)).and_then(Tensor::to_i64);
    if given.as_ref() == Some(&axes) && !n.attrs.flag("noop_with_empty_axes") {
        return Ok(None);
    }
    let axes = b.ints(&axes);
    let attrs = n.attrs.clone().with_int("noop_with_empty_axes", 0);
    Ok(Some(vec![b.op(n.op, attrs, &[Some(x), Some(axes)])?]))
}
