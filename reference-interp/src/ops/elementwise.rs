//! Binary and variadic element-by-element operators with multidirectional broadcasting.
//!
//! Bounds (NUMERICS.md 3.1 and 3.2): `Add`, `Sub`, `Sum`, `Mean` and `Mul` stay in the linear region; `Div`, `Pow`, `PRelu`
//! collapse it. Integers are exact and wrap like two's complement; integer division truncates (ONNX 14), `Mod` follows
//! the divisor's sign with `fmod=0` and the dividend's with `fmod=1`.

use super::integer::int_binary;
use super::linear::{clean, poison_or};
use crate::contract::{Format, Func, NanRule};
use crate::cx::{Args, EvalCx, Raw};
use crate::error::{OpResult, invalid, unsupported};
use crate::extreme::{Signed, infinite, sign_open, unbounded};
use crate::hypothesis::Hypothesis;
use crate::index::{broadcast, broadcast_map};
use crate::value::{Bounded, Data, Float, Int};
use ir::{DType, Op};
use std::borrow::Cow;

/// Two operands brought to their common shape.
pub fn pair<'a>(
    cx: &EvalCx<'_>,
    a: &'a Bounded,
    b: &'a Bounded,
) -> OpResult<(Cow<'a, Bounded>, Cow<'a, Bounded>, Vec<usize>)> {
    if a.dtype != b.dtype {
        return invalid(format!("operand types differ: {} and {}", a.dtype, b.dtype));
    }
    let dims = broadcast(&[&a.dims, &b.dims])?;
    cx.alloc(&dims)?;
    Ok((spread(a, &dims), spread(b, &dims), dims))
}

/// A tensor repeated to a shape that it broadcasts to.
pub fn spread<'a>(a: &'a Bounded, dims: &[usize]) -> Cow<'a, Bounded> {
    if a.dims == dims { Cow::Borrowed(a) } else { Cow::Owned(a.take(&broadcast_map(&a.dims, dims), dims.to_vec())) }
}

/// Add, Sub, Mul, Div.
pub fn arithmetic(a: &Args<'_>) -> OpResult<Bounded> {
    let (x, y, dims) = pair(a.cx, a.x(0)?, a.x(1)?)?;
    let dtype = x.dtype;
    match (&x.data, &y.data) {
        (Data::Float(p), Data::Float(q)) => Ok(match a.node.op {
            Op::Add => add(a.cx, dtype, dims, p, q, 1.0),
            Op::Sub => add(a.cx, dtype, dims, p, q, -1.0),
            Op::Mul => mul(a.cx, dtype, dims, p, q),
            _ => div(a.cx, dtype, dims, p, q),
        }),
        (Data::Int(p), Data::Int(q)) if dtype != DType::Bool => {
            let r = int_binary(dtype, p, q, |x, y| match a.node.op {
                Op::Add => Some(x.wrapping_add(y)),
                Op::Sub => Some(x.wrapping_sub(y)),
                Op::Mul => Some(x.wrapping_mul(y)),
                _ if a.cx.hyp(Hypothesis::IntegerDivisionFloors) => {
                    x.checked_div(y).map(|q| if x.wrapping_rem(y) != 0 && (x < 0) != (y < 0) { q - 1 } else { q })
                }
                _ => x.checked_div(y),
            });
            Ok(Bounded::from_int(dtype, dims, r))
        }
        _ => invalid(format!("{} of {dtype} is not defined", a.node.op)),
    }
}

/// `v = a + s b` (s = ±1), `eB = eBa + eBb`, `M = Ma + Mb`, `D = Da + Db + 1`, grid = the finer one.
pub fn add(cx: &EvalCx<'_>, dtype: DType, dims: Vec<usize>, a: &Float, b: &Float, s: f64) -> Bounded {
    let zip = |x: &[f64], y: &[f64]| x.iter().zip(y).map(|(p, q)| p + q).collect::<Vec<_>>();
    let v = a.value.iter().zip(&b.value).map(|(p, q)| p + s * q).collect();
    let raw = if cx.bounds {
        let eb = zip(&clean(a.eb()), &clean(b.eb()));
        let signed = (unbounded(a) || unbounded(b)).then(|| {
            let mut t = Signed::of(a);
            t.add(&Signed::of(b), |i| i, s < 0.0);
            t
        });
        Raw {
            v,
            eb,
            signed,
            m: zip(&a.m(), &b.m()),
            d: a.d() + b.d() + 1.0,
            underflows: 0.0,
            grid: a.grid.zip(b.grid).map(|(g, h)| g.min(h)),
            poison: poison_or(a.poison(), b.poison()),
            wide: false,
        }
    } else {
        Raw { v, ..Raw::default() }
    };
    cx.linear(dtype, dims, raw)
}

