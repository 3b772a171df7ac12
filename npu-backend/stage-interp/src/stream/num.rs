//! Numbers of the two classes, and how they leave for an element type. NPU.md 3.0, 3.3, 3.4.

use super::memory::Quant;
use crate::error::Fault;
use crate::pinned;
use isa::{DType, EwFn, Round};

/// A value of the integer or the float class.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) enum Num {
    /// A mathematical integer.
    I(i128),
    /// A binary32 number.
    F(f32),
}

pub(super) const QNAN: u32 = 0x7FC0_0000;

/// NaN to the canonical one.
pub(super) fn quiet(x: f32) -> f32 {
    if x.is_nan() { f32::from_bits(QNAN) } else { x }
}

/// The value of an element.
pub(super) fn decode(dtype: DType, bits: u64) -> Result<Num, Fault> {
    Ok(match dtype {
        DType::F32 => Num::F(f32::from_bits(bits as u32)),
        DType::F16 => Num::F(from_f16(bits as u32)),
        DType::Bf16 => Num::F(f32::from_bits((bits << 16) as u32)),
        DType::Bool if bits > 1 => return Err(Fault::Bool(bits as u8)),
        _ if dtype.is_signed_int() => {
            let spare = 64 - dtype.bits();
            Num::I(i128::from((bits << spare).cast_signed() >> spare))
        }
        _ => Num::I(i128::from(bits)),
    })
}

/// Exact widening: the exponent is rebiased by a multiplication with 2^112, which is exact for numbers and infinities aside.
fn from_f16(h: u32) -> f32 {
    let sign = (h & 0x8000) << 16;
    let magnitude = h & 0x7FFF;
    if magnitude >= 0x7C00 {
        return f32::from_bits(sign | 0x7F80_0000 | (magnitude & 0x3FF) << 13);
    }
    let scaled = f32::from_bits(magnitude << 13) * f32::from_bits((127 + 112) << 23);
    f32::from_bits(scaled.to_bits() | sign)
}

/// To binary16, nearest even: integer arithmetic on the bits, and the addition of 0.5 for subnormal results.
fn to_f16(x: f32) -> u64 {
    let bits = x.to_bits();
    let sign = u64::from(bits >> 16 & 0x8000);
    let a = bits & 0x7FFF_FFFF;
    let magnitude = if a > 0x7F80_0000 {
        return 0x7E00;
    } else if a >= 0x477F_F000 {
        0x7C00
    } else if a >= 0x3880_0000 {
        let rebiased = a - (112 << 23);
        (rebiased + 0xFFF + (rebiased >> 13 & 1)) >> 13
    } else {
        (f32::from_bits(a) + 0.5).to_bits() - 0.5f32.to_bits()
    };
    sign | u64::from(magnitude)
}

fn to_bf16(x: f32) -> u64 {
    if x.is_nan() {
        return 0x7FC0;
    }
    let bits = x.to_bits();
    let (high, low) = (bits >> 16, bits & 0xFFFF);
    let up = low > 0x8000 || (low == 0x8000 && high & 1 == 1);
    u64::from(high + u32::from(up))
}

/// One rounding from binary32 to a float type.
pub(super) fn encode_float(dtype: DType, x: f32) -> Result<u64, Fault> {
    match dtype {
        DType::F32 => Ok(u64::from(quiet(x).to_bits())),
        DType::F16 => Ok(to_f16(x)),
        DType::Bf16 => Ok(to_bf16(x)),
        _ => Err(Fault::Illegal("a float result for an integer destination")),
    }
}

/// Narrowing of an exact integer.
pub(super) fn encode_int(dtype: DType, v: i128, saturate: bool) -> Result<u64, Fault> {
    match dtype.int_range() {
        Some((low, high)) if !dtype.is_bool() => {
            let v = if !saturate {
                v
            } else if v < low {
                low
            } else if v > high {
                high
            } else {
                v
            };
            Ok(v as u64 & u64::MAX >> (64 - dtype.bits()))
        }
        _ => Err(Fault::Illegal("an integer result for this destination")),
    }
}

/// One rounding from an exact integer to a float type, through a binary32 rounded to odd where that is wider.
pub(super) fn encode_int_as_float(dtype: DType, v: i128) -> Result<u64, Fault> {
    if dtype == DType::F32 {
        return Ok(u64::from((v as f32).to_bits()));
    }
    let a = v.unsigned_abs();
    let shift = (128 - a.leading_zeros()).saturating_sub(24);
    let kept = a >> shift;
    let sticky = u128::from(kept << shift != a);
    let magnitude = (kept | sticky) as f32 * f32::from_bits((127 + shift) << 23);
    encode_float(dtype, if v < 0 { -magnitude } else { magnitude })
}

