//! Formats and roundings, written from IEEE 754 (clauses 3.3 and 4.3) on binary64 carriers.

use ir::DType;

/// Precision (significand bits, hidden one included) and exponents of the smallest and largest binade.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Fmt {
    /// Significand bits.
    pub p: i32,
    /// Exponent of the smallest normal number.
    pub emin: i32,
    /// Exponent of the largest binade.
    pub emax: i32,
}

/// binary32.
pub const F32: Fmt = Fmt { p: 24, emin: -126, emax: 127 };
/// bfloat16.
pub const BF16: Fmt = Fmt { p: 8, emin: -126, emax: 127 };
/// binary16.
pub const F16: Fmt = Fmt { p: 11, emin: -14, emax: 15 };
/// TF32: binary32's range with eleven bits.
pub const TF32: Fmt = Fmt { p: 11, emin: -126, emax: 127 };
/// A twelve-bit approximation: binary32's range with twelve bits.
pub const BITS12: Fmt = Fmt { p: 12, emin: -126, emax: 127 };

/// The format of a stored float type; binary64 is not sampled.
pub fn of(d: DType) -> Option<Fmt> {
    match d {
        DType::F32 => Some(F32),
        DType::BF16 => Some(BF16),
        DType::F16 => Some(F16),
        _ => None,
    }
}

/// `2^k` for an exponent of binary64's normal range.
pub fn pow2(k: i32) -> f64 {
    f64::from_bits(((k.clamp(-1022, 1023) + 1023) as u64) << 52)
}

/// Exponent of a finite number's binade (−1022 below the normal range, where no format of ours reaches).
pub fn exponent(x: f64) -> i32 {
    let e = ((x.to_bits() >> 52) & 0x7ff) as i32;
    if e == 0 { -1022 } else { e - 1023 }
}

fn scaled(x: f64, f: Fmt, to_integer: fn(f64) -> f64, saturates: bool) -> f64 {
    if x == 0.0 || !x.is_finite() {
        return x;
    }
    let q = exponent(x).max(f.emin) - f.p + 1;
    let y = to_integer(x * pow2(-q)) * pow2(q);
    let max = (2.0 - pow2(1 - f.p)) * pow2(f.emax);
    if y.abs() <= max {
        y
    } else if saturates {
        max.copysign(x)
    } else {
        f64::INFINITY.copysign(x)
    }
}

/// To nearest, ties to even; overflow to infinity.
pub fn round(x: f64, f: Fmt) -> f64 {
    if f == F32 { f64::from(x as f32) } else { scaled(x, f, f64::round_ties_even, false) }
}

/// Toward zero.
pub fn truncate(x: f64, f: Fmt) -> f64 {
    scaled(x, f, f64::trunc, true)
}

/// Distance of neighbours at `x`: the unit in the last place.
pub fn ulp(x: f64, f: Fmt) -> f64 {
    pow2(exponent(x).max(f.emin) - f.p + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Against the conversions of the language (binary32) and against values worked out by hand.
    #[test]
    fn rounds_as_ieee_says() {
        let narrow = Fmt { ..F32 };
        for bits in (0..u64::from(u32::MAX)).step_by(7_919_113) {
            let x = f64::from(f32::from_bits(bits as u32)) * 1.000_000_059_604_645;
            let generic = scaled(x, narrow, f64::round_ties_even, false);
            assert!(generic == f64::from(x as f32) || x.is_nan(), "{x:e}");
        }
        assert_eq!(round(1.0 + pow2(-8), BF16), 1.0);
        assert_eq!(round(1.0 + 3.0 * pow2(-8), BF16), 1.0 + pow2(-6));
        assert_eq!(round(65519.0, F16), 65504.0);
        assert_eq!(round(65520.0, F16), f64::INFINITY);
        assert_eq!(round(-pow2(-26), F16), -0.0);
        assert_eq!(truncate(1.0 + 0.99 * pow2(-7), BF16), 1.0);
        assert_eq!(truncate(-1.9995, TF32), -(2.0 - pow2(-10)));
        assert_eq!((ulp(1.5, F32), ulp(0.0, F32)), (pow2(-23), pow2(-149)));
    }
}
