//! Number formats: widening, rounding and narrowing (NPU.md 3.0, 3.3).

use isa::{DType, Round};

/// The canonical binary32 NaN.
pub(crate) const NAN32: f32 = f32::from_bits(0x7FC0_0000);

/// Replaces every NaN by the canonical one (the payload that hardware produces is not specified).
#[inline(always)]
pub(crate) fn canon(x: f32) -> f32 {
    if x.is_nan() { NAN32 } else { x }
}

/// binary16 to binary32, exactly; NaNs become canonical.
#[inline]
pub(crate) fn f16_to_f32(h: u16) -> f32 {
    let sign = u32::from(h & 0x8000) << 16;
    let exp = u32::from(h >> 10) & 0x1F;
    let frac = u32::from(h & 0x3FF);
    match exp {
        0x1F if frac != 0 => NAN32,
        0x1F => f32::from_bits(sign | 0x7F80_0000),
        0 => {
            // frac * 2^-24 is exact in binary32
            let magnitude = frac as f32 * f32::from_bits(0x3380_0000);
            f32::from_bits(sign | magnitude.to_bits())
        }
        _ => f32::from_bits(sign | ((exp + 112) << 23) | (frac << 13)),
    }
}

/// bfloat16 to binary32, exactly; NaNs become canonical.
#[inline]
pub(crate) fn bf16_to_f32(h: u16) -> f32 {
    canon(f32::from_bits(u32::from(h) << 16))
}

/// binary32 to binary16, one RNE.
#[inline]
pub(crate) fn f32_to_f16(x: f32) -> u16 {
    let bits = x.to_bits();
    let sign = ((bits >> 16) & 0x8000) as u16;
    let mag = bits & 0x7FFF_FFFF;
    if mag > 0x7F80_0000 {
        0x7E00
    } else if mag >= 0x477F_F000 {
        sign | 0x7C00 // 65,520 and above round to infinity
    } else if mag < 0x3880_0000 {
        // The spacing of binary32 in [0.5, 1) is 2^-24, that of binary16 subnormals: the addition rounds.
        let rounded = f32::from_bits(mag) + 0.5;
        sign | (rounded.to_bits() - 0x3F00_0000) as u16
    } else {
        let odd = (mag >> 13) & 1;
        sign | ((mag + 0xFFF + odd - 0x3800_0000) >> 13) as u16
    }
}

/// binary32 to bfloat16, one RNE.
#[inline]
pub(crate) fn f32_to_bf16(x: f32) -> u16 {
    if x.is_nan() {
        return 0x7FC0;
    }
    let bits = x.to_bits();
    (bits.wrapping_add(0x7FFF + ((bits >> 16) & 1)) >> 16) as u16
}

/// An exact integer to the bits of a float type, one RNE.
pub(crate) fn int_to_float_bits(v: i128, dt: DType) -> u32 {
    match dt {
        DType::F32 => (v as f32).to_bits(),
        DType::F16 => u32::from(f32_to_f16(int_round_to_odd(v))),
        _ => u32::from(f32_to_bf16(int_round_to_odd(v))),
    }
}

/// The integer in binary32, rounded to odd: a second rounding to at most 22 bits is then the only one.
fn int_round_to_odd(v: i128) -> f32 {
    let mag = v.unsigned_abs();
    let shift = (128 - mag.leading_zeros()).saturating_sub(24);
    let sticky = u128::from(mag & ((1u128 << shift) - 1) != 0);
    let m = ((mag >> shift) | sticky) as f32; // at most 24 bits: exact
    let scale = f32::from_bits((127 + shift) << 23);
    if v < 0 { -(m * scale) } else { m * scale }
}

/// Nearest integer, ties to even, as a float that keeps the sign of zero.
#[inline(always)]
pub(crate) fn rint(x: f32) -> f32 {
    // Without SSE4.1 `round_ties_even` is a call; this is two additions and vectorises. Exact for |x| < 2^23.
    let magic = 8_388_608.0_f32.copysign(x);
    let small = ((x + magic) - magic).copysign(x);
    if x.abs() < 8_388_608.0 { small } else { x }
}

/// Rounds to an integral float by the mode of CVT.
#[inline]
pub(crate) fn round_by(x: f32, mode: Round) -> f32 {
    match mode {
        Round::HalfEven => rint(x),
        Round::TowardZero => x.trunc(),
        Round::Floor => x.floor(),
        Round::Ceil => x.ceil(),
        Round::HalfAway => x.round(),
    }
}

/// Smallest and largest value of an integer or bool type (floats: the full range, unused).
pub(crate) fn range64(dt: DType) -> (i64, i64) {
    match dt {
        DType::S8 => (-128, 127),
        DType::U8 => (0, 255),
        DType::S16 => (-32_768, 32_767),
        DType::U16 => (0, 65_535),
        DType::S32 => (i64::from(i32::MIN), i64::from(i32::MAX)),
        DType::U32 => (0, i64::from(u32::MAX)),
        DType::Bool => (0, 1),
        _ => (i64::MIN, i64::MAX),
    }
}

