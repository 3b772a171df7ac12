//! Operators whose output shape depends on the data: their values (and so their shapes) where what they depend on is known.
//!
//! Decisions on floats are made in f64 on the exact values of the type. Ties in scores go to the lower index.

use super::value::{floats, from_bits, ints, is_inexact, strides};
use crate::types::Arg;
use crate::types::util::{Res, axis, opt, req};
use ir::{Attrs, Op, Tensor};
use std::collections::BTreeMap;

/// Largest number of elements that are looked at.
const MAX_ELEMENTS: usize = 1 << 22;
/// Most pairs of boxes that are compared.
const MAX_PAIRS: usize = 1 << 26;

/// Values of all outputs. `Compress` needs the value of its condition only for its shape; its value needs both.
///
/// # Errors
/// A sentence; it says `run-time data` where a value is not known.
pub fn evaluate(op: Op, a: &Attrs, x: &[Option<Arg<'_>>]) -> Res<Vec<Tensor>> {
    match op {
        Op::NonZero => non_zero(known(op, x, 0, "X")?),
        Op::Compress => {
            let t = known(op, x, 0, "input")?;
            let (ax, keep) = compressed(a, x)?;
            let flat;
            let t = match ax {
                Some(_) => t,
                None => {
                    flat = t.reshaped([t.elements()]).map_err(|e| e.to_string())?;
                    &flat
                }
            };
            Ok(vec![slices(t, ax.unwrap_or(0), &keep)])
        }
        Op::Unique => unique(a, known(op, x, 0, "X")?),
        Op::NonMaxSuppression => suppression(a, x),
        _ => Err(format!("the shape of the output of {op} does not depend on data")),
    }
}

/// The value of an operand, or why there is none.
fn known<'a>(op: Op, x: &'a [Option<Arg<'a>>], i: usize, name: &str) -> Res<&'a Tensor> {
    let arg = req(x, i, name)?;
    let depends = || {
        format!(
            "the shape of the output of {op} depends on run-time data (input {name}), which static compilation excludes"
        )
    };
    let t = arg.value.ok_or_else(depends)?;
    if t.elements() > MAX_ELEMENTS {
        return Err(format!("{op} of more than {MAX_ELEMENTS} elements is not supported"));
    }
    if is_inexact(&arg) { Err(depends()) } else { Ok(t) }
}

fn truth(t: &Tensor) -> Vec<bool> {
    match floats(t) {
        Some(v) => v.iter().map(|&x| x != 0.0).collect(),
        None => (0..t.elements()).map(|i| t.bits(i) != 0).collect(),
    }
}

/// Coordinates, a row for each axis (none for a scalar).
fn non_zero(t: &Tensor) -> Res<Vec<Tensor>> {
    let hits: Vec<usize> = truth(t).iter().enumerate().filter(|(_, hit)| **hit).map(|(i, _)| i).collect();
    let (steps, hits) = (&strides(&t.dims), &hits);
    let row = |k: usize| hits.iter().map(move |i| (i / steps[k].max(1) % t.dims[k].max(1)) as i64);
    let v: Vec<i64> = (0..t.dims.len()).flat_map(row).collect();
    Ok(vec![Tensor::from_i64([t.dims.len(), hits.len()], &v)])
}

/// The axis of a `Compress` (`None`: the flat data) and the indices that it keeps.
pub fn compressed(a: &Attrs, x: &[Option<Arg<'_>>]) -> Res<(Option<usize>, Vec<usize>)> {
    let v = req(x, 0, "input")?;
    let c = known(Op::Compress, x, 1, "condition")?;
    let ax = a.int("axis").map(|k| axis(k, v.ty.rank())).transpose()?;
    let n = ax.map_or(v.ty.elements(), |k| v.ty.dims[k]);
    if c.dims.len() != 1 || c.dims[0] > n {
        return Err(format!("the condition is {}, the axis has {n} elements", c.ty()));
    }
    Ok((ax, (0..c.dims[0]).filter(|&i| c.bits(i) != 0).collect()))
}

/// Slices of a tensor along an axis.
fn slices(t: &Tensor, ax: usize, keep: &[usize]) -> Tensor {
    let outer: usize = t.dims[..ax].iter().product();
    let inner: usize = t.dims[ax + 1..].iter().product();
    let n = t.dims[ax];
    let mut dims = t.dims.clone();
    dims[ax] = keep.len();
    let places =
        (0..outer).flat_map(|o| keep.iter().flat_map(move |k| (0..inner).map(move |j| (o * n + k) * inner + j)));
    from_bits(t.dtype, &dims, places.map(|p| t.bits(p)))
}

/// A key that orders the elements by value: -0 is +0, NaN comes last and equals itself.
fn keys(t: &Tensor) -> Vec<i128> {
    match floats(t) {
        Some(v) => v.iter().map(|&x| order(x)).collect(),
        None => ints(t).unwrap_or_default(),
    }
}
fn order(x: f64) -> i128 {
    if x.is_nan() {
        return i128::MAX;
    }
    let magnitude = i128::from(x.abs().to_bits());
    if x < 0.0 { -magnitude } else { magnitude }
}

/// Distinct slices, first indices, inverse, counts.
fn unique(a: &Attrs, t: &Tensor) -> Res<Vec<Tensor>> {
    let ax = a.int("axis").map(|k| axis(k, t.dims.len())).transpose()?;
    let flat = t.reshaped([t.elements()]).map_err(|e| e.to_string())?;
    let (t, at) = ax.map_or((&flat, 0), |k| (t, k));
    let (outer, n) = (t.dims[..at].iter().product::<usize>(), t.dims[at]);
    let inner: usize = t.dims[at + 1..].iter().product();
    let keys = keys(t);
    let mut found: BTreeMap<Vec<i128>, Vec<usize>> = BTreeMap::new();
    for k in 0..n {
        let slice = (0..outer).flat_map(|o| &keys[(o * n + k) * inner..(o * n + k + 1) * inner]).copied().collect();
        found.entry(slice).or_default().push(k);
    }
    let mut groups: Vec<Vec<usize>> = found.into_values().collect();
    if a.int("sorted") == Some(0) {
        groups.sort_by_key(|g| g[0]);
    }
    let first: Vec<usize> = groups.iter().map(|g| g[0]).collect();
    let mut inverse = vec![0i64; n];
    for (i, g) in groups.iter().enumerate() {
        g.iter().for_each(|&k| inverse[k] = i as i64);
    }
    let list = |v: Vec<i64>| Tensor::from_i64([v.len()], &v);
    Ok(vec![
        slices(t, at, &first),
        list(first.iter().map(|&i| i as i64).collect()),
        list(inverse),
        list(groups.iter().map(|g| g.len() as i64).collect()),
    ])
}

/// A box by its corners.
#[derive(Clone, Copy, Debug)]
struct Corners {
    low: [f64; 2],
    high: [f64; 2],
}

impl Corners {
    fn new(v: &[f64], centre: bool) -> Corners {
        let (p, q) = if centre {
            // x_center, y_center, width, height
            ([v[1] - v[3] / 2.0, v[0] - v[2] / 2.0], [v[1] + v[3] / 2.0, v[0] + v[2] / 2.0])
        } else {
            ([v[0], v[1]], [v[2], v[3]])
        };
        Corners { low: [p[0].min(q[0]), p[1].min(q[1])], high: [p[0].max(q[0]), p[1].max(q[1])] }
    }
    fn area(&self) -> f64 {
        (self.high[0] - self.low[0]) * (self.high[1] - self.low[1])
    }
    /// Intersection over union; 0 for two empty boxes.
    fn overlap(&self, o: &Corners) -> f64 {
        let side = |k: usize| (self.high[k].min(o.high[k]) - self.low[k].max(o.low[k])).max(0.0);
        let common = side(0) * side(1);
        let union = self.area() + o.area() - common;
        if union > 0.0 { common / union } else { 0.0 }
    }
}

/// Rows (batch, class, box) of the boxes that a greedy selection keeps: by falling score, without those whose overlap with a
/// kept one is above the threshold, at most as many as asked for in each class.
fn suppression(a: &Attrs, x: &[Option<Arg<'_>>]) -> Res<Vec<Tensor>> {
    let op = Op::NonMaxSuppression;
    let (boxes, scores) = (known(op, x, 0, "boxes")?, known(op, x, 1, "scores")?);
    let (&[batches, n, 4], &[same, classes, count]) = (&boxes.dims[..], &scores.dims[..]) else {
        return Err(format!("boxes {} and scores {} do not fit together", boxes.ty(), scores.ty()));
    };
    if batches != same || n != count {
        return Err(format!("boxes {} and scores {} do not fit together", boxes.ty(), scores.ty()));
    }
    if n.saturating_mul(n).saturating_mul(classes.saturating_mul(batches)) > MAX_PAIRS {
        return Err(format!("{op} of {n} boxes in {classes} classes is not supported"));
    }
    let number = |i: usize, name: &str| -> Res<Option<f64>> {
        let Some(_) = opt(x, i) else { return Ok(None) };
        let t = known(op, x, i, name)?;
        let v = floats(t).or_else(|| ints(t).map(|v| v.iter().map(|&x| x as f64).collect()));
        v.and_then(|v| v.first().copied())
            .map(Some)
            .ok_or_else(|| format!("input {name} is {}, a scalar expected", t.ty()))
    };
    let most = number(2, "max_output_boxes_per_class")?.unwrap_or(0.0);
    let overlap = number(3, "iou_threshold")?.unwrap_or(0.0);
    let least = number(4, "score_threshold")?;
    let (Some(b), Some(s)) = (floats(boxes), floats(scores)) else {
        return Err(format!("boxes {} and scores {}, float types expected", boxes.ty(), scores.ty()));
    };
    let centre = a.int("center_point_box") == Some(1);
    let corners: Vec<Corners> = b.chunks_exact(4).map(|v| Corners::new(v, centre)).collect();
    let mut rows = Vec::new();
    for (line, s) in s.chunks_exact(n.max(1)).enumerate().take(if n == 0 { 0 } else { batches * classes }) {
        let own = &corners[line / classes * n..][..n];
        let mut order: Vec<usize> = (0..n).filter(|&i| least.is_none_or(|l| s[i] > l)).collect();
        order.sort_by(|&i, &j| s[j].total_cmp(&s[i]));
        let mut kept: Vec<usize> = Vec::new();
        for i in order {
            if kept.len() as f64 >= most {
                break;
            }
            if kept.iter().all(|&k| own[k].overlap(&own[i]) <= overlap) {
                kept.push(i);
                rows.extend([(line / classes) as i64, (line % classes) as i64, i as i64]);
            }
        }
    }
    Ok(vec![Tensor::from_i64([rows.len() / 3, 3], &rows)])
}
