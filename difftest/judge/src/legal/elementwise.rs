//! Elementwise operators, from the formulas of the ONNX documentation.

use super::kernel::Kernel;
use super::num::{self, BF16, BITS12, F16, F32};
use super::value::{Data, Run, Value, lacking};
use crate::bugs::Flaw;
use ir::{DType, Node, Op};
use reference::Func;
use std::f64::consts::{FRAC_1_SQRT_2, PI};

fn float(n: &Node, name: &str) -> f64 {
    n.attrs.f32(name).map_or(0.0, f64::from)
}

/// Operators of one float operand.
pub fn unary(k: &mut Kernel<'_>, n: &Node, x: &Value) -> Run<Value> {
    let mut y = Vec::with_capacity(x.len());
    for &v in x.f()? {
        y.push(one(k, n, v)?);
    }
    Ok(Value::floats(x.dtype, x.dims.clone(), y))
}

fn one(k: &mut Kernel<'_>, n: &Node, x: f64) -> Run<f64> {
    Ok(match n.op {
        Op::Identity | Op::Dropout => x,
        Op::Relu => relu(k, x),
        Op::Abs => x.abs(),
        Op::Neg => -x,
        Op::Sign => {
            if x > 0.0 {
                1.0
            } else if x < 0.0 {
                -1.0
            } else {
                x
            }
        }
        Op::Floor if k.has(Flaw::TruncateFloor) => x.trunc(),
        Op::Floor => x.floor(),
        Op::Ceil => x.ceil(),
        Op::Round if k.has(Flaw::HalfAway) => x.round(),
        Op::Round => x.round_ties_even(),
        Op::Exp if k.has(Flaw::Fast12) => num::round(libm::exp(x), BITS12),
        Op::Exp => k.exp(x),
        Op::Log => k.func(Func::Log, libm::log(x)),
        Op::Sqrt if k.has(Flaw::Rsqrt12) && x > 0.0 => k.r(x * num::round(1.0 / libm::sqrt(x), BITS12)),
        Op::Sqrt => k.sqrt(x),
        Op::Reciprocal => k.func(Func::Reciprocal, 1.0 / x),
        Op::Erf => k.func(Func::Erf, libm::erf(x)),
        Op::Sin => k.func(Func::Sin, libm::sin(x)),
        Op::Cos => k.func(Func::Cos, libm::cos(x)),
        Op::Atan => k.func(Func::Atan, libm::atan(x)),
        Op::Tanh => tanh(k, x),
        Op::Sigmoid => sigmoid(k, x),
        Op::Softplus => k.func(Func::Softplus, softplus(x)),
        _ => return activation(k, n, x),
    })
}

fn relu(k: &Kernel<'_>, x: f64) -> f64 {
    let y = if x > 0.0 || x.is_nan() { x } else { 0.0 };
    if k.has(Flaw::Relu6) && y > 6.0 { 6.0 } else { y }
}

/// `log(1 + e^x)` without overflow.
fn softplus(x: f64) -> f64 {
    if x.is_nan() { x } else { x.max(0.0) + libm::log1p(libm::exp(-x.abs())) }
}

fn tanh(k: &mut Kernel<'_>, x: f64) -> f64 {
    match k.flaw {
        Some(Flaw::Lut64) => lut64(x, 4.0, libm::tanh),
        Some(Flaw::Pade) => {
            let q = x * x;
            k.r((x * (27.0 + q) / (27.0 + 9.0 * q)).clamp(-1.0, 1.0))
        }
        _ => k.func(Func::Tanh, libm::tanh(x)),
    }
}

fn logistic(x: f64) -> f64 {
    if x >= 0.0 { 1.0 / (1.0 + libm::exp(-x)) } else { libm::exp(x) / (1.0 + libm::exp(x)) }
}

fn sigmoid(k: &mut Kernel<'_>, x: f64) -> f64 {
    match k.flaw {
        Some(Flaw::Lut64) => lut64(x, 8.0, logistic),
        Some(Flaw::HardSigmoid) => k.r((x / 6.0 + 0.5).clamp(0.0, 1.0)),
        _ => k.func(Func::Sigmoid, logistic(x)),
    }
}