/// Modulo 2^bits into an integer type.
pub(crate) fn wrap128(v: i128, dt: DType) -> i128 {
    match dt {
        DType::S8 => i128::from(v as i8),
        DType::U8 | DType::Bool => i128::from(v as u8),
        DType::S16 => i128::from(v as i16),
        DType::U16 => i128::from(v as u16),
        DType::S32 => i128::from(v as i32),
        DType::U32 => i128::from(v as u32),
        DType::S64 => i128::from(v as i64),
        _ => i128::from(v as u64),
    }
}

/// Saturated into an integer type.
pub(crate) fn sat128(v: i128, dt: DType) -> i128 {
    let (lo, hi) = dt.int_range().unwrap_or((i128::MIN, i128::MAX));
    v.clamp(lo, hi)
}

/// EW.max of binary32: NaN if any NaN, -0 < +0.
#[inline(always)]
pub(crate) fn fmax(a: f32, b: f32) -> f32 {
    if a.is_nan() || b.is_nan() {
        NAN32
    } else if a > b || (a == b && b.is_sign_negative()) {
        a
    } else {
        b
    }
}

/// EW.min of binary32: NaN if any NaN, -0 < +0.
#[inline(always)]
pub(crate) fn fmin(a: f32, b: f32) -> f32 {
    if a.is_nan() || b.is_nan() {
        NAN32
    } else if a < b || (a == b && a.is_sign_negative()) {
        a
    } else {
        b
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn binary16_ties_and_edges() {
        // (binary32, binary16) by hand: 2049 lies between 2048 and 2050; 65519.996 below the overflow threshold.
        for (x, h) in [
            (2049.0_f32, 0x6800),
            (2051.0, 0x6802),
            (65_519.996, 0x7BFF),
            (65_520.0, 0x7C00),
            (2.980_232_2e-8, 0x0000), // 2^-25: tie to even zero
            (8.940_697e-8, 0x0002),   // 1.5 * 2^-24: tie to even
            (-0.0, 0x8000),
            (f32::NAN, 0x7E00),
            (-f32::NAN, 0x7E00),
        ] {
            assert_eq!(f32_to_f16(x), h, "{x}");
        }
        for h in 0..=0xFFFF_u16 {
            let x = f16_to_f32(h);
            let back = f32_to_f16(x);
            assert!(back == h || (x.is_nan() && back == 0x7E00), "{h:#x}");
        }
    }

    #[test]
    fn integers_round_once() {
        // 257 = 0x101 is a bf16 tie (8 bits): even is 256.
        assert_eq!(int_to_float_bits(257, DType::Bf16), 0x4380);
        assert_eq!(int_to_float_bits(259, DType::Bf16), 0x4382);
        // (257 << 40) + 1 is just above the tie; rounding to binary32 first would lose the 1.
        assert_eq!(int_to_float_bits((257 << 40) + 1, DType::Bf16), u32::from(0x4381_u16 + (40 << 7)));
        assert_eq!(int_to_float_bits(-((257 << 40) + 1), DType::Bf16), u32::from(0xC381_u16 + (40 << 7)));
        assert_eq!(int_to_float_bits(65_519, DType::F16), 0x7BFF);
        assert_eq!(int_to_float_bits(65_520, DType::F16), 0x7C00);
        assert_eq!(int_to_float_bits(i128::from(u64::MAX), DType::F32), 0x5F80_0000);
        assert_eq!(int_to_float_bits(0, DType::F16), 0);
    }

    #[test]
    fn rint_is_half_to_even_and_keeps_the_sign() {
        for (x, y) in [
            (0.5_f32, 0.0_f32),
            (1.5, 2.0),
            (2.5, 2.0),
            (-0.5, -0.0),
            (-1.5, -2.0),
            (8_388_607.5, 8_388_608.0),
            (4e9, 4e9),
        ] {
            assert_eq!(rint(x).to_bits(), y.to_bits(), "{x}");
        }
        assert!(rint(f32::NAN).is_nan() && rint(f32::INFINITY) == f32::INFINITY);
    }

    #[test]
    fn signed_zero_order() {
        assert_eq!(fmax(-0.0, 0.0).to_bits(), 0);
        assert_eq!(fmax(0.0, -0.0).to_bits(), 0);
        assert_eq!(fmin(0.0, -0.0).to_bits(), 0x8000_0000);
        assert_eq!(fmin(-0.0, 0.0).to_bits(), 0x8000_0000);
        assert_eq!(fmax(f32::from_bits(0x7F80_0001), 1.0).to_bits(), 0x7FC0_0000);
    }
}
