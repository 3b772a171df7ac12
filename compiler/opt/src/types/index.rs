//! Gather, scatter, top-k and the like.

use super::util::*;
use ir::{Attrs, DType, TensorType};

type Out = Res<Vec<TensorType>>;

/// Errors if a constant index lies outside `[-n, n)`.
fn check_constant(i: &super::Arg<'_>, n: usize) -> Res<()> {
    let Some(v) = i.value.and_then(ir::Tensor::ints) else { return Ok(()) };
    match v.iter().find(|&&v| v < -(n as i64) || v >= n as i64) {
        Some(v) => Err(format!("index {v} is out of range for the extent {n}")),
        None => Ok(()),
    }
}
/// Errors if a coordinate of a constant list of index tuples lies outside of its extent.
fn check_tuples(i: &super::Arg<'_>, extents: &[usize]) -> Res<()> {
    let Some(v) = i.value.and_then(ir::Tensor::ints) else { return Ok(()) };
    let pairs = v.chunks_exact(extents.len().max(1)).flat_map(|tuple| tuple.iter().zip(extents));
    match pairs.into_iter().find(|&(&v, &n)| v < -(n as i64) || v >= n as i64) {
        Some((v, n)) => Err(format!("index {v} is out of range for the extent {n}")),
        None => Ok(()),
    }
}
pub fn gather(a: &Attrs, x: In<'_>) -> Out {
    let (v, i) = (req(x, 0, "data")?, req(x, 1, "indices")?);
    want_index(&i, "indices")?;
    let ax = axis(int(a, "axis")?, v.ty.rank())?;
    check_constant(&i, v.ty.dims[ax])?;
    let mut dims = v.ty.dims[..ax].to_vec();
    dims.extend(&i.ty.dims);
    dims.extend(&v.ty.dims[ax + 1..]);
    Ok(vec![TensorType::new(v.ty.dtype, dims)])
}
fn elements_fit(v: &super::Arg<'_>, i: &super::Arg<'_>, ax: usize) -> Res<()> {
    want_index(i, "indices")?;
    want_rank(i, v.ty.rank(), "indices")?;
    check_constant(i, v.ty.dims[ax])?;
    match (0..v.ty.rank()).find(|&j| j != ax && i.ty.dims[j] > v.ty.dims[j]) {
        Some(j) => Err(format!("indices have extent {} in dimension {j}, data only {}", i.ty.dims[j], v.ty.dims[j])),
        None => Ok(()),
    }
}
pub fn gather_elements(a: &Attrs, x: In<'_>) -> Out {
    let (v, i) = (req(x, 0, "data")?, req(x, 1, "indices")?);
    elements_fit(&v, &i, axis(int(a, "axis")?, v.ty.rank())?)?;
    Ok(vec![TensorType::new(v.ty.dtype, i.ty.dims.clone())])
}
pub fn gather_nd(a: &Attrs, x: In<'_>) -> Out {
    let (v, i) = (req(x, 0, "data")?, req(x, 1, "indices")?);
    want_dtype(&i, DType::I64, "indices")?;
    min_rank(&v, 1, "data")?;
    min_rank(&i, 1, "indices")?;
    let b = int(a, "batch_dims")?;
    let (q, r) = (i.ty.rank(), v.ty.rank());
    if b < 0 || b as u64 >= q.min(r) as u64 {
        return Err(format!("attribute `batch_dims` is {b}"));
    }
    let b = b as usize;
    let n = i.ty.dims[q - 1];
    if n < 1 || n > r - b || v.ty.dims[..b] != i.ty.dims[..b] {
        return Err(format!("indices {} do not fit data {} with {b} batch dimensions", i.ty, v.ty));
    }
    check_tuples(&i, &v.ty.dims[b..b + n])?;
    let mut dims = i.ty.dims[..q - 1].to_vec();
    dims.extend(&v.ty.dims[b + n..]);
    Ok(vec![TensorType::new(v.ty.dtype, dims)])
}
fn reduction(a: &Attrs) -> Res<()> {
    match a.str("reduction") {
        None | Some("none" | "add" | "mul" | "max" | "min") => Ok(()),
        Some(r) => Err(format!("attribute `reduction` is `{r}`")),
    }
}
pub fn scatter_elements(a: &Attrs, x: In<'_>) -> Out {
    let (v, i, u) = (req(x, 0, "data")?, req(x, 1, "indices")?, req(x, 2, "updates")?);
    reduction(a)?;
    elements_fit(&v, &i, axis(int(a, "axis")?, v.ty.rank())?)?;
    same_dtype(&v, &u, "updates")?;
    want_dims(&u, &i.ty.dims, "updates")?;
    Ok(vec![v.ty.clone()])
}
pub fn scatter_nd(a: &Attrs, x: In<'_>) -> Out {
    let (v, i, u) = (req(x, 0, "data")?, req(x, 1, "indices")?, req(x, 2, "updates")?);
    reduction(a)?;
    want_dtype(&i, DType::I64, "indices")?;
    same_dtype(&v, &u, "updates")?;
    min_rank(&v, 1, "data")?;
    min_rank(&i, 1, "indices")?;
    let q = i.ty.rank();
    let n = i.ty.dims[q - 1];
    if n > v.ty.rank() {
        return Err(format!("indices {} do not fit data {}", i.ty, v.ty));
    }
    check_tuples(&i, &v.ty.dims[..n])?;
    let mut dims = i.ty.dims[..q - 1].to_vec();
    dims.extend(&v.ty.dims[n..]);
    want_dims(&u, &dims, "updates")?;
    Ok(vec![v.ty.clone()])
}
pub fn tensor_scatter(a: &Attrs, x: In<'_>) -> Out {
    let (v, u) = (req(x, 0, "past_cache")?, req(x, 1, "update")?);
    same_dtype(&v, &u, "update")?;
    want_rank(&u, v.ty.rank(), "update")?;
    let ax = axis(int(a, "axis")?, v.ty.rank())?;
    if ax == 0 {
        return Err("attribute `axis` may not be the batch dimension".into());
    }
    if let Some(w) = opt(x, 2) {
        want_dtype(&w, DType::I64, "write_indices")?;
        want_dims(&w, &v.ty.dims[..1], "write_indices")?;
    }
    if !matches!(a.str("mode"), Some("linear" | "circular")) {
        return Err(format!("attribute `mode` is {:?}", a.str("mode")));
    }
    match (0..v.ty.rank()).find(|&j| if j == ax { u.ty.dims[j] > v.ty.dims[j] } else { u.ty.dims[j] != v.ty.dims[j] }) {
        Some(j) => Err(format!("update {} does not fit past_cache {} in dimension {j}", u.ty, v.ty)),
        None => Ok(vec![v.ty.clone()]),
    }
}
pub fn one_hot(a: &Attrs, x: In<'_>) -> Out {
    let (i, d, v) = (req(x, 0, "indices")?, req(x, 1, "depth")?, req(x, 2, "values")?);
    want_numeric(&i, "indices")?;
    want_dims(&v, &[2], "values")?;
    let depth = match d.value {
        None => return Err("input depth is not known at compile time: the shape of the output depends on data".into()),
        Some(t) if t.elements() == 1 => match t.int(0) {
            Some(n) => n,
            None => crate::fold::value::floats(t).and_then(|f| f.first().copied()).unwrap_or(0.0) as i128,
        },
        Some(t) => return Err(format!("input depth is {}, a scalar expected", t.ty())),
    };
    let ax = axis(int(a, "axis")?, i.ty.rank() + 1)?;
    let mut dims = i.ty.dims.clone();
    dims.insert(ax, dim(depth, "depth")?);
    Ok(vec![TensorType::new(v.ty.dtype, dims)])
}
pub fn top_k(a: &Attrs, x: In<'_>) -> Out {
    let v = req(x, 0, "X")?;
    want_numeric(&v, "X")?;
    let ax = axis(int(a, "axis")?, v.ty.rank())?;
    let k = req_int(x, 1, "K")?;
    if k < 0 || k as u64 > v.ty.dims[ax] as u64 {
        return Err(format!("K is {k}, the axis has {} elements", v.ty.dims[ax]));
    }
    let mut dims = v.ty.dims.clone();
    dims[ax] = k as usize;
    Ok(vec![TensorType::new(v.ty.dtype, dims.clone()), TensorType::new(DType::I64, dims)])
}
