//! Normalisation and softmax.

use super::util::*;
use ir::{Attrs, TensorType};

type Out = Res<Vec<TensorType>>;

pub fn along_axis(a: &Attrs, x: In<'_>) -> Out {
    let v = req(x, 0, "input")?;
    want_float(&v, "input")?;
    axis(int(a, "axis")?, v.ty.rank())?;
    Ok(vec![v.ty.clone()])
}
pub fn lp(a: &Attrs, x: In<'_>) -> Out {
    match int(a, "p")? {
        1 | 2 => along_axis(a, x),
        p => Err(format!("attribute `p` is {p}, not 1 or 2")),
    }
}
pub fn batch(a: &Attrs, x: In<'_>) -> Out {
    let v = req(x, 0, "X")?;
    want_float(&v, "X")?;
    min_rank(&v, 1, "X")?;
    let c = v.ty.dims.get(1).copied().unwrap_or(1);
    for (i, name) in [(1, "scale"), (2, "B"), (3, "input_mean"), (4, "input_var")] {
        let p = req(x, i, name)?;
        want_float(&p, name)?;
        want_dims(&p, &[c], name)?;
    }
    if a.flag("training_mode") {
        return Err("attribute `training_mode` is 1: training is not supported".into());
    }
    let stat = |i| req(x, i, "input_mean").map(|p| p.ty.clone());
    Ok(vec![v.ty.clone(), stat(3)?, stat(4)?])
}
pub fn layer(a: &Attrs, x: In<'_>) -> Out {
    let (v, s) = (req(x, 0, "X")?, req(x, 1, "Scale")?);
    want_float(&v, "X")?;
    let ax = axis(int(a, "axis")?, v.ty.rank())?;
    for (i, name) in [(1, "Scale"), (2, "B")] {
        if let Some(p) = opt(x, i) {
            same_dtype(&v, &p, name)?;
            broadcasts_to(&p.ty.dims, &v.ty.dims, name)?;
        }
    }
    let _ = s;
    let dims: Vec<usize> = v.ty.dims.iter().enumerate().map(|(i, &d)| if i < ax { d } else { 1 }).collect();
    let stat = match int(a, "stash_type")? {
        0 => v.ty.dtype,
        code => dtype_code(code, "stash_type")?,
    };
    let stat = TensorType::new(stat, dims);
    Ok(vec![v.ty.clone(), stat.clone(), stat])
}
pub fn rms(a: &Attrs, x: In<'_>) -> Out {
    let (v, s) = (req(x, 0, "X")?, req(x, 1, "scale")?);
    want_float(&v, "X")?;
    want_float(&s, "scale")?;
    axis(int(a, "axis")?, v.ty.rank())?;
    broadcasts_to(&s.ty.dims, &v.ty.dims, "scale")?;
    Ok(vec![TensorType::new(s.ty.dtype, v.ty.dims.clone())])
}
pub fn group(a: &Attrs, x: In<'_>) -> Out {
    let v = req(x, 0, "X")?;
    want_float(&v, "X")?;
    min_rank(&v, 2, "X")?;
    let (c, g) = (v.ty.dims[1], int(a, "num_groups")?);
    if g < 1 || !(c as u64).is_multiple_of(g as u64) {
        return Err(format!("{g} groups do not divide the {c} channels"));
    }
    for (i, name) in [(1, "scale"), (2, "bias")] {
        let p = req(x, i, name)?;
        same_dtype(&v, &p, name)?;
        want_dims(&p, &[c], name)?;
    }
    Ok(vec![v.ty.clone()])
}
pub fn instance(x: In<'_>) -> Out {
    let v = req(x, 0, "input")?;
    want_float(&v, "input")?;
    min_rank(&v, 3, "input")?;
    for (i, name) in [(1, "scale"), (2, "B")] {
        let p = req(x, i, name)?;
        same_dtype(&v, &p, name)?;
        want_dims(&p, &v.ty.dims[1..2], name)?;
    }
    Ok(vec![v.ty.clone()])
}
pub fn mean_variance(a: &Attrs, x: In<'_>) -> Out {
    let v = req(x, 0, "X")?;
    want_float(&v, "X")?;
    axes(a.ints("axes").unwrap_or(&[0, 2, 3]), v.ty.rank())?;
    Ok(vec![v.ty.clone()])
}
pub fn lrn(a: &Attrs, x: In<'_>) -> Out {
    let v = req(x, 0, "X")?;
    want_float(&v, "X")?;
    min_rank(&v, 2, "X")?;
    if int(a, "size")? < 1 {
        return Err("attribute `size` is below 1".into());
    }
    Ok(vec![v.ty.clone()])
}
