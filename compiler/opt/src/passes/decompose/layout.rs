//! Data movement: everything by Reshape, Transpose, Expand and masks.

use super::{Lowered, scalar_like};
use crate::passes::build::Build;
use ir::{DType, Node, NodeId, Op, Tensor, TensorType};

/// Tile: `[d0, d1]` as `[1, d0, 1, d1]`, expanded to `[r0, d0, r1, d1]`.
pub fn tile(b: &mut Build<'_, '_>, id: NodeId, n: &Node) -> Lowered {
    let x = b.input(id, 0);
    let (from, to) = (b.dims(x), b.r.old.ty(n.outputs[0]).dims.clone());
    if to.contains(&0) {
        let ty = TensorType::new(b.ty(x).dtype, to);
        return Ok(Some(vec![b.r.constant(Tensor::zeros(&ty))])); // no elements
    }
    let split: Vec<usize> = from.iter().flat_map(|&d| [1, d]).collect();
    let full: Vec<usize> = from.iter().zip(&to).flat_map(|(&d, &t)| [t / d, d]).collect();
    if from == to {
        return Ok(Some(vec![x]));
    }
    let y = b.reshape(x, &split)?;
    let y = b.expand(y, &full)?;
    Ok(Some(vec![b.reshape(y, &to)?]))
}
/// DepthToSpace and SpaceToDepth.
pub fn space(b: &mut Build<'_, '_>, id: NodeId, n: &Node) -> Lowered {
    let x = b.input(id, 0);
    let (d, to) = (b.dims(x), b.r.old.ty(n.outputs[0]).dims.clone());
    let s = n.attrs.int("blocksize").unwrap_or(1) as usize;
    let (split, perm) = if n.op == Op::SpaceToDepth {
        (vec![d[0], d[1], to[2], s, to[3], s], [0, 3, 5, 1, 2, 4])
    } else if n.attrs.str("mode") == Some("CRD") {
        (vec![d[0], to[1], s, s, d[2], d[3]], [0, 1, 4, 2, 5, 3])
    } else {
        (vec![d[0], s, s, to[1], d[2], d[3]], [0, 3, 4, 1, 5, 2])
    };
    let y = b.reshape(x, &split)?;
    let y = b.transpose(y, &perm)?;
    Ok(Some(vec![b.reshape(y, &to)?]))
}
/// Trilu with a constant diagonal: a mask chooses between the value and 0.
pub fn trilu(b: &mut Build<'_, '_>, id: NodeId, n: &Node) -> Lowered {
    let k = match n.input(1) {
        None => Some(0),
        Some(v) => b.r.old.constant(v).and_then(|t| t.int(0)),
    };
    let Some(k) = k else { return Ok(None) };
    let x = b.input(id, 0);
    let d = b.dims(x);
    let (h, w) = (d[d.len() - 2], d[d.len() - 1]);
    let upper = n.attrs.flag("upper");
    let keep = |i: usize| {
        let off = (i % w) as i128 - (i / w) as i128;
        if upper { off >= k } else { off <= k }
    };
    let mask: Vec<bool> = (0..h * w).map(keep).collect();
    let mask = b.r.constant(Tensor::from_bool([h, w], &mask));
    if b.ty(x).dtype == DType::Bool {
        return Ok(Some(vec![b.bin(Op::And, x, mask)?]));
    }
    let zero = scalar_like(b, x, 0.0);
    Ok(Some(vec![b.select(mask, x, zero)?]))
}
/// OneHot of integer indices: compared with 0, 1, …; negative indices count from the end, others outside give `off`.
pub fn one_hot(b: &mut Build<'_, '_>, id: NodeId, n: &Node) -> Lowered {
    let (i, v) = (b.input(id, 0), b.input(id, 2));
    if !matches!(b.ty(i).dtype, DType::I32 | DType::I64) {
        return Ok(None);
    }
    let to = b.r.old.ty(n.outputs[0]).dims.clone();
    let axis = n.attrs.int("axis").unwrap_or(-1);
    let axis = if axis < 0 { axis + to.len() as i64 } else { axis } as usize;
    let depth = to[axis];
    let i = b.cast(i, DType::I64)?;
    let zero = b.r.constant(Tensor::from_i64([], &[0]));
    let negative = b.bin(Op::Less, i, zero)?;
    let depth_const = b.r.constant(Tensor::from_i64([], &[depth as i64]));
    let wrapped = b.bin(Op::Add, i, depth_const)?;
    let i = b.select(negative, wrapped, i)?;
    let mut dims = b.dims(i);
    dims.insert(axis, 1);
    let i = b.reshape(i, &dims)?;
    let mut along = vec![1; to.len()];
    along[axis] = depth;
    let iota: Vec<i64> = (0..depth as i64).collect();
    let iota = b.r.constant(Tensor::from_i64(along, &iota));
    let hit = b.bin(Op::Equal, i, iota)?;
    let (off, on) = (b.slice_axis(v, 0, 0, 1)?, b.slice_axis(v, 0, 1, 2)?);
    let (off, on) = (b.reshape(off, &[])?, b.reshape(on, &[])?);
    Ok(Some(vec![b.select(hit, on, off)?]))
}
