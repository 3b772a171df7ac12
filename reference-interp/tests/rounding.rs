//! Conversions: against `half` from binary32 (where it is right), and by bit reasoning from binary64.
use proptest::prelude::*;
use reference::Format;
use reference::round::{Rounding, decode, encode, int_range, round, round_mode, wrap};
use touchstone_reference as reference;

#[test]
fn ties_go_to_even_and_subnormals_have_their_own_spacing() {
    // binary16: 1 + 2^-11 is halfway between 1 and 1 + 2^-10.
    let half_ulp = libm::ldexp(1.0, -11);
    assert_eq!(round(1.0 + half_ulp, Format::F16), 1.0);
    assert_eq!(round(1.0 + 3.0 * half_ulp, Format::F16), 1.0 + 4.0 * half_ulp);
    // The lowest bit of binary64 decides: what `as f32` and then `half` would lose.
    let above = f64::from_bits((1.0 + half_ulp).to_bits() + 1);
    assert_eq!(round(above, Format::F16), 1.0 + 2.0 * half_ulp);
    assert_eq!(round_mode(1.0 + half_ulp, Format::F16, Rounding::NearestAway), 1.0 + 2.0 * half_ulp);
    assert_eq!(round_mode(above, Format::F16, Rounding::TowardZero), 1.0);
    // Smallest subnormal 2^-24: half of it ties to zero, a bit more goes up.
    let tiny = libm::ldexp(1.0, -25);
    assert_eq!(round(tiny, Format::F16), 0.0);
    assert_eq!(round(f64::from_bits(tiny.to_bits() + 1), Format::F16), 2.0 * tiny);
    assert_eq!(round(-tiny, Format::F16).to_bits(), (-0.0f64).to_bits());
    // 65520 is the overflow threshold of binary16.
    assert_eq!(round(65519.99, Format::F16), 65504.0);
    assert_eq!(round(65520.0, Format::F16), f64::INFINITY);
    assert_eq!(round_mode(1e9, Format::F16, Rounding::TowardZero), 65504.0);
    assert_eq!(round(f64::from(f32::MAX) * 1.000_000_1, Format::F32), f64::INFINITY);
}

#[test]
fn every_16_bit_pattern_round_trips_and_agrees_with_half() {
    for b in 0..=u16::MAX {
        let (h, w) = (half::f16::from_bits(b), half::bf16::from_bits(b));
        for (x, y, f) in [
            (decode(u64::from(b), Format::F16), f64::from(h), Format::F16),
            (decode(u64::from(b), Format::BF16), f64::from(w), Format::BF16),
        ] {
            assert!(x == y || x.is_nan() && y.is_nan(), "{b:04x}");
            if !x.is_nan() {
                assert_eq!(encode(x, f), u64::from(b));
                assert_eq!(round(x, f).to_bits(), x.to_bits());
            }
        }
    }
}

#[test]
fn integers_wrap_like_two_s_complement() {
    use ir::DType;
    assert_eq!(wrap(128, DType::I8), -128);
    assert_eq!(wrap(-1, DType::U8), 255);
    assert_eq!(wrap(1 << 63, DType::I64), i128::from(i64::MIN));
    assert_eq!(wrap(-1, DType::U64), i128::from(u64::MAX));
    assert_eq!(int_range(DType::F32), None);
}

proptest! {
    #[test]
    fn binary32_to_16_bits_as_half(b in any::<u32>()) {
        let x = f32::from_bits(b);
        prop_assume!(!x.is_nan());
        prop_assert_eq!(encode(round(f64::from(x), Format::F16), Format::F16), u64::from(half::f16::from_f32(x).to_bits()));
        prop_assert_eq!(encode(round(f64::from(x), Format::BF16), Format::BF16), u64::from(half::bf16::from_f32(x).to_bits()));
    }
    #[test]
    fn binary64_to_binary32_as_the_hardware(b in any::<u64>()) {
        let x = f64::from_bits(b);
        prop_assume!(!x.is_nan());
        prop_assert_eq!(encode(round(x, Format::F32), Format::F32), u64::from((x as f32).to_bits()));
    }
    #[test]
    fn rounding_is_nearest_and_monotone(b in any::<u64>(), fmt in prop::sample::select(vec![Format::F16, Format::BF16, Format::F32])) {
        let x = f64::from_bits(b);
        prop_assume!(x.is_finite() && x.abs() < fmt.max_finite());
        let y = round(x, fmt);
        let bits = encode(y, fmt);
        // No neighbour is nearer.
        for n in [bits.wrapping_sub(1), bits + 1] {
            let z = decode(n, fmt);
            if z.is_finite() && (z < 0.0) == (y < 0.0) {
                prop_assert!((x - y).abs() <= (x - z).abs());
            }
        }
        let t = round_mode(x, fmt, Rounding::TowardZero);
        prop_assert!(t.abs() <= x.abs() && (t - x).abs() < 2.0 * (decode(encode(t, fmt) + 1, fmt) - t).abs());
    }
}
