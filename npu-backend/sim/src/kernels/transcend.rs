//! The pinned transcendental functions (section 11): binary64 steps as written, one rounding to binary32 at the end.
//!
//! Every operation is one IEEE binary64 operation, no FMA, no re-association, no libm: the same bits on every host.

use isa::EwFn;

use super::constants::{
    ATNC, COSC, ERFC0, ERFQ, EXPC, GT0, GT1, LN2H, LN2L, LOG2E, LOGC, P1, P2, P3, PI_, PIO2, PIO4, RSQRT2, S0, S1, S2,
    SINC, SQRT2, T0, T1, T2, T3, TAN8, TPI, TWOPI,
};
use crate::num::NAN32;

/// Horner: p = C[n-1]; p = p*u + C[i] downward.
#[inline(always)]
fn horner<const N: usize>(c: &[f64; N], u: f64) -> f64 {
    let mut p = c[N - 1];
    for i in (0..N - 1).rev() {
        p = p * u + c[i];
    }
    p
}

/// `y` with the sign of `x`.
#[inline(always)]
fn sg(y: f64, x: f64) -> f64 {
    y.copysign(x)
}

/// x * 2^k, exact when the result is a normal binary64 (all uses: |k| <= 300 on values near 1).
fn scale(x: f64, k: i64) -> f64 {
    x * f64::from_bits(((1023 + k) as u64) << 52)
}

fn exp(x: f64) -> f64 {
    if x > 200.0 {
        return f64::INFINITY;
    }
    if x < -200.0 {
        return 0.0;
    }
    let k = (x * LOG2E).round_ties_even();
    let r = (x - k * LN2H) - k * LN2L;
    scale(horner(&EXPC, r), k as i64)
}

fn ats(s: f64) -> f64 {
    2.0 * (s * horner(&LOGC, s * s))
}

/// x > 0 finite (and normal: binary32 subnormals are normal in binary64).
fn log(x: f64) -> f64 {
    let bits = x.to_bits();
    let mut e = ((bits >> 52) as i64 - 1023) as f64;
    let mut m = f64::from_bits((bits & 0x000F_FFFF_FFFF_FFFF) | 0x3FF0_0000_0000_0000);
    if m > SQRT2 {
        m *= 0.5;
        e += 1.0;
    }
    let s = (m - 1.0) / (m + 1.0);
    e * LN2H + (e * LN2L + ats(s))
}

fn log1p(x: f64) -> f64 {
    if x == f64::INFINITY {
        x
    } else if -0.25 < x && x < 0.4 {
        ats(x / (2.0 + x))
    } else {
        log(1.0 + x)
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
        log(x)
    }
}

fn log1p_full(x: f64) -> f64 {
    if x < -1.0 {
        f64::NAN
    } else if x == -1.0 {
        f64::NEG_INFINITY
    } else {
        log1p(x)
    }
}

fn tanh(x: f64) -> f64 {
    let a = x.abs();
    let y = if a < 0.015625 {
        let u = a * a;
        a + a * (u * (T0 + u * (T1 + u * (T2 + u * T3))))
    } else if a > 20.0 {
        1.0
    } else {
        let e = exp(2.0 * a);
        (e - 1.0) / (e + 1.0)
    };
    sg(y, x)
}

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + exp(-x))
}

fn softplus(x: f64) -> f64 {
    (if x > 0.0 { x } else { 0.0 }) + log1p(exp(-x.abs()))
}

/// erfc for z >= 1.
fn erfcp(z: f64) -> f64 {
    if z > 28.0 {
        return 0.0;
    }
    let t = (z - 3.75) / (z + 3.75);
    horner(&ERFQ, t) * exp(-(z * z)) / (1.0 + 2.0 * z)
}

fn erf(x: f64) -> f64 {
    let a = x.abs();
    let y = if a < 1.0 { a * horner(&ERFC0, a * a) } else { 1.0 - erfcp(a) };
    sg(y, x)
}

fn erfc(x: f64) -> f64 {
    if x >= 1.0 {
        erfcp(x)
    } else if x <= -1.0 {
        2.0 - erfcp(-x)
    } else {
        1.0 - erf(x)
    }
}

