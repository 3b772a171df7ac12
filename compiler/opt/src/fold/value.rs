//! Reading and making tensors: exact integers, f64, and the one correct rounding to each float type.

use crate::types::Arg;
use ir::{DType, Tensor, TensorType};

/// Wraps an integer to a type (bool: non-zero is 1).
pub fn wrap(d: DType, v: i128) -> u64 {
    if d == DType::Bool {
        return u64::from(v != 0);
    }
    let mask = if d.size() == 8 { u64::MAX } else { (1u64 << (8 * d.size())) - 1 };
    (v as u64) & mask
}
/// A tensor from raw element bits.
pub fn from_bits(d: DType, dims: &[usize], bits: impl Iterator<Item = u64>) -> Tensor {
    let mut bytes = Vec::new();
    for b in bits {
        bytes.extend_from_slice(&b.to_le_bytes()[..d.size()]);
    }
    Tensor::new(d, dims.to_vec(), bytes).expect("one element for each place")
}
/// A tensor of an integer type or bool; values wrap.
pub fn from_ints(d: DType, dims: &[usize], v: &[i128]) -> Tensor {
    from_bits(d, dims, v.iter().map(|&x| wrap(d, x)))
}
/// A tensor of any type from small integers, which every type holds exactly.
pub fn from_small_ints(d: DType, dims: &[usize], v: &[i128]) -> Tensor {
    if d.is_float() {
        return from_bits(d, dims, v.iter().map(|&x| float_bits(d, x as f64)));
    }
    from_ints(d, dims, v)
}
/// All elements as integers; `None` for floats.
pub fn ints(t: &Tensor) -> Option<Vec<i128>> {
    (0..t.elements()).map(|i| t.int(i)).collect()
}
/// Value of raw float bits; exact, since f64 holds every value of the narrower types.
pub fn float_value(d: DType, bits: u64) -> Option<f64> {
    match d {
        DType::F64 => Some(f64::from_bits(bits)),
        DType::F32 => Some(f64::from(f32::from_bits(bits as u32))),
        DType::F16 => Some(half::f16::from_bits(bits as u16).to_f64()),
        DType::BF16 => Some(f64::from(f32::from_bits((bits as u32) << 16))),
        _ => None,
    }
}
/// All elements as f64, exactly; `None` for integers and bool.
pub fn floats(t: &Tensor) -> Option<Vec<f64>> {
    (0..t.elements()).map(|i| float_value(t.dtype, t.bits(i))).collect()
}
/// All elements as f64: floats exactly, integers rounded once.
pub fn numbers(t: &Tensor) -> Vec<f64> {
    let number = |i| float_value(t.dtype, t.bits(i)).unwrap_or_else(|| t.int(i).map_or(0.0, |v| v as f64));
    (0..t.elements()).map(number).collect()
}
/// Bits of `x` in a float type, rounded once, to nearest, ties to even; NaN is the canonical quiet one.
pub fn float_bits(d: DType, x: f64) -> u64 {
    match d {
        DType::F64 => x.to_bits(),
        DType::F32 => narrow(x, 8, 23),
        DType::BF16 => narrow(x, 8, 7),
        DType::F16 => narrow(x, 5, 10),
        _ => 0,
    }
}
/// Rounds f64 to a binary format with `e` exponent and `m` fraction bits, once, to nearest even.
fn narrow(x: f64, e: u32, m: u32) -> u64 {
    let sign = u64::from(x.is_sign_negative()) << (e + m);
    let inf = ((1u64 << e) - 1) << m;
    if x.is_nan() {
        return inf | 1 << (m - 1);
    }
    let bits = x.to_bits();
    let biased = (bits >> 52 & 0x7ff) as i32;
    if biased == 0x7ff {
        return sign | inf;
    }
    if biased == 0 {
        return sign; // zero, or below half of every target's least subnormal
    }
    let (exp, sig) = (biased - 1023, (bits & ((1 << 52) - 1)) | 1 << 52);
    let bias = (1i32 << (e - 1)) - 1;
    let below = (1 - bias - exp).max(0) as u32;
    let shift = 52 - m + below;
    if shift > 53 {
        return sign;
    }
    let (q, rest, half) = (sig >> shift, sig & ((1 << shift) - 1), 1u64 << (shift - 1));
    let q = q + u64::from(rest > half || (rest == half && q & 1 == 1));
    // The carry of a rounding up moves into the exponent by itself.
    let out = if below > 0 { q } else { (((exp + bias) as u64) << m) + q - (1 << m) };
    sign | out.min(inf)
}
/// Whether a float type holds `x` exactly (any NaN counts as held).
pub fn holds(d: DType, x: f64) -> bool {
    x.is_nan() || float_value(d, float_bits(d, x)).is_some_and(|y| y.to_bits() == x.to_bits())
}
/// Whether a constant is wide and some element would change when rounded to its type.
pub fn is_inexact(a: &Arg<'_>) -> bool {
    let Some(t) = a.value else { return false };
    t.dtype != a.ty.dtype && floats(t).is_some_and(|v| v.iter().any(|&x| !holds(a.ty.dtype, x)))
}
/// A tensor rounded once to a float type; others are returned unchanged.
pub fn rounded(t: &Tensor, d: DType) -> Tensor {
    if t.dtype == d || !d.is_float() {
        return t.clone();
    }
    match floats(t) {
        Some(v) => from_bits(d, &t.dims, v.iter().map(|&x| float_bits(d, x))),
        None => t.clone(),
    }
}
/// An f64 tensor.
pub fn wide(dims: &[usize], v: &[f64]) -> Tensor {
    Tensor::from_f64(dims, v)
}
/// Row-major strides in elements.
pub fn strides(dims: &[usize]) -> Vec<usize> {
    let mut s = vec![1usize; dims.len()];
    for i in (1..dims.len()).rev() {
        s[i - 1] = s[i].saturating_mul(dims[i]);
    }
    s
}
/// For every place of `out`, in order, the place of an operand of shape `dims` that broadcasts to it.
pub fn broadcast_places(dims: &[usize], out: &TensorType) -> Vec<usize> {
    let pad = out.rank() - dims.len();
    let own = strides(dims);
    let steps: Vec<isize> =
        (0..out.rank()).map(|i| if i < pad || dims[i - pad] == 1 { 0 } else { own[i - pad] as isize }).collect();
    walk(&out.dims, 0, &steps)
}
/// Places `base + sum(index * step)` for every index of `dims`, row-major.
pub fn walk(dims: &[usize], base: isize, steps: &[isize]) -> Vec<usize> {
    let n = dims.iter().product::<usize>();
    let mut out = Vec::with_capacity(n);
    let mut index = vec![0usize; dims.len()];
    let mut at = base;
    for _ in 0..n {
        out.push(at as usize);
        for i in (0..dims.len()).rev() {
            index[i] += 1;
            at += steps[i];
            if index[i] < dims[i] {
                break;
            }
            at -= steps[i] * dims[i] as isize;
            index[i] = 0;
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn narrowing_to_f32_is_the_hardware_conversion() {
        let mut r = kit::Rng::new(7);
        for i in 0..200_000u64 {
            // Exponents around the whole f32 range, its subnormals included.
            let e = 1023 - 160 + r.below(300);
            let x = f64::from_bits((r.below(1 << 52)) | e << 52 | (i & 1) << 63);
            assert_eq!(narrow(x, 8, 23), u64::from((x as f32).to_bits()), "{x:e}");
        }
        for x in [0.0, -0.0, f64::INFINITY, f64::NEG_INFINITY, 1.5, f64::MIN_POSITIVE, 3.5e38] {
            assert_eq!(narrow(x, 8, 23), u64::from((x as f32).to_bits()), "{x:e}");
        }
    }

    #[test]
    fn narrowing_to_bf16_and_f16_rounds_once() {
        // Just above a bf16 tie, by less than f32 can hold: rounding through f32 would lose the tail and go to even.
        let x = 1.0 + 2f64.powi(-8) + 2f64.powi(-40);
        assert_eq!(float_bits(DType::BF16, x), 0x3f81);
        assert_eq!(float_bits(DType::BF16, 1.0 + 2f64.powi(-8)), 0x3f80, "a tie goes to even");
        let x = 1.0 + 2f64.powi(-11) + 2f64.powi(-40);
        assert_eq!(float_bits(DType::F16, x), 0x3c01);
        assert_eq!(float_bits(DType::F16, 65519.99), 0x7bff);
        assert_eq!(float_bits(DType::F16, 65520.0), 0x7c00);
        assert_eq!(float_bits(DType::F16, 2f64.powi(-25)), 0);
        assert_eq!(float_bits(DType::F16, -(2f64.powi(-25) + 2f64.powi(-60))), 0x8001);
    }
}
