//! LinearAttention: a recurrence over time whose state is a matrix for each key head.

use super::attention::scaled;
use super::cast::cast_to;
use super::elementwise::{add, build, mul, spread};
use super::linear::{bilinear, mat_shape, real};
use super::unary::function_at;
use crate::cx::{Args, EvalCx};
use crate::error::{OpResult, invalid};
use crate::value::Bounded;
use ir::{DType, Op};

/// Extents: batch, steps, query and key heads, head sizes of keys and values.
#[derive(Clone, Copy, Debug)]
struct Sizes {
    batch: usize,
    steps: usize,
    queries: usize,
    heads: usize,
    key: usize,
    value: usize,
}

impl Sizes {
    fn of(a: &Args<'_>) -> OpResult<Sizes> {
        let (q, k, v) = (a.x(0)?, a.x(1)?, a.x(2)?);
        let count = |name: &str| -> OpResult<usize> {
            match usize::try_from(a.int(name)?) {
                Ok(n) if n > 0 => Ok(n),
                _ => invalid(format!("attribute `{name}` is not positive")),
            }
        };
        let (queries, heads) = (count("q_num_heads")?, count("kv_num_heads")?);
        let (&[batch, steps, wq], &[bk, tk, wk], &[bv, tv, wv]) = (&q.dims[..], &k.dims[..], &v.dims[..]) else {
            return invalid("queries, keys and values of rank 3 are needed");
        };
        let fits = [bk, bv] == [batch; 2]
            && [tk, tv] == [steps; 2]
            && queries.is_multiple_of(heads)
            && wq.is_multiple_of(queries)
            && wk.is_multiple_of(heads)
            && wv.is_multiple_of(heads)
            && wq / queries == wk / heads;
        if !fits {
            return invalid(format!("{:?}, {:?} and {:?} for {queries} and {heads} heads", q.dims, k.dims, v.dims));
        }
        Ok(Sizes { batch, steps, queries, heads, key: wk / heads, value: wv / heads })
    }
    fn state(&self) -> [usize; 4] {
        [self.batch, self.heads, self.key, self.value]
    }
}

/// Step `t` of a `[batch, steps, width]` tensor, in binary32 and under the extents `dims` (of `batch * width` elements).
fn step(cx: &EvalCx<'_>, x: &Bounded, t: usize, dims: [usize; 4]) -> OpResult<Bounded> {
    let &[b, steps, w] = &x.dims[..] else { return invalid("an operand of rank 3 is needed") };
    if b * w != dims.iter().product::<usize>() {
        return invalid(format!("an operand of shape {:?} for {dims:?}", x.dims));
    }
    let idx: Vec<usize> = (0..b).flat_map(|i| (i * steps + t) * w..(i * steps + t + 1) * w).collect();
    Ok(cast_to(cx, &x.take(&idx, dims.to_vec()), DType::F32))
}

fn product(cx: &EvalCx<'_>, x: &Bounded, y: &Bounded) -> OpResult<Bounded> {
    let s = mat_shape(cx, &x.dims, &y.dims)?;
    let raw = bilinear(cx, x.float()?, y.float()?, s.depth(cx), &|p, q, sum| s.product(p, q, sum));
    Ok(cx.linear(DType::F32, s.out.clone(), raw))
}

/// `x + sign y` and `x y`, where `y` broadcasts to `x`.
fn plus(cx: &EvalCx<'_>, x: &Bounded, y: &Bounded, sign: f64) -> OpResult<Bounded> {
    Ok(add(cx, DType::F32, x.dims.clone(), x.float()?, spread(y, &x.dims).float()?, sign))
}
fn times(cx: &EvalCx<'_>, x: &Bounded, y: &Bounded) -> OpResult<Bounded> {
    Ok(mul(cx, DType::F32, x.dims.clone(), x.float()?, spread(y, &x.dims).float()?))
}

fn exponential(cx: &EvalCx<'_>, x: &Bounded) -> OpResult<Bounded> {
    let f = x.float()?;
    Ok(build(cx, x.dtype, x.dims.clone(), f.value.len(), |i| {
        let (v, e, nan) = function_at(cx, Op::Exp, x.dtype, f.value[i], f.radius[i]);
        (v, e, nan || f.nan.as_ref().is_some_and(|n| n[i]))
    }))
}