fn gelu_erf(x: f64) -> f64 {
    if x == f64::NEG_INFINITY {
        return -0.0;
    }
    (0.5 * x) * erfc(-(x * RSQRT2))
}

fn gelu_tanh(x: f64) -> f64 {
    if x == f64::NEG_INFINITY {
        return -0.0;
    }
    let z = 2.0 * (GT0 * (x + GT1 * ((x * x) * x)));
    x * sigmoid(z)
}

fn rsqrt(x: f64) -> f64 {
    if x < 0.0 {
        f64::NAN
    } else if x == 0.0 {
        sg(f64::INFINITY, x)
    } else {
        1.0 / x.sqrt()
    }
}

/// Bits `first .. first+128` of 2/pi after the binary point, bit 0 first; before the point there are zeros.
fn window(first: i64) -> u128 {
    let high = u128::from(TPI[0]) << 64 | u128::from(TPI[1]);
    let low = u128::from(TPI[2]) << 64 | u128::from(TPI[3]);
    match first {
        ..0 => high >> -first,
        0 => high,
        _ => high << first | low >> (128 - first),
    }
}

/// Argument reduction: x = r + q*pi/2 with q mod 4.
fn reduce(x: f64) -> (f64, i64) {
    let a = x.abs();
    if a < 1_048_576.0 {
        let k = (x * TWOPI).round_ties_even();
        let r = ((x - k * P1) - k * P2) - k * P3;
        return (r, (k as i64).rem_euclid(4));
    }
    // |x| = M * 2^E with M of 24 bits: the inputs are binary32.
    let bits = a.to_bits();
    let exponent = (bits >> 52) as i64 - 1023 - 23;
    let m = ((bits & 0x000F_FFFF_FFFF_FFFF) | 0x0010_0000_0000_0000) >> 29;
    let p = u128::from(m).wrapping_mul(window(exponent - 2));
    let mut q = (p >> 126) as i64;
    let f = (p << 2).cast_signed();
    if f < 0 {
        q += 1;
    }
    let mut r = (f as f64 * f64::from_bits((1023 - 128) << 52)) * PIO2;
    if x < 0.0 {
        r = -r;
        q = -q;
    }
    (r, q.rem_euclid(4))
}

fn sin_poly(r: f64) -> f64 {
    r * horner(&SINC, r * r)
}

fn cos_poly(r: f64) -> f64 {
    horner(&COSC, r * r)
}

fn sin(x: f64) -> f64 {
    let (r, q) = reduce(x);
    let y = if q & 1 == 1 { cos_poly(r) } else { sin_poly(r) };
    if q & 2 == 2 { -y } else { y }
}

fn cos(x: f64) -> f64 {
    let (r, q) = reduce(x);
    let y = if q & 1 == 1 { sin_poly(r) } else { cos_poly(r) };
    if (q + 1) & 2 == 2 { -y } else { y }
}

fn tan(x: f64) -> f64 {
    let (r, q) = reduce(x);
    if q & 1 == 1 { -(cos_poly(r) / sin_poly(r)) } else { sin_poly(r) / cos_poly(r) }
}

fn atan(x: f64) -> f64 {
    let mut a = x.abs();
    let inverse = a > 1.0;
    if inverse {
        a = 1.0 / a;
    }
    let mut o = 0.0;
    if a > TAN8 {
        o = PIO4;
        a = (a - 1.0) / (a + 1.0);
    }
    let mut y = o + a * horner(&ATNC, a * a);
    if inverse {
        y = PIO2 - y;
    }
    sg(y, x)
}

fn asin(x: f64) -> f64 {
    if x.abs() > 1.0 {
        return f64::NAN;
    }
    let c = ((1.0 - x) * (1.0 + x)).sqrt();
    if c == 0.0 { sg(PIO2, x) } else { atan(x / c) }
}

fn acos(x: f64) -> f64 {
    if x.abs() > 1.0 {
        f64::NAN
    } else if x == -1.0 {
        PI_
    } else {
        2.0 * atan(((1.0 - x) / (1.0 + x)).sqrt())
    }
}

fn sinh(x: f64) -> f64 {
    let a = x.abs();
    let y = if a < 0.015625 {
        let v = a * a;
        a + (a * v) * (S0 + v * (S1 + v * S2))
    } else {
        let e = exp(a);
        0.5 * (e - 1.0 / e)
    };
    sg(y, x)
}

