//! Quantisation.

use super::Arg;
use super::util::*;
use ir::{Attrs, DType, TensorType};

type Out = Res<Vec<TensorType>>;

/// Checks that a scale fits data: a scalar, one entry per index of `axis`, or one per block.
fn scale_fits(a: &Attrs, v: &Arg<'_>, s: &Arg<'_>) -> Res<()> {
    let block = int(a, "block_size")?;
    if block < 0 {
        return Err(format!("attribute `block_size` is {block}"));
    }
    if block == 0 {
        if s.ty.elements() == 1 && s.ty.rank() <= 1 {
            return Ok(());
        }
        want_rank(s, 1, "scale")?;
        let ax = axis(int(a, "axis")?, v.ty.rank())?;
        return want_dims(s, &[v.ty.dims[ax]], "scale (one entry per index of the axis)");
    }
    let ax = axis(int(a, "axis")?, v.ty.rank())?;
    want_rank(s, v.ty.rank(), "scale")?;
    let mut want = v.ty.dims.clone();
    want[ax] = (want[ax] as u64).div_ceil(block as u64) as usize;
    want_dims(s, &want, "scale (one entry per block)")
}
fn zero_point_fits(x: In<'_>, s: &Arg<'_>) -> Res<Option<DType>> {
    let Some(z) = opt(x, 2) else { return Ok(None) };
    let same = z.ty.dims == s.ty.dims || (z.ty.elements() == 1 && s.ty.elements() == 1);
    if !same {
        return Err(format!("the zero point has shape {:?}, the scale {:?}", z.ty.dims, s.ty.dims));
    }
    Ok(Some(z.ty.dtype))
}
pub fn quantize(a: &Attrs, x: In<'_>) -> Out {
    let (v, s) = (req(x, 0, "x")?, req(x, 1, "y_scale")?);
    want(v.ty.dtype.is_float() || v.ty.dtype == DType::I32, &v, "x", "a float type or int32")?;
    want(s.ty.dtype.is_float() || s.ty.dtype == DType::I32, &s, "y_scale", "a float type or int32")?;
    scale_fits(a, &v, &s)?;
    let zp = zero_point_fits(x, &s)?;
    let attr = match int(a, "output_dtype")? {
        0 => None,
        c => Some(dtype_code(c, "output_dtype")?),
    };
    if let (Some(z), Some(d)) = (zp, attr)
        && z != d
    {
        return Err(format!("attribute `output_dtype` is {d}, the zero point {z}"));
    }
    let to = zp.or(attr).unwrap_or(DType::U8);
    if !matches!(to, DType::U8 | DType::I8 | DType::U16 | DType::I16) {
        return Err(format!("quantisation to {to}"));
    }
    Ok(vec![with_dtype(v.ty, to)])
}
pub fn dequantize(a: &Attrs, x: In<'_>) -> Out {
    let (v, s) = (req(x, 0, "x")?, req(x, 1, "x_scale")?);
    let ok = matches!(v.ty.dtype, DType::U8 | DType::I8 | DType::U16 | DType::I16 | DType::I32);
    want(ok, &v, "x", "an 8- or 16-bit integer or int32")?;
    want_float(&s, "x_scale")?;
    scale_fits(a, &v, &s)?;
    if let Some(z) = zero_point_fits(x, &s)?
        && z != v.ty.dtype
    {
        return Err(format!("the zero point is {z}, x is {}", v.ty.dtype));
    }
    let to = match int(a, "output_dtype")? {
        0 => s.ty.dtype,
        c => dtype_code(c, "output_dtype")?,
    };
    if !to.is_float() {
        return Err(format!("attribute `output_dtype` is {to}"));
    }
    Ok(vec![with_dtype(v.ty, to)])
}
pub fn dynamic_quantize(x: In<'_>) -> Out {
    let v = req(x, 0, "x")?;
    want_dtype(&v, DType::F32, "x")?;
    Ok(vec![with_dtype(v.ty, DType::U8), TensorType::new(DType::F32, []), TensorType::new(DType::U8, [])])
}
