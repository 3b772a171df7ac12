//! Operators that choose elements by index: gather, scatter, one-hot, top-k, and those whose shape depends on data.
//!
//! Indices that are decided move elements unchanged. An undecided index of Gather gives the hull over its candidates
//! (NUMERICS.md 3.3); elsewhere it is `unsupported`, as is a result shape that depends on an undecided value.

use super::elementwise::{hull_radius, unzip};
use super::reduce::lines;
use crate::cx::Args;
use crate::error::{OpResult, invalid, unsupported};
use crate::hypothesis::Hypothesis;
use crate::index::{Odometer, axis, count, split_at_axis, strides};
use crate::value::{Bounded, Data, Float, Int};
use ir::DType;

/// A possibly negative index below `n`.
fn position(i: i128, n: usize) -> OpResult<usize> {
    let m = n as i128;
    if i < -m || i >= m {
        return invalid(format!("index {i} is outside of an axis of {n}"));
    }
    Ok(if i < 0 { i + m } else { i } as usize)
}

fn decided(idx: &Bounded) -> OpResult<&[i128]> {
    let i = idx.int()?;
    if i.hull.is_some() { unsupported("an undecided index") } else { Ok(&i.value) }
}

/// Gather: whole slices along an axis.
pub fn gather(a: &Args<'_>) -> OpResult<Bounded> {
    let (x, idx) = (a.x(0)?, a.x(1)?);
    let ax = axis(a.int("axis")?, x.rank())?;
    let (outer, n, inner) = split_at_axis(&x.dims, ax);
    let i = idx.int()?;
    let mut dims = x.dims[..ax].to_vec();
    dims.extend(&idx.dims);
    dims.extend(&x.dims[ax + 1..]);
    let total = a.cx.alloc(&dims)?;
    let clamp = a.cx.hyp(Hypothesis::NegativeIndexClamped);
    let mut src = Vec::with_capacity(total);
    for o in 0..outer {
        for &k in &i.value {
            let p = position(if clamp { k.max(0) } else { k }, n)?;
            src.extend((o * n + p) * inner..(o * n + p + 1) * inner);
        }
    }
    let mut y = x.take(&src, dims);
    for (k, &v) in i.value.iter().enumerate() {
        let (lo, hi) = i.range(k);
        for c in (lo..=hi).filter(|&c| c != v) {
            let p = match position(c, n) {
                Ok(p) => p,
                Err(_) => return unsupported("an undecided index that may be out of range"),
            };
            for o in 0..outer {
                for j in 0..inner {
                    widen(&mut y, (o * i.value.len() + k) * inner + j, x, (o * n + p) * inner + j);
                }
            }
        }
    }
    Ok(y)
}

/// Widens element `at` so that it covers element `from` of `x`.
pub fn widen(y: &mut Bounded, at: usize, x: &Bounded, from: usize) {
    match (&mut y.data, &x.data) {
        (Data::Float(f), Data::Float(g)) => {
            let r = hull_radius(f.value[at], g.lo(from), g.hi(from));
            f.radius[at] = f.radius[at].max(r);
            f.linear = None;
            f.grid = None;
            if g.may_nan(from) {
                let n = f.value.len();
                f.nan.get_or_insert_with(|| vec![false; n])[at] = true;
            }
        }
        (Data::Int(f), Data::Int(g)) => {
            let (lo, hi) = g.range(from);
            let h = f.hull.get_or_insert_with(|| f.value.iter().map(|&v| (v, v)).collect());
            h[at] = (h[at].0.min(lo), h[at].1.max(hi));
        }
        _ => {}
    }
}

/// For each coordinate of `idx`, the element of `x` whose coordinate along `ax` is the index.
fn along(x: &Bounded, idx: &Bounded, ax: usize) -> OpResult<Vec<usize>> {
    let fits = idx.rank() == x.rank() && (0..x.rank()).all(|k| k == ax || idx.dims[k] <= x.dims[k]);
    if !fits {
        return invalid(format!("indices of shape {:?} for data of shape {:?}", idx.dims, x.dims));
    }
    let v = decided(idx)?;
    let st = strides(&x.dims);
    let mut out = Vec::with_capacity(v.len());
    let mut odo = Odometer::new(&idx.dims);
    while let Some(c) = odo.next() {
        let p = position(v[out.len()], x.dims[ax])?;
        out.push((0..c.len()).map(|k| if k == ax { p } else { c[k] } * st[k]).sum());
    }
    Ok(out)
}

