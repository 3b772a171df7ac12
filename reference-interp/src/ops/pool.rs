//! Pooling. MaxPool: hull of the window's maxima, padding never wins. AveragePool: linear, `v = sum/count`, `D + k + 1`.
//! LpPool: `(sum |x|^p)^(1/p)`, see [`p_norm`].

use super::elementwise::{build, hull_radius, scale};
use super::reduce::{Groups, linear_map, reduce_groups};
use super::window::{Window, WindowAttrs};
use crate::contract::NanRule;
use crate::cx::{Args, EvalCx};
use crate::error::{OpResult, invalid, unsupported};
use crate::hypothesis::Hypothesis;
use crate::index::{count, strides};
use crate::value::{Bounded, Data, Float, Int};
use ir::{DType, Op};

/// The window of a pooling node and the extents of its result.
fn geometry(a: &Args<'_>, x: &Bounded) -> OpResult<(Window, Vec<usize>)> {
    if x.rank() < 3 {
        return invalid("pooling needs at least one spatial axis");
    }
    let r = x.rank() - 2;
    let kernel: Vec<usize> = match a.int_list("kernel_shape") {
        Some(k) if k.len() == r && k.iter().all(|&k| (1..1 << 31).contains(&k)) => {
            k.iter().map(|&k| k as usize).collect()
        }
        k => return invalid(format!("kernel_shape {k:?} does not fit {r} spatial axes")),
    };
    let w = Window::new(&x.dims[2..], &kernel, &WindowAttrs::read(a, r)?, a.flag("ceil_mode")?)?;
    let mut dims = x.dims[..2].to_vec();
    dims.extend(&w.out);
    a.cx.alloc(&dims)?;
    Ok((w, dims))
}

/// For each result of one plane, the elements of its window.
fn members(w: &Window) -> Vec<Vec<usize>> {
    let mut m = vec![Vec::new(); count(&w.out)];
    for runs in w.runs() {
        for r in runs {
            for j in 0..r.len {
                m[r.out + j].push(r.src + j * r.step);
            }
        }
    }
    m
}

/// The winner of a set of floats: value, radius, NaN reachable, and the range of indices that may win.
fn winner(cx: &EvalCx<'_>, f: &Float, set: &[usize]) -> (f64, f64, bool, usize, (usize, usize)) {
    let (mut v, mut at) = (f64::NEG_INFINITY, set.first().copied().unwrap_or(0));
    let (mut lo, mut hi) = (f64::NEG_INFINITY, f64::NEG_INFINITY);
    let (mut flag, mut nan, mut certain) = (false, false, false);
    for &i in set {
        flag |= f.nan.as_ref().is_some_and(|n| n[i]);
        if f.value[i].is_nan() {
            nan = true;
            certain |= !f.open(i);
            continue;
        }
        if f.value[i] > v {
            (v, at) = (f.value[i], i);
        }
        lo = lo.max(f.lo(i));
        hi = hi.max(f.hi(i));
    }
    if nan {
        match cx.contract.nan {
            NanRule::Propagate => (v, lo, hi) = (f64::NAN, f64::NAN, f64::NAN),
            NanRule::Ignore => {}
            NanRule::Any => flag = true,
        }
    }
    // A NaN that is only one of the legal operands leaves the winner open.
    let e = match (v.is_nan(), certain) {
        (true, true) => 0.0,
        (true, false) => f64::INFINITY,
        (false, _) => hull_radius(v, lo, hi),
    };
    // Which place a NaN has is not defined.
    let may = |i: &&usize| nan || flag || f.hi(**i) >= lo;
    let exact = set.iter().all(|&i| f.radius[i] == 0.0) && !nan && !flag;
    let range = if exact {
        (at, at)
    } else if nan {
        // Which element a maximum with NaN points to is not defined.
        (set.iter().copied().min().unwrap_or(at), set.iter().copied().max().unwrap_or(at))
    } else {
        let c: Vec<usize> = set.iter().filter(may).copied().collect();
        (c.iter().copied().min().unwrap_or(at), c.iter().copied().max().unwrap_or(at))
    };
    (v, e, flag, at, range)
}

