//! Operators on one tensor, element by element.
//!
//! A function's bound (NUMERICS.md 3.2): the hull of the function over `[v-e, v+e]` plus `2 k u (|y| + hull) + 16 eta`, where
//! `k` is the contract's ULP. Rounding functions and steps give the hull of both ends (3.3).

use super::elementwise::hull_radius;
use crate::contract::{Func, NanRule};
use crate::cx::{Args, EvalCx};
use crate::error::{OpResult, invalid, unsupported};
use crate::hypothesis::Hypothesis;
use crate::round::{int_range, rint};
use crate::value::{Bounded, Data, Float, Int, Linear};
use ir::{DType, Op};
use std::f64::consts::{FRAC_1_SQRT_2, PI};

/// Applies `f(value, radius) -> (value, radius, NaN reachable)` to each element; the NaN flag sticks.
fn map(x: &Float, f: impl Fn(f64, f64) -> (f64, f64, bool)) -> (Vec<f64>, Vec<f64>, Vec<bool>) {
    super::elementwise::unzip(x.value.len(), |i| {
        let (v, e, nan) = f(x.value[i], x.radius[i]);
        (v, e, nan || x.nan.as_ref().is_some_and(|n| n[i]))
    })
}

/// Abs, Neg, Sign. Exact; Neg stays in the linear region. Sign of NaN is NaN.
pub fn sign_like(a: &Args<'_>) -> OpResult<Bounded> {
    let x = a.x(0)?;
    let op = a.node.op;
    match &x.data {
        Data::Int(v) => {
            if x.dtype == DType::Bool {
                return invalid(format!("{op} of bool is not defined"));
            }
            let zero = Int::exact(vec![0; v.value.len()]);
            let r = match op {
                Op::Neg => super::integer::int_binary(x.dtype, v, &zero, |p, _| Some(-p)),
                Op::Sign => super::integer::int_binary(x.dtype, v, &zero, |p, _| Some(p.signum())),
                _ => int_abs(v, x.dtype),
            };
            Ok(Bounded::from_int(x.dtype, x.dims.clone(), r))
        }
        Data::Float(f) if op == Op::Neg => {
            let value = f.value.iter().map(|v| -v).collect();
            let linear = f.linear.as_ref().map(|l| Linear { eb: l.eb.clone(), m: l.m.clone(), d: l.d });
            let f = Float { value, radius: f.radius.clone(), linear, nan: f.nan.clone(), grid: f.grid };
            Ok(Bounded::from_float(x.dtype, x.dims.clone(), f))
        }
        Data::Float(f) => {
            let sign = |v: f64| if v.is_nan() || v == 0.0 { v } else { v.signum() };
            let (v, e, n) = map(f, |v, e| {
                if e == 0.0 {
                    return (if op == Op::Sign { sign(v) } else { v.abs() }, 0.0, false);
                }
                if e.is_infinite() && op != Op::Sign {
                    // Inf − Inf is no end of a hull.
                    return (v.abs(), f64::INFINITY, false);
                }
                let (lo, hi) = (v - e, v + e);
                if op == Op::Sign {
                    return (sign(v), hull_radius(sign(v), sign(lo), sign(hi)), false);
                }
                let least = if lo <= 0.0 && hi >= 0.0 { 0.0 } else { lo.abs().min(hi.abs()) };
                (v.abs(), hull_radius(v.abs(), least, lo.abs().max(hi.abs())), false)
            });
            let grid = if op == Op::Sign { Some(0) } else { f.grid };
            Ok(a.cx.selected(x.dtype, x.dims.clone(), v, e, Some(n), grid))
        }
    }
}

fn int_abs(v: &Int, d: DType) -> Int {
    let value = v.value.iter().map(|p| crate::round::wrap(p.abs(), d)).collect();
    let hull = (0..v.value.len()).map(|i| {
        let (lo, hi) = v.range(i);
        let least = if lo <= 0 && hi >= 0 { 0 } else { lo.abs().min(hi.abs()) };
        super::integer::wrap_range(least, lo.abs().max(hi.abs()), d)
    });
    Int::with_hull(value, hull.collect())
}