/// GatherElements.
pub fn gather_elements(a: &Args<'_>) -> OpResult<Bounded> {
    let (x, idx) = (a.x(0)?, a.x(1)?);
    let ax = axis(a.int("axis")?, x.rank())?;
    Ok(x.take(&along(x, idx, ax)?, idx.dims.clone()))
}

/// First elements of the slices that index tuples name: batch extents, tuple length, slice length.
fn tuples(x: &Bounded, idx: &Bounded, batch: usize) -> OpResult<(Vec<usize>, usize, Vec<usize>)> {
    let Some(&depth) = idx.dims.last() else { return invalid("indices of rank 0") };
    if batch >= idx.rank() || batch + depth > x.rank() || x.dims[..batch] != idx.dims[..batch] {
        return invalid(format!("indices of shape {:?} for data of shape {:?}", idx.dims, x.dims));
    }
    let v = decided(idx)?;
    let st = strides(&x.dims);
    let slice = count(&x.dims[batch + depth..]);
    let per_batch = count(&idx.dims[batch..idx.rank() - 1]);
    let block: usize = count(&x.dims[batch..]);
    let rows = count(&idx.dims[..idx.rank() - 1]);
    let mut first = Vec::with_capacity(rows);
    for t in 0..rows {
        let mut at = t / per_batch.max(1) * block;
        for k in 0..depth {
            at += position(v[t * depth + k], x.dims[batch + k])? * st[batch + k];
        }
        first.push(at);
    }
    let mut dims = idx.dims[..idx.rank() - 1].to_vec();
    dims.extend(&x.dims[batch + depth..]);
    Ok((first, slice, dims))
}

/// GatherND.
pub fn gather_nd(a: &Args<'_>) -> OpResult<Bounded> {
    let (x, idx) = (a.x(0)?, a.x(1)?);
    let batch = usize::try_from(a.int("batch_dims")?).or_else(|_| invalid("negative batch_dims"))?;
    let (first, slice, dims) = tuples(x, idx, batch)?;
    a.cx.alloc(&dims)?;
    let src: Vec<usize> = first.iter().flat_map(|&f| f..f + slice).collect();
    Ok(x.take(&src, dims))
}

/// ScatterElements, ScatterND: `none` (the last update of a place wins), `add`, `mul`, `min`, `max`.
///
/// Reductions on floats: order free, so `gamma_n` over all updates of a place; min and max are hulls.
pub fn scatter(a: &Args<'_>) -> OpResult<Bounded> {
    let (x, idx, upd) = (a.x(0)?, a.x(1)?, a.x(2)?);
    let target: Vec<usize> = if a.node.op == ir::Op::ScatterElements {
        if idx.dims != upd.dims {
            return invalid("indices and updates differ in shape");
        }
        along(x, idx, axis(a.int("axis")?, x.rank())?)?
    } else {
        let (first, slice, dims) = tuples(x, idx, 0)?;
        if dims != upd.dims {
            return invalid(format!("updates of shape {:?}, expected {dims:?}", upd.dims));
        }
        first.iter().flat_map(|&f| f..f + slice).collect()
    };
    let pool = Bounded::pool(&[x, upd])?;
    let n = x.elements();
    let mode = a.str("reduction")?;
    let mut lists: Vec<Vec<usize>> = (0..n).map(|i| vec![i]).collect();
    for (k, &t) in target.iter().enumerate() {
        if mode == "none" {
            lists[t][0] = n + k;
        } else {
            lists[t].push(n + k);
        }
    }
    match (mode, &pool.data) {
        ("none", _) => Ok(pool.take(&lists.iter().map(|l| l[0]).collect::<Vec<_>>(), x.dims.clone())),
        ("add" | "mul" | "min" | "max", Data::Int(v)) => {
            let f = |p: i128, q: i128| match mode {
                "add" => p.wrapping_add(q),
                "mul" => crate::round::wrap(p.wrapping_mul(q), x.dtype),
                "min" => p.min(q),
                _ => p.max(q),
            };
            let fold = |l: &Vec<usize>| l[1..].iter().fold(v.value[l[0]], |s, &i| f(s, v.value[i]));
            let out = lists.iter().map(|l| crate::round::wrap(fold(l), x.dtype)).collect();
            let open = |t: usize| lists[t].iter().any(|&i| v.open(i));
            Ok(Bounded::from_int(x.dtype, x.dims.clone(), Int::with_open(out, x.dtype, open)))
        }
        ("add" | "mul" | "min" | "max", Data::Float(f)) => {
            let (v, e, nan) = unzip(n, |t| fold_floats(a, x.dtype, f, &lists[t], mode));
            let untouched = lists.iter().all(|l| l.len() == 1);
            Ok(a.cx.collapsed(x.dtype, x.dims.clone(), v, e, Some(nan), if untouched { f.grid } else { None }))
        }
        (m, _) => invalid(format!("unknown reduction `{m}`")),
    }
}

