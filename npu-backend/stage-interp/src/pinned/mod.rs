//! The transcendental functions of NPU.md section 11: binary64 by pinned steps, rounded once to binary32.
//!
//! Every written operation is one IEEE binary64 operation; nothing is contracted or re-associated. All three stage
//! interpreters use this copy; the machine's models have theirs.

mod tables;

use isa::EwFn;
use tables::*;

/// The quiet NaN of binary32 that every NaN result becomes.
const NAN: f32 = f32::from_bits(0x7FC0_0000);

/// A function of one argument of codes 0x40–0x56, on the exact value of its source; `None` if `f` is not one of them.
pub fn unary(f: EwFn, x: f32) -> Option<f32> {
    let g: fn(f64) -> f64 = match f {
        EwFn::Exp => exp64,
        EwFn::Log => log_full,
        EwFn::Log1p => log1p_full,
        EwFn::Tanh => tanh64,
        EwFn::Sigmoid => sigmoid64,
        EwFn::Erf => erf64,
        EwFn::GeluErf => gelu_erf64,
        EwFn::GeluTanh => gelu_tanh64,
        EwFn::Softplus => softplus64,
        EwFn::Rsqrt => rsqrt64,
        EwFn::Sin => sin64,
        EwFn::Cos => cos64,
        EwFn::Tan => tan64,
        EwFn::Asin => asin64,
        EwFn::Acos => acos64,
        EwFn::Atan => atan64,
        EwFn::Sinh => sinh64,
        EwFn::Cosh => cosh64,
        EwFn::Asinh => asinh64,
        EwFn::Acosh => acosh64,
        EwFn::Atanh => atanh64,
        EwFn::Erfc => erfc64,
        _ => return None,
    };
    if x.is_nan() {
        return Some(NAN);
    }
    if x == 0.0 && keeps_zero(f) {
        return Some(x);
    }
    Some(narrow(g(f64::from(x))))
}

/// `pow` of section 11.
pub fn pow(x: f32, y: f32) -> f32 {
    narrow(pow64(f64::from(x), f64::from(y)))
}

fn narrow(y: f64) -> f32 {
    if y.is_nan() { NAN } else { y as f32 }
}

/// The zero rule: these give ±0 back unchanged.
fn keeps_zero(f: EwFn) -> bool {
    use EwFn::{Asin, Asinh, Atan, Atanh, Erf, GeluErf, GeluTanh, Log1p, Sin, Sinh, Tan, Tanh};
    matches!(f, Tanh | Erf | GeluErf | GeluTanh | Sin | Tan | Asin | Atan | Sinh | Asinh | Atanh | Log1p)
}

/// `H(C, u)`: Horner's rule from the last coefficient.
fn horner(c: &[f64], u: f64) -> f64 {
    let (last, rest) = c.split_last().expect("tables are not empty");
    rest.iter().rev().fold(*last, |p, &k| p * u + k)
}

/// `sg(y, x)`: y with x's sign.
fn sg(y: f64, x: f64) -> f64 {
    y.copysign(x)
}

/// 2^k for the normal range, which `exp64` stays in.
fn pow2(k: f64) -> f64 {
    f64::from_bits(((k as i64 + 1023) as u64) << 52)
}

fn exp64(x: f64) -> f64 {
    if x > 200.0 {
        return f64::INFINITY;
    }
    if x < -200.0 {
        return 0.0;
    }
    let k = (x * LOG2E).round_ties_even();
    let r = (x - k * LN2H) - k * LN2L;
    horner(&EXPC, r) * pow2(k)
}

fn ats(s: f64) -> f64 {
    2.0 * (s * horner(&LOGC, s * s))
}

/// `LOG(x)` for positive, finite, normal x.
fn log64(x: f64) -> f64 {
    let bits = x.to_bits();
    let mut e = (bits >> 52) as i64 - 1023;
    let mut m = f64::from_bits((bits & 0x000F_FFFF_FFFF_FFFF) | (1023 << 52));
    if m > SQRT2 {
        m *= 0.5;
        e += 1;
    }
    let s = (m - 1.0) / (m + 1.0);
    let e = e as f64;
    e * LN2H + (e * LN2L + ats(s))
}

fn log1p64(x: f64) -> f64 {
    if x == f64::INFINITY {
        x
    } else if -0.25 < x && x < 0.4 {
        ats(x / (2.0 + x))
    } else {
        log64(1.0 + x)
    }
}