/// For each step, with gate `g` and rate `beta` where the rule has them:
/// `S = exp(g) S`; `w = beta (v - S^T k)` or `w = v`; `S = S + k w^T`; `o = scale S^T q`.
///
/// The state and all intermediate results are binary32, as in ONNX's function body, whatever the type of the operands; each line is
/// composed of the bounded operators of this crate. Output and state are cast at the end.
pub fn linear_attention(a: &Args<'_>) -> OpResult<Vec<Bounded>> {
    let z = Sizes::of(a)?;
    let cx = real(a.cx);
    let rule = a.str("update_rule")?;
    let (gated, delta) = match rule {
        "linear" => (false, false),
        "gated" => (true, false),
        "delta" => (false, true),
        "gated_delta" => (true, true),
        _ => return invalid(format!("update_rule `{rule}`")),
    };
    let (decay, beta) = (a.opt(4), a.opt(5));
    if decay.is_some() != gated || beta.is_some() != delta {
        return invalid(format!("the operands do not fit the rule `{rule}`"));
    }
    let scale = match a.f64("scale")? {
        0.0 => 1.0 / libm::sqrt(z.key as f64),
        s => s,
    };
    let size = a.cx.alloc(&z.state())?;
    let mut s = match a.opt(3) {
        Some(p) if p.dims == z.state() => cast_to(&cx, p, DType::F32),
        Some(p) => return invalid(format!("a state of shape {:?} for {:?}", p.dims, z.state())),
        None => Bounded::zero(DType::F32).take(&vec![0; size], z.state().to_vec()),
    };
    let mut outputs = Vec::with_capacity(z.steps);
    for t in 0..z.steps {
        let (b, h) = (z.batch, z.heads);
        let k = step(&cx, a.x(1)?, t, [b, h, 1, z.key])?;
        let mut v = step(&cx, a.x(2)?, t, [b, h, 1, z.value])?;
        if let Some(g) = decay {
            let width = if g.dims.get(2) == Some(&h) { 1 } else { z.key };
            s = times(&cx, &s, &exponential(&cx, &step(&cx, g, t, [b, h, width, 1])?)?)?;
        }
        if let Some(r) = beta {
            let heads = if r.dims.get(2) == Some(&h) { h } else { 1 };
            v = plus(&cx, &v, &product(&cx, &k, &s)?, -1.0)?;
            v = times(&cx, &v, &step(&cx, r, t, [b, heads, 1, 1])?)?;
        }
        let column = k.reshaped(vec![b, h, z.key, 1])?;
        s = plus(&cx, &s, &product(&cx, &column, &v)?, 1.0)?;
        let q = step(&cx, a.x(0)?, t, [b, h, z.queries / h, z.key])?;
        outputs.push(scaled(&cx, &product(&cx, &q, &s)?, scale)?);
    }
    let y = stacked(&z, &outputs)?;
    let dtype = a.x(0)?.dtype;
    let state = a.opt(3).map_or(dtype, |p| p.dtype);
    Ok(vec![cast_to(a.cx, &y, dtype), cast_to(a.cx, &s, state)])
}

/// The outputs of all steps, `[batch, heads, queries, value]` each, as `[batch, steps, queries * value]`.
fn stacked(z: &Sizes, outputs: &[Bounded]) -> OpResult<Bounded> {
    let width = z.queries * z.value;
    let dims = vec![z.batch, z.steps, width];
    if outputs.is_empty() {
        return Ok(Bounded::zero(DType::F32).take(&[], dims));
    }
    let pool = Bounded::pool(&outputs.iter().collect::<Vec<_>>())?;
    let idx: Vec<usize> = (0..z.batch)
        .flat_map(|b| (0..z.steps).flat_map(move |t| (t * z.batch + b) * width..(t * z.batch + b + 1) * width))
        .collect();
    Ok(pool.take(&idx, dims))
}