/// A product in any order may leave the range on the way, or lose bits to underflow that a later factor makes visible: the
/// factors above 1 on one side, those below on the other. A NaN among the operands of `min` and `max` is the
/// result of numpy, but not of all implementations.
fn fold_floats(a: &Args<'_>, dtype: DType, f: &Float, l: &[usize], mode: &str) -> (f64, f64, bool) {
    let flag = l.iter().any(|&i| f.nan.as_ref().is_some_and(|n| n[i]));
    if l.len() == 1 {
        return (f.value[l[0]], f.radius[l[0]], flag);
    }
    let (u, acc) = (a.cx.u(dtype), a.cx.acc(dtype));
    let all = |start: f64, g: &dyn Fn(f64, usize) -> f64| l.iter().fold(start, |s, &i| g(s, i));
    let wide = |i: usize| f.value[i].abs() + f.radius[i];
    let n = l.len() as f64 - 1.0;
    let special = l.iter().any(|&i| !f.value[i].is_finite() || f.open(i));
    let (v, e) = match mode {
        "add" => {
            let (v, m) = (all(0.0, &|s, i| s + f.value[i]), all(0.0, &|s, i| s + wide(i)));
            if !special && a.cx.may_overflow(m, n, dtype) {
                return (0.0, f64::INFINITY, true);
            }
            (v, all(0.0, &|s, i| s + f.radius[i]) + a.cx.gamma(n, u) * m)
        }
        "mul" => {
            let (v, m) = (all(1.0, &|s, i| s * f.value[i]), all(1.0, &|s, i| s * wide(i)));
            let large = all(1.0, &|s, i| s * wide(i).max(1.0));
            let small = all(1.0, &|s, i| s * f.value[i].abs().min(1.0));
            let vanishes = small < acc.min_normal();
            // Beside an infinity, a factor that may be 0 and an underflow on the way make NaN.
            let zero = l.iter().any(|&i| f.radius[i] > 0.0 && f.value[i].abs() <= f.radius[i]);
            if special && (vanishes || zero) || !special && a.cx.may_overflow(large, n, dtype) {
                return (0.0, f64::INFINITY, true);
            }
            let lost = if vanishes { n * a.cx.eta(acc) * large } else { 0.0 };
            (v, m - v.abs() + a.cx.gamma(n, u) * m + lost)
        }
        _ if l.iter().any(|&i| f.value[i].is_nan()) => return (0.0, f64::INFINITY, true),
        _ => {
            let max = mode == "max";
            let pick = |p: f64, q: f64| if max { p.max(q) } else { p.min(q) };
            let start = if max { f64::NEG_INFINITY } else { f64::INFINITY };
            let v = all(start, &|s, i| pick(s, f.value[i]));
            (v, hull_radius(v, all(start, &|s, i| pick(s, f.lo(i))), all(start, &|s, i| pick(s, f.hi(i)))))
        }
    };
    let open = e.is_nan() && v.is_finite();
    (v, if e.is_nan() { if open { f64::INFINITY } else { 0.0 } } else { e }, flag || open)
}

