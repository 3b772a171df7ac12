//! Normalisation and softmax.

use super::{Lowered, done, f, input, scalar_like, with_scalar, work_type};
use crate::passes::build::{Build, Res};
use ir::{Attrs, Node, NodeId, Op, Tensor, ValueId};

fn axis_of(b: &Build<'_, '_>, n: &Node, x: ValueId) -> usize {
    let (a, r) = (n.attrs.int("axis").unwrap_or(-1), b.ty(x).rank() as i64);
    (if a < 0 { a + r } else { a }) as usize
}
/// `exp(x - max) / sum` and its logarithm `d - log(sum(exp(d)))`.
pub fn softmax(b: &mut Build<'_, '_>, id: NodeId, n: &Node) -> Lowered {
    let x = input(b, id, 0)?;
    let axis = axis_of(b, n, x);
    if b.ty(x).dims[axis] == 0 {
        return Ok(Some(vec![b.input(id, 0)])); // no elements
    }
    let m = b.reduce(Op::ReduceMax, x, &[axis], true)?;
    let d = b.bin(Op::Sub, x, m)?;
    let e = b.un(Op::Exp, d)?;
    let s = b.reduce(Op::ReduceSum, e, &[axis], true)?;
    let y = if n.op == Op::Softmax {
        b.bin(Op::Div, e, s)?
    } else {
        let l = b.un(Op::Log, s)?;
        b.bin(Op::Sub, d, l)?
    };
    done(b, id, y)
}
/// 1 at the first maximum of the axis, else 0.
pub fn hardmax(b: &mut Build<'_, '_>, id: NodeId, n: &Node) -> Lowered {
    let x = b.input(id, 0);
    let axis = axis_of(b, n, x);
    let len = b.ty(x).dims[axis];
    if len == 0 {
        return Ok(Some(vec![x]));
    }
    let best = b.op(Op::ArgMax, Attrs::none().with_int("axis", axis as i64), &[Some(x)])?;
    let mut dims = vec![1; b.ty(x).rank()];
    dims[axis] = len;
    let iota: Vec<i64> = (0..len as i64).collect();
    let iota = b.r.constant(Tensor::from_i64(dims, &iota));
    let hit = b.bin(Op::Equal, best, iota)?;
    let (one, zero) = (scalar_like(b, x, 1.0), scalar_like(b, x, 0.0));
    Ok(Some(vec![b.select(hit, one, zero)?]))
}
/// Centred values, variance and `sqrt(variance + eps)` along axes: `(d, mean, std)`.
fn centred(b: &mut Build<'_, '_>, x: ValueId, axes: &[usize], eps: f64) -> Res<(ValueId, ValueId, ValueId)> {
    let mean = b.reduce(Op::ReduceMean, x, axes, true)?;
    let d = b.bin(Op::Sub, x, mean)?;
    let sq = b.bin(Op::Mul, d, d)?;
    let v = b.reduce(Op::ReduceMean, sq, axes, true)?;
    let v = if eps == 0.0 { v } else { with_scalar(b, Op::Add, v, eps)? };
    Ok((d, mean, b.un(Op::Sqrt, v)?))
}
/// Multiplies by input 1 and adds input 2, both given the shape `dims` first (or left as they are).
fn affine(b: &mut Build<'_, '_>, id: NodeId, y: ValueId, dims: Option<&[usize]>) -> Res<ValueId> {
    let mut y = y;
    for (i, op) in [(1, Op::Mul), (2, Op::Add)] {
        let Some(p) = b.opt_input(id, i) else { continue };
        let p = match dims {
            Some(d) => b.reshape(p, d)?,
            None => p,
        };
        let d = b.ty(y).dtype;
        let p = b.cast(p, d)?;
        y = b.bin(op, y, p)?;
    }
    Ok(y)
}
/// Extents of a per-channel parameter that broadcasts along axis 1.
fn channel_dims(b: &Build<'_, '_>, x: ValueId) -> Vec<usize> {
    let d = &b.ty(x).dims;
    (0..d.len().saturating_sub(1)).map(|i| if i == 0 { d[1] } else { 1 }).collect()
}
/// `(x - mean) / sqrt(var + eps) * scale + B` over the axes from `axis` on.
pub fn layer(b: &mut Build<'_, '_>, id: NodeId, n: &Node) -> Lowered {
    let x = input(b, id, 0)?;
    let axes: Vec<usize> = (axis_of(b, n, x)..b.ty(x).rank()).collect();
    if b.ty(x).elements() == 0 {
        return Ok(None);
    }
    let (d, mean, std) = centred(b, x, &axes, f(n, "epsilon"))?;
    let y = b.bin(Op::Div, d, std)?;
    let y = affine(b, id, y, None)?;
    let own = b.r.old.ty(n.outputs[0]).dtype;
    let mut out = vec![b.cast(y, own)?];
    if n.outputs.len() > 1 {
        let stat = b.r.old.ty(n.outputs[1]).dtype;
        let inv = b.un(Op::Reciprocal, std)?;
        out.push(b.cast(mean, stat)?);
        out.push(b.cast(inv, stat)?);
    }
    Ok(Some(out))
}
/// `x / sqrt(mean(x²) + eps) * scale` over the axes from `axis` on.
pub fn rms(b: &mut Build<'_, '_>, id: NodeId, n: &Node) -> Lowered {
    let x = input(b, id, 0)?;
    let axes: Vec<usize> = (axis_of(b, n, x)..b.ty(x).rank()).collect();
    if b.ty(x).elements() == 0 {
        return Ok(None);
    }
    let sq = b.bin(Op::Mul, x, x)?;
    let m = b.reduce(Op::ReduceMean, sq, &axes, true)?;
    let m = with_scalar(b, Op::Add, m, f(n, "epsilon"))?;
    let r = b.un(Op::Sqrt, m)?;
    let y = b.bin(Op::Div, x, r)?;
    let y = affine(b, id, y, None)?;
    done(b, id, y)
}
/// Per sample and channel.
pub fn instance(b: &mut Build<'_, '_>, id: NodeId) -> Lowered {
    let eps = f(&b.r.old.nodes[id], "epsilon");
    let x = input(b, id, 0)?;
    if b.ty(x).elements() == 0 {
        return Ok(None);
    }
    let axes: Vec<usize> = (2..b.ty(x).rank()).collect();
    let (d, _, std) = centred(b, x, &axes, eps)?;
    let y = b.bin(Op::Div, d, std)?;
    let dims = channel_dims(b, x);
    let y = affine(b, id, y, Some(&dims))?;
    done(b, id, y)
}
/// Per sample and group of channels; scale and bias per channel.
pub fn group(b: &mut Build<'_, '_>, id: NodeId, n: &Node) -> Lowered {
    let x = input(b, id, 0)?;
    let dims = b.dims(x);
    if b.ty(x).elements() == 0 {
        return Ok(None);
    }
    let g = n.attrs.int("num_groups").unwrap_or(1) as usize;
    let rest = b.ty(x).elements() / (dims[0] * g);
    let t = b.reshape(x, &[dims[0], g, rest])?;
    let (d, _, std) = centred(b, t, &[2], f(n, "epsilon"))?;
    let y = b.bin(Op::Div, d, std)?;
    let y = b.reshape(y, &dims)?;
    let per_channel = channel_dims(b, x);
    let y = affine(b, id, y, Some(&per_channel))?;
    done(b, id, y)
}
/// `(x - mean) / sqrt(var + eps) * scale + B` with given statistics.
pub fn batch(b: &mut Build<'_, '_>, id: NodeId, n: &Node) -> Lowered {
    if n.outputs.len() > 1 {
        return Ok(None);
    }
    let x = input(b, id, 0)?;
    let work = work_type(b.ty(x).dtype);
    let dims = channel_dims(b, x);
    let mut p = Vec::new();
    for i in 1..5 {
        let v = b.input(id, i);
        let v = b.cast(v, work)?;
        p.push(b.reshape(v, &dims)?);
    }
    let v = with_scalar(b, Op::Add, p[3], f(n, "epsilon"))?;
    let std = b.un(Op::Sqrt, v)?;
    let d = b.bin(Op::Sub, x, p[2])?;
    let y = b.bin(Op::Div, d, std)?;
    let y = b.bin(Op::Mul, y, p[0])?;
    let y = b.bin(Op::Add, y, p[1])?;
    done(b, id, y)
}
/// `x / norm` along one axis; a norm of 0 gives zeros (its elements are zeros, divided by 1 instead).
pub fn lp(b: &mut Build<'_, '_>, id: NodeId, n: &Node) -> Lowered {
    let x = input(b, id, 0)?;
    let axis = axis_of(b, n, x);
    let norm = if n.attrs.int("p") == Some(1) {
        let a = b.un(Op::Abs, x)?;
        b.reduce(Op::ReduceSum, a, &[axis], true)?
    } else {
        let sq = b.bin(Op::Mul, x, x)?;
        let s = b.reduce(Op::ReduceSum, sq, &[axis], true)?;
        b.un(Op::Sqrt, s)?
    };
    let empty = with_scalar(b, Op::Equal, norm, 0.0)?;
    let one = scalar_like(b, x, 1.0);
    let norm = b.select(empty, one, norm)?;
    let y = b.bin(Op::Div, x, norm)?;
    done(b, id, y)
}
/// `(x - mean) / (sqrt(var) + 1e-9)` along axes.
pub fn mean_variance(b: &mut Build<'_, '_>, id: NodeId, n: &Node) -> Lowered {
    let x = input(b, id, 0)?;
    let rank = b.ty(x).rank() as i64;
    let axes = n.attrs.ints("axes").unwrap_or(&[0, 2, 3]);
    let axes: Vec<usize> = axes.iter().map(|&a| if a < 0 { a + rank } else { a } as usize).collect();
    if b.ty(x).elements() == 0 {
        return Ok(None);
    }
    let (d, _, std) = centred(b, x, &axes, 0.0)?;
    let std = with_scalar(b, Op::Add, std, 1e-9)?;
    let y = b.bin(Op::Div, d, std)?;
    done(b, id, y)
}
/// `x / (bias + alpha / size * sum of squares over the channel window)^beta`; the window of channel c is
/// `[c - floor((size-1)/2), c + ceil((size-1)/2)]`, summed as shifted slices of the padded squares.
pub fn lrn(b: &mut Build<'_, '_>, id: NodeId, n: &Node) -> Lowered {
    let x = input(b, id, 0)?;
    let (size, c) = (n.attrs.int("size").unwrap_or(1), b.ty(x).dims[1]);
    if b.ty(x).elements() == 0 {
        return Ok(Some(vec![b.input(id, 0)])); // no elements
    }
    if size > 64 {
        return Ok(None); // one Add per channel of the window
    }
    let before = (size - 1) / 2;
    let sq = b.bin(Op::Mul, x, x)?;
    let rank = b.ty(x).rank();
    let mut pads = vec![0i64; 2 * rank];
    (pads[1], pads[rank + 1]) = (before, size - 1 - before);
    let pads = b.ints(&pads);
    let padded = if size == 1 { sq } else { b.bin(Op::Pad, sq, pads)? };
    let mut sum = b.slice_axis(padded, 1, 0, c)?;
    for k in 1..size as usize {
        let t = b.slice_axis(padded, 1, k, k + c)?;
        sum = b.bin(Op::Add, sum, t)?;
    }
    let s = with_scalar(b, Op::Mul, sum, f(n, "alpha") / size as f64)?;
    let s = with_scalar(b, Op::Add, s, f(n, "bias"))?;
    let p = with_scalar(b, Op::Pow, s, f(n, "beta"))?;
    let y = b.bin(Op::Div, x, p)?;
    done(b, id, y)
}