fn log_full(x: f64) -> f64 {
    if x < 0.0 {
        f64::NAN
    } else if x == 0.0 {
        f64::NEG_INFINITY
    } else if x == f64::INFINITY {
        x
    } else {
        log64(x)
    }
}

fn log1p_full(x: f64) -> f64 {
    if x < -1.0 {
        f64::NAN
    } else if x == -1.0 {
        f64::NEG_INFINITY
    } else {
        log1p64(x)
    }
}

/// 2^-6: below it tanh and sinh use their series.
const SMALL: f64 = 1.0 / 64.0;

fn tanh64(x: f64) -> f64 {
    let a = x.abs();
    let y = if a < SMALL {
        let u = a * a;
        a + a * (u * (T0 + u * (T1 + u * (T2 + u * T3))))
    } else if a > 20.0 {
        1.0
    } else {
        let e = exp64(2.0 * a);
        (e - 1.0) / (e + 1.0)
    };
    sg(y, x)
}

fn sigmoid64(x: f64) -> f64 {
    1.0 / (1.0 + exp64(-x))
}

fn softplus64(x: f64) -> f64 {
    let positive = if x > 0.0 { x } else { 0.0 };
    positive + log1p64(exp64(-x.abs()))
}

/// `ERFCP(z)`, z ≥ 1.
fn erfcp(z: f64) -> f64 {
    if z > 28.0 {
        return 0.0;
    }
    let t = (z - 3.75) / (z + 3.75);
    horner(&ERFQ, t) * exp64(-(z * z)) / (1.0 + 2.0 * z)
}

fn erf64(x: f64) -> f64 {
    let a = x.abs();
    let y = if a < 1.0 { a * horner(&ERFC0, a * a) } else { 1.0 - erfcp(a) };
    sg(y, x)
}

fn erfc64(x: f64) -> f64 {
    if x >= 1.0 {
        erfcp(x)
    } else if x <= -1.0 {
        2.0 - erfcp(-x)
    } else {
        1.0 - erf64(x)
    }
}

fn gelu_erf64(x: f64) -> f64 {
    if x == f64::NEG_INFINITY {
        return -0.0;
    }
    (0.5 * x) * erfc64(-(x * RSQRT2))
}

fn gelu_tanh64(x: f64) -> f64 {
    if x == f64::NEG_INFINITY {
        return -0.0;
    }
    let z = 2.0 * (GT0 * (x + GT1 * ((x * x) * x)));
    x * sigmoid64(z)
}

fn rsqrt64(x: f64) -> f64 {
    if x == 0.0 {
        sg(f64::INFINITY, x)
    } else if x < 0.0 {
        f64::NAN
    } else {
        1.0 / x.sqrt()
    }
}

/// `RED(x)`: the rest modulo π/2, and the quadrant modulo 4; x finite.
fn reduce(x: f64) -> (f64, u8) {
    if x.abs() < 1_048_576.0 {
        let k = (x * TWOPI).round_ties_even();
        let r = ((x - k * P1) - k * P2) - k * P3;
        return (r, (k as i64).rem_euclid(4) as u8);
    }
    reduce_large(x)
}

/// The second branch of `RED`: |x| = M·2^E with a 24-bit M, multiplied by the bits of 2/π that matter.
fn reduce_large(x: f64) -> (f64, u8) {
    let bits = x.abs().to_bits();
    let exponent = (bits >> 52) as i64 - 1023;
    let m = ((bits & 0x000F_FFFF_FFFF_FFFF) | 1 << 52) >> 29; // 53 − 29 = 24 bits; the rest is zero, x is a binary32
    let e = exponent - 23;
    let f = two_over_pi_bits(e - 2);
    let p = u128::from(m).wrapping_mul(f);
    let mut q = (p >> 126) as i64;
    let f = (p << 2).cast_signed();
    if f < 0 {
        q += 1;
    }
    let two_to_minus_128 = f64::from_bits((1023 - 128) << 52);
    let mut r = (f as f64 * two_to_minus_128) * PIO2;
    if x < 0.0 {
        r = -r;
        q = -q;
    }
    (r, q.rem_euclid(4) as u8)
}

/// Bits `s .. s+128` of the 256 bits of TPI, bit 0 first; for negative s the first 128 bits shifted right by −s.
fn two_over_pi_bits(s: i64) -> u128 {
    let high = u128::from(TPI[0]) << 64 | u128::from(TPI[1]);
    let low = u128::from(TPI[2]) << 64 | u128::from(TPI[3]);
    match s {
        0 => high,
        s if s < 0 => high >> -s,
        s => high << s | low >> (128 - s),
    }
}