/// Ceil, Floor, Round (half to even). Hull of both ends; grid 1. An argument that was handed on unrounded may give an integer that
/// the storage format does not hold: rounded once more.
pub fn rounding(a: &Args<'_>) -> OpResult<Bounded> {
    let x = a.x(0)?;
    let f = x.float()?;
    let r = |v: f64| match a.node.op {
        Op::Ceil => libm::ceil(v),
        Op::Floor => libm::floor(v),
        Op::Round if a.cx.hyp(Hypothesis::RoundHalfUp) => libm::floor(v + 0.5),
        _ => rint(v),
    };
    let storage = a.cx.contract.storage_of(x.dtype).filter(|&s| a.cx.nearest(s));
    let stored = |y: f64, e: f64| match storage {
        Some(s) if e > 0.0 => crate::round::nearest_radius(y, e, s),
        _ => e,
    };
    let (v, e, n) = map(f, |v, e| {
        let hull = if e == 0.0 { 0.0 } else { stored(r(v), hull_radius(r(v), r(v - e), r(v + e))) };
        (r(v), hull, false)
    });
    let grid = if v.iter().all(|v| v.is_finite()) { Some(f.grid.map_or(0, |g| g.max(0))) } else { None };
    Ok(a.cx.selected(x.dtype, x.dims.clone(), v, e, Some(n), grid))
}

/// Value of an elementary function, from libm.
fn value(op: Op, x: f64) -> f64 {
    match op {
        Op::Acos => libm::acos(x),
        Op::Acosh => libm::acosh(x),
        Op::Asin => libm::asin(x),
        Op::Asinh => libm::asinh(x),
        Op::Atan => libm::atan(x),
        Op::Atanh => libm::atanh(x),
        Op::Cos => libm::cos(x),
        Op::Cosh => libm::cosh(x),
        Op::Sin => libm::sin(x),
        Op::Sinh => libm::sinh(x),
        Op::Tan => libm::tan(x),
        Op::Tanh => libm::tanh(x),
        Op::Erf => libm::erf(x),
        Op::Exp => libm::exp(x),
        Op::Log => libm::log(x),
        Op::Sigmoid => sigmoid(x),
        Op::Softplus => softplus(x),
        Op::Sqrt => libm::sqrt(x),
        Op::Reciprocal => 1.0 / x,
        _ => f64::NAN,
    }
}

/// `1 / (1 + exp(-x))` without overflow, accurate in both tails.
pub fn sigmoid(x: f64) -> f64 {
    if x >= 0.0 {
        1.0 / (1.0 + libm::exp(-x))
    } else {
        let e = libm::exp(x);
        e / (1.0 + e)
    }
}

/// `log(1 + exp(x))` without overflow.
pub fn softplus(x: f64) -> f64 {
    if x.is_nan() { x } else { x.max(0.0) + libm::log1p(libm::exp(-x.abs())) }
}

fn accuracy(op: Op) -> Func {
    match op {
        Op::Acos => Func::Acos,
        Op::Acosh => Func::Acosh,
        Op::Asin => Func::Asin,
        Op::Asinh => Func::Asinh,
        Op::Atan => Func::Atan,
        Op::Atanh => Func::Atanh,
        Op::Cos => Func::Cos,
        Op::Cosh => Func::Cosh,
        Op::Sin => Func::Sin,
        Op::Sinh => Func::Sinh,
        Op::Tan => Func::Tan,
        Op::Tanh => Func::Tanh,
        Op::Erf => Func::Erf,
        Op::Exp => Func::Exp,
        Op::Log => Func::Log,
        Op::Sigmoid => Func::Sigmoid,
        Op::Softplus => Func::Softplus,
        Op::Sqrt => Func::Sqrt,
        _ => Func::Reciprocal,
    }
}

/// Domain of a function; outside of it NaN.
fn domain(op: Op) -> (f64, f64) {
    match op {
        Op::Acos | Op::Asin | Op::Atanh => (-1.0, 1.0),
        Op::Acosh => (1.0, f64::INFINITY),
        Op::Log | Op::Sqrt => (0.0, f64::INFINITY),
        _ => (f64::NEG_INFINITY, f64::INFINITY),
    }
}

