//! Correctly rounded conversions between binary64 and the narrower formats, on bits. (`half::from_f64` rounds twice in
//! places, and `as f32` then `half` always does.)

use crate::contract::{Format, exp2i};
use ir::DType;

/// Rounding modes; implementations other than nearest-even exist for hypotheses and for Cast attributes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Rounding {
    /// To nearest, ties to even.
    #[default]
    NearestEven,
    /// To nearest, ties away from zero.
    NearestAway,
    /// Toward zero.
    TowardZero,
}

/// Whether a value whose kept part is `kept` and whose dropped `shift` bits are `rem` rounds away from zero.
fn up(mode: Rounding, kept: u64, rem: u64, shift: u32) -> bool {
    let half = 1u64 << (shift - 1);
    match mode {
        Rounding::TowardZero => false,
        Rounding::NearestAway => rem >= half,
        Rounding::NearestEven => rem > half || (rem == half && kept & 1 == 1),
    }
}

/// The number of `fmt` that `x` rounds to, as binary64. Overflow gives Inf (the largest finite number toward zero),
/// NaN stays NaN, the sign of zero is kept, subnormals are rounded at their own spacing.
pub fn round_mode(x: f64, fmt: Format, mode: Rounding) -> f64 {
    if fmt == Format::F64 || !x.is_finite() || x == 0.0 {
        return x;
    }
    let bits = x.to_bits();
    let biased = ((bits >> 52) & 0x7ff) as i32;
    let frac = bits & ((1 << 52) - 1);
    // |x| = sig * 2^(exp - 52)
    let (sig, exp) = if biased == 0 { (frac, -1022) } else { (frac | (1 << 52), biased - 1023) };
    // Spacing of the result: 2^(max(exponent of x, min_exp) - p + 1).
    let top = exp - (sig.leading_zeros() as i32 - 11);
    let spacing = top.max(fmt.min_exp()) - fmt.precision() + 1;
    let shift = spacing - (exp - 52);
    let rounded = if shift <= 0 {
        return x;
    } else if shift >= 64 {
        0
    } else {
        let s = shift as u32;
        let kept = sig >> s;
        let rem = sig & ((1u64 << s) - 1);
        kept + u64::from(up(mode, kept, rem, s))
    };
    // Exact: at most 53 bits times a power of two, and no format but binary64 reaches its subnormals.
    let mag = rounded as f64 * exp2i(spacing);
    let mag = if mag <= fmt.max_finite() {
        mag
    } else if mode == Rounding::TowardZero {
        fmt.max_finite()
    } else {
        f64::INFINITY
    };
    if x < 0.0 { -mag } else { mag }
}

/// [`round_mode`] to nearest, ties to even.
pub fn round(x: f64, fmt: Format) -> f64 {
    round_mode(x, fmt, Rounding::NearestEven)
}

/// Radius about `v` of everything that rounding to nearest in `fmt` can make of the ball `(v, e)`, the ball itself included (a
/// fused implementation skips the rounding): rounding is monotone, so the ends of the ball decide. Neighbours of `v` that no
/// number of the ball rounds to are outside. `2^-51` of the magnitude is the share of the reference's own rounding; at a tie
/// it admits both neighbours, which are equally far anyway. Infinite near overflow.
#[inline]
pub fn nearest_radius(v: f64, e: f64, fmt: Format) -> f64 {
    let wide = e + (v.abs() + e) * (1.0 / 2_251_799_813_685_248.0);
    let to = |x: f64| if fmt == Format::F32 { f64::from(x as f32) } else { round(x, fmt) };
    e.max((to(v - wide) - v).abs()).max((to(v + wide) - v).abs())
}

/// Whether `fmt` holds `x` exactly.
#[inline]
pub fn holds(x: f64, fmt: Format) -> bool {
    // A bit below the significand says no at once; `round` knows about range and subnormals.
    let below = (1u64 << (53 - fmt.precision())) - 1;
    x.to_bits() & below == 0 && round(x, fmt) == x
}

