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
