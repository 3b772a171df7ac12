//! Quantisation with parameters from run time: DynamicQuantizeLinear and what follows it, computed scales, blocks.

use super::conv::window;
use super::quant::{eight_bit, float, params, scale};
use super::{Row, integer};
use crate::Builder;
use ir::{Attrs, DType, Op, Tensor, TensorType, ValueId};
use kit::Rng;

pub(super) const ROWS: &[Row] = &[
    integer(2, round_trip),
    integer(3, matmul),
    Row { weight: 3, build: conv, conv: true, integers: true },
    integer(2, computed_scale),
    integer(2, blocks),
    integer(2, qlinear_matmul),
];

/// Quantised data, scale and zero point.
fn quantize(b: &mut Builder, x: ValueId) -> Option<[ValueId; 3]> {
    let outs =
        [TensorType::new(DType::U8, b.ty(x).dims), TensorType::new(DType::F32, []), TensorType::new(DType::U8, [])];
    let v = b.node(Op::DynamicQuantizeLinear, Attrs::none(), &[x], &outs)?;
    Some([v[0], v[1], v[2]])
}

fn round_trip(b: &mut Builder, rng: &mut Rng) -> Option<()> {
    let x = float(b, 0, rng)?;
    let [q, s, z] = quantize(b, x)?;
    let ty = TensorType::new(DType::F32, b.ty(q).dims);
    b.node(Op::DequantizeLinear, Attrs::none(), &[q, s, z], &[ty]).map(|_| ())
}

/// Constant 8-bit weights and their zero point, one or one for each of `n`.
fn weights(b: &mut Builder, dims: &[usize], n: usize, rng: &mut Rng) -> (ValueId, ValueId) {
    let count: usize = dims.iter().product();
    let k = if rng.chance(1, 3) { n } else { 1 };
    let shape: &[usize] = if k == 1 && rng.chance(1, 2) { &[] } else { &[k] };
    if rng.chance(1, 2) {
        let w: Vec<u8> = (0..count).map(|_| rng.range(0, 255) as u8).collect();
        let z: Vec<u8> = (0..k).map(|_| rng.range(100, 150) as u8).collect();
        let w = b.graph.add_const(None, Tensor::from_u8(dims.to_vec(), &w));
        return (w, b.graph.add_const(None, Tensor::from_u8(shape.to_vec(), &z)));
    }
    let w: Vec<i8> = (0..count).map(|_| rng.range(-128, 127) as i8).collect();
    let z: Vec<i8> = (0..k).map(|_| rng.range(-9, 9) as i8).collect();
    let w = b.graph.add_const(None, Tensor::from_i8(dims.to_vec(), &w));
    (w, b.graph.add_const(None, Tensor::from_i8(shape.to_vec(), &z)))
}

/// The int32 sum as a float, times the scale of the data and one of the weights.
fn scaled(b: &mut Builder, y: ValueId, s: ValueId, rng: &mut Rng) -> Option<()> {
    let ty = TensorType::new(DType::F32, b.ty(y).dims);
    let f = b.node(Op::Cast, Attrs::none().with_int("to", 1), &[y], std::slice::from_ref(&ty))?[0];
    let w = scale(rng) / 16.0;
    let w = b.floats(&[], &[w]);
    let s = b.node(Op::Mul, Attrs::none(), &[s, w], &[TensorType::new(DType::F32, [])])?[0];
    b.node(Op::Mul, Attrs::none(), &[f, s], &[ty]).map(|_| ())
}

fn matmul(b: &mut Builder, rng: &mut Rng) -> Option<()> {
    let x = float(b, 2, rng)?;
    let [q, s, z] = quantize(b, x)?;
    let mut d = b.ty(q).dims;
    let (k, n) = (d[d.len() - 1], b.lattice.extent(20, rng));
    if k * n > 4 * b.profile.max_elements {
        return None;
    }
    let (w, wz) = weights(b, &[k, n], n, rng);
    *d.last_mut()? = n;
    let y = b.node(Op::MatMulInteger, Attrs::none(), &[q, w, z, wz], &[TensorType::new(DType::I32, d)])?[0];
    scaled(b, y, s, rng)
}

