//! Attention and RotaryEmbedding.

use super::elementwise::{add, build, spread};
use super::linear::{Depth, bilinear, mat_shape};
use super::norm::softmax_line;
use super::unary::function_at;
use crate::cx::{Args, EvalCx};
use crate::error::{OpResult, invalid, unsupported};
use crate::index::{broadcast, count};
use crate::value::{Bounded, Data, Float};
use ir::{DType, Op};

/// `[batch, seq, heads*size]` as `[batch, heads, seq, size]`.
fn heads_first(x: &Bounded, heads: i64) -> OpResult<Bounded> {
    let &[b, s, h] = &x.dims[..] else { return Ok(x.clone()) };
    let n = usize::try_from(heads).unwrap_or(0);
    if n == 0 || n > h.max(1) || !h.is_multiple_of(n) {
        return invalid(format!("{heads} heads do not divide {h}"));
    }
    let d = h / n;
    let mut idx = Vec::with_capacity(x.elements());
    for i in 0..b {
        for k in 0..n {
            for t in 0..s {
                idx.extend((i * s + t) * h + k * d..(i * s + t) * h + (k + 1) * d);
            }
        }
    }
    Ok(x.take(&idx, vec![b, n, s, d]))
}

fn heads_last(x: &Bounded) -> Bounded {
    let (b, n, s, d) = (x.dims[0], x.dims[1], x.dims[2], x.dims[3]);
    let mut idx = Vec::with_capacity(x.elements());
    for i in 0..b {
        for t in 0..s {
            for k in 0..n {
                idx.extend(((i * n + k) * s + t) * d..((i * n + k) * s + t + 1) * d);
            }
        }
    }
    x.take(&idx, vec![b, s, n * d])
}

/// Joins a cache and new keys (values) along the sequence.
fn join(past: Option<&Bounded>, x: Bounded) -> OpResult<Bounded> {
    let Some(p) = past else { return Ok(x) };
    let fits = p.rank() == 4 && p.dims[..2] == x.dims[..2] && p.dims[3] == x.dims[3];
    if !fits {
        return invalid(format!("a cache of shape {:?} for {:?}", p.dims, x.dims));
    }
    let pool = Bounded::pool(&[p, &x])?;
    let (np, nx) = (p.dims[2] * p.dims[3], x.dims[2] * x.dims[3]);
    let mut idx = Vec::new();
    for i in 0..p.dims[0] * p.dims[1] {
        idx.extend(i * np..(i + 1) * np);
        idx.extend(p.elements() + i * nx..p.elements() + (i + 1) * nx);
    }
    Ok(pool.take(&idx, vec![x.dims[0], x.dims[1], p.dims[2] + x.dims[2], x.dims[3]]))
}

/// Repeats key or value heads for grouped queries.
fn repeat(x: &Bounded, heads: usize) -> OpResult<Bounded> {
    let h = x.dims[1];
    if h == 0 || !heads.is_multiple_of(h) {
        return invalid(format!("{heads} query heads for {h} key heads"));
    }
    let (r, n) = (heads / h, x.dims[2] * x.dims[3]);
    let idx: Vec<usize> = (0..x.dims[0] * heads)
        .flat_map(|i| {
            let s = i / heads * h + i % heads / r;
            s * n..(s + 1) * n
        })
        .collect();
    Ok(x.take(&idx, vec![x.dims[0], heads, x.dims[2], x.dims[3]]))
}

/// Bounds of the sliding window to the left and right of a query's position; `None` = unbounded.
fn window(a: &Args<'_>) -> OpResult<[Option<i64>; 2]> {
    let side = |name: &str| match a.int(name)? {
        -1 => Ok(None),
        w if w >= 0 => Ok(Some(w)),
        w => invalid(format!("attribute `{name}` is {w}")),
    };
    Ok([side("left_window_size")?, side("right_window_size")?])
}