/// A table of 64 intervals over `[-reach, reach]` with linear interpolation.
fn lut64(x: f64, reach: f64, f: fn(f64) -> f64) -> f64 {
    if x.is_nan() {
        return x;
    }
    let t = (x.clamp(-reach, reach) + reach) * (32.0 / reach);
    let i = t.floor().min(63.0);
    let at = |i: f64| f(i * (reach / 32.0) - reach);
    num::round(at(i) + (t - i) * (at(i + 1.0) - at(i)), F32)
}

fn activation(k: &mut Kernel<'_>, n: &Node, x: f64) -> Run<f64> {
    let alpha = float(n, "alpha");
    Ok(match n.op {
        Op::LeakyRelu => {
            if x < 0.0 {
                k.r(alpha * x)
            } else {
                x
            }
        }
        // Not `>`: NaN gives 0, as ONNX's function body (a Where) does.
        Op::ThresholdedRelu => {
            if x > alpha {
                x
            } else {
                0.0
            }
        }
        // max(0, min(1, alpha x + beta))
        Op::HardSigmoid => clamp(k.mul_add(alpha, x, float(n, "beta")), 0.0, 1.0),
        // x max(0, min(1, x/6 + 1/2)): ONNX writes alpha = 1/6.
        Op::HardSwish => {
            let z = if k.ch.variant.is_multiple_of(2) { k.r(x / 6.0) } else { k.r(x * k.c(1.0 / 6.0)) };
            let z = clamp(k.r(z + 0.5), 0.0, 1.0);
            k.r(x * z)
        }
        Op::Softsign => {
            let d = k.r(1.0 + x.abs());
            k.func(Func::Div, x / d)
        }
        Op::Elu => exponential(k, x, alpha, 1.0, 1.0),
        Op::Selu => exponential(k, x, alpha, float(n, "gamma"), 1.0),
        Op::Celu => exponential(k, x, alpha, 1.0, alpha),
        Op::Mish => {
            let s = k.func(Func::Softplus, softplus(x));
            let t = k.func(Func::Tanh, libm::tanh(s));
            k.r(x * t)
        }
        Op::Swish => {
            let z = if alpha == 1.0 { x } else { k.r(alpha * x) };
            let s = k.func(Func::Sigmoid, logistic(z));
            k.r(x * s)
        }
        Op::Gelu => gelu(k, x, n.attrs.str("approximate") == Some("tanh")),
        op => return lacking(format!("operator {op}")),
    })
}

fn clamp(x: f64, lo: f64, hi: f64) -> f64 {
    if x < lo {
        lo
    } else if x > hi {
        hi
    } else {
        x
    }
}

/// `gamma (x > 0 ? x : alpha (e^(x/c) - 1))`, with `expm1`, with a difference, or distributed as ONNX writes Selu.
fn exponential(k: &mut Kernel<'_>, x: f64, alpha: f64, gamma: f64, c: f64) -> f64 {
    let y = if x > 0.0 || x.is_nan() {
        x
    } else {
        let z = if c == 1.0 { x } else { k.func(Func::Div, x / c) };
        match k.ch.variant % 3 {
            0 => {
                let e = if z == f64::NEG_INFINITY { -1.0 } else { k.func(Func::Exp, libm::expm1(z)) };
                k.r(alpha * e)
            }
            1 => {
                let e = k.exp(z);
                let d = k.r(e - 1.0);
                k.r(alpha * d)
            }
            _ => {
                let e = k.exp(z);
                k.mul_add(alpha, e, -alpha)
            }
        }
    };
    if gamma == 1.0 { y } else { k.r(gamma * y) }
}

