//! Sequences and images at computed places: recurrent networks, attention, Einsum, Resize, GridSample.

use super::{Row, conv, row};
use crate::Builder;
use ir::{Attr, Attrs, DType, Op, Tensor, TensorType, ValueId};
use kit::Rng;

pub(super) const ROWS: &[Row] =
    &[row(1, recurrent), row(2, attention), row(1, rotary), row(2, einsum), conv(2, resize), conv(1, grid_sample)];

fn f32s(dims: &[usize]) -> TensorType {
    TensorType::new(DType::F32, dims)
}

/// Parameters of a recurrent operator are weights, its data an input or a value of rank 3.
fn recurrent(b: &mut Builder, rng: &mut Rng) -> Option<()> {
    let x = match b.pick(rng, |t| t.dtype == DType::F32 && t.rank() == 3 && t.elements() > 0 && t.elements() <= 256) {
        Some(v) if b.ty(v).dims[0] <= 6 && b.ty(v).dims[1] <= 6 => v,
        _ => b.input(f32s(&[rng.range(1, 5) as usize, rng.range(1, 3) as usize, rng.range(1, 9) as usize])),
    };
    let dims = b.ty(x).dims;
    let batch_first = rng.chance(1, 4);
    let (steps, batch) = if batch_first { (dims[1], dims[0]) } else { (dims[0], dims[1]) };
    let (op, gates) = *rng.pick(&[(Op::LSTM, 4), (Op::GRU, 3), (Op::RNN, 1)]);
    let direction = *rng.pick(&["forward", "reverse", "bidirectional"]);
    let d = if direction == "bidirectional" { 2 } else { 1 };
    let h = rng.range(1, 6) as usize;
    let (w, r) = (b.weight(&[d, gates * h, dims[2]], dims[2], rng), b.weight(&[d, gates * h, h], h, rng));
    let mut inputs = vec![Some(x), Some(w), Some(r)];
    inputs.push(rng.chance(1, 2).then(|| b.weight(&[d, 2 * gates * h], 1, rng)));
    inputs.push(rng.chance(1, 3).then(|| {
        let lens: Vec<i32> = (0..batch).map(|_| rng.range(1, steps as i64) as i32).collect();
        b.graph.add_const(None, Tensor::from_i32([batch], &lens))
    }));
    let state = if batch_first { [batch, d, h] } else { [d, batch, h] };
    inputs.push(rng.chance(1, 2).then(|| b.weight(&state, 1, rng)));
    let mut outs = vec![f32s(&if batch_first { [batch, steps, d, h] } else { [steps, d, batch, h] }), f32s(&state)];
    if op == Op::LSTM {
        inputs.push(rng.chance(1, 2).then(|| b.weight(&state, 1, rng)));
        inputs.push(rng.chance(1, 4).then(|| b.weight(&[d, 3 * h], 1, rng)));
        outs.push(f32s(&state));
    }
    while inputs.last().is_some_and(Option::is_none) {
        inputs.pop();
    }
    let mut attrs = Attrs::none().with_int("hidden_size", h as i64).with_str("direction", direction);
    attrs.set("layout", Attr::Int(batch_first.into()));
    if op == Op::GRU {
        attrs.set("linear_before_reset", Attr::Int(rng.chance(1, 2).into()));
    }
    if rng.chance(1, 4) {
        attrs.set("clip", Attr::float(1.5));
    }
    b.node_opt(op, attrs, inputs, &outs).map(|_| ())
}

/// Grouped heads, a causal mask, one of numbers or of bools, a cap, a cache.
fn attention(b: &mut Builder, rng: &mut Rng) -> Option<()> {
    let fits = |t: &TensorType| t.dtype == DType::F32 && t.rank() == 4 && t.elements() > 0 && t.elements() <= 512;
    let q = match b.pick(rng, fits) {
        Some(v) => v,
        None => b.input(f32s(&[
            rng.range(1, 2) as usize,
            *rng.pick(&[1, 2, 4]),
            rng.range(1, 5) as usize,
            rng.range(1, 9) as usize,
        ])),
    };
    let d = b.ty(q).dims;
    let kv = if d[1].is_multiple_of(2) && rng.chance(1, 2) { d[1] / 2 } else { d[1] };
    let (keys, wide) = (rng.range(1, 8) as usize, rng.range(1, 9) as usize);
    let (k, v) = (b.input(f32s(&[d[0], kv, keys, d[3]])), b.input(f32s(&[d[0], kv, keys, wide])));
    let past = if rng.chance(1, 4) { rng.range(1, 4) as usize } else { 0 };
    let total = past + keys;
    let mut inputs = vec![Some(q), Some(k), Some(v)];
    inputs.push(match rng.below(3) {
        0 => None,
        1 => Some(b.weight(&[d[2], total], 1, rng)),
        _ => {
            let m: Vec<bool> = (0..d[2] * total).map(|_| rng.chance(3, 4)).collect();
            Some(b.graph.add_const(None, Tensor::from_bool([d[2], total], &m)))
        }
    });
    if past > 0 {
        inputs.push(Some(b.input(f32s(&[d[0], kv, past, d[3]]))));
        inputs.push(Some(b.input(f32s(&[d[0], kv, past, wide]))));
    }
    let mut attrs = Attrs::none().with_int("is_causal", rng.chance(1, 3).into());
    if rng.chance(1, 4) {
        attrs.set("softcap", Attr::float(2.0));
    }
    if rng.chance(1, 4) {
        attrs.set("scale", Attr::float(0.25));
    }
    attrs.set("qk_matmul_output_mode", Attr::Int(rng.range(0, 3)));
    let all = [
        f32s(&[d[0], d[1], d[2], wide]),
        f32s(&[d[0], kv, total, d[3]]),
        f32s(&[d[0], kv, total, wide]),
        f32s(&[d[0], d[1], d[2], total]),
    ];
    let n = *rng.pick(&[1, 1, 3, 4]);
    b.node_opt(Op::Attention, attrs, inputs, &all[..n]).map(|_| ())
}

