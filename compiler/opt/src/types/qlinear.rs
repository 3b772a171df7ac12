//! ONNX Runtime's quantised operators (domain `com.microsoft`): 8-bit operands, one scale and one zero point each.

use super::util::*;
use super::{conv, layout, linear::want_8bit};
use ir::{Attrs, DType, TensorType};

type Out = Res<Vec<TensorType>>;

/// Checks scale `s` and zero point `z` (may be omitted) of a tensor of type `d`.
fn params(x: In<'_>, s: usize, z: usize, d: DType, what: &str) -> Res<()> {
    let scale = req(x, s, "scale")?;
    want_dtype(&scale, DType::F32, "scale")?;
    want(scale.ty.elements() == 1 && scale.ty.rank() <= 1, &scale, "scale", "one scale")?;
    let Some(zero) = opt(x, z) else { return Ok(()) };
    want(zero.ty.dtype == d, &zero, "zero_point", what)?;
    want(zero.ty.elements() == 1 && zero.ty.rank() <= 1, &zero, "zero_point", "one zero point")
}
/// The 8-bit operand `i` with scale and zero point behind it.
fn operand<'a>(x: In<'a>, i: usize, name: &str) -> Res<super::Arg<'a>> {
    let v = req(x, i, name)?;
    want_8bit(&v, name)?;
    params(x, i + 1, i + 2, v.ty.dtype, "the type of its tensor")?;
    Ok(v)
}

pub fn binary(x: In<'_>) -> Out {
    let (a, b) = (operand(x, 0, "A")?, operand(x, 3, "B")?);
    same_dtype(&a, &b, "B")?;
    params(x, 6, 7, a.ty.dtype, "the type of A")?;
    Ok(vec![TensorType::new(a.ty.dtype, broadcast(&a.ty.dims, &b.ty.dims)?)])
}
pub fn unary(x: In<'_>) -> Out {
    let a = operand(x, 0, "X")?;
    params(x, 3, 4, a.ty.dtype, "the type of X")?;
    Ok(vec![a.ty.clone()])
}
/// Extents with the channels at 1, and back.
fn channels_first(dims: &[usize], last: bool) -> Vec<usize> {
    if !last || dims.len() < 3 {
        return dims.to_vec();
    }
    let (n, c) = (dims[0], dims[dims.len() - 1]);
    [&[n, c], &dims[1..dims.len() - 1]].concat()
}
fn channels_back(dims: &[usize], last: bool) -> Vec<usize> {
    if !last || dims.len() < 3 {
        return dims.to_vec();
    }
    [&dims[..1], &dims[2..], &dims[1..2]].concat()
}
pub fn average_pool(a: &Attrs, x: In<'_>) -> Out {
    let v = operand(x, 0, "X")?;
    params(x, 3, 4, v.ty.dtype, "the type of X")?;
    let last = a.flag("channels_last");
    let float = TensorType::new(DType::F32, channels_first(&v.ty.dims, last));
    let y = conv::average_pool(a, &[Some(super::Arg { ty: &float, value: None })])?;
    Ok(vec![TensorType::new(v.ty.dtype, channels_back(&y[0].dims, last))])
}
pub fn global_average_pool(a: &Attrs, x: In<'_>) -> Out {
    let v = operand(x, 0, "X")?;
    params(x, 3, 4, v.ty.dtype, "the type of X")?;
    let last = a.flag("channels_last");
    let float = TensorType::new(DType::F32, channels_first(&v.ty.dims, last));
    let y = conv::global_pool(&[Some(super::Arg { ty: &float, value: None })])?;
    Ok(vec![TensorType::new(v.ty.dtype, channels_back(&y[0].dims, last))])
}
pub fn concat(a: &Attrs, x: In<'_>) -> Out {
    if x.len() < 5 || !(x.len() - 2).is_multiple_of(3) {
        return Err(format!("{} inputs: scale and zero point, and three for each tensor are expected", x.len()));
    }
    let zero = req(x, 1, "Y_zero_point")?;
    want_8bit(&zero, "Y_zero_point")?;
    params(x, 0, 1, zero.ty.dtype, "8 bits")?;
    let mut parts = Vec::new();
    for i in (2..x.len()).step_by(3) {
        let v = operand(x, i, "inputs")?;
        want_dtype(&v, zero.ty.dtype, "inputs")?;
        parts.push(Some(v));
    }
    layout::concat(a, &parts)
}
pub fn softmax(a: &Attrs, x: In<'_>) -> Out {
    let v = operand(x, 0, "X")?;
    params(x, 3, 4, v.ty.dtype, "the type of X")?;
    axis(int(a, "axis")?, v.ty.rank())?;
    Ok(vec![v.ty.clone()])
}
pub fn gemm(a: &Attrs, x: In<'_>) -> Out {
    let (v, w) = (operand(x, 0, "A")?, req(x, 3, "B")?);
    want_8bit(&w, "B")?;
    let (scale, zero) = (req(x, 4, "b_scale")?, req(x, 5, "b_zero_point")?);
    want_dtype(&scale, DType::F32, "b_scale")?;
    same_dtype(&w, &zero, "b_zero_point")?;
    want_rank(&v, 2, "A")?;
    want_rank(&w, 2, "B")?;
    let (m, k) = if a.flag("transA") { (v.ty.dims[1], v.ty.dims[0]) } else { (v.ty.dims[0], v.ty.dims[1]) };
    let (n, k2) = if a.flag("transB") { (w.ty.dims[0], w.ty.dims[1]) } else { (w.ty.dims[1], w.ty.dims[0]) };
    if k != k2 {
        return Err(format!("the inner extents are {k} and {k2}"));
    }
    for (p, name) in [(&scale, "b_scale"), (&zero, "b_zero_point")] {
        let one = p.ty.elements() == 1 && p.ty.rank() <= 1;
        want(one || p.ty.dims == [n], p, name, "one, or one for each column")?;
    }
    if let Some(c) = opt(x, 6) {
        want_dtype(&c, DType::I32, "C")?;
        if broadcast(&c.ty.dims, &[m, n])? != [m, n] {
            return Err(format!("C of shape {:?} does not broadcast to [{m}, {n}]", c.ty.dims));
        }
    }
    if opt(x, 7).is_none() {
        return Ok(vec![TensorType::new(DType::F32, [m, n])]);
    }
    let to = opt(x, 8).map_or(v.ty.dtype, |z| z.ty.dtype);
    params(x, 7, 8, to, "8 bits")?;
    if !matches!(to, DType::U8 | DType::I8) {
        return Err(format!("input y_zero_point is {to}"));
    }
    Ok(vec![TensorType::new(to, [m, n])])
}
