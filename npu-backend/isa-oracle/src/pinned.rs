//! The pinned transcendental functions (section 11): binary64, operations in the written order, one rounding at the end.

use isa::EwFn;

use crate::float::canonical;

/// A normal hexadecimal float of the specification (`-0x1.8p+3`), at compile time.
const fn hx(text: &str) -> f64 {
    let t = text.as_bytes();
    let negative = t[0] == b'-';
    let mut i = if negative { 4 } else { 3 }; // after "0x1"
    let (mut fraction, mut digits) = (0u64, 0u32);
    if t[i] == b'.' {
        i += 1;
        while t[i] != b'p' {
            let digit = if t[i] <= b'9' { t[i] - b'0' } else { t[i] - b'a' + 10 };
            fraction = fraction * 16 + digit as u64;
            digits += 1;
            i += 1;
        }
    }
    i += 1; // after 'p'
    let down = t[i] == b'-';
    let mut exponent = 0i64;
    i += 1;
    while i < t.len() {
        exponent = exponent * 10 + (t[i] - b'0') as i64;
        i += 1;
    }
    let exponent = if down { 1023 - exponent } else { 1023 + exponent };
    let sign = if negative { 1 << 63 } else { 0 };
    f64::from_bits(sign | (exponent.cast_unsigned() << 52) | (fraction << (52 - 4 * digits)))
}

