//! Data movement: transposes, reshapes, slices, concatenation, padding, gathers.

use super::{Row, axis, integer, row};
use crate::Builder;
use ir::{Attr, Attrs, DType, Op, Tensor, TensorType, ValueId};
use kit::Rng;

pub(super) const ROWS: &[Row] = &[
    row(8, transpose),
    row(2, transpose_pair),
    row(6, reshape),
    row(3, squeeze_unsqueeze),
    row(5, concat),
    row(3, split),
    row(6, slice),
    row(4, pad),
    row(3, expand),
    row(2, tile),
    row(2, depth_space),
    integer(4, gather),
];

fn any(b: &mut Builder, min: usize, rng: &mut Rng) -> Option<ValueId> {
    b.pick(rng, |t| t.rank() >= min)
}

fn permutation(rank: usize, rng: &mut Rng) -> Vec<usize> {
    let mut p: Vec<usize> = (0..rank).collect();
    match rng.below(6) {
        0 => {}
        1 if rank >= 3 => p.rotate_left(1),
        _ => (1..rank).rev().for_each(|i| p.swap(i, rng.below(i as u64 + 1) as usize)),
    }
    p
}

fn transposed(b: &mut Builder, x: ValueId, p: &[usize]) -> Option<ValueId> {
    let ty = b.ty(x);
    let dims: Vec<usize> = p.iter().map(|&i| ty.dims[i]).collect();
    let perm: Vec<i64> = p.iter().map(|&i| i as i64).collect();
    Some(b.node(Op::Transpose, Attrs::none().with_ints("perm", &perm), &[x], &[TensorType::new(ty.dtype, dims)])?[0])
}

fn transpose(b: &mut Builder, rng: &mut Rng) -> Option<()> {
    let x = any(b, 2, rng)?;
    let rank = b.ty(x).rank();
    let p = permutation(rank, rng);
    transposed(b, x, &p).map(|_| ())
}

/// Two transposes in a row, now and then with an elementwise node between: what transpose elimination works on.
fn transpose_pair(b: &mut Builder, rng: &mut Rng) -> Option<()> {
    let x = b.pick(rng, |t| t.rank() >= 2 && t.dtype == DType::F32)?;
    let rank = b.ty(x).rank();
    let p = permutation(rank, rng);
    let mut y = transposed(b, x, &p)?;
    if rng.chance(1, 2) {
        let ty = b.ty(y);
        y = b.node(*rng.pick(&[Op::Relu, Op::Neg, Op::Abs]), Attrs::none(), &[y], &[ty])?[0];
    }
    let q = if rng.chance(1, 2) {
        let mut inv = vec![0; rank];
        p.iter().enumerate().for_each(|(i, &j)| inv[j] = i);
        inv
    } else {
        permutation(rank, rng)
    };
    transposed(b, y, &q).map(|_| ())
}

fn reshape(b: &mut Builder, rng: &mut Rng) -> Option<()> {
    let x = any(b, 1, rng)?;
    let ty = b.ty(x);
    if rng.chance(1, 4) {
        let a = rng.below(ty.rank() as u64 + 1) as usize;
        let dims = [ty.dims[..a].iter().product::<usize>(), ty.dims[a..].iter().product()];
        let spelled = if rng.chance(1, 3) && a < ty.rank() { a as i64 - ty.rank() as i64 } else { a as i64 };
        let attrs = Attrs::none().with_int("axis", spelled);
        return b.node(Op::Flatten, attrs, &[x], &[TensorType::new(ty.dtype, dims)]).map(|_| ());
    }
    // Regroup the prime factors of the extents.
    let mut factors = Vec::new();
    for &d in &ty.dims {
        let (mut d, mut p) = (d, 2);
        while d > 1 {
            if d % p == 0 {
                factors.push(p);
                d /= p;
            } else {
                p += 1;
            }
        }
    }
    if ty.elements() == 0 {
        return None;
    }
    let rank = rng.range(1, 4) as usize;
    let mut dims = vec![1usize; rank];
    for f in factors {
        let i = rng.below(rank as u64) as usize;
        dims[i] *= f;
    }
    let mut shape: Vec<i64> = dims.iter().map(|&d| d as i64).collect();
    if rng.chance(1, 3) {
        let i = rng.below(rank as u64) as usize;
        shape[i] = -1;
    }
    if ty.rank() == rank && rng.chance(1, 4) {
        for i in 0..rank {
            if dims[i] == ty.dims[i] && shape[i] != -1 {
                shape[i] = 0;
            }
        }
    }
    let s = b.ints(&shape);
    b.node(Op::Reshape, Attrs::none(), &[x, s], &[TensorType::new(ty.dtype, dims)]).map(|_| ())
}

