//! Attention and RotaryEmbedding.

use super::{Lowered, done_all, f, input, scalar_like, with_scalar, work_type};
use crate::passes::build::{Build, Res};
use crate::passes::normalize::sliced;
use crate::types::SliceSpec;
use ir::{Attrs, DType, Node, NodeId, Op, ValueId};

/// `[batch, seq, heads * size]` as `[batch, heads, seq, size]`; rank 4 stays.
fn heads_first(b: &mut Build<'_, '_>, x: ValueId, heads: i64) -> Res<ValueId> {
    let d = b.dims(x);
    if d.len() == 4 {
        return Ok(x);
    }
    let h = heads as usize;
    let x = b.reshape(x, &[d[0], d[1], h, d[2] / h])?;
    b.transpose(x, &[0, 2, 1, 3])
}
/// Back to rank 3.
fn heads_last(b: &mut Build<'_, '_>, x: ValueId) -> Res<ValueId> {
    let d = b.dims(x);
    let x = b.transpose(x, &[0, 2, 1, 3])?;
    b.reshape(x, &[d[0], d[2], d[1] * d[3]])
}

/// Extents of one attention.
struct Shape {
    batch: usize,
    heads: usize,
    queries: usize,
    keys: usize,
    past: usize,
}

/// `softmax(cap(sqrt(s) Q (sqrt(s) K)^T) + bias) V`. Query heads that share a key head are rows of one product. A row whose
/// bias is -infinity throughout gives zeros.
pub fn attention(b: &mut Build<'_, '_>, id: NodeId, n: &Node) -> Lowered {
    let q0 = input(b, id, 0)?;
    let kv = n.attrs.int("kv_num_heads").unwrap_or(0);
    let q = heads_first(b, q0, n.attrs.int("q_num_heads").unwrap_or(0))?;
    let (k, v) = (input(b, id, 1)?, input(b, id, 2)?);
    let (mut k, mut v) = (heads_first(b, k, kv)?, heads_first(b, v, kv)?);
    let mut past = 0;
    if n.input(4).is_some() {
        let p = input(b, id, 4)?;
        past = b.dims(p)[2];
        k = b.concat(&[p, k], 2)?;
    }
    if n.input(5).is_some() {
        let p = input(b, id, 5)?;
        v = b.concat(&[p, v], 2)?;
    }
    let (dq, dk, dv) = (b.dims(q), b.dims(k), b.dims(v));
    let s = Shape { batch: dq[0], heads: dq[1], queries: dq[2], keys: dk[2], past };
    if dq.contains(&0) || dk.contains(&0) || dv.contains(&0) || dk[2] != dv[2] {
        return Ok(None);
    }
    let scale = n.attrs.f32("scale").map_or_else(|| 1.0 / libm::sqrt(dq[3] as f64), f64::from);
    let root = libm::sqrt(scale);
    let (qs, ks) = (with_scalar(b, Op::Mul, q, root)?, with_scalar(b, Op::Mul, k, root)?);
    let rows = s.heads / dk[1] * s.queries;
    let qs = b.reshape(qs, &[s.batch, dk[1], rows, dq[3]])?;
    let kt = b.transpose(ks, &[0, 1, 3, 2])?;
    let full = [s.batch, s.heads, s.queries, s.keys];
    let raw = b.bin(Op::MatMul, qs, kt)?;
    let raw = b.reshape(raw, &full)?;
    let capped = softcap(b, raw, f(n, "softcap"))?;
    let bias = bias(b, id, n, &s)?;
    let biased = match bias {
        None => capped,
        Some(m) => b.bin(Op::Add, capped, m)?,
    };
    let p = softmax(b, biased, bias)?;
    let rows_p = b.reshape(p, &[s.batch, dk[1], rows, s.keys])?;
    let y = b.bin(Op::MatMul, rows_p, v)?;
    let mut y = b.reshape(y, &[s.batch, s.heads, s.queries, dv[3]])?;
    if b.ty(q0).rank() == 3 {
        y = heads_last(b, y)?;
    }
    let tap = match n.attrs.int("qk_matmul_output_mode") {
        Some(1) => capped,
        Some(2) => biased,
        Some(3) => p,
        _ => raw,
    };
    done_all(b, n, vec![y, k, v, tap])
}
/// `c tanh(x / c)`; c = 0 means none.
fn softcap(b: &mut Build<'_, '_>, x: ValueId, c: f64) -> Res<ValueId> {
    if c <= 0.0 {
        return Ok(x);
    }
    let t = with_scalar(b, Op::Div, x, c)?;
    let t = b.un(Op::Tanh, t)?;
    with_scalar(b, Op::Mul, t, c)
}
/// Softmax of the last axis; zeros in rows of -infinity alone, and in rows that `bias` masks altogether, whatever the
/// products are there (an infinite one plus -infinity is NaN).
fn softmax(b: &mut Build<'_, '_>, x: ValueId, bias: Option<ValueId>) -> Res<ValueId> {
    let last = b.ty(x).rank() - 1;
    let m = b.reduce(Op::ReduceMax, x, &[last], true)?;
    let infinite =
        |b: &mut Build<'_, '_>, v: ValueId| b.op(Op::IsInf, Attrs::none().with_int("detect_positive", 0), &[Some(v)]);
    let (zero, one) = (scalar_like(b, x, 0.0), scalar_like(b, x, 1.0));
    let empty = infinite(b, m)?;
    let m = b.select(empty, zero, m)?;
    let d = b.bin(Op::Sub, x, m)?;
    let e = b.un(Op::Exp, d)?;
    let s = b.reduce(Op::ReduceSum, e, &[last], true)?;
    let s = b.select(empty, one, s)?;
    let p = b.bin(Op::Div, e, s)?;
    let Some(bias) = bias else { return Ok(p) };
    let most = match b.ty(bias).rank() {
        0 => bias,
        r => b.reduce(Op::ReduceMax, bias, &[r - 1], true)?,
    };
    let masked = infinite(b, most)?;
    b.select(masked, zero, p)
}