fn scale_of(q: Quant) -> Result<f32, Fault> {
    let scale = f32::from_bits(q.mult);
    if scale.is_nan() || scale.is_infinite() || scale < 0.0 {
        return Err(Fault::Param { scale: q.mult, zero: q.zp });
    }
    Ok(scale)
}

/// DequantizeLinear.
pub(super) fn dequantise(x: Num, q: Quant) -> Result<f32, Fault> {
    let scale = scale_of(q)?;
    match x {
        Num::I(x) => Ok((x - i128::from(q.zp)) as f32 * scale),
        Num::F(_) => Err(Fault::Illegal("a record for a float source")),
    }
}

/// QuantizeLinear of v, or with `multiply` the product in place of the quotient.
pub(super) fn quantise(dtype: DType, v: f32, q: Quant, multiply: bool) -> Result<u64, Fault> {
    let scale = scale_of(q)?;
    let ratio = if multiply { v * scale } else { v / scale };
    let rounded = round_to_int(ratio, Round::HalfEven);
    encode_int(dtype, rounded.saturating_add(i128::from(q.zp)), true)
}

/// Rounds to an integer; NaN gives 0, what is beyond 128 bits the nearest of those.
pub(super) fn round_to_int(x: f32, rule: Round) -> i128 {
    let whole = x.trunc();
    let rest = x - whole; // exact, with x's sign
    let step = match rule {
        Round::TowardZero => false,
        Round::Floor => rest < 0.0,
        Round::Ceil => rest > 0.0,
        Round::HalfAway => rest.abs() >= 0.5,
        Round::HalfEven => rest.abs() > 0.5 || (rest.abs() == 0.5 && whole % 2.0 != 0.0),
    };
    let whole = whole as i128;
    match (step, x < 0.0) {
        (false, _) => whole,
        (true, false) => whole + 1,
        (true, true) => whole - 1,
    }
}

/// `max(y, floor)` on an element of an integer type.
pub(super) fn at_least(dtype: DType, bits: u64, floor: i128) -> Result<u64, Fault> {
    match decode(dtype, bits)? {
        Num::I(y) => encode_int(dtype, if y < floor { floor } else { y }, true),
        Num::F(y) if y.is_nan() => Ok(bits),
        Num::F(y) => Ok(if y > 0.0 { bits } else { 0 }),
    }
}

/// The extra operands of a function.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Extra {
    /// imm0 and imm1, raw.
    pub imm: (u32, u32),
    /// Old value of d (fmac).
    pub old: f32,
    /// Type of a, for bitwise functions and shifts.
    pub dtype: DType,
}

/// A function that gives a number; tests give 0 or 1.
pub(super) fn apply(f: EwFn, a: Num, b: Num, x: &Extra) -> Result<Num, Fault> {
    match (a, b) {
        (Num::I(a), Num::I(b)) => apply_int(f, a, b, x).map(Num::I),
        (Num::F(a), Num::F(b)) => apply_float(f, a, b, x),
        _ => Err(Fault::Illegal("operands of two classes")),
    }
}

fn apply_int(f: EwFn, a: i128, b: i128, x: &Extra) -> Result<i128, Fault> {
    use EwFn::*;
    let signed32 = |imm: u32| i128::from(imm.cast_signed());
    Ok(match f {
        Mov => a,
        Add => a + b,
        Sub => a - b,
        Mul => multiply(a, b),
        Min => {
            if b < a {
                b
            } else {
                a
            }
        }
        Max => {
            if b > a {
                b
            } else {
                a
            }
        }
        Abs => {
            if a < 0 {
                -a
            } else {
                a
            }
        }
        Neg => -a,
        Sign => i128::from(a > 0) - i128::from(a < 0),
        Clamp => {
            let (low, high) = (signed32(x.imm.0), signed32(x.imm.1));
            let raised = if a < low { low } else { a };
            if raised > high { high } else { raised }
        }
        Eq => i128::from(a == b),
        Ne => i128::from(a != b),
        Lt => i128::from(a < b),
        Le => i128::from(a <= b),
        Gt => i128::from(a > b),
        Ge => i128::from(a >= b),
        And | Or | Xor | Not => bitwise(f, a, b, x.dtype),
        Shl | Shr | ShrRound => {
            if b < 0 || b >= i128::from(x.dtype.bits()) {
                return Err(Fault::ShiftRange(b));
            }
            match f {
                Shl => multiply(a, 1 << b),
                ShrRound if b > 0 => (a + (1 << (b - 1))) >> b,
                _ => a >> b,
            }
        }
        Div | Mod | Rem => {
            if b == 0 {
                return Err(Fault::Div0);
            }
            let r = a % b;
            match f {
                Div => a / b,
                Mod if r != 0 && (r < 0) != (b < 0) => r + b,
                _ => r,
            }
        }
        Ipow => int_power(a, b)?,
        Idx => index(a, b)?,
        _ => return Err(Fault::Illegal("no integer class")),
    })
}

