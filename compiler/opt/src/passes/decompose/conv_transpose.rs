//! ConvTranspose as a convolution of stride 1 over the input with zeros between its elements.
//!
//! Only for constant finite weights: a zero times an infinite weight would be NaN where the original has no product.

use super::{Lowered, done};
use crate::fold::value::floats;
use crate::passes::build::{Build, Res};
use ir::{Attrs, Node, NodeId, Op, ValueId};

/// One spatial axis.
struct Axis {
    stride: usize,
    dilation: usize,
    kernel: usize,
    /// Padding of the convolution; negative ones crop.
    pads: (i64, i64),
}

fn axes(n: &Node, input: &[usize], kernel: &[usize], output: &[usize]) -> Vec<Axis> {
    let get = |name: &str, i: usize, default: i64| n.attrs.ints(name).map_or(default, |v| v[i]);
    let auto = n.attrs.str("auto_pad").unwrap_or("NOTSET");
    let count = input.len();
    (0..count)
        .map(|i| {
            let (stride, dilation) = (get("strides", i, 1), get("dilations", i, 1));
            let reach = (kernel[i] as i64 - 1) * dilation + 1;
            let full = stride * (input[i] as i64 - 1) + get("output_padding", i, 0) + reach;
            let total = full - output[i] as i64;
            let begin = match (n.attrs.has("output_shape"), auto) {
                (false, "NOTSET") => get("pads", i, 0),
                (false, "VALID") => 0,
                (_, "SAME_UPPER") => total.div_euclid(2),
                _ => total - total.div_euclid(2),
            };
            // Output o is the sum over taps t of kernel[t] * x[(o + begin - t * dilation) / stride].
            let before = reach - 1 - begin;
            let spread = stride * (input[i] as i64 - 1) + 1;
            let after = output[i] as i64 + reach - 1 - before - spread;
            Axis { stride: stride as usize, dilation: dilation as usize, kernel: kernel[i], pads: (before, after) }
        })
        .collect()
}

/// Lowers a ConvTranspose over one or two spatial axes.
pub fn lower(b: &mut Build<'_, '_>, id: NodeId, n: &Node) -> Lowered {
    let (x, w) = (b.input(id, 0), b.input(id, 1));
    let finite = b.r.new.constant(w).and_then(floats).is_some_and(|v| v.iter().all(|x| x.is_finite()));
    let (mut dx, mut dw, out) = (b.dims(x), b.dims(w), b.r.old.ty(n.outputs[0]).dims.clone());
    if !finite || dx.len() > 4 || dx.contains(&0) || out.contains(&0) {
        return Ok(None);
    }
    let mut ax = axes(n, &dx[2..], &dw[2..], &out[2..]);
    if dx.len() == 3 {
        ax.insert(0, Axis { stride: 1, dilation: 1, kernel: 1, pads: (0, 0) });
        dx.insert(2, 1);
        dw.insert(2, 1);
    }
    let x = b.reshape(x, &dx)?;
    let x = spread(b, x, &ax)?;
    let w = b.reshape(w, &dw)?;
    let group = n.attrs.int("group").unwrap_or(1);
    let w = turned(b, w, group as usize)?;
    let (x, pads) = cropped(b, x, &ax)?;
    let list = |f: &dyn Fn(&Axis) -> usize| ax.iter().map(|a| f(a) as i64).collect::<Vec<_>>();
    let attrs = Attrs::none()
        .with_int("group", group)
        .with_ints("kernel_shape", &list(&|a| a.kernel))
        .with_ints("strides", &[1, 1])
        .with_ints("dilations", &list(&|a| a.dilation))
        .with_ints("pads", &pads);
    let bias = b.opt_input(id, 2);
    let inputs: &[_] = if bias.is_some() { &[Some(x), Some(w), bias] } else { &[Some(x), Some(w)] };
    let y = b.op(Op::Conv, attrs, inputs)?;
    let y = b.reshape(y, &out)?;
    done(b, id, y)
}
/// Puts `stride - 1` zeros between neighbours.
fn spread(b: &mut Build<'_, '_>, x: ValueId, ax: &[Axis]) -> Res<ValueId> {
    let d = b.dims(x);
    let (sh, sw) = (ax[0].stride, ax[1].stride);
    if (sh, sw) == (1, 1) {
        return Ok(x);
    }
    let y = b.reshape(x, &[d[0], d[1], d[2], 1, d[3], 1])?;
    let pads = b.ints(&[0, 0, 0, 0, 0, 0, 0, 0, 0, sh as i64 - 1, 0, sw as i64 - 1]);
    let y = b.bin(Op::Pad, y, pads)?;
    let y = b.reshape(y, &[d[0], d[1], d[2] * sh, d[3] * sw])?;
    let y = b.slice_axis(y, 2, 0, (d[2] - 1) * sh + 1)?;
    b.slice_axis(y, 3, 0, (d[3] - 1) * sw + 1)
}
/// Weights `[C, M/g, kh, kw]` as `[M, C/g, kh, kw]`, flipped in both spatial axes.
fn turned(b: &mut Build<'_, '_>, w: ValueId, g: usize) -> Res<ValueId> {
    let d = b.dims(w);
    let y = b.reshape(w, &[g, d[0] / g, d[1], d[2], d[3]])?;
    let y = b.transpose(y, &[0, 2, 1, 3, 4])?;
    let y = b.reshape(y, &[d[1] * g, d[0] / g, d[2], d[3]])?;
    if d[2] == 1 && d[3] == 1 {
        return Ok(y);
    }
    let flip: Vec<crate::types::SliceSpec> = b
        .dims(y)
        .iter()
        .enumerate()
        .map(|(i, &n)| {
            let turn = i >= 2 && n > 1;
            crate::types::SliceSpec {
                start: if turn { n as i64 - 1 } else { 0 },
                step: if turn { -1 } else { 1 },
                len: n,
            }
        })
        .collect();
    crate::passes::normalize::sliced(b, y, &flip)
}
/// Takes off what negative pads crop; gives the pads that are left, begins first.
fn cropped(b: &mut Build<'_, '_>, x: ValueId, ax: &[Axis]) -> Res<(ValueId, Vec<i64>)> {
    let mut y = x;
    for (i, a) in ax.iter().enumerate() {
        let len = b.ty(y).dims[2 + i] as i64;
        let (s, e) = ((-a.pads.0).clamp(0, len), (len + a.pads.1.min(0)).max(0));
        y = b.slice_axis(y, 2 + i, s as usize, e.max(s) as usize)?;
    }
    let begin = ax.iter().map(|a| a.pads.0.max(0));
    Ok((y, begin.chain(ax.iter().map(|a| a.pads.1.max(0))).collect()))
}
