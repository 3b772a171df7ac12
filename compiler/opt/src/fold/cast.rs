//! Conversions.

use super::value::{float_bits, float_value, floats, from_bits, from_ints, holds, ints, wide, wrap};
use crate::types::Arg;
use ir::{Attrs, DType, Op, Tensor, TensorType};

/// Evaluates Cast, CastLike and BitCast.
pub fn evaluate(op: Op, _a: &Attrs, x: &[Option<Arg<'_>>], out: &TensorType) -> Option<Tensor> {
    let t = x.first().copied().flatten()?.value?;
    match op {
        Op::Cast | Op::CastLike => cast(t, x[0]?.ty.dtype, out),
        Op::BitCast if t.dtype == x[0]?.ty.dtype => Tensor::new(out.dtype, out.dims.clone(), t.bytes.clone()).ok(),
        _ => None,
    }
}

/// Integer to integer wraps; bool is 0 or 1; float to integer truncates and is undefined outside the range; float to
/// float is done only where nothing is rounded, since a rounding asked for by the model is no constant of ours.
fn cast(t: &Tensor, from: DType, out: &TensorType) -> Option<Tensor> {
    let to = out.dtype;
    if let Some(v) = ints(t) {
        if !to.is_float() {
            return Some(from_ints(to, &out.dims, &v));
        }
        return Some(wide(&out.dims, &v.iter().map(|&x| int_to_float(to, x)).collect::<Vec<_>>()));
    }
    let v = floats(t)?;
    if to.is_float() {
        let exact = v.iter().all(|&x| holds(from, x) && holds(to, x));
        return exact.then(|| from_bits(to, &out.dims, v.iter().map(|&x| float_bits(to, x))));
    }
    if to == DType::Bool {
        return Some(from_ints(to, &out.dims, &v.iter().map(|&x| i128::from(x != 0.0)).collect::<Vec<_>>()));
    }
    let whole = v.iter().map(|&x| float_to_int(to, x)).collect::<Option<Vec<_>>>()?;
    Some(from_ints(to, &out.dims, &whole))
}
/// The value of a float type nearest to an integer, rounded once.
fn int_to_float(to: DType, x: i128) -> f64 {
    match to {
        DType::F32 => f64::from(x as f32),
        DType::F64 => x as f64,
        // f16 and bf16: every integer below 2^53 is exact in f64; larger ones are made odd-rounded, so that the second
        // rounding sees on which side of a tie they lie.
        _ => {
            let drop = (128 - x.unsigned_abs().leading_zeros()).saturating_sub(53);
            let head = x.unsigned_abs() >> drop << drop;
            let sticky = u128::from(head != x.unsigned_abs()) << drop;
            let y = (head | sticky) as f64;
            float_value(to, float_bits(to, if x < 0 { -y } else { y })).unwrap_or(y)
        }
    }
}
/// Truncation toward zero; `None` for NaN and values outside the type.
fn float_to_int(to: DType, x: f64) -> Option<i128> {
    if !x.is_finite() || x.abs() >= 2f64.powi(65) {
        return None;
    }
    let v = x as i128;
    let back = Tensor::new(to, vec![], wrap(to, v).to_le_bytes()[..to.size()].to_vec()).ok()?;
    (back.int(0)? == v).then_some(v)
}
