//! Normalisation and softmax, with the closed forms of NUMERICS.md 3.2: composing the bounds of their steps would lose the
//! correlation that keeps them bounded.

use super::elementwise::{build, hull_radius};
use super::reduce::{Groups, lines, unstored};
use crate::contract::Func;
use crate::cx::{Args, EvalCx, Raw};
use crate::error::{OpResult, invalid};
use crate::hypothesis::Hypothesis;
use crate::index::{axes, axis, broadcast, broadcast_map, count, split_at_axis};
use crate::value::{Bounded, Float};
use ir::{DType, Op};

/// Softmax and LogSoftmax along one axis.
///
/// With `d = max - x`, `p = softmax(x)`: propagated relative error: the larger of `exp(e_i)/sum p_j exp(-e_j) - 1` and
/// `1 - exp(-e_i)/sum p_j exp(e_j)`; local relative error (at `d + 2 max e`): `3u d_i + sum p_j 3u d_j + 4u k_exp + gamma_N + 4u`
/// and `2u k_exp + u` for each rescaling of an online algorithm; the radius never exceeds 1. LogSoftmax: the same as an
/// absolute error, plus `2 k_log u |y| + 2u |y|`.
pub fn softmax(a: &Args<'_>) -> OpResult<Bounded> {
    let x = a.x(0)?;
    let f = x.float()?;
    let ax = axis(a.int("axis")?, x.rank())?;
    let n = x.elements();
    let (mut v, mut e, mut nan) = (vec![0.0; n], vec![0.0; n], vec![false; n]);
    let log = a.node.op == Op::LogSoftmax;
    let flat = [crate::index::count(&x.dims[..ax]), crate::index::count(&x.dims[ax..])];
    let all = if a.cx.hyp(Hypothesis::SoftmaxFlattens) { lines(&flat, 1) } else { lines(&x.dims, ax) };
    for line in all {
        let row: Vec<(f64, f64)> = line.iter().map(|&i| (f.value[i], f.radius[i])).collect();
        let flag = line.iter().any(|&i| f.nan.as_ref().is_some_and(|n| n[i]) || f.radius[i].is_infinite());
        for (&i, (y, r)) in line.iter().zip(softmax_line(a.cx, x.dtype, &row, log)) {
            (v[i], nan[i]) = (y, flag);
            e[i] = if flag { f64::INFINITY } else { r };
        }
    }
    Ok(a.cx.collapsed(x.dtype, x.dims.clone(), v, e, Some(nan), None))
}

/// Softmax of one line of (value, radius); see [`softmax`].
pub fn softmax_line(cx: &EvalCx<'_>, dtype: DType, row: &[(f64, f64)], log: bool) -> Vec<(f64, f64)> {
    let m = row.iter().map(|r| r.0).fold(f64::NEG_INFINITY, crate::cx::max_num);
    if !m.is_finite() {
        return row.iter().map(|_| (f64::NAN, 0.0)).collect();
    }
    let u = cx.u(dtype);
    let (ke, kl) = (cx.func(Func::Exp, dtype), cx.func(Func::Log, dtype));
    let emax = row.iter().map(|r| r.1).fold(0.0, f64::max);
    let p: Vec<f64> = row.iter().map(|r| libm::exp(r.0 - m)).collect();
    let s: f64 = p.iter().sum();
    let (mut up, mut down, mut spread) = (0.0, 0.0, 0.0);
    for (q, r) in p.iter().zip(row) {
        // Not q * exp(e): a share that underflows may still rise to 1 within a large radius.
        let end = |x: f64| if r.1 == 0.0 { *q } else { libm::exp(x) };
        up += end(r.0 - m + r.1) / s;
        down += end(r.0 - m - r.1) / s;
        if *q > 0.0 {
            spread += q / s * 3.0 * u * (m - r.0 + 2.0 * emax);
        }
    }
    let rescales = f64::from(cx.contract.online_softmax_rescales);
    let shared = spread + 2.0 * ke + cx.gamma(row.len() as f64, u) + 4.0 * u + rescales * (ke + u);
    let tiny = 8.0 * cx.eta(cx.acc(dtype)).max(f64::MIN_POSITIVE);
    let (log_s, log_up, log_down) = (libm::log(s), libm::log(up), libm::log(down));
    let one = |(&(x, e), q): (&(f64, f64), &f64)| {
        if x == f64::NEG_INFINITY {
            return if log { (x, 0.0) } else { (0.0, 0.0) };
        }
        let d = m - x + 2.0 * emax;
        let local = 3.0 * u * d + shared;
        if log {
            let y = x - m - log_s;
            let prop = (e + log_up).max(e - log_down);
            return (y, prop + local + (kl + 2.0 * u) * (y.abs() + prop));
        }
        let y = q / s;
        let exp = |e: f64| if e == 0.0 { 1.0 } else { libm::exp(e) };
        let prop = (exp(e) / down - 1.0).max(1.0 - exp(-e) / up);
        let r = y * (prop + local * (1.0 + prop)) + tiny;
        (y, if r.is_nan() { 1.0 } else { r.min(1.0) })
    };
    row.iter().zip(&p).map(one).collect()
}

