//! Reductions, Range and Trilu of constants.

use super::value::{floats, from_bits, from_ints, ints, strides, wide};
use crate::types::{Arg, reduce_axes};
use ir::{Attrs, Op, Tensor, TensorType};

/// Evaluates a reduction along constant axes, or Range.
pub fn evaluate(op: Op, a: &Attrs, x: &[Option<Arg<'_>>], out: &TensorType) -> Option<Tensor> {
    match op {
        Op::Range => range(x, out),
        Op::Trilu => trilu(a, x, out),
        Op::ReduceSum | Op::ReduceMean | Op::ReduceMax | Op::ReduceMin | Op::ReduceProd => reduce(op, a, x, out),
        _ => None,
    }
}
fn range(x: &[Option<Arg<'_>>], out: &TensorType) -> Option<Tensor> {
    let (start, delta) = (x[0]?.value?, x[2]?.value?);
    let n = out.dims[0];
    if let (Some(s), Some(d)) = (start.int(0), delta.int(0)) {
        return Some(from_ints(out.dtype, &out.dims, &(0..n).map(|i| s + i as i128 * d).collect::<Vec<_>>()));
    }
    let (s, d) = (*floats(start)?.first()?, *floats(delta)?.first()?);
    Some(wide(&out.dims, &(0..n).map(|i| s + i as f64 * d).collect::<Vec<_>>()))
}
fn trilu(a: &Attrs, x: &[Option<Arg<'_>>], out: &TensorType) -> Option<Tensor> {
    let t = x[0]?.value?;
    let k = match x.get(1).copied().flatten() {
        Some(k) => k.value?.int(0)?,
        None => 0,
    };
    let (h, w) = (out.dims[out.rank() - 2], out.dims[out.rank() - 1]);
    let upper = a.flag("upper");
    let bits = |i: usize| {
        let off = (i % w) as i128 - (i / w % h) as i128;
        let keep = if upper { off >= k } else { off <= k };
        if keep { t.bits(i) } else { 0 }
    };
    Some(from_bits(t.dtype, &out.dims, (0..out.elements()).map(bits)))
}
/// For each place of the input, the place of the output that it is reduced into.
fn targets(dims: &[usize], axes: &[usize]) -> Vec<usize> {
    let kept: Vec<usize> = dims.iter().enumerate().map(|(i, &d)| if axes.contains(&i) { 1 } else { d }).collect();
    let (own, to) = (strides(dims), strides(&kept));
    let n: usize = dims.iter().product();
    let place = |i: usize| (0..dims.len()).filter(|j| !axes.contains(j)).map(|j| i / own[j] % dims[j] * to[j]).sum();
    (0..n).map(place).collect()
}
fn reduce(op: Op, a: &Attrs, x: &[Option<Arg<'_>>], out: &TensorType) -> Option<Tensor> {
    let t = x[0]?.value?;
    let Some(axes) = reduce_axes(a, x).ok()? else { return Some(t.clone()) };
    let to = targets(&t.dims, &axes);
    let count = t.elements().checked_div(out.elements()).unwrap_or(0);
    if count == 0 {
        return None; // the empty reductions are left to the machine's rule
    }
    if let Some(v) = ints(t) {
        let mut acc: Vec<Option<i128>> = vec![None; out.elements()];
        for (&v, &p) in v.iter().zip(&to) {
            acc[p] = Some(match (acc[p], op) {
                (None, _) => v,
                (Some(s), Op::ReduceSum | Op::ReduceMean) => s + v,
                (Some(s), Op::ReduceProd) => s.wrapping_mul(v),
                (Some(s), Op::ReduceMax) => s.max(v),
                (Some(s), _) => s.min(v),
            });
        }
        if op == Op::ReduceMean {
            return None; // rounding of an integer mean is not specified
        }
        return Some(from_ints(out.dtype, &out.dims, &acc.into_iter().collect::<Option<Vec<_>>>()?));
    }
    let v = floats(t)?;
    let mut acc: Vec<Option<f64>> = vec![None; out.elements()];
    for (&v, &p) in v.iter().zip(&to) {
        acc[p] = Some(match (acc[p], op) {
            (None, _) => v,
            (Some(s), Op::ReduceSum | Op::ReduceMean) => s + v,
            (Some(s), Op::ReduceProd) => s * v,
            (Some(s), _) if s.is_nan() || v.is_nan() => f64::NAN,
            (Some(s), Op::ReduceMax) => {
                if v > s {
                    v
                } else {
                    s
                }
            }
            (Some(s), _) => {
                if v < s {
                    v
                } else {
                    s
                }
            }
        });
    }
    let n = if op == Op::ReduceMean { count as f64 } else { 1.0 };
    Some(wide(&out.dims, &acc.into_iter().map(|s| s.map(|s| s / n)).collect::<Option<Vec<_>>>()?))
}