fn gelu(k: &mut Kernel<'_>, x: f64, tanh_form: bool) -> f64 {
    if k.has(Flaw::GeluSigmoid) {
        return k.r(x * logistic(1.702 * x));
    }
    let t = if tanh_form || k.has(Flaw::GeluTanh) {
        let cube = if k.ch.variant.is_multiple_of(2) {
            let q = k.r(x * x);
            k.r(k.r(q * x) * k.c(0.044_715))
        } else {
            let q = k.r(k.r(x * x) * k.c(0.044_715));
            k.r(q * x)
        };
        let z = k.r(k.r(x + cube) * k.c(libm::sqrt(2.0 / PI)));
        k.func(Func::Tanh, libm::tanh(z))
    } else {
        let z = k.r(x * k.c(FRAC_1_SQRT_2));
        k.func(Func::Erf, libm::erf(z))
    };
    let s = k.r(1.0 + t);
    if k.ch.fma { k.r(k.r(0.5 * x) * s) } else { k.r(x * k.r(0.5 * s)) }
}

/// Numpy's broadcasting of shapes.
pub fn broadcast(shapes: &[&[usize]]) -> Run<Vec<usize>> {
    let rank = shapes.iter().map(|s| s.len()).max().unwrap_or(0);
    let mut out = vec![1; rank];
    for s in shapes {
        for (i, &d) in s.iter().enumerate() {
            let o = &mut out[rank - s.len() + i];
            if *o == 1 {
                *o = d;
            } else if d != 1 && d != *o {
                return lacking("shapes that do not broadcast");
            }
        }
    }
    Ok(out)
}

/// Operators of two float operands.
pub fn binary(k: &mut Kernel<'_>, n: &Node, a: &Value, b: &Value) -> Run<Value> {
    let dims = broadcast(&[&a.dims, &b.dims])?;
    let (x, y) = (a.spread(&dims), b.spread(&dims));
    let (x, y) = (x.f()?, y.f()?);
    let mut out = Vec::with_capacity(x.len());
    for i in 0..x.len() {
        out.push(two(k, n, x[i], y[i])?);
    }
    if n.op == Op::Add {
        add_flaws(k, a.dtype, x, y, &mut out);
    }
    Ok(Value::floats(a.dtype, dims, out))
}

fn two(k: &mut Kernel<'_>, n: &Node, a: f64, b: f64) -> Run<f64> {
    Ok(match n.op {
        Op::Add => k.r(a + b),
        Op::Sub => k.r(a - b),
        Op::Mul if k.has(Flaw::FlushProduct) => {
            let y = k.r(a * b);
            if y.abs() < num::pow2(F32.emin) { 0.0 } else { y }
        }
        Op::Mul => k.r(a * b),
        Op::Div if k.has(Flaw::Recip12) => k.r(a * num::round(1.0 / b, BITS12)),
        Op::Div => k.func(Func::Div, a / b),
        // IEEE 754 9.2.1: these are exact in every implementation.
        Op::Pow if b == 0.0 || a == 1.0 => 1.0,
        Op::Pow => k.func(Func::Pow, libm::pow(a, b)),
        Op::Mod if n.attrs.flag("fmod") => libm::fmod(a, b),
        Op::Max | Op::Min => extremum(a, b, n.op == Op::Max),
        Op::PRelu => {
            if a < 0.0 {
                k.r(a * b)
            } else {
                a
            }
        }
        op => return lacking(format!("operator {op}")),
    })
}

fn extremum(a: f64, b: f64, max: bool) -> f64 {
    if a.is_nan() || b.is_nan() {
        f64::NAN
    } else if (a > b) == max {
        a
    } else {
        b
    }
}

/// Flaws of the adder's store.
fn add_flaws(k: &Kernel<'_>, dtype: DType, a: &[f64], b: &[f64], out: &mut [f64]) {
    let n = out.len();
    match k.flaw {
        Some(Flaw::StoreBf16) => out.iter_mut().for_each(|y| *y = num::round(*y, BF16)),
        Some(Flaw::StoreF16) => out.iter_mut().for_each(|y| *y = num::round(*y, F16)),
        Some(Flaw::TruncStore) => {
            let f = num::of(dtype).unwrap_or(F32);
            out.iter_mut().zip(a.iter().zip(b)).for_each(|(y, (a, b))| *y = num::truncate(a + b, f));
        }
        Some(Flaw::TailZero) => {
            // The last, partial vector of 16 is not written.
            let tail = if n.is_multiple_of(16) { n.saturating_sub(1) } else { n / 16 * 16 };
            out[tail..].iter_mut().for_each(|y| *y = 0.0);
        }
        Some(Flaw::Neighbour) if n > 1 => {
            let at = n / 2;
            out[at] = out[at - 1];
        }
        _ => {}
    }
}