/// `eB` (empty: all 0) and `M` of a product of elements; see [`mul`].
fn product_state(a: &Float, b: &Float, (ea, eb): (&[f64], &[f64]), exact: bool) -> (Vec<f64>, Vec<f64>) {
    let (ma, mb) = (a.m(), b.m());
    if exact {
        return (Vec::new(), ma.iter().zip(mb.iter()).map(|(p, q)| p * q).collect());
    }
    let (ra, rb) = (clean(&a.radius), clean(&b.radius));
    let (va, vb) = (clean(&a.value), clean(&b.value));
    let part = |e: f64, v: f64, r: f64| if e == 0.0 { 0.0 } else { e * (v.abs() + r) };
    let inherited: Vec<f64> = (0..ea.len()).map(|i| part(ea[i], vb[i], rb[i]) + part(eb[i], va[i], ra[i])).collect();
    let m = (0..ea.len()).map(|i| perturbed((ma[i] + ea[i]) * (mb[i] + eb[i]), inherited[i], ma[i] * mb[i])).collect();
    (inherited, m)
}

/// `v = a b`, `eB = eBa (|b| + e_b) + (|a| + e_a) eBb`, `M + eB = (Ma + eBa)(Mb + eBb)` (see [`perturbed`]), `D = Da + Db + 1`, grid = sum.
///
/// (The table of NUMERICS.md has `|b|` for `|b| + e_b`; the total error of the other factor is needed, since it too
/// multiplies the inherited error.)
pub fn mul(cx: &EvalCx<'_>, dtype: DType, dims: Vec<usize>, a: &Float, b: &Float) -> Bounded {
    let n = a.value.len();
    let v: Vec<f64> = a.value.iter().zip(&b.value).map(|(p, q)| p * q).collect();
    if !cx.bounds {
        return cx.linear(dtype, dims, Raw { v, ..Raw::default() });
    }
    let special = unbounded(a) || unbounded(b);
    let (ea, eb) = (clean(a.eb()), clean(b.eb()));
    let exact = |e: &[f64]| e.iter().all(|&e| e == 0.0);
    let exact = exact(&ea) && exact(&eb);
    let (inherited, m) = if exact && a.linear.is_none() && b.linear.is_none() && !special {
        (Vec::new(), v.iter().map(|v| v.abs()).collect())
    } else {
        product_state(a, b, (&ea, &eb), exact)
    };
    let open = special.then(|| {
        let (ia, ib, oa, ob) = (infinite(a), infinite(b), sign_open(a), sign_open(b));
        (0..n).map(|i| ia[i] && ob[i] || ib[i] && oa[i]).collect()
    });
    let product = |x: &[f64], y: &[f64]| x.iter().zip(y).map(|(p, q)| p * q).collect();
    let raw = Raw {
        v,
        signed: special.then(|| Signed::bilinear(a, b, &product)),
        eb: inherited,
        m,
        d: a.d() + b.d() + 1.0,
        underflows: 0.0,
        grid: a.grid.zip(b.grid).map(|(g, h)| g + h),
        poison: poison_or(poison_or(a.poison(), b.poison()), open),
        wide: false,
    };
    cx.linear(dtype, dims, raw)
}

/// `M` of a product whose factors carry inherited errors. Roundings are charged on `M + eB`, which has to reach the magnitude that the
/// terms may really have, `top = (M_a + eB_a)(M_b + eB_b)`: more than `M_a M_b + eB`, since `eB` counts the other factor's value
/// and not its terms.
pub fn perturbed(top: f64, eb: f64, m: f64) -> f64 {
    m.max(top - eb)
}

