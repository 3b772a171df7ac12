//! Slices, pads and gathers with everything explicit.

use super::super::build::{Build, Res};
use crate::types::{self, SliceSpec};
use ir::{Attrs, Node, NodeId, Op, Tensor, ValueId};

/// A Slice in normal form; the value itself where nothing is cut.
pub fn sliced(b: &mut Build<'_, '_>, x: ValueId, specs: &[SliceSpec]) -> Res<ValueId> {
    let dims = b.dims(x);
    let (mut starts, mut ends, mut axes, mut steps) = (vec![], vec![], vec![], vec![]);
    for (i, (s, &n)) in specs.iter().zip(&dims).enumerate() {
        if (s.start, s.len) == (0, n) && (s.step == 1 || n <= 1) {
            continue;
        }
        let (start, step) = if s.len == 0 { (0, 1) } else { (s.start, if s.len == 1 { 1 } else { s.step }) };
        // An end before the first element is written as -(n + 1), since -1 would mean the last element.
        let last = start + (s.len as i64 - 1) * step;
        let end = match step {
            _ if s.len == 0 => 0,
            1.. => last + 1,
            _ if last == 0 => -(n as i64) - 1,
            _ => last - 1,
        };
        starts.push(start);
        ends.push(end);
        axes.push(i as i64);
        steps.push(step);
    }
    if axes.is_empty() {
        return Ok(x);
    }
    let p = [starts, ends, axes, steps].map(|v| b.ints(&v));
    b.op(Op::Slice, Attrs::none(), &[Some(x), Some(p[0]), Some(p[1]), Some(p[2]), Some(p[3])])
}

/// Slice in normal form.
pub fn slice(b: &mut Build<'_, '_>, id: NodeId, n: &Node) -> Res<Option<Vec<ValueId>>> {
    let Ok(specs) = types::slice_specs(&types::args(b.r.old, n)) else { return Ok(None) };
    let x = b.input(id, 0);
    Ok(Some(vec![sliced(b, x, &specs)?]))
}

/// Split as slices.
pub fn split(b: &mut Build<'_, '_>, id: NodeId, n: &Node) -> Res<Option<Vec<ValueId>>> {
    let Ok((axis, parts)) = types::split_sizes(&n.attrs, &types::args(b.r.old, n)) else { return Ok(None) };
    let x = b.input(id, 0);
    let mut start = 0;
    let mut out = Vec::new();
    for p in parts {
        out.push(b.slice_axis(x, axis, start, start + p)?);
        start += p;
    }
    Ok(Some(out))
}

/// Pad: negative pads as a Slice, modes other than constant as Gathers with constant indices.
pub fn pad(b: &mut Build<'_, '_>, id: NodeId, n: &Node) -> Res<Option<Vec<ValueId>>> {
    let Ok(pads) = types::pad_amounts(&types::args(b.r.old, n)) else { return Ok(None) };
    let x = b.input(id, 0);
    let crop: Vec<SliceSpec> = b
        .dims(x)
        .iter()
        .zip(&pads)
        .map(|(&d, &(s, e))| SliceSpec { start: (-s).max(0), step: 1, len: (d as i64 + s.min(0) + e.min(0)) as usize })
        .collect();
    let mut y = sliced(b, x, &crop)?;
    let pads: Vec<(i64, i64)> = pads.iter().map(|&(s, e)| (s.max(0), e.max(0))).collect();
    if pads.iter().all(|&p| p == (0, 0)) {
        return Ok(Some(vec![y]));
    }
    let mode = n.attrs.str("mode").unwrap_or("constant");
    if mode == "constant" {
        let list: Vec<i64> = pads.iter().map(|p| p.0).chain(pads.iter().map(|p| p.1)).collect();
        let given = n.input(1).and_then(|v| b.r.old.constant(v)).and_then(Tensor::to_i64);
        if y == x && n.input(3).is_none() && given.as_ref() == Some(&list) {
            return Ok(None);
        }
        let fill = b.opt_input(id, 2);
        let list = b.ints(&list);
        let inputs: &[_] = if fill.is_some() { &[Some(y), Some(list), fill] } else { &[Some(y), Some(list)] };
        return Ok(Some(vec![b.op(Op::Pad, n.attrs.clone(), inputs)?]));
    }
    for (axis, &(s, e)) in pads.iter().enumerate() {
        if (s, e) == (0, 0) {
            continue;
        }
        let len = b.ty(y).dims[axis] as i64;
        let index: Vec<i64> = (-s..len + e).map(|i| source(mode, i, len)).collect();
        let index = b.ints(&index);
        y = b.op(Op::Gather, Attrs::none().with_int("axis", axis as i64), &[Some(y), Some(index)])?;
    }
    Ok(Some(vec![y]))
}
/// Which element of an axis of `n` stands at place `i`, which may lie outside.
fn source(mode: &str, i: i64, n: i64) -> i64 {
    match mode {
        "reflect" if n > 1 => {
            let p = i.rem_euclid(2 * (n - 1));
            if p < n { p } else { 2 * (n - 1) - p }
        }
        "wrap" => i.rem_euclid(n),
        _ => i.clamp(0, n - 1),
    }
}

/// CenterCropPad as Slice and Pad: an odd cell goes to the end.
pub fn center_crop_pad(b: &mut Build<'_, '_>, id: NodeId, n: &Node) -> Res<Option<Vec<ValueId>>> {
    let x = b.input(id, 0);
    let (from, to) = (b.dims(x), b.r.old.ty(n.outputs[0]).dims.clone());
    let crop: Vec<SliceSpec> = from
        .iter()
        .zip(&to)
        .map(|(&f, &t)| SliceSpec { start: (f.saturating_sub(t) / 2) as i64, step: 1, len: f.min(t) })
        .collect();
    let y = sliced(b, x, &crop)?;
    let grow: Vec<usize> = from.iter().zip(&to).map(|(&f, &t)| t.saturating_sub(f)).collect();
    if grow.iter().all(|&g| g == 0) {
        return Ok(Some(vec![y]));
    }
    let begin = grow.iter().map(|&g| (g / 2) as i64);
    let list: Vec<i64> = begin.chain(grow.iter().map(|&g| (g - g / 2) as i64)).collect();
    let list = b.ints(&list);
    Ok(Some(vec![b.bin(Op::Pad, y, list)?]))
}

/// Gather: axis non-negative, constant indices non-negative.
pub fn gather(b: &mut Build<'_, '_>, id: NodeId, n: &Node) -> Res<Option<Vec<ValueId>>> {
    let (x, i) = (b.input(id, 0), b.input(id, 1));
    let (axis, rank) = (n.attrs.int("axis").unwrap_or(0), b.ty(x).rank() as i64);
    let axis = if axis < 0 { axis + rank } else { axis };
    let len = b.ty(x).dims[axis as usize] as i64;
    let negative = b.r.new.constant(i).and_then(Tensor::ints).filter(|v| v.iter().any(|&v| v < 0));
    if negative.is_none() && n.attrs.int("axis") == Some(axis) {
        return Ok(None);
    }
    let index = match negative {
        None => i,
        Some(v) => {
            let dims = b.dims(i);
            let v: Vec<i64> = v.iter().map(|&v| if v < 0 { v + len } else { v }).collect();
            b.r.constant(Tensor::from_i64(dims, &v))
        }
    };
    Ok(Some(vec![b.op(Op::Gather, n.attrs.clone().with_int("axis", axis), &[Some(x), Some(index)])?]))
}
