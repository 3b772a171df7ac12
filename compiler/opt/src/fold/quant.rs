//! Dequantisation of constant weights, and quantisation where rounding is beyond doubt.

use super::value::{floats, from_ints, ints, numbers, strides, wide};
use crate::types::{Arg, util};
use ir::{Attrs, DType, Op, Tensor, TensorType};

/// For each place of the data, the place of its scale.
fn scale_places(a: &Attrs, data: &[usize], scale: &Tensor) -> Option<Vec<usize>> {
    let n: usize = data.iter().product();
    if scale.elements() == 1 {
        return Some(vec![0; n]);
    }
    let ax = util::axis(a.int("axis")?, data.len()).ok()?;
    let own = strides(data);
    let block = a.int("block_size")?;
    if block == 0 {
        return Some((0..n).map(|i| i / own[ax] % data[ax]).collect());
    }
    let scale_strides = strides(&scale.dims);
    let place = |i: usize| -> usize {
        let index = |j: usize| i / own[j] % data[j];
        (0..data.len()).map(|j| if j == ax { index(j) / block as usize } else { index(j) } * scale_strides[j]).sum()
    };
    Some((0..n).map(place).collect())
}
/// The range of an integer type.
pub fn range(d: DType) -> (i128, i128) {
    let bits = 8 * d.size() as u32;
    if d.is_signed_int() { (-(1 << (bits - 1)), (1 << (bits - 1)) - 1) } else { (0, (1i128 << bits) - 1) }
}

/// Evaluates QuantizeLinear and DequantizeLinear.
pub fn evaluate(op: Op, a: &Attrs, x: &[Option<Arg<'_>>], out: &TensorType) -> Option<Tensor> {
    if !matches!(op, Op::QuantizeLinear | Op::DequantizeLinear) {
        return None;
    }
    let (v, scale) = (x[0]?.value?, x[1]?.value?);
    let places = scale_places(a, &v.dims, scale)?;
    let s = floats(scale)?;
    let zero = match x.get(2).copied().flatten() {
        Some(z) => ints(z.value?)?,
        None => vec![0; s.len()],
    };
    if op == Op::DequantizeLinear {
        let v = ints(v)?;
        let r: Vec<f64> = v.iter().zip(&places).map(|(&q, &p)| (q - zero[p]) as f64 * s[p]).collect();
        return Some(wide(&out.dims, &r));
    }
    let (lo, hi) = range(out.dtype);
    let r = numbers(v).into_iter().zip(&places).map(|(q, &p)| Some((quotient(q, s[p])? + zero[p]).clamp(lo, hi)));
    Some(from_ints(out.dtype, &out.dims, &r.collect::<Option<Vec<_>>>()?))
}
/// `rint(v / s)`; `None` where the quotient is undefined, or so near to a tie that an f32 division decides otherwise.
fn quotient(v: f64, s: f64) -> Option<i128> {
    let (wide, single) = ((v / s).round_ties_even(), f64::from((v as f32 / s as f32).round_ties_even()));
    (wide.is_finite() && wide == single).then_some(wide as i128)
}
