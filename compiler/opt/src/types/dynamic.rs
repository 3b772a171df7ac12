//! Operators whose output shape depends on the data: typed where what the shape depends on is known.

use super::util::*;
use crate::fold::dynamic;
use ir::{Attrs, DType, Op, TensorType};

/// NonZero, Compress, Unique, NonMaxSuppression.
pub fn infer(op: Op, a: &Attrs, x: In<'_>) -> Res<Vec<TensorType>> {
    let v = req(x, 0, "input")?;
    match op {
        Op::Compress => {
            let c = req(x, 1, "condition")?;
            want_dtype(&c, DType::Bool, "condition")?;
            let (ax, keep) = dynamic::compressed(a, x)?;
            let mut dims = if ax.is_some() { v.ty.dims.clone() } else { vec![0] };
            dims[ax.unwrap_or(0)] = keep.len();
            return Ok(vec![TensorType::new(v.ty.dtype, dims)]);
        }
        Op::NonMaxSuppression => {
            want_dtype(&v, DType::F32, "boxes")?;
            want_dtype(&req(x, 1, "scores")?, DType::F32, "scores")?;
        }
        _ => {}
    }
    let outs = dynamic::evaluate(op, a, x)?;
    // A wide constant gives wide elements, of the operand's type.
    let dtype = |i: usize| if i == 0 && op == Op::Unique { v.ty.dtype } else { DType::I64 };
    Ok(outs.iter().enumerate().map(|(i, t)| TensorType::new(dtype(i), t.dims.clone())).collect())
}