fn squeeze_unsqueeze(b: &mut Builder, rng: &mut Rng) -> Option<()> {
    let x = any(b, 1, rng)?;
    let ty = b.ty(x);
    if let Some(i) = ty.dims.iter().position(|&d| d == 1).filter(|_| rng.chance(1, 2)) {
        let mut dims = ty.dims.clone();
        dims.remove(i);
        let a = b.ints(&[i as i64]);
        return b.node(Op::Squeeze, Attrs::none(), &[x, a], &[TensorType::new(ty.dtype, dims)]).map(|_| ());
    }
    if ty.rank() >= 5 {
        return None;
    }
    let (spelled, i) = axis(ty.rank() + 1, rng);
    let mut dims = ty.dims.clone();
    dims.insert(i, 1);
    let a = b.ints(&[spelled]);
    b.node(Op::Unsqueeze, Attrs::none(), &[x, a], &[TensorType::new(ty.dtype, dims)]).map(|_| ())
}

fn concat(b: &mut Builder, rng: &mut Rng) -> Option<()> {
    let x = any(b, 1, rng)?;
    let ty = b.ty(x);
    let (spelled, i) = axis(ty.rank(), rng);
    let mut args = vec![x];
    let mut total = ty.dims[i];
    for _ in 0..rng.range(1, 2) {
        let fits = |t: &TensorType| {
            t.dtype == ty.dtype && t.rank() == ty.rank() && (0..t.rank()).all(|k| k == i || t.dims[k] == ty.dims[k])
        };
        let y = b.pick(rng, fits)?;
        total += b.ty(y).dims[i];
        args.push(y);
    }
    let mut dims = ty.dims;
    dims[i] = total;
    b.node(Op::Concat, Attrs::none().with_int("axis", spelled), &args, &[TensorType::new(ty.dtype, dims)]).map(|_| ())
}

fn split(b: &mut Builder, rng: &mut Rng) -> Option<()> {
    let x = any(b, 1, rng)?;
    let ty = b.ty(x);
    let (spelled, i) = axis(ty.rank(), rng);
    if ty.dims[i] < 2 {
        return None;
    }
    let first = rng.range(1, ty.dims[i] as i64 - 1);
    let second = ty.dims[i] as i64 - first;
    let outs: Vec<TensorType> = [first, second]
        .iter()
        .map(|&n| {
            let mut d = ty.dims.clone();
            d[i] = n as usize;
            TensorType::new(ty.dtype, d)
        })
        .collect();
    let s = b.ints(&[first, second]);
    b.node(Op::Split, Attrs::none().with_int("axis", spelled), &[x, s], &outs).map(|_| ())
}

fn slice(b: &mut Builder, rng: &mut Rng) -> Option<()> {
    let x = any(b, 1, rng)?;
    let ty = b.ty(x);
    let (mut starts, mut ends, mut axes, mut steps, mut dims) = (vec![], vec![], vec![], vec![], ty.dims.clone());
    for i in 0..ty.rank() {
        if !rng.chance(1, 2) || ty.dims[i] == 0 {
            continue;
        }
        let d = ty.dims[i] as i64;
        let step: i64 = *rng.pick(&[1, 1, 2, 3, -1, -2]);
        let (lo, hi) = {
            let (a, c) = (rng.range(0, d - 1), rng.range(0, d - 1));
            (a.min(c), a.max(c))
        };
        let n = (hi - lo) / step.abs() + 1;
        let (start, end) = if step > 0 { (lo, hi + 1) } else { (hi, lo - 1) };
        // Negative spellings, and ends beyond the tensor, are clamped by the specification.
        let start = if rng.chance(1, 3) { start - d } else { start };
        let end = match end {
            -1 => i64::MIN + 1,
            e if e == d && rng.chance(1, 3) => i64::MAX,
            e => e,
        };
        starts.push(start);
        ends.push(end);
        axes.push(if rng.chance(1, 3) { i as i64 - ty.rank() as i64 } else { i as i64 });
        steps.push(step);
        dims[i] = n as usize;
    }
    if axes.is_empty() {
        return None;
    }
    let args = [x, b.ints(&starts), b.ints(&ends), b.ints(&axes), b.ints(&steps)];
    b.node(Op::Slice, Attrs::none(), &args, &[TensorType::new(ty.dtype, dims)]).map(|_| ())
}

