//! Convolution and pooling.

use super::Arg;
use super::linear::want_8bit;
use super::util::*;
use ir::{Attrs, DType, TensorType};

type Out = Res<Vec<TensorType>>;

/// A sliding window with everything explicit; one entry per spatial axis.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Window {
    /// Kernel extents.
    pub kernel: Vec<usize>,
    /// Steps.
    pub strides: Vec<usize>,
    /// Distances of taps.
    pub dilations: Vec<usize>,
    /// Padding before.
    pub begin: Vec<usize>,
    /// Padding after.
    pub end: Vec<usize>,
    /// Output extents.
    pub out: Vec<usize>,
}

/// A list of `n` positive integers, or all ones.
fn positive(a: &Attrs, name: &str, n: usize) -> Res<Vec<usize>> {
    let Some(list) = a.ints(name) else { return Ok(vec![1; n]) };
    if list.len() != n {
        return Err(format!("attribute `{name}` has {} entries, {n} expected", list.len()));
    }
    list.iter()
        .map(|&v| if v >= 1 { dim(v.into(), name) } else { Err(format!("attribute `{name}` holds {v}")) })
        .collect()
}
fn explicit_pads(a: &Attrs, n: usize) -> Res<(Vec<usize>, Vec<usize>)> {
    let Some(list) = a.ints("pads") else { return Ok((vec![0; n], vec![0; n])) };
    if list.len() != 2 * n {
        return Err(format!("attribute `pads` has {} entries, {} expected", list.len(), 2 * n));
    }
    if let Some(v) = list.iter().find(|v| **v < 0) {
        return Err(format!("attribute `pads` holds {v}; it may not be negative here"));
    }
    let v: Vec<usize> = list.iter().map(|&v| dim(v.into(), "pads")).collect::<Res<_>>()?;
    Ok((v[..n].to_vec(), v[n..].to_vec()))
}

/// The window of a convolution or pooling over `input` (spatial extents), with `auto_pad` resolved.
///
/// Output extent: `floor((in + begin + end - ((k-1)*d + 1)) / s) + 1`; with `ceil` rounded up, but no window may start
/// beyond the input and the padding before it. `SAME_*`: `ceil(in / s)` with the odd pad cell at the end (UPPER) or the begin.
///
/// # Errors
/// Lists of a wrong length, values out of range, a kernel larger than the padded input.
pub fn window(a: &Attrs, input: &[usize], kernel: &[usize], ceil: bool) -> Result<Window, String> {
    let n = input.len();
    if kernel.len() != n {
        return Err(format!("the kernel has {} spatial dimensions, the input {n}", kernel.len()));
    }
    if kernel.contains(&0) {
        return Err(format!("the kernel {kernel:?} is empty"));
    }
    let (strides, dilations) = (positive(a, "strides", n)?, positive(a, "dilations", n)?);
    let auto = a.str("auto_pad").unwrap_or("NOTSET");
    let (mut begin, mut end) = explicit_pads(a, n)?;
    if !matches!(auto, "NOTSET" | "VALID" | "SAME_UPPER" | "SAME_LOWER") {
        return Err(format!("attribute `auto_pad` is `{auto}`"));
    }
    if auto == "VALID" {
        (begin, end) = (vec![0; n], vec![0; n]);
    }
    let mut out = Vec::with_capacity(n);
    for i in 0..n {
        let reach = (kernel[i] as i128 - 1) * dilations[i] as i128 + 1;
        let (len, s) = (input[i] as i128, strides[i] as i128);
        if auto.starts_with("SAME") && len == 0 {
            return Err(format!("the input is empty along spatial axis {i}: no window fits"));
        }
        if auto.starts_with("SAME") {
            let o = (len + s - 1) / s;
            let total = dim(((o - 1) * s + reach - len).max(0), "the padding")?;
            let (small, large) = (total / 2, total - total / 2);
            (begin[i], end[i]) = if auto == "SAME_UPPER" { (small, large) } else { (large, small) };
            out.push(dim(o, "an output extent")?);
            continue;
        }
        let room = len + begin[i] as i128 + end[i] as i128 - reach;
        if room < 0 {
            return Err(format!(
                "the window of extent {reach} does not fit the padded input of {} (axis {i})",
                room + reach
            ));
        }
        let mut o = room / s + 1;
        if ceil {
            o = (room + s - 1) / s + 1;
            if (o - 1) * s >= len + begin[i] as i128 {
                o -= 1;
            }
        }
        out.push(dim(o, "an output extent")?);
    }
    Ok(Window { kernel: kernel.to_vec(), strides, dilations, begin, end, out })
}