/// Mean, variance and normalised elements of one set.
#[derive(Clone, Debug)]
pub struct Normalised {
    /// Mean and its radius.
    pub mean: (f64, f64),
    /// Variance (or mean square) and its radius.
    pub var: (f64, f64),
    /// `1/sqrt(var + eps)` and its radius.
    pub inv: (f64, f64),
    /// `(x - mean) inv` and its radius, element by element.
    pub y: Vec<(f64, f64)>,
    /// NaN is reachable.
    pub nan: bool,
}

/// `(x - mean) / sqrt(var + eps)` over a set; without centring, `x / sqrt(mean(x^2) + eps)`.
///
/// Variance: with `ei = e(1-1/N) + mean of other e` (what each deviation inherits) and `c = gamma_{N+1} mean|x|` (the error of the
/// computed mean, the same for all): deviations from the true mean sum to 0, so `c` enters their mean square as `c^2` alone;
/// propagated `mean(2|d| ei + ei^2) + c^2`, local `gamma_{N+4} (mean(|d|+ei)^2 + c^2)` (`u` twice for the subtraction). Each
/// deviation itself errs by `ed = ei + c + u(|d| + ei + c)` (one-pass contracts: `gamma_{N+3} mean x^2` twice more). With `A = var + eps`:
/// `er = (A-eA)^(-1/2) - A^(-1/2)`, infinite if `eA >= A`; `ey = |d| er + r ed + er ed`, local `2u k_rsqrt` and `2u`; and always
/// `|y0| <= sqrt(N-1)`, so `ey <= 2 sqrt(N)`.
pub fn normalise(
    cx: &EvalCx<'_>,
    dtype: DType,
    x: &[(f64, f64)],
    eps: f64,
    centre: bool,
    one_pass: bool,
) -> Normalised {
    let n = x.len() as f64;
    let u = cx.u(dtype);
    let mean = if centre { x.iter().map(|p| p.0).sum::<f64>() / n } else { 0.0 };
    let (sum_e, mean_abs) = (x.iter().map(|p| p.1).sum::<f64>(), x.iter().map(|p| p.0.abs() + p.1).sum::<f64>() / n);
    // The mean of subnormals is rounded to one; a larger sum loses nothing.
    let common = if centre { cx.gamma(n + 1.0, u) * mean_abs + cx.underflow(mean_abs, 2.0, dtype) } else { 0.0 };
    let mean_e = if centre { sum_e / n + common } else { 0.0 };
    let inherited = |e: f64| if centre { e * (1.0 - 1.0 / n) + (sum_e - e) / n } else { e };
    let d: Vec<(f64, f64)> = x
        .iter()
        .map(|&(v, e)| {
            let d = v - mean;
            if !centre {
                return (d, e);
            }
            let ed = inherited(e) + common;
            (d, ed + u * (d.abs() + ed))
        })
        .collect();
    let var = d.iter().map(|p| p.0 * p.0).sum::<f64>() / n;
    let (mut prop, mut wide) = (0.0, 0.0);
    for (p, &(_, e)) in d.iter().zip(x) {
        let (d, ei) = (p.0.abs(), inherited(e));
        prop += 2.0 * d * ei + ei * ei;
        wide += (d + ei) * (d + ei);
    }
    let (prop, wide) = (prop / n + common * common, wide / n + common * common);
    let mut ev = prop + cx.gamma(if centre { n + 4.0 } else { n + 2.0 }, u) * wide;
    if one_pass || cx.contract.one_pass_variance {
        ev += 2.0 * cx.gamma(n + 3.0, u) * x.iter().map(|p| (p.0.abs() + p.1) * (p.0.abs() + p.1)).sum::<f64>() / n;
    }
    // Squares that underflow.
    let lost = |d: f64| if d == 0.0 { 0.0 } else { cx.underflow((d * d).max(f64::MIN_POSITIVE), 3.0, dtype) };
    ev += d.iter().map(|p| lost(p.0)).fold(0.0, f64::max);
    let square = |x: f64| x * x;
    // Overflow of the sum, of a deviation, or of the sum of squares: the mean, an element or the deviation is infinite.
    let centred = d.iter().map(|p| square(p.0.abs() + p.1)).sum::<f64>();
    let squares = x.iter().map(|p| square(p.0.abs() + p.1)).sum::<f64>();
    let one = one_pass || cx.contract.one_pass_variance;
    let finite = x.iter().all(|p| p.0.is_finite());
    let (plus, minus) = x.iter().fold((0.0, 0.0), |(p, m), q| (p + q.0.max(0.0) + q.1, m + (-q.0).max(0.0) + q.1));
    let over = finite
        && (centre && (cx.may_overflow(plus, n, dtype) || cx.may_overflow(minus, n, dtype))
            || d.iter().any(|p| cx.may_overflow(p.0.abs() + p.1, 1.0, dtype))
            || cx.may_overflow(if one { squares.max(centred) } else { centred }, n + 2.0, dtype));
    let a = var + eps;
    let ea = ev + 2.0 * u * (a + ev);
    let r = 1.0 / libm::sqrt(a);
    let er = if ea < a { 1.0 / libm::sqrt(a - ea) - r } else { f64::INFINITY };
    let er = er + cx.func(Func::Rsqrt, dtype).max(cx.func(Func::Sqrt, dtype) + cx.func(Func::Div, dtype)) * (r + er);
    // Both sides lie within sqrt(N) of 0, the implementation's up to its own roundings.
    let rounded = cx.gamma(n + 8.0, u) + 2.0 * cx.func(Func::Rsqrt, dtype).max(cx.func(Func::Div, dtype));
    let cap = 2.0 * libm::sqrt(n) * (1.0 + rounded);
    let certain = x.iter().all(|p| p.1.is_finite());
    let nan = over
        || x.iter().any(|p| p.1.is_infinite())
        || (ea >= a && !a.is_nan() && a.is_finite() && eps == 0.0 && ea > 0.0);
    let y = d
        .iter()
        .map(|&(d, ed)| {
            let y = d * r;
            if over {
                return (y, f64::INFINITY);
            }
            if !finite && certain {
                // An infinite or NaN element decides: the deviation is infinite or NaN, in every implementation.
                return (y, 0.0);
            }
            if !y.is_finite() {
                return (y, if nan { f64::INFINITY } else { 0.0 });
            }
            let e = d.abs() * er + r * ed + er * ed;
            let e = if e.is_nan() { cap } else { e + 2.0 * u * (y.abs() + e) + cx.underflow(y, 2.0, dtype) };
            (y, e.min(cap))
        })
        .collect();
    Normalised { mean: (mean, mean_e), var: (var, ev), inv: (r, er), y, nan }
}

