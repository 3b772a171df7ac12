//! Random values that find bugs: ties, NaN, infinities, −0, subnormals, extreme integers.

use super::Gen;
use crate::codes::{DType, RqMode};
use crate::rng::SplitMix64;

const F32_SPECIAL: &[u32] = &[
    0x0000_0000,
    0x8000_0000,
    0x7F80_0000,
    0xFF80_0000,
    0x7FC0_0000,
    0xFFC0_0001,
    0x7F80_0001,
    0x0000_0001,
    0x8000_0001,
    0x007F_FFFF,
    0x0080_0000,
    0x7F7F_FFFF,
    0xFF7F_FFFF,
    0x3F80_0000,
    0xBF80_0000,
    0x3F00_0000,
    0xBF00_0000,
    0x3FC0_0000,
    0x4020_0000,
    0x4B80_0000,
    0x4B80_0001,
    0x3F7F_FFFF,
    0x4F00_0000,
    0xCF00_0000,
    0x5F00_0000,
    0x42B1_7218,
    0xC2CF_F1B5,
    0x477F_E000,
    0x477F_F000,
    0x3380_0000,
];
const F16_SPECIAL: &[u16] = &[
    0x0000, 0x8000, 0x7C00, 0xFC00, 0x7E00, 0x7C01, 0xFE01, 0x0001, 0x8001, 0x03FF, 0x0400, 0x7BFF, 0xFBFF, 0x3C00,
    0xBC00, 0x3800, 0x3E00, 0x4100, 0x6400,
];

/// A value of moderate size: an integer, a half (a tie), or a random mantissa with an exponent near 0.
fn moderate(rng: &mut SplitMix64) -> f32 {
    match rng.below(4) {
        0 => rng.range(-20, 20) as f32,
        1 => rng.range(-300, 300) as f32 + 0.5,
        _ => {
            let exponent = (127 + rng.range(-6, 8)) as u32;
            let bits = rng.next_u64() as u32;
            f32::from_bits(bits & 0x807F_FFFF | exponent << 23)
        }
    }
}

/// Bits of a random float; `special` mixes in the list.
pub(super) fn f32_bits(rng: &mut SplitMix64, special: bool) -> u32 {
    if !special {
        return moderate(rng).to_bits();
    }
    match rng.below(4) {
        0 | 1 => rng.pick(F32_SPECIAL),
        2 => rng.next_u64() as u32,
        _ => moderate(rng).to_bits(),
    }
}

/// Bits of a random element.
pub(super) fn bits(rng: &mut SplitMix64, dt: DType, special: bool) -> u64 {
    match dt {
        DType::Bool => rng.below(2),
        DType::F32 => u64::from(f32_bits(rng, special)),
        DType::Bf16 => u64::from(f32_bits(rng, special) >> 16),
        DType::F16 => {
            let raw = rng.next_u64() as u16;
            let moderate = raw & 0x83FF | ((15 + rng.range(-4, 5)) as u16) << 10;
            u64::from(match rng.below(3) {
                0 if special => rng.pick(F16_SPECIAL),
                1 if special => raw,
                _ => moderate,
            })
        }
        _ => int(rng, dt, special).cast_unsigned() & ones(dt),
    }
}

fn ones(dt: DType) -> u64 {
    if dt.size() == 8 { u64::MAX } else { (1 << dt.bits()) - 1 }
}

/// A random integer, as the low bits of an i64.
pub(super) fn int(rng: &mut SplitMix64, dt: DType, special: bool) -> i64 {
    let (lo, hi) = dt.int_range().unwrap_or((0, 1));
    let extremes = [lo, hi, lo + 1, hi - 1, 0, -1, 1, 1 << (dt.bits() - 1).min(62), hi / 2, hi / 2 + 1];
    match rng.below(4) {
        0 if special => rng.pick(&extremes) as i64,
        1 => rng.range(-9, 9),
        2 if special => (rng.next_u64() >> rng.below(64)).cast_signed(),
        _ => rng.range(-128, 200),
    }
}

/// A scale: mostly moderate or a power of two (ties), rarely 0, subnormal or large.
pub(super) fn scale(rng: &mut SplitMix64) -> f32 {
    match rng.below(12) {
        0 => 0.0,
        1 => f32::from_bits(1 + rng.below(100) as u32),
        2 => 1e30,
        3..=6 => f32::from_bits((127 - rng.below(16) as u32) << 23),
        _ => f32::from_bits((127 - rng.below(14) as u32) << 23 | rng.next_u64() as u32 & 0x7F_FFFF),
    }
}

/// (mult, shift) within the ranges of a requantise rule.
pub(super) fn multiplier(rng: &mut SplitMix64, rq: RqMode) -> (u32, i8) {
    match rq {
        RqMode::Single => {
            let mult = if rng.one_in(3) { 1 << rng.below(31) } else { (rng.next_u64() >> 33) as u32 };
            (mult, rng.range(2, 62) as i8)
        }
        RqMode::Double => {
            let mult = match rng.below(4) {
                0 => rng.pick(&[i32::MIN, i32::MAX, 0, 1 << 30, -1]).cast_unsigned(),
                _ => (1 << 30) | (rng.next_u64() >> 34) as u32,
            };
            let shift = if rng.one_in(8) { rng.range(0, 30) } else { rng.range(-31, 0) };
            (mult, shift as i8)
        }
        _ => (scale(rng).to_bits(), 0),
    }
}

impl Gen<'_> {
    pub(super) fn float_bits(&mut self) -> u32 {
        f32_bits(&mut self.rng, true)
    }
    pub(super) fn int_value(&mut self, dt: DType) -> i64 {
        int(&mut self.rng, dt, true)
    }
    pub(super) fn value_bits(&mut self, dt: DType, special: bool) -> u64 {
        bits(&mut self.rng, dt, special)
    }
    pub(super) fn multiplier(&mut self, rq: RqMode) -> (u32, i8) {
        multiplier(&mut self.rng, rq)
    }
    pub(super) fn zero_point(&mut self, dt: DType) -> i32 {
        let zp = int(&mut self.rng, dt, true) as i32;
        if self.rng.one_in(8) { zp.clamp(-(1 << 23), (1 << 23) - 1) } else { zp.clamp(-128, 255) }
    }
}