/// Checks X, W and the attributes of a convolution; gives the output shape.
fn conv_dims(a: &Attrs, x: &Arg<'_>, w: &Arg<'_>) -> Res<Vec<usize>> {
    min_rank(x, 3, "X")?;
    want_rank(w, x.ty.rank(), "W")?;
    let kernel = &w.ty.dims[2..];
    if let Some(k) = a.ints("kernel_shape")
        && !k.iter().map(|&v| i128::from(v)).eq(kernel.iter().map(|&v| v as i128))
    {
        return Err(format!("attribute `kernel_shape` {k:?} differs from the extents {kernel:?} of W"));
    }
    let g = int(a, "group")?;
    let (c, m, wc) = (x.ty.dims[1], w.ty.dims[0], w.ty.dims[1]);
    if g < 1 || c as i128 != wc as i128 * i128::from(g) {
        return Err(format!("X has {c} channels; W has {wc} for each of {g} groups"));
    }
    if !(m as u64).is_multiple_of(g as u64) {
        return Err(format!("{g} groups do not divide the {m} output channels"));
    }
    let win = window(a, &x.ty.dims[2..], kernel, false)?;
    let mut out = vec![x.ty.dims[0], m];
    out.extend(win.out);
    Ok(out)
}
pub fn conv(a: &Attrs, x: In<'_>) -> Out {
    let (v, w) = (req(x, 0, "X")?, req(x, 1, "W")?);
    want_float(&v, "X")?;
    same_dtype(&v, &w, "W")?;
    let dims = conv_dims(a, &v, &w)?;
    if let Some(b) = opt(x, 2) {
        same_dtype(&v, &b, "B")?;
        want_dims(&b, &dims[1..2], "B")?;
    }
    Ok(vec![TensorType::new(v.ty.dtype, dims)])
}
pub fn conv_integer(a: &Attrs, x: In<'_>) -> Out {
    let (v, w) = (req(x, 0, "x")?, req(x, 1, "w")?);
    want_8bit(&v, "x")?;
    want_8bit(&w, "w")?;
    let dims = conv_dims(a, &v, &w)?;
    if let Some(z) = opt(x, 2) {
        same_dtype(&v, &z, "x_zero_point")?;
        scalar(&z, "x_zero_point")?;
    }
    if let Some(z) = opt(x, 3) {
        same_dtype(&w, &z, "w_zero_point")?;
        scalar_or(&z, dims[1], "w_zero_point")?;
    }
    Ok(vec![TensorType::new(DType::I32, dims)])
}
fn scalar(a: &Arg<'_>, name: &str) -> Res<()> {
    scalar_or(a, 1, name)
}
fn scalar_or(a: &Arg<'_>, n: usize, name: &str) -> Res<()> {
    let ok = a.ty.rank() == 0 || (a.ty.rank() == 1 && (a.ty.dims[0] == 1 || a.ty.dims[0] == n));
    if ok { Ok(()) } else { Err(format!("input {name} has shape {:?}, a scalar or [{n}] expected", a.ty.dims)) }
}
pub fn qlinear_conv(a: &Attrs, x: In<'_>) -> Out {
    let (v, w) = (req(x, 0, "x")?, req(x, 3, "w")?);
    want_8bit(&v, "x")?;
    want_8bit(&w, "w")?;
    same_dtype(&v, &req(x, 2, "x_zero_point")?, "x_zero_point")?;
    same_dtype(&w, &req(x, 5, "w_zero_point")?, "w_zero_point")?;
    let yz = req(x, 7, "y_zero_point")?;
    want_8bit(&yz, "y_zero_point")?;
    let dims = conv_dims(a, &v, &w)?;
    for (i, name, n) in [(1, "x_scale", 1), (4, "w_scale", dims[1]), (6, "y_scale", 1)] {
        let s = req(x, i, name)?;
        want_dtype(&s, DType::F32, name)?;
        scalar_or(&s, n, name)?;
    }
    for (i, name, n) in [(2, "x_zero_point", 1), (5, "w_zero_point", dims[1]), (7, "y_zero_point", 1)] {
        scalar_or(&req(x, i, name)?, n, name)?;
    }
    if let Some(b) = opt(x, 8) {
        want_dtype(&b, DType::I32, "B")?;
        want_dims(&b, &dims[1..2], "B")?;
    }
    Ok(vec![TensorType::new(yz.ty.dtype, dims)])
}
pub fn conv_transpose(a: &Attrs, x: In<'_>) -> Out {
    let (v, w) = (req(x, 0, "X")?, req(x, 1, "W")?);
    want_float(&v, "X")?;
    same_dtype(&v, &w, "W")?;
    min_rank(&v, 3, "X")?;
    want_rank(&w, v.ty.rank(), "W")?;
    let n = v.ty.rank() - 2;
    let g = int(a, "group")?;
    let (c, kernel) = (v.ty.dims[1], &w.ty.dims[2..]);
    if g < 1 || c != w.ty.dims[0] || !(c as u64).is_multiple_of(g as u64) {
        return Err(format!("X has {c} channels, W has {} rows for {g} groups", w.ty.dims[0]));
    }
    if let Some(k) = a.ints("kernel_shape")
        && !k.iter().map(|&v| i128::from(v)).eq(kernel.iter().map(|&v| v as i128))
    {
        return Err(format!("attribute `kernel_shape` {k:?} differs from the extents {kernel:?} of W"));
    }
    let m = dim(w.ty.dims[1] as i128 * i128::from(g), "the number of output channels")?;
    let (strides, dilations) = (positive(a, "strides", n)?, positive(a, "dilations", n)?);
    let (begin, end) = explicit_pads(a, n)?;
    let list = |name: &str| a.ints(name).map(<[i64]>::to_vec);
    let extra = list("output_padding").unwrap_or_else(|| vec![0; n]);
    let shape = list("output_shape");
    if extra.len() != n || shape.as_ref().is_some_and(|s| s.len() != n) {
        return Err("`output_padding` and `output_shape` need one entry per spatial axis".into());
    }
    let auto = a.str("auto_pad").unwrap_or("NOTSET");
    let mut out = vec![v.ty.dims[0], m];
    for i in 0..n {
        let (len, s) = (v.ty.dims[2 + i] as i128, strides[i] as i128);
        if extra[i] < 0 || i128::from(extra[i]) >= s.max(dilations[i] as i128) {
            return Err(format!(
                "attribute `output_padding` holds {}, which must be below the stride or dilation",
                extra[i]
            ));
        }
        let full = s * (len - 1) + i128::from(extra[i]) + (kernel[i] as i128 - 1) * dilations[i] as i128 + 1;
        let o = match (&shape, auto) {
            (Some(s), _) => i128::from(s[i]),
            (None, "SAME_UPPER" | "SAME_LOWER") => len * s,
            (None, "VALID") => full,
            (None, "NOTSET") => full - begin[i] as i128 - end[i] as i128,
            (None, other) => return Err(format!("attribute `auto_pad` is `{other}`")),
        };
        out.push(dim(o, "an output extent")?);
    }
    if let Some(b) = opt(x, 2) {
        same_dtype(&v, &b, "B")?;
        want_dims(&b, &out[1..2], "B")?;
    }
    Ok(vec![TensorType::new(v.ty.dtype, out)])
}