/// Hull of the function over `[lo, hi]` around `y = f(v)`.
fn propagated(op: Op, v: f64, e: f64, y: f64) -> f64 {
    if e == 0.0 {
        return 0.0;
    }
    let (d0, d1) = domain(op);
    let (lo, hi) = ((v - e).max(d0), (v + e).min(d1));
    match op {
        Op::Sin | Op::Cos => return e.min(2.0),
        Op::Tan if !e.is_finite() || libm::floor(lo / PI + 0.5) != libm::floor(hi / PI + 0.5) => {
            return f64::INFINITY;
        }
        Op::Reciprocal if lo <= 0.0 && hi >= 0.0 => return f64::INFINITY,
        _ => {}
    }
    let mut r = hull_radius(y, value(op, lo), value(op, hi));
    if op == Op::Cosh && lo < 0.0 && hi > 0.0 {
        r = r.max((y - 1.0).abs());
    }
    r
}

/// Elementary functions: Exp, Log, Tanh, Sigmoid, Erf, Softplus, Sqrt, Reciprocal, trigonometric, hyperbolic and inverse.
/// Outside of the domain NaN; where only the radius reaches outside, NaN is flagged as reachable.
pub fn function(a: &Args<'_>) -> OpResult<Bounded> {
    let x = a.x(0)?;
    let op = a.node.op;
    let f = x.float()?;
    let (cx, dtype) = (a.cx, x.dtype);
    let signless = super::elementwise::zero_signless(cx, f);
    let (v, e, n) = map(f, |v, e| {
        let (y, r, nan) = function_at(cx, op, dtype, v, e);
        (y, if op == Op::Reciprocal && v == 0.0 && signless { f64::INFINITY } else { r }, nan)
    });
    Ok(cx.collapsed(dtype, x.dims.clone(), v, e, Some(n), None))
}

/// One element of [`function`].
pub fn function_at(cx: &EvalCx<'_>, op: Op, dtype: DType, v: f64, e: f64) -> (f64, f64, bool) {
    let y = value(op, v);
    if e == 0.0 && (!y.is_finite() || y == 0.0) {
        return (y, 0.0, false);
    }
    let acc = cx.acc(dtype);
    if e == 0.0 && op == Op::Sqrt && cx.contract.ulps.get(Func::Sqrt) <= 0.5 {
        // A correctly rounded root that is a number of the format is that number.
        if crate::round::round(y, acc) == y && libm::fma(y, y, -v) == 0.0 {
            return (y, 0.0, false);
        }
    }
    if e == 0.0 && op == Op::Reciprocal {
        return super::elementwise::quotient(cx, dtype, (1.0, 0.0), (v, 0.0));
    }
    let (d0, d1) = domain(op);
    // Sine and cosine of an infinity are NaN.
    let endless = matches!(op, Op::Sin | Op::Cos | Op::Tan) && e.is_infinite();
    let outside = v - e < d0 || v + e > d1 || endless;
    if y.is_nan() {
        // The value is outside but the ball reaches inside (or NaN is certain).
        let certain = v.is_nan() || v + e < d0 || v - e > d1;
        return (y, if certain { 0.0 } else { f64::INFINITY }, !certain);
    }
    let prop = propagated(op, v, e, y);
    let nearest =
        matches!(op, Op::Sqrt | Op::Reciprocal) && cx.contract.ulps.get(accuracy(op)) <= 0.5 && cx.nearest(acc);
    if nearest && y.abs() + prop <= acc.max_finite() {
        // Correctly rounded: the nearest to something in the propagated ball.
        return (y, crate::round::nearest_radius(y, prop, acc), outside);
    }
    let local = cx.func(accuracy(op), dtype) * (y.abs() + prop) + 16.0 * cx.eta(acc);
    (y, prop + local, outside || prop.is_infinite() && !matches!(op, Op::Exp | Op::Cosh | Op::Sinh | Op::Softplus))
}

