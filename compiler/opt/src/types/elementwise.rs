//! Unary, binary and comparison operators.

use super::util::*;
use ir::{Attrs, DType, TensorType};

type Out = Res<Vec<TensorType>>;

fn same(x: In<'_>, check: impl Fn(DType) -> bool, what: &str) -> Out {
    let a = req(x, 0, "X")?;
    want(check(a.ty.dtype), &a, "X", what)?;
    Ok(vec![a.ty.clone()])
}
/// Float in, the same out.
pub fn float_unary(x: In<'_>) -> Out {
    same(x, DType::is_float, "a float type")
}
/// Any number in, the same out.
pub fn numeric_unary(x: In<'_>) -> Out {
    same(x, |d| d != DType::Bool, "a numeric type")
}
/// Signed integer or float in, the same out.
pub fn signed_unary(x: In<'_>) -> Out {
    same(x, |d| d.is_float() || d.is_signed_int(), "a signed integer or float type")
}
pub fn gelu(a: &Attrs, x: In<'_>) -> Out {
    match a.str("approximate") {
        Some("none" | "tanh") => float_unary(x),
        other => Err(format!("attribute `approximate` is {other:?}, not `none` or `tanh`")),
    }
}
pub fn identity(x: In<'_>) -> Out {
    same(x, |_| true, "any type")
}
pub fn not(x: In<'_>) -> Out {
    same(x, |d| d == DType::Bool, "bool")
}
pub fn bitwise_not(x: In<'_>) -> Out {
    same(x, DType::is_int, "an integer type")
}
/// Float in, bool out.
pub fn float_test(x: In<'_>) -> Out {
    let a = req(x, 0, "X")?;
    want_float(&a, "X")?;
    Ok(vec![with_dtype(a.ty, DType::Bool)])
}
pub fn cast(a: &Attrs, x: In<'_>) -> Out {
    let v = req(x, 0, "input")?;
    Ok(vec![with_dtype(v.ty, dtype_code(int(a, "to")?, "to")?)])
}
pub fn cast_like(x: In<'_>) -> Out {
    let (v, like) = (req(x, 0, "input")?, req(x, 1, "target_type")?);
    Ok(vec![with_dtype(v.ty, like.ty.dtype)])
}
pub fn bit_cast(a: &Attrs, x: In<'_>) -> Out {
    let v = req(x, 0, "input")?;
    let to = dtype_code(int(a, "to")?, "to")?;
    // A bool is a byte; a byte that is neither 0 nor 1 has no meaning as bool.
    if to.size() != v.ty.dtype.size() {
        return Err(format!("{} and {to} differ in size", v.ty.dtype));
    }
    if to == DType::Bool && v.ty.dtype != DType::Bool {
        return Err(format!("BitCast from {} to bool is not supported", v.ty.dtype));
    }
    Ok(vec![with_dtype(v.ty, to)])
}
pub fn clip(x: In<'_>) -> Out {
    let a = req(x, 0, "input")?;
    want_numeric(&a, "input")?;
    for (i, name) in [(1, "min"), (2, "max")] {
        if let Some(b) = opt(x, i) {
            same_dtype(&a, &b, name)?;
            if b.ty.elements() != 1 || b.ty.rank() > 1 {
                return Err(format!("input {name} is {}, a scalar expected", b.ty));
            }
        }
    }
    Ok(vec![a.ty.clone()])
}
pub fn dropout(x: In<'_>) -> Out {
    let a = req(x, 0, "data")?;
    want_float(&a, "data")?;
    for (i, name) in [(1, "ratio"), (2, "training_mode")] {
        if let Some(b) = opt(x, i) {
            want(if i == 1 { b.ty.dtype.is_float() } else { b.ty.dtype == DType::Bool }, &b, name, "float or bool")?;
            if b.ty.elements() != 1 {
                return Err(format!("input {name} is {}, a scalar expected", b.ty));
            }
        }
    }
    Ok(vec![a.ty.clone(), with_dtype(a.ty, DType::Bool)])
}

fn pair(x: In<'_>, ok: impl Fn(DType) -> bool, what: &str) -> Res<TensorType> {
    let (a, b) = (req(x, 0, "A")?, req(x, 1, "B")?);
    want(ok(a.ty.dtype), &a, "A", what)?;
    same_dtype(&a, &b, "B")?;
    Ok(TensorType::new(a.ty.dtype, broadcast(&a.ty.dims, &b.ty.dims)?))
}
pub fn arithmetic(x: In<'_>) -> Out {
    Ok(vec![pair(x, |d| d != DType::Bool, "a numeric type")?])
}
pub fn logical(x: In<'_>) -> Out {
    Ok(vec![pair(x, |d| d == DType::Bool, "bool")?])
}
pub fn bitwise(x: In<'_>) -> Out {
    Ok(vec![pair(x, DType::is_int, "an integer type")?])
}
pub fn bit_shift(a: &Attrs, x: In<'_>) -> Out {
    match a.str("direction") {
        Some("LEFT" | "RIGHT") => {}
        other => return Err(format!("attribute `direction` is {other:?}, not `LEFT` or `RIGHT`")),
    }
    Ok(vec![pair(x, DType::is_int, "an integer type")?])
}
pub fn modulo(a: &Attrs, x: In<'_>) -> Out {
    let t = pair(x, |d| d != DType::Bool, "a numeric type")?;
    match int(a, "fmod")? {
        0 | 1 => Ok(vec![t]),
        v => Err(format!("attribute `fmod` is {v}, not 0 or 1")),
    }
}
pub fn compare(x: In<'_>, bools: bool) -> Out {
    let t = pair(x, |d| bools || d != DType::Bool, "a numeric type")?;
    Ok(vec![TensorType::new(DType::Bool, t.dims)])
}
/// Max, Min, Sum, Mean: one or more inputs.
pub fn variadic(x: In<'_>, float: bool) -> Out {
    let first = req(x, 0, "data_0")?;
    let mut dims = first.ty.dims.clone();
    for i in 0..x.len() {
        let name = format!("data_{i}");
        let a = req(x, i, &name)?;
        if float {
            want_float(&a, &name)?
        } else {
            want_numeric(&a, &name)?
        }
        same_dtype(&first, &a, &name)?;
        dims = broadcast(&dims, &a.ty.dims)?;
    }
    Ok(vec![TensorType::new(first.ty.dtype, dims)])
}
pub fn pow(x: In<'_>) -> Out {
    let (a, b) = (req(x, 0, "X")?, req(x, 1, "Y")?);
    want_numeric(&a, "X")?;
    want_numeric(&b, "Y")?;
    Ok(vec![TensorType::new(a.ty.dtype, broadcast(&a.ty.dims, &b.ty.dims)?)])
}
pub fn prelu(x: In<'_>) -> Out {
    let (a, s) = (req(x, 0, "X")?, req(x, 1, "slope")?);
    want_numeric(&a, "X")?;
    same_dtype(&a, &s, "slope")?;
    broadcasts_to(&s.ty.dims, &a.ty.dims, "slope")?;
    Ok(vec![a.ty.clone()])
}
pub fn where_(x: In<'_>) -> Out {
    let (c, a, b) = (req(x, 0, "condition")?, req(x, 1, "X")?, req(x, 2, "Y")?);
    want_dtype(&c, DType::Bool, "condition")?;
    same_dtype(&a, &b, "Y")?;
    let dims = broadcast(&broadcast(&c.ty.dims, &a.ty.dims)?, &b.ty.dims)?;
    Ok(vec![TensorType::new(a.ty.dtype, dims)])
}