/// TensorScatter: writes `update` into `past` along an axis from per-batch positions; `circular` wraps around.
pub fn tensor_scatter(a: &Args<'_>) -> OpResult<Bounded> {
    let (past, upd) = (a.x(0)?, a.x(1)?);
    let ax = axis(a.int("axis")?, past.rank())?;
    let fits = past.rank() == upd.rank() && (0..past.rank()).all(|k| k == ax || past.dims[k] == upd.dims[k]);
    if !fits || ax == 0 {
        return invalid(format!("update of shape {:?} for a cache of shape {:?}", upd.dims, past.dims));
    }
    let start = a.opt_ints(2)?.unwrap_or_else(|| vec![0; past.dims[0]]);
    if start.len() != past.dims[0] {
        return invalid("one write index per batch is needed");
    }
    let circular = match a.str("mode")? {
        "circular" => true,
        "linear" => false,
        m => return invalid(format!("unknown mode `{m}`")),
    };
    let pool = Bounded::pool(&[past, upd])?;
    let mut src: Vec<usize> = (0..past.elements()).collect();
    let st = strides(&past.dims);
    let mut odo = Odometer::new(&upd.dims);
    let mut k = past.elements();
    while let Some(c) = odo.next() {
        let p = start[c[0]].saturating_add(c[ax] as i64);
        let n = past.dims[ax] as i64;
        let p = if circular { p.rem_euclid(n.max(1)) } else { p };
        if p < 0 || p >= n {
            return invalid(format!("position {p} is outside of the cache"));
        }
        let at: usize = (0..c.len()).map(|d| if d == ax { p as usize } else { c[d] } * st[d]).sum();
        src[at] = k;
        k += 1;
    }
    Ok(pool.take(&src, past.dims.clone()))
}

/// OneHot: operands indices, depth, [off, on]; indices outside of `[-depth, depth)` give a line of `off`.
pub fn one_hot(a: &Args<'_>) -> OpResult<Bounded> {
    let (idx, depth, values) = (a.x(0)?, a.x(1)?, a.x(2)?);
    let whole = |b: &Bounded| -> OpResult<Vec<i128>> {
        match &b.data {
            Data::Int(_) => Ok(decided(b)?.to_vec()),
            Data::Float(f) if f.radius.iter().all(|&e| e == 0.0) => Ok(f.value.iter().map(|&v| v as i128).collect()),
            Data::Float(_) => unsupported("an undecided index"),
        }
    };
    let d = match whole(depth)?[..] {
        [d] if d >= 0 => usize::try_from(d).unwrap_or(usize::MAX),
        _ => return invalid("depth has to be one number that is not negative"),
    };
    if values.elements() != 2 {
        return invalid("values have to be two elements");
    }
    let rank = idx.rank() + 1;
    let ax = axis(a.int("axis")?, rank)?;
    let mut dims = idx.dims.clone();
    dims.insert(ax, d);
    let n = a.cx.alloc(&dims)?;
    let (_, _, inner) = split_at_axis(&dims, ax);
    let i = whole(idx)?;
    let src: Vec<usize> = (0..n)
        .map(|p| {
            let (o, k, j) = (p / (inner * d), p / inner % d, p % inner);
            let v = i[o * inner + j];
            let v = if v < 0 { v + d as i128 } else { v };
            usize::from(v == k as i128)
        })
        .collect();
    Ok(values.take(&src, dims))
}

/// TopK: values and indices along an axis, ties to the lower index.
///
/// The i-th value lies between the i-th largest lower end and the i-th largest upper end; its index is one of the elements
/// whose ball meets that interval.
pub fn top_k(a: &Args<'_>) -> OpResult<Vec<Bounded>> {
    let x = a.x(0)?;
    let ax = axis(a.int("axis")?, x.rank())?;
    let k = usize::try_from(a.scalar_int(1)?).or_else(|_| invalid("a negative k"))?;
    if k > x.dims[ax] {
        return invalid(format!("the {k} largest of {}", x.dims[ax]));
    }
    let largest = a.flag("largest")?;
    let mut dims = x.dims.clone();
    dims[ax] = k;
    let n = count(&dims);
    let (outer, _, inner) = split_at_axis(&dims, ax);
    let (mut src, mut idx, mut hull) = (vec![0; n], vec![0i128; n], vec![(0i128, 0i128); n]);
    let mut radius = vec![0.0; n];
    for (l, line) in lines(&x.dims, ax).iter().enumerate() {
        let (o, j) = (l / inner.max(1), l % inner.max(1));
        debug_assert!(o < outer || k == 0);
        let ranked = rank_line(x, line, largest)?;
        for (r, e) in ranked.iter().take(k).enumerate() {
            let at = (o * k + r) * inner + j;
            (src[at], idx[at], hull[at], radius[at]) =
                (line[e.at], e.at as i128, (e.first as i128, e.last as i128), e.radius);
        }
    }
    let mut v = x.take(&src, dims.clone());
    if let Data::Int(i) = &mut v.data {
        *i = Int::with_open(std::mem::take(&mut i.value), x.dtype, |i| radius[i].is_infinite());
    }
    if let Data::Float(f) = &mut v.data {
        if radius.iter().any(|&e| e != 0.0) {
            f.linear = None;
        }
        for i in (0..n).filter(|&i| radius[i].is_infinite()) {
            f.value[i] = 0.0;
            f.nan.get_or_insert_with(|| vec![false; n])[i] = true;
        }
        f.radius = radius;
    }
    Ok(vec![v, Bounded::from_int(DType::I64, dims, Int::with_hull(idx, hull))])
}