/// Relu and Clip: the function on both ends of the ball; nothing is rounded. Relu of NaN follows the contract's NaN rule.
/// Clip with min > max gives max (numpy's order, ONNX 13). The bounds are operands 1 and 2.
pub fn clip(a: &Args<'_>) -> OpResult<Bounded> {
    let x = a.x(0)?;
    let bound = |i: usize| -> OpResult<Option<&Bounded>> {
        match a.opt(i) {
            Some(b) if a.node.op == Op::Clip => {
                if b.elements() != 1 || b.dtype != x.dtype {
                    return invalid("a bound of Clip has to be a scalar of the data's type");
                }
                Ok(Some(b))
            }
            _ => Ok(None),
        }
    };
    let (lo, hi) = (bound(1)?, bound(2)?);
    match &x.data {
        Data::Int(v) => {
            let get = |b: Option<&Bounded>, d: i128| -> OpResult<(i128, i128)> {
                b.map_or(Ok((d, d)), |b| Ok(b.int()?.range(0)))
            };
            let full = int_range(x.dtype).unwrap_or((0, 0));
            let lo = if a.node.op == Op::Relu { (0, 0) } else { get(lo, full.0)? };
            let hi = get(hi, full.1)?;
            let f = |p: i128, l: i128, h: i128| p.max(l).min(h);
            let value = v.value.iter().map(|&p| f(p, lo.0, hi.0)).collect();
            let hull = (0..v.value.len()).map(|i| (f(v.range(i).0, lo.0, hi.0), f(v.range(i).1, lo.1, hi.1))).collect();
            Ok(Bounded::from_int(x.dtype, x.dims.clone(), Int::with_hull(value, hull)))
        }
        Data::Float(f) => {
            let get = |b: Option<&Bounded>, d: f64| -> OpResult<(f64, f64, f64)> {
                b.map_or(Ok((d, d, d)), |b| Ok((b.float()?.value[0], b.float()?.lo(0), b.float()?.hi(0))))
            };
            let relu = a.node.op == Op::Relu;
            let lo3 = if relu { (0.0, 0.0, 0.0) } else { get(lo, f64::NEG_INFINITY)? };
            let hi3 = get(hi, f64::INFINITY)?;
            Ok(clip_float(a.cx, x, f, lo3, hi3))
        }
    }
}

fn clip_float(cx: &EvalCx<'_>, x: &Bounded, f: &Float, lo: (f64, f64, f64), hi: (f64, f64, f64)) -> Bounded {
    let clamp = |p: f64, l: f64, h: f64| if p.is_nan() { p } else { p.max(l).min(h) };
    let (v, e, n) = map(f, |v, e| {
        let y = clamp(v, lo.0, hi.0);
        if v.is_nan() {
            return match cx.contract.nan {
                NanRule::Propagate => (v, 0.0, false),
                // A NaN that loses gives one of the bounds, in whatever order they are applied.
                rule @ (NanRule::Ignore | NanRule::Any) => {
                    let y = clamp(0.0, lo.0, hi.0);
                    let ends = (clamp(f64::NEG_INFINITY, lo.1, hi.1), clamp(f64::INFINITY, lo.2, hi.2));
                    (y, hull_radius(y, ends.0, ends.1), rule == NanRule::Any)
                }
            };
        }
        let (a, b) = if e == 0.0 { (v, v) } else { (v - e, v + e) };
        (y, hull_radius(y, clamp(a, lo.1, hi.1), clamp(b, lo.2, hi.2)), false)
    });
    let ends = [lo.0, hi.0].into_iter().filter(|b| b.is_finite() && *b != 0.0);
    let grid = ends.fold(f.grid, |g, b| g.zip(crate::round::low_bit_exp(b)).map(|(g, h)| g.min(h)));
    let exact_ends = lo.1 == lo.2 && hi.1 == hi.2;
    cx.selected(x.dtype, x.dims.clone(), v, e, Some(n), if exact_ends { grid } else { None })
}

/// Dropout at inference: identity; the mask is all true. Training mode is random, hence unsupported.
pub fn dropout(a: &Args<'_>) -> OpResult<Vec<Bounded>> {
    let x = a.x(0)?;
    let training = a.opt_ints(2)?.is_some_and(|t| t.iter().any(|&b| b != 0));
    let ratio = a.opt(1).map(|r| r.float().map(|f| f.value.first().copied().unwrap_or(0.0))).transpose()?;
    if training && ratio.unwrap_or(0.5) != 0.0 {
        return unsupported("Dropout in training mode is random");
    }
    let mask = Bounded::from_bools(x.dims.clone(), std::iter::repeat_n(true, x.elements()));
    Ok(vec![x.clone(), mask])
}

