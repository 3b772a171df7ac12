//! ONNX Runtime's quantised operators (domain `com.microsoft`).

use super::conv::window;
use super::quant::{Quant, eight_bit, float, params, quantize, scale};
use super::{Row, integer};
use crate::Builder;
use ir::{Attrs, DType, Op, Tensor, TensorType, ValueId};
use kit::Rng;

pub(super) const ROWS: &[Row] = &[
    integer(3, binary),
    integer(2, unary),
    Row { weight: 2, build: pool, conv: true, integers: true },
    integer(2, concat),
    integer(2, softmax),
    integer(3, gemm),
];

/// A float of the pool, quantised.
fn quantized(b: &mut Builder, min: usize, d: DType, rng: &mut Rng) -> Option<(ValueId, Quant)> {
    let x = float(b, min, rng)?;
    let q = params(b, d, rng);
    Some((quantize(b, x, &q)?, q))
}

fn binary(b: &mut Builder, rng: &mut Rng) -> Option<()> {
    let d = eight_bit(rng);
    let (x, qx) = quantized(b, 1, d, rng)?;
    let dims = b.ty(x).dims;
    // The second operand: another value of that shape, or a constant that broadcasts.
    let fits = |t: &TensorType| t.dtype == DType::F32 && t.dims == dims;
    let (y, qy) = match b.pick(rng, fits) {
        Some(y) if rng.chance(1, 2) => {
            let q = params(b, d, rng);
            (quantize(b, y, &q)?, q)
        }
        _ => {
            let n = *dims.last()?;
            let v: Vec<u8> = (0..n).map(|_| rng.range(0, 255) as u8).collect();
            let t = Tensor::new(d, vec![n], v).expect("one byte for each element");
            (b.graph.add_const(None, t), params(b, d, rng))
        }
    };
    let z = params(b, d, rng);
    let op = *rng.pick(&[Op::QLinearAdd, Op::QLinearMul]);
    let inputs = [x, qx.scale, qx.zero, y, qy.scale, qy.zero, z.scale, z.zero];
    b.node(op, Attrs::none(), &inputs, &[TensorType::new(d, dims)]).map(|_| ())
}

/// A node of one operand with its parameters, and those of the result; zero points of 0 may be left out.
fn one(b: &mut Builder, op: Op, attrs: Attrs, (x, q): (ValueId, &Quant), out: Vec<usize>, rng: &mut Rng) -> Option<()> {
    let y = params(b, q.dtype, rng);
    b.node(op, attrs, &[x, q.scale, q.zero, y.scale, y.zero], &[TensorType::new(q.dtype, out)]).map(|_| ())
}

fn unary(b: &mut Builder, rng: &mut Rng) -> Option<()> {
    let d = eight_bit(rng);
    let (x, q) = quantized(b, 0, d, rng)?;
    let dims = b.ty(x).dims;
    if rng.chance(1, 2) {
        return one(b, Op::QLinearSigmoid, Attrs::none(), (x, &q), dims, rng);
    }
    let attrs = if rng.chance(1, 2) { Attrs::none().with_float("alpha", 0.25) } else { Attrs::none() };
    one(b, Op::QLinearLeakyRelu, attrs, (x, &q), dims, rng)
}

fn pool(b: &mut Builder, rng: &mut Rng) -> Option<()> {
    let v = b.pick(rng, |t| t.dtype == DType::F32 && t.rank() == 4 && t.elements() > 0)?;
    let q = params(b, eight_bit(rng), rng);
    let x = quantize(b, v, &q)?;
    let d = b.ty(x).dims;
    let last = rng.chance(1, 3);
    let spatial = if last { &d[1..3] } else { &d[2..] };
    let attrs = Attrs::none().with_int("channels_last", i64::from(last));
    let put = |s: &[usize]| if last { vec![d[0], s[0], s[1], d[3]] } else { vec![d[0], d[1], s[0], s[1]] };
    if rng.chance(1, 2) {
        return one(b, Op::QLinearGlobalAveragePool, attrs, (x, &q), put(&[1, 1]), rng);
    }
    let w = window(spatial, true, rng)?;
    if w.attrs.has("dilations") {
        return None;
    }
    let mut attrs = w.attrs.with_int("channels_last", i64::from(last));
    if rng.chance(1, 2) {
        attrs.set("count_include_pad", ir::Attr::Int(1));
    }
    one(b, Op::QLinearAveragePool, attrs, (x, &q), put(&w.out), rng)
}