/// `y g + b` for one element: product and sum at perturbed magnitudes.
pub fn affine(cx: &EvalCx<'_>, dtype: DType, (y, e): (f64, f64), g: (f64, f64), b: Option<(f64, f64)>) -> (f64, f64) {
    let u = cx.u(dtype);
    // Without a bias the sign of a zero stays.
    let v = b.map_or(y * g.0, |b| y * g.0 + b.0);
    let b = b.unwrap_or((0.0, 0.0));
    if !v.is_finite() && e == 0.0 && g.1 == 0.0 && b.1 == 0.0 {
        return (v, 0.0);
    }
    let wide = (y.abs() + e) * (g.0.abs() + g.1);
    if b != (0.0, 0.0) && g != (1.0, 0.0) && y.is_finite() && g.0.is_finite() && cx.may_overflow(wide, 1.0, dtype) {
        return (v, f64::INFINITY);
    }
    let prop = e * (g.0.abs() + g.1) + y.abs() * g.1 + b.1;
    let sum = if b == (0.0, 0.0) { 0.0 } else { u * (v.abs() + prop + u * wide) };
    let product = if g == (1.0, 0.0) { 0.0 } else { u * wide + cx.underflow(wide, 1.0, dtype) };
    (v, prop + product + sum)
}

/// A normalised tensor with scale and bias: sets of elements, and for each element its scale and bias.
struct Plan<'a> {
    x: &'a Bounded,
    sets: Vec<Vec<usize>>,
    scale: Option<(&'a Float, Vec<usize>)>,
    bias: Option<(&'a Float, Vec<usize>)>,
    eps: f64,
    centre: bool,
    one_pass: bool,
}

fn run(cx: &EvalCx<'_>, p: &Plan<'_>) -> OpResult<(Bounded, Vec<Normalised>)> {
    let f = p.x.float()?;
    let n = p.x.elements();
    let (mut v, mut e, mut nan) = (vec![0.0; n], vec![0.0; n], vec![false; n]);
    let mut all = Vec::with_capacity(p.sets.len());
    let get =
        |o: &Option<(&Float, Vec<usize>)>, i: usize| o.as_ref().map(|(f, map)| (f.value[map[i]], f.radius[map[i]]));
    let param_open = |o: &Option<(&Float, Vec<usize>)>, i: usize| {
        o.as_ref().is_some_and(|(f, map)| f.nan.as_ref().is_some_and(|n| n[map[i]]))
    };
    let eps = cx.epsilon(p.eps);
    for set in &p.sets {
        let row: Vec<(f64, f64)> = set.iter().map(|&i| (f.value[i], f.radius[i])).collect();
        let r = normalise(cx, p.x.dtype, &row, eps, p.centre, p.one_pass);
        let flag = r.nan || set.iter().any(|&i| f.nan.as_ref().is_some_and(|n| n[i]));
        for (&i, &y) in set.iter().zip(&r.y) {
            let scale = get(&p.scale, i).unwrap_or((1.0, 0.0));
            let (value, radius) = affine(cx, p.x.dtype, y, scale, get(&p.bias, i));
            let open =
                flag || param_open(&p.scale, i) || param_open(&p.bias, i) || radius.is_nan() || radius.is_infinite();
            (v[i], nan[i]) = (value, open);
            e[i] = if open { f64::INFINITY } else { radius };
        }
        all.push(r);
    }
    Ok((cx.collapsed(p.x.dtype, p.x.dims.clone(), v, e, Some(nan), None), all))
}

fn operand<'a>(
    a: &Args<'a>,
    i: usize,
    map: impl Fn(&Bounded) -> OpResult<Vec<usize>>,
) -> OpResult<Option<(&'a Float, Vec<usize>)>> {
    a.opt(i).map(|s| Ok((s.float()?, map(s)?))).transpose()
}

