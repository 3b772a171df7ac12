//! Reductions along axes.
//!
//! Sum and Mean are linear (`D + N - 1`, `+ 2` for the division); Max and Min take hulls; Prod has the relative error
//! `gamma_N`; the others are compositions: L1 = sum |x|, SumSquare = sum x x, L2 = its root, LogSum, LogSumExp (stable form). Intermediates
//! stay in the accumulator. Empty `axes` mean all, unless `noop_with_empty_axes`, which reduces none but still applies
//! the element function. Empty sets: 0, 1, lowest, highest, NaN for Mean.

use super::elementwise::{build, hull_radius, mul, scale};
use super::linear::clean;
use crate::contract::{Contract, Func, NanRule, Storage};
use crate::cx::{Args, EvalCx, Raw};
use crate::error::{OpResult, invalid, unsupported};
use crate::extreme::{Factors, Signed, unbounded};
use crate::hypothesis::Hypothesis;
use crate::index::{axes, axis, count, split_at_axis, strided_map, strides};
use crate::value::{Bounded, Data, Float, Int};
use crate::wide::{Wide, rounded};
use ir::{DType, Op};

/// A linear map with coefficients 1: `f` sums elements into results, at most `terms` each. Linear state throughout.
pub fn linear_map(
    cx: &EvalCx<'_>,
    x: &Bounded,
    dims: Vec<usize>,
    terms: f64,
    f: &dyn Fn(&[f64]) -> Vec<f64>,
) -> OpResult<Bounded> {
    linear_map_of(cx, x, dims, terms, f, None)
}

/// [`linear_map`]; `wide` computes the same sums in two floats, for f64.
fn linear_map_of(
    cx: &EvalCx<'_>,
    x: &Bounded,
    dims: Vec<usize>,
    terms: f64,
    f: &dyn Fn(&[f64]) -> Vec<f64>,
    wide: Option<&dyn Fn(&[f64]) -> Vec<Wide>>,
) -> OpResult<Bounded> {
    let x_ = x.float()?;
    let mut v = f(&x_.value);
    if !cx.bounds {
        return Ok(cx.linear(x.dtype, dims, Raw { v, ..Raw::default() }));
    }
    let poison = x_.poison().map(|p| {
        let m: Vec<f64> = p.iter().map(|&b| f64::from(u8::from(b))).collect();
        f(&m).iter().map(|&s| s > 0.0).collect()
    });
    let eb = clean(x_.eb());
    let eb = if eb.iter().all(|&e| e == 0.0) { Vec::new() } else { f(&eb) };
    let signed = unbounded(x_).then(|| Signed::linear(x_, f));
    let d = x_.d() + (terms - 1.0).max(0.0);
    let wide = wide.filter(|_| cx.wide(x.dtype)).map(|w| rounded(&w(&x_.value)));
    if let Some((w, _)) = &wide {
        v.iter_mut().zip(w).filter(|(old, _)| old.is_finite()).for_each(|(old, w)| *old = *w);
    }
    let mut raw = Raw { v, eb, m: f(&x_.m()), d, underflows: 0.0, grid: x_.grid, poison, signed, wide: wide.is_some() };
    if let Some((_, own)) = wide {
        raw.charge(&own);
        // What the reference itself rounded further up in the region is not in `eb`.
        raw.d += x_.d();
    }
    Ok(cx.linear(x.dtype, dims, raw))
}

/// Which result each element goes to.
#[derive(Clone, Debug)]
pub struct Groups {
    /// Extents of the result.
    pub dims: Vec<usize>,
    /// For each element, its result.
    pub target: Vec<usize>,
    /// Elements per result.
    pub size: usize,
    /// Most groups of 16 that a term passes, axis by axis or merged.
    pub groups: usize,
    results: usize,
}

