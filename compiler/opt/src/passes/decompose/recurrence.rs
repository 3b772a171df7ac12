//! LinearAttention, unrolled over its static number of steps, and CausalConvWithState.

use super::recurrent::MAX_STEPS;
use super::{Lowered, done_all, f, input, scalar_like, too_large, with_scalar, work_type};
use crate::passes::build::{Build, Res};
use ir::{Attrs, DType, Node, NodeId, Op, ValueId};

/// Step `t` of `[batch, steps, width]` under other extents.
fn step(b: &mut Build<'_, '_>, x: ValueId, t: usize, dims: [usize; 4]) -> Res<ValueId> {
    let x = b.slice_axis(x, 1, t, t + 1)?;
    b.reshape(x, &dims)
}

/// `S = exp(g) S`, `w = v` or `beta (v - S^T k)`, `S = S + k w^T`, `o = scale S^T q`, all in f32. Query heads that share a
/// state are rows of one product.
pub fn linear_attention(b: &mut Build<'_, '_>, id: NodeId, n: &Node) -> Lowered {
    let heads = |name: &str| n.attrs.int(name).unwrap_or(1) as usize;
    let (hq, h) = (heads("q_num_heads"), heads("kv_num_heads"));
    let mut wide = |i: usize| -> Res<Option<ValueId>> {
        let v = b.opt_input(id, i);
        v.map(|v| b.cast(v, DType::F32)).transpose()
    };
    let (q, k, v) = (wide(0)?, wide(1)?, wide(2)?);
    let (past, decay, beta) = (wide(3)?, wide(4)?, wide(5)?);
    let (Some(q), Some(k), Some(v)) = (q, k, v) else { return Ok(None) };
    let (dq, dv) = (b.dims(q), b.dims(v));
    let (batch, steps, key, value) = (dq[0], dq[1], dq[2] / hq, dv[2] / h);
    if steps > MAX_STEPS {
        return Err(too_large(b, n, format!("{steps} steps, at most {MAX_STEPS} are unrolled")));
    }
    if dq.contains(&0) || dv.contains(&0) {
        return Ok(None);
    }
    let mut state = match past {
        Some(p) => p,
        None => {
            let zero = b.scalar(DType::F32, 0.0);
            b.expand(zero, &[batch, h, key, value])?
        }
    };
    let decay = decay.map(|g| b.un(Op::Exp, g)).transpose()?;
    let mut outputs = Vec::new();
    for t in 0..steps {
        let kt = step(b, k, t, [batch, h, 1, key])?;
        let mut w = step(b, v, t, [batch, h, 1, value])?;
        if let Some(g) = decay {
            let width = if b.dims(g)[2] == h { 1 } else { key };
            let g = step(b, g, t, [batch, h, width, 1])?;
            state = b.bin(Op::Mul, state, g)?;
        }
        if let Some(rate) = beta {
            let known = b.bin(Op::MatMul, kt, state)?;
            w = b.bin(Op::Sub, w, known)?;
            let width = b.dims(rate)[2];
            let rate = step(b, rate, t, [batch, width, 1, 1])?;
            w = b.bin(Op::Mul, w, rate)?;
        }
        let column = b.reshape(kt, &[batch, h, key, 1])?;
        let outer = b.bin(Op::Mul, column, w)?;
        state = b.bin(Op::Add, state, outer)?;
        let qt = step(b, q, t, [batch, h, hq / h, key])?;
        let o = b.bin(Op::MatMul, qt, state)?;
        outputs.push(b.reshape(o, &[batch, 1, hq * value])?);
    }
    let y = b.concat(&outputs, 1)?;
    let scale = match f(n, "scale") {
        0.0 => 1.0 / libm::sqrt(key as f64),
        s => s,
    };
    let y = with_scalar(b, Op::Mul, y, scale)?;
    done_all(b, n, vec![y, state])
}

/// A depthwise convolution along time over the carried positions and the new ones; the last `k - 1` are carried on.
pub fn causal_conv(b: &mut Build<'_, '_>, id: NodeId, n: &Node) -> Lowered {
    let (x, w) = (input(b, id, 0)?, input(b, id, 1)?);
    let (dx, taps) = (b.dims(x), b.dims(w)[2]);
    let (channels, new, carried) = (dx[1], dx[2], taps - 1);
    if dx.contains(&0) {
        return Ok(None);
    }
    let mut all = x;
    if carried > 0 {
        let past = match n.input(3) {
            Some(_) => input(b, id, 3)?,
            None => {
                let zero = scalar_like(b, x, 0.0);
                b.expand(zero, &[dx[0], channels, carried])?
            }
        };
        all = b.concat(&[past, x], 2)?;
    }
    let image = b.reshape(all, &[dx[0], channels, 1, new + carried])?;
    let kernel = b.reshape(w, &[channels, 1, 1, taps])?;
    let attrs = Attrs::none()
        .with_int("group", channels as i64)
        .with_ints("kernel_shape", &[1, taps as i64])
        .with_ints("strides", &[1, 1])
        .with_ints("dilations", &[1, 1])
        .with_ints("pads", &[0, 0, 0, 0]);
    let bias = if n.input(2).is_some() { Some(input(b, id, 2)?) } else { None };
    let inputs: &[_] = if bias.is_some() { &[Some(image), Some(kernel), bias] } else { &[Some(image), Some(kernel)] };
    let y = b.op(Op::Conv, attrs, inputs)?;
    let mut y = b.reshape(y, &dx)?;
    if matches!(n.attrs.str("activation"), Some("silu" | "swish")) {
        let s = b.un(Op::Sigmoid, y)?;
        y = b.bin(Op::Mul, y, s)?;
    }
    let state = if carried == 0 {
        b.floats(work_type(b.ty(x).dtype), &[dx[0], channels, 0], &[])
    } else {
        b.slice_axis(all, 2, new, new + carried)?
    };
    done_all(b, n, vec![y, state])
}