/// LayerNormalization over the axes from `axis` on; further outputs Mean and InvStdDev (in f32, `stash_type` 1).
pub fn layer(a: &Args<'_>) -> OpResult<Vec<Bounded>> {
    let x = a.x(0)?;
    let ax = axis(a.int("axis")?, x.rank())?;
    let spread = |s: &Bounded| -> OpResult<Vec<usize>> {
        if broadcast(&[&s.dims, &x.dims])? != x.dims {
            return invalid(format!("scale or bias of shape {:?} for {:?}", s.dims, x.dims));
        }
        Ok(broadcast_map(&s.dims, &x.dims))
    };
    let inner = count(&x.dims[ax..]);
    let outer = count(&x.dims[..ax]);
    let sets = (0..outer).map(|o| (o * inner..(o + 1) * inner).collect()).collect();
    let plan = Plan {
        x,
        sets,
        scale: operand(a, 1, spread)?,
        bias: operand(a, 2, spread)?,
        eps: a.f64("epsilon")?,
        centre: a.node.op == Op::LayerNormalization,
        one_pass: false,
    };
    let (y, all) = run(a.cx, &plan)?;
    let dims: Vec<usize> = (0..x.rank()).map(|k| if k < ax { x.dims[k] } else { 1 }).collect();
    let stash = if x.dtype == DType::F64 { DType::F64 } else { DType::F32 };
    let stat = |g: &dyn Fn(&Normalised) -> (f64, f64)| {
        build(a.cx, stash, dims.clone(), all.len(), |i| {
            let (v, e) = g(&all[i]);
            (v, e, all[i].nan)
        })
    };
    Ok(vec![y, stat(&|r| r.mean), stat(&|r| r.inv)])
}

