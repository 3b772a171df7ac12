//! Elementwise operators, comparisons, selection, casts.

use super::{Row, integer, row};
use crate::Builder;
use ir::{Attr, Attrs, DType, Op, Tensor, TensorType, ValueId};
use kit::Rng;

pub(super) const ROWS: &[Row] = &[
    row(20, unary),
    row(24, binary),
    row(3, clip),
    row(4, compare_where),
    row(2, prelu),
    row(2, cast_round_trip),
    row(3, variadic),
    integer(5, int_binary),
    integer(2, int_unary),
    integer(2, logical),
];

const UNARY: &[Op] = &[
    Op::Relu,
    Op::Relu,
    Op::Abs,
    Op::Neg,
    Op::Sigmoid,
    Op::Tanh,
    Op::Exp,
    Op::Sqrt,
    Op::Erf,
    Op::Floor,
    Op::Ceil,
    Op::Round,
    Op::Sign,
    Op::Reciprocal,
    Op::Log,
    Op::Softplus,
    Op::Softsign,
    Op::Gelu,
    Op::HardSigmoid,
    Op::HardSwish,
    Op::LeakyRelu,
    Op::Elu,
    Op::Selu,
    Op::Celu,
    Op::Mish,
    Op::ThresholdedRelu,
    Op::Identity,
    Op::Dropout,
    Op::Sin,
    Op::Cos,
    Op::Atan,
    Op::Swish,
];

fn unary(b: &mut Builder, rng: &mut Rng) -> Option<()> {
    let x = b.pick_float(rng);
    let mut op = *rng.pick(UNARY);
    let ty = b.ty(x);
    let mut x = x;
    if matches!(op, Op::Sqrt | Op::Log) && rng.chance(3, 4) {
        // Most of the time in the domain: the guard refuses the rest unless its bound is useful.
        x = b.node(Op::Abs, Attrs::none(), &[x], std::slice::from_ref(&ty))?[0];
    }
    if op == Op::Exp && rng.chance(1, 2) {
        op = Op::Sigmoid;
    }
    let mut attrs = Attrs::none();
    match op {
        Op::Gelu if rng.chance(1, 2) => attrs.set("approximate", Attr::Str("tanh".into())),
        Op::LeakyRelu | Op::Elu | Op::Celu | Op::ThresholdedRelu => {
            attrs.set("alpha", Attr::float(*rng.pick(&[0.01, 0.25, 0.5, 1.0, 1.5])));
        }
        Op::HardSigmoid => {
            attrs.set("alpha", Attr::float(*rng.pick(&[0.2, 0.166_666_67, 0.25])));
            attrs.set("beta", Attr::float(0.5));
        }
        _ => {}
    }
    b.node(op, attrs, &[x], &[ty]).map(|_| ())
}

/// A partner for broadcasting against `dims`: a value of the pool, a constant of a broadcastable shape, or the value itself.
fn partner(b: &mut Builder, x: ValueId, rng: &mut Rng) -> ValueId {
    let ty = b.ty(x);
    if rng.chance(1, 2) {
        let fits = |t: &TensorType| t.dtype == ty.dtype && broadcast(&ty.dims, &t.dims).is_some();
        if let Some(v) = b.pick(rng, fits) {
            return v;
        }
    }
    let mut dims = ty.dims.clone();
    for d in &mut dims {
        if rng.chance(1, 3) {
            *d = 1;
        }
    }
    let drop = rng.below(dims.len() as u64 + 1) as usize;
    let dims = if rng.chance(1, 2) { dims[drop..].to_vec() } else { dims };
    b.weight(&dims, 1, rng)
}

/// Numpy broadcasting of two shapes.
pub(crate) fn broadcast(a: &[usize], b: &[usize]) -> Option<Vec<usize>> {
    let rank = a.len().max(b.len());
    let at = |d: &[usize], i: usize| if i + d.len() < rank { 1 } else { d[i + d.len() - rank] };
    (0..rank)
        .map(|i| match (at(a, i), at(b, i)) {
            (x, y) if x == y => Some(x),
            (1, y) => Some(y),
            (x, 1) => Some(x),
            _ => None,
        })
        .collect()
}