fn sp(r: f64) -> f64 {
    r * horner(&SINC, r * r)
}

fn cp(r: f64) -> f64 {
    horner(&COSC, r * r)
}

fn sin64(x: f64) -> f64 {
    if x.is_infinite() {
        return f64::NAN;
    }
    let (r, q) = reduce(x);
    let y = if q & 1 == 1 { cp(r) } else { sp(r) };
    if q & 2 != 0 { -y } else { y }
}

fn cos64(x: f64) -> f64 {
    if x.is_infinite() {
        return f64::NAN;
    }
    let (r, q) = reduce(x);
    let y = if q & 1 == 1 { sp(r) } else { cp(r) };
    if (q + 1) & 2 != 0 { -y } else { y }
}

fn tan64(x: f64) -> f64 {
    if x.is_infinite() {
        return f64::NAN;
    }
    let (r, q) = reduce(x);
    if q & 1 == 1 { -(cp(r) / sp(r)) } else { sp(r) / cp(r) }
}

fn atan64(x: f64) -> f64 {
    let mut a = x.abs();
    let inverted = a > 1.0;
    if inverted {
        a = 1.0 / a;
    }
    let mut o = 0.0;
    if a > TAN8 {
        o = PIO4;
        a = (a - 1.0) / (a + 1.0);
    }
    let mut y = o + a * horner(&ATNC, a * a);
    if inverted {
        y = PIO2 - y;
    }
    sg(y, x)
}

fn asin64(x: f64) -> f64 {
    if x.abs() > 1.0 {
        return f64::NAN;
    }
    let c = ((1.0 - x) * (1.0 + x)).sqrt();
    if c == 0.0 { sg(PIO2, x) } else { atan64(x / c) }
}

fn acos64(x: f64) -> f64 {
    if x.abs() > 1.0 {
        f64::NAN
    } else if x == -1.0 {
        PI
    } else {
        2.0 * atan64(((1.0 - x) / (1.0 + x)).sqrt())
    }
}

fn sinh64(x: f64) -> f64 {
    let a = x.abs();
    let y = if a < SMALL {
        let v = a * a;
        a + (a * v) * (S0 + v * (S1 + v * S2))
    } else {
        let e = exp64(a);
        0.5 * (e - 1.0 / e)
    };
    sg(y, x)
}

fn cosh64(x: f64) -> f64 {
    let e = exp64(x.abs());
    0.5 * (e + 1.0 / e)
}

fn asinh64(x: f64) -> f64 {
    if x.is_infinite() {
        return x;
    }
    let a = x.abs();
    sg(log1p64(a + (a * a) / (1.0 + (1.0 + a * a).sqrt())), x)
}

fn acosh64(x: f64) -> f64 {
    if x < 1.0 {
        f64::NAN
    } else if x == f64::INFINITY {
        x
    } else {
        let t = x - 1.0;
        log1p64(t + (t * (x + 1.0)).sqrt())
    }
}

fn atanh64(x: f64) -> f64 {
    let a = x.abs();
    if a > 1.0 {
        f64::NAN
    } else if a == 1.0 {
        sg(f64::INFINITY, x)
    } else {
        sg(0.5 * log1p64((2.0 * a) / (1.0 - a)), x)
    }
}

fn pow64(x: f64, y: f64) -> f64 {
    if y == 0.0 || x == 1.0 {
        return 1.0;
    }
    if x.is_nan() || y.is_nan() {
        return f64::NAN;
    }
    if y.is_infinite() {
        return match x.abs() {
            1.0 => 1.0,
            a if (a > 1.0) == (y > 0.0) => f64::INFINITY,
            _ => 0.0,
        };
    }
    let whole = y.trunc() == y;
    let odd = whole && y.abs() < 16_777_216.0 && (y as i64) & 1 == 1;
    if x == 0.0 {
        let z = if y > 0.0 { 0.0 } else { f64::INFINITY };
        return if odd { sg(z, x) } else { z };
    }
    if x.is_infinite() {
        let z = if y > 0.0 { f64::INFINITY } else { 0.0 };
        return if x < 0.0 && odd { -z } else { z };
    }
    if x < 0.0 && !whole {
        return f64::NAN;
    }
    let z = exp64(y * log64(x.abs()));
    if x < 0.0 && odd { -z } else { z }
}

#[cfg(test)]
mod tests;