/// MaxPool with the optional output Indices: flat index in the whole input, of the first maximum; `storage_order` 1
/// counts columns first.
pub fn max_pool(a: &Args<'_>) -> OpResult<Vec<Bounded>> {
    let x = a.x(0)?;
    let (w, dims) = geometry(a, x)?;
    let m = members(&w);
    let (plane, planes) = (count(&w.input), x.dims[0] * x.dims[1]);
    let n = planes * m.len();
    let set = |i: usize| {
        let base = i / m.len() * plane;
        m[i % m.len()].iter().map(|&j| base + j).collect::<Vec<_>>()
    };
    let mut hull = Vec::with_capacity(n);
    let mut at = Vec::with_capacity(n);
    let first = match &x.data {
        Data::Float(f) => {
            let (mut v, mut e, mut nan) = (Vec::new(), Vec::new(), Vec::new());
            for i in 0..n {
                let members = set(i);
                let (mut p, q, r, s, range) = winner(a.cx, f, &members);
                if a.cx.hyp(Hypothesis::MaxPoolPadsZero) && members.len() < w.taps() {
                    p = p.max(0.0);
                }
                v.push(p);
                e.push(q);
                nan.push(r);
                at.push(s);
                hull.push(range);
            }
            let grid = if m.iter().any(Vec::is_empty) { None } else { f.grid };
            a.cx.selected(x.dtype, dims.clone(), v, e, Some(nan), grid)
        }
        Data::Int(f) => {
            let lowest = crate::round::int_range(x.dtype).map_or(0, |r| r.0);
            let (mut v, mut h) = (Vec::new(), Vec::new());
            for i in 0..n {
                let s = set(i);
                let best = s.iter().copied().max_by(|&p, &q| f.value[p].cmp(&f.value[q]).then(q.cmp(&p)));
                let most = |g: &dyn Fn(usize) -> i128| s.iter().map(|&j| g(j)).max().unwrap_or(lowest);
                v.push(most(&|j| f.value[j]));
                h.push((most(&|j| f.range(j).0), most(&|j| f.range(j).1)));
                at.push(best.unwrap_or(0));
                hull.push((best.unwrap_or(0), best.unwrap_or(0)));
            }
            if f.hull.is_some() && a.node.outputs.len() > 1 {
                return unsupported("indices of a maximum of undecided integers");
            }
            Bounded::from_int(x.dtype, dims.clone(), Int::with_hull(v, h))
        }
    };
    let column = a.flag("storage_order")?;
    let number = |i: usize| if column { column_index(&w.input, i, plane) } else { i } as i128;
    let value = at.iter().map(|&i| number(i)).collect();
    let hull = hull
        .iter()
        .map(|&(lo, hi)| if lo == hi || !column { (number(lo), number(hi)) } else { (0, (planes * plane) as i128) })
        .collect();
    Ok(vec![first, Bounded::from_int(DType::I64, dims, Int::with_hull(value, hull))])
}

fn column_index(spatial: &[usize], i: usize, plane: usize) -> usize {
    let st = strides(spatial);
    let (mut step, mut r) = (1, 0);
    for k in 0..spatial.len() {
        r += i % plane / st[k] % spatial[k] * step;
        step *= spatial[k];
    }
    i / plane * plane + r
}

