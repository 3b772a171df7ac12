//! RoiAlign and DeformConv: bilinear samples at computed positions, then a mean, a maximum or a matrix product.

use super::index::{check_pairs, rows, scaled};
use super::sample::{Axis, Padding, Tap};
use super::{Lowered, done, input, scalar_like, with_scalar, work_type};
use crate::passes::build::{Build, Res};
use crate::types;
use ir::{DType, Node, NodeId, Op, ValueId};

/// Samples along one side of a bin.
const MAX_GRID: i64 = 1 << 10;
/// A bilinear sample's neighbours along one axis.
const REACH: [i64; 2] = [0, 1];

/// RoiAlign with a fixed number of samples for each bin.
pub fn align(b: &mut Build<'_, '_>, id: NodeId, n: &Node) -> Lowered {
    let (x, rois, images) = (input(b, id, 0)?, input(b, id, 1)?, b.input(id, 2));
    let (dx, count) = (b.dims(x), b.dims(rois)[0]);
    let (out, ratio) = (b.r.old.ty(n.outputs[0]).dims.clone(), n.attrs.int("sampling_ratio").unwrap_or(0));
    if !(1..=MAX_GRID).contains(&ratio) || dx.contains(&0) {
        return Ok(None); // the number of samples would depend on the region
    }
    let grid = ratio as usize;
    let (ys, xs) = (out[2] * grid, out[3] * grid);
    check_pairs(b, n, &[count, ys, xs, dx[1]])?;
    let rois = b.cast(rois, DType::F32)?;
    let half = n.attrs.str("coordinate_transformation_mode") == Some("half_pixel");
    let axis = |len: usize, stride: usize| Axis { len, stride, padding: Padding::Border, align: false };
    let (vertical, horizontal) = (axis(dx[2], dx[3]), axis(dx[3], 1));
    let y = positions(b, n, rois, [1, 3], out[2], grid, half)?;
    let x_at = positions(b, n, rois, [0, 2], out[3], grid, half)?;
    let inside = {
        let (a, c) = (near(b, y, dx[2])?, near(b, x_at, dx[3])?);
        let (a, c) = (b.reshape(a, &[count, ys, 1])?, b.reshape(c, &[count, 1, xs])?);
        b.bin(Op::And, a, c)?
    };
    let (ty, tx) = (vertical.taps(b, y, "linear", &REACH)?, horizontal.taps(b, x_at, "linear", &REACH)?);
    // Pixels as rows of channels; an image begins at its number times its area.
    let area = dx[2] * dx[3];
    let pixels = b.transpose(x, &[0, 2, 3, 1])?;
    let first = scaled(b, images, dx[0], area)?;
    let first = b.reshape(first, &[count, 1, 1])?;
    let mut corners = Vec::new();
    for p in &ty {
        for q in &tx {
            corners.push(corner(b, pixels, first, (p, [count, ys, 1]), (q, [count, 1, xs]), dx[1])?);
        }
    }
    let max = n.attrs.str("mode") == Some("max");
    let mut sum = corners[0];
    for &c in &corners[1..] {
        sum = b.bin(if max { Op::Max } else { Op::Add }, sum, c)?;
    }
    let inside = b.reshape(inside, &[count, ys, xs, 1])?;
    let zero = scalar_like(b, sum, 0.0);
    let samples = b.select(inside, sum, zero)?;
    let samples = b.reshape(samples, &[count, out[2], grid, out[3], grid, dx[1]])?;
    let y = if max {
        b.reduce(Op::ReduceMax, samples, &[2, 4], false)?
    } else {
        let s = b.reduce(Op::ReduceSum, samples, &[2, 4], false)?;
        with_scalar(b, Op::Div, s, (grid * grid) as f64)?
    };
    let y = b.transpose(y, &[0, 3, 1, 2])?;
    done(b, id, y)
}
/// Positions of all samples along an axis, `[regions, bins * grid]`: `start + (bin + (g + 1/2) / grid) * extent / bins`.
fn positions(
    b: &mut Build<'_, '_>,
    n: &Node,
    rois: ValueId,
    [lo, hi]: [usize; 2],
    bins: usize,
    grid: usize,
    half: bool,
) -> Res<ValueId> {
    let scale = n.attrs.f32("spatial_scale").map_or(1.0, f64::from);
    let mut edge = |k: usize| -> Res<ValueId> {
        let e = b.slice_axis(rois, 1, k, k + 1)?;
        let e = with_scalar(b, Op::Mul, e, scale)?;
        if half { with_scalar(b, Op::Sub, e, 0.5) } else { Ok(e) }
    };
    let (start, end) = (edge(lo)?, edge(hi)?);
    let extent = b.bin(Op::Sub, end, start)?;
    let extent = if half { extent } else { with_scalar(b, Op::Max, extent, 1.0)? };
    let bin = with_scalar(b, Op::Div, extent, bins as f64)?;
    let at: Vec<f64> = (0..bins * grid).map(|i| (i / grid) as f64 + ((i % grid) as f64 + 0.5) / grid as f64).collect();
    let at = b.floats(DType::F32, &[at.len()], &at);
    let t = b.bin(Op::Mul, bin, at)?;
    b.bin(Op::Add, start, t)
}
/// Whether a position counts at all: it may be one pixel outside.
fn near(b: &mut Build<'_, '_>, p: ValueId, len: usize) -> Res<ValueId> {
    let lo = with_scalar(b, Op::GreaterOrEqual, p, -1.0)?;
    let hi = with_scalar(b, Op::LessOrEqual, p, len as f64)?;
    b.bin(Op::And, lo, hi)
}
/// One weighted corner of all samples, `[…, channels]`. The taps of both axes are reshaped so that they broadcast.
fn corner(
    b: &mut Build<'_, '_>,
    pixels: ValueId,
    first: ValueId,
    (p, dp): (&Tap, [usize; 3]),
    (q, dq): (&Tap, [usize; 3]),
    channels: usize,
) -> Res<ValueId> {
    let (py, px) = (b.reshape(p.place, &dp)?, b.reshape(q.place, &dq)?);
    let at = b.bin(Op::Add, first, py)?;
    let at = b.bin(Op::Add, at, px)?;
    let mut v = rows(b, pixels, at, &[channels])?;
    let mut column = b.dims(v);
    *column.last_mut().expect("a rank above 0") = 1;
    if let (Some(a), Some(c)) = (p.inside, q.inside) {
        let (a, c) = (b.reshape(a, &dp)?, b.reshape(c, &dq)?);
        let m = b.bin(Op::And, a, c)?;
        let m = b.reshape(m, &column)?;
        let zero = scalar_like(b, v, 0.0);
        v = b.select(m, v, zero)?;
    }
    let (wy, wx) = (p.weight.expect("a weighted tap"), q.weight.expect("a weighted tap"));
    let (wy, wx) = (b.reshape(wy, &dp)?, b.reshape(wx, &dq)?);
    let w = b.bin(Op::Mul, wy, wx)?;
    let w = b.reshape(w, &column)?;
    b.bin(Op::Mul, v, w)
}