/// RMSNormalization: `x / sqrt(mean(x^2) + eps) * scale` over the axes from `axis` on.
pub fn rms(a: &Args<'_>) -> OpResult<Bounded> {
    Ok(layer(a)?.swap_remove(0))
}

/// GroupNormalization and InstanceNormalization (a group per channel); scale and bias per channel.
pub fn group(a: &Args<'_>) -> OpResult<Bounded> {
    let x = a.x(0)?;
    if x.rank() < 2 {
        return invalid("batch and channel axes are needed");
    }
    let c = x.dims[1];
    let groups =
        if a.node.op == Op::InstanceNormalization { c } else { usize::try_from(a.int("num_groups")?).unwrap_or(0) };
    if groups == 0 && c > 0 || groups > c.max(1) || !c.is_multiple_of(groups.max(1)) {
        return invalid(format!("{c} channels do not divide into {groups} groups"));
    }
    let per = count(&x.dims[1..]) / groups.max(1);
    let sets = (0..x.dims[0] * groups).map(|g| (g * per..(g + 1) * per).collect()).collect();
    let spread = |s: &Bounded| {
        if s.dims != [c] {
            return invalid(format!("scale or bias of shape {:?} for {c} channels", s.dims));
        }
        Ok(super::conv::channel_map(&x.dims))
    };
    let plan = Plan {
        x,
        sets,
        scale: operand(a, 1, spread)?,
        bias: operand(a, 2, spread)?,
        eps: a.f64("epsilon")?,
        centre: true,
        one_pass: false,
    };
    Ok(run(a.cx, &plan)?.0)
}