/// An activation as data: value, kinks and extrema between which it is monotone, and its local error.
struct Activation<'a> {
    f: Box<dyn Fn(f64) -> f64 + 'a>,
    /// Arguments where monotonicity changes; the limits from both sides of a jump are in `f` just beside it.
    turns: Vec<f64>,
    /// Local error at an argument (evaluated over the ball's ends and centre).
    local: Box<dyn Fn(f64) -> f64 + 'a>,
}

/// HardSigmoid, HardSwish, LeakyRelu, ThresholdedRelu, Shrink, Elu, Celu, Selu, Softsign, Mish, Swish, Gelu.
///
/// Hull over the ball from its ends and the turning points inside; local error from the roundings of the written formula
/// (in the comment of each row), the largest over the ball's ends and centre, plus `4 u` of the result's reach.
pub fn activation(a: &Args<'_>) -> OpResult<Bounded> {
    let x = a.x(0)?;
    activated(a.cx, x, &describe(a, x.dtype)?)
}

/// `x sigmoid(x)`, the activation that kernels of fused operators end with.
pub fn silu(cx: &EvalCx<'_>, x: &Bounded) -> OpResult<Bounded> {
    activated(cx, x, &swish(cx, x.dtype, 1.0))
}

fn activated(cx: &EvalCx<'_>, x: &Bounded, act: &Activation<'_>) -> OpResult<Bounded> {
    let f = x.float()?;
    let acc = cx.acc(x.dtype);
    let (u, eta) = (cx.u(x.dtype), cx.eta(acc));
    let (v, e, n) = map(f, |v, e| {
        let y = (act.f)(v);
        if e.is_infinite() {
            // Of an undecided argument the value says nothing, be it infinite or NaN.
            return (y, f64::INFINITY, false);
        }
        if v.is_infinite() && y.is_nan() && e == 0.0 {
            // The formula gives Inf*0 or Inf/Inf where a fused implementation gives the limit: both are legal.
            return (y, f64::INFINITY, true);
        }
        if v.is_nan() || (!y.is_finite() && e == 0.0) {
            return (y, 0.0, false);
        }
        if v.is_infinite() && e == 0.0 {
            // A limit is a product of constants, exact if it is a number of the accumulator.
            let exact = crate::round::round(y, acc) == y;
            return (y, if exact { 0.0 } else { 4.0 * u * y.abs() }, false);
        }
        let (lo, hi) = (v - e, v + e);
        let mut r = if e == 0.0 { 0.0 } else { hull_radius(y, (act.f)(lo), (act.f)(hi)) };
        for &t in &act.turns {
            if lo <= t && t <= hi && e > 0.0 {
                // Both one-sided limits, so that jumps are covered.
                for t in [t, next(t, -1), next(t, 1)] {
                    r = r.max(((act.f)(t) - y).abs());
                }
            }
        }
        let mut local = (act.local)(v);
        if e > 0.0 {
            // The largest over the ball: at its ends, and beside the turns inside, where a formula may cancel.
            let inside = act.turns.iter().filter(|t| lo <= **t && **t <= hi);
            let reached = inside.flat_map(|&t| [t, next(t, -1), next(t, 1)]).chain([lo, hi]);
            local = reached.map(|t| (act.local)(t)).fold(local, crate::cx::max_num);
        }
        let local = crate::cx::max_num(0.0, local);
        let local = if y == 0.0 && r == 0.0 && local == 0.0 { 0.0 } else { local + u * r + 4.0 * eta };
        let e = r + local;
        (y, if e.is_nan() { f64::INFINITY } else { e }, e.is_nan())
    });
    Ok(cx.collapsed(x.dtype, x.dims.clone(), v, e, Some(n), None))
}