/// Division under a contract: what is the same for all elements.
///
/// `q = a/b`, propagated `(ea + |q| eb) / (|b| - eb)` (infinite if `|b| <= eb`), local `2 k_div u (|q| + propagated)`; 0
/// if the operands are exact, division is correctly rounded and `q` is a number of the accumulator. A correctly rounded
/// quotient is the nearest to something in the propagated ball: `round::nearest_radius`.
#[derive(Clone, Copy, Debug)]
pub struct Division {
    acc: Format,
    correct: bool,
    nearest: bool,
    rel: f64,
    lost: f64,
}

impl Division {
    /// Of tensors of this type.
    pub fn new(cx: &EvalCx<'_>, dtype: DType) -> Division {
        let acc = cx.acc(dtype);
        let correct = cx.contract.ulps.get(Func::Div) <= 0.5;
        Division {
            acc,
            correct,
            nearest: correct && cx.nearest(acc),
            rel: cx.func(Func::Div, dtype),
            lost: 2.0 * cx.eta(acc),
        }
    }
    /// One quotient: value, radius, NaN reachable.
    #[inline]
    pub fn quotient(&self, (a, ea): (f64, f64), (b, eb): (f64, f64)) -> (f64, f64, bool) {
        let q = a / b;
        if ea == 0.0 && eb == 0.0 {
            let exact = self.correct && q.is_finite() && crate::round::holds(q, self.acc) && libm::fma(q, b, -a) == 0.0;
            if exact || !q.is_finite() || q == 0.0 && (a == 0.0 || b.is_infinite()) {
                return (q, 0.0, false);
            }
        }
        if b.abs() <= eb || !ea.is_finite() || !eb.is_finite() || !a.is_finite() || b.is_nan() {
            return (q, f64::INFINITY, true);
        }
        if b.is_infinite() {
            return (q, 0.0, false);
        }
        // A division is slow, and most operands are exact.
        let prop = if ea == 0.0 && eb == 0.0 { 0.0 } else { (ea + q.abs() * eb) / (b.abs() - eb) };
        if self.nearest && q.abs() + prop <= self.acc.max_finite() {
            return (q, crate::round::nearest_radius(q, prop, self.acc), false);
        }
        (q, prop + self.rel * (q.abs() + prop) + self.lost, false)
    }
}

/// One quotient; see [`Division`].
pub fn quotient(cx: &EvalCx<'_>, dtype: DType, a: (f64, f64), b: (f64, f64)) -> (f64, f64, bool) {
    Division::new(cx, dtype).quotient(a, b)
}

/// Whether the sign of zeros of a tensor is not declared: −0 equals +0, and the tensor was computed by arithmetic. An
/// infinity that comes of dividing by such a zero has either sign.
pub fn zero_signless(cx: &EvalCx<'_>, f: &Float) -> bool {
    !cx.contract.signed_zero && (f.linear.is_some() || f.grid.is_none())
}

/// See [`Division`].
pub fn div(cx: &EvalCx<'_>, dtype: DType, dims: Vec<usize>, a: &Float, b: &Float) -> Bounded {
    let (signless, by) = (zero_signless(cx, b), Division::new(cx, dtype));
    build(cx, dtype, dims, a.value.len(), |i| {
        let (v, mut e, nan) = by.quotient((a.value[i], a.radius[i]), (b.value[i], b.radius[i]));
        if b.value[i] == 0.0 && v.is_infinite() && signless {
            e = f64::INFINITY;
        }
        (v, e, nan || a.may_nan(i) && !a.value[i].is_nan() || b.may_nan(i) && !b.value[i].is_nan())
    })
}

/// Builds a collapsed result element by element from (value, radius, NaN reachable).
pub fn build(
    cx: &EvalCx<'_>,
    dtype: DType,
    dims: Vec<usize>,
    n: usize,
    f: impl Fn(usize) -> (f64, f64, bool),
) -> Bounded {
    let (value, radius, nan) = unzip(n, f);
    cx.collapsed(dtype, dims, value, radius, Some(nan), None)
}