/// BatchNormalization. Inference: linear, `v = (x - mean) s + beta` with `s = scale/sqrt(var + eps)`,
/// `M = (M_x + |mean|)|s| + |beta|`, `D = D_x + 8`; with parameters that carry errors, these times the other factor's
/// reach. Training: statistics of the batch, further outputs are the running mean and variance (population).
pub fn batch(a: &Args<'_>) -> OpResult<Vec<Bounded>> {
    let x = a.x(0)?;
    if x.rank() < 2 {
        return invalid("batch and channel axes are needed");
    }
    let c = x.dims[1];
    for i in 1..5 {
        if a.x(i)?.dims != [c] {
            return invalid(format!("parameter {i} of shape {:?} for {c} channels", a.x(i)?.dims));
        }
    }
    let map = super::conv::channel_map(&x.dims);
    if a.flag("training_mode")? {
        return batch_training(a, x, map);
    }
    let (f, s, b) = (x.float()?, a.x(1)?.float()?, a.x(2)?.float()?);
    let (mean, var) = (a.x(3)?.float()?, a.x(4)?.float()?);
    let eps = a.cx.epsilon(a.f64("epsilon")?);
    let n = x.elements();
    let mut factor = vec![(0.0, 0.0); c];
    let mut inverse = vec![0.0; c];
    for (k, out) in factor.iter_mut().enumerate() {
        let (v, ev) = (var.value[k] + eps, var.radius[k]);
        let r = 1.0 / libm::sqrt(v);
        let er = if ev == 0.0 {
            0.0
        } else if ev < v {
            1.0 / libm::sqrt(v - ev) - r
        } else {
            f64::INFINITY
        };
        inverse[k] = r;
        *out = (s.value[k] * r, s.radius[k] * (r.abs() + er) + s.value[k].abs() * er);
    }
    let v = (0..n).map(|i| (f.value[i] - mean.value[map[i]]) * factor[map[i]].0 + b.value[map[i]]).collect();
    if !a.cx.bounds {
        return Ok(vec![a.cx.linear(x.dtype, x.dims.clone(), Raw { v, ..Raw::default() })]);
    }
    let (mx, ex) = (f.m(), super::linear::clean(f.eb()));
    let poison = f.poison().unwrap_or_else(|| vec![false; n]);
    let undecided = [s, b, mean, var].map(Float::poison);
    let param = |k: usize| undecided.iter().flatten().any(|m| m[k]) || factor[k].1.is_infinite();
    let params: Vec<bool> = (0..c).map(param).collect();
    // Whether an intermediate of some order overflows (or meets an infinity as 0), and the error of those that underflow.
    let steps: Vec<(bool, f64)> = (0..n)
        .map(|i| {
            let k = map[i];
            let d = (f.value[i] - mean.value[k], f.radius[i] + mean.radius[k]);
            batch_steps(a.cx, x.dtype, d, s.value[k], inverse[k])
        })
        .collect();
    let eb = (0..n).map(|i| {
        let k = map[i];
        let (fk, ek) = factor[k];
        if params[k] {
            return 0.0;
        }
        let own = if ex[i] == 0.0 && mean.radius[k] == 0.0 { 0.0 } else { (ex[i] + mean.radius[k]) * (fk.abs() + ek) };
        let reach = (f.value[i] - mean.value[k]).abs() + if poison[i] { 0.0 } else { f.radius[i] };
        let lost = steps[i].1;
        own + if ek == 0.0 { 0.0 } else { reach * ek } + b.radius[k] + lost
    });
    let size = |x: f64| if x.is_finite() { x.abs() } else { 0.0 };
    let raw = Raw {
        v,
        eb: eb.collect(),
        m: (0..n)
            .map(|i| {
                let (k, (f, ef)) = (map[i], factor[map[i]]);
                let wide = size(f) + if params[k] { 0.0 } else { ef };
                (mx[i] + size(mean.value[k])) * wide + size(b.value[k])
            })
            .collect(),
        d: f.d() + 8.0,
        underflows: 0.0,
        grid: None,
        poison: Some((0..n).map(|i| poison[i] || params[map[i]] || steps[i].0).collect()),
        ..Raw::default()
    };
    Ok(vec![a.cx.linear(x.dtype, x.dims.clone(), raw)])
}

