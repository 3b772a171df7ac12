//! Quantisation whose parameters are known at run time only, or given for each block: elementwise arithmetic.
//!
//! `QuantizeLinear` is `clip(round(x / s) + z)`, `DequantizeLinear` is `(x - z) s`. The integer operators keep what the
//! matrix engine takes as a constant and move the rest behind the sum (see [`super::quant_sums`]).

use super::quant_sums::{Operands, conv_sum, matmul_sum};
use super::{Lowered, work_type};
use crate::fold::quant::range;
use crate::passes::build::{Build, Res};
use ir::{DType, Node, NodeId, Op, ValueId};

/// Whether input `i` of a node is absent or a constant, which the lowering can put into its records.
fn fixed(b: &Build<'_, '_>, n: &Node, i: usize) -> bool {
    n.input(i).is_none_or(|v| b.r.old.constant(v).is_some())
}
/// Whether input `i` has at most one element.
fn single(b: &Build<'_, '_>, n: &Node, i: usize) -> bool {
    n.input(i).is_none_or(|v| b.r.old.ty(v).elements() == 1)
}

/// QuantizeLinear with scale or zero point from run time, or with blocks.
pub fn quantize(b: &mut Build<'_, '_>, id: NodeId, n: &Node) -> Lowered {
    if n.attrs.int("block_size").unwrap_or(0) == 0 && fixed(b, n, 1) && fixed(b, n, 2) {
        return Ok(None);
    }
    let (x, s) = (b.input(id, 0), b.input(id, 1));
    let to = b.r.old.ty(n.outputs[0]).dtype;
    let dims = b.dims(x);
    let s = spread(b, n, s, &dims)?;
    let z = match b.opt_input(id, 2) {
        Some(z) => Some(spread(b, n, z, &dims)?),
        None => None,
    };
    Ok(Some(vec![quantized(b, x, s, z, to)?]))
}

/// `clip(round(x / s) + z)` as `to`, in f32 (f64 for an f64 operand); scale and zero point broadcast to `x`.
pub fn quantized(b: &mut Build<'_, '_>, x: ValueId, s: ValueId, z: Option<ValueId>, to: DType) -> Res<ValueId> {
    let work = if b.ty(x).dtype == DType::F64 { DType::F64 } else { DType::F32 };
    let (x, s) = (b.cast(x, work)?, b.cast(s, work)?);
    let q = b.bin(Op::Div, x, s)?;
    settled(b, q, z, to)
}

/// `clip(round(q) + z)` as `to`: exact in f32 for types of up to 16 bits, since what is beyond 2^24 saturates either way.
pub fn settled(b: &mut Build<'_, '_>, q: ValueId, z: Option<ValueId>, to: DType) -> Res<ValueId> {
    let work = b.ty(q).dtype;
    let mut r = b.un(Op::Round, q)?;
    if let Some(z) = z {
        let z = b.cast(z, work)?;
        r = b.bin(Op::Add, r, z)?;
    }
    let (lo, hi) = range(to);
    let (lo, hi) = (b.scalar(work, lo as f64), b.scalar(work, hi as f64));
    let c = b.op(Op::Clip, ir::Attrs::none(), &[Some(r), Some(lo), Some(hi)])?;
    b.cast(c, to)
}

/// DequantizeLinear with scale or zero point from run time, or with blocks.
pub fn dequantize(b: &mut Build<'_, '_>, id: NodeId, n: &Node) -> Lowered {
    if n.attrs.int("block_size").unwrap_or(0) == 0 && fixed(b, n, 1) && fixed(b, n, 2) {
        return Ok(None);
    }
    let (x, s) = (b.input(id, 0), b.input(id, 1));
    let own = b.r.old.ty(n.outputs[0]).dtype;
    let dims = b.dims(x);
    // A difference of 32-bit numbers needs more bits; those of 8 and 16 bits fit.
    let wide = if b.ty(x).dtype == DType::I32 { DType::I64 } else { DType::I32 };
    let mut d = b.cast(x, wide)?;
    if let Some(z) = b.opt_input(id, 2) {
        let z = spread(b, n, z, &dims)?;
        let z = b.cast(z, wide)?;
        d = b.bin(Op::Sub, d, z)?;
    }
    let s = spread(b, n, s, &dims)?;
    let s = b.cast(s, work_type(own))?;
    let f = b.cast(d, work_type(own))?;
    let y = b.bin(Op::Mul, f, s)?;
    Ok(Some(vec![b.cast(y, own)?]))
}