/// Three vectors from one function.
pub fn unzip(n: usize, f: impl Fn(usize) -> (f64, f64, bool)) -> (Vec<f64>, Vec<f64>, Vec<bool>) {
    let (mut v, mut e, mut w) = (Vec::with_capacity(n), Vec::with_capacity(n), Vec::with_capacity(n));
    for i in 0..n {
        let (a, b, c) = f(i);
        v.push(a);
        e.push(b);
        w.push(c);
    }
    (v, e, w)
}

/// Pow, `x^y`, result in the type of `x`. The exponent may have another type.
///
/// Hull over the corners of the box (monotone in each argument for x > 0); for x <= 0 the exponent must be exact, and an
/// exact integer exponent keeps the power monotone on each side of 0. Local `2 k_pow u |z|`, and for a small integer
/// exponent as many roundings as multiplications (a legal implementation).
pub fn pow(a: &Args<'_>) -> OpResult<Bounded> {
    let (x, y) = (a.x(0)?, a.x(1)?);
    let dims = broadcast(&[&x.dims, &y.dims])?;
    a.cx.alloc(&dims)?;
    let (x, y) = (spread(x, &dims), spread(y, &dims));
    let n = x.elements();
    match &x.data {
        Data::Float(p) => {
            let cx = a.cx;
            let signless = zero_signless(cx, p);
            Ok(build(cx, x.dtype, dims, n, |i| {
                let (lo, hi) = y.interval(i);
                let ye = (hi - lo) / 2.0;
                let yv = match &y.data {
                    Data::Float(q) => q.value[i],
                    Data::Int(q) => q.value[i] as f64,
                };
                let nan = p.nan.as_ref().is_some_and(|f| f[i])
                    || matches!(&y.data, Data::Float(q) if q.nan.as_ref().is_some_and(|f| f[i]));
                let (v, e) = power(cx, x.dtype, (p.value[i], p.radius[i]), (yv, ye));
                if signless && p.value[i] == 0.0 && v.is_infinite() && libm::fmod(yv, 2.0).abs() == 1.0 {
                    // The infinity of an odd negative power has the sign of the zero.
                    return (v, f64::INFINITY, nan);
                }
                (v, e, nan || e.is_infinite())
            }))
        }
        Data::Int(p) => int_pow(&x, p, &y, dims),
    }
}

fn power(cx: &EvalCx<'_>, dtype: DType, (x, ex): (f64, f64), (y, ey): (f64, f64)) -> (f64, f64) {
    let z = libm::pow(x, y);
    // Exact by IEEE 754 9.2.1; that `x^1 = x` is not among its rules, so an exponent of 1 has the function's ULP.
    if ex == 0.0 && ey == 0.0 && (!z.is_finite() || y == 0.0 || x == 1.0 || x == 0.0) {
        return (z, 0.0);
    }
    // NaN to the power 0 is 1: with an undecided exponent a NaN base decides nothing.
    if !(ex.is_finite() && ey.is_finite() && z.is_finite()) || x.is_nan() || y.is_nan() {
        return (z, f64::INFINITY);
    }
    let (lo, hi) = (x - ex, x + ex);
    let integer = ey == 0.0 && libm::rint(y) == y;
    if lo < 0.0 && !integer || lo <= 0.0 && hi >= 0.0 && (y < 0.0 || ey > 0.0) {
        return (z, f64::INFINITY);
    }
    let mut prop = 0.0f64;
    if ex > 0.0 || ey > 0.0 {
        for p in [lo, hi] {
            for q in [y - ey, y + ey] {
                prop = prop.max((libm::pow(p, q) - z).abs());
            }
        }
    }
    if lo < 0.0 && hi > 0.0 {
        prop = prop.max(z.abs());
    }
    let mut rel = cx.func(Func::Pow, dtype);
    // The largest integer that the exponent may be.
    let power = libm::floor(y + ey).abs().max(libm::ceil(y - ey).abs());
    if libm::floor(y + ey) >= libm::ceil(y - ey) && y.abs() - ey <= 64.0 {
        rel = rel.max(cx.gamma(power.min(64.0), cx.u(dtype)));
    }
    (z, prop + rel * (z.abs() + prop) + 16.0 * cx.eta(cx.acc(dtype)))
}