/// One element `d s r` of batch normalisation, `d = x - mean`, in any order: whether the result is open since a partial
/// product overflows or (beside an infinity) vanishes, and the absolute error of partial products that underflow.
fn batch_steps(cx: &EvalCx<'_>, dtype: DType, (d, e): (f64, f64), s: f64, r: f64) -> (bool, f64) {
    if d.is_nan() || s.is_nan() || r.is_nan() {
        return (false, 0.0);
    }
    let (s, top) = (s.abs(), d.abs() + e);
    if !(d.is_finite() && s.is_finite() && r.is_finite()) {
        // Folded into a scale and a bias the infinity may meet its like, or a factor that vanishes.
        let vanishes = |x: f64| x != 0.0 && x < 2.0 * cx.eta(cx.acc(dtype));
        return (!r.is_finite() || !s.is_finite() || vanishes(s * r), 0.0);
    }
    let over = [top, s * r, top * s, top * r].into_iter().any(|x| cx.may_overflow(x, 2.0, dtype));
    let lost = |x: f64, by: f64| cx.underflow(x, 1.0, dtype) * by;
    (over, lost(s * r, top) + lost(d * s, r) + lost(d * r, s))
}

fn batch_training(a: &Args<'_>, x: &Bounded, map: Vec<usize>) -> OpResult<Vec<Bounded>> {
    let reduced: Vec<usize> = (0..x.rank()).filter(|&k| k != 1).collect();
    let sets = Groups::new(a.cx, &x.dims, &reduced, false)?.members();
    let plan = Plan {
        x,
        sets,
        scale: Some((a.x(1)?.float()?, map.clone())),
        bias: Some((a.x(2)?.float()?, map)),
        eps: a.f64("epsilon")?,
        centre: true,
        one_pass: false,
    };
    let (y, all) = run(a.cx, &plan)?;
    let m = a.f64("momentum")?;
    let u = a.cx.u(x.dtype);
    let running = |i: usize, g: &dyn Fn(&Normalised) -> (f64, f64)| -> OpResult<Bounded> {
        let old = a.x(i)?;
        let f = old.float()?;
        Ok(build(a.cx, old.dtype, old.dims.clone(), all.len(), |k| {
            let (v, e) = g(&all[k]);
            let y = f.value[k] * m + v * (1.0 - m);
            let big = f.value[k].abs() * m.abs() + (v.abs() + e) * (1.0 - m).abs();
            (y, f.radius[k] * m.abs() + e * (1.0 - m).abs() + a.cx.gamma(4.0, u) * big, all[k].nan)
        }))
    };
    Ok(vec![y, running(3, &|r| r.mean)?, running(4, &|r| r.var)?])
}

/// LpNormalization: `x / ||x||_p` along an axis, p 1 or 2; a line of zeros stays zero.
pub fn lp(a: &Args<'_>) -> OpResult<Bounded> {
    let x = a.x(0)?;
    let f = x.float()?;
    let ax = axis(a.int("axis")?, x.rank())?;
    let p = a.int("p")? as f64;
    let n = x.elements();
    let (mut v, mut e, mut nan) = (vec![0.0; n], vec![0.0; n], vec![false; n]);
    for line in lines(&x.dims, ax) {
        let (norm, en, flag) = super::pool::p_norm(a.cx, x.dtype, f, &line, p);
        for &i in &line {
            if norm == 0.0 && en == 0.0 {
                continue;
            }
            let (y, r, m) = super::elementwise::quotient(a.cx, x.dtype, (f.value[i], f.radius[i]), (norm, en));
            // |x_i| <= ||x||: correlated, so never beyond 1.
            let over = norm.is_finite() && a.cx.may_overflow(norm + en, line.len() as f64, x.dtype);
            let open = flag || m || over;
            (v[i], e[i], nan[i]) = (y, if open && y.is_nan() || over { f64::INFINITY } else { r.min(2.0) }, open);
        }
    }
    Ok(a.cx.collapsed(x.dtype, x.dims.clone(), v, e, Some(nan), None))
}

