//! Data movement, as positions to take from.

use super::kernel::Kernel;
use super::value::{Data, Run, Value, broadcast_index, count, lacking, strides, walk};
use crate::bugs::Flaw;
use ir::{Node, Op};

fn axis(a: i64, rank: usize) -> usize {
    (if a < 0 { a + rank as i64 } else { a }) as usize
}

/// Operators with one data operand (and shape-like ones) whose result is a choice of its elements. `dims`: declared extents.
pub fn rearranged(k: &Kernel<'_>, node: &Node, ins: &[Option<&Value>], dims: &[usize]) -> Run<Value> {
    let Some(x) = ins.first().copied().flatten() else { return lacking("no data operand") };
    let all = || (0..x.len()).collect::<Vec<_>>();
    let at = match node.op {
        Op::Reshape | Op::Flatten | Op::Squeeze | Op::Unsqueeze | Op::Identity | Op::Dropout => all(),
        Op::Transpose if k.has(Flaw::NotTransposed) => all(),
        Op::Transpose => transpose(node, &x.dims),
        Op::Expand => broadcast_index(&x.dims, dims),
        Op::Tile => tile(&x.dims, dims),
        Op::Slice => slice(k, ins, &x.dims)?,
        Op::DepthToSpace | Op::SpaceToDepth => depth_space(node, &x.dims),
        op => return lacking(format!("operator {op}")),
    };
    Ok(x.take(&at, dims))
}

fn transpose(node: &Node, dims: &[usize]) -> Vec<usize> {
    let st = strides(dims);
    let perm: Vec<usize> = match node.attrs.ints("perm") {
        Some(p) => p.iter().map(|&i| i as usize).collect(),
        None => (0..dims.len()).rev().collect(),
    };
    let (d, s): (Vec<usize>, Vec<usize>) = perm.iter().map(|&i| (dims[i], st[i])).unzip();
    walk(&d, 0, &s)
}

fn tile(from: &[usize], to: &[usize]) -> Vec<usize> {
    let (sf, st) = (strides(from), strides(to));
    (0..count(to)).map(|i| (0..to.len()).map(|d| i / st[d] % to[d] % from[d] * sf[d]).sum()).collect()
}

fn slice(k: &Kernel<'_>, ins: &[Option<&Value>], dims: &[usize]) -> Run<Vec<usize>> {
    let list = |i: usize| ins.get(i).copied().flatten().map(Value::i).transpose();
    let (Some(starts), Some(ends)) = (list(1)?, list(2)?) else { return lacking("Slice without bounds") };
    let axes = list(3)?.map_or_else(|| (0..starts.len() as i64).collect(), <[i64]>::to_vec);
    let steps = list(4)?.map_or_else(|| vec![1; starts.len()], <[i64]>::to_vec);
    let mut along: Vec<Vec<usize>> = dims.iter().map(|&d| (0..d).collect()).collect();
    for (j, &a) in axes.iter().enumerate() {
        let a = axis(a, dims.len());
        let (n, step) = (dims[a] as i64, steps[j]);
        let wrapped = |v: i64| if v < 0 { v.saturating_add(n) } else { v };
        let (lo, hi) = if step > 0 { (0, n) } else { (-1, n - 1) };
        // A start is clamped into [0, n] (or [0, n-1] backwards), an end into [0, n] (or [-1, n-1]).
        let (start, end) = (wrapped(starts[j]).clamp(lo.max(0), hi), wrapped(ends[j]).clamp(lo, hi));
        let mut taken = Vec::new();
        let mut i = start;
        while if step > 0 { i < end } else { i > end } {
            taken.push(i as usize);
            i += step;
        }
        if j == 0 && k.has(Flaw::SliceOffByOne) {
            taken.iter_mut().for_each(|i| *i = (*i + 1) % dims[a]);
        }
        along[a] = taken;
    }
    let st = strides(dims);
    let mut at = vec![0];
    for (list, s) in along.iter().zip(&st) {
        at = at.iter().flat_map(|&p| list.iter().map(move |&i| p + i * s)).collect();
    }
    Ok(at)
}