/// AveragePool and LpPool.
pub fn window_mean(a: &Args<'_>) -> OpResult<Bounded> {
    let x = a.x(0)?;
    let (w, dims) = geometry(a, x)?;
    let m = members(&w);
    let plane = count(&w.input);
    if a.node.op == Op::LpPool {
        let p = a.int("p")?;
        let f = x.float()?;
        return Ok(build(a.cx, x.dtype, dims.clone(), count(&dims), |i| {
            let base = i / m.len() * plane;
            p_norm(a.cx, x.dtype, f, &m[i % m.len()].iter().map(|j| base + j).collect::<Vec<_>>(), p as f64)
        }));
    }
    let total = count(&dims);
    let gather = |v: &[f64]| {
        (0..total).map(|i| m[i % m.len()].iter().map(|&j| v[i / m.len() * plane + j]).sum()).collect::<Vec<f64>>()
    };
    let sum = linear_map(&super::linear::real(a.cx), x, dims.clone(), w.taps() as f64, &gather)?;
    let include = a.flag("count_include_pad")? != a.cx.hyp(Hypothesis::AveragePoolCount);
    let counts = if include { w.padded_counts() } else { m.iter().map(|s| s.len() as f64).collect() };
    let by: Vec<f64> = (0..total).map(|i| counts[i % m.len()]).collect();
    Ok(scale(a.cx, x.dtype, dims, sum.float()?, &by))
}

fn root_of(x: f64, p: f64) -> f64 {
    if p == 1.0 {
        x
    } else if p == 2.0 {
        libm::sqrt(x)
    } else {
        libm::pow(x, 1.0 / p)
    }
}

/// Largest `|log s| s^(1/p) / p` over `[lo, hi]`: what a relative error of the exponent `1/p` (it is rounded too) does to the root. Below 1
/// the function has one maximum, `1/e` at `e^-p`.
fn exponent_slope(p: f64, lo: f64, hi: f64) -> f64 {
    let at = |s: f64| if s > 0.0 { libm::log(s).abs() / p * root_of(s, p) } else { 0.0 };
    let peak = libm::exp(-p);
    let inside = if lo < peak && peak < hi { at(peak) } else { 0.0 };
    at(lo).max(at(hi)).max(inside)
}

/// `(sum |x|^p)^(1/p)` over a set: terms and sum inside of the accumulator, then a root.
///
/// `e_s = sum ((|x|+e)^p - |x|^p) + (gamma_{n+p} or 2u k_pow) s`, then the root's hull and ULP.
pub fn p_norm(cx: &EvalCx<'_>, dtype: DType, f: &Float, set: &[usize], p: f64) -> (f64, f64, bool) {
    let flag = set.iter().any(|&i| f.may_nan(i) && !f.value[i].is_nan());
    let (mut s, mut hi, mut lo, mut lost) = (0.0, 0.0, 0.0, 0.0);
    let raise = |x: f64| {
        if p == 1.0 {
            x
        } else if p == 2.0 {
            x * x
        } else {
            libm::pow(x, p)
        }
    };
    for &i in set {
        let (v, e) = (f.value[i].abs(), f.radius[i]);
        s += raise(v);
        hi += raise(v + e);
        lo += raise((v - e).max(0.0));
        lost += cx.underflow(if v == 0.0 { 0.0 } else { raise(v).max(f64::MIN_POSITIVE) }, p, dtype);
    }
    if set.iter().any(|&i| f.open(i)) {
        // A NaN that is only one of the legal results leaves the norm open too.
        return (f64::NAN, f64::INFINITY, true);
    }
    let u = cx.u(dtype);
    let rel =
        cx.gamma(set.len() as f64 + 1.0, u) + if p > 2.0 { cx.func(crate::Func::Pow, dtype).max(p * u) } else { u };
    let infinite = set.iter().any(|&i| f.value[i].is_infinite());
    if p != 1.0 && !infinite && !s.is_nan() && cx.may_overflow(hi, set.len() as f64 + p, dtype) {
        // The sum of powers overflows although the root would not.
        return (root_of(s, p), f64::INFINITY, true);
    }
    let lost = if p == 1.0 { 0.0 } else { lost };
    let e = hull_radius(s, lo, hi) + rel * hi + lost;
    let e = if s.is_infinite() && hi == s { 0.0 } else { e };
    if s == 0.0 && e == 0.0 {
        return (0.0, 0.0, flag);
    }
    let root = |x: f64| root_of(x, p);
    let y = root(s);
    if s.is_nan() || !y.is_finite() {
        return (y, if e == 0.0 || s.is_nan() { 0.0 } else { f64::INFINITY }, flag || e != 0.0 && !s.is_nan());
    }
    let prop = hull_radius(y, root((s - e).max(0.0)), root(s + e));
    let k = if p == 1.0 {
        0.0
    } else if p == 2.0 {
        cx.func(crate::Func::Sqrt, dtype)
    } else {
        cx.func(crate::Func::Pow, dtype)
    };
    let exponent = if p == 1.0 || p == 2.0 { 0.0 } else { u * exponent_slope(p, (s - e).max(0.0), s + e) };
    (y, prop + k * (y + prop) + exponent + 2.0 * cx.eta(cx.acc(dtype)), flag)
}