fn cosh(x: f64) -> f64 {
    let e = exp(x.abs());
    0.5 * (e + 1.0 / e)
}

fn asinh(x: f64) -> f64 {
    if x.is_infinite() {
        return x;
    }
    let a = x.abs();
    sg(log1p(a + (a * a) / (1.0 + (1.0 + a * a).sqrt())), x)
}

fn acosh(x: f64) -> f64 {
    if x < 1.0 {
        return f64::NAN;
    }
    if x == f64::INFINITY {
        return x;
    }
    let t = x - 1.0;
    log1p(t + (t * (x + 1.0)).sqrt())
}

fn atanh(x: f64) -> f64 {
    let a = x.abs();
    if a > 1.0 {
        f64::NAN
    } else if a == 1.0 {
        sg(f64::INFINITY, x)
    } else {
        sg(0.5 * log1p((2.0 * a) / (1.0 - a)), x)
    }
}

/// A function of codes 40-56 with one operand. NaN gives the canonical NaN; other functions than those of section 11
/// give NaN too.
pub fn unary(f: EwFn, x32: f32) -> f32 {
    if x32.is_nan() {
        return NAN32;
    }
    let zero_rule = matches!(
        f,
        EwFn::Tanh
            | EwFn::Erf
            | EwFn::GeluErf
            | EwFn::GeluTanh
            | EwFn::Sin
            | EwFn::Tan
            | EwFn::Asin
            | EwFn::Atan
            | EwFn::Sinh
            | EwFn::Asinh
            | EwFn::Atanh
            | EwFn::Log1p
    );
    if x32 == 0.0 && zero_rule {
        return x32;
    }
    let x = f64::from(x32);
    if x.is_infinite() && matches!(f, EwFn::Sin | EwFn::Cos | EwFn::Tan) {
        return NAN32;
    }
    let y = match f {
        EwFn::Exp => exp(x),
        EwFn::Log => log_full(x),
        EwFn::Log1p => log1p_full(x),
        EwFn::Tanh => tanh(x),
        EwFn::Sigmoid => sigmoid(x),
        EwFn::Erf => erf(x),
        EwFn::GeluErf => gelu_erf(x),
        EwFn::GeluTanh => gelu_tanh(x),
        EwFn::Softplus => softplus(x),
        EwFn::Rsqrt => rsqrt(x),
        EwFn::Sin => sin(x),
        EwFn::Cos => cos(x),
        EwFn::Tan => tan(x),
        EwFn::Asin => asin(x),
        EwFn::Acos => acos(x),
        EwFn::Atan => atan(x),
        EwFn::Sinh => sinh(x),
        EwFn::Cosh => cosh(x),
        EwFn::Asinh => asinh(x),
        EwFn::Acosh => acosh(x),
        EwFn::Atanh => atanh(x),
        EwFn::Erfc => erfc(x),
        _ => f64::NAN,
    };
    round(y)
}

fn round(y: f64) -> f32 {
    if y.is_nan() { NAN32 } else { y as f32 }
}

/// EW.pow.
pub fn pow(x32: f32, y32: f32) -> f32 {
    let (x, y) = (f64::from(x32), f64::from(y32));
    if y == 0.0 || x == 1.0 {
        return 1.0;
    }
    if x.is_nan() || y.is_nan() {
        return NAN32;
    }
    let a = x.abs();
    if y.is_infinite() {
        if a == 1.0 {
            return 1.0;
        }
        return if (a > 1.0) == (y > 0.0) { f32::INFINITY } else { 0.0 };
    }
    let integer = y == y.trunc();
    let odd = integer && y.abs() < 16_777_216.0 && (y.abs() as i64) & 1 == 1;
    if x == 0.0 {
        let z: f32 = if y > 0.0 { 0.0 } else { f32::INFINITY };
        return if odd { z.copysign(x32) } else { z };
    }
    let negate = x < 0.0 && odd;
    if x.is_infinite() {
        let z = if y > 0.0 { f32::INFINITY } else { 0.0 };
        return if negate { -z } else { z };
    }
    if x < 0.0 && !integer {
        return NAN32;
    }
    let z = exp(y * log(a));
    round(if negate { -z } else { z })
}
