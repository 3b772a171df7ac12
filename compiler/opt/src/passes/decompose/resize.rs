//! Resize, axis by axis: each output element is a weighted sum of input elements at constant places.
//!
//! Nearest has one tap of weight 1 (a Gather alone), linear two, cubic four, widened filters more. A dense matrix would
//! make NaN of 0 * Inf; no tap has the weight 0.

use super::index::check_pairs;
use super::{Lowered, done, input};
use crate::fold::value;
use crate::passes::build::{Build, Res};
use crate::types;
use ir::{Attrs, Node, NodeId, Op, ValueId};

/// Taps of one axis: for each tap, the place and weight for every output index.
struct Taps {
    place: Vec<Vec<i64>>,
    weight: Vec<Vec<f64>>,
}

/// More taps (of a widened filter) than this are left.
const MAX_TAPS: usize = 64;

/// Lowers Resize of floats, and of everything in mode nearest.
pub fn lower(b: &mut Build<'_, '_>, id: NodeId, n: &Node) -> Lowered {
    let how = n.attrs.str("coordinate_transformation_mode").unwrap_or("half_pixel");
    let Ok((dims, scales)) = types::resize_plan(&n.attrs, &types::args(b.r.old, n)) else { return Ok(None) };
    let crop = how == "tf_crop_and_resize";
    let roi = if crop { regions(b, n, dims.len()) } else { Some(vec![(0.0, 1.0); dims.len()]) };
    let Some(roi) = roi else { return Ok(None) };
    let nearest = n.attrs.str("mode") == Some("nearest");
    let mut y = if nearest { b.input(id, 0) } else { input(b, id, 0)? };
    if !nearest && !b.ty(y).dtype.is_float() {
        return Ok(None);
    }
    let mut outside = Vec::new();
    for axis in 0..dims.len() {
        let from = b.ty(y).dims[axis];
        if from == dims[axis] && scales[axis] == 1.0 && roi[axis] == (0.0, 1.0) {
            continue;
        }
        let line = Line { how, from, to: dims[axis], scale: scales[axis], roi: roi[axis] };
        if n.attrs.flag("antialias") && !nearest && 4.0 / line.scale > MAX_TAPS as f64 {
            return Ok(None); // the filter is as wide as that
        }
        let taps = taps(n, &line);
        y = apply(b, y, axis, &taps)?;
        outside.push((axis, line));
    }
    if crop {
        y = extrapolated(b, y, n, &outside)?;
    }
    done(b, id, y)
}
/// Start and end of the region of every axis; `None` if they are not known.
fn regions(b: &Build<'_, '_>, n: &Node, rank: usize) -> Option<Vec<(f64, f64)>> {
    let roi = n.input(1).and_then(|v| b.r.old.constant(v)).and_then(value::floats)?;
    let axes: Vec<usize> = match n.attrs.ints("axes") {
        Some(l) => types::util::axes(l, rank).ok()?,
        None => (0..rank).collect(),
    };
    let mut out = vec![(0.0, 1.0); rank];
    for (i, &k) in axes.iter().enumerate() {
        out[k] = (*roi.get(i)?, *roi.get(axes.len() + i)?);
    }
    Some(out)
}
/// The extrapolation value where a position lies outside of the input.
fn extrapolated(b: &mut Build<'_, '_>, y: ValueId, n: &Node, lines: &[(usize, Line<'_>)]) -> Res<ValueId> {
    let mut dims = vec![1; b.ty(y).rank()];
    for (k, l) in lines {
        dims[*k] = l.to;
    }
    let inside = |c: &[usize]| {
        lines.iter().all(|(k, l)| {
            let p = coordinate(l, c[*k]);
            p >= 0.0 && p <= l.from as f64 - 1.0
        })
    };
    check_pairs(b, n, &dims)?;
    let inside = b.mask(&dims, inside);
    let value = super::scalar_like(b, y, super::f(n, "extrapolation_value"));
    b.select(inside, y, value)
}
/// One axis of the input and of the output.
struct Line<'a> {
    how: &'a str,
    from: usize,
    to: usize,
    scale: f64,
    roi: (f64, f64),
}
/// The place in the input that an output index stands for.
fn coordinate(l: &Line<'_>, o: usize) -> f64 {
    let (o, from, to, scale) = (o as f64, l.from as f64, l.to as f64, l.scale);
    match l.how {
        "align_corners" if to <= 1.0 => 0.0,
        // The width before it was cut to a whole number, as ONNX's vectors have it.
        "align_corners" => o * (from - 1.0) / (from * scale - 1.0),
        "asymmetric" => o / scale,
        "pytorch_half_pixel" if to <= 1.0 => 0.0,
        "half_pixel_symmetric" => {
            let adjust = to / (scale * from);
            from / 2.0 * (1.0 - adjust) + (o + 0.5) / scale - 0.5
        }
        "tf_crop_and_resize" => {
            let (start, end) = l.roi;
            let part = (end - start) * (from - 1.0);
            start * (from - 1.0) + if to > 1.0 { o * part / (from * scale - 1.0) } else { part / 2.0 }
        }
        _ => (o + 0.5) / scale - 0.5,
    }
}
fn taps(n: &Node, l: &Line<'_>) -> Taps {
    let clamp = |i: i64| i.clamp(0, l.from as i64 - 1);
    let at: Vec<f64> = (0..l.to).map(|o| coordinate(l, o)).collect();
    if n.attrs.str("mode") == Some("nearest") {
        let round: fn(f64) -> f64 = match n.attrs.str("nearest_mode") {
            Some("floor") => f64::floor,
            Some("ceil") => f64::ceil,
            Some("round_prefer_ceil") => |x| (x + 0.5).floor(),
            _ => |x| (x - 0.5).ceil(),
        };
        return Taps {
            place: vec![at.iter().map(|&x| clamp(round(x) as i64)).collect()],
            weight: vec![vec![1.0; l.to]],
        };
    }
    let mut lists: Vec<Vec<(i64, f64)>> = at.iter().map(|&x| filter(n, l, x)).collect();
    let most = lists.iter().map(Vec::len).max().unwrap_or(1);
    for list in &mut lists {
        // A list that is too short shares its last weight, so that no tap has the weight 0 (0 * Inf is NaN).
        while list.len() < most {
            let last = list.last_mut().expect("the weights of a place add up to 1");
            last.1 /= 2.0;
            let half = *last;
            list.push(half);
        }
    }
    Taps {
        place: (0..most).map(|k| lists.iter().map(|t| clamp(t[k].0)).collect()).collect(),
        weight: (0..most).map(|k| lists.iter().map(|t| t[k].1).collect()).collect(),
    }
}
/// Neighbours of a position with weights other than 0; with `antialias` the filter is as wide as the output's pixels.
fn filter(n: &Node, l: &Line<'_>, x: f64) -> Vec<(i64, f64)> {
    let a = f64::from(n.attrs.f32("cubic_coeff_a").unwrap_or(-0.75));
    let linear = n.attrs.str("mode") == Some("linear");
    let antialias = n.attrs.flag("antialias");
    let squeeze = if antialias { l.scale.min(1.0) } else { 1.0 };
    let reach = if linear { 1.0 } else { 2.0 };
    let weight = |t: f64| {
        let t = t.abs();
        match t {
            _ if linear => (1.0 - t).max(0.0),
            _ if t <= 1.0 => ((a + 2.0) * t - (a + 3.0)) * t * t + 1.0,
            _ if t < 2.0 => ((a * t - 5.0 * a) * t + 8.0 * a) * t - 4.0 * a,
            _ => 0.0,
        }
    };
    let first = (-reach / squeeze).floor() as i64 + 1;
    let base = x.floor();
    let mut taps: Vec<(i64, f64)> =
        (first..2 - first).map(|i| (base as i64 + i, weight((i as f64 - (x - base)) * squeeze))).collect();
    let normal = |taps: &mut Vec<(i64, f64)>| {
        let sum: f64 = taps.iter().map(|t| t.1).sum();
        taps.iter_mut().for_each(|t| t.1 /= sum);
    };
    if antialias {
        normal(&mut taps);
    }
    if n.attrs.flag("exclude_outside") {
        taps.retain(|t| (0..l.from as i64).contains(&t.0));
        normal(&mut taps);
    }
    taps.retain(|t| t.1 != 0.0);
    if taps.is_empty() { vec![(base as i64, 1.0)] } else { taps }
}
fn apply(b: &mut Build<'_, '_>, x: ValueId, axis: usize, t: &Taps) -> Res<ValueId> {
    let mut sum = None;
    for (place, weight) in t.place.iter().zip(&t.weight) {
        let index = b.ints(place);
        let mut v = b.op(Op::Gather, Attrs::none().with_int("axis", axis as i64), &[Some(x), Some(index)])?;
        if t.place.len() > 1 {
            let mut dims = vec![1; b.ty(v).rank()];
            dims[axis] = weight.len();
            let d = b.ty(v).dtype;
            let w = b.floats(d, &dims, weight);
            v = b.bin(Op::Mul, v, w)?;
        }
        sum = Some(match sum {
            None => v,
            Some(s) => b.bin(Op::Add, s, v)?,
        });
    }
    Ok(sum.expect("there is at least one tap"))
}
