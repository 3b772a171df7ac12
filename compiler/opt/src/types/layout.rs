//! Operators that keep the elements and change order or shape.

use super::util::*;
use ir::{Attrs, TensorType};

type Out = Res<Vec<TensorType>>;

fn one(like: &TensorType, dims: Vec<usize>) -> Out {
    Ok(vec![TensorType::new(like.dtype, dims)])
}
/// The output shape of Reshape: `-1` inferred, `0` copied from the input unless `allowzero`.
///
/// # Errors
/// Two `-1`, a `0` without a dimension to copy, element counts that differ.
pub fn reshape_dims(input: &[usize], shape: &[i64], allowzero: bool) -> Result<Vec<usize>, String> {
    let total = product(input);
    let mut out = Vec::with_capacity(shape.len());
    let mut hole = None;
    for (i, &s) in shape.iter().enumerate() {
        match s {
            -1 if hole.is_some() => return Err(format!("the shape {shape:?} holds -1 twice")),
            -1 => {
                hole = Some(i);
                out.push(1);
            }
            0 if !allowzero => match input.get(i) {
                Some(&d) => out.push(d),
                None => {
                    return Err(format!("entry {i} of the shape {shape:?} copies a dimension that {input:?} has not"));
                }
            },
            s => out.push(dim(s.into(), "an extent of the shape")?),
        }
    }
    if hole.is_some() && allowzero && shape.contains(&0) {
        return Err(format!("the shape {shape:?} holds -1 and a literal 0"));
    }
    let known = product(&out);
    if let Some(i) = hole {
        if known == 0 || total % known != 0 {
            return Err(format!("{total} elements do not fit the shape {shape:?}"));
        }
        out[i] = dim(total / known, "the inferred extent")?;
    } else if known != total {
        return Err(format!("{total} elements do not fit the shape {shape:?}"));
    }
    Ok(out)
}
pub fn reshape(a: &Attrs, x: In<'_>) -> Out {
    let v = req(x, 0, "data")?;
    one(v.ty, reshape_dims(&v.ty.dims, &req_ints(x, 1, "shape")?, a.flag("allowzero"))?)
}
pub fn flatten(a: &Attrs, x: In<'_>) -> Out {
    let v = req(x, 0, "input")?;
    let (ax, r) = (int(a, "axis")?, v.ty.rank() as i64);
    if ax < -r || ax > r {
        return Err(format!("axis {ax} is out of range for rank {r}"));
    }
    let at = if ax < 0 { ax + r } else { ax } as usize;
    let part = |d: &[usize]| dim(product(d), "an extent");
    one(v.ty, vec![part(&v.ty.dims[..at])?, part(&v.ty.dims[at..])?])
}
pub fn squeeze(x: In<'_>) -> Out {
    let v = req(x, 0, "data")?;
    let list = match opt_ints(x, 1, "axes")? {
        Some(l) => axes(&l, v.ty.rank())?,
        None => (0..v.ty.rank()).filter(|&i| v.ty.dims[i] == 1).collect(),
    };
    if let Some(&i) = list.iter().find(|&&i| v.ty.dims[i] != 1) {
        return Err(format!("dimension {i} has extent {}, not 1", v.ty.dims[i]));
    }
    one(v.ty, super::reduce::reduced(&v.ty.dims, &list, false))
}
pub fn unsqueeze(x: In<'_>) -> Out {
    let v = req(x, 0, "data")?;
    let list = req_ints(x, 1, "axes")?;
    if list.len() > 64 {
        return Err(format!("{} axes", list.len()));
    }
    let rank = v.ty.rank() + list.len();
    let list = axes(&list, rank)?;
    let mut old = v.ty.dims.iter();
    one(v.ty, (0..rank).map(|i| if list.contains(&i) { 1 } else { *old.next().expect("counted") }).collect())
}
/// The permutation of a Transpose node, checked; reversal by default.
pub fn perm(a: &Attrs, rank: usize) -> Res<Vec<usize>> {
    let Some(p) = a.ints("perm") else { return Ok((0..rank).rev().collect()) };
    let mut seen = vec![false; rank];
    for &i in p {
        match usize::try_from(i).ok().filter(|&i| i < rank) {
            Some(i) if !seen[i] => seen[i] = true,
            _ => return Err(format!("perm {p:?} is no permutation of rank {rank}")),
        }
    }
    if p.len() != rank {
        return Err(format!("perm {p:?} is no permutation of rank {rank}"));
    }
    Ok(p.iter().map(|&i| i as usize).collect())
}
pub fn transpose(a: &Attrs, x: In<'_>) -> Out {
    let v = req(x, 0, "data")?;
    one(v.ty, perm(a, v.ty.rank())?.iter().map(|&i| v.ty.dims[i]).collect())
}
pub fn concat(a: &Attrs, x: In<'_>) -> Out {
    let first = req(x, 0, "inputs")?;
    let ax = axis(int(a, "axis")?, first.ty.rank())?;
    let mut dims = first.ty.dims.clone();
    let mut sum = 0i128;
    for i in 0..x.len() {
        let v = req(x, i, "inputs")?;
        same_dtype(&first, &v, &format!("{i}"))?;
        want_rank(&v, dims.len(), &format!("{i}"))?;
        if let Some(j) = (0..dims.len()).find(|&j| j != ax && dims[j] != v.ty.dims[j]) {
            return Err(format!("input {i} has extent {} in dimension {j}, {} expected", v.ty.dims[j], dims[j]));
        }
        sum += v.ty.dims[ax] as i128;
    }
    dims[ax] = dim(sum, "the concatenated extent")?;
    one(first.ty, dims)
}
/// The extents of the parts of a Split node.
pub fn split_sizes(a: &Attrs, x: In<'_>) -> Res<(usize, Vec<usize>)> {
    let v = req(x, 0, "input")?;
    let ax = axis(int(a, "axis")?, v.ty.rank())?;
    let len = v.ty.dims[ax];
    if let Some(list) = opt_ints(x, 1, "split")? {
        if a.has("num_outputs") {
            return Err("both input split and attribute `num_outputs` are given".into());
        }
        let parts = list.iter().map(|&s| dim(s.into(), "a part")).collect::<Res<Vec<_>>>()?;
        if parts.iter().map(|&p| p as i128).sum::<i128>() != len as i128 {
            return Err(format!("the parts {parts:?} do not sum to the extent {len}"));
        }
        return Ok((ax, parts));
    }
    let n = a.int("num_outputs").ok_or("neither input split nor attribute `num_outputs` is given")?;
    if !(1..=1 << 16).contains(&n) {
        return Err(format!("attribute `num_outputs` is {n}"));
    }
    let n = n as usize;
    let chunk = len.div_ceil(n);
    let parts: Vec<usize> = (0..n).map(|i| chunk.min(len.saturating_sub(i * chunk))).collect();
    Ok((ax, parts))
}
pub fn split(a: &Attrs, x: In<'_>) -> Out {
    let v = req(x, 0, "input")?;
    let (ax, parts) = split_sizes(a, x)?;
    let part = |p: usize| {
        let mut dims = v.ty.dims.clone();
        dims[ax] = p;
        TensorType::new(v.ty.dtype, dims)
    };
    Ok(parts.into_iter().map(part).collect())
}
/// One axis of a Slice, resolved: element `j` of the output is element `start + j * step` of the input.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SliceSpec {
    /// First element.
    pub start: i64,
    /// Step, not 0; `i64` as in the model.
    pub step: i64,
    /// Number of elements.
    pub len: usize,
}
/// Resolves the parameters of a Slice for every axis of the input (ONNX: negative starts and ends count from the end;
/// then both are clamped, to `[0, n]` for positive steps and `[0, n-1]`, `[-1, n-1]` for negative ones).
///
/// # Errors
/// Lists of different lengths, a step of 0, an axis out of range or given twice, parameters that are not constants.
pub fn slice_specs(x: &[Option<super::Arg<'_>>]) -> Result<Vec<SliceSpec>, String> {
    let v = req(x, 0, "data")?;
    let (starts, ends) = (req_ints(x, 1, "starts")?, req_ints(x, 2, "ends")?);
    let list = opt_ints(x, 3, "axes")?.unwrap_or_else(|| (0..starts.len() as i64).collect());
    let steps = opt_ints(x, 4, "steps")?.unwrap_or_else(|| vec![1; starts.len()]);
    if ends.len() != starts.len() || list.len() != starts.len() || steps.len() != starts.len() {
        return Err("starts, ends, axes and steps have different lengths".into());
    }
    let list = axes(&list, v.ty.rank())?;
    let mut out: Vec<SliceSpec> = v.ty.dims.iter().map(|&d| SliceSpec { start: 0, step: 1, len: d }).collect();
    for (i, &ax) in list.iter().enumerate() {
        let n = v.ty.dims[ax] as i128;
        let step = i128::from(steps[i]);
        let from_end = |v: i64| if v < 0 { i128::from(v) + n } else { i128::from(v) };
        let (s, e) = (from_end(starts[i]), from_end(ends[i]));
        let (s, e, len) = match step {
            0 => return Err(format!("the step of axis {ax} is 0")),
            1.. => {
                let (s, e) = (s.clamp(0, n), e.clamp(0, n));
                (s, e, (e - s + step - 1).div_euclid(step))
            }
            _ => {
                let (s, e) = (s.clamp(0, (n - 1).max(0)), e.clamp(-1, n - 1));
                (s, e, (s - e - step - 1).div_euclid(-step))
            }
        };
        let _ = e;
        let len = if n == 0 { 0 } else { dim(len.max(0), "a sliced extent")? };
        out[ax] = SliceSpec { start: s as i64, step: steps[i], len };
    }
    Ok(out)
}
pub fn slice(x: In<'_>) -> Out {
    let v = req(x, 0, "data")?;
    one(v.ty, slice_specs(x)?.iter().map(|s| s.len).collect())
}
/// The pads of a Pad node, begin and end for every axis of the input; negative ones crop.
pub fn pad_amounts(x: In<'_>) -> Res<Vec<(i64, i64)>> {
    let v = req(x, 0, "data")?;
    let pads = req_ints(x, 1, "pads")?;
    let list = match opt_ints(x, 3, "axes")? {
        Some(l) => axes(&l, v.ty.rank())?,
        None => (0..v.ty.rank()).collect(),
    };
    if pads.len() != 2 * list.len() {
        return Err(format!("input pads has {} entries, {} expected", pads.len(), 2 * list.len()));
    }
    let mut out = vec![(0, 0); v.ty.rank()];
    for (i, &ax) in list.iter().enumerate() {
        out[ax] = (pads[i], pads[i + list.len()]);
    }
    Ok(out)
}
pub fn pad(a: &Attrs, x: In<'_>) -> Out {
    let v = req(x, 0, "data")?;
    let mode = a.str("mode").unwrap_or("constant");
    if !matches!(mode, "constant" | "edge" | "reflect" | "wrap") {
        return Err(format!("attribute `mode` is `{mode}`"));
    }
    if let Some(c) = opt(x, 2) {
        same_dtype(&v, &c, "constant_value")?;
        if c.ty.elements() != 1 {
            return Err(format!("input constant_value is {}, a scalar expected", c.ty));
        }
    }
    let mut dims = Vec::with_capacity(v.ty.rank());
    for (i, (b, e)) in pad_amounts(x)?.into_iter().enumerate() {
        let n = v.ty.dims[i] as i128;
        let (b, e) = (i128::from(b), i128::from(e));
        let kept = n + b.min(0) + e.min(0);
        if kept < 0 {
            return Err(format!("the negative pads {b} and {e} remove more than the extent {n} of axis {i}"));
        }
        let grows = b > 0 || e > 0;
        if grows && mode != "constant" && kept == 0 {
            return Err(format!("axis {i} is empty, so mode `{mode}` has nothing to repeat"));
        }
        if mode == "reflect" && (b.max(e) >= kept) && grows {
            return Err(format!("reflection by {b} and {e} needs more than the extent {kept} of axis {i}"));
        }
        dims.push(dim(n + b + e, "a padded extent")?);
    }
    one(v.ty, dims)
}
pub fn expand(x: In<'_>) -> Out {
    let v = req(x, 0, "input")?;
    let shape = req_ints(x, 1, "shape")?;
    let shape = shape.iter().map(|&d| dim(d.into(), "an extent of shape")).collect::<Res<Vec<_>>>()?;
    one(v.ty, broadcast(&v.ty.dims, &shape)?)
}
pub fn tile(x: In<'_>) -> Out {
    let v = req(x, 0, "input")?;
    let reps = req_ints(x, 1, "repeats")?;
    if reps.len() != v.ty.rank() {
        return Err(format!("input repeats has {} entries, {} expected", reps.len(), v.ty.rank()));
    }
    let tiled = |(&d, &r): (&usize, &i64)| {
        if r < 0 {
            return Err(format!("input repeats holds {r}"));
        }
        dim(d as i128 * i128::from(r), "a tiled extent")
    };
    one(v.ty, v.ty.dims.iter().zip(&reps).map(tiled).collect::<Res<_>>()?)
}
fn block(a: &Attrs, x: In<'_>) -> Res<(TensorType, usize)> {
    let v = req(x, 0, "input")?;
    want_rank(&v, 4, "input")?;
    let b = int(a, "blocksize")?;
    if !(1..=1 << 15).contains(&b) {
        return Err(format!("attribute `blocksize` is {b}"));
    }
    Ok((v.ty.clone(), b as usize))
}
pub fn depth_to_space(a: &Attrs, x: In<'_>) -> Out {
    let (t, b) = block(a, x)?;
    if !matches!(a.str("mode"), Some("DCR" | "CRD")) {
        return Err(format!("attribute `mode` is {:?}, not `DCR` or `CRD`", a.str("mode")));
    }
    if !t.dims[1].is_multiple_of(b * b) {
        return Err(format!("{} channels are not divisible by {}", t.dims[1], b * b));
    }
    one(&t, vec![t.dims[0], t.dims[1] / (b * b), t.dims[2].saturating_mul(b), t.dims[3].saturating_mul(b)])
}
pub fn space_to_depth(a: &Attrs, x: In<'_>) -> Out {
    let (t, b) = block(a, x)?;
    if !t.dims[2].is_multiple_of(b) || !t.dims[3].is_multiple_of(b) {
        return Err(format!("the spatial extents of {t} are not divisible by {b}"));
    }
    one(&t, vec![t.dims[0], t.dims[1].saturating_mul(b * b), t.dims[2] / b, t.dims[3] / b])
}
pub fn trilu(x: In<'_>) -> Out {
    let v = req(x, 0, "input")?;
    min_rank(&v, 2, "input")?;
    if let Some(k) = opt(x, 1) {
        want_dtype(&k, ir::DType::I64, "k")?;
        if k.ty.elements() != 1 {
            return Err(format!("input k is {}, a scalar expected", k.ty));
        }
    }
    one(v.ty, v.ty.dims.clone())
}
pub fn reverse_sequence(a: &Attrs, x: In<'_>) -> Out {
    let (v, s) = (req(x, 0, "input")?, req(x, 1, "sequence_lens")?);
    min_rank(&v, 2, "input")?;
    let (b, t) = (int(a, "batch_axis")?, int(a, "time_axis")?);
    if !matches!((b, t), (0, 1) | (1, 0)) {
        return Err(format!("batch_axis {b} and time_axis {t} are not 0 and 1"));
    }
    want_dims(&s, &[v.ty.dims[b as usize]], "sequence_lens")?;
    want_dtype(&s, ir::DType::I64, "sequence_lens")?;
    let longest = v.ty.dims[t as usize] as i64;
    if let Some(l) = s.value.and_then(ir::Tensor::ints).and_then(|v| v.into_iter().find(|l| !(0..=longest).contains(l)))
    {
        return Err(format!("a sequence of {l} in a time axis of {longest}"));
    }
    one(v.ty, v.ty.dims.clone())
}
pub fn center_crop_pad(a: &Attrs, x: In<'_>) -> Out {
    let v = req(x, 0, "input_data")?;
    let shape = req_ints(x, 1, "shape")?;
    let all: Vec<i64> = (0..v.ty.rank() as i64).collect();
    let list = axes(a.ints("axes").unwrap_or(&all), v.ty.rank())?;
    if shape.len() != list.len() {
        return Err(format!("input shape has {} entries for {} axes", shape.len(), list.len()));
    }
    let mut dims = v.ty.dims.clone();
    for (&ax, &s) in list.iter().zip(&shape) {
        dims[ax] = dim(s.into(), "an extent")?;
    }
    one(v.ty, dims)
}
pub fn col2im(a: &Attrs, x: In<'_>) -> Out {
    let v = req(x, 0, "input")?;
    want_rank(&v, 3, "input")?;
    let image = req_ints(x, 1, "image_shape")?;
    let block = req_ints(x, 2, "block_shape")?;
    let to = |l: &[i64]| l.iter().map(|&d| dim(d.into(), "an extent")).collect::<Res<Vec<_>>>();
    let (image, block) = (to(&image)?, to(&block)?);
    let win = super::window(a, &image, &block, false)?;
    let (taps, places) = (product(&block), product(&win.out));
    if v.ty.dims[1] as i128 % taps != 0 || v.ty.dims[2] as i128 != places {
        return Err(format!("{} does not hold {taps} rows per channel and {places} columns", v.ty));
    }
    let mut dims = vec![v.ty.dims[0], v.ty.dims[1] / block.iter().product::<usize>()];
    dims.extend(image);
    one(v.ty, dims)
}