/// 0 where attention is allowed and -infinity where it is not.
fn barrier(b: &mut Build<'_, '_>, allowed: ValueId, d: DType) -> Res<ValueId> {
    let (zero, never) = (b.scalar(d, 0.0), b.scalar(d, f64::NEG_INFINITY));
    b.select(allowed, zero, never)
}
/// The sum of the masks: causal, sliding window, given, padding by the numbers of keys.
fn bias(b: &mut Build<'_, '_>, id: NodeId, n: &Node, s: &Shape) -> Res<Option<ValueId>> {
    let work = work_type(b.r.old.ty(n.outputs[0]).dtype);
    let mut parts = Vec::new();
    let lengths = match b.opt_input(id, 6) {
        None => None,
        Some(l) => {
            let l = b.cast(l, DType::I64)?;
            Some(b.reshape(l, &[s.batch, 1, 1, 1])?)
        }
    };
    // Key j minus query i, and key j: [queries, keys].
    let ahead = b.positions(&[s.queries, s.keys], |c| c[1] as i64 - c[0] as i64);
    // The last query sees the last valid key.
    let offset = match lengths {
        None => b.whole(DType::I64, &[], &[s.past as i128]),
        Some(l) => {
            let q = b.whole(DType::I64, &[], &[s.queries as i128]);
            b.index_op(Op::Sub, Attrs::none(), &[Some(l), Some(q)])?
        }
    };
    if n.attrs.flag("is_causal") {
        let allowed = b.index_op(Op::LessOrEqual, Attrs::none(), &[Some(ahead), Some(offset)])?;
        parts.push(barrier(b, allowed, work)?);
    }
    // A window of w keys to the left: offset - w <= ahead; to the right: ahead <= offset + w. -1 means none.
    for (name, left) in [("left_window_size", true), ("right_window_size", false)] {
        let Some(w) = n.attrs.int(name).filter(|w| *w >= 0) else { continue };
        // No distance is larger than the number of positions.
        let w = w.min(1 << 32);
        let w = b.whole(DType::I64, &[], &[i128::from(if left { -w } else { w })]);
        let limit = b.index_op(Op::Add, Attrs::none(), &[Some(offset), Some(w)])?;
        let (low, high) = if left { (limit, ahead) } else { (ahead, limit) };
        let allowed = b.index_op(Op::LessOrEqual, Attrs::none(), &[Some(low), Some(high)])?;
        parts.push(barrier(b, allowed, work)?);
    }
    if let Some(m) = b.opt_input(id, 3) {
        parts.push(mask(b, m, s.keys, work)?);
    }
    if let Some(l) = lengths {
        let key = b.positions(&[s.keys], |c| c[0] as i64);
        let allowed = b.index_op(Op::Less, Attrs::none(), &[Some(key), Some(l)])?;
        parts.push(barrier(b, allowed, work)?);
    }
    let mut sum: Option<ValueId> = None;
    for p in parts {
        sum = Some(match sum {
            None => p,
            Some(t) => b.bin(Op::Add, t, p)?,
        });
    }
    Ok(sum)
}
/// The given mask as numbers, extended by masked keys if it is shorter than the keys.
fn mask(b: &mut Build<'_, '_>, m: ValueId, keys: usize, work: DType) -> Res<ValueId> {
    let m = if b.ty(m).dtype == DType::Bool { barrier(b, m, work)? } else { b.cast(m, work)? };
    let d = b.dims(m);
    let Some(&width) = d.last() else { return Ok(m) };
    if width >= keys {
        return Ok(m);
    }
    let mut pads = vec![0; 2 * d.len()];
    *pads.last_mut().expect("a mask of rank 1 or more") = (keys - width) as i64;
    let pads = b.ints(&pads);
    let never = b.scalar(work, f64::NEG_INFINITY);
    b.op(Op::Pad, Attrs::none(), &[Some(m), Some(pads), Some(never)])
}