/// The kernel of a pooling operator.
fn kernel_attr(a: &Attrs, n: usize) -> Res<Vec<usize>> {
    if !a.has("kernel_shape") {
        return Err("attribute `kernel_shape` is missing".into());
    }
    positive(a, "kernel_shape", n)
}
/// Whether some window along axis `i` has no tap inside the input. Beyond a million windows the answer is that of the outermost ones.
fn window_without_input(win: &Window, i: usize, input: usize) -> bool {
    let (k, s, d) = (win.kernel[i] as i128, win.strides[i] as i128, win.dilations[i] as i128);
    let outputs = win.out[i] as i128;
    let empty = |o: i128| {
        let start = o * s - win.begin[i] as i128;
        // The first tap that is not in front of the input; a kernel may have 2^31 taps.
        let first = if start < 0 { (-start + d - 1) / d } else { 0 };
        first >= k || start + first * d >= input as i128
    };
    if outputs > 1 << 20 { empty(0) || empty(outputs - 1) } else { (0..outputs).any(empty) }
}
fn pool(a: &Attrs, v: &Arg<'_>) -> Res<Vec<usize>> {
    min_rank(v, 3, "X")?;
    let input = &v.ty.dims[2..];
    let win = window(a, input, &kernel_attr(a, input.len())?, a.flag("ceil_mode"))?;
    for i in 0..input.len() {
        let reach = (win.kernel[i] as i128 - 1) * win.dilations[i] as i128 + 1;
        if input[i] == 0 {
            return Err(format!("there is nothing to pool along spatial axis {i}"));
        }
        if window_without_input(&win, i, input[i]) {
            return Err(format!(
                "a window lies wholly in the padding (axis {i}: kernel reach {reach}, pads {} and {})",
                win.begin[i], win.end[i]
            ));
        }
    }
    let mut out = v.ty.dims[..2].to_vec();
    out.extend(win.out);
    Ok(out)
}
pub fn max_pool(a: &Attrs, x: In<'_>) -> Out {
    let v = req(x, 0, "X")?;
    want(v.ty.dtype.is_float() || matches!(v.ty.dtype, DType::I8 | DType::U8), &v, "X", "a float or 8-bit type")?;
    if !matches!(a.int("storage_order"), None | Some(0 | 1)) {
        return Err("attribute `storage_order` is not 0 or 1".into());
    }
    let dims = pool(a, &v)?;
    Ok(vec![TensorType::new(v.ty.dtype, dims.clone()), TensorType::new(DType::I64, dims)])
}
pub fn average_pool(a: &Attrs, x: In<'_>) -> Out {
    let v = req(x, 0, "X")?;
    want_float(&v, "X")?;
    Ok(vec![TensorType::new(v.ty.dtype, pool(a, &v)?)])
}
pub fn lp_pool(a: &Attrs, x: In<'_>) -> Out {
    if int(a, "p")? < 1 {
        return Err("attribute `p` is below 1".into());
    }
    average_pool(a, x)
}
pub fn global_pool(x: In<'_>) -> Out {
    let v = req(x, 0, "X")?;
    want_float(&v, "X")?;
    min_rank(&v, 3, "X")?;
    if v.ty.dims[2..].contains(&0) {
        return Err(format!("{} has no elements to pool", v.ty));
    }
    let dims: Vec<usize> = v.ty.dims.iter().enumerate().map(|(i, &d)| if i < 2 { d } else { 1 }).collect();
    Ok(vec![TensorType::new(v.ty.dtype, dims)])
}
pub fn max_unpool(a: &Attrs, x: In<'_>) -> Out {
    let (v, i) = (req(x, 0, "X")?, req(x, 1, "I")?);
    want_float(&v, "X")?;
    want_dtype(&i, DType::I64, "I")?;
    want_dims(&i, &v.ty.dims, "I")?;
    min_rank(&v, 3, "X")?;
    if x.len() > 2 && x[2].is_some() {
        let shape = req_ints(x, 2, "output_shape")?;
        if shape.len() != v.ty.rank() {
            return Err(format!("output_shape has {} entries, {} expected", shape.len(), v.ty.rank()));
        }
        let dims = shape.iter().map(|&d| dim(d.into(), "an output extent")).collect::<Res<Vec<_>>>()?;
        return Ok(vec![TensorType::new(v.ty.dtype, dims)]);
    }
    let n = v.ty.rank() - 2;
    let (k, s, (b, e)) = (kernel_attr(a, n)?, positive(a, "strides", n)?, explicit_pads(a, n)?);
    let mut out = v.ty.dims[..2].to_vec();
    for j in 0..n {
        let o = (v.ty.dims[2 + j] as i128 - 1) * s[j] as i128 + k[j] as i128 - b[j] as i128 - e[j] as i128;
        out.push(dim(o, "an output extent")?);
    }
    Ok(vec![TensorType::new(v.ty.dtype, out)])
}
pub fn deform_conv(a: &Attrs, x: In<'_>) -> Out {
    let (v, w, off) = (req(x, 0, "X")?, req(x, 1, "W")?, req(x, 2, "offset")?);
    want_float(&v, "X")?;
    same_dtype(&v, &w, "W")?;
    same_dtype(&v, &off, "offset")?;
    let dims = conv_dims(a, &v, &w)?;
    let taps = product(&w.ty.dims[2..]);
    let og = i128::from(int(a, "offset_group")?);
    let n = dims.len() as i128 - 2;
    for (i, name, per) in [(2, "offset", n), (4, "mask", 1)] {
        let Some(t) = opt(x, i) else { continue };
        let mut want = dims.clone();
        want[1] = dim(og.saturating_mul(taps).saturating_mul(per), "the number of offset channels")?;
        want_dims(&t, &want, name)?;
    }
    if let Some(b) = opt(x, 3) {
        want_dims(&b, &dims[1..2], "B")?;
    }
    Ok(vec![TensorType::new(v.ty.dtype, dims)])
}
/// Output and present state of `CausalConvWithState`: the last `k - 1` positions of the past state and the input.
pub fn causal_with_state(a: &Attrs, x: In<'_>) -> Out {
    let (v, w) = (req(x, 0, "input")?, req(x, 1, "weight")?);
    want_float(&v, "input")?;
    want_rank(&v, 3, "input")?;
    same_dtype(&v, &w, "weight")?;
    want_rank(&w, 3, "weight")?;
    let (channels, k) = (v.ty.dims[1], w.ty.dims[2]);
    want_dims(&w, &[channels, 1, k], "weight")?;
    if k == 0 {
        return Err("the kernel of the weight has no tap".into());
    }
    if !matches!(a.str("activation"), Some("none" | "silu" | "swish")) {
        return Err(format!("attribute `activation` is {:?}", a.str("activation")));
    }
    if let Some(b) = opt(x, 2) {
        same_dtype(&v, &b, "bias")?;
        want_dims(&b, &[channels], "bias")?;
    }
    let state = [v.ty.dims[0], channels, k - 1];
    if let Some(p) = opt(x, 3) {
        same_dtype(&v, &p, "past_state")?;
        want_dims(&p, &state, "past_state")?;
    }
    Ok(vec![v.ty.clone(), TensorType::new(v.ty.dtype, state)])
}