const EXPC: [f64; 12] = [
    hx("0x1p+0"),
    hx("0x1p+0"),
    hx("0x1p-1"),
    hx("0x1.5555555555555p-3"),
    hx("0x1.5555555555555p-5"),
    hx("0x1.1111111111111p-7"),
    hx("0x1.6c16c16c16c17p-10"),
    hx("0x1.a01a01a01a01ap-13"),
    hx("0x1.a01a01a01a01ap-16"),
    hx("0x1.71de3a556c734p-19"),
    hx("0x1.27e4fb7789f5cp-22"),
    hx("0x1.ae64567f544e4p-26"),
];
const LOGC: [f64; 10] = [
    hx("0x1p+0"),
    hx("0x1.5555555555555p-2"),
    hx("0x1.999999999999ap-3"),
    hx("0x1.2492492492492p-3"),
    hx("0x1.c71c71c71c71cp-4"),
    hx("0x1.745d1745d1746p-4"),
    hx("0x1.3b13b13b13b14p-4"),
    hx("0x1.1111111111111p-4"),
    hx("0x1.e1e1e1e1e1e1ep-5"),
    hx("0x1.af286bca1af28p-5"),
];
const ATNC: [f64; 16] = [
    hx("0x1p+0"),
    hx("-0x1.5555555555555p-2"),
    hx("0x1.999999999999ap-3"),
    hx("-0x1.2492492492492p-3"),
    hx("0x1.c71c71c71c71cp-4"),
    hx("-0x1.745d1745d1746p-4"),
    hx("0x1.3b13b13b13b14p-4"),
    hx("-0x1.1111111111111p-4"),
    hx("0x1.e1e1e1e1e1e1ep-5"),
    hx("-0x1.af286bca1af28p-5"),
    hx("0x1.8618618618618p-5"),
    hx("-0x1.642c8590b2164p-5"),
    hx("0x1.47ae147ae147bp-5"),
    hx("-0x1.2f684bda12f68p-5"),
    hx("0x1.1a7b9611a7b96p-5"),
    hx("-0x1.0842108421084p-5"),
];
const SINC: [f64; 8] = [
    hx("0x1p+0"),
    hx("-0x1.5555555555555p-3"),
    hx("0x1.1111111111111p-7"),
    hx("-0x1.a01a01a01a01ap-13"),
    hx("0x1.71de3a556c734p-19"),
    hx("-0x1.ae64567f544e4p-26"),
    hx("0x1.6124613a86d09p-33"),
    hx("-0x1.ae7f3e733b81fp-41"),
];
const COSC: [f64; 8] = [
    hx("0x1p+0"),
    hx("-0x1p-1"),
    hx("0x1.5555555555555p-5"),
    hx("-0x1.6c16c16c16c17p-10"),
    hx("0x1.a01a01a01a01ap-16"),
    hx("-0x1.27e4fb7789f5cp-22"),
    hx("0x1.1eed8eff8d898p-29"),
    hx("-0x1.93974a8c07c9dp-37"),
];
const ERFC0: [f64; 15] = [
    hx("0x1.20dd750429b6dp+0"),
    hx("-0x1.812746b0379e7p-2"),
    hx("0x1.ce2f21a042be2p-4"),
    hx("-0x1.b82ce31288b51p-6"),
    hx("0x1.565bcd0e6a53fp-8"),
    hx("-0x1.c02db40040b86p-11"),
    hx("0x1.f9a326f9b89b7p-14"),
    hx("-0x1.f4d25c3e0c2ebp-17"),
    hx("0x1.b9e6c9dc651a3p-20"),
    hx("-0x1.5f742ec43e71ap-23"),
    hx("0x1.fcc5720624c1cp-27"),
    hx("-0x1.51d7181c5d36dp-30"),
    hx("0x1.9e6ad5e55a73p-34"),
    hx("-0x1.d8453cb0c46eap-38"),
    hx("0x1.f683ae4a97007p-42"),
];
const ERFQ: [f64; 17] = [
    hx("0x1.3ccda0b5d5f7ep+0"),
    hx("-0x1.1f367683faf94p-3"),
    hx("0x1.d5f2944b65dfbp-9"),
    hx("0x1.510169d2b30d7p-4"),
    hx("-0x1.bda93055b0e9bp-4"),
    hx("0x1.7a141835880d7p-4"),
    hx("-0x1.e0d102893bd77p-5"),
    hx("0x1.d0b01b130cc0ep-6"),
    hx("-0x1.3f5f57da8e5c2p-7"),
    hx("0x1.cc2d3e80ad034p-10"),
    hx("0x1.339cd046904f5p-12"),
    hx("-0x1.2f5b6f5f8aed9p-12"),
    hx("0x1.b45aa92bd6532p-15"),
    hx("0x1.5857eb7a9419cp-16"),
    hx("-0x1.6b52f9ffacb92p-17"),
    hx("0x1.3e3ce6eff525fp-21"),
    hx("0x1.957841036decp-22"),
];
/// First 256 bits of 2/pi after the binary point, bit 0 first.
const TPI: [u64; 4] = [0xa2f9_836e_4e44_1529, 0xfc27_57d1_f534_ddc0, 0xdb62_9599_3c43_9041, 0xfe51_63ab_debb_c561];
const LOG2E: f64 = hx("0x1.71547652b82fep+0");
const LN2H: f64 = hx("0x1.62e42fefap-1");
const LN2L: f64 = hx("0x1.cf79abc9e3b3ap-40");
const TWOPI: f64 = hx("0x1.45f306dc9c883p-1");
const P1: f64 = hx("0x1.921fb544p+0");
const P2: f64 = hx("0x1.0b4611a6p-34");
const P3: f64 = hx("0x1.3198a2e037073p-69");
const PIO2: f64 = hx("0x1.921fb54442d18p+0");
const PIO4: f64 = hx("0x1.921fb54442d18p-1");
const PI_: f64 = hx("0x1.921fb54442d18p+1");
const RSQRT2: f64 = hx("0x1.6a09e667f3bcdp-1");
const GT0: f64 = hx("0x1.9884533d43651p-1");
const GT1: f64 = hx("0x1.6e4e26d4801f7p-5");
const TAN8: f64 = hx("0x1.a827999fcef32p-2");
const SQRT2: f64 = hx("0x1.6a09e667f3bcdp+0");
const T0: f64 = hx("-0x1.5555555555555p-2");
const T1: f64 = hx("0x1.1111111111111p-3");
const T2: f64 = hx("-0x1.ba1ba1ba1ba1cp-5");
const T3: f64 = hx("0x1.664f4882c10fap-6");
const S0: f64 = hx("0x1.5555555555555p-3");
const S1: f64 = hx("0x1.1111111111111p-7");
const S2: f64 = hx("0x1.a01a01a01a01ap-13");
const SMALL: f64 = hx("0x1p-6");

/// Horner: p = C[n-1]; p = p*u + C[i] downwards.
fn horner(c: &[f64], u: f64) -> f64 {
    let mut p = c[c.len() - 1];
    for i in (0..c.len() - 1).rev() {
        p = p * u + c[i];
    }
    p
}

/// m * 2^k for |k| < 1000 and a normal result.
fn scale2(m: f64, k: f64) -> f64 {
    m * f64::from_bits(((k as i64 + 1023).cast_unsigned()) << 52)
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
    scale2(horner(&EXPC, r), k)
}

