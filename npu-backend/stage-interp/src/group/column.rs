//! Whole columns of values: reading by type, narrowing, rounding, quantising. NPU.md 3.0 and 3.3.

use crate::error::Fault;
use isa::DType;

/// The quiet NaN of binary32.
pub(super) const NAN: f32 = f32::from_bits(0x7FC0_0000);

/// Makes a NaN the canonical one.
pub(super) fn canonical(x: f32) -> f32 {
    if x.is_nan() { NAN } else { x }
}

/// Exact value of an element as an integer; floats are not asked for.
pub(super) fn int(dtype: DType, bits: u64) -> Result<i128, Fault> {
    Ok(match dtype {
        DType::S8 => i128::from(bits as i8),
        DType::S16 => i128::from(bits as i16),
        DType::S32 => i128::from(bits as i32),
        DType::S64 => i128::from(bits as i64),
        DType::U8 | DType::U16 | DType::U32 | DType::U64 => i128::from(bits),
        DType::Bool if bits > 1 => return Err(Fault::Bool(bits as u8)),
        DType::Bool => i128::from(bits),
        DType::F16 | DType::Bf16 | DType::F32 => return Err(Fault::Illegal("a float read as an integer")),
    })
}

/// Exact value of a float element, widened to binary32.
pub(super) fn float(dtype: DType, bits: u64) -> Result<f32, Fault> {
    match dtype {
        DType::F32 => Ok(f32::from_bits(bits as u32)),
        DType::Bf16 => Ok(f32::from_bits((bits as u32) << 16)),
        DType::F16 => Ok(widen_half(bits as u16)),
        _ => Err(Fault::Illegal("an integer source without a record in a float function")),
    }
}

fn widen_half(h: u16) -> f32 {
    let (sign, exponent, fraction) = (u32::from(h >> 15) << 31, u32::from(h >> 10) & 31, u32::from(h) & 0x3FF);
    match exponent {
        31 => f32::from_bits(sign | 0x7F80_0000 | fraction << 13),
        0 => {
            let magnitude = fraction as f32 * f32::from_bits((127 - 24) << 23);
            f32::from_bits(sign | magnitude.to_bits())
        }
        _ => f32::from_bits(sign | (exponent + 112) << 23 | fraction << 13),
    }
}

/// Rounds once, to nearest even, to a float type; NaN becomes the type's quiet NaN.
pub(super) fn round(dtype: DType, x: f32) -> Result<u64, Fault> {
    match dtype {
        DType::F32 => Ok(u64::from(canonical(x).to_bits())),
        DType::Bf16 if x.is_nan() => Ok(0x7FC0),
        DType::F16 if x.is_nan() => Ok(0x7E00),
        DType::Bf16 => {
            let b = x.to_bits();
            Ok(u64::from((b + 0x7FFF + (b >> 16 & 1)) >> 16))
        }
        DType::F16 => Ok(u64::from(round_half(f64::from(x)))),
        _ => Err(Fault::Illegal("a float result in an integer destination without a record")),
    }
}

/// A finite or infinite value of at most 53 bits to binary16, to nearest even.
fn round_half(x: f64) -> u16 {
    let sign = if x.is_sign_negative() { 0x8000 } else { 0 };
    let a = x.abs();
    if a >= 65_520.0 {
        return sign | 0x7C00;
    }
    // Spacing of binary16 at a: 2^-24 below 2^-13, else 2^(exponent-10). Division by a power of two is exact.
    let exponent = ((a.to_bits() >> 52) as i64 - 1023).max(-14);
    let spacing = f64::from_bits(((exponent - 10 + 1023) as u64) << 52);
    let units = (a / spacing).round_ties_even() as u64;
    let base = ((exponent + 14) as u64) << 10; // a subnormal or the first binade counts from 0
    sign | (base + units) as u16
}

/// Rounds an integer once, to nearest even, to a float type.
pub(super) fn round_int(dtype: DType, v: i128) -> Result<u64, Fault> {
    let digits = match dtype {
        DType::F32 => 24,
        DType::Bf16 => 8,
        DType::F16 => 11,
        _ => return Err(Fault::Illegal("not a float type")),
    };
    // Cut to the type's significant bits here; the conversions below are then exact (or overflow as they must).
    let a = v.unsigned_abs();
    let length = 128 - a.leading_zeros();
    let cut = length.saturating_sub(digits);
    let mut kept = a >> cut;
    let rest = a - (kept << cut);
    if cut > 0 {
        let half = 1u128 << (cut - 1);
        if rest > half || (rest == half && kept & 1 == 1) {
            kept += 1;
        }
    }
    let magnitude = (kept << cut) as f64;
    let value = if v < 0 { -magnitude } else { magnitude };
    if dtype == DType::F16 { Ok(u64::from(round_half(value))) } else { round(dtype, value as f32) }
}

/// Narrows an exact integer to an integer type: modulo 2^bits, or saturating.
pub(super) fn narrow(dtype: DType, v: i128, saturate: bool) -> Result<u64, Fault> {
    if dtype.is_bool() {
        return Err(Fault::Illegal("an integer result in a bool destination"));
    }
    let (low, high) = dtype.int_range().ok_or(Fault::Illegal("an integer result in a float destination"))?;
    let v = if saturate { v.clamp(low, high) } else { v };
    let mask = if dtype.bits() == 64 { u64::MAX } else { (1 << dtype.bits()) - 1 };
    Ok(v as u64 & mask)
}