struct Ranked {
    at: usize,
    first: usize,
    last: usize,
    radius: f64,
}

fn rank_line(x: &Bounded, line: &[usize], largest: bool) -> OpResult<Vec<Ranked>> {
    let n = line.len();
    let mut order: Vec<usize> = (0..n).collect();
    let f = match &x.data {
        Data::Int(v) => {
            let key = |i: usize| if largest { -v.value[line[i]] } else { v.value[line[i]] };
            order.sort_by_key(|&i| key(i));
            // An undecided element may stand anywhere, and shifts all others.
            let open = line.iter().any(|&i| v.open(i));
            let (most, radius) = if open { (n - 1, f64::INFINITY) } else { (0, 0.0) };
            let ranked =
                |at: usize| Ranked { at, first: if open { 0 } else { at }, last: if open { most } else { at }, radius };
            return Ok(order.into_iter().map(ranked).collect());
        }
        Data::Float(f) => f,
    };
    let sign = if largest { -1.0 } else { 1.0 };
    // NaN ranks as larger than everything (numpy, torch).
    let total = |a: f64, b: f64| match (a.is_nan(), b.is_nan()) {
        (true, true) => std::cmp::Ordering::Equal,
        (true, false) => {
            if largest {
                std::cmp::Ordering::Less
            } else {
                std::cmp::Ordering::Greater
            }
        }
        (false, true) => {
            if largest {
                std::cmp::Ordering::Greater
            } else {
                std::cmp::Ordering::Less
            }
        }
        (false, false) => (sign * a).partial_cmp(&(sign * b)).unwrap_or(std::cmp::Ordering::Equal),
    };
    order.sort_by(|&i, &j| total(f.value[line[i]], f.value[line[j]]));
    let alone = |at: usize| Ranked { at, first: at, last: at, radius: 0.0 };
    if line.iter().all(|&i| f.radius[i] == 0.0 && (f.value[i].is_nan() || !f.may_nan(i))) {
        return Ok(order.into_iter().map(alone).collect());
    }
    if line.iter().any(|&i| f.open(i) || f.may_nan(i) && !f.value[i].is_nan()) {
        // An element that may be NaN may stand anywhere, and shifts all others.
        let open = |at: usize| Ranked { at, first: 0, last: n - 1, radius: f64::INFINITY };
        return Ok(order.into_iter().map(open).collect());
    }
    let sorted = |g: &dyn Fn(usize) -> f64| {
        let mut v: Vec<f64> = line.iter().map(|&i| g(i)).collect();
        v.sort_by(|a, b| total(*a, *b));
        v
    };
    let (lo, hi) = (sorted(&|i| f.lo(i)), sorted(&|i| f.hi(i)));
    let ranked = |(r, at): (usize, usize)| {
        if f.value[line[at]].is_nan() {
            return alone(at);
        }
        let meets = |&i: &usize| f.lo(line[i]) <= hi[r] && f.hi(line[i]) >= lo[r];
        let c: Vec<usize> = (0..n).filter(meets).collect();
        let radius = hull_radius(f.value[line[at]], lo[r], hi[r]);
        Ranked { at, first: c.first().copied().unwrap_or(0), last: c.last().copied().unwrap_or(n - 1), radius }
    };
    Ok(order.into_iter().enumerate().map(ranked).collect())
}