fn pad(b: &mut Builder, rng: &mut Rng) -> Option<()> {
    let x = b.pick(rng, |t| t.rank() >= 1 && t.dtype == DType::F32)?;
    let ty = b.ty(x);
    let rank = ty.rank();
    let mut pads = vec![0i64; 2 * rank];
    for p in &mut pads {
        if rng.chance(1, 3) {
            *p = rng.range(0, 2);
        }
    }
    let i = rng.below(rank as u64) as usize;
    if ty.dims[i] > 2 && rng.chance(1, 6) {
        pads[i] = -1;
    }
    let dims: Vec<usize> = (0..rank).map(|i| (ty.dims[i] as i64 + pads[i] + pads[i + rank]) as usize).collect();
    let p = b.ints(&pads);
    let mut args = vec![x, p];
    if rng.chance(1, 8) {
        args.push(b.input(TensorType::new(DType::F32, [])));
    } else if rng.chance(2, 3) {
        let v = *rng.pick(&[0.0, 1.0, -2.5, f32::NEG_INFINITY]);
        args.push(b.floats(&[], &[v]));
    }
    b.node(Op::Pad, Attrs::none(), &args, &[TensorType::new(ty.dtype, dims)]).map(|_| ())
}

fn expand(b: &mut Builder, rng: &mut Rng) -> Option<()> {
    let x = any(b, 1, rng)?;
    let ty = b.ty(x);
    let mut dims = ty.dims.clone();
    for d in &mut dims {
        if *d == 1 {
            *d = rng.range(1, 5) as usize;
        }
    }
    if rng.chance(1, 3) && ty.rank() < 4 {
        dims.insert(0, rng.range(1, 3) as usize);
    }
    let s = b.ints(&dims.iter().map(|&d| d as i64).collect::<Vec<_>>());
    b.node(Op::Expand, Attrs::none(), &[x, s], &[TensorType::new(ty.dtype, dims)]).map(|_| ())
}

fn tile(b: &mut Builder, rng: &mut Rng) -> Option<()> {
    let x = any(b, 1, rng)?;
    let ty = b.ty(x);
    let reps: Vec<i64> = (0..ty.rank()).map(|_| *rng.pick(&[1, 1, 2, 3])).collect();
    let dims: Vec<usize> = ty.dims.iter().zip(&reps).map(|(&d, &r)| d * r as usize).collect();
    let r = b.ints(&reps);
    b.node(Op::Tile, Attrs::none(), &[x, r], &[TensorType::new(ty.dtype, dims)]).map(|_| ())
}

fn depth_space(b: &mut Builder, rng: &mut Rng) -> Option<()> {
    let x = b.pick(rng, |t| t.rank() == 4 && t.dtype == DType::F32 && t.elements() > 0)?;
    let ty = b.ty(x);
    let d = &ty.dims;
    let attrs = Attrs::none().with_int("blocksize", 2);
    if d[1].is_multiple_of(4) && rng.chance(1, 2) {
        let out = TensorType::new(ty.dtype, [d[0], d[1] / 4, 2 * d[2], 2 * d[3]]);
        let attrs = attrs.with("mode", Attr::Str((*rng.pick(&["DCR", "CRD"])).into()));
        return b.node(Op::DepthToSpace, attrs, &[x], &[out]).map(|_| ());
    }
    if !d[2].is_multiple_of(2) || !d[3].is_multiple_of(2) {
        return None;
    }
    let out = TensorType::new(ty.dtype, [d[0], 4 * d[1], d[2] / 2, d[3] / 2]);
    b.node(Op::SpaceToDepth, attrs, &[x], &[out]).map(|_| ())
}

fn gather(b: &mut Builder, rng: &mut Rng) -> Option<()> {
    let x = b.pick(rng, |t| t.rank() >= 1 && t.elements() > 0)?;
    let ty = b.ty(x);
    let (spelled, i) = axis(ty.rank(), rng);
    let len = ty.dims[i] as i64;
    let shape = if rng.chance(1, 5) { vec![] } else { b.lattice.dims(rng.range(1, 2) as usize, 12, rng) };
    let n: usize = shape.iter().product();
    let mut dims = ty.dims[..i].to_vec();
    dims.extend(&shape);
    dims.extend(&ty.dims[i + 1..]);
    let idx = if rng.chance(1, 3) {
        let d = *rng.pick(&[DType::I64, DType::I32]);
        b.input(TensorType::new(d, shape))
    } else {
        let xs: Vec<i64> = (0..n).map(|_| rng.range(-len, len - 1)).collect();
        b.graph.add_const(None, Tensor::from_i64(shape, &xs))
    };
    b.node(Op::Gather, Attrs::none().with_int("axis", spelled), &[x, idx], &[TensorType::new(ty.dtype, dims)])
        .map(|_| ())
}
