//! Resize, axis by axis: each output element is a weighted sum of input elements at constant places.
//!
//! Nearest has one tap of weight 1 (a Gather alone), linear two, cubic four. A dense matrix would make NaN of 0 * Inf;
//! taps of a constant weight of 0 still do, as in the defining formula.

use super::{Lowered, done, input};
use crate::passes::build::{Build, Res};
use crate::types;
use ir::{Attrs, Node, NodeId, Op, ValueId};

/// Taps of one axis: for each tap, the place and weight for every output index.
struct Taps {
    place: Vec<Vec<i64>>,
    weight: Vec<Vec<f64>>,
}

/// Lowers all modes but antialias, `tf_crop_and_resize` and the exclusion of outside taps in cubic mode.
pub fn lower(b: &mut Build<'_, '_>, id: NodeId, n: &Node) -> Lowered {
    let how = n.attrs.str("coordinate_transformation_mode").unwrap_or("half_pixel");
    if n.attrs.flag("antialias") || how == "tf_crop_and_resize" || n.attrs.flag("exclude_outside") {
        return Ok(None);
    }
    let Ok((dims, scales)) = types::resize_plan(&n.attrs, &types::args(b.r.old, n)) else { return Ok(None) };
    let nearest = n.attrs.str("mode") == Some("nearest");
    let mut y = if nearest { b.input(id, 0) } else { input(b, id, 0)? };
    if !nearest && !b.ty(y).dtype.is_float() {
        return Ok(None);
    }
    for axis in 0..dims.len() {
        let from = b.ty(y).dims[axis];
        if from == dims[axis] && scales[axis] == 1.0 {
            continue;
        }
        let taps = taps(n, how, from, dims[axis], scales[axis]);
        y = apply(b, y, axis, &taps)?;
    }
    done(b, id, y)
}
/// The place in the input that an output index stands for.
fn coordinate(how: &str, o: usize, from: usize, to: usize, scale: f64) -> f64 {
    let (o, from, to) = (o as f64, from as f64, to as f64);
    match how {
        "align_corners" if to <= 1.0 => 0.0,
        // The width before it was cut to a whole number, as ONNX's vectors have it.
        "align_corners" => o * (from - 1.0) / (from * scale - 1.0),
        "asymmetric" => o / scale,
        "pytorch_half_pixel" if to <= 1.0 => 0.0,
        "half_pixel_symmetric" => {
            let adjust = to / (scale * from);
            from / 2.0 * (1.0 - adjust) + (o + 0.5) / scale - 0.5
        }
        _ => (o + 0.5) / scale - 0.5,
    }
}
fn taps(n: &Node, how: &str, from: usize, to: usize, scale: f64) -> Taps {
    let clamp = |i: f64| (i as i64).clamp(0, from as i64 - 1);
    let at: Vec<f64> = (0..to).map(|o| coordinate(how, o, from, to, scale)).collect();
    if n.attrs.str("mode") == Some("nearest") {
        let round: fn(f64) -> f64 = match n.attrs.str("nearest_mode") {
            Some("floor") => f64::floor,
            Some("ceil") => f64::ceil,
            Some("round_prefer_ceil") => |x| (x + 0.5).floor(),
            _ => |x| (x - 0.5).ceil(),
        };
        return Taps { place: vec![at.iter().map(|&x| clamp(round(x))).collect()], weight: vec![vec![1.0; to]] };
    }
    let offsets: &[f64] = if n.attrs.str("mode") == Some("linear") { &[0.0, 1.0] } else { &[-1.0, 0.0, 1.0, 2.0] };
    let a = f64::from(n.attrs.f32("cubic_coeff_a").unwrap_or(-0.75));
    let weight = |x: f64, off: f64| {
        let t = (x - x.floor() - off).abs();
        if offsets.len() == 2 {
            1.0 - t
        } else if t <= 1.0 {
            ((a + 2.0) * t - (a + 3.0)) * t * t + 1.0
        } else {
            ((a * t - 5.0 * a) * t + 8.0 * a) * t - 4.0 * a
        }
    };
    Taps {
        place: offsets.iter().map(|&o| at.iter().map(|&x| clamp(x.floor() + o)).collect()).collect(),
        weight: offsets.iter().map(|&o| at.iter().map(|&x| weight(x, o)).collect()).collect(),
    }
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