/// GlobalAveragePool, GlobalMaxPool, GlobalLpPool: all spatial axes.
pub fn global(a: &Args<'_>) -> OpResult<Bounded> {
    let x = a.x(0)?;
    if x.rank() < 2 {
        return invalid("batch and channel axes are needed");
    }
    let g = Groups::new(a.cx, &x.dims, &(2..x.rank()).collect::<Vec<_>>(), true)?;
    match a.node.op {
        Op::GlobalAveragePool => reduce_groups(a.cx, x, &g, Op::ReduceMean),
        Op::GlobalMaxPool => reduce_groups(a.cx, x, &g, Op::ReduceMax),
        _ => {
            let (p, f) = (a.int("p")? as f64, x.float()?);
            let sets = g.members();
            Ok(build(a.cx, x.dtype, g.dims.clone(), sets.len(), |i| p_norm(a.cx, x.dtype, f, &sets[i], p)))
        }
    }
}

/// MaxUnpool: values at their flat indices, zero elsewhere. The result's extents come from operand 2 or from the window.
pub fn max_unpool(a: &Args<'_>) -> OpResult<Bounded> {
    let (x, idx) = (a.x(0)?, a.x(1)?);
    let r = x.rank().saturating_sub(2);
    let at = WindowAttrs::read(a, r)?;
    let Some(kernel) =
        a.int_list("kernel_shape").filter(|k| k.len() == r && r > 0 && k.iter().all(|&k| (1..1 << 31).contains(&k)))
    else {
        return invalid("kernel_shape does not fit the data");
    };
    let mut natural = x.dims.clone();
    for k in 0..r {
        let d = (x.dims[k + 2] as i64 - 1) * at.strides[k] - at.pads[k] - at.pads[k + r] + kernel[k];
        natural[k + 2] = usize::try_from(d).or_else(|_| invalid("the padding removes more than there is"))?;
    }
    a.cx.alloc(&natural)?;
    let dims = match a.opt_ints(2)? {
        Some(s) if s.len() == x.rank() && s.iter().all(|&d| d >= 0) => s.iter().map(|&d| d as usize).collect(),
        Some(s) => return invalid(format!("output shape {s:?}")),
        None => natural.clone(),
    };
    let n = a.cx.alloc(&dims)?;
    let pool = Bounded::pool(&[x, &Bounded::zero(x.dtype)])?;
    let mut source = vec![x.elements(); n];
    let (from, to) = (strides(&natural), strides(&dims));
    for (k, &i) in idx.ints()?.iter().enumerate() {
        if i < 0 || i as usize >= count(&natural) {
            return invalid(format!("index {i} is outside of the result"));
        }
        // Indices count in the natural extents; a larger result keeps coordinates.
        let at: usize = (0..dims.len()).map(|d| i as usize / from[d] % natural[d] * to[d]).sum();
        match source.get_mut(at) {
            Some(s) => *s = k,
            None => return invalid(format!("index {i} is outside of the result")),
        }
    }
    Ok(pool.take(&source, dims))
}