/// RotaryEmbedding: pairs (halves, or neighbours) of the first `rotary_embedding_dim` elements `(p, q)` become
/// `(cos p - sin q, sin p + cos q)`.
pub fn rotary(b: &mut Build<'_, '_>, id: NodeId, n: &Node) -> Lowered {
    let x0 = input(b, id, 0)?;
    let x = heads_first(b, x0, n.attrs.int("num_heads").unwrap_or(0))?;
    let d = b.dims(x);
    let size = d[3];
    let dim = match n.attrs.int("rotary_embedding_dim") {
        None | Some(0) => size,
        Some(r) => r as usize,
    };
    let half = dim / 2;
    if half == 0 {
        return done_all(b, n, vec![x0]);
    }
    let angle = |b: &mut Build<'_, '_>, i: usize| -> Res<ValueId> {
        let t = input(b, id, i)?;
        let t = match b.opt_input(id, 3) {
            None => t,
            Some(p) => b.op(Op::Gather, Attrs::none().with_int("axis", 0), &[Some(t), Some(p)])?,
        };
        b.reshape(t, &[d[0], 1, d[2], half])
    };
    let (cos, sin) = (angle(b, 1)?, angle(b, 2)?);
    let whole = |len: usize| SliceSpec { start: 0, step: 1, len };
    let part = |start: usize, step: i64, len: usize| {
        [whole(d[0]), whole(d[1]), whole(d[2]), SliceSpec { start: start as i64, step, len }]
    };
    let interleaved = n.attrs.flag("interleaved");
    let (first, second) =
        if interleaved { (part(0, 2, half), part(1, 2, half)) } else { (part(0, 1, half), part(half, 1, half)) };
    let (p, q) = (sliced(b, x, &first)?, sliced(b, x, &second)?);
    let (cp, sq) = (b.bin(Op::Mul, cos, p)?, b.bin(Op::Mul, sin, q)?);
    let (sp, cq) = (b.bin(Op::Mul, sin, p)?, b.bin(Op::Mul, cos, q)?);
    let (mut re, mut im) = (b.bin(Op::Sub, cp, sq)?, b.bin(Op::Add, sp, cq)?);
    if interleaved {
        let pair = [d[0], d[1], d[2], half, 1];
        (re, im) = (b.reshape(re, &pair)?, b.reshape(im, &pair)?);
    }
    let mut y = b.concat(&[re, im], if interleaved { 4 } else { 3 })?;
    y = b.reshape(y, &[d[0], d[1], d[2], dim])?;
    if dim < size {
        let rest = sliced(b, x, &part(dim, 1, size - dim))?;
        y = b.concat(&[y, rest], 3)?;
    }
    if b.ty(x0).rank() == 3 {
        y = heads_last(b, y)?;
    }
    done_all(b, n, vec![y])
}
