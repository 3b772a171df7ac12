//! Values that depend on shapes only.

use super::util::*;
use ir::{Attrs, DType, TensorType};

type Out = Res<Vec<TensorType>>;

/// The part of the shape that a Shape node gives: start and end clamped to `[0, rank]`.
pub fn shape_range(a: &Attrs, rank: usize) -> (usize, usize) {
    let r = rank as i128;
    let fix = |v: i64| {
        let v = i128::from(v);
        (if v < 0 { v + r } else { v }).clamp(0, r) as usize
    };
    let (s, e) = (fix(a.int("start").unwrap_or(0)), a.int("end").map_or(rank, fix));
    (s, e.max(s))
}
pub fn shape(a: &Attrs, x: In<'_>) -> Out {
    let (s, e) = shape_range(a, req(x, 0, "data")?.ty.rank());
    Ok(vec![TensorType::new(DType::I64, [e - s])])
}
pub fn size(x: In<'_>) -> Out {
    req(x, 0, "data")?;
    Ok(vec![TensorType::new(DType::I64, [])])
}
pub fn constant_of_shape(a: &Attrs, x: In<'_>) -> Out {
    let dims = req_ints(x, 0, "input")?;
    let dims = dims.iter().map(|&d| dim(d.into(), "an output extent")).collect::<Res<Vec<_>>>()?;
    let d = match a.tensor("value") {
        None => DType::F32,
        Some(t) if t.elements() == 1 => t.dtype,
        Some(t) => return Err(format!("attribute `value` is {}, one element expected", t.ty())),
    };
    Ok(vec![TensorType::new(d, dims)])
}
/// Number of elements of `Range(start, limit, delta)`: `max(ceil((limit - start) / delta), 0)`.
pub fn range_len(x: In<'_>) -> Res<usize> {
    let get = |i: usize, name: &str| -> Res<_> {
        let a = req(x, i, name)?;
        if a.ty.elements() != 1 {
            return Err(format!("input {name} is {}, a scalar expected", a.ty));
        }
        a.value.ok_or_else(|| format!("input {name} is not known at compile time: the shape depends on run-time data"))
    };
    let (s, l, d) = (get(0, "start")?, get(1, "limit")?, get(2, "delta")?);
    if let (Some(s), Some(l), Some(d)) = (s.int(0), l.int(0), d.int(0)) {
        if d == 0 {
            return Err("delta is 0".into());
        }
        let n = if d > 0 { (l - s + d - 1).div_euclid(d) } else { (s - l - d - 1).div_euclid(-d) };
        return dim(n.max(0), "the number of elements");
    }
    let f = |t| crate::fold::value::floats(t).and_then(|v| v.first().copied()).ok_or("not a number".to_string());
    let (s, l, d) = (f(s)?, f(l)?, f(d)?);
    let n = libm::ceil((l - s) / d);
    if !n.is_finite() {
        return Err(format!("start {s}, limit {l} and delta {d} give no finite number of elements"));
    }
    dim(n.max(0.0) as i128, "the number of elements")
}
pub fn range(x: In<'_>) -> Out {
    let (s, l, d) = (req(x, 0, "start")?, req(x, 1, "limit")?, req(x, 2, "delta")?);
    want_numeric(&s, "start")?;
    same_dtype(&s, &l, "limit")?;
    same_dtype(&s, &d, "delta")?;
    Ok(vec![TensorType::new(s.ty.dtype, [range_len(x)?])])
}
pub fn eye_like(a: &Attrs, x: In<'_>) -> Out {
    let v = req(x, 0, "input")?;
    want_rank(&v, 2, "input")?;
    let d = a.int("dtype").map_or(Ok(v.ty.dtype), |c| dtype_code(c, "dtype"))?;
    Ok(vec![with_dtype(v.ty, d)])
}