/// The additive bias: causal mask, sliding window, operand 3, padding by operand 6.
///
/// A query stands at `offset + index`, where `offset` counts the keys before the block: those of the cache, or all valid ones
/// (operand 6) but the block's own.
fn bias(a: &Args<'_>, dims: &[usize; 4], past: usize, dtype: DType) -> OpResult<Option<Bounded>> {
    let (nq, nk) = (dims[2], dims[3]);
    let total = count(dims);
    let mut out: Option<Bounded> = None;
    let exact = |v: Vec<f64>| Bounded::from_float(dtype, dims.to_vec(), Float::exact(v));
    let masked = |keep: &dyn Fn(usize) -> bool| {
        exact((0..total).map(|i| if keep(i) { 0.0 } else { f64::NEG_INFINITY }).collect())
    };
    let mut plus = |b: Bounded| -> OpResult<()> {
        out = Some(match out.take() {
            None => b,
            Some(o) => add(&EvalCx { hypothesis: None, ..*a.cx }, dtype, dims.to_vec(), o.float()?, b.float()?, 1.0),
        });
        Ok(())
    };
    let lengths = if a.opt(6).is_some() { Some(a.ints(6)?) } else { None };
    if lengths.as_ref().is_some_and(|l| l.len() != dims[0]) {
        return invalid("one length per batch is needed");
    }
    let batch = |i: usize| i / (nk * nq * dims[1]);
    let position = |i: usize| {
        let offset = lengths.as_ref().map_or(past as i64, |l| l[batch(i)].saturating_sub(nq as i64));
        offset.saturating_add((i / nk % nq) as i64)
    };
    if a.flag("is_causal")? {
        plus(masked(&|i| (i % nk) as i64 <= position(i)))?;
    }
    let [left, right] = window(a)?;
    if left.is_some() || right.is_some() {
        plus(masked(&|i| {
            let distance = ((i % nk) as i64).saturating_sub(position(i));
            left.is_none_or(|w| distance >= -w) && right.is_none_or(|w| distance <= w)
        }))?;
    }
    if let Some(m) = a.opt(3) {
        let m = pad_mask(m, nk)?;
        if broadcast(&[&m.dims, dims])? != dims[..] {
            return invalid(format!("a mask of shape {:?} for {dims:?}", m.dims));
        }
        let m = spread(&m, dims).into_owned();
        match &m.data {
            Data::Int(v) if v.hull.is_none() => plus(masked(&|i| v.value[i] != 0))?,
            Data::Int(_) => return unsupported("an undecided mask"),
            Data::Float(_) => plus(Bounded { dtype, ..m })?,
        }
    }
    if let Some(l) = &lengths {
        plus(masked(&|i| ((i % nk) as i64) < l[batch(i)]))?;
    }
    Ok(out)
}

/// A mask shorter than the keys is extended by masked positions.
fn pad_mask(m: &Bounded, nk: usize) -> OpResult<Bounded> {
    let Some(&w) = m.dims.last() else { return Ok(m.clone()) };
    if w >= nk || w == 1 {
        return Ok(m.clone());
    }
    let fill = match &m.data {
        Data::Float(_) => Bounded::from_float(m.dtype, vec![1], Float::exact(vec![f64::NEG_INFINITY])),
        Data::Int(_) => Bounded::zero(m.dtype),
    };
    let pool = Bounded::pool(&[m, &fill])?;
    let rows = m.elements() / w.max(1);
    let idx: Vec<usize> = (0..rows * nk).map(|i| if i % nk < w { i / nk * w + i % nk } else { m.elements() }).collect();
    let mut dims = m.dims.clone();
    let r = dims.len();
    dims[r - 1] = nk;
    Ok(pool.take(&idx, dims))
}