/// Both are a reshape, a transpose and a reshape (ONNX gives them so in numpy).
fn depth_space(node: &Node, d: &[usize]) -> Vec<usize> {
    let b = node.attrs.int("blocksize").unwrap_or(1).max(1) as usize;
    let (n, c, h, w) = (d[0], d[1], d[2], d[3]);
    let moved = |dims: &[usize], perm: &[usize]| {
        let st = strides(dims);
        let (e, s): (Vec<usize>, Vec<usize>) = perm.iter().map(|&i| (dims[i], st[i])).unzip();
        walk(&e, 0, &s)
    };
    if node.op == Op::SpaceToDepth {
        moved(&[n, c, h / b, b, w / b, b], &[0, 3, 5, 1, 2, 4])
    } else if node.attrs.str("mode") == Some("CRD") {
        moved(&[n, c / (b * b), b, b, h, w], &[0, 1, 4, 2, 5, 3])
    } else {
        moved(&[n, b, b, c / (b * b), h, w], &[0, 3, 4, 1, 5, 2])
    }
}

/// Concat.
pub fn concat(node: &Node, xs: &[&Value]) -> Run<Value> {
    let rank = xs[0].dims.len();
    let ax = axis(node.attrs.int("axis").unwrap_or(0), rank);
    let outer = count(&xs[0].dims[..ax]);
    let mut dims = xs[0].dims.clone();
    dims[ax] = xs.iter().map(|x| x.dims[ax]).sum();
    let piece = |x: &Value| count(&x.dims[ax..]);
    let data = match &xs[0].data {
        Data::F(_) => {
            let parts = xs.iter().map(|x| x.f()).collect::<Run<Vec<_>>>()?;
            Data::F(
                (0..outer)
                    .flat_map(|o| parts.iter().zip(xs).flat_map(move |(p, x)| p[o * piece(x)..][..piece(x)].to_vec()))
                    .collect(),
            )
        }
        Data::I(_) => {
            let parts = xs.iter().map(|x| x.i()).collect::<Run<Vec<_>>>()?;
            Data::I(
                (0..outer)
                    .flat_map(|o| parts.iter().zip(xs).flat_map(move |(p, x)| p[o * piece(x)..][..piece(x)].to_vec()))
                    .collect(),
            )
        }
    };
    Ok(Value { dtype: xs[0].dtype, dims, data })
}

/// Split; `outs`: declared extents of each part.
pub fn split(node: &Node, x: &Value, outs: &[Vec<usize>]) -> Vec<Value> {
    let ax = axis(node.attrs.int("axis").unwrap_or(0), x.dims.len());
    let st = strides(&x.dims);
    let mut first = 0;
    outs.iter()
        .map(|d| {
            let base = first * st[ax];
            first += d[ax];
            x.take(&walk(d, base, &st), d.clone())
        })
        .collect()
}

/// Pad with a constant; negative pads crop.
pub fn pad(node: &Node, x: &Value, pads: &Value, value: Option<&Value>, dims: &[usize]) -> Run<Value> {
    if node.attrs.str("mode").is_some_and(|m| m != "constant") {
        return lacking("Pad that is not constant");
    }
    let (p, rank) = (pads.i()?, x.dims.len());
    if p.len() != 2 * rank {
        return lacking("Pad with axes");
    }
    let fill = value.map(|v| Ok(v.f()?[0])).transpose()?.unwrap_or(0.0);
    let (st, so, xs) = (strides(&x.dims), strides(dims), x.f()?);
    let at = |i: usize| -> Option<usize> {
        let mut from = 0;
        for d in 0..rank {
            let j = (i / so[d] % dims[d]) as i64 - p[d];
            if j < 0 || j >= x.dims[d] as i64 {
                return None;
            }
            from += j as usize * st[d];
        }
        Some(from)
    };
    Ok(Value::floats(x.dtype, dims, (0..count(dims)).map(|i| at(i).map_or(fill, |j| xs[j])).collect()))
}

/// Gather; negative indices count from the end.
pub fn gather(node: &Node, x: &Value, index: &Value) -> Run<Value> {
    let ax = axis(node.attrs.int("axis").unwrap_or(0), x.dims.len());
    let (outer, n, inner) = (count(&x.dims[..ax]), x.dims[ax], count(&x.dims[ax + 1..]));
    let idx = index.i()?;
    let mut at = Vec::with_capacity(outer * idx.len() * inner);
    for o in 0..outer {
        for &i in idx {
            let i = if i < 0 { i + n as i64 } else { i };
            if i < 0 || i >= n as i64 {
                return lacking("an index outside of its axis");
            }
            at.extend((0..inner).map(|j| (o * n + i as usize) * inner + j));
        }
    }
    let mut dims = x.dims[..ax].to_vec();
    dims.extend(&index.dims);
    dims.extend(&x.dims[ax + 1..]);
    Ok(x.take(&at, dims))
}