impl Groups {
    /// Reduces `axes` of a shape.
    pub fn new(cx: &EvalCx<'_>, shape: &[usize], axes: &[usize], keep: bool) -> OpResult<Groups> {
        let kept: Vec<usize> = (0..shape.len()).map(|k| if axes.contains(&k) { 1 } else { shape[k] }).collect();
        let st = strides(&kept);
        let step: Vec<usize> = (0..shape.len()).map(|k| if axes.contains(&k) { 0 } else { st[k] }).collect();
        let dims: Vec<usize> = (0..shape.len()).filter(|k| keep || !axes.contains(k)).map(|k| kept[k]).collect();
        let results = cx.alloc(&dims)?;
        let size = axes.iter().map(|&k| shape[k]).product();
        // One axis after another adds a tree and a partial group for each.
        let groups = usize::div_ceil(size, 16) + 6 * axes.len();
        Ok(Groups { dims, target: strided_map(shape, &step), size, groups, results })
    }
    /// The elements of each result, in order.
    pub fn members(&self) -> Vec<Vec<usize>> {
        let mut m = vec![Vec::new(); self.results];
        for (i, &t) in self.target.iter().enumerate() {
            m[t].push(i);
        }
        m
    }
    fn sum(&self, cx: &EvalCx<'_>, x: &Bounded) -> OpResult<Bounded> {
        let s = super::linear::Sum::of(cx);
        let sets = (!s.is_exact()).then(|| self.members());
        let f = |v: &[f64]| {
            let mut out = vec![0.0; self.results];
            for (i, &t) in self.target.iter().enumerate() {
                out[t] += v[i];
            }
            out
        };
        let wide = |v: &[f64]| {
            let mut out = vec![Wide::default(); self.results];
            for (i, &t) in self.target.iter().enumerate() {
                out[t] = out[t].plus(v[i]);
            }
            out
        };
        let depth = cx.depth(self.size as f64, self.groups as f64);
        let r = linear_map_of(cx, x, self.dims.clone(), depth, &f, Some(&wide))?;
        match (sets, r) {
            (Some(sets), Bounded { dtype, dims, data: Data::Float(mut r) }) => {
                let v = &x.float()?.value;
                for (o, set) in r.value.iter_mut().zip(&sets) {
                    *o = set[..s.terms(set.len())].iter().fold(0.0, |acc, &i| s.add(acc, v[i]));
                }
                Ok(Bounded::from_float(dtype, dims, r))
            }
            (_, r) => Ok(r),
        }
    }
}

/// The contract for intermediates: nothing is rounded to storage.
pub fn unstored(c: &Contract) -> Contract {
    Contract { storage: Storage::Real, ..c.clone() }
}

/// All Reduce operators.
pub fn reduce(a: &Args<'_>) -> OpResult<Bounded> {
    let x = a.x(0)?;
    let ax = match a.opt_ints(1)? {
        Some(l) if !l.is_empty() => axes(&l, x.rank())?,
        _ if a.flag("noop_with_empty_axes")? => Vec::new(),
        _ => (0..x.rank()).collect(),
    };
    let g = Groups::new(a.cx, &x.dims, &ax, a.flag("keepdims")?)?;
    reduce_groups(a.cx, x, &g, a.node.op)
}

