//! Quantisation: round trips through 8 bits, and the DequantizeLinear → operator → QuantizeLinear patterns that become integer operators.

use super::conv::window;
use super::{Row, integer};
use crate::Builder;
use ir::{Attrs, DType, Op, Tensor, TensorType, ValueId};
use kit::Rng;

pub(super) const ROWS: &[Row] = &[
    Row { weight: 5, build: qdq_conv, conv: true, integers: true },
    integer(5, qdq_round_trip),
    integer(5, qdq_matmul),
    integer(4, qdq_binary),
];

/// A scale: powers of two make ties frequent, others make them rare.
pub(super) fn scale(rng: &mut Rng) -> f32 {
    if rng.chance(1, 2) { *rng.pick(&[0.25f32, 0.125, 0.0625, 0.5]) } else { (0.02 + 0.1 * rng.unit()) as f32 }
}

pub(super) struct Quant {
    pub dtype: DType,
    pub scale: ValueId,
    pub zero: ValueId,
}

pub(super) fn params(b: &mut Builder, dtype: DType, rng: &mut Rng) -> Quant {
    let s = scale(rng);
    let z =
        match (dtype, rng.below(3)) {
            (DType::I8, 0) => Tensor::from_i8([], &[0]),
            (DType::I8, 1) => Tensor::from_i8([], &[-128]),
            (DType::I8, _) => Tensor::from_i8([], &[rng.range(-20, 20) as i8]),
            (DType::I16, _) => Tensor::new(DType::I16, vec![], (rng.range(-300, 300) as i16).to_le_bytes().to_vec())
                .expect("one element"),
            (DType::U16, _) => Tensor::new(DType::U16, vec![], (rng.range(0, 65_535) as u16).to_le_bytes().to_vec())
                .expect("one element"),
            (_, 0) => Tensor::from_u8([], &[0]),
            (_, _) => Tensor::from_u8([], &[rng.range(0, 255) as u8]),
        };
    Quant { dtype, scale: b.floats(&[], &[s]), zero: b.graph.add_const(None, z) }
}

pub(super) fn quantize(b: &mut Builder, x: ValueId, q: &Quant) -> Option<ValueId> {
    let ty = TensorType::new(q.dtype, b.ty(x).dims);
    Some(b.node(Op::QuantizeLinear, Attrs::none(), &[x, q.scale, q.zero], &[ty])?[0])
}

fn dequantize(b: &mut Builder, x: ValueId, q: &Quant) -> Option<ValueId> {
    let ty = TensorType::new(DType::F32, b.ty(x).dims);
    Some(b.node(Op::DequantizeLinear, Attrs::none(), &[x, q.scale, q.zero], &[ty])?[0])
}

pub(super) fn eight_bit(rng: &mut Rng) -> DType {
    *rng.pick(&[DType::I8, DType::U8])
}

pub(super) fn float(b: &mut Builder, min: usize, rng: &mut Rng) -> Option<ValueId> {
    b.pick(rng, |t| t.dtype == DType::F32 && t.rank() >= min && t.elements() > 0)
}

fn qdq_round_trip(b: &mut Builder, rng: &mut Rng) -> Option<()> {
    let x = float(b, 0, rng)?;
    let d = if rng.chance(1, 5) { *rng.pick(&[DType::I16, DType::U16]) } else { eight_bit(rng) };
    let q = params(b, d, rng);
    let y = quantize(b, x, &q)?;
    dequantize(b, y, &q).map(|_| ())
}

/// Int8 weights with a scale per tensor or per output channel (axis), dequantised.
fn weights(b: &mut Builder, dims: &[usize], axis: usize, rng: &mut Rng) -> Option<(ValueId, Vec<f32>)> {
    let n: usize = dims.iter().product();
    let xs: Vec<i8> = (0..n).map(|_| rng.range(-127, 127) as i8).collect();
    let w = b.graph.add_const(None, Tensor::from_i8(dims.to_vec(), &xs));
    let per_channel = rng.chance(1, 2);
    let k = if per_channel { dims[axis] } else { 1 };
    let scales: Vec<f32> = (0..k).map(|_| scale(rng) / 16.0).collect();
    let shape: &[usize] = if per_channel { &[k] } else { &[] };
    let s = b.floats(shape, &scales);
    let z = b.graph.add_const(None, Tensor::from_i8(shape.to_vec(), &vec![0; k]));
    let ty = TensorType::new(DType::F32, dims.to_vec());
    let attrs = Attrs::none().with_int("axis", axis as i64);
    let v = b.node(Op::DequantizeLinear, attrs, &[w, s, z], &[ty])?[0];
    Some((v, scales))
}