/// A parameter (one, one for each index of the axis, or one for each block) as a tensor that broadcasts to `dims`.
fn spread(b: &mut Build<'_, '_>, n: &Node, p: ValueId, dims: &[usize]) -> Res<ValueId> {
    let block = usize::try_from(n.attrs.int("block_size").unwrap_or(0)).unwrap_or(0);
    if block == 0 && b.ty(p).elements() == 1 {
        return b.reshape(p, &[]);
    }
    let (axis, rank) = (n.attrs.int("axis").unwrap_or(1), dims.len());
    let axis = if axis < 0 { axis + rank as i64 } else { axis } as usize;
    if block == 0 {
        let mut shape = vec![1; rank];
        shape[axis] = dims[axis];
        return b.reshape(p, &shape);
    }
    // Every entry `block` times along the axis; the last block may be cut (as may be a single one, of any length).
    let block = block.min(dims[axis].max(1));
    let own = b.dims(p);
    let mut apart = own.clone();
    apart.insert(axis + 1, 1);
    let p = b.reshape(p, &apart)?;
    apart[axis + 1] = block;
    let p = b.expand(p, &apart)?;
    let mut joined = own;
    joined[axis] *= block;
    let p = b.reshape(p, &joined)?;
    b.slice_axis(p, axis, 0, dims[axis])
}

/// MatMulInteger with a zero point from run time, or with one for each row.
pub fn matmul_integer(b: &mut Build<'_, '_>, id: NodeId, n: &Node) -> Lowered {
    if fixed(b, n, 2) && fixed(b, n, 3) && single(b, n, 2) {
        return Ok(None);
    }
    let p = Operands::of(b, id, [0, 1, 2, 3]);
    Ok(Some(vec![matmul_sum(b, &p)?]))
}

/// ConvInteger with a zero point from run time.
pub fn conv_integer(b: &mut Build<'_, '_>, id: NodeId, n: &Node) -> Lowered {
    if fixed(b, n, 2) && fixed(b, n, 3) {
        return Ok(None);
    }
    let p = Operands::of(b, id, [0, 1, 2, 3]);
    Ok(Some(vec![conv_sum(b, &p, &n.attrs)?]))
}

/// QLinearMatMul with parameters from run time or for each row: the integer sum, scaled and rounded.
pub fn qlinear_matmul(b: &mut Build<'_, '_>, id: NodeId, n: &Node) -> Lowered {
    let core = [1, 2, 4, 5, 6, 7].iter().all(|&i| fixed(b, n, i)) && [1, 2, 6, 7].iter().all(|&i| single(b, n, i));
    if core {
        return Ok(None);
    }
    let p = Operands::of(b, id, [0, 3, 2, 5]);
    let sum = matmul_sum(b, &p)?;
    let [a, w, y] = [(1, true), (4, false), (6, true)].map(|(i, row)| {
        let s = b.input(id, i);
        rows_or_columns(b, s, row)
    });
    let (a, w, y) = (a?, w?, y?);
    let z = b.input(id, 7);
    let z = rows_or_columns(b, z, true)?;
    let to = b.r.old.ty(n.outputs[0]).dtype;
    Ok(Some(vec![rescaled(b, sum, [a, w, y], z, to)?]))
}

/// A parameter of a matrix as it broadcasts to the result: one, a column for each row, or a row for each column.
pub(super) fn rows_or_columns(b: &mut Build<'_, '_>, p: ValueId, row: bool) -> Res<ValueId> {
    let dims = b.dims(p);
    match (b.ty(p).elements(), dims.len()) {
        (1, _) => b.reshape(p, &[]),
        (n, 1) if row => b.reshape(p, &[n, 1]),
        _ => Ok(p),
    }
}

/// QLinearConv with parameters or a bias from run time.
pub fn qlinear_conv(b: &mut Build<'_, '_>, id: NodeId, n: &Node) -> Lowered {
    if [1, 2, 4, 5, 6, 7, 8].iter().all(|&i| fixed(b, n, i)) {
        return Ok(None);
    }
    let p = Operands::of(b, id, [0, 3, 2, 5]);
    let mut sum = conv_sum(b, &p, &n.attrs)?;
    if let Some(bias) = b.opt_input(id, 8) {
        let bias = per_channel(b, bias)?;
        sum = b.bin(Op::Add, sum, bias)?;
    }
    let [x, w, y] = [1, 4, 6].map(|i| {
        let s = b.input(id, i);
        per_channel(b, s)
    });
    let (x, w, y) = (x?, w?, y?);
    let z = b.input(id, 7);
    let z = b.reshape(z, &[])?;
    let to = b.r.old.ty(n.outputs[0]).dtype;
    Ok(Some(vec![rescaled(b, sum, [x, w, y], z, to)?]))
}

/// A parameter of an image as it broadcasts: one, or one for each channel.
pub(super) fn per_channel(b: &mut Build<'_, '_>, p: ValueId) -> Res<ValueId> {
    match b.ty(p).elements() {
        1 => b.reshape(p, &[]),
        n => b.reshape(p, &[1, n, 1, 1]),
    }
}

/// `clip(round(sum (a w / y)) + z)`, in f32: the scale is rounded as the constant one is.
fn rescaled(b: &mut Build<'_, '_>, sum: ValueId, s: [ValueId; 3], z: ValueId, to: DType) -> Res<ValueId> {
    let mut f = [sum; 3];
    for (f, s) in f.iter_mut().zip(s) {
        *f = b.cast(s, DType::F32)?;
    }
    let m = b.bin(Op::Mul, f[0], f[1])?;
    let m = b.bin(Op::Div, m, f[2])?;
    let x = b.cast(sum, DType::F32)?;
    let q = b.bin(Op::Mul, x, m)?;
    settled(b, q, Some(z), to)
}