/// One reduction over given groups.
pub fn reduce_groups(cx: &EvalCx<'_>, x: &Bounded, g: &Groups, op: Op) -> OpResult<Bounded> {
    let f = match &x.data {
        Data::Int(v) => return reduce_int(x.dtype, v, g, op),
        Data::Float(f) => f,
    };
    let inner_contract = unstored(cx.contract);
    let inner = EvalCx { contract: &inner_contract, hypothesis: None, ..*cx };
    let dtype = x.dtype;
    match op {
        Op::ReduceSum => g.sum(cx, x),
        Op::ReduceMean => {
            let kept = EvalCx { contract: &inner_contract, ..*cx };
            let s = g.sum(&kept, x)?;
            let padded = cx.hyp(Hypothesis::MeanCountsPaddedLength);
            let by = if padded { g.size.next_multiple_of(16) } else { g.size };
            Ok(scale(cx, dtype, g.dims.clone(), s.float()?, &vec![by as f64; g.results]))
        }
        Op::ReduceMax | Op::ReduceMin => Ok(extremum(cx, x, f, g, op == Op::ReduceMax)),
        Op::ReduceProd => Ok(product(cx, dtype, f, g)),
        Op::ReduceL1 => {
            let mut b = x.clone();
            if let Data::Float(f) = &mut b.data {
                f.value.iter_mut().for_each(|v| *v = v.abs());
                f.linear = None;
            }
            g.sum(cx, &b)
        }
        Op::ReduceSumSquare => g.sum(cx, &mul(&inner, dtype, x.dims.clone(), f, f)),
        Op::ReduceL2 => {
            let sets = g.members();
            Ok(build(cx, dtype, g.dims.clone(), g.results, |i| super::pool::p_norm(cx, dtype, f, &sets[i], 2.0)))
        }
        Op::ReduceLogSum => {
            let s = g.sum(&inner, x)?;
            let s = s.float()?;
            Ok(build(cx, dtype, g.dims.clone(), g.results, |i| {
                let (v, e, n) = super::unary::function_at(cx, Op::Log, dtype, s.value[i], s.radius[i]);
                (v, e, n || s.nan.as_ref().is_some_and(|n| n[i]))
            }))
        }
        _ => {
            let sets = g.members();
            Ok(build(cx, dtype, g.dims.clone(), g.results, |i| log_sum_exp(cx, dtype, f, &sets[i])))
        }
    }
}

fn extremum(cx: &EvalCx<'_>, x: &Bounded, f: &Float, g: &Groups, max: bool) -> Bounded {
    let start = if max { f64::NEG_INFINITY } else { f64::INFINITY };
    let pick = |a: f64, b: f64| if max { a.max(b) } else { a.min(b) };
    let n = g.results;
    let (mut v, mut lo, mut hi) = (vec![start; n], vec![start; n], vec![start; n]);
    let (mut nan, mut flag, mut certain) = (vec![false; n], vec![false; n], vec![false; n]);
    for (i, &t) in g.target.iter().enumerate() {
        flag[t] |= f.nan.as_ref().is_some_and(|n| n[i]);
        if f.value[i].is_nan() {
            nan[t] = true;
            certain[t] |= !f.open(i);
            continue;
        }
        v[t] = pick(v[t], f.value[i]);
        lo[t] = pick(lo[t], f.lo(i));
        hi[t] = pick(hi[t], f.hi(i));
    }
    let mut e: Vec<f64> = (0..n).map(|t| hull_radius(v[t], lo[t], hi[t])).collect();
    for t in (0..n).filter(|&t| nan[t]) {
        match cx.contract.nan {
            NanRule::Propagate => (v[t], e[t]) = (f64::NAN, if certain[t] { 0.0 } else { f64::INFINITY }),
            NanRule::Any => flag[t] = true,
            NanRule::Ignore => {}
        }
    }
    let grid = if g.size == 0 { None } else { f.grid };
    cx.selected(x.dtype, g.dims.clone(), v, e, Some(flag), grid)
}

/// `v = prod x`, `e = prod(|x|+e) - prod|x| + gamma_N prod(|x|+e)`. Exact where every partial product is: all on a grid and small.
fn product(cx: &EvalCx<'_>, dtype: DType, f: &Float, g: &Groups) -> Bounded {
    let n = g.results;
    let (mut v, mut top, mut mag) = (vec![1.0; n], vec![1.0; n], vec![1.0; n]);
    let mut flag = vec![false; n];
    let mut exact = vec![true; n];
    let mut factors = vec![Factors::NONE; n];
    let acc = cx.acc(dtype);
    for (i, &t) in g.target.iter().enumerate() {
        v[t] *= f.value[i];
        mag[t] *= f.value[i].abs();
        top[t] *= f.value[i].abs() + f.radius[i];
        flag[t] |= f.nan.as_ref().is_some_and(|n| n[i]);
        // Integers below 2^p: every sub-product in any order is an integer below 2^p too.
        let integer = f.radius[i] == 0.0 && libm::rint(f.value[i]) == f.value[i];
        exact[t] &= integer;
        factors[t].push(f.value[i], f.radius[i]);
    }
    let gamma = cx.gamma(g.size as f64 - 1.0, cx.u(dtype)).max(0.0);
    let fits = |t: usize| exact[t] && mag[t] > 0.0 && mag[t] <= libm::ldexp(1.0, acc.precision());
    build(cx, dtype, g.dims.clone(), n, |t| {
        if fits(t) || g.size <= 1 && top[t] == mag[t] && !factors[t].open {
            return (v[t], 0.0, flag[t]);
        }
        let e = (top[t] - mag[t]) + gamma * top[t] + g.size as f64 * cx.eta(acc);
        let (e, nan) = factors[t].finish(cx, dtype, g.size as f64, v[t], e);
        (v[t], e, flag[t] || nan || !e.is_finite())
    })
}