/// `x sigmoid(al x)`, or `x / (1 + exp(-al x))`: the rounding of `al x` counts `|al x| s(1-s) |x|`.
fn swish<'a>(cx: &EvalCx<'_>, dtype: DType, al: f64) -> Activation<'a> {
    let k = |f: Func| cx.func(f, dtype);
    let (u, eta) = (cx.u(dtype), cx.eta(cx.acc(dtype)));
    let function = k(Func::Sigmoid).max(k(Func::Exp) + k(Func::Div) + u) + 2.0 * u;
    let f = move |x: f64| if x.is_infinite() && sigmoid(al * x) == 0.0 { f64::NAN } else { x * sigmoid(al * x) };
    Activation {
        f: Box::new(f),
        turns: if al == 0.0 { vec![] } else { vec![-1.278_464_542_761_07 / al] },
        local: Box::new(move |x| {
            let s = sigmoid(al * x);
            let y = (x * s).abs();
            let arg = if al == 1.0 { 0.0 } else { u };
            y * (1.0 - s) * (al * x).abs() * arg + function * y + 16.0 * eta * x.abs()
        }),
    }
}

fn next(t: f64, dir: i8) -> f64 {
    if t == 0.0 {
        return f64::from(dir) * f64::MIN_POSITIVE;
    }
    let up = (t > 0.0) == (dir > 0);
    f64::from_bits(if up { t.to_bits() + 1 } else { t.to_bits() - 1 })
}