/// MeanVarianceNormalization (ONNX 13's function body): `(x - E x) / (sqrt(E x^2 - (E x)^2) + 1e-9)`; the one-pass variance is
/// part of the definition, so its cancellation is legal.
pub fn mean_variance(a: &Args<'_>) -> OpResult<Bounded> {
    let x = a.x(0)?;
    let ax = axes(a.int_list("axes").unwrap_or(&[0, 2, 3]), x.rank())?;
    let sets = Groups::new(a.cx, &x.dims, &ax, true)?.members();
    let plan = Plan { x, sets, scale: None, bias: None, eps: 0.0, centre: true, one_pass: true };
    let inner = unstored(a.cx.contract);
    let (_, all) = run(&EvalCx { contract: &inner, ..*a.cx }, &plan)?;
    let sets = plan.sets;
    let n = x.elements();
    let (mut v, mut e, mut nan) = (vec![0.0; n], vec![0.0; n], vec![false; n]);
    for (set, r) in sets.iter().zip(&all) {
        for (&i, y) in set.iter().zip(&r.y) {
            // x / (s + c) = (x / s) / (1 + c / s)
            let c = 1.0 + 1e-9 * r.inv.0;
            v[i] = y.0 / c;
            e[i] = y.1 + 4.0 * a.cx.u(x.dtype) * (y.0.abs() + y.1);
            nan[i] = r.nan;
        }
    }
    Ok(a.cx.collapsed(x.dtype, x.dims.clone(), v, e, Some(nan), None))
}

/// LRN: `x / (bias + alpha/size sum x^2)^beta` over `size` channels around.
///
/// `b` has `gamma_{size+4}` of its (positive) terms; then the hull of the power, `2u k_pow` and a division.
pub fn lrn(a: &Args<'_>) -> OpResult<Bounded> {
    let x = a.x(0)?;
    let f = x.float()?;
    if x.rank() < 3 {
        return invalid("batch, channel and spatial axes are needed");
    }
    let size = a.int("size")?;
    let (alpha, beta, bias) = (a.f64("alpha")?, a.f64("beta")?, a.f64("bias")?);
    if size < 1 {
        return invalid("a size below 1");
    }
    let (_, c, inner) = split_at_axis(&x.dims, 1);
    let (before, after) = ((size - 1) / 2, size - 1 - (size - 1) / 2);
    let u = a.cx.u(x.dtype);
    Ok(build(a.cx, x.dtype, x.dims.clone(), x.elements(), |i| {
        let ch = (i / inner % c) as i64;
        let base = i - ch as usize * inner;
        let (mut s, mut wide) = (0.0, 0.0);
        let mut flag = false;
        for k in (ch - before).max(0)..=(ch + after).min(c as i64 - 1) {
            let j = base + k as usize * inner;
            let (v, e) = (f.value[j].abs(), f.radius[j]);
            s += v * v;
            wide += (v + e) * (v + e);
            flag |= f.nan.as_ref().is_some_and(|n| n[j]) || e.is_infinite();
        }
        let b = bias + alpha / size as f64 * s;
        let top = bias.abs() + alpha.abs() / size as f64 * wide;
        let eb = alpha.abs() / size as f64 * (wide - s) + a.cx.gamma(size as f64 + 4.0, u) * top;
        let z = libm::pow(b, beta);
        if a.cx.may_overflow(wide.max(top), size as f64 + 4.0, x.dtype) {
            return (f.value[i] / z, f64::INFINITY, true);
        }
        if !z.is_finite() || b - eb <= 0.0 {
            return (f.value[i] / z, if f.value[i].is_nan() { 0.0 } else { f64::INFINITY }, true);
        }
        let ez = hull_radius(z, libm::pow(b - eb, beta), libm::pow(b + eb, beta));
        let ez = ez + a.cx.func(Func::Pow, x.dtype) * (z + ez);
        let (q, e, n) = super::elementwise::quotient(a.cx, x.dtype, (f.value[i], f.radius[i]), (z, ez));
        (q, e, n || flag)
    }))
}
