//! Constant evaluator of the compiler's own, never shared with the reference interpreter.
//!
//! Integers and bool are exact in i128 and wrap to their type. Floats are evaluated in f64 and stay f64 (*wide* constants:
//! the tensor is f64, the value's type what it was), so that folding adds no rounding of its own. Data movement works on
//! any type. Functions with jumps (rounding, comparison, cast to integer, quantisation) are not evaluated on wide values
//! that their type cannot hold exactly: rounding first, as the unfolded graph does, could give the other side of the jump.

mod cast;
mod data;
pub mod dynamic;
mod elementwise;
pub mod quant;
mod reduce;
pub mod value;

use crate::types::Arg;
use ir::{Attrs, Op, Tensor, TensorType};

/// Largest number of elements that one evaluation may produce or visit.
const MAX_WORK: usize = 1 << 26;

/// Values of all outputs of a node whose inputs are known, or `None` where it is not evaluated (an operator that is not
/// folded, an undefined result such as division by zero, too much work). `outs` are the output types that
/// [`crate::infer`] gives. Float results are f64 tensors or tensors of the output type.
pub fn evaluate(op: Op, a: &Attrs, x: &[Option<Arg<'_>>], outs: &[TensorType]) -> Option<Vec<Tensor>> {
    if outs.iter().chain(x.iter().flatten().map(|i| i.ty)).any(|t| t.elements() > MAX_WORK) {
        return None;
    }
    let out = outs.first()?;
    if let Some(t) = from_shape(op, a, x, out) {
        return Some(vec![t]);
    }
    if x.iter().flatten().any(|i| i.value.is_none()) || (jumps(op, out) && x.iter().flatten().any(value::is_inexact)) {
        return None;
    }
    match op {
        Op::Split => return data::split(a, x, outs),
        Op::NonZero | Op::Compress | Op::Unique | Op::NonMaxSuppression => return dynamic::evaluate(op, a, x).ok(),
        _ => {}
    }
    let t = cast::evaluate(op, a, x, out)
        .or_else(|| data::evaluate(op, a, x, out))
        .or_else(|| elementwise::evaluate(op, a, x, out))
        .or_else(|| quant::evaluate(op, a, x, out))
        .or_else(|| reduce::evaluate(op, a, x, out))?;
    debug_assert_eq!(t.dims, out.dims, "{op} folded to another shape");
    Some(vec![t])
}

/// Values that follow from the shapes of the inputs alone.
fn from_shape(op: Op, a: &Attrs, x: &[Option<Arg<'_>>], out: &TensorType) -> Option<Tensor> {
    let input = x.first().copied().flatten()?;
    match op {
        Op::Shape => {
            let (s, e) = crate::types::shape_range(a, input.ty.rank());
            let dims: Vec<i64> = input.ty.dims[s..e].iter().map(|&d| d as i64).collect();
            Some(Tensor::from_i64([dims.len()], &dims))
        }
        Op::Size => Some(Tensor::from_i64([], &[input.ty.elements() as i64])),
        Op::EyeLike => {
            let k = i128::from(a.int("k").unwrap_or(0));
            let w = out.dims[1];
            let one = |i: usize| i128::from((i % w) as i128 - (i / w) as i128 == k);
            let ones: Vec<i128> = (0..out.elements()).map(one).collect();
            Some(value::from_small_ints(out.dtype, &out.dims, &ones))
        }
        _ => None,
    }
}

/// Whether the function is discontinuous in its float inputs.
fn jumps(op: Op, out: &TensorType) -> bool {
    match op {
        Op::Floor | Op::Ceil | Op::Round | Op::Sign | Op::IsNaN | Op::IsInf | Op::Mod | Op::QuantizeLinear => true,
        Op::Equal | Op::Greater | Op::GreaterOrEqual | Op::Less | Op::LessOrEqual | Op::ArgMax | Op::ArgMin => true,
        Op::Cast | Op::CastLike => !out.dtype.is_float(),
        _ => false,
    }
}
