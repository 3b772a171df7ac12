//! Attention, linear attention and rotary embedding.

use super::Arg;
use super::util::*;
use ir::{Attrs, TensorType};

/// Batch, heads, sequence and head size of Q, K or V, of rank 4, or of rank 3 with the number of heads as an attribute.
fn heads(a: &Attrs, v: &Arg<'_>, attr: &str, name: &str) -> Res<[usize; 4]> {
    let d = &v.ty.dims;
    if d.len() == 4 {
        return Ok([d[0], d[1], d[2], d[3]]);
    }
    want_rank(v, 3, name)?;
    let n = a.int(attr).ok_or_else(|| format!("attribute `{attr}` is needed where {name} has rank 3"))?;
    if n < 1 || !(d[2] as u64).is_multiple_of(n as u64) {
        return Err(format!("{n} heads do not divide the width {} of {name}", d[2]));
    }
    Ok([d[0], n as usize, d[1], d[2] / n as usize])
}
/// Y, present_key, present_value, qk_matmul_output.
pub fn attention(a: &Attrs, x: In<'_>) -> Res<Vec<TensorType>> {
    let (q, k, v) = (req(x, 0, "Q")?, req(x, 1, "K")?, req(x, 2, "V")?);
    want_float(&q, "Q")?;
    same_dtype(&q, &k, "K")?;
    // ONNX admits any type of values; a product with probabilities is defined for floats.
    want_float(&v, "V")?;
    let ([b, hq, sq, dk], [bk, hk, sk, dk2], [bv, hv, sv, dv]) =
        (heads(a, &q, "q_num_heads", "Q")?, heads(a, &k, "kv_num_heads", "K")?, heads(a, &v, "kv_num_heads", "V")?);
    if b != bk || b != bv || dk != dk2 || hk != hv || sk != sv || hk == 0 || !hq.is_multiple_of(hk) {
        return Err(format!("Q {}, K {} and V {} do not fit together", q.ty, k.ty, v.ty));
    }
    let past = match opt(x, 4) {
        None => 0,
        Some(p) => {
            want_rank(&p, 4, "past_key")?;
            same_dtype(&k, &p, "past_key")?;
            want_dims(&p, &[b, hk, p.ty.dims[2], dk], "past_key")?;
            if let Some(pv) = opt(x, 5) {
                same_dtype(&v, &pv, "past_value")?;
                want_dims(&pv, &[b, hk, p.ty.dims[2], dv], "past_value")?;
            }
            p.ty.dims[2]
        }
    };
    for name in ["left_window_size", "right_window_size"] {
        let w = int(a, name)?;
        if w < -1 {
            return Err(format!("attribute `{name}` is {w}"));
        }
    }
    let total = past + sk;
    if opt(x, 4).is_some() != opt(x, 5).is_some() {
        return Err("inputs past_key and past_value are given together or not at all".into());
    }
    if let Some(l) = opt(x, 6) {
        want_dtype(&l, ir::DType::I64, "nonpad_kv_seqlen")?;
        want_dims(&l, &[b], "nonpad_kv_seqlen")?;
    }
    if let Some(m) = opt(x, 3) {
        want(m.ty.dtype == ir::DType::Bool || m.ty.dtype.is_float(), &m, "attn_mask", "bool or a float type")?;
        let mut dims = m.ty.dims.clone();
        if let Some(last) = dims.last_mut()
            && *last < total
        {
            *last = total;
        }
        broadcasts_to(&dims, &[b, hq, sq, total], "attn_mask")?;
    }
    let y = if q.ty.rank() == 3 { vec![b, sq, hq * dv] } else { vec![b, hq, sq, dv] };
    let t = q.ty.dtype;
    Ok(vec![
        TensorType::new(t, y),
        TensorType::new(k.ty.dtype, [b, hk, total, dk]),
        TensorType::new(v.ty.dtype, [b, hk, total, dv]),
        TensorType::new(t, [b, hq, sq, total]),
    ])
}
pub fn rotary(a: &Attrs, x: In<'_>) -> Res<Vec<TensorType>> {
    let (v, c, s) = (req(x, 0, "X")?, req(x, 1, "cos_cache")?, req(x, 2, "sin_cache")?);
    want_float(&v, "X")?;
    want_dims(&s, &c.ty.dims, "sin_cache")?;
    let [b, _, seq, d] = if v.ty.rank() == 4 {
        heads(a, &v, "num_heads", "X")?
    } else {
        match int(a, "num_heads")? {
            0 => return Err("attribute `num_heads` is needed where X has rank 3".into()),
            _ => heads(a, &v, "num_heads", "X")?,
        }
    };
    let rot = match int(a, "rotary_embedding_dim")? {
        0 => d,
        r => dim(r.into(), "rotary_embedding_dim")?,
    };
    if rot > d || !rot.is_multiple_of(2) {
        return Err(format!("the rotary width {rot} is odd or above the head size {d}"));
    }
    match opt(x, 3) {
        None => want_dims(&c, &[b, seq, rot / 2], "cos_cache")?,
        Some(p) => {
            want_dims(&p, &[b, seq], "position_ids")?;
            want_rank(&c, 2, "cos_cache")?;
            want_dims(&c, &[c.ty.dims[0], rot / 2], "cos_cache")?;
        }
    }
    Ok(vec![v.ty.clone()])
}
/// Output and present state of `LinearAttention`; the state has the type of the past one, or that of the query.
pub fn linear(a: &Attrs, x: In<'_>) -> Res<Vec<TensorType>> {
    let (q, k, v) = (req(x, 0, "query")?, req(x, 1, "key")?, req(x, 2, "value")?);
    want_float(&q, "query")?;
    for (t, name) in [(&q, "query"), (&k, "key"), (&v, "value")] {
        same_dtype(&q, t, name)?;
        want_rank(t, 3, name)?;
    }
    let ([b, hq, t, dk], [bk, hk, tk, dk2], [bv, _, tv, dv]) = (
        heads(a, &q, "q_num_heads", "query")?,
        heads(a, &k, "kv_num_heads", "key")?,
        heads(a, &v, "kv_num_heads", "value")?,
    );
    if b != bk || b != bv || t != tk || t != tv || dk != dk2 || !hq.is_multiple_of(hk) {
        return Err(format!("query {}, key {} and value {} do not fit together", q.ty, k.ty, v.ty));
    }
    let rule = a.str("update_rule").unwrap_or("");
    let (gated, delta) = match rule {
        "linear" => (false, false),
        "gated" => (true, false),
        "delta" => (false, true),
        "gated_delta" => (true, true),
        _ => return Err(format!("attribute `update_rule` is `{rule}`")),
    };
    for (i, name, wanted, widths) in [(4, "decay", gated, [hk, hk.saturating_mul(dk)]), (5, "beta", delta, [hk, 1])] {
        match opt(x, i) {
            None if wanted => return Err(format!("input {name} is missing, which `{rule}` needs")),
            Some(_) if !wanted => return Err(format!("input {name} is given, which `{rule}` does not have")),
            None => {}
            Some(t) => {
                same_dtype(&q, &t, name)?;
                let fits = t.ty.rank() == 3 && t.ty.dims[..2] == q.ty.dims[..2] && widths.contains(&t.ty.dims[2]);
                if !fits {
                    return Err(format!(
                        "input {name} is {}, a width of {} or {} expected",
                        t.ty, widths[0], widths[1]
                    ));
                }
            }
        }
    }
    let state = [b, hk, dk, dv];
    let dtype = match opt(x, 3) {
        None => q.ty.dtype,
        Some(p) => {
            want_float(&p, "past_state")?;
            want_dims(&p, &state, "past_state")?;
            p.ty.dtype
        }
    };
    Ok(vec![TensorType::new(q.ty.dtype, [b, t, hq * dv]), TensorType::new(dtype, state)])
}
