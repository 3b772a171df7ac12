//! Elements by index and by order: gathers, scatters, TopK, cumulative sums, OneHot, ReverseSequence, MaxPool with places.

use super::{Row, axis, integer, row};
use crate::Builder;
use ir::{Attrs, DType, Op, Tensor, TensorType, ValueId};
use kit::Rng;

pub(super) const ROWS: &[Row] = &[
    integer(2, gather_elements),
    integer(2, gather_nd),
    integer(2, scatter_elements),
    integer(2, scatter_nd),
    integer(2, top_k),
    row(2, cumulative),
    integer(1, one_hot),
    integer(1, reverse_sequence),
    Row { weight: 1, build: pool_places, conv: true, integers: true },
];

/// Data to index: not too large, since a run-time scatter compares all pairs.
fn data(b: &mut Builder, rng: &mut Rng) -> Option<ValueId> {
    b.pick(rng, |t| (1..=4).contains(&t.rank()) && t.elements() > 0 && t.elements() <= 512 && t.dtype != DType::Bool)
}

/// Indices in `[-len, len)`: constants, or an input of the graph.
fn indices(b: &mut Builder, dims: &[usize], len: usize, rng: &mut Rng) -> ValueId {
    if rng.chance(1, 2) {
        return b.input(TensorType::new(DType::I64, dims));
    }
    let n = dims.iter().product::<usize>();
    let xs: Vec<i64> = (0..n).map(|_| rng.range(-(len as i64), len as i64 - 1)).collect();
    b.graph.add_const(None, Tensor::from_i64(dims.to_vec(), &xs))
}

/// Extents of indices: any along the axis, at most those of the data elsewhere.
fn shorter(dims: &[usize], i: usize, rng: &mut Rng) -> Vec<usize> {
    let part = |k: usize, d: usize, rng: &mut Rng| match k == i {
        true => rng.range(1, 9) as usize,
        false if rng.chance(1, 4) => rng.range(1, d as i64) as usize,
        false => d,
    };
    dims.iter().enumerate().map(|(k, &d)| part(k, d, rng)).collect()
}

fn gather_elements(b: &mut Builder, rng: &mut Rng) -> Option<()> {
    let x = data(b, rng)?;
    let ty = b.ty(x);
    let (spelled, i) = axis(ty.rank(), rng);
    let dims = shorter(&ty.dims, i, rng);
    if dims.iter().product::<usize>() > 4 * b.profile.max_elements {
        return None;
    }
    let at = indices(b, &dims, ty.dims[i], rng);
    let out = TensorType::new(ty.dtype, dims);
    b.node(Op::GatherElements, Attrs::none().with_int("axis", spelled), &[x, at], &[out]).map(|_| ())
}

/// Tuples of indices over the axes `from..from + depth`, legal for each of them; constants, where each component has its own range.
fn tuples(b: &mut Builder, outer: &[usize], axes: &[usize], rng: &mut Rng) -> ValueId {
    let mut dims = outer.to_vec();
    dims.push(axes.len());
    if rng.chance(1, 2) {
        return b.input(TensorType::new(DType::I64, dims));
    }
    let n = outer.iter().product::<usize>();
    let xs: Vec<i64> = (0..n).flat_map(|_| axes.to_vec()).map(|d| rng.range(-(d as i64), d as i64 - 1)).collect();
    b.graph.add_const(None, Tensor::from_i64(dims, &xs))
}

fn gather_nd(b: &mut Builder, rng: &mut Rng) -> Option<()> {
    let x = data(b, rng)?;
    let ty = b.ty(x);
    let batch = if ty.rank() > 1 && rng.chance(1, 3) { 1 } else { 0 };
    let depth = rng.range(1, (ty.rank() - batch) as i64) as usize;
    let mut outer = ty.dims[..batch].to_vec();
    outer.extend(b.lattice.dims(rng.range(0, 2) as usize, 12, rng));
    let at = tuples(b, &outer, &ty.dims[batch..batch + depth], rng);
    outer.extend(&ty.dims[batch + depth..]);
    let attrs = Attrs::none().with_int("batch_dims", batch as i64);
    b.node(Op::GatherND, attrs, &[x, at], &[TensorType::new(ty.dtype, outer)]).map(|_| ())
}

/// How updates meet: mostly the last wins. Integers of 64 bits multiply to nothing useful.
fn reduction(d: DType, rng: &mut Rng) -> Attrs {
    let kinds: &[&str] =
        if d == DType::F32 { &["none", "none", "add", "mul", "max", "min"] } else { &["none", "none", "add", "max"] };
    Attrs::none().with_str("reduction", rng.pick::<&str>(kinds))
}

fn scatter_elements(b: &mut Builder, rng: &mut Rng) -> Option<()> {
    let x = data(b, rng)?;
    let ty = b.ty(x);
    let (spelled, i) = axis(ty.rank(), rng);
    let dims = shorter(&ty.dims, i, rng);
    if dims.iter().product::<usize>() > 4 * b.profile.max_elements {
        return None;
    }
    let at = indices(b, &dims, ty.dims[i], rng);
    let u = b.input(TensorType::new(ty.dtype, dims));
    b.node(Op::ScatterElements, reduction(ty.dtype, rng).with_int("axis", spelled), &[x, at, u], &[ty]).map(|_| ())
}