/// `m + log sum exp(x - m)`: propagated `max e`; local as of LogSoftmax's denominator, `2 k_log u |log s|`, `u` for each sum.
fn log_sum_exp(cx: &EvalCx<'_>, dtype: DType, f: &Float, set: &[usize]) -> (f64, f64, bool) {
    let flag = set.iter().any(|&i| f.nan.as_ref().is_some_and(|n| n[i]) || f.radius[i].is_infinite());
    let m = set.iter().map(|&i| f.value[i]).fold(f64::NEG_INFINITY, crate::cx::max_num);
    if !m.is_finite() {
        return (m, if flag { f64::INFINITY } else { 0.0 }, flag);
    }
    let u = cx.u(dtype);
    let (mut s, mut weighted) = (0.0, 0.0);
    for &i in set {
        let d = m - f.value[i];
        if d.is_finite() {
            let p = libm::exp(-d);
            s += p;
            weighted += p * 3.0 * u * (d + 2.0 * f.radius[i]);
        }
    }
    let e = set.iter().map(|&i| f.radius[i]).fold(0.0, f64::max);
    let y = m + libm::log(s);
    let rel = weighted / s + 2.0 * cx.func(Func::Exp, dtype) + cx.gamma(set.len() as f64, u);
    let log = cx.func(Func::Log, dtype);
    let local = rel
        + log * (libm::log(s) + y.abs() + 2.0 * e)
        + 2.0 * u * (y.abs() + m.abs() + e)
        + 16.0 * cx.eta(cx.acc(dtype));
    (y, e + local, flag)
}

fn reduce_int(d: DType, v: &Int, g: &Groups, op: Op) -> OpResult<Bounded> {
    let sets = g.members();
    let range = crate::round::int_range(d).unwrap_or((0, 0));
    type Step = fn(i128, i128) -> i128;
    let (start, step): (i128, Step) = match op {
        Op::ReduceSum => (0, |s, x| s.wrapping_add(x)),
        Op::ReduceMax => (range.0, |s, x| s.max(x)),
        Op::ReduceMin => (range.1, |s, x| s.min(x)),
        Op::ReduceProd => (1, |s, x| s.wrapping_mul(x)),
        Op::ReduceL1 => (0, |s, x| s.wrapping_add(x.abs())),
        Op::ReduceSumSquare => (0, |s, x| s.wrapping_add(x.wrapping_mul(x))),
        _ => return unsupported(format!("{op} of {d}")),
    };
    let fold = |f: &dyn Fn(usize) -> i128| -> Vec<i128> {
        sets.iter()
            .map(|s| {
                s.iter().fold(start, |acc, &i| {
                    if op == Op::ReduceProd { crate::round::wrap(step(acc, f(i)), d) } else { step(acc, f(i)) }
                })
            })
            .collect()
    };
    let value: Vec<i128> = fold(&|i| v.value[i]).into_iter().map(|x| crate::round::wrap(x, d)).collect();
    let monotone = matches!(op, Op::ReduceSum | Op::ReduceMax | Op::ReduceMin);
    let hull = if v.hull.is_none() {
        value.iter().map(|&x| (x, x)).collect()
    } else if monotone {
        let (lo, hi) = (fold(&|i| v.range(i).0), fold(&|i| v.range(i).1));
        lo.iter().zip(&hi).map(|(&a, &b)| super::integer::wrap_range(a, b, d)).collect()
    } else {
        let open = |s: &Vec<usize>| s.iter().any(|&i| v.range(i).0 != v.range(i).1);
        sets.iter().zip(&value).map(|(s, &x)| if open(s) { range } else { (x, x) }).collect()
    };
    Ok(Bounded::from_int(d, g.dims.clone(), Int::with_hull(value, hull)))
}