/// Pow and Mod are rare: behind a division they seldom have a useful bound.
const BINARY: &[Op] = &[
    Op::Add,
    Op::Add,
    Op::Add,
    Op::Add,
    Op::Add,
    Op::Sub,
    Op::Sub,
    Op::Mul,
    Op::Mul,
    Op::Mul,
    Op::Div,
    Op::Max,
    Op::Max,
    Op::Min,
    Op::Min,
    Op::Pow,
    Op::Mod,
];

fn binary(b: &mut Builder, rng: &mut Rng) -> Option<()> {
    let x = b.pick_float(rng);
    let y = partner(b, x, rng);
    let op = *rng.pick(BINARY);
    let dims = broadcast(&b.ty(x).dims, &b.ty(y).dims)?;
    let mut attrs = Attrs::none();
    if op == Op::Mod {
        attrs.set("fmod", Attr::Int(1));
    }
    let args = if rng.chance(1, 3) { [y, x] } else { [x, y] };
    b.node(op, attrs, &args, &[TensorType::new(DType::F32, dims)]).map(|_| ())
}

fn variadic(b: &mut Builder, rng: &mut Rng) -> Option<()> {
    let x = b.pick_float(rng);
    let mut args = vec![x];
    let mut dims = b.ty(x).dims;
    for _ in 0..rng.below(3) {
        let y = partner(b, x, rng);
        if let Some(d) = broadcast(&dims, &b.ty(y).dims) {
            dims = d;
            args.push(y);
        }
    }
    let op = *rng.pick(&[Op::Sum, Op::Mean, Op::Max, Op::Min]);
    b.node(op, Attrs::none(), &args, &[TensorType::new(DType::F32, dims)]).map(|_| ())
}

fn clip(b: &mut Builder, rng: &mut Rng) -> Option<()> {
    let x = b.pick_float(rng);
    let ty = b.ty(x);
    let (lo, hi) = *rng.pick(&[(0.0f32, 6.0f32), (-1.0, 1.0), (-0.5, 2.5), (0.0, 1.0)]);
    let lo = if rng.chance(1, 5) { None } else { Some(b.floats(&[], &[lo])) };
    let hi = if rng.chance(1, 5) { None } else { Some(b.floats(&[], &[hi])) };
    b.node_opt(Op::Clip, Attrs::none(), vec![Some(x), lo, hi], &[ty]).map(|_| ())
}

fn prelu(b: &mut Builder, rng: &mut Rng) -> Option<()> {
    let x = b.pick_float(rng);
    let ty = b.ty(x);
    let mut dims = ty.dims.clone();
    dims.iter_mut().for_each(|d| *d = if rng.chance(1, 2) { 1 } else { *d });
    let slope = b.weight(&dims, 4, rng);
    b.node(Op::PRelu, Attrs::none(), &[x, slope], &[ty]).map(|_| ())
}

fn compare_where(b: &mut Builder, rng: &mut Rng) -> Option<()> {
    let x = b.pick_float(rng);
    let y = partner(b, x, rng);
    let dims = broadcast(&b.ty(x).dims, &b.ty(y).dims)?;
    let op = *rng.pick(&[Op::Greater, Op::Less, Op::GreaterOrEqual, Op::LessOrEqual, Op::Equal]);
    let c = b.node(op, Attrs::none(), &[x, y], &[TensorType::new(DType::Bool, dims.clone())])?[0];
    let z = partner(b, x, rng);
    let dims = broadcast(&dims, &b.ty(z).dims)?;
    b.node(Op::Where, Attrs::none(), &[c, x, z], &[TensorType::new(DType::F32, dims)]).map(|_| ())
}

