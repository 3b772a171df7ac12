//! Reductions.

use super::util::*;
use ir::{Attrs, DType, Op, TensorType};

type Out = Res<Vec<TensorType>>;

/// Shape with the given axes reduced.
pub fn reduced(dims: &[usize], axes: &[usize], keep: bool) -> Vec<usize> {
    let kept = dims.iter().enumerate();
    if keep {
        kept.map(|(i, &d)| if axes.contains(&i) { 1 } else { d }).collect()
    } else {
        kept.filter(|(i, _)| !axes.contains(i)).map(|(_, &d)| d).collect()
    }
}
/// The axes of a Reduce node, non-negative; `None`: empty axes that mean *no reduction*.
pub fn reduce_axes(a: &Attrs, x: In<'_>) -> Res<Option<Vec<usize>>> {
    let v = req(x, 0, "data")?;
    let list = opt_ints(x, 1, "axes")?.unwrap_or_default();
    if !list.is_empty() {
        return axes(&list, v.ty.rank()).map(Some);
    }
    Ok(if a.flag("noop_with_empty_axes") { None } else { Some((0..v.ty.rank()).collect()) })
}
pub fn reduce(op: Op, a: &Attrs, x: In<'_>) -> Out {
    let v = req(x, 0, "data")?;
    let bools = matches!(op, Op::ReduceMax | Op::ReduceMin);
    want(bools || v.ty.dtype != DType::Bool, &v, "data", "a numeric type")?;
    let Some(axes) = reduce_axes(a, x)? else { return Ok(vec![v.ty.clone()]) };
    let empty = axes.iter().any(|&i| v.ty.dims[i] == 0);
    if empty && v.ty.elements() == 0 && op == Op::ReduceMean && product(&reduced(&v.ty.dims, &axes, true)) != 0 {
        return Err("the mean over an empty axis is undefined".into());
    }
    Ok(vec![TensorType::new(v.ty.dtype, reduced(&v.ty.dims, &axes, a.flag("keepdims")))])
}
pub fn arg(a: &Attrs, x: In<'_>) -> Out {
    let v = req(x, 0, "data")?;
    want_numeric(&v, "data")?;
    let ax = axis(int(a, "axis")?, v.ty.rank())?;
    let out = reduced(&v.ty.dims, &[ax], a.flag("keepdims"));
    if v.ty.dims[ax] == 0 && product(&out) != 0 {
        return Err(format!("axis {ax} is empty: there is no extreme"));
    }
    Ok(vec![TensorType::new(DType::I64, out)])
}
pub fn cumulative(x: In<'_>) -> Out {
    let (v, ax) = (req(x, 0, "x")?, req(x, 1, "axis")?);
    want_numeric(&v, "x")?;
    want_index(&ax, "axis")?;
    if ax.value.is_some() {
        axis(req_int(x, 1, "axis")?, v.ty.rank())?;
    }
    Ok(vec![v.ty.clone()])
}