/// Candidates for the largest (smallest) of a line of elements, and the certain winner's position.
fn candidates(x: &Bounded, line: &[usize], max: bool, last: bool) -> (usize, Vec<usize>) {
    let sign = if max { 1.0 } else { -1.0 };
    match &x.data {
        Data::Int(v) => {
            let s = if max { 1 } else { -1 };
            let key = |i: usize| s * v.value[line[i]];
            let at = best(line.len(), last, |i, j| key(i) > key(j));
            let low = |i: usize| if max { v.range(line[i]).0 } else { -v.range(line[i]).1 };
            let high = |i: usize| if max { v.range(line[i]).1 } else { -v.range(line[i]).0 };
            if line.iter().all(|&i| v.range(i).0 == v.range(i).1) {
                return (at, vec![at]);
            }
            let floor = (0..line.len()).map(low).max().unwrap_or(0);
            (at, (0..line.len()).filter(|&i| high(i) >= floor).collect())
        }
        Data::Float(f) => {
            let key = |i: usize| sign * f.value[line[i]];
            // numpy: the first NaN wins.
            let beats = |i: usize, j: usize| key(i) > key(j) || key(i).is_nan() && !key(j).is_nan();
            let at = best(line.len(), last, beats);
            let any_nan = line.iter().any(|&i| f.may_nan(i));
            if line.iter().all(|&i| f.radius[i] == 0.0) && f.nan.as_ref().is_none_or(|n| !line.iter().any(|&i| n[i])) {
                return (at, vec![at]);
            }
            if any_nan {
                return (at, (0..line.len()).collect());
            }
            let low = |i: usize| key(i) - f.radius[line[i]];
            let floor = (0..line.len()).map(low).fold(f64::NEG_INFINITY, f64::max);
            (at, (0..line.len()).filter(|&i| key(i) + f.radius[line[i]] >= floor).collect())
        }
    }
}

fn best(n: usize, last: bool, beats: impl Fn(usize, usize) -> bool) -> usize {
    let mut at = 0;
    for i in 1..n {
        if beats(i, at) || last && !beats(at, i) {
            at = i;
        }
    }
    at
}

/// The lines of a tensor along an axis.
pub fn lines(dims: &[usize], ax: usize) -> Vec<Vec<usize>> {
    let (outer, n, inner) = split_at_axis(dims, ax);
    let mut all = Vec::with_capacity(outer * inner);
    for o in 0..outer {
        for i in 0..inner {
            all.push((0..n).map(|k| (o * n + k) * inner + i).collect());
        }
    }
    all
}

/// ArgMax, ArgMin: the hull of the indices that may win; ties go to the first (last with `select_last_index`).
pub fn arg_extremum(a: &Args<'_>) -> OpResult<Bounded> {
    let x = a.x(0)?;
    let ax = axis(a.int("axis")?, x.rank())?;
    if x.dims[ax] == 0 {
        return invalid("the largest of no elements");
    }
    let mut dims = x.dims.clone();
    if a.flag("keepdims")? {
        dims[ax] = 1;
    } else {
        dims.remove(ax);
    }
    let (max, last) = (a.node.op == Op::ArgMax, a.flag("select_last_index")?);
    let (mut value, mut hull) = (Vec::new(), Vec::new());
    for line in lines(&x.dims, ax) {
        let (at, c) = candidates(x, &line, max, last);
        value.push(at as i128);
        let lo = c.first().copied().unwrap_or(at).min(at);
        let hi = c.last().copied().unwrap_or(at).max(at);
        hull.push((lo as i128, hi as i128));
    }
    Ok(Bounded::from_int(DType::I64, dims, Int::with_hull(value, hull)))
}