fn ats(s: f64) -> f64 {
    2.0 * (s * horner(&LOGC, s * s))
}

/// x > 0, finite and normal.
fn log(x: f64) -> f64 {
    let bits = x.to_bits();
    let mut e = (bits >> 52) as f64 - 1023.0;
    let mut m = f64::from_bits((bits & ((1 << 52) - 1)) | 1023 << 52);
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

fn tanh(x: f64) -> f64 {
    let a = x.abs();
    let y = if a < SMALL {
        let u = a * a;
        a + a * (u * (T0 + u * (T1 + u * (T2 + u * T3))))
    } else if a > 20.0 {
        1.0
    } else {
        let e = exp(2.0 * a);
        (e - 1.0) / (e + 1.0)
    };
    y.copysign(x)
}

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + exp(-x))
}

/// z >= 1.
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
    y.copysign(x)
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

fn gelu_tanh(x: f64) -> f64 {
    let z = 2.0 * (GT0 * (x + GT1 * ((x * x) * x)));
    x * sigmoid(z)
}

/// Reduction modulo pi/2: (r, q mod 4), x finite.
fn reduce(x: f64) -> (f64, i64) {
    if x.abs() < 1_048_576.0 {
        let k = (x * TWOPI).round_ties_even();
        let r = ((x - k * P1) - k * P2) - k * P3;
        return (r, (k as i64).rem_euclid(4));
    }
    // |x| = m * 2^e, m of 24 bits (x is a binary32)
    let bits = x.abs().to_bits();
    let e = (bits >> 52).cast_signed() - 1023 - 23;
    let m = u128::from(((bits & ((1 << 52) - 1)) | 1 << 52) >> 29);
    let p = m.wrapping_mul(two_over_pi(e - 2));
    let mut q = (p >> 126) as i64;
    let f = (p << 2).cast_signed();
    if f < 0 {
        q += 1;
    }
    let r = (f as f64 * f64::from_bits((1023 - 128) << 52)) * PIO2;
    if x < 0.0 { (-r, (-q).rem_euclid(4)) } else { (r, q.rem_euclid(4)) }
}

/// 128 bits of 2/pi from a bit on; before bit 0 there are zeros.
fn two_over_pi(first: i64) -> u128 {
    let mut bits = 0;
    for i in first..first + 128 {
        let bit = if i < 0 { 0 } else { (TPI[(i / 64) as usize] >> (63 - i % 64)) & 1 };
        bits = bits << 1 | u128::from(bit);
    }
    bits
}

fn sp(r: f64) -> f64 {
    r * horner(&SINC, r * r)
}

fn cp(r: f64) -> f64 {
    horner(&COSC, r * r)
}

fn sin(x: f64) -> f64 {
    let (r, q) = reduce(x);
    let y = if q % 2 == 1 { cp(r) } else { sp(r) };
    if q & 2 != 0 { -y } else { y }
}

fn cos(x: f64) -> f64 {
    let (r, q) = reduce(x);
    let y = if q % 2 == 1 { sp(r) } else { cp(r) };
    if (q + 1) & 2 != 0 { -y } else { y }
}

fn tan(x: f64) -> f64 {
    let (r, q) = reduce(x);
    if q % 2 == 1 { -(cp(r) / sp(r)) } else { sp(r) / cp(r) }
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
    y.copysign(x)
}

fn asin(x: f64) -> f64 {
    let c = ((1.0 - x) * (1.0 + x)).sqrt();
    if c == 0.0 { PIO2.copysign(x) } else { atan(x / c) }
}

fn acos(x: f64) -> f64 {
    if x == -1.0 { PI_ } else { 2.0 * atan(((1.0 - x) / (1.0 + x)).sqrt()) }
}

fn sinh(x: f64) -> f64 {
    let a = x.abs();
    let y = if a < SMALL {
        let v = a * a;
        a + a * v * (S0 + v * (S1 + v * S2))
    } else {
        let e = exp(a);
        0.5 * (e - 1.0 / e)
    };
    y.copysign(x)
}

fn cosh(x: f64) -> f64 {
    let e = exp(x.abs());
    0.5 * (e + 1.0 / e)
}

fn asinh(x: f64) -> f64 {
    let a = x.abs();
    log1p(a + (a * a) / (1.0 + (1.0 + a * a).sqrt())).copysign(x)
}