fn describe<'a>(a: &Args<'a>, dtype: DType) -> OpResult<Activation<'a>> {
    let u = a.cx.u(dtype);
    let k = |f: Func| a.cx.func(f, dtype);
    let exp = libm::exp;
    // The sigmoid of a product may underflow; its error is multiplied by x.
    let eta = a.cx.eta(a.cx.acc(dtype));
    let (ke, kt, kerf) = (k(Func::Exp), k(Func::Tanh), k(Func::Erf));
    let (kd, kp, kg) = (k(Func::Div), k(Func::Softplus), k(Func::Gelu));
    let make = |f: Box<dyn Fn(f64) -> f64 + 'a>, turns: Vec<f64>, local: Box<dyn Fn(f64) -> f64 + 'a>| {
        Ok(Activation { f, turns, local })
    };
    match a.node.op {
        Op::HardSigmoid => {
            let (al, be) = (a.f64("alpha")?, a.f64("beta")?);
            // max(0, min(1, al x + be)): two roundings, none where it saturates for certain.
            let turns = if al == 0.0 { vec![] } else { vec![-be / al, (1.0 - be) / al] };
            make(
                Box::new(move |x| (al * x + be).clamp(0.0, 1.0)),
                turns,
                Box::new(move |x| {
                    let (z, m) = (al * x + be, 2.0 * u * ((al * x).abs() + be.abs()));
                    if z < -m || z > 1.0 + m { 0.0 } else { m }
                }),
            )
        }
        Op::HardSwish => make(
            // x max(0, min(1, x/6 + 1/2)): a product, a sum, a product.
            Box::new(|x: f64| {
                if x == f64::NEG_INFINITY {
                    f64::NAN
                } else if x <= -3.0 {
                    0.0
                } else {
                    x * (x / 6.0 + 0.5).clamp(0.0, 1.0)
                }
            }),
            vec![-3.0, -1.5, 3.0],
            Box::new(move |x| {
                if x.abs() > 3.0001 {
                    0.0
                } else {
                    x.abs() * 3.0 * u * (x.abs() / 6.0 + 0.5) + 2.0 * u * (x * x / 6.0 + x / 2.0).abs()
                }
            }),
        ),
        Op::LeakyRelu => {
            let al = a.f64("alpha")?;
            // al x below 0: one rounding.
            make(
                Box::new(move |x| if x < 0.0 { al * x } else { x }),
                vec![0.0],
                Box::new(move |x| if x < 0.0 { u * (al * x).abs() } else { 0.0 }),
            )
        }
        Op::ThresholdedRelu => {
            let al = a.f64("alpha")?;
            make(Box::new(move |x| if x > al { x } else { 0.0 }), vec![al], Box::new(|_| 0.0))
        }
        Op::Shrink => {
            let (b, l) = (a.f64("bias")?, a.f64("lambd")?);
            // x + b below -l, x - b above l: one rounding.
            let f = move |x: f64| {
                if x < -l {
                    x + b
                } else if x > l {
                    x - b
                } else {
                    0.0
                }
            };
            make(Box::new(f), vec![-l, l], Box::new(move |x| if b == 0.0 { 0.0 } else { u * f(x).abs() }))
        }
        Op::Elu | Op::Selu | Op::Celu => {
            let al = a.f64("alpha")?;
            let g = if a.node.op == Op::Selu { a.f64("gamma")? } else { 1.0 };
            let c = if a.node.op == Op::Celu { al } else { 1.0 };
            if c == 0.0 {
                return invalid("alpha of Celu must not be 0");
            }
            // g (x > 0 ? x : al (exp(x/c) - 1)): the difference from 1 may cancel (expm1 is not required); x/c is rounded.
            let f = move |x: f64| if x > 0.0 { g * x } else { g * al * libm::expm1(x / c) };
            make(
                Box::new(f),
                vec![0.0],
                Box::new(move |x| {
                    if x > 0.0 {
                        return if g == 1.0 { 0.0 } else { u * (g * x).abs() };
                    }
                    let arg = if c == 1.0 { 0.0 } else { (x / c).abs() * (u + kd) };
                    (g * al).abs() * (exp(x / c) * (ke + arg) + 2.0 * u) + 4.0 * u * f(x).abs()
                }),
            )
        }
        Op::Softsign => make(
            // x / (1 + |x|): a sum and a division.
            Box::new(|x: f64| if x.is_infinite() { f64::NAN } else { x / (1.0 + x.abs()) }),
            vec![],
            Box::new(move |x| (u + kd + u * u) * (x / (1.0 + x.abs())).abs()),
        ),
        Op::Mish => make(
            // x tanh(softplus(x)): the relative condition of tanh is at most 1. Far below 0 log(1 + exp(x)) may cancel.
            Box::new(|x: f64| if x == f64::NEG_INFINITY { f64::NAN } else { x * libm::tanh(softplus(x)) }),
            vec![-1.192_431_214_515_8],
            Box::new(move |x| {
                let y = (x * libm::tanh(softplus(x))).abs();
                let naive = if x < 0.0 { x.abs() * 2.0 * u } else { 0.0 };
                (kp + kt + 2.0 * u + ke) * y + naive + 16.0 * eta * x.abs()
            }),
        ),
        Op::Swish => Ok(swish(a.cx, dtype, a.f64("alpha")?)),
        Op::Gelu if a.str("approximate")? == "tanh" => {
            let c = libm::sqrt(2.0 / PI);
            let z = move |x: f64| c * (x + 0.044715 * x * x * x);
            // x/2 (1 + tanh z): as for erf below, with six roundings in z.
            make(
                Box::new(move |x: f64| if x == f64::NEG_INFINITY { f64::NAN } else { x * sigmoid(2.0 * z(x)) }),
                vec![-0.752_461_404_107_81],
                Box::new(move |x| {
                    let t = libm::tanh(z(x)).abs();
                    let slope = 1.0 - t * t;
                    let y = (x * sigmoid(2.0 * z(x))).abs();
                    x.abs() / 2.0 * (kt * t + slope * z(x).abs() * 8.0 * u + u * (1.0 + t)) + (4.0 * u + kg) * y
                }),
            )
        }
        _ => make(
            // Gelu: |x|/2 (2u k_erf |erf z| + 2/sqrt(pi) exp(-z^2) |z| 3u + u (1 + |erf z|)) + 4u |y|; cancellation in 1 + erf is legal.
            Box::new(|x: f64| if x == f64::NEG_INFINITY { f64::NAN } else { 0.5 * x * libm::erfc(-x * FRAC_1_SQRT_2) }),
            vec![-0.751_791_524_693_564_5],
            Box::new(move |x| {
                let z = x * FRAC_1_SQRT_2;
                let y = 0.5 * x * libm::erfc(-z);
                let slope = std::f64::consts::FRAC_2_SQRT_PI * exp(-z * z) * z.abs() * 3.0 * u;
                let er = libm::erf(z).abs();
                x.abs() / 2.0 * (kerf * er + slope + u * (1.0 + er)) + (4.0 * u + kg) * y.abs()
            }),
        ),
    }
}
