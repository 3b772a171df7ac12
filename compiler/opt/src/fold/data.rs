//! Data movement on any type: bits are copied, never interpreted.

use super::value::{broadcast_places, floats, from_bits, strides, walk, wide};
use crate::types::{Arg, pad_amounts, perm, slice_specs};
use ir::{Attrs, Op, Tensor, TensorType};

/// The tensors of several operands in one element type: as they are, or all f64 if some are wide.
fn common(x: &[Arg<'_>]) -> Option<Vec<Tensor>> {
    let t: Vec<&Tensor> = x.iter().map(|a| a.value).collect::<Option<_>>()?;
    if t.windows(2).all(|w| w[0].dtype == w[1].dtype) {
        return Some(t.into_iter().cloned().collect());
    }
    t.into_iter().map(|t| Some(wide(&t.dims, &floats(t)?))).collect()
}
fn pick(t: &Tensor, dims: &[usize], places: &[usize]) -> Tensor {
    from_bits(t.dtype, dims, places.iter().map(|&p| t.bits(p)))
}

/// Evaluates an operator that moves elements.
pub fn evaluate(op: Op, a: &Attrs, x: &[Option<Arg<'_>>], out: &TensorType) -> Option<Tensor> {
    let first = x.first().copied().flatten()?;
    let t = first.value?;
    let own: Vec<isize> = strides(&t.dims).iter().map(|&s| s as isize).collect();
    match op {
        Op::Identity | Op::Reshape | Op::Flatten | Op::Squeeze | Op::Unsqueeze => t.reshaped(out.dims.clone()).ok(),
        Op::Transpose => {
            let steps: Vec<isize> = perm(a, t.dims.len()).ok()?.iter().map(|&p| own[p]).collect();
            Some(pick(t, &out.dims, &walk(&out.dims, 0, &steps)))
        }
        Op::Expand => Some(pick(t, &out.dims, &broadcast_places(&t.dims, out))),
        Op::ConstantOfShape => {
            let fill = a.tensor("value").cloned().unwrap_or_else(|| Tensor::from_f32([1], &[0.0]));
            Some(pick(&fill, &out.dims, &vec![0; out.elements()]))
        }
        Op::Slice => {
            let specs = slice_specs(x).ok()?;
            if out.elements() == 0 {
                return Some(pick(t, &out.dims, &[]));
            }
            let base: isize = specs.iter().zip(&own).map(|(s, o)| s.start as isize * o).sum();
            // A step beyond the axis has one element only; its stride is never taken.
            let steps: Vec<isize> =
                specs.iter().zip(&own).map(|(s, o)| if s.len > 1 { s.step as isize * o } else { 0 }).collect();
            Some(pick(t, &out.dims, &walk(&out.dims, base, &steps)))
        }
        Op::Tile => {
            let places = walk(&out.dims, 0, &vec![0; out.rank()]);
            let outs = strides(&out.dims);
            let place = |(i, _): (usize, &usize)| -> usize {
                (0..out.rank()).map(|j| i / outs[j] % out.dims[j] % t.dims[j] * own[j] as usize).sum()
            };
            Some(pick(t, &out.dims, &places.iter().enumerate().map(place).collect::<Vec<_>>()))
        }
        Op::Concat => concat(&x.iter().copied().collect::<Option<Vec<_>>>()?, a.int("axis")?, out),
        Op::Gather => gather(t, x.get(1).copied().flatten()?.value?, a.int("axis")?, out),
        Op::Pad if a.str("mode") == Some("constant") => pad(x, out),
        Op::Where => {
            let (c, two) = (x[0]?.value?, common(&[x[1]?, x[2]?])?);
            let at = |d: &[usize]| broadcast_places(d, out);
            let (ci, xi, yi) = (at(&c.dims), at(&two[0].dims), at(&two[1].dims));
            let choose = |i| if c.bits(ci[i]) != 0 { two[0].bits(xi[i]) } else { two[1].bits(yi[i]) };
            Some(from_bits(two[0].dtype, &out.dims, (0..out.elements()).map(choose)))
        }
        _ => None,
    }
}
fn concat(x: &[Arg<'_>], axis: i64, out: &TensorType) -> Option<Tensor> {
    let parts = common(x)?;
    let ax = crate::types::util::axis(axis, out.rank()).ok()?;
    let outer: usize = out.dims[..ax].iter().product();
    let size = parts.first()?.dtype.size();
    let mut bytes = Vec::new();
    for o in 0..outer {
        for p in &parts {
            let run = p.dims[ax..].iter().product::<usize>() * size;
            bytes.extend_from_slice(&p.bytes[o * run..(o + 1) * run]);
        }
    }
    Tensor::new(parts[0].dtype, out.dims.clone(), bytes).ok()
}
fn gather(t: &Tensor, index: &Tensor, axis: i64, out: &TensorType) -> Option<Tensor> {
    let ax = crate::types::util::axis(axis, t.dims.len()).ok()?;
    let n = t.dims[ax] as i128;
    let index: Vec<usize> = super::value::ints(index)?
        .into_iter()
        .map(|i| usize::try_from(if i < 0 { i + n } else { i }).ok().filter(|&i| (i as i128) < n))
        .collect::<Option<_>>()?;
    let outer: usize = t.dims[..ax].iter().product();
    let inner: usize = t.dims[ax + 1..].iter().product();
    let mut places = Vec::with_capacity(out.elements());
    for o in 0..outer {
        for &i in &index {
            places.extend((0..inner).map(|j| (o * n as usize + i) * inner + j));
        }
    }
    Some(pick(t, &out.dims, &places))
}
fn pad(x: &[Option<Arg<'_>>], out: &TensorType) -> Option<Tensor> {
    let v = x[0]?;
    let fill = match x.get(2).copied().flatten() {
        Some(c) => common(&[v, c])?,
        None => vec![v.value?.clone(), Tensor::zeros(&TensorType::new(v.value?.dtype, []))],
    };
    let t = &fill[0];
    let pads = pad_amounts(x).ok()?;
    let (own, outs) = (strides(&t.dims), strides(&out.dims));
    let place = |i: usize| -> u64 {
        let mut at = 0;
        for j in 0..out.rank() {
            let c = (i / outs[j] % out.dims[j]) as i64 - pads[j].0;
            if c < 0 || c >= t.dims[j] as i64 {
                return fill[1].bits(0);
            }
            at += c as usize * own[j];
        }
        t.bits(at)
    };
    Some(from_bits(t.dtype, &out.dims, (0..out.elements()).map(place)))
}
/// The parts of a Split.
pub fn split(a: &Attrs, x: &[Option<Arg<'_>>], outs: &[TensorType]) -> Option<Vec<Tensor>> {
    let t = x.first().copied().flatten()?.value?;
    let ax = crate::types::util::axis(a.int("axis")?, t.dims.len()).ok()?;
    let own: Vec<isize> = strides(&t.dims).iter().map(|&s| s as isize).collect();
    let mut start = 0;
    let mut parts = Vec::new();
    for o in outs {
        parts.push(pick(t, &o.dims, &walk(&o.dims, start as isize * own[ax], &own)));
        start += o.dims[ax];
    }
    Some(parts)
}