fn scatter_nd(b: &mut Builder, rng: &mut Rng) -> Option<()> {
    let x = data(b, rng)?;
    let ty = b.ty(x);
    let depth = rng.range(1, ty.rank() as i64) as usize;
    let outer = b.lattice.dims(rng.range(0, 2) as usize, 12, rng);
    let at = tuples(b, &outer, &ty.dims[..depth], rng);
    let update = TensorType::new(ty.dtype, [&outer[..], &ty.dims[depth..]].concat());
    if update.elements() > 4 * b.profile.max_elements {
        return None;
    }
    let u = b.input(update);
    b.node(Op::ScatterND, reduction(ty.dtype, rng), &[x, at, u], &[ty]).map(|_| ())
}

fn top_k(b: &mut Builder, rng: &mut Rng) -> Option<()> {
    let x = data(b, rng)?;
    let ty = b.ty(x);
    let (spelled, i) = axis(ty.rank(), rng);
    let k = rng.range(1, ty.dims[i] as i64);
    let mut dims = ty.dims;
    dims[i] = k as usize;
    let count = b.ints(&[k]);
    let attrs = Attrs::none().with_int("axis", spelled).with_int("largest", rng.chance(2, 3).into());
    let outs = [TensorType::new(ty.dtype, dims.clone()), TensorType::new(DType::I64, dims)];
    b.node(Op::TopK, attrs, &[x, count], &outs).map(|_| ())
}

fn cumulative(b: &mut Builder, rng: &mut Rng) -> Option<()> {
    let wanted = |t: &TensorType| matches!(t.dtype, DType::F32 | DType::I32 | DType::I64);
    let x = b.pick(rng, |t| wanted(t) && t.rank() >= 1 && t.elements() > 0)?;
    let ty = b.ty(x);
    let (spelled, i) = axis(ty.rank(), rng);
    // Long products overflow.
    let op = if ty.dims[i] <= 8 && rng.chance(1, 4) { Op::CumProd } else { Op::CumSum };
    let a = b.graph.add_const(None, Tensor::from_i64([], &[spelled]));
    let attrs =
        Attrs::none().with_int("exclusive", rng.chance(1, 3).into()).with_int("reverse", rng.chance(1, 3).into());
    b.node(op, attrs, &[x, a], &[ty]).map(|_| ())
}

fn one_hot(b: &mut Builder, rng: &mut Rng) -> Option<()> {
    let depth = rng.range(1, 9);
    let x = match b.pick(rng, |t| matches!(t.dtype, DType::I32 | DType::I64) && t.rank() <= 3 && t.elements() <= 64) {
        Some(v) if rng.chance(1, 2) => v,
        _ => {
            let dims = b.lattice.dims(rng.range(0, 2) as usize, 32, rng);
            let xs: Vec<i64> = (0..dims.iter().product()).map(|_| rng.range(-depth - 2, depth + 2)).collect();
            b.graph.add_const(None, Tensor::from_i64(dims, &xs))
        }
    };
    let mut dims = b.ty(x).dims;
    let (spelled, i) = axis(dims.len() + 1, rng);
    dims.insert(i, depth as usize);
    let (depth, values) = (b.ints(&[depth]), b.floats(&[2], &[-0.5, 2.0]));
    let attrs = Attrs::none().with_int("axis", spelled);
    b.node(Op::OneHot, attrs, &[x, depth, values], &[TensorType::new(DType::F32, dims)]).map(|_| ())
}

fn reverse_sequence(b: &mut Builder, rng: &mut Rng) -> Option<()> {
    let x = b.pick(rng, |t| t.rank() >= 2 && t.elements() > 0 && t.elements() <= 1024)?;
    let ty = b.ty(x);
    let (time, batch) = if rng.chance(1, 2) { (0, 1) } else { (1, 0) };
    let lens: Vec<i64> = (0..ty.dims[batch]).map(|_| rng.range(1, ty.dims[time] as i64)).collect();
    let lens = b.ints(&lens);
    let attrs = Attrs::none().with_int("time_axis", time as i64).with_int("batch_axis", batch as i64);
    b.node(Op::ReverseSequence, attrs, &[x, lens], &[ty]).map(|_| ())
}

/// MaxPool with its second output, without padding.
fn pool_places(b: &mut Builder, rng: &mut Rng) -> Option<()> {
    let x = b.pick(rng, |t| t.dtype == DType::F32 && t.rank() == 4 && t.elements() > 0 && t.elements() <= 1024)?;
    let ty = b.ty(x);
    let (mut kernel, mut strides, mut dims) = (vec![], vec![], ty.dims[..2].to_vec());
    for &d in &ty.dims[2..] {
        let (k, s) = (rng.range(1, (d as i64).min(3)), rng.range(1, 2));
        dims.push((d - k as usize) / s as usize + 1);
        kernel.push(k);
        strides.push(s);
    }
    let attrs = Attrs::none().with_ints("kernel_shape", &kernel).with_ints("strides", &strides);
    let attrs = attrs.with_int("storage_order", rng.chance(1, 3).into());
    let outs = [TensorType::new(DType::F32, dims.clone()), TensorType::new(DType::I64, dims)];
    b.node(Op::MaxPool, attrs, &[x], &outs).map(|_| ())
}