fn conv(b: &mut Builder, rng: &mut Rng) -> Option<()> {
    let x = b.pick(rng, |t| t.dtype == DType::F32 && t.rank() == 4 && t.elements() > 0)?;
    let [q, s, z] = quantize(b, x)?;
    let d = b.ty(q).dims;
    let w = window(&d[2..], false, rng)?;
    let (group, oc) = if rng.chance(1, 3) { (d[1], d[1]) } else { (1, rng.range(1, 12) as usize) };
    let wd = [&[oc, d[1] / group], &w.kernel[..]].concat();
    if wd.iter().product::<usize>() > 2 * b.profile.max_elements {
        return None;
    }
    let (wv, wz) = weights(b, &wd, oc, rng);
    let out = [&[d[0], oc], &w.out[..]].concat();
    let attrs = w.attrs.with_int("group", group as i64);
    let mut args = vec![q, wv, z];
    if rng.chance(2, 3) {
        args.push(wz);
    }
    let y = b.node(Op::ConvInteger, attrs, &args, &[TensorType::new(DType::I32, out)])?[0];
    scaled(b, y, s, rng)
}

/// A positive scale that is computed: `|v| + 1/4`, of one element or one for each index of an axis.
fn positive(b: &mut Builder, dims: &[usize]) -> Option<ValueId> {
    let ty = TensorType::new(DType::F32, dims);
    let v = b.input(ty.clone());
    let a = b.node(Op::Abs, Attrs::none(), &[v], std::slice::from_ref(&ty))?[0];
    let c = b.floats(&[], &[0.25]);
    Some(b.node(Op::Add, Attrs::none(), &[a, c], &[ty])?[0])
}

fn computed_scale(b: &mut Builder, rng: &mut Rng) -> Option<()> {
    let x = float(b, 1, rng)?;
    let d = b.ty(x).dims;
    let (spelled, axis) = super::axis(d.len(), rng);
    let s = if rng.chance(1, 2) { positive(b, &[d[axis]])? } else { positive(b, &[])? };
    let (to, attrs) = (eight_bit(rng), Attrs::none().with_int("axis", spelled));
    let with_type = attrs.clone().with_int("output_dtype", i64::from(to.onnx_code()));
    let q = b.node(Op::QuantizeLinear, with_type, &[x, s], &[TensorType::new(to, d.clone())])?[0];
    b.node(Op::DequantizeLinear, attrs, &[q, s], &[TensorType::new(DType::F32, d)]).map(|_| ())
}

fn blocks(b: &mut Builder, rng: &mut Rng) -> Option<()> {
    let x = float(b, 1, rng)?;
    let d = b.ty(x).dims;
    let (spelled, axis) = super::axis(d.len(), rng);
    let block = rng.range(1, d[axis].max(1) as i64) as usize;
    let mut sd = d.clone();
    sd[axis] = d[axis].div_ceil(block);
    let n = sd.iter().product();
    let scales: Vec<f32> = (0..n).map(|_| scale(rng)).collect();
    let s = b.floats(&sd, &scales);
    let attrs = Attrs::none().with_int("axis", spelled).with_int("block_size", block as i64);
    let to = eight_bit(rng);
    let with_type = attrs.clone().with_int("output_dtype", i64::from(to.onnx_code()));
    let q = b.node(Op::QuantizeLinear, with_type, &[x, s], &[TensorType::new(to, d.clone())])?[0];
    b.node(Op::DequantizeLinear, attrs, &[q, s], &[TensorType::new(DType::F32, d)]).map(|_| ())
}

/// QLinearMatMul whose first operand was quantised at run time.
fn qlinear_matmul(b: &mut Builder, rng: &mut Rng) -> Option<()> {
    let x = float(b, 2, rng)?;
    let [q, s, z] = quantize(b, x)?;
    let mut d = b.ty(q).dims;
    let (k, n) = (d[d.len() - 1], b.lattice.extent(16, rng));
    if k * n > 4 * b.profile.max_elements {
        return None;
    }
    let w: Vec<i8> = (0..k * n).map(|_| rng.range(-127, 127) as i8).collect();
    let w = b.graph.add_const(None, Tensor::from_i8([k, n], &w));
    let ws = scale(rng) / 16.0;
    let ws = b.floats(&[], &[ws]);
    let wz = b.graph.add_const(None, Tensor::from_i8([], &[rng.range(-5, 5) as i8]));
    let y = params(b, eight_bit(rng), rng);
    *d.last_mut()? = n;
    let inputs = [q, s, z, w, ws, wz, y.scale, y.zero];
    b.node(Op::QLinearMatMul, Attrs::none(), &inputs, &[TensorType::new(y.dtype, d)]).map(|_| ())
}
