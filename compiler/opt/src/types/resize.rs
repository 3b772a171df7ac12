//! Resampling.

use super::util::*;
use ir::{Attrs, DType, TensorType};

type Out = Res<Vec<TensorType>>;

fn one_of(a: &Attrs, name: &str, allowed: &[&str]) -> Res<()> {
    match a.str(name) {
        Some(v) if allowed.contains(&v) => Ok(()),
        v => Err(format!("attribute `{name}` is {v:?}, one of {allowed:?} expected")),
    }
}
/// The output extents of a Resize node, and the scale of each axis.
pub fn resize_plan(a: &Attrs, x: In<'_>) -> Res<(Vec<usize>, Vec<f64>)> {
    let v = req(x, 0, "X")?;
    let r = v.ty.rank();
    let list = match a.ints("axes") {
        Some(l) => axes(l, r)?,
        None => (0..r).collect(),
    };
    let (mut dims, mut scales) = (v.ty.dims.clone(), vec![1.0; r]);
    let has = |i: usize| opt(x, i).filter(|t| t.ty.elements() > 0);
    match (has(2), has(3)) {
        (Some(s), None) => {
            want_dtype(&s, DType::F32, "scales")?;
            want_dims(&s, &[list.len()], "scales")?;
            let s = s.value.and_then(crate::fold::value::floats).ok_or("input scales is not known at compile time")?;
            for (&ax, &f) in list.iter().zip(&s) {
                let n = libm::floor(dims[ax] as f64 * f);
                if !(f > 0.0 && n.is_finite()) {
                    return Err(format!("the scale {f} of axis {ax}"));
                }
                (dims[ax], scales[ax]) = (dim(n as i128, "an output extent")?, f);
            }
        }
        (None, Some(_)) => {
            let s = req_ints(x, 3, "sizes")?;
            if s.len() != list.len() {
                return Err(format!("input sizes has {} entries for {} axes", s.len(), list.len()));
            }
            let f: Vec<f64> = list.iter().zip(&s).map(|(&ax, &n)| n as f64 / v.ty.dims[ax] as f64).collect();
            let common = match a.str("keep_aspect_ratio_policy") {
                Some("stretch") | None => None,
                Some("not_larger") => f.iter().copied().reduce(f64::min),
                Some("not_smaller") => f.iter().copied().reduce(f64::max),
                Some(p) => return Err(format!("attribute `keep_aspect_ratio_policy` is `{p}`")),
            };
            for (i, &ax) in list.iter().enumerate() {
                let n = match common {
                    None => s[i].into(),
                    Some(c) => libm::floor(c * v.ty.dims[ax] as f64 + 0.5) as i128,
                };
                (dims[ax], scales[ax]) = (dim(n, "an output extent")?, common.unwrap_or(f[i]));
            }
        }
        _ => return Err("exactly one of the inputs scales and sizes is needed".into()),
    }
    if let Some(i) = (0..r).find(|&i| v.ty.dims[i] == 0 && dims[i] != 0) {
        return Err(format!("axis {i} is empty and cannot be resized"));
    }
    Ok((dims, scales))
}
pub fn resize(a: &Attrs, x: In<'_>) -> Out {
    one_of(a, "mode", &["nearest", "linear", "cubic"])?;
    let nearest = ["round_prefer_floor", "round_prefer_ceil", "floor", "ceil"];
    one_of(a, "nearest_mode", &nearest)?;
    let modes = [
        "half_pixel",
        "half_pixel_symmetric",
        "pytorch_half_pixel",
        "align_corners",
        "asymmetric",
        "tf_crop_and_resize",
    ];
    one_of(a, "coordinate_transformation_mode", &modes)?;
    let v = req(x, 0, "X")?;
    if a.str("coordinate_transformation_mode") == Some("tf_crop_and_resize") {
        let n = a.ints("axes").map_or(v.ty.rank(), <[i64]>::len);
        want_dims(&req(x, 1, "roi")?, &[2 * n], "roi")?;
    }
    Ok(vec![TensorType::new(v.ty.dtype, resize_plan(a, x)?.0)])
}
pub fn grid_sample(a: &Attrs, x: In<'_>) -> Out {
    let (v, g) = (req(x, 0, "X")?, req(x, 1, "grid")?);
    one_of(a, "mode", &["linear", "nearest", "cubic"])?;
    one_of(a, "padding_mode", &["zeros", "border", "reflection"])?;
    min_rank(&v, 3, "X")?;
    want_float(&g, "grid")?;
    want_rank(&g, v.ty.rank(), "grid")?;
    let r = v.ty.rank();
    if g.ty.dims[0] != v.ty.dims[0] || g.ty.dims[r - 1] != r - 2 {
        return Err(format!("grid {} does not fit X {}", g.ty, v.ty));
    }
    let mut dims = v.ty.dims[..2].to_vec();
    dims.extend(&g.ty.dims[1..r - 1]);
    Ok(vec![TensorType::new(v.ty.dtype, dims)])
}
pub fn affine_grid(x: In<'_>) -> Out {
    let t = req(x, 0, "theta")?;
    want_float(&t, "theta")?;
    let size = req_ints(x, 1, "size")?;
    if !matches!(size.len(), 4 | 5) {
        return Err(format!("input size has {} entries, 4 or 5 expected", size.len()));
    }
    let size = size.iter().map(|&d| dim(d.into(), "an extent")).collect::<Res<Vec<_>>>()?;
    let n = size.len() - 2;
    want_dims(&t, &[size[0], n, n + 1], "theta")?;
    let mut dims = vec![size[0]];
    dims.extend(&size[2..]);
    dims.push(n);
    Ok(vec![TensorType::new(t.ty.dtype, dims)])
}
pub fn roi_align(a: &Attrs, x: In<'_>) -> Out {
    let (v, r, b) = (req(x, 0, "X")?, req(x, 1, "rois")?, req(x, 2, "batch_indices")?);
    one_of(a, "mode", &["avg", "max"])?;
    want_rank(&v, 4, "X")?;
    want_rank(&r, 2, "rois")?;
    want_dims(&r, &[r.ty.dims[0], 4], "rois")?;
    want_dims(&b, &[r.ty.dims[0]], "batch_indices")?;
    let (h, w) = (int(a, "output_height")?, int(a, "output_width")?);
    let dims = [r.ty.dims[0], v.ty.dims[1], dim(h.into(), "output_height")?, dim(w.into(), "output_width")?];
    Ok(vec![TensorType::new(v.ty.dtype, dims)])
}
