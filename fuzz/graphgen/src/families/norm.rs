//! Normalisation, softmax, reductions.

use super::{Row, axis, integer, row};
use crate::Builder;
use ir::{Attr, Attrs, DType, Op, TensorType, ValueId};
use kit::Rng;

pub(super) const ROWS: &[Row] =
    &[row(6, softmax), row(4, batch_norm), row(4, layer_norm), row(2, instance_norm), row(10, reduce), integer(3, arg)];

fn ranked(b: &mut Builder, min: usize, rng: &mut Rng) -> Option<ValueId> {
    b.pick(rng, |t| t.dtype == DType::F32 && t.rank() >= min && t.elements() > 0)
}

fn softmax(b: &mut Builder, rng: &mut Rng) -> Option<()> {
    let x = ranked(b, 1, rng)?;
    let ty = b.ty(x);
    let (a, _) = axis(ty.rank(), rng);
    let op = *rng.pick(&[Op::Softmax, Op::Softmax, Op::LogSoftmax]);
    b.node(op, Attrs::none().with_int("axis", a), &[x], &[ty]).map(|_| ())
}

fn positive(b: &mut Builder, n: usize, rng: &mut Rng) -> ValueId {
    let xs: Vec<f32> = (0..n).map(|_| 0.5 + rng.unit() as f32).collect();
    b.floats(&[n], &xs)
}

fn batch_norm(b: &mut Builder, rng: &mut Rng) -> Option<()> {
    let x = ranked(b, 2, rng)?;
    let ty = b.ty(x);
    let c = ty.dims[1];
    let scale = if rng.chance(1, 2) { positive(b, c, rng) } else { b.weight(&[c], 1, rng) };
    let (bias, mean) = (b.weight(&[c], 1, rng), b.weight(&[c], 1, rng));
    let var = positive(b, c, rng);
    let eps = *rng.pick(&[1e-5, 1e-3, 0.1]);
    b.node(Op::BatchNormalization, Attrs::none().with_float("epsilon", eps), &[x, scale, bias, mean, var], &[ty])
        .map(|_| ())
}

fn layer_norm(b: &mut Builder, rng: &mut Rng) -> Option<()> {
    let x = ranked(b, 2, rng)?;
    let ty = b.ty(x);
    let (a, i) = axis(ty.rank(), rng);
    let dims = ty.dims[i..].to_vec();
    let mut args = vec![x, b.weight(&dims, 1, rng)];
    let attrs = Attrs::none().with_int("axis", a).with_float("epsilon", *rng.pick(&[1e-5, 1e-3]));
    if rng.chance(1, 3) {
        return b.node(Op::RMSNormalization, attrs, &args, &[ty]).map(|_| ());
    }
    if rng.chance(1, 2) {
        args.push(b.weight(&dims, 1, rng));
    }
    b.node(Op::LayerNormalization, attrs, &args, &[ty]).map(|_| ())
}

fn instance_norm(b: &mut Builder, rng: &mut Rng) -> Option<()> {
    let x = ranked(b, 3, rng)?;
    let ty = b.ty(x);
    let c = ty.dims[1];
    if rng.chance(1, 2) && c.is_multiple_of(2) {
        let (s, t) = (b.weight(&[c], 1, rng), b.weight(&[c], 1, rng));
        return b.node(Op::GroupNormalization, Attrs::none().with_int("num_groups", 2), &[x, s, t], &[ty]).map(|_| ());
    }
    let (s, t) = (b.weight(&[c], 1, rng), b.weight(&[c], 1, rng));
    b.node(Op::InstanceNormalization, Attrs::none(), &[x, s, t], &[ty]).map(|_| ())
}

fn reduce(b: &mut Builder, rng: &mut Rng) -> Option<()> {
    let x = ranked(b, 1, rng)?;
    let ty = b.ty(x);
    let op = *rng.pick(&[
        Op::ReduceSum,
        Op::ReduceSum,
        Op::ReduceMean,
        Op::ReduceMean,
        Op::ReduceMax,
        Op::ReduceMin,
        Op::ReduceL1,
        Op::ReduceL2,
        Op::ReduceSumSquare,
        Op::ReduceLogSumExp,
        Op::ReduceProd,
    ]);
    let rank = ty.rank();
    let mut axes: Vec<i64> = (0..rank as i64).filter(|_| rng.chance(1, 2)).collect();
    if axes.is_empty() {
        axes.push(rng.below(rank as u64) as i64);
    }
    let keep = rng.chance(1, 2);
    let dims = |axes: &[i64]| -> Vec<usize> {
        (0..rank)
            .filter_map(|i| match (axes.contains(&(i as i64)), keep) {
                (false, _) => Some(ty.dims[i]),
                (true, true) => Some(1),
                (true, false) => None,
            })
            .collect()
    };
    let attrs = Attrs::none().with_int("keepdims", keep.into());
    if rng.chance(1, 6) {
        let all: Vec<i64> = (0..rank as i64).collect();
        return b.node(op, attrs, &[x], &[TensorType::new(DType::F32, dims(&all))]).map(|_| ());
    }
    let out = TensorType::new(DType::F32, dims(&axes));
    if rng.chance(1, 3) {
        axes.iter_mut().for_each(|a| *a -= rank as i64);
    }
    let a = b.ints(&axes);
    b.node(op, attrs, &[x, a], &[out]).map(|_| ())
}

fn arg(b: &mut Builder, rng: &mut Rng) -> Option<()> {
    let x = ranked(b, 1, rng)?;
    let ty = b.ty(x);
    let (a, i) = axis(ty.rank(), rng);
    let keep = rng.chance(1, 2);
    let mut dims = ty.dims;
    if keep {
        dims[i] = 1;
    } else {
        dims.remove(i);
    }
    let mut attrs = Attrs::none().with_int("axis", a).with_int("keepdims", keep.into());
    attrs.set("select_last_index", Attr::Int(rng.chance(1, 3).into()));
    let op = *rng.pick(&[Op::ArgMax, Op::ArgMin]);
    b.node(op, attrs, &[x], &[TensorType::new(DType::I64, dims)]).map(|_| ())
}