/// Scale and zero point of a record, checked.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scale {
    scale: f32,
    zero: i32,
}

impl Scale {
    /// From a record.
    pub(super) fn new(r: &lir::fused::PrmRecord) -> Result<Self, Fault> {
        let scale = f32::from_bits(r.mult);
        if scale.is_finite() && (scale >= 0.0) {
            Ok(Scale { scale, zero: r.zp })
        } else {
            Err(Fault::Param { scale: r.mult, zero: r.zp })
        }
    }
    /// DequantizeLinear: `RNE32(RNE32(x − zp)·scale)`.
    pub(super) fn dequantise(self, x: i128) -> f32 {
        ((x - i128::from(self.zero)) as f32) * self.scale
    }
    /// QuantizeLinear: `SAT(rint(RNE32(v / scale)) + zp)`, a NaN quotient counting as 0.
    pub(super) fn quantise(self, dtype: DType, v: f32) -> Result<u64, Fault> {
        self.finish(dtype, v / self.scale)
    }
    /// `RQ_F32`: `SAT(rint(RNE32(RNE32(acc)·scale)) + zp)`.
    pub(super) fn requantise(self, dtype: DType, acc: i64) -> Result<u64, Fault> {
        self.finish(dtype, acc as f32 * self.scale)
    }
    fn finish(self, dtype: DType, q: f32) -> Result<u64, Fault> {
        let whole = if q.is_nan() { 0 } else { q.round_ties_even() as i128 };
        narrow(dtype, whole.saturating_add(i128::from(self.zero)), true)
    }
    /// The zero point.
    pub(super) fn zero(self) -> i32 {
        self.zero
    }
}

/// `max(y, zero)` on encoded results: with +0 for floats, with `zero` for integers.
pub(super) fn relu(dtype: DType, bits: u64, zero: i32) -> Result<u64, Fault> {
    if dtype.is_float() {
        let x = float(dtype, bits)?;
        return Ok(if x.is_nan() || x > 0.0 { bits } else { 0 });
    }
    narrow(dtype, int(dtype, bits)?.max(i128::from(zero)), true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_rounding_meets_the_crate() {
        // `half` converts binary32 by its own code; every 16-bit pattern and the midpoints between neighbours.
        for h in 0..=u16::MAX {
            let x = widen_half(h);
            let theirs = half::f16::from_bits(h).to_f32();
            assert!(x.to_bits() == theirs.to_bits() || (x.is_nan() && theirs.is_nan()), "{h:#x}");
            if !x.is_finite() {
                continue;
            }
            for y in [x, f32::from_bits(x.to_bits() ^ 0x1000), f32::from_bits(x.to_bits() ^ 0x1001)] {
                assert_eq!(round(DType::F16, y).unwrap() as u16, half::f16::from_f32(y).to_bits(), "{y}");
                assert_eq!(round(DType::Bf16, y).unwrap() as u16, half::bf16::from_f32(y).to_bits(), "{y}");
            }
        }
    }

    #[test]
    fn integers_round_once() {
        // 2^24 + 1 is a tie; 2^24 + 2^-… cannot occur; 257·2^k ties for bf16; 2049 ties for f16.
        let f32_bits = |v: i128| f32::from_bits(round_int(DType::F32, v).unwrap() as u32);
        assert_eq!(f32_bits(16_777_217), 16_777_216.0);
        assert_eq!(f32_bits(-16_777_219), -16_777_220.0);
        assert_eq!(round_int(DType::Bf16, 257).unwrap(), 0x4380); // 256
        // 2^32 + 2^24 + 1 lies just above a bf16 midpoint; through binary32 it would look like the tie.
        assert_eq!(round_int(DType::Bf16, (1 << 32) + (1 << 24) + 1).unwrap(), 0x4F81);
        assert_eq!(round_int(DType::F16, 2049).unwrap(), 0x6800);
        assert_eq!(round_int(DType::F16, 65_520).unwrap(), 0x7C00);
        assert_eq!(round_int(DType::F16, 65_519).unwrap(), 0x7BFF);
    }

    #[test]
    fn quantise_divides_and_saturates() {
        let s = Scale { scale: 0.5, zero: -3 };
        assert_eq!(s.quantise(DType::S8, 1.25).unwrap() as i8, -1); // 2.5 → 2, −3
        assert_eq!(s.quantise(DType::S8, f32::INFINITY).unwrap() as i8, 127);
        assert_eq!(s.quantise(DType::U8, -5.0).unwrap(), 0);
        let zero = Scale { scale: 0.0, zero: 7 };
        assert_eq!(zero.quantise(DType::U8, 0.0).unwrap(), 7); // 0/0 counts as 0
        assert!(Scale::new(&lir::fused::PrmRecord { mult: (-1.0f32).to_bits(), ..Default::default() }).is_err());
        assert_eq!(s.dequantise(-5), -1.0);
    }
}