/// DeformConv over two axes: the columns of an im2col are samples at shifted positions, then one product for each group.
pub fn deform(b: &mut Build<'_, '_>, id: NodeId, n: &Node) -> Lowered {
    let (x, w, off) = (input(b, id, 0)?, input(b, id, 1)?, input(b, id, 2)?);
    let (dx, dw, out) = (b.dims(x), b.dims(w), b.r.old.ty(n.outputs[0]).dims.clone());
    if dx.len() != 4 || dx.contains(&0) || dw.contains(&0) || work_type(b.ty(x).dtype) != DType::F32 {
        return Ok(None);
    }
    let Ok(win) = types::window(&n.attrs, &dx[2..], &dw[2..], false) else { return Ok(None) };
    let (og, group) = (n.attrs.int("offset_group").unwrap_or(1) as usize, n.attrs.int("group").unwrap_or(1) as usize);
    if og == 0 || !dx[1].is_multiple_of(og) {
        return Ok(None);
    }
    let (taps, points, per) = (dw[2] * dw[3], out[2] * out[3], dx[1] / og);
    let lines = dx[0] * og;
    check_pairs(b, n, &[lines, taps, points, per])?;
    let off = b.reshape(off, &[lines, taps, 2, points])?;
    let flat = [lines, taps * points, 1];
    let mut sides = Vec::new();
    for k in 0..2 {
        let o = b.slice_axis(off, 2, k, k + 1)?;
        let o = b.reshape(o, &[lines, taps, points])?;
        let base = |t: usize, p: usize| {
            let (tap, at) = if k == 0 { (t / dw[3], p / out[3]) } else { (t % dw[3], p % out[3]) };
            (at * win.strides[k] + tap * win.dilations[k]) as f64 - win.begin[k] as f64
        };
        let base: Vec<f64> = (0..taps * points).map(|i| base(i / points, i % points)).collect();
        let base = b.floats(DType::F32, &[taps, points], &base);
        let p = b.bin(Op::Add, o, base)?;
        let stride = if k == 0 { dx[3] } else { 1 };
        let axis = Axis { len: dx[2 + k], stride, padding: Padding::Zeros, align: false };
        sides.push(axis.taps(b, p, "linear", &REACH)?);
    }
    let pixels = b.reshape(x, &[dx[0], og, per, dx[2] * dx[3]])?;
    let pixels = b.transpose(pixels, &[0, 1, 3, 2])?;
    let first = b.positions(&[lines, 1, 1], |c| (c[0] * dx[2] * dx[3]) as i64);
    let mut sum: Option<ValueId> = None;
    for p in &sides[0] {
        for q in &sides[1] {
            let v = corner(b, pixels, first, (p, flat), (q, flat), per)?;
            sum = Some(match sum {
                None => v,
                Some(s) => b.bin(Op::Add, s, v)?,
            });
        }
    }
    let mut columns = b.reshape(sum.expect("four corners"), &[lines, taps, points, per])?;
    if n.input(4).is_some() {
        let m = input(b, id, 4)?;
        let m = b.reshape(m, &[lines, taps, points, 1])?;
        columns = b.bin(Op::Mul, columns, m)?;
    }
    // [batch, group, channels of the group * taps, points]
    let columns = b.transpose(columns, &[0, 3, 1, 2])?;
    let k = dw[1] * taps;
    let columns = b.reshape(columns, &[dx[0], group, k, points])?;
    let w = b.reshape(w, &[group, dw[0] / group, k])?;
    let y = b.bin(Op::MatMul, w, columns)?;
    let mut y = b.reshape(y, &out)?;
    if n.input(3).is_some() {
        let bias = input(b, id, 3)?;
        let bias = b.reshape(bias, &[out[1], 1, 1])?;
        y = b.bin(Op::Add, y, bias)?;
    }
    done(b, id, y)
}