fn acosh(x: f64) -> f64 {
    let t = x - 1.0;
    log1p(t + (t * (x + 1.0)).sqrt())
}

fn atanh(x: f64) -> f64 {
    let a = x.abs();
    (0.5 * log1p((2.0 * a) / (1.0 - a))).copysign(x)
}

fn pow(x: f64, y: f64) -> f64 {
    if y == 0.0 || x == 1.0 {
        return 1.0;
    }
    if x.is_nan() || y.is_nan() {
        return f64::NAN;
    }
    let a = x.abs();
    if y.is_infinite() {
        return match a {
            1.0 => 1.0,
            _ if (a > 1.0) == (y > 0.0) => f64::INFINITY,
            _ => 0.0,
        };
    }
    let integer = y == y.trunc();
    let odd = y.abs() < 16_777_216.0 && integer && y as i64 % 2 != 0;
    if x == 0.0 {
        let z = if y > 0.0 { 0.0 } else { f64::INFINITY };
        return if odd { z.copysign(x) } else { z };
    }
    if x.is_infinite() {
        let z = if y > 0.0 { f64::INFINITY } else { 0.0 };
        return if x < 0.0 && odd { -z } else { z };
    }
    if x < 0.0 && !integer {
        return f64::NAN;
    }
    let z = exp(y * log(a));
    if x < 0.0 && odd { -z } else { z }
}

/// The binary64 value before the last rounding, x not NaN (pow: anything).
fn wide(f: EwFn, x: f64, y: f64) -> Option<f64> {
    use EwFn::{Asin, Asinh, Atan, Atanh, Erf, GeluErf, GeluTanh, Log1p, Sin, Sinh, Tan, Tanh};
    let nan = f64::NAN;
    let keeps_zero =
        matches!(f, Tanh | Erf | GeluErf | GeluTanh | Sin | Tan | Asin | Atan | Sinh | Asinh | Atanh | Log1p);
    if keeps_zero && x == 0.0 {
        return Some(x);
    }
    Some(match f {
        EwFn::Exp => exp(x),
        EwFn::Log if x < 0.0 => nan,
        EwFn::Log if x == 0.0 => f64::NEG_INFINITY,
        EwFn::Log if x == f64::INFINITY => x,
        EwFn::Log => log(x),
        Log1p if x < -1.0 => nan,
        Log1p if x == -1.0 => f64::NEG_INFINITY,
        Log1p => log1p(x),
        Tanh => tanh(x),
        EwFn::Sigmoid => sigmoid(x),
        Erf => erf(x),
        EwFn::Erfc => erfc(x),
        GeluErf | GeluTanh if x == f64::NEG_INFINITY => -0.0,
        GeluErf => (0.5 * x) * erfc(-(x * RSQRT2)),
        GeluTanh => gelu_tanh(x),
        EwFn::Softplus => (if x > 0.0 { x } else { 0.0 }) + log1p(exp(-x.abs())),
        EwFn::Rsqrt if x < 0.0 => nan,
        EwFn::Rsqrt if x == 0.0 => f64::INFINITY.copysign(x),
        EwFn::Rsqrt => 1.0 / x.sqrt(),
        Sin | EwFn::Cos | Tan if x.is_infinite() => nan,
        Sin => sin(x),
        EwFn::Cos => cos(x),
        Tan => tan(x),
        Asin | EwFn::Acos | Atanh if x.abs() > 1.0 => nan,
        Asin => asin(x),
        EwFn::Acos => acos(x),
        Atan => atan(x),
        Sinh => sinh(x),
        EwFn::Cosh => cosh(x),
        Asinh if x.is_infinite() => x,
        Asinh => asinh(x),
        EwFn::Acosh if x < 1.0 => nan,
        EwFn::Acosh if x == f64::INFINITY => x,
        EwFn::Acosh => acosh(x),
        Atanh if x.abs() == 1.0 => f64::INFINITY.copysign(x),
        Atanh => atanh(x),
        EwFn::Pow => pow(x, y),
        _ => return None,
    })
}

/// A function of section 11 on binary32; `y` is used by pow only. `None` for any other function.
pub fn evaluate(f: EwFn, x: f32, y: f32) -> Option<f32> {
    if x.is_nan() && f.is_transcendental() && f != EwFn::Pow {
        return Some(canonical(x));
    }
    wide(f, x.into(), y.into()).map(|z| canonical(z as f32))
}