/// Which elements are not zero; an error where that is undecided.
fn truth(x: &Bounded) -> OpResult<Vec<bool>> {
    match &x.data {
        Data::Int(v) if v.hull.is_none() => Ok(v.value.iter().map(|&v| v != 0).collect()),
        Data::Float(f)
            if f.nan.is_none() && (0..f.value.len()).all(|i| f.radius[i] == 0.0 || f.lo(i) > 0.0 || f.hi(i) < 0.0) =>
        {
            Ok(f.value.iter().map(|&v| v != 0.0).collect())
        }
        _ => unsupported("a shape that depends on an undecided value"),
    }
}

/// NonZero: coordinates, one row per axis (none for a scalar).
pub fn non_zero(a: &Args<'_>) -> OpResult<Bounded> {
    let x = a.x(0)?;
    let dims = x.dims.clone();
    let hits: Vec<usize> = truth(x)?.iter().enumerate().filter(|(_, t)| **t).map(|(i, _)| i).collect();
    let st = strides(&dims);
    let v: Vec<i64> =
        (0..dims.len()).flat_map(|k| hits.iter().map(|&i| (i / st[k] % dims[k]) as i64).collect::<Vec<_>>()).collect();
    Ok(Bounded::from_i64(vec![dims.len(), hits.len()], v.into_iter()))
}

/// Compress: slices along an axis (elements of the flat data without) where the condition holds.
pub fn compress(a: &Args<'_>) -> OpResult<Bounded> {
    let (x, c) = (a.x(0)?, truth(a.x(1)?)?);
    let flat = x.reshaped(vec![x.elements()])?;
    let (x, ax) = match a.node.attrs.int("axis") {
        Some(k) => (x, axis(k, x.rank())?),
        None => (&flat, 0),
    };
    let (outer, n, inner) = split_at_axis(&x.dims, ax);
    if c.len() > n {
        return invalid("the condition is longer than the axis");
    }
    let keep: Vec<usize> = (0..c.len()).filter(|&i| c[i]).collect();
    let src: Vec<usize> =
        (0..outer).flat_map(|o| keep.iter().flat_map(move |&k| (o * n + k) * inner..(o * n + k + 1) * inner)).collect();
    let mut dims = x.dims.clone();
    dims[ax] = keep.len();
    Ok(x.take(&src, dims))
}

/// Unique: distinct elements (or slices along `axis`), first indices, inverse, counts; ascending if `sorted`.
pub fn unique(a: &Args<'_>) -> OpResult<Vec<Bounded>> {
    let x = a.x(0)?;
    let key = |i: usize| -> OpResult<i128> {
        match &x.data {
            Data::Int(v) if v.hull.is_none() => Ok(v.value[i]),
            Data::Float(f) if f.radius[i] == 0.0 && f.nan.is_none() => {
                // Order-preserving bits; −0 equals +0, NaN last.
                let b = (f.value[i] + 0.0).to_bits() as i64;
                Ok(i128::from(if b < 0 { i64::MIN ^ !b } else { b }))
            }
            _ => unsupported("distinct elements of undecided values"),
        }
    };
    let keys = (0..x.elements()).map(key).collect::<OpResult<Vec<_>>>()?;
    let (outer, n, inner, ax) = match a.node.attrs.int("axis") {
        Some(k) => {
            let ax = axis(k, x.rank())?;
            let (o, n, i) = split_at_axis(&x.dims, ax);
            (o, n, i, Some(ax))
        }
        None => (1, x.elements(), 1, None),
    };
    let slice = |k: usize| -> Vec<i128> {
        (0..outer).flat_map(|o| (0..inner).map(move |j| (o * n + k) * inner + j)).map(|i| keys[i]).collect()
    };
    let mut found: Vec<(Vec<i128>, usize, i64)> = Vec::new();
    let mut which = Vec::with_capacity(n);
    for k in 0..n {
        let s = slice(k);
        let at = found.iter().position(|f| f.0 == s).unwrap_or_else(|| {
            found.push((s, k, 0));
            found.len() - 1
        });
        found[at].2 += 1;
        which.push(at);
    }
    let mut order: Vec<usize> = (0..found.len()).collect();
    if a.flag("sorted")? {
        order.sort_by(|&i, &j| found[i].0.cmp(&found[j].0));
    }
    let mut place = vec![0; order.len()];
    order.iter().enumerate().for_each(|(r, &f)| place[f] = r);
    let m = order.len();
    let src: Vec<usize> = (0..outer)
        .flat_map(|o| {
            order
                .iter()
                .flat_map(|&f| {
                    let k = found[f].1;
                    (o * n + k) * inner..(o * n + k + 1) * inner
                })
                .collect::<Vec<_>>()
        })
        .collect();
    let dims = match ax {
        Some(ax) => {
            let mut d = x.dims.clone();
            d[ax] = m;
            d
        }
        None => vec![m],
    };
    Ok(vec![
        x.take(&src, dims),
        Bounded::from_i64(vec![m], order.iter().map(|&f| found[f].1 as i64)),
        Bounded::from_i64(vec![n], which.iter().map(|&w| place[w] as i64)),
        Bounded::from_i64(vec![m], order.iter().map(|&f| found[f].2)),
    ])
}

