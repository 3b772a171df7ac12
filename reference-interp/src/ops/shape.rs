//! Values that depend on shapes, and ranges.

use super::elementwise::build;
use crate::cx::Args;
use crate::error::{OpError, OpResult, invalid, unsupported};
use crate::value::{Bounded, Data, Float, Int};
use ir::{DType, Op};

/// Shape (with `start` and `end`, clamped) and Size.
pub fn shape(a: &Args<'_>) -> OpResult<Bounded> {
    let x = a.x(0)?;
    if a.node.op == Op::Size {
        return Ok(Bounded::from_i64(Vec::new(), std::iter::once(x.elements() as i64)));
    }
    let r = x.rank() as i64;
    let clamp = |p: i64| if p < 0 { p.saturating_add(r).clamp(0, r) } else { p.min(r) } as usize;
    let from = clamp(a.int("start")?);
    let to = clamp(a.node.attrs.int("end").unwrap_or(r));
    let part = if from < to { &x.dims[from..to] } else { &[] };
    Ok(Bounded::from_i64(vec![part.len()], part.iter().map(|&d| d as i64)))
}

/// ConstantOfShape: the single element of `value` (default f32 0) everywhere.
pub fn constant_of_shape(a: &Args<'_>) -> OpResult<Bounded> {
    let dims = a
        .ints(0)?
        .iter()
        .map(|&d| usize::try_from(d).or_else(|_| invalid(format!("extent {d} is negative"))))
        .collect::<OpResult<Vec<_>>>()?;
    let n = a.cx.alloc(&dims)?;
    let v = match a.node.attrs.tensor("value") {
        Some(t) if t.elements() == 1 => Bounded::from_tensor(t),
        Some(_) => return invalid("`value` has to hold one element"),
        None => Bounded::zero(DType::F32),
    };
    Ok(v.take(&vec![0; n], dims))
}

/// Range: `start + i delta`, `ceil((limit - start)/delta)` elements. Floats: product and sum are rounded (repeated addition
/// is not legal); the operands have to be exact, since the number of elements depends on them.
pub fn range(a: &Args<'_>) -> OpResult<Bounded> {
    let (s, l, d) = (a.x(0)?, a.x(1)?, a.x(2)?);
    match (&s.data, &l.data, &d.data) {
        (Data::Int(_), Data::Int(_), Data::Int(_)) => {
            let (s0, l0, d0) = (a.scalar_int(0)?, a.scalar_int(1)?, a.scalar_int(2)?);
            let (s0, l0, d0) = (i128::from(s0), i128::from(l0), i128::from(d0));
            if d0 == 0 {
                return invalid("a step of 0");
            }
            let n = ((l0 - s0).abs() + d0.abs() - 1) / d0.abs();
            let n = if (l0 - s0).signum() * d0.signum() > 0 { n } else { 0 };
            let n = a.cx.alloc(&[usize::try_from(n).unwrap_or(usize::MAX)])?;
            Ok(Bounded::from_int(s.dtype, vec![n], Int::exact((0..n as i128).map(|i| s0 + i * d0).collect())))
        }
        (Data::Float(sf), Data::Float(lf), Data::Float(df)) => {
            let ([s0], [l0], [d0]) = (&sf.value[..], &lf.value[..], &df.value[..]) else {
                return invalid("the operands of Range have to be scalars");
            };
            if [sf, lf, df].iter().any(|f| f.radius[0] != 0.0) {
                return unsupported("a range whose length depends on an undecided value");
            }
            let n = libm::ceil((l0 - s0) / d0).max(0.0);
            if !n.is_finite() || n > a.cx.limit as f64 {
                return Err(OpError::Invalid(format!("a range of {n} elements")));
            }
            let n = a.cx.alloc(&[n as usize])?;
            let u = a.cx.u(s.dtype);
            let grid = Float::exact(vec![*s0, *d0]).grid;
            let top = s0.abs() + d0.abs() * n as f64;
            let exact = grid.is_some_and(|g| a.cx.fits(g, top, a.cx.acc(s.dtype)));
            Ok(build(a.cx, s.dtype, vec![n], n, |i| {
                let p = i as f64 * d0;
                let v = s0 + p;
                (v, if exact { 0.0 } else { u * (p.abs() + v.abs()) * (1.0 + u) }, false)
            }))
        }
        _ => invalid("operands of different kinds"),
    }
}

/// EyeLike: ones on diagonal `k`, in type `dtype` (default: the operand's).
pub fn eye_like(a: &Args<'_>) -> OpResult<Bounded> {
    let x = a.x(0)?;
    let &[_, w] = &x.dims[..] else { return invalid("a matrix is needed") };
    let d = match a.node.attrs.int("dtype") {
        Some(c) => i32::try_from(c)
            .ok()
            .and_then(DType::from_onnx_code)
            .ok_or_else(|| OpError::Unsupported(format!("element type code {c}")))?,
        None => x.dtype,
    };
    let k = a.int("k")?;
    let one = |i: usize| (i % w) as i64 - (i / w) as i64 == k;
    let n = x.elements();
    Ok(if d.is_float() {
        let v = (0..n).map(|i| f64::from(u8::from(one(i)))).collect();
        Bounded::from_float(d, x.dims.clone(), Float::exact(v))
    } else {
        Bounded::from_int(d, x.dims.clone(), Int::exact((0..n).map(|i| i128::from(one(i))).collect()))
    })
}