/// The bits of a number that `fmt` holds exactly (round first); NaN gives the quiet NaN with an empty payload.
pub fn encode(x: f64, fmt: Format) -> u64 {
    if fmt == Format::F64 {
        return x.to_bits();
    }
    let p = fmt.precision();
    let exp_bits = if fmt == Format::F16 { 5 } else { 8 };
    let sign = (x.to_bits() >> 63) << (exp_bits + p - 1);
    let all_ones = ((1u64 << exp_bits) - 1) << (p - 1);
    if x.is_nan() {
        return all_ones | (1 << (p - 2));
    }
    if x.is_infinite() {
        return sign | all_ones;
    }
    let a = x.abs();
    if a < fmt.min_normal() {
        return sign | libm::ldexp(a, -fmt.min_subnormal_exp()) as u64;
    }
    let exp = ((a.to_bits() >> 52) as i32) - 1023;
    let biased = (exp + fmt.max_exp()) as u64;
    let frac = (a.to_bits() & ((1 << 52) - 1)) >> (53 - p);
    sign | (biased << (p - 1)) | frac
}

/// The value of bits of `fmt`; exact.
pub fn decode(bits: u64, fmt: Format) -> f64 {
    if fmt == Format::F64 {
        return f64::from_bits(bits);
    }
    let p = fmt.precision();
    let exp_bits = if fmt == Format::F16 { 5 } else { 8 };
    let neg = (bits >> (exp_bits + p - 1)) & 1 == 1;
    let biased = ((bits >> (p - 1)) & ((1 << exp_bits) - 1)) as i32;
    let frac = bits & ((1 << (p - 1)) - 1);
    let mag = if biased == (1 << exp_bits) - 1 {
        if frac == 0 { f64::INFINITY } else { f64::NAN }
    } else if biased == 0 {
        frac as f64 * exp2i(fmt.min_subnormal_exp())
    } else {
        (frac | (1 << (p - 1))) as f64 * exp2i(biased - fmt.max_exp() - (p - 1))
    };
    if neg { -mag } else { mag }
}

/// Exponent of the lowest set bit of a finite number; `None` for zero, NaN and Inf.
pub fn low_bit_exp(x: f64) -> Option<i32> {
    if x == 0.0 || !x.is_finite() {
        return None;
    }
    let bits = x.to_bits();
    let biased = ((bits >> 52) & 0x7ff) as i32;
    let frac = bits & ((1 << 52) - 1);
    let (sig, exp) = if biased == 0 { (frac, -1022) } else { (frac | (1 << 52), biased - 1023) };
    Some(exp - 52 + sig.trailing_zeros() as i32)
}

/// Half to even, exactly (no addition of constants that could round).
pub fn rint(x: f64) -> f64 {
    libm::rint(x)
}

/// Smallest and largest integer of an integer type (bool: 0 and 1); `None` for floats.
pub fn int_range(d: DType) -> Option<(i128, i128)> {
    Some(match d {
        DType::I8 => (-(1 << 7), (1 << 7) - 1),
        DType::I16 => (-(1 << 15), (1 << 15) - 1),
        DType::I32 => (-(1 << 31), (1 << 31) - 1),
        DType::I64 => (-(1 << 63), (1 << 63) - 1),
        DType::U8 => (0, (1 << 8) - 1),
        DType::U16 => (0, (1 << 16) - 1),
        DType::U32 => (0, (1 << 32) - 1),
        DType::U64 => (0, (1 << 64) - 1),
        DType::Bool => (0, 1),
        DType::F16 | DType::BF16 | DType::F32 | DType::F64 => return None,
    })
}

/// Two's-complement wrap of an exact integer into an integer type.
pub fn wrap(x: i128, d: DType) -> i128 {
    match int_range(d) {
        Some((lo, hi)) => x.wrapping_sub(lo).rem_euclid(hi - lo + 1) + lo,
        None => x,
    }
}