fn int_pow(x: &Bounded, p: &Int, y: &Bounded, dims: Vec<usize>) -> OpResult<Bounded> {
    let exponent = |i: usize| -> OpResult<i128> {
        match &y.data {
            Data::Int(q) => Ok(q.value[i]),
            Data::Float(q) if libm::rint(q.value[i]) == q.value[i] && q.radius[i] == 0.0 => Ok(q.value[i] as i128),
            Data::Float(_) => unsupported("an integer to a fractional power"),
        }
    };
    if p.hull.is_some() || matches!(&y.data, Data::Int(q) if q.hull.is_some()) {
        return unsupported("an integer power of an undecided value");
    }
    let mut out = Vec::with_capacity(p.value.len());
    for i in 0..p.value.len() {
        let (mut base, mut e, mut r) = (p.value[i], exponent(i)?, 1i128);
        if e < 0 {
            return unsupported("an integer to a negative power");
        }
        while e > 0 {
            if e & 1 == 1 {
                r = crate::round::wrap(r.wrapping_mul(base), x.dtype);
            }
            base = crate::round::wrap(base.wrapping_mul(base), x.dtype);
            e >>= 1;
        }
        out.push(r);
    }
    Ok(Bounded::from_int(x.dtype, dims, Int::exact(out)))
}

/// PRelu: `x < 0 ? slope x : x`; the slope broadcasts unidirectionally to x.
pub fn prelu(a: &Args<'_>) -> OpResult<Bounded> {
    let (x, s, dims) = pair(a.cx, a.x(0)?, a.x(1)?)?;
    if dims != a.x(0)?.dims {
        return invalid("the slope does not broadcast to the data");
    }
    let (Data::Float(p), Data::Float(q)) = (&x.data, &s.data) else {
        let (p, q) = (x.int()?, s.int()?);
        let r = int_binary(x.dtype, p, q, |v, k| Some(if v < 0 { v.wrapping_mul(k) } else { v }));
        return Ok(Bounded::from_int(x.dtype, dims, r));
    };
    let (cx, u, eta) = (a.cx, a.cx.u(x.dtype), a.cx.eta(a.cx.acc(x.dtype)));
    Ok(build(cx, x.dtype, dims, p.value.len(), |i| {
        let (v, e, k, ek) = (p.value[i], p.radius[i], q.value[i], q.radius[i]);
        let y = if v < 0.0 { v * k } else { v };
        let nan = p.nan.as_ref().is_some_and(|n| n[i]) || q.nan.as_ref().is_some_and(|n| n[i]);
        if !y.is_finite() {
            let e = if e == 0.0 && ek == 0.0 { 0.0 } else { f64::INFINITY };
            return (y, e, nan || e > 0.0);
        }
        let (lo, hi) = (v - e, v + e);
        // An infinity that is only reachable, times a slope that may be 0.
        let nan = nan || lo == f64::NEG_INFINITY && k - ek <= 0.0 && k + ek >= 0.0;
        if lo < 0.0 && !k.is_finite() {
            // The value takes the other branch; this one gives Inf, or NaN at 0.
            return (y, f64::INFINITY, true);
        }
        let mut prop = 0.0f64;
        if lo < 0.0 {
            let h = hi.min(0.0);
            for x in [lo, h] {
                for k in [k - ek, k + ek] {
                    prop = prop.max((x * k - y).abs());
                }
            }
            prop += u * (y.abs() + prop) + eta;
        }
        if hi >= 0.0 {
            prop = prop.max((hi - y).abs()).max((lo.max(0.0) - y).abs());
        }
        (y, prop, nan)
    }))
}

