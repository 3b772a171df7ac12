//! Float formats bit by bit, and the float operations that IEEE arithmetic alone does not give.

use isa::DType;

/// A binary interchange format of at most 32 bits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Format {
    /// Bits of the significand, the hidden one included.
    precision: i32,
    /// Exponent of the smallest normal number.
    emin: i32,
    /// Bits of +Inf.
    infinity: u32,
    /// Bits of the quiet NaN (3.0).
    nan: u32,
    /// The sign bit.
    sign: u32,
}

impl Format {
    /// IEEE binary32.
    pub const F32: Format =
        Format { precision: 24, emin: -126, infinity: 0x7F80_0000, nan: 0x7FC0_0000, sign: 0x8000_0000 };
    /// bfloat16.
    pub const BF16: Format = Format { precision: 8, emin: -126, infinity: 0x7F80, nan: 0x7FC0, sign: 0x8000 };
    /// IEEE binary16.
    pub const F16: Format = Format { precision: 11, emin: -14, infinity: 0x7C00, nan: 0x7E00, sign: 0x8000 };

    /// The format of a float type.
    pub fn of(dt: DType) -> Option<Format> {
        match dt {
            DType::F32 => Some(Format::F32),
            DType::Bf16 => Some(Format::BF16),
            DType::F16 => Some(Format::F16),
            _ => None,
        }
    }

    /// Rounds (-1)^negative * m * 2^e to the format, half to even; subnormals kept, overflow gives Inf.
    pub fn round(self, negative: bool, m: u128, e: i32) -> u32 {
        let sign = if negative { self.sign } else { 0 };
        if m == 0 {
            return sign;
        }
        let msb = 127 - m.leading_zeros().cast_signed();
        let exponent = (e + msb).max(self.emin); // of the result before rounding
        let unit = exponent - (self.precision - 1); // exponent of the last place
        let n = shift_half_even(m, unit - e);
        // n has `precision` bits (one more after a carry, fewer if subnormal); the hidden bit counts in the exponent
        let field = i64::from(exponent - self.emin + 1);
        let hidden = 1i64 << (self.precision - 1);
        let bits = field * hidden + i64::try_from(n).expect("at most 25 bits") - hidden;
        sign | u32::try_from(bits.min(i64::from(self.infinity))).expect("not negative: the field is at least 1")
    }

    /// The exact value as binary32; NaNs keep their payload's high bits.
    pub fn widen(self, bits: u32) -> f32 {
        if self == Format::F32 {
            return f32::from_bits(bits);
        }
        let magnitude = bits & (self.sign - 1);
        let negative = bits & self.sign != 0;
        if magnitude > self.infinity {
            return f32::NAN;
        }
        if magnitude == self.infinity {
            return if negative { f32::NEG_INFINITY } else { f32::INFINITY };
        }
        let field = (magnitude >> (self.precision - 1)).cast_signed();
        let fraction = magnitude & ((1 << (self.precision - 1)) - 1);
        let hidden = if field == 0 { 0 } else { 1 << (self.precision - 1) };
        let unit = self.emin + field.max(1) - 1 - (self.precision - 1);
        f32::from_bits(Format::F32.round(negative, u128::from(fraction + hidden), unit))
    }

    /// One RNE from binary32; every NaN becomes the canonical one.
    pub fn narrow(self, x: f32) -> u32 {
        if x.is_nan() {
            return self.nan;
        }
        let negative = x.is_sign_negative();
        if x.is_infinite() {
            return self.infinity | if negative { self.sign } else { 0 };
        }
        let magnitude = x.to_bits() & 0x7FFF_FFFF;
        let (field, fraction) = (magnitude >> 23, magnitude & 0x7F_FFFF);
        let hidden = if field == 0 { 0 } else { 1 << 23 };
        let unit = field.max(1).cast_signed() - 150;
        self.round(negative, u128::from(fraction | hidden), unit)
    }

    /// One RNE from an exact integer.
    pub fn from_int(self, x: i128) -> u32 {
        self.round(x < 0, x.unsigned_abs(), 0)
    }
}

/// m / 2^shift, half to even (shift < 0: exact multiplication).
fn shift_half_even(m: u128, shift: i32) -> u128 {
    match shift {
        ..=0 => m << -shift,
        1..=127 => {
            let (quotient, rest, half) = (m >> shift, m & ((1 << shift) - 1), 1 << (shift - 1));
            quotient + u128::from(rest > half || (rest == half && quotient & 1 == 1))
        }
        _ => 0, // significands of floats have 24 bits: far below half
    }
}

/// RNE32 of an exact integer.
pub(crate) fn int_to_f32(x: i128) -> f32 {
    f32::from_bits(Format::F32.from_int(x))
}

/// Canonical NaN, other values unchanged.
pub(crate) fn canonical(x: f32) -> f32 {
    if x.is_nan() { f32::from_bits(0x7FC0_0000) } else { x }
}

/// EW max: NaN if any is, -0 < +0.
pub(crate) fn max(a: f32, b: f32) -> f32 {
    if a.is_nan() || b.is_nan() {
        f32::NAN
    } else if a > b || (a == b && a.is_sign_positive()) {
        a
    } else {
        b
    }
}

/// EW min: NaN if any is, -0 < +0.
pub(crate) fn min(a: f32, b: f32) -> f32 {
    -max(-a, -b)
}

/// a*b + c with one rounding: the product is exact in binary64, the sum is rounded to odd there, then to binary32.
pub fn fma(a: f32, b: f32, c: f32) -> f32 {
    let (p, c) = (f64::from(a) * f64::from(b), f64::from(c));
    let s = p + c;
    if !s.is_finite() {
        return s as f32;
    }
    let back = s - p;
    let error = (p - (s - back)) + (c - back);
    if error == 0.0 || s.to_bits() & 1 == 1 {
        return s as f32;
    }
    let bits = if (error > 0.0) == (s > 0.0) { s.to_bits() + 1 } else { s.to_bits() - 1 };
    f64::from_bits(bits) as f32
}

/// The fixed tree of 16 lanes (3.2): neighbours first, absent lanes skipped.
pub(crate) fn tree(mut lanes: [Option<f32>; 16], op: fn(f32, f32) -> f32) -> Option<f32> {
    let mut width = 16;
    while width > 1 {
        width /= 2;
        for k in 0..width {
            lanes[k] = combine(lanes[2 * k], lanes[2 * k + 1], op);
        }
    }
    lanes[0]
}

/// x ∘ absent = x.
pub(crate) fn combine<T: Copy>(a: Option<T>, b: Option<T>, op: impl Fn(T, T) -> T) -> Option<T> {
    match (a, b) {
        (Some(a), Some(b)) => Some(op(a, b)),
        (a, b) => a.or(b),
    }
}