fn cast_round_trip(b: &mut Builder, rng: &mut Rng) -> Option<()> {
    let x = b.pick_float(rng);
    let ty = b.ty(x);
    let to = if b.profile.integers {
        *rng.pick(&[DType::I32, DType::BF16, DType::F16, DType::I64, DType::Bool])
    } else {
        *rng.pick(&[DType::BF16, DType::F16])
    };
    let cast = |d: DType| Attrs::none().with_int("to", i64::from(d.onnx_code()));
    let mut x = x;
    if to.is_int() {
        // Out-of-range casts are undefined in ONNX: keep to the range.
        let lo = b.floats(&[], &[-1000.0]);
        let hi = b.floats(&[], &[1000.0]);
        x = b.node(Op::Clip, Attrs::none(), &[x, lo, hi], std::slice::from_ref(&ty))?[0];
    }
    let y = b.node(Op::Cast, cast(to), &[x], &[TensorType::new(to, ty.dims.clone())])?[0];
    b.node(Op::Cast, cast(DType::F32), &[y], &[ty]).map(|_| ())
}

fn pick_int(b: &mut Builder, rng: &mut Rng) -> ValueId {
    match b.pick(rng, |t| t.dtype.is_int()) {
        Some(v) => v,
        None => {
            let d = *rng.pick(&[DType::I32, DType::I64, DType::I8, DType::U8]);
            let dims = b.lattice.dims(rng.range(1, 3) as usize, b.profile.max_elements / 4, rng);
            b.input(TensorType::new(d, dims))
        }
    }
}

fn int_const(b: &mut Builder, ty: &TensorType, nonzero: bool, rng: &mut Rng) -> ValueId {
    let lo = if ty.dtype.is_signed_int() { -9 } else { 0 };
    let bytes: Vec<u8> = (0..ty.elements())
        .flat_map(|_| {
            let mut v = rng.range(lo, 9);
            if nonzero && v == 0 {
                v = 3;
            }
            v.to_le_bytes()[..ty.dtype.size()].to_vec()
        })
        .collect();
    b.graph.add_const(None, Tensor::new(ty.dtype, ty.dims.clone(), bytes).expect("one value an element"))
}

fn int_binary(b: &mut Builder, rng: &mut Rng) -> Option<()> {
    let x = pick_int(b, rng);
    let ty = b.ty(x);
    let op = *rng.pick(&[Op::Add, Op::Sub, Op::Mul, Op::Div, Op::Mod, Op::Max, Op::Min]);
    let mut dims = ty.dims.clone();
    dims.iter_mut().for_each(|d| *d = if rng.chance(1, 3) { 1 } else { *d });
    let y = int_const(b, &TensorType::new(ty.dtype, dims), matches!(op, Op::Div | Op::Mod), rng);
    b.node(op, Attrs::none(), &[x, y], &[ty]).map(|_| ())
}

fn int_unary(b: &mut Builder, rng: &mut Rng) -> Option<()> {
    let x = pick_int(b, rng);
    let ty = b.ty(x);
    if rng.chance(1, 2) {
        let to = TensorType::new(DType::F32, ty.dims);
        return b.node(Op::Cast, Attrs::none().with_int("to", 1), &[x], &[to]).map(|_| ());
    }
    let op = if ty.dtype.is_signed_int() { *rng.pick(&[Op::Abs, Op::Neg, Op::Sign]) } else { Op::Sign };
    b.node(op, Attrs::none(), &[x], &[ty]).map(|_| ())
}

fn logical(b: &mut Builder, rng: &mut Rng) -> Option<()> {
    let x = b.pick(rng, |t| t.dtype == DType::Bool)?;
    let ty = b.ty(x);
    if rng.chance(1, 3) {
        return b.node(Op::Not, Attrs::none(), &[x], &[ty]).map(|_| ());
    }
    let y = b.pick(rng, |t| t.dtype == DType::Bool && broadcast(&t.dims, &ty.dims).is_some())?;
    let dims = broadcast(&b.ty(y).dims, &ty.dims)?;
    let op = *rng.pick(&[Op::And, Op::Or, Op::Xor]);
    b.node(op, Attrs::none(), &[x, y], &[TensorType::new(DType::Bool, dims)]).map(|_| ())
}