/// Mod. Floats: C's fmod, exact, sign of the dividend; with `fmod=0` numpy's, sign of the divisor (one addition, rounded).
/// Operands that are not exact give the hull `(-|b|, |b|)`: near a multiple the remainder jumps.
pub fn modulo(a: &Args<'_>) -> OpResult<Bounded> {
    let (x, y, dims) = pair(a.cx, a.x(0)?, a.x(1)?)?;
    let fmod = a.flag("fmod")?;
    match (&x.data, &y.data) {
        (Data::Int(p), Data::Int(q)) => {
            let r = int_binary(x.dtype, p, q, |v, d| {
                if d == 0 {
                    return None;
                }
                let r = v % d;
                Some(if !fmod && r != 0 && (r < 0) != (d < 0) { r + d } else { r })
            });
            // The remainder is not monotone: an undecided operand gives any remainder.
            let open = p.hull.is_some() || q.hull.is_some();
            let r = if open {
                let full = crate::round::int_range(x.dtype).unwrap_or((0, 0));
                let hull =
                    (0..r.value.len())
                        .map(|i| {
                            if p.range(i).0 == p.range(i).1 && q.range(i).0 == q.range(i).1 { r.range(i) } else { full }
                        })
                        .collect();
                Int::with_hull(r.value, hull)
            } else {
                r
            };
            Ok(Bounded::from_int(x.dtype, dims, r))
        }
        (Data::Float(p), Data::Float(q)) => {
            let cx = a.cx;
            Ok(build(cx, x.dtype, dims, p.value.len(), |i| {
                let (a, b) = (p.value[i], q.value[i]);
                let r = libm::fmod(a, b);
                let (v, local) = if fmod || r.is_nan() {
                    (r, 0.0)
                } else if r == 0.0 {
                    (0f64.copysign(b), 0.0)
                } else if (r < 0.0) == (b < 0.0) {
                    (r, 0.0)
                } else {
                    (r + b, if b.is_infinite() { 0.0 } else { cx.u(x.dtype) * (r + b).abs() })
                };
                let nan = p.nan.as_ref().is_some_and(|n| n[i]) || q.nan.as_ref().is_some_and(|n| n[i]);
                if p.radius[i] == 0.0 && q.radius[i] == 0.0 {
                    return (v, local, nan);
                }
                // An infinite dividend, or a divisor that may be 0, gives NaN.
                let open = b.abs() <= q.radius[i] || v.is_nan() || p.radius[i].is_infinite();
                let e = 2.0 * (b.abs() + q.radius[i]);
                (v, if v.is_nan() || e.is_nan() { f64::INFINITY } else { e }, nan || open)
            }))
        }
        _ => invalid("operands of different kinds"),
    }
}

/// Max, Min of one or more operands: `[max(v-e), max(v+e)]`, nothing is rounded; NaN after the contract's rule.
pub fn extremum(a: &Args<'_>) -> OpResult<Bounded> {
    let all = a.all();
    let Some(first) = all.first() else { return invalid("at least one operand is needed") };
    let max = a.node.op == Op::Max;
    all[1..].iter().try_fold((*first).clone(), |acc, b| larger(a.cx, &acc, b, max))
}

/// The larger (smaller) of two tensors.
fn larger(cx: &EvalCx<'_>, a: &Bounded, b: &Bounded, max: bool) -> OpResult<Bounded> {
    let (x, y, dims) = pair(cx, a, b)?;
    match (&x.data, &y.data) {
        (Data::Int(p), Data::Int(q)) => {
            let r = int_binary(x.dtype, p, q, |u, v| Some(if max { u.max(v) } else { u.min(v) }));
            Ok(Bounded::from_int(x.dtype, dims, r))
        }
        (Data::Float(p), Data::Float(q)) => {
            let second = cx.hyp(Hypothesis::MaxTakesSecond);
            let (v, e, n) = unzip(p.value.len(), |i| {
                if second && p.value[i].is_nan() {
                    return (q.value[i], q.radius[i], false);
                }
                choose(cx.contract.nan, max, p, q, i)
            });
            let grid = p.grid.zip(q.grid).map(|(g, h)| g.min(h));
            Ok(cx.selected(x.dtype, dims, v, e, Some(n), grid))
        }
        _ => invalid("operands of different kinds"),
    }
}