/// `idx`: a negative index counts from the end.
pub(super) fn index(a: i128, len: i128) -> Result<i128, Fault> {
    let y = if a < 0 { a + len } else { a };
    if 0 <= y && y < len { Ok(y) } else { Err(Fault::Index { index: a, len: len.max(0) as u64 }) }
}

/// Exact below 2^127; u64·u64 beyond it keeps its low 64 bits and stays above every type's range.
fn multiply(a: i128, b: i128) -> i128 {
    match a.overflowing_mul(b) {
        (v, false) => v,
        (v, true) => (1 << 126) + i128::from(v as u64),
    }
}

fn bitwise(f: EwFn, a: i128, b: i128, dtype: DType) -> i128 {
    if dtype.is_bool() {
        return match f {
            EwFn::And => i128::from(a == 1 && b == 1),
            EwFn::Or => i128::from(a == 1 || b == 1),
            EwFn::Xor => i128::from(a != b),
            _ => i128::from(a == 0),
        };
    }
    let (p, q) = (a as u64, b as u64);
    let r = match f {
        EwFn::And => p & q,
        EwFn::Or => p | q,
        EwFn::Xor => p ^ q,
        _ => !p,
    };
    let spare = 64 - dtype.bits();
    if dtype.is_signed_int() {
        i128::from((r << spare).cast_signed() >> spare)
    } else {
        i128::from(r << spare >> spare)
    }
}

fn int_power(a: i128, b: i128) -> Result<i128, Fault> {
    if b < 0 {
        return match a {
            0 => Err(Fault::Div0),
            1 => Ok(1),
            -1 if b & 1 == 0 => Ok(1),
            -1 => Ok(-1),
            _ => Ok(0),
        };
    }
    let mut r: u64 = 1;
    for bit in (0..64).rev() {
        r = r.wrapping_mul(r);
        if b >> bit & 1 == 1 {
            r = r.wrapping_mul(a as u64);
        }
    }
    Ok(i128::from(r.cast_signed()))
}

/// Maximum or minimum of floats: NaN if any is, −0 below +0.
pub(super) fn pick(a: f32, b: f32, want_max: bool) -> f32 {
    if a.is_nan() || b.is_nan() {
        return f32::from_bits(QNAN);
    }
    // Sign and magnitude as one integer, with −0 just below +0.
    let key = |x: f32| {
        let magnitude = i64::from(x.to_bits() & 0x7FFF_FFFF);
        if x.is_sign_negative() { -1 - magnitude } else { magnitude }
    };
    if (key(a) >= key(b)) == want_max { a } else { b }
}

fn apply_float(f: EwFn, a: f32, b: f32, x: &Extra) -> Result<Num, Fault> {
    use EwFn::*;
    if f.is_test() {
        let hit = match f {
            Eq => a == b,
            Ne => a != b,
            Lt => a < b,
            Le => a <= b,
            Gt => a > b,
            Ge => a >= b,
            IsNan => a.is_nan(),
            _ => (x.imm.0 & 1 == 1 && a == f32::INFINITY) || (x.imm.0 & 2 == 2 && a == f32::NEG_INFINITY),
        };
        return Ok(Num::I(i128::from(hit)));
    }
    Ok(Num::F(match f {
        Mov => a,
        Add => a + b,
        Sub => a - b,
        Mul => a * b,
        Div => a / b,
        Min => pick(a, b, false),
        Max => pick(a, b, true),
        Abs => f32::from_bits(a.to_bits() & 0x7FFF_FFFF),
        Neg => f32::from_bits(a.to_bits() ^ 0x8000_0000),
        Sign => {
            if a > 0.0 {
                1.0
            } else if a < 0.0 {
                -1.0
            } else {
                a
            }
        }
        Clamp => pick(pick(a, f32::from_bits(x.imm.0), true), f32::from_bits(x.imm.1), false),
        Fmac => fma(a, b, x.old),
        Prelu => {
            if a < 0.0 {
                a * b
            } else {
                a
            }
        }
        Rem => a % b,
        Mod => {
            let r = a % b;
            if r != 0.0 && (r < 0.0) != (b < 0.0) { r + b } else { r }
        }
        Floor => a.floor(),
        Ceil => a.ceil(),
        Rint => a.round_ties_even(),
        Trunc => a.trunc(),
        Sqrt => a.sqrt(),
        Recip => 1.0 / a,
        Pow => pinned::pow(a, b),
        _ => pinned::unary(f, a).ok_or(Fault::Illegal("no float class"))?,
    }))
}