/// NonMaxSuppression on exact boxes and scores: greedy by score, ties to the lower index, boxes whose overlap with a kept
/// one exceeds the threshold are dropped. Decisions are made in binary64 on exact data.
pub fn non_max_suppression(a: &Args<'_>) -> OpResult<Bounded> {
    let (boxes, scores) = (a.x(0)?, a.x(1)?);
    let (b, s) = (boxes.float()?, scores.float()?);
    if b.radius.iter().chain(&s.radius).any(|&e| e != 0.0) {
        return unsupported("a selection that depends on undecided values");
    }
    let (&[nb, n, 4], &[sb, classes, sn]) = (&boxes.dims[..], &scores.dims[..]) else {
        return invalid("boxes of shape [batch, n, 4] and scores of shape [batch, classes, n] are needed");
    };
    if nb != sb || n != sn {
        return invalid("boxes and scores differ in batch or number");
    }
    let number = |i: usize| -> OpResult<Option<f64>> {
        a.opt(i).map(|t| Ok(t.float()?.value.first().copied().unwrap_or(0.0))).transpose()
    };
    let most = if a.opt(2).is_some() { a.ints(2)?.first().copied().unwrap_or(0) } else { 0 };
    let (iou, least) = (number(3)?.unwrap_or(0.0), number(4)?);
    let centre = a.flag("center_point_box")?;
    let corner = |batch: usize, i: usize| {
        let v = &b.value[(batch * n + i) * 4..][..4];
        let (y0, x0, y1, x1) = if centre {
            (v[1] - v[3] / 2.0, v[0] - v[2] / 2.0, v[1] + v[3] / 2.0, v[0] + v[2] / 2.0)
        } else {
            (v[0], v[1], v[2], v[3])
        };
        (y0.min(y1), x0.min(x1), y0.max(y1), x0.max(x1))
    };
    let overlap = |p: (f64, f64, f64, f64), q: (f64, f64, f64, f64)| {
        let inter = (p.2.min(q.2) - p.0.max(q.0)).max(0.0) * (p.3.min(q.3) - p.1.max(q.1)).max(0.0);
        let area = |r: (f64, f64, f64, f64)| (r.2 - r.0) * (r.3 - r.1);
        let union = area(p) + area(q) - inter;
        if union > 0.0 { inter / union } else { 0.0 }
    };
    let mut out: Vec<i64> = Vec::new();
    for batch in 0..nb {
        for class in 0..classes {
            let score = |i: usize| s.value[(batch * classes + class) * n + i];
            let mut order: Vec<usize> = (0..n).filter(|&i| least.is_none_or(|l| score(i) > l)).collect();
            order.sort_by(|&i, &j| score(j).total_cmp(&score(i)));
            let mut kept: Vec<usize> = Vec::new();
            for i in order {
                if (kept.len() as i64) < most
                    && kept.iter().all(|&k| overlap(corner(batch, k), corner(batch, i)) <= iou)
                {
                    kept.push(i);
                    out.extend([batch as i64, class as i64, i as i64]);
                }
            }
        }
    }
    Ok(Bounded::from_i64(vec![out.len() / 3, 3], out.into_iter()))
}