/// Attention: `softmax(scale Q K^T + bias) V` with caches, grouped heads, causal, window and padding masks, soft capping.
///
/// Two matrix products (linear bounds), the closed softmax bound on each row; every intermediate may be stored in the
/// tensor's type, as in ONNX's function body, `sqrt(scale)` on each side. Soft capping, `c tanh(x/c)`,
/// comes before the bias. A row that is masked altogether gives zeros.
pub fn attention(a: &Args<'_>) -> OpResult<Vec<Bounded>> {
    let (q0, heads_q) = (a.x(0)?, a.node.attrs.int("q_num_heads").unwrap_or(0));
    let heads_kv = a.node.attrs.int("kv_num_heads").unwrap_or(0);
    let q = heads_first(q0, heads_q)?;
    let (k, v) = (heads_first(a.x(1)?, heads_kv)?, heads_first(a.x(2)?, heads_kv)?);
    if q.rank() != 4 || k.rank() != 4 || v.rank() != 4 {
        return invalid("queries, keys and values of rank 3 or 4 are needed");
    }
    let past = a.opt(4).map_or(0, |p| p.dims.get(2).copied().unwrap_or(0));
    let (k, v) = (join(a.opt(4), k)?, join(a.opt(5), v)?);
    let (kr, vr) = (repeat(&k, q.dims[1])?, repeat(&v, q.dims[1])?);
    let dims = [q.dims[0], q.dims[1], q.dims[2], kr.dims[2]];
    let cx = EvalCx { hypothesis: None, ..*a.cx };
    let dtype = q.dtype;
    let scale = match a.node.attrs.f32("scale") {
        Some(s) => f64::from(s),
        None => 1.0 / libm::sqrt(q.dims[3] as f64),
    };
    let root = libm::sqrt(scale);
    let (q, kt) = (scaled(&cx, &q, root)?, transpose_last(&scaled(&cx, &kr, root)?));
    let s = mat_shape(&cx, &q.dims, &kt.dims)?;
    let raw = bilinear(&cx, q.float()?, kt.float()?, Depth::chain(s.mkn.1), &|p, r, sum| s.product(p, r, sum));
    let mut taps = Vec::new();
    let mut x = cx.linear(dtype, dims.to_vec(), raw);
    taps.push(x.clone());
    let cap = a.f64("softcap")?;
    if cap > 0.0 {
        x = capped(&cx, &x, cap)?;
    }
    let soft = x.clone();
    let mask = bias(a, &dims, past, dtype)?;
    if let Some(b) = &mask {
        x = add(&cx, dtype, dims.to_vec(), x.float()?, b.float()?, 1.0);
    }
    taps.push(soft);
    taps.push(x.clone());
    let p = softmax_rows(&cx, &x, mask.as_ref(), dims[3])?;
    taps.push(p.clone());
    let s = mat_shape(&cx, &p.dims, &vr.dims)?;
    let raw = bilinear(&cx, p.float()?, vr.float()?, Depth::chain(s.mkn.1), &|p, r, sum| s.product(p, r, sum));
    let y = a.cx.linear(v.dtype, s.out.clone(), raw);
    let y = if q0.rank() == 3 { heads_last(&y) } else { y };
    let mode = a.int("qk_matmul_output_mode")?;
    let Some(qk) = usize::try_from(mode).ok().and_then(|m| taps.get(m)) else {
        return invalid(format!("qk_matmul_output_mode {mode}"));
    };
    let f = qk.float()?;
    let qk = build(a.cx, dtype, dims.to_vec(), qk.elements(), |i| {
        (f.value[i], f.radius[i], f.nan.as_ref().is_some_and(|n| n[i]))
    });
    Ok(vec![y, k, v, qk])
}

/// `x c`, where the constant itself is rounded to the tensor's type.
pub fn scaled(cx: &EvalCx<'_>, x: &Bounded, c: f64) -> OpResult<Bounded> {
    let n = x.elements();
    let u = cx.contract.storage_of(x.dtype).map_or(0.0, crate::Format::u) + 2.0 * cx.u(x.dtype);
    let f = Float { value: vec![c; n], radius: vec![c.abs() * u; n], linear: None, nan: None, grid: None };
    Ok(super::elementwise::mul(cx, x.dtype, x.dims.clone(), x.float()?, &f))
}

fn transpose_last(x: &Bounded) -> Bounded {
    let (s, d) = (x.dims[2], x.dims[3]);
    let idx: Vec<usize> = (0..x.elements())
        .map(|i| {
            let (plane, r) = (i / (s * d).max(1), i % (s * d).max(1));
            plane * s * d + r % s * d + r / s
        })
        .collect();
    x.take(&idx, vec![x.dims[0], x.dims[1], d, s])
}

fn capped(cx: &EvalCx<'_>, x: &Bounded, cap: f64) -> OpResult<Bounded> {
    let (f, u) = (x.float()?, cx.u(x.dtype));
    Ok(build(cx, x.dtype, x.dims.clone(), f.value.len(), |i| {
        let (v, e) = (f.value[i] / cap, f.radius[i] / cap);
        let e = if v.is_finite() { e + u * (v.abs() + e) } else { 0.0 };
        let (t, r, nan) = function_at(cx, Op::Tanh, x.dtype, v, e);
        (t * cap, r * cap + u * (t.abs() + r) * cap, nan || f.nan.as_ref().is_some_and(|n| n[i]))
    }))
}