/// a·b + c with one rounding: the product is exact in binary64, the sum is rounded there to odd, then once to binary32.
fn fma(a: f32, b: f32, c: f32) -> f32 {
    let (p, c) = (f64::from(a) * f64::from(b), f64::from(c));
    let s = p + c;
    if !s.is_finite() {
        return s as f32;
    }
    let t = s - p;
    let error = (p - (s - t)) + (c - t);
    if error == 0.0 || s.to_bits() & 1 == 1 {
        return s as f32;
    }
    let away = (error > 0.0) == (s > 0.0);
    f64::from_bits(if away { s.to_bits() + 1 } else { s.to_bits() - 1 }) as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conversions_meet_the_half_crate() {
        for h in 0..=u16::MAX {
            let Num::F(x) = decode(DType::F16, u64::from(h)).unwrap() else { panic!("a float") };
            if x.is_nan() {
                assert_eq!(encode_float(DType::F16, x).unwrap(), 0x7E00);
                continue;
            }
            assert_eq!(x, half::f16::from_bits(h).to_f32());
            if x.is_infinite() {
                continue;
            }
            for y in [x, f32::from_bits(x.to_bits() ^ 0x1000), f32::from_bits(x.to_bits() ^ 0x1001)] {
                assert_eq!(encode_float(DType::F16, y).unwrap() as u16, half::f16::from_f32(y).to_bits(), "{y}");
                assert_eq!(encode_float(DType::Bf16, y).unwrap() as u16, half::bf16::from_f32(y).to_bits(), "{y}");
            }
        }
    }

    #[test]
    fn integers_become_floats_with_one_rounding() {
        // 2^32 + 2^24 + 1 lies just above a bf16 midpoint; rounded to binary32 first it would look like the tie.
        assert_eq!(encode_int_as_float(DType::Bf16, (1 << 32) + (1 << 24) + 1).unwrap(), 0x4F81);
        assert_eq!(encode_int_as_float(DType::Bf16, -257).unwrap(), 0xC380);
        assert_eq!(encode_int_as_float(DType::F16, 65_519).unwrap(), 0x7BFF);
        assert_eq!(encode_int_as_float(DType::F16, 65_520).unwrap(), 0x7C00);
        assert_eq!(encode_int_as_float(DType::F32, 16_777_217).unwrap() as u32, 16_777_216.0f32.to_bits());
    }

    #[test]
    fn extremes_order_the_zeros() {
        assert_eq!(pick(-0.0, 0.0, true).to_bits(), 0);
        assert_eq!(pick(0.0, -0.0, false).to_bits(), 0x8000_0000);
        assert_eq!(pick(-1.0, -0.0, true).to_bits(), 0x8000_0000);
        assert_eq!(pick(-2.0, -1.0, true), -1.0);
        assert_eq!(pick(-2.0, f32::NEG_INFINITY, false), f32::NEG_INFINITY);
        assert_eq!(pick(3.0, f32::NAN, true).to_bits(), QNAN);
    }

    #[test]
    fn rounding_rules() {
        let all = |x| {
            [Round::HalfEven, Round::TowardZero, Round::Floor, Round::Ceil, Round::HalfAway].map(|r| round_to_int(x, r))
        };
        assert_eq!(all(2.5), [2, 2, 2, 3, 3]);
        assert_eq!(all(-2.5), [-2, -2, -3, -2, -3]);
        assert_eq!(all(-0.5), [0, 0, -1, 0, -1]);
        assert_eq!(all(3.5), [4, 3, 3, 4, 4]);
        assert_eq!(round_to_int(f32::NAN, Round::HalfEven), 0);
    }

    #[test]
    fn fma_rounds_once() {
        // (1 + 2^-12)^2 = 1 + 2^-11 + 2^-24: the last term alone decides the rounding of the sum with −2^-24·(1 − ε).
        let a = 1.0 + f32::powi(2.0, -12);
        assert_eq!(fma(a, a, 0.0), 1.0 + f32::powi(2.0, -11));
        assert_eq!(fma(a, a, f32::powi(2.0, -40)), 1.0 + f32::powi(2.0, -11) + f32::powi(2.0, -23));
        assert_eq!(fma(a, a, -f32::powi(2.0, -40)), 1.0 + f32::powi(2.0, -11));
        assert_eq!(fma(a, a, -a * a), f32::powi(2.0, -24));
    }
}