/// The larger (smaller) of two elements with its hull.
pub fn choose(rule: NanRule, max: bool, p: &Float, q: &Float, i: usize) -> (f64, f64, bool) {
    let (a, b) = (p.value[i], q.value[i]);
    let flag = p.nan.as_ref().is_some_and(|n| n[i]) || q.nan.as_ref().is_some_and(|n| n[i]);
    if a.is_nan() || b.is_nan() {
        if a.is_nan() && b.is_nan() {
            return (a, 0.0, flag);
        }
        let (other, e) = if a.is_nan() { (b, q.radius[i]) } else { (a, p.radius[i]) };
        return match rule {
            NanRule::Propagate => (f64::NAN, 0.0, flag),
            NanRule::Ignore => (other, e, flag),
            NanRule::Any => (other, e, true),
        };
    }
    let pick = |x: f64, y: f64| if max { x.max(y) } else { x.min(y) };
    let v = pick(a, b);
    let (lo, hi) = (pick(p.lo(i), q.lo(i)), pick(p.hi(i), q.hi(i)));
    (v, hull_radius(v, lo, hi), flag)
}

/// Radius around `v` that covers `[lo, hi]`; 0 where both are `v` (also for infinities). A distance that binary64 rounds goes up: from
/// -3e38 the way to 1 is longer than the way to 0.
pub fn hull_radius(v: f64, lo: f64, hi: f64) -> f64 {
    let side = |x: f64| if x == v { 0.0 } else { distance(x, v) };
    let r = crate::cx::max_num(side(lo), side(hi));
    if r.is_nan() { f64::INFINITY } else { r }
}

/// `|x - v|`, rounded up. The rounding error of the difference is exact in binary64 (Knuth's two-sum).
fn distance(x: f64, v: f64) -> f64 {
    let d = x - v;
    let back = d - x;
    let error = (x - (d - back)) - (v + back);
    if d.is_finite() && error != 0.0 { d.abs().next_up() } else { d.abs() }
}

/// Sum and Mean of one or more operands: a linear region of `n` terms; Mean divides by `n` (one more rounding).
pub fn sum(a: &Args<'_>) -> OpResult<Bounded> {
    let all = a.all();
    let Some(first) = all.first() else { return invalid("at least one operand is needed") };
    let mut acc = all[1..].iter().try_fold((*first).clone(), |acc, b| {
        let (x, y, dims) = pair(a.cx, &acc, b)?;
        Ok(add(a.cx, x.dtype, dims, x.float()?, y.float()?, 1.0))
    })?;
    acc.float()?;
    if a.node.op == Op::Mean {
        let n = Float::exact(vec![all.len() as f64; acc.elements()]);
        let dims = acc.dims.clone();
        acc = scale(a.cx, acc.dtype, dims, acc.float()?, &n.value);
    }
    Ok(acc)
}

/// Division by exact positive constants inside of a linear region: `v/c`, `eB/c`, `M/c`, `D + 2` (a product with a rounded
/// reciprocal is legal); the grid survives division by a power of two.
pub fn scale(cx: &EvalCx<'_>, dtype: DType, dims: Vec<usize>, a: &Float, by: &[f64]) -> Bounded {
    let over = |x: &[f64]| x.iter().zip(by).map(|(p, c)| p / c).collect::<Vec<_>>();
    if !cx.bounds {
        return cx.linear(dtype, dims, Raw { v: over(&a.value), ..Raw::default() });
    }
    let mut shift = Some(0);
    for &c in by {
        let k = crate::round::low_bit_exp(c).filter(|&k| libm::ldexp(1.0, k) == c);
        shift = shift.zip(k).map(|(s, k)| k.max(s));
    }
    let raw = Raw {
        v: over(&a.value),
        eb: over(&clean(a.eb())),
        m: over(&a.m()),
        signed: unbounded(a).then(|| {
            let mut s = Signed::of(a);
            s.scale(|i| 1.0 / by[i]);
            s
        }),
        d: a.d() + 2.0,
        underflows: 0.0,
        grid: a.grid.zip(shift).map(|(g, s)| g - s),
        poison: a.poison(),
        wide: false,
    };
    cx.linear(dtype, dims, raw)
}