/// Softmax of rows of `n`. A row of -infinity alone gives zeros; so does one that the mask forbids altogether, even where
/// the products are NaN or infinite (the specification decides on the mask).
fn softmax_rows(cx: &EvalCx<'_>, x: &Bounded, mask: Option<&Bounded>, n: usize) -> OpResult<Bounded> {
    let f = x.float()?;
    let mask = mask.map(Bounded::float).transpose()?;
    let forbidden =
        |i: usize| mask.is_some_and(|m| m.value[i] == f64::NEG_INFINITY && m.radius[i] == 0.0 && !m.may_nan(i));
    let total = f.value.len();
    let (mut v, mut e, mut nan) = (vec![0.0; total], vec![0.0; total], vec![false; total]);
    for r in 0..total / n.max(1) {
        let row: Vec<(f64, f64)> = (r * n..(r + 1) * n).map(|i| (f.value[i], f.radius[i])).collect();
        let flag = (r * n..(r + 1) * n).any(|i| f.radius[i].is_infinite() || f.nan.as_ref().is_some_and(|n| n[i]));
        let masked = row.iter().all(|p| p.0 == f64::NEG_INFINITY);
        if masked && !flag || n > 0 && (r * n..(r + 1) * n).all(forbidden) {
            continue;
        }
        for (k, (y, radius)) in softmax_line(cx, x.dtype, &row, false).into_iter().enumerate() {
            (v[r * n + k], nan[r * n + k]) = (y, flag);
            e[r * n + k] = if flag { f64::INFINITY } else { radius };
        }
    }
    Ok(cx.collapsed(x.dtype, x.dims.clone(), v, e, Some(nan), None))
}

/// RotaryEmbedding: pairs (halves, or neighbours if `interleaved`) of the first `rotary_embedding_dim` elements are rotated:
/// `cos a - sin b`, `sin a + cos b`; two products and a sum, `gamma_2 (|cos a| + |sin b|)`.
pub fn rotary(a: &Args<'_>) -> OpResult<Bounded> {
    let (x0, cos, sin) = (a.x(0)?, a.x(1)?, a.x(2)?);
    let x = if x0.rank() == 3 { heads_first(x0, a.int("num_heads")?)? } else { x0.clone() };
    let &[b, heads, seq, size] = &x.dims[..] else { return invalid("data of rank 3 or 4 are needed") };
    let dim = match a.int("rotary_embedding_dim")? {
        0 => size,
        d if d > 0 && d as usize <= size && d % 2 == 0 => d as usize,
        d => return invalid(format!("rotary_embedding_dim {d}")),
    };
    let half = dim / 2;
    let rows: Vec<usize> = match a.opt_ints(3)? {
        Some(p) => {
            if p.len() != b * seq {
                return invalid("one position per element of the sequence is needed");
            }
            p.iter().map(|&p| usize::try_from(p).unwrap_or(usize::MAX)).collect()
        }
        None => (0..b * seq).collect(),
    };
    let table = cos.elements() / half.max(1);
    if cos.dims != sin.dims || cos.dims.last() != Some(&half) || rows.iter().any(|&r| r >= table) {
        return invalid(format!("caches of shape {:?} for positions below {table} of {half} angles", cos.dims));
    }
    let (f, c, s) = (x.float()?, cos.float()?, sin.float()?);
    let interleaved = a.flag("interleaved")?;
    let u = a.cx.u(x.dtype);
    // Either product may lose bits to underflow.
    let lost = 2.0 * a.cx.eta(a.cx.acc(x.dtype));
    let y = build(a.cx, x.dtype, x.dims.clone(), x.elements(), |i| {
        let (d, t, n) = (i % size, i / size % seq, i / size / seq / heads);
        if d >= dim {
            return (f.value[i], f.radius[i], f.nan.as_ref().is_some_and(|n| n[i]));
        }
        let base = i - d;
        let (k, second) = if interleaved { (d / 2, d % 2 == 1) } else { (d % half, d >= half) };
        let (p, q) = if interleaved { (base + 2 * k, base + 2 * k + 1) } else { (base + k, base + k + half) };
        let r = rows[n * seq + t] * half + k;
        let (mine, other) = if second { (q, p) } else { (p, q) };
        let sign = if second { 1.0 } else { -1.0 };
        let v = c.value[r] * f.value[mine] + sign * s.value[r] * f.value[other];
        let wide = |g: &crate::Float, j: usize| g.value[j].abs() + g.radius[j];
        let m = wide(c, r) * wide(f, mine) + wide(s, r) * wide(f, other);
        if m.is_finite() && a.cx.may_overflow(m, 2.0, x.dtype) {
            return (0.0, f64::INFINITY, true);
        }
        let inherited = m - c.value[r].abs() * f.value[mine].abs() - s.value[r].abs() * f.value[other].abs();
        let nan = [mine, other].iter().any(|&j| f.nan.as_ref().is_some_and(|n| n[j]));
        let e = if f.radius[mine] + f.radius[other] + c.radius[r] + s.radius[r] == 0.0 { 0.0 } else { inherited };
        (v, e + a.cx.gamma(2.0, u) * m + lost, nan)
    });
    Ok(if x0.rank() == 3 { heads_last(&y) } else { y })
}
