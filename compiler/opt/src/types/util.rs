//! What the type rules share: reading inputs, normalising axes, broadcasting. All safe on hostile values.

use super::Arg;
use ir::{Attrs, DType, TensorType};

/// Result of a rule; the error is a sentence.
pub type Res<T> = Result<T, String>;
/// Inputs of a rule.
pub type In<'a> = &'a [Option<Arg<'a>>];

/// Input `i`, or an error that names it.
pub fn req<'a>(x: In<'a>, i: usize, name: &str) -> Res<Arg<'a>> {
    opt(x, i).ok_or_else(|| format!("required input {i} ({name}) is missing"))
}
/// Input `i`, if present.
pub fn opt<'a>(x: In<'a>, i: usize) -> Option<Arg<'a>> {
    x.get(i).copied().flatten()
}
/// The integers of an input that decides about the shape of the output.
pub fn ints_of(a: &Arg<'_>, name: &str) -> Res<Vec<i64>> {
    if !matches!(a.ty.dtype, DType::I64 | DType::I32) {
        return Err(format!("input {name} is {}, not int64 (or int32)", a.ty));
    }
    let t = a.value.ok_or_else(|| {
        format!("input {name} is not known at compile time: the shape of the output depends on run-time data")
    })?;
    t.ints().ok_or_else(|| format!("input {name} is not a list of integers"))
}
/// As [`ints_of`] for a required input.
pub fn req_ints(x: In<'_>, i: usize, name: &str) -> Res<Vec<i64>> {
    ints_of(&req(x, i, name)?, name)
}
/// As [`ints_of`] for an optional input.
pub fn opt_ints(x: In<'_>, i: usize, name: &str) -> Res<Option<Vec<i64>>> {
    opt(x, i).map(|a| ints_of(&a, name)).transpose()
}
/// One integer from an input of one element.
pub fn req_int(x: In<'_>, i: usize, name: &str) -> Res<i64> {
    match req_ints(x, i, name)?.as_slice() {
        [v] => Ok(*v),
        v => Err(format!("input {name} has {} elements, not one", v.len())),
    }
}
/// A non-negative axis from one in `[-rank, rank)`.
pub fn axis(a: i64, rank: usize) -> Res<usize> {
    let r = rank as i64;
    if a < -r || a >= r {
        return Err(format!("axis {a} is out of range for rank {rank}"));
    }
    Ok(if a < 0 { a + r } else { a } as usize)
}
/// Axes as [`axis`], in the given order, without repetition.
pub fn axes(list: &[i64], rank: usize) -> Res<Vec<usize>> {
    let mut out = Vec::with_capacity(list.len());
    for &a in list {
        let n = axis(a, rank)?;
        if out.contains(&n) {
            return Err(format!("axis {a} is given twice"));
        }
        out.push(n);
    }
    Ok(out)
}
/// An integer attribute, or an error.
pub fn int(a: &Attrs, name: &str) -> Res<i64> {
    a.int(name).ok_or_else(|| format!("attribute `{name}` is missing"))
}
/// An extent from a computed integer.
pub fn dim(v: i128, what: &str) -> Res<usize> {
    if v < 0 || v > ir::verify::MAX_ELEMENTS as i128 {
        return Err(format!("{what} would be {v}"));
    }
    Ok(v as usize)
}
/// Product of extents in i128, saturating; never wraps on hostile values.
pub fn product(dims: &[usize]) -> i128 {
    dims.iter().fold(1i128, |a, &d| a.saturating_mul(d as i128))
}
/// The common shape of two under ONNX's multidirectional broadcasting.
pub fn broadcast(a: &[usize], b: &[usize]) -> Res<Vec<usize>> {
    let rank = a.len().max(b.len());
    let at = |d: &[usize], i: usize| if i + d.len() < rank { 1 } else { d[i + d.len() - rank] };
    (0..rank)
        .map(|i| match (at(a, i), at(b, i)) {
            (x, y) if x == y => Ok(x),
            (1, y) => Ok(y),
            (x, 1) => Ok(x),
            (x, y) => Err(format!("shapes {a:?} and {b:?} do not broadcast: {x} against {y} in dimension {i}")),
        })
        .collect()
}
/// Errors unless `from` broadcasts to exactly `to`.
pub fn broadcasts_to(from: &[usize], to: &[usize], name: &str) -> Res<()> {
    if broadcast(from, to).is_ok_and(|b| b == to) {
        return Ok(());
    }
    Err(format!("input {name} of shape {from:?} does not broadcast to {to:?}"))
}
/// Errors unless the dtypes are equal.
pub fn same_dtype(a: &Arg<'_>, b: &Arg<'_>, name: &str) -> Res<()> {
    want_dtype(b, a.ty.dtype, name)
}
/// Errors unless the input has that dtype.
pub fn want_dtype(a: &Arg<'_>, d: DType, name: &str) -> Res<()> {
    if a.ty.dtype == d { Ok(()) } else { Err(format!("input {name} is {}, {d} expected", a.ty.dtype)) }
}
/// Errors unless the input is a float.
pub fn want_float(a: &Arg<'_>, name: &str) -> Res<()> {
    want(a.ty.dtype.is_float(), a, name, "a float type")
}
/// Errors unless the input is numeric (not bool).
pub fn want_numeric(a: &Arg<'_>, name: &str) -> Res<()> {
    want(a.ty.dtype != DType::Bool, a, name, "a numeric type")
}
/// Errors unless the input holds indices.
pub fn want_index(a: &Arg<'_>, name: &str) -> Res<()> {
    want(matches!(a.ty.dtype, DType::I32 | DType::I64), a, name, "int32 or int64")
}
/// Errors with `what` unless `ok`.
pub fn want(ok: bool, a: &Arg<'_>, name: &str, what: &str) -> Res<()> {
    if ok { Ok(()) } else { Err(format!("input {name} is {}, {what} expected", a.ty.dtype)) }
}
/// Errors unless the input has that shape.
pub fn want_dims(a: &Arg<'_>, dims: &[usize], name: &str) -> Res<()> {
    if a.ty.dims == dims {
        return Ok(());
    }
    Err(format!("input {name} has shape {:?}, {dims:?} expected", a.ty.dims))
}
/// Errors unless the rank is at least `r`.
pub fn min_rank(a: &Arg<'_>, r: usize, name: &str) -> Res<()> {
    if a.ty.rank() >= r { Ok(()) } else { Err(format!("input {name} is {}, rank {r} or more expected", a.ty)) }
}
/// Errors unless the rank is `r`.
pub fn want_rank(a: &Arg<'_>, r: usize, name: &str) -> Res<()> {
    if a.ty.rank() == r { Ok(()) } else { Err(format!("input {name} is {}, rank {r} expected", a.ty)) }
}
/// A type of another dtype and the shape of `t`.
pub fn with_dtype(t: &TensorType, d: DType) -> TensorType {
    TensorType::new(d, t.dims.clone())
}
/// The element type of an ONNX type code in an attribute.
pub fn dtype_code(code: i64, name: &str) -> Res<DType> {
    i32::try_from(code)
        .ok()
        .and_then(DType::from_onnx_code)
        .ok_or_else(|| format!("attribute `{name}` is the element type code {code}, which is not supported"))
}