fn concat(b: &mut Builder, rng: &mut Rng) -> Option<()> {
    let d = eight_bit(rng);
    let (x, q) = quantized(b, 1, d, rng)?;
    let dims = b.ty(x).dims;
    let (spelled, axis) = super::axis(dims.len(), rng);
    let y = params(b, d, rng);
    let mut inputs = vec![y.scale, y.zero, x, q.scale, q.zero];
    let mut out = dims.clone();
    for _ in 0..rng.range(1, 2) {
        let fits = |t: &TensorType| t.dtype == DType::F32 && t.dims == dims;
        let v = b.pick(rng, fits)?;
        let q = params(b, d, rng);
        inputs.extend([quantize(b, v, &q)?, q.scale, q.zero]);
        out[axis] += dims[axis];
    }
    b.node(Op::QLinearConcat, Attrs::none().with_int("axis", spelled), &inputs, &[TensorType::new(d, out)]).map(|_| ())
}

fn softmax(b: &mut Builder, rng: &mut Rng) -> Option<()> {
    let d = eight_bit(rng);
    let (x, q) = quantized(b, 1, d, rng)?;
    let dims = b.ty(x).dims;
    let (spelled, _) = super::axis(dims.len(), rng);
    let attrs = Attrs::none().with_int("axis", spelled).with_int("opset", *rng.pick(&[11, 13]));
    // Shares lie in [0, 1].
    let s = b.floats(&[], &[1.0 / 256.0]);
    let z = match d {
        DType::I8 => Tensor::from_i8([], &[-128]),
        _ => Tensor::from_u8([], &[0]),
    };
    let z = b.graph.add_const(None, z);
    b.node(Op::QLinearSoftmax, attrs, &[x, q.scale, q.zero, s, z], &[TensorType::new(d, dims)]).map(|_| ())
}

fn gemm(b: &mut Builder, rng: &mut Rng) -> Option<()> {
    let v = b.pick(rng, |t| t.dtype == DType::F32 && t.rank() == 2 && t.elements() > 0)?;
    let q = params(b, eight_bit(rng), rng);
    let x = quantize(b, v, &q)?;
    let d = b.ty(x).dims;
    let (ta, tb) = (rng.chance(1, 4), rng.chance(1, 2));
    let (m, k) = if ta { (d[1], d[0]) } else { (d[0], d[1]) };
    let n = b.lattice.extent(20, rng);
    if k * n > 4 * b.profile.max_elements {
        return None;
    }
    let wd = if tb { [n, k] } else { [k, n] };
    let w: Vec<u8> = (0..k * n).map(|_| rng.range(0, 255) as u8).collect();
    let wt = eight_bit(rng);
    let w = b.graph.add_const(None, Tensor::new(wt, wd.to_vec(), w).expect("one byte for each element"));
    let per = rng.chance(1, 3);
    let scales: Vec<f32> = (0..if per { n } else { 1 }).map(|_| scale(rng) / 16.0).collect();
    let shape: &[usize] = if per { &[n] } else { &[] };
    let ws = b.floats(shape, &scales);
    let wz: Vec<u8> = scales.iter().map(|_| if wt == DType::U8 { rng.range(120, 136) as u8 } else { 0 }).collect();
    let wz = b.graph.add_const(None, Tensor::new(wt, shape.to_vec(), wz).expect("one byte for each element"));
    let bias: Vec<i32> = (0..n).map(|_| rng.range(-500, 500) as i32).collect();
    let c = rng.chance(2, 3).then(|| b.graph.add_const(None, Tensor::from_i32([n], &bias)));
    let mut attrs = Attrs::none().with_int("transA", i64::from(ta)).with_int("transB", i64::from(tb));
    if rng.chance(1, 4) {
        attrs = attrs.with_float("alpha", 0.5);
    }
    let mut inputs = vec![Some(x), Some(q.scale), Some(q.zero), Some(w), Some(ws), Some(wz), c];
    let to = if rng.chance(1, 4) {
        while inputs.last() == Some(&None) {
            inputs.pop();
        }
        DType::F32
    } else {
        let y = params(b, eight_bit(rng), rng);
        inputs.extend([Some(y.scale), Some(y.zero)]);
        y.dtype
    };
    b.node_opt(Op::QGemm, attrs, inputs, &[TensorType::new(to, [m, n])]).map(|_| ())
}