fn rotary(b: &mut Builder, rng: &mut Rng) -> Option<()> {
    let fits = |t: &TensorType| t.dtype == DType::F32 && t.rank() == 4 && t.dims[3] >= 2 && t.elements() > 0;
    let x = b.pick(rng, fits)?;
    let ty = b.ty(x);
    let half = rng.range(1, ty.dims[3] as i64 / 2) as usize;
    let (c, s) = (b.input(f32s(&[ty.dims[0], ty.dims[2], half])), b.input(f32s(&[ty.dims[0], ty.dims[2], half])));
    let attrs = Attrs::none().with_int("interleaved", rng.chance(1, 2).into());
    let attrs = attrs.with_int("rotary_embedding_dim", 2 * half as i64);
    b.node(Op::RotaryEmbedding, attrs, &[x, c, s], &[ty]).map(|_| ())
}

/// One or two operands; the second has the labels of one or two axes of the first, and one of its own.
fn einsum(b: &mut Builder, rng: &mut Rng) -> Option<()> {
    let x = b.pick(rng, |t| t.dtype == DType::F32 && (2..=3).contains(&t.rank()) && t.elements() > 0)?;
    let d = b.ty(x).dims;
    let names: Vec<char> = "abc".chars().take(d.len()).collect();
    let extent = |c: char| d[names.iter().position(|&n| n == c).expect("a label of the first operand")];
    let k = rng.below(names.len() as u64) as usize;
    let mut second = vec![names[k]];
    if rng.chance(1, 3) {
        second.insert(0, names[(k + 1) % names.len()]);
    }
    let n = rng.range(1, 6) as usize;
    let w = b.weight(&second.iter().map(|&c| extent(c)).chain([n]).collect::<Vec<_>>(), extent(names[k]), rng);
    let mut out: Vec<char> = names.iter().copied().filter(|_| rng.chance(2, 3)).chain(['z']).collect();
    let swap = rng.below(out.len() as u64) as usize;
    out.swap(0, swap);
    let dims: Vec<usize> = out.iter().map(|&c| if c == 'z' { n } else { extent(c) }).collect();
    let text = |l: &[char]| l.iter().collect::<String>();
    let equation = format!("{},{}z->{}", text(&names), text(&second), text(&out));
    b.node(Op::Einsum, Attrs::none().with_str("equation", &equation), &[x, w], &[f32s(&dims)]).map(|_| ())
}

fn image(b: &mut Builder, rng: &mut Rng) -> Option<ValueId> {
    b.pick(rng, |t| t.dtype == DType::F32 && t.rank() == 4 && t.elements() > 0 && t.elements() <= 1024)
}

/// By sizes of the last two axes, in the modes whose coordinates are the same in all implementations.
fn resize(b: &mut Builder, rng: &mut Rng) -> Option<()> {
    let x = image(b, rng)?;
    let ty = b.ty(x);
    let sizes: Vec<i64> = ty.dims[2..].iter().map(|&d| rng.range(1, 2 * d as i64 + 1)).collect();
    let dims = [&ty.dims[..2], &sizes.iter().map(|&s| s as usize).collect::<Vec<_>>()].concat();
    let mode = *rng.pick(&["nearest", "linear", "linear", "cubic"]);
    let how = *rng.pick(&["half_pixel", "asymmetric", "pytorch_half_pixel", "half_pixel_symmetric"]);
    let mut attrs = Attrs::none().with_str("mode", mode).with_str("coordinate_transformation_mode", how);
    attrs = attrs.with_ints("axes", &[2, 3]);
    if mode != "nearest" {
        attrs = attrs.with_int("antialias", rng.chance(1, 4).into());
    }
    if mode == "cubic" {
        attrs = attrs.with_int("exclude_outside", rng.chance(1, 3).into());
    }
    let s = b.ints(&sizes);
    b.node_opt(Op::Resize, attrs, vec![Some(x), None, None, Some(s)], &[f32s(&dims)]).map(|_| ())
}

/// At constant places, eighths of the image's half: positions that all arithmetic finds alike.
fn grid_sample(b: &mut Builder, rng: &mut Rng) -> Option<()> {
    let x = image(b, rng)?;
    let ty = b.ty(x);
    let (h, w) = (rng.range(1, 4) as usize, rng.range(1, 4) as usize);
    let xs: Vec<f32> = (0..ty.dims[0] * h * w * 2).map(|_| rng.range(-10, 10) as f32 / 8.0 + 0.03125).collect();
    let g = b.floats(&[ty.dims[0], h, w, 2], &xs);
    let attrs = Attrs::none()
        .with_str("mode", rng.pick::<&str>(&["linear", "nearest", "cubic"]))
        .with_str("padding_mode", rng.pick::<&str>(&["zeros", "border", "reflection"]))
        .with_int("align_corners", rng.chance(1, 2).into());
    b.node(Op::GridSample, attrs, &[x, g], &[f32s(&[ty.dims[0], ty.dims[1], h, w])]).map(|_| ())
}