/// Now and then a Relu or a Clip before the output is quantised.
fn activation(b: &mut Builder, y: ValueId, rng: &mut Rng) -> Option<ValueId> {
    if !rng.chance(1, 3) {
        return Some(y);
    }
    let ty = b.ty(y);
    Some(b.node(Op::Relu, Attrs::none(), &[y], &[ty])?[0])
}

fn close(b: &mut Builder, y: ValueId, rng: &mut Rng) -> Option<()> {
    let y = activation(b, y, rng)?;
    let q = params(b, eight_bit(rng), rng);
    let z = quantize(b, y, &q)?;
    dequantize(b, z, &q).map(|_| ())
}

fn qdq_conv(b: &mut Builder, rng: &mut Rng) -> Option<()> {
    let x = b.pick(rng, |t| t.dtype == DType::F32 && t.rank() == 4 && t.elements() > 0)?;
    let q = params(b, eight_bit(rng), rng);
    let xq = quantize(b, x, &q)?;
    let xd = dequantize(b, xq, &q)?;
    let d = b.ty(xd).dims;
    let w = window(&d[2..], false, rng)?;
    let (group, oc) = if rng.chance(1, 3) { (d[1], d[1]) } else { (1, rng.range(1, 20) as usize) };
    let mut wd = vec![oc, d[1] / group];
    wd.extend(&w.kernel);
    if wd.iter().product::<usize>() > 2 * b.profile.max_elements {
        return None;
    }
    let (wv, ws) = weights(b, &wd, 0, rng)?;
    let mut args = vec![xd, wv];
    if rng.chance(2, 3) {
        // The usual form: an int32 bias with scale x_scale * w_scale.
        let xs = b.graph.constant(q.scale)?.to_f32()?[0];
        let bias: Vec<i32> = (0..oc).map(|_| rng.range(-500, 500) as i32).collect();
        let bq = b.graph.add_const(None, Tensor::from_i32([oc], &bias));
        let scales: Vec<f32> = ws.iter().map(|s| xs * s).collect();
        let per = scales.len() > 1 || oc == 1 && ws.len() == 1 && rng.chance(1, 2);
        let shape: &[usize] = if per { &[oc] } else { &[] };
        let s = b.floats(shape, &scales);
        let ty = TensorType::new(DType::F32, [oc]);
        args.push(
            b.node_opt(Op::DequantizeLinear, Attrs::none().with_int("axis", 0), vec![Some(bq), Some(s)], &[ty])?[0],
        );
    }
    let mut out = vec![d[0], oc];
    out.extend(&w.out);
    let attrs = w.attrs.with_int("group", group as i64);
    let y = b.node(Op::Conv, attrs, &args, &[TensorType::new(DType::F32, out)])?[0];
    close(b, y, rng)
}

fn qdq_matmul(b: &mut Builder, rng: &mut Rng) -> Option<()> {
    let x = float(b, 2, rng)?;
    let q = params(b, eight_bit(rng), rng);
    let xq = quantize(b, x, &q)?;
    let xd = dequantize(b, xq, &q)?;
    let d = b.ty(xd).dims;
    let (k, n) = (d[d.len() - 1], b.lattice.extent(24, rng));
    if k * n > 4 * b.profile.max_elements {
        return None;
    }
    let (w, _) = weights(b, &[k, n], 1, rng)?;
    let mut out = d;
    *out.last_mut()? = n;
    let y = b.node(Op::MatMul, Attrs::none(), &[xd, w], &[TensorType::new(DType::F32, out)])?[0];
    close(b, y, rng)
}

fn qdq_binary(b: &mut Builder, rng: &mut Rng) -> Option<()> {
    let x = float(b, 1, rng)?;
    let ty = b.ty(x);
    let y = b.pick(rng, |t| *t == ty)?;
    let (qx, qy) = (params(b, eight_bit(rng), rng), params(b, eight_bit(rng), rng));
    let a = quantize(b, x, &qx)?;
    let a = dequantize(b, a, &qx)?;
    let c = quantize(b, y, &qy)?;
    let c = dequantize(b, c, &qy)?;
    let z = b.node(*rng.pick(&[Op::Add, Op::Mul]), Attrs::none(), &[a, c], &[ty])?[0];
    close(b, z, rng)
}
