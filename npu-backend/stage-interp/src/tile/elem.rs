//! Conversions between element bits and the two classes, in both directions. NPU.md 3.0 and 3.3.

use crate::error::Fault;
use half::{bf16, f16};
use isa::DType;

/// Bits of the quiet NaN of binary32.
pub(super) const QUIET: u32 = 0x7FC0_0000;

/// A float element, widened exactly.
pub(super) fn f32_of(dtype: DType, bits: u64) -> Result<f32, Fault> {
    match dtype {
        DType::F32 => Ok(f32::from_bits(bits as u32)),
        DType::F16 => Ok(f16::from_bits(bits as u16).to_f32()),
        DType::Bf16 => Ok(bf16::from_bits(bits as u16).to_f32()),
        _ => Err(Fault::Illegal("an integer source without a record in a float function")),
    }
}

/// An integer or bool element.
pub(super) fn int_of(dtype: DType, bits: u64) -> Result<i128, Fault> {
    match dtype {
        DType::S8 => Ok((bits as u8).cast_signed().into()),
        DType::S16 => Ok((bits as u16).cast_signed().into()),
        DType::S32 => Ok((bits as u32).cast_signed().into()),
        DType::S64 => Ok(bits.cast_signed().into()),
        DType::U8 | DType::U16 | DType::U32 | DType::U64 => Ok(bits.into()),
        DType::Bool => {
            if bits < 2 {
                Ok(bits.into())
            } else {
                Err(Fault::Bool(bits as u8))
            }
        }
        DType::F16 | DType::Bf16 | DType::F32 => Err(Fault::Illegal("a float read as an integer")),
    }
}

/// A binary32 result, rounded once to a float type.
pub(super) fn float_bits(dtype: DType, x: f32) -> Result<u64, Fault> {
    let nan = x.is_nan();
    match dtype {
        DType::F32 => Ok(u64::from(if nan { QUIET } else { x.to_bits() })),
        DType::F16 => Ok(u64::from(if nan { 0x7E00 } else { f16::from_f32(x).to_bits() })),
        DType::Bf16 => Ok(u64::from(if nan { 0x7FC0 } else { bf16::from_f32(x).to_bits() })),
        _ => Err(Fault::Illegal("a float result in an integer destination without a record")),
    }
}

/// An exact integer, narrowed once.
pub(super) fn int_bits(dtype: DType, v: i128, saturate: bool) -> Result<u64, Fault> {
    let pick = |wrapped: u64, low: i128, high: i128| {
        if saturate && v < low {
            low as u64
        } else if saturate && v > high {
            high as u64
        } else {
            wrapped
        }
    };
    Ok(match dtype {
        DType::S8 => pick(v as u64, i8::MIN.into(), i8::MAX.into()) & 0xFF,
        DType::U8 => pick(v as u64, 0, u8::MAX.into()) & 0xFF,
        DType::S16 => pick(v as u64, i16::MIN.into(), i16::MAX.into()) & 0xFFFF,
        DType::U16 => pick(v as u64, 0, u16::MAX.into()) & 0xFFFF,
        DType::S32 => pick(v as u64, i32::MIN.into(), i32::MAX.into()) & 0xFFFF_FFFF,
        DType::U32 => pick(v as u64, 0, u32::MAX.into()) & 0xFFFF_FFFF,
        DType::S64 => pick(v as u64, i64::MIN.into(), i64::MAX.into()),
        DType::U64 => pick(v as u64, 0, u64::MAX.into()),
        _ => return Err(Fault::Illegal("an integer result in this destination")),
    })
}

/// An exact integer, rounded once to a float type.
pub(super) fn int_to_float_bits(dtype: DType, v: i128) -> Result<u64, Fault> {
    match dtype {
        DType::F32 => Ok(u64::from((v as f32).to_bits())),
        // Beyond ±65519 the result is infinite; up to there binary32 is exact.
        DType::F16 => Ok(u64::from(f16::from_f32(v.clamp(-65_520, 65_520) as f32).to_bits())),
        DType::Bf16 => Ok(u64::from(bf16::from_f32(nearest_of_eight_bits(v)).to_bits())),
        _ => Err(Fault::Illegal("not a float type")),
    }
}

/// The nearest integer with at most 8 significant bits, ties to even; exact as a binary32.
fn nearest_of_eight_bits(v: i128) -> f32 {
    let a = v.unsigned_abs();
    let mut step = 1u128;
    while a / step >= 256 {
        step *= 2;
    }
    let (units, rest) = (a / step, a % step);
    let up = 2 * rest > step || (2 * rest == step && units % 2 == 1);
    let magnitude = ((units + u128::from(up)) * step) as f32;
    if v < 0 { -magnitude } else { magnitude }
}

/// DequantizeLinear of an exact integer.
pub(super) fn dequantise(x: i128, (scale, zero): (f32, i32)) -> f32 {
    let difference = (x - i128::from(zero)) as f32;
    difference * scale
}

/// Rounds a scaled value to even, adds the zero point, saturates.
pub(super) fn quantised_bits(dtype: DType, scaled: f32, zero: i32) -> Result<u64, Fault> {
    let near = if scaled.is_nan() { 0.0 } else { scaled.round_ties_even() };
    // ±2^100 is beyond every type and leaves room for the zero point.
    let limit = f32::from_bits((127 + 100) << 23);
    int_bits(dtype, near.clamp(-limit, limit) as i128 + i128::from(zero), true)
}

/// `max(y, zero)` on encoded results.
pub(super) fn relu_bits(dtype: DType, bits: u64, zero: i32) -> Result<u64, Fault> {
    if dtype.is_float() {
        let y = f32_of(dtype, bits)?;
        return Ok(if y <= 0.0 { 0 } else { bits });
    }
    let zero = i128::from(zero);
    if int_of(dtype, bits)? < zero { int_bits(dtype, zero, true) } else { Ok(bits) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_become_floats_with_one_rounding() {
        // 2^32 + 2^24 + 1 lies just above a bf16 midpoint; rounded to binary32 first it would look like the tie.
        assert_eq!(int_to_float_bits(DType::Bf16, (1 << 32) + (1 << 24) + 1).unwrap(), 0x4F81);
        assert_eq!(int_to_float_bits(DType::Bf16, -257).unwrap(), 0xC380);
        assert_eq!(int_to_float_bits(DType::F16, -65_519).unwrap(), 0xFBFF);
        assert_eq!(int_to_float_bits(DType::F16, 65_520).unwrap(), 0x7C00);
        assert_eq!(int_to_float_bits(DType::F32, 16_777_219).unwrap() as u32, 16_777_220.0f32.to_bits());
    }

    #[test]
    fn quantised_values_saturate() {
        assert_eq!(quantised_bits(DType::S8, f32::NEG_INFINITY, 5).unwrap() as u8 as i8, -128);
        assert_eq!(quantised_bits(DType::U8, 2.5, 1).unwrap(), 3);
        assert_eq!(quantised_bits(DType::U8, f32::NAN, 9).unwrap(), 9);
        assert_eq!(quantised_bits(DType::S64, f32::MAX, -1).unwrap(), i64::MAX as u64);
    }
}