/// Hardmax: 1 at the first largest element, else 0; undecided among candidates.
pub fn hardmax(a: &Args<'_>) -> OpResult<Bounded> {
    let x = a.x(0)?;
    x.float()?;
    let ax = axis(a.int("axis")?, x.rank())?;
    let n = x.elements();
    let (mut v, mut e) = (vec![0.0; n], vec![0.0; n]);
    for line in lines(&x.dims, ax).iter().filter(|l| !l.is_empty()) {
        let (at, c) = candidates(x, line, true, false);
        v[line[at]] = 1.0;
        if c.len() > 1 {
            c.iter().for_each(|&k| e[line[k]] = 1.0);
        }
    }
    Ok(a.cx.selected(x.dtype, x.dims.clone(), v, e, None, Some(0)))
}

/// CumSum (linear, at most N terms) and CumProd (`gamma_N` relative), along the axis of operand 1.
pub fn cumulative(a: &Args<'_>) -> OpResult<Bounded> {
    let x = a.x(0)?;
    let ax = axis(a.scalar_int(1)?, x.rank())?;
    let (exclusive, reverse) = (a.flag("exclusive")?, a.flag("reverse")?);
    let mut all = lines(&x.dims, ax);
    if reverse {
        all.iter_mut().for_each(|l| l.reverse());
    }
    let n = x.dims[ax] as f64;
    let prod = a.node.op == Op::CumProd;
    match &x.data {
        Data::Int(v) => {
            let (mut out, mut open) = (vec![0; v.value.len()], vec![false; v.value.len()]);
            for l in &all {
                let mut s: i128 = i128::from(prod);
                // Wrapping sums of ranges are no ranges: behind an undecided term anything may follow.
                let mut seen = false;
                for &i in l {
                    let before = seen;
                    seen |= v.open(i);
                    open[i] = if exclusive { before } else { seen };
                    let next = if prod { s.wrapping_mul(v.value[i]) } else { s.wrapping_add(v.value[i]) };
                    let next = crate::round::wrap(next, x.dtype);
                    out[i] = if exclusive { s } else { next };
                    s = next;
                }
            }
            Ok(Bounded::from_int(x.dtype, x.dims.clone(), Int::with_open(out, x.dtype, |i| open[i])))
        }
        Data::Float(_) if !prod => {
            let f = |v: &[f64]| {
                let mut out = vec![0.0; v.len()];
                for l in &all {
                    let mut s = 0.0;
                    for &i in l {
                        out[i] = if exclusive { s } else { s + v[i] };
                        s += v[i];
                    }
                }
                out
            };
            linear_map(a.cx, x, x.dims.clone(), n, &f)
        }
        Data::Float(f) => {
            let total = count(&x.dims);
            let (mut v, mut e, mut nan) = (vec![1.0; total], vec![0.0; total], vec![false; total]);
            let gamma = a.cx.gamma(n, a.cx.u(x.dtype));
            for l in &all {
                let (mut s, mut top, mut open, mut factors) = (1.0f64, 1.0f64, false, Factors::NONE);
                for (k, &i) in l.iter().enumerate() {
                    let (before, before_top, before_open, before_factors) = (s, top, open, factors);
                    factors.push(f.value[i], f.radius[i]);
                    s *= f.value[i];
                    top *= f.value[i].abs() + f.radius[i];
                    open |= f.nan.as_ref().is_some_and(|n| n[i]) || f.radius[i].is_infinite();
                    let (p, t, o) = if exclusive { (before, before_top, before_open) } else { (s, top, open) };
                    v[i] = p;
                    if k == 0 && exclusive {
                        continue;
                    }
                    let factors = if exclusive { before_factors } else { factors };
                    let (r, reach) = factors.finish(a.cx, x.dtype, k as f64 + 1.0, p, t - p.abs() + gamma * t);
                    e[i] = r;
                    nan[i] = o || reach || !r.is_finite();
                }
            }
            Ok(a.cx.collapsed(x.dtype, x.dims.clone(), v, e, Some(nan), None))
        }
    }
}
