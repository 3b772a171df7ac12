//! ONNX Runtime's quantised operators (domain `com.microsoft`). Their definition is the float operator between
//! DequantizeLinear and QuantizeLinear, and so are value and bound: those of the three kernels one after the other.

use crate::cx::Args;
use crate::error::{OpResult, invalid};
use crate::value::Bounded;
use ir::{Attrs, Node, Op, Origin};

/// Evaluates another operator with attributes (and its defaults) on given operands.
fn apply(a: &Args<'_>, op: Op, attrs: &Attrs, inputs: &[Option<&Bounded>]) -> OpResult<Bounded> {
    let mut all = op.defaults();
    for (name, value) in attrs.iter().filter(|(name, _)| op.attr(name).is_some()) {
        all.set(name, value.clone());
    }
    let node = Node { op, attrs: all, inputs: Vec::new(), outputs: Vec::new(), origin: Origin::new(0, "") };
    let out = super::eval(&Args { cx: a.cx, node: &node, inputs })?;
    out.into_iter().next().map_or_else(|| invalid("an operator without a result"), Ok)
}

/// Operand `i`, with its scale and zero point behind it, as a float.
fn dequantized(a: &Args<'_>, i: usize) -> OpResult<Bounded> {
    let inputs = [Some(a.x(i)?), Some(a.x(i + 1)?), a.opt(i + 2)];
    apply(a, Op::DequantizeLinear, &Attrs::none(), &inputs)
}

/// A float as the result, with scale `s` and zero point `s + 1`; without one the type is that of `like`.
fn quantized(a: &Args<'_>, y: &Bounded, s: usize, like: usize) -> OpResult<Bounded> {
    let inputs = [Some(y), Some(a.x(s)?), a.opt(s + 1)];
    let code = i64::from(a.x(like)?.dtype.onnx_code());
    let attrs = if inputs[2].is_none() { Attrs::none().with_int("output_dtype", code) } else { Attrs::none() };
    apply(a, Op::QuantizeLinear, &attrs, &inputs)
}

/// QLinearAdd and QLinearMul: A, scale, zero point, B, scale, zero point, scale and zero point of the result.
pub fn binary(a: &Args<'_>) -> OpResult<Bounded> {
    let (x, y) = (dequantized(a, 0)?, dequantized(a, 3)?);
    let op = if a.node.op == Op::QLinearAdd { Op::Add } else { Op::Mul };
    let z = apply(a, op, &Attrs::none(), &[Some(&x), Some(&y)])?;
    quantized(a, &z, 6, 0)
}

/// QLinearSigmoid and QLinearLeakyRelu.
pub fn unary(a: &Args<'_>) -> OpResult<Bounded> {
    let op = if a.node.op == Op::QLinearSigmoid { Op::Sigmoid } else { Op::LeakyRelu };
    let y = apply(a, op, &a.node.attrs, &[Some(&dequantized(a, 0)?)])?;
    quantized(a, &y, 3, 0)
}

/// QLinearAveragePool and QLinearGlobalAveragePool, with the channels second or last.
pub fn pool(a: &Args<'_>) -> OpResult<Bounded> {
    let op = if a.node.op == Op::QLinearAveragePool { Op::AveragePool } else { Op::GlobalAveragePool };
    let mut x = dequantized(a, 0)?;
    let r = x.rank() as i64;
    let last = a.flag("channels_last")? && r > 2;
    let turned =
        |x: &Bounded, perm: Vec<i64>| apply(a, Op::Transpose, &Attrs::none().with_ints("perm", &perm), &[Some(x)]);
    if last {
        x = turned(&x, [0, r - 1].into_iter().chain(1..r - 1).collect())?;
    }
    let mut y = apply(a, op, &a.node.attrs, &[Some(&x)])?;
    if last {
        y = turned(&y, std::iter::once(0).chain(2..r).chain([1]).collect())?;
    }
    quantized(a, &y, 3, 0)
}

/// QLinearConcat: scale and zero point of the result, then three operands for each tensor.
pub fn concat(a: &Args<'_>) -> OpResult<Bounded> {
    let parts = (2..a.inputs.len()).step_by(3).map(|i| dequantized(a, i)).collect::<OpResult<Vec<_>>>()?;
    if parts.is_empty() {
        return invalid("no tensor to concatenate");
    }
    let refs: Vec<Option<&Bounded>> = parts.iter().map(Some).collect();
    let y = apply(a, Op::Concat, &a.node.attrs, &refs)?;
    quantized(a, &y, 0, 2)
}

/// QLinearSoftmax: along the axis; for an `opset` below 13 over all axes from it on together.
pub fn softmax(a: &Args<'_>) -> OpResult<Bounded> {
    let x = dequantized(a, 0)?;
    let axis = crate::index::axis(a.int("axis")?, x.rank())?;
    let along = |i: i64| Attrs::none().with_int("axis", i);
    let y = if a.int("opset")? >= 13 {
        apply(a, Op::Softmax, &along(axis as i64), &[Some(&x)])?
    } else {
        let count = crate::index::count;
        let flat = x.reshaped(vec![count(&x.dims[..axis]), count(&x.dims[axis..])])?;
        apply(a, Op::Softmax, &along(1), &[Some(&flat)])?.reshaped(x.dims.clone())?
    };
    quantized(a, &y, 3, 0)
}

/// QGemm: A, a_scale, a_zp, B, b_scale, b_zp, C (int32 in units of alpha a_scale b_scale), y_scale, y_zp; scale and zero point of B
/// may be one for each column. Without y_scale the result is a float.
pub fn gemm(a: &Args<'_>) -> OpResult<Bounded> {
    let x = dequantized(a, 0)?;
    let column = i64::from(!a.flag("transB")?);
    let inputs = [Some(a.x(3)?), Some(a.x(4)?), a.opt(5)];
    let w = apply(a, Op::DequantizeLinear, &Attrs::none().with_int("axis", column), &inputs)?;
    let c = a.opt(6).map(|c| -> OpResult<Bounded> {
        let alpha = Bounded::from_float(ir::DType::F32, Vec::new(), crate::value::Float::exact(vec![a.f64("alpha")?]));
        let mut v = crate::ops::cast::cast_to(a.cx, c, ir::DType::F32);
        for s in [a.x(1)?, a.x(4)?, &alpha] {
            v = apply(a, Op::Mul, &Attrs::none(), &[Some(&v), Some(s)])?;
        }
        Ok(v)
    });
    let c = c.transpose()?;
    let y = apply(a, Op::Gemm, &a.node.attrs, &[Some(&x), Some(&w), c.as_ref()])?;
    if a.opt(7).is_some() { quantized(a, &y, 7, 0) } else { Ok(y) }
}