/// Max, Min, Sum, Mean of several operands.
pub fn variadic(k: &mut Kernel<'_>, n: &Node, xs: &[&Value]) -> Run<Value> {
    let shapes: Vec<&[usize]> = xs.iter().map(|x| x.dims.as_slice()).collect();
    let dims = broadcast(&shapes)?;
    let all: Vec<Value> = xs.iter().map(|x| x.spread(&dims)).collect();
    let all = all.iter().map(Value::f).collect::<Run<Vec<_>>>()?;
    let mut out = Vec::new();
    for i in 0..dims.iter().product() {
        let terms: Vec<f64> = all.iter().map(|x| x[i]).collect();
        out.push(match n.op {
            Op::Max | Op::Min => terms[1..].iter().fold(terms[0], |a, &b| extremum(a, b, n.op == Op::Max)),
            Op::Mean => {
                let s = k.sum(&terms);
                mean_of(k, s, terms.len())
            }
            _ => k.sum(&terms),
        });
    }
    Ok(Value::floats(xs[0].dtype, dims, out))
}

/// A sum divided by a count, or times the rounded reciprocal of the count.
pub fn mean_of(k: &Kernel<'_>, sum: f64, n: usize) -> f64 {
    if k.ch.variant % 3 == 1 { k.r(sum * k.c(1.0 / n as f64)) } else { k.r(sum / n as f64) }
}

/// Clip: max with the lower bound, then min with the upper one.
pub fn clip(x: &Value, lo: Option<&Value>, hi: Option<&Value>) -> Run<Value> {
    let bound =
        |v: Option<&Value>, d: f64| -> Run<f64> { v.map_or(Ok(d), |v| Ok(v.f()?.first().copied().unwrap_or(d))) };
    let (lo, hi) = (bound(lo, f64::NEG_INFINITY)?, bound(hi, f64::INFINITY)?);
    let f = |x: f64| if x.is_nan() { x } else { x.max(lo).min(hi) };
    Ok(Value::floats(x.dtype, x.dims.clone(), x.f()?.iter().map(|&x| f(x)).collect()))
}

/// Comparisons.
pub fn compare(n: &Node, a: &Value, b: &Value) -> Run<Value> {
    let dims = broadcast(&[&a.dims, &b.dims])?;
    let (a, b) = (a.spread(&dims), b.spread(&dims));
    fn holds<T: PartialOrd>(op: Op, a: T, b: T) -> bool {
        match op {
            Op::Greater => a > b,
            Op::GreaterOrEqual => a >= b,
            Op::Less => a < b,
            Op::LessOrEqual => a <= b,
            _ => a == b,
        }
    }
    let out: Vec<i64> = match (&a.data, &b.data) {
        (Data::F(x), Data::F(y)) => x.iter().zip(y).map(|(x, y)| i64::from(holds(n.op, x, y))).collect(),
        (Data::I(x), Data::I(y)) => x.iter().zip(y).map(|(x, y)| i64::from(holds(n.op, x, y))).collect(),
        _ => return lacking("a comparison of mixed types"),
    };
    Ok(Value::ints(DType::Bool, dims, out))
}

/// Where.
pub fn select(c: &Value, a: &Value, b: &Value) -> Run<Value> {
    let dims = broadcast(&[&c.dims, &a.dims, &b.dims])?;
    let (c, a, b) = (c.spread(&dims), a.spread(&dims), b.spread(&dims));
    let c = c.i()?;
    let data = match (&a.data, &b.data) {
        (Data::F(x), Data::F(y)) => Data::F((0..c.len()).map(|i| if c[i] != 0 { x[i] } else { y[i] }).collect()),
        (Data::I(x), Data::I(y)) => Data::I((0..c.len()).map(|i| if c[i] != 0 { x[i] } else { y[i] }).collect()),
        _ => return lacking("a selection of mixed types"),
    };
    Ok(Value { dtype: a.dtype, dims, data })
}
