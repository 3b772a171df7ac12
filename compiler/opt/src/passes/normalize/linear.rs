//! Matrix products: Gemm taken apart, operands of rank 1 as matrices.

use super::super::build::{Build, Res};
use ir::{Attrs, Node, NodeId, Op, ValueId};

/// Gemm as `[Transpose] MatMul [Mul alpha] [Add [Mul beta] C]`.
pub fn gemm(b: &mut Build<'_, '_>, id: NodeId, n: &Node) -> Res<Option<Vec<ValueId>>> {
    let (alpha, beta) = (n.attrs.f32("alpha").unwrap_or(1.0), n.attrs.f32("beta").unwrap_or(1.0));
    let own = b.r.old.ty(n.outputs[0]).dtype;
    if !own.is_float() && (alpha.fract() != 0.0 || beta.fract() != 0.0) {
        return Ok(None); // a fractional factor of an integer product has no defined rounding
    }
    let (mut x, mut w) = (b.input(id, 0), b.input(id, 1));
    if n.attrs.flag("transA") {
        x = b.transpose(x, &[1, 0])?;
    }
    if n.attrs.flag("transB") {
        w = b.transpose(w, &[1, 0])?;
    }
    let mut y = b.bin(Op::MatMul, x, w)?;
    if alpha != 1.0 {
        let f = b.scalar(own, alpha.into());
        y = b.bin(Op::Mul, y, f)?;
    }
    if let Some(mut c) = b.opt_input(id, 2) {
        if beta != 1.0 {
            let f = b.scalar(own, beta.into());
            c = b.bin(Op::Mul, c, f)?;
        }
        y = b.bin(Op::Add, y, c)?;
    }
    Ok(Some(vec![y]))
}

/// A product whose operands (0 and `second`) get rank 2 at least; the added dimensions are taken off again.
pub fn matmul(b: &mut Build<'_, '_>, id: NodeId, n: &Node, second: usize) -> Res<Option<Vec<ValueId>>> {
    let mut inputs: Vec<_> = (0..n.inputs.len()).map(|i| b.opt_input(id, i)).collect();
    let (x, w) = (b.input(id, 0), b.input(id, second));
    let (dx, dw) = (b.dims(x), b.dims(w));
    if dx.len() > 1 && dw.len() > 1 {
        return Ok(None);
    }
    if dx.len() == 1 {
        inputs[0] = Some(b.reshape(x, &[1, dx[0]])?);
    }
    if dw.len() == 1 {
        inputs[second] = Some(b.reshape(w, &[dw[0], 1])?);
    }
    let y = b.op(n.op, Attrs::none(), &inputs)?;
    let dims = b.r.old.ty(n.outputs[0]).dims.clone();
    Ok(Some(vec![b.reshape(y, &dims)?]))
}
