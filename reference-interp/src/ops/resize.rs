//! Resize and AffineGrid. (GridSample is in [`super::sample`].)
//!
//! Interpolation is separable: one pass per axis, `y = sum w_k x_k` with edge clamping. Each pass adds to `eB` the coordinate's error
//! `6u(|pos|+1)` times the local slope (of the neighbouring cells too, where the position is near an edge) and to `D` the
//! roundings of weights, products and sums. Where scale and offset are short binary fractions, coordinates are exact.
//! Nearest moves elements; a position within its error of a tie gives the hull of both neighbours.
//!
//! Clauses where implementations differ: `half_pixel` with clamping at the border; `round_prefer_floor`; the output extent is
//! `floor(extent * scale)`; `antialias` widens the filter by `1/scale` when shrinking; `exclude_outside` renormalises.

use super::linear::clean;
use crate::cx::{Args, Raw};
use crate::error::{OpResult, invalid, unsupported};
use crate::index::{axes, count, split_at_axis, strides};
use crate::round::low_bit_exp;
use crate::value::{Bounded, Data};

/// One coordinate of the result along an axis.
#[derive(Clone, Debug)]
struct Point {
    /// Elements and weights; indices are clamped.
    taps: Vec<(usize, f64)>,
    /// Error of the position.
    err: f64,
    /// Elements whose weight is exactly 0: nothing, unless they are infinite or NaN.
    idle: Vec<usize>,
    /// Elements between which the slope counts.
    cells: (usize, usize),
    /// Further elements that nearest may choose.
    others: Vec<usize>,
    /// The extrapolation value stands here.
    outside: bool,
}

struct AxisScale {
    input: usize,
    output: usize,
    scale: f64,
    /// `input * scale` before it is cut to an integer; equal to `output` where sizes are given.
    width: f64,
    roi: (f64, f64),
}

fn scalars(b: Option<&Bounded>) -> OpResult<Option<Vec<f64>>> {
    match b {
        Some(b) if b.elements() > 0 => {
            let f = b.float()?;
            if f.radius.iter().any(|&e| e != 0.0) {
                return unsupported("scales or regions that are undecided");
            }
            Ok(Some(f.value.clone()))
        }
        _ => Ok(None),
    }
}

/// Extents and scales of all axes.
fn plan(a: &Args<'_>, x: &Bounded) -> OpResult<Vec<AxisScale>> {
    let ax = match a.int_list("axes") {
        Some(l) => axes(l, x.rank())?,
        None => (0..x.rank()).collect(),
    };
    let roi = scalars(a.opt(1))?;
    let scales = scalars(a.opt(2))?;
    let sizes = a.opt(3).filter(|s| s.elements() > 0).map(Bounded::ints).transpose()?;
    let mut out: Vec<AxisScale> = x
        .dims
        .iter()
        .map(|&d| AxisScale { input: d, output: d, scale: 1.0, width: d as f64, roi: (0.0, 1.0) })
        .collect();
    let n = ax.len();
    if let Some(r) = roi.filter(|r| r.len() == 2 * n) {
        ax.iter().enumerate().for_each(|(i, &k)| out[k].roi = (r[i], r[n + i]));
    }
    match (scales, sizes) {
        (Some(s), None) if s.len() == n => {
            for (i, &k) in ax.iter().enumerate() {
                if !(s[i] > 0.0 && s[i].is_finite()) {
                    return invalid(format!("scale {}", s[i]));
                }
                out[k].scale = s[i];
                out[k].width = out[k].input as f64 * s[i];
                out[k].output = libm::floor(out[k].width).min(1e15) as usize;
            }
        }
        (_, Some(s)) if s.len() == n => {
            let ratio = |i: usize| s[i] as f64 / out[ax[i]].input as f64;
            let policy = a.str("keep_aspect_ratio_policy")?;
            let common = match policy {
                "stretch" => None,
                "not_larger" => Some((0..n).map(ratio).fold(f64::INFINITY, f64::min)),
                "not_smaller" => Some((0..n).map(ratio).fold(0.0, f64::max)),
                p => return invalid(format!("unknown keep_aspect_ratio_policy `{p}`")),
            };
            for (i, &k) in ax.iter().enumerate() {
                if s[i] < 0 {
                    return invalid(format!("size {}", s[i]));
                }
                out[k].scale = common.unwrap_or(s[i] as f64 / out[k].input as f64);
                out[k].output = match common {
                    Some(c) => libm::floor(out[k].input as f64 * c + 0.5).min(1e15) as usize,
                    None => s[i] as usize,
                };
                out[k].width = out[k].output as f64;
            }
        }
        _ => return invalid("one scale or one size per axis is needed"),
    }
    Ok(out)
}

/// Where a result lies in the input.
#[derive(Clone, Copy, Debug)]
struct Position {
    at: f64,
    /// Exact in every evaluation: the scale is a short binary fraction.
    exact: bool,
    /// Exact in binary32 as the formula is written (the quotient is a number of binary32): what nearest may rely on.
    written: bool,
}

/// `p / q`, with `written` set where that is a number of binary32.
fn divided(p: f64, q: f64, offset: f64, exact: bool) -> Position {
    let r = p / q;
    let f32_exact = |x: f64| crate::round::round(x, crate::Format::F32) == x;
    let written = f32_exact(r) && libm::fma(r, q, -p) == 0.0 && f32_exact(q) && f32_exact(r + offset);
    Position { at: r + offset, exact, written: written || exact }
}

/// Position of result `o` along an axis, by ONNX's formula for the mode. `align_corners` and `tf_crop_and_resize` use the uncut
/// width `input * scale`, as onnx.reference does (implementations differ here).
fn position(mode: &str, s: &AxisScale, o: usize) -> OpResult<Position> {
    let (x, n) = (o as f64, s.input as f64);
    let short = |r: f64, q: f64, p: f64| r * q == p && low_bit_exp(r).is_none_or(|k| k >= -12);
    let dyadic = short(1.0 / s.scale, s.scale, 1.0);
    let half = divided(x + 0.5, s.scale, -0.5, dyadic);
    let zero = Position { at: 0.0, exact: true, written: true };
    let span = s.width - 1.0;
    Ok(match mode {
        "half_pixel" => half,
        "pytorch_half_pixel" => {
            if s.output > 1 {
                half
            } else {
                zero
            }
        }
        "asymmetric" => divided(x, s.scale, 0.0, dyadic),
        "align_corners" if s.output <= 1 => zero,
        "align_corners" => divided(x * (n - 1.0), span, 0.0, short((n - 1.0) / span, span, n - 1.0)),
        "half_pixel_symmetric" => {
            let adjust = s.output as f64 / s.width;
            let at = n / 2.0 * (1.0 - adjust) + half.at;
            let same = adjust == 1.0;
            Position { at, exact: same && half.exact, written: same && half.written }
        }
        "tf_crop_and_resize" => {
            let (r0, r1) = s.roi;
            let inside = if s.output > 1 { x * (r1 - r0) * (n - 1.0) / span } else { (r1 - r0) * (n - 1.0) / 2.0 };
            Position { at: r0 * (n - 1.0) + inside, exact: false, written: false }
        }
        m => return invalid(format!("unknown coordinate_transformation_mode `{m}`")),
    })
}

/// Weights of the taps from `first` on, for a position `floor + t`.
fn weights(mode: &str, t: f64, scale: f64, a: f64, antialias: bool) -> (i64, Vec<f64>) {
    let s = if antialias { scale.min(1.0) } else { 1.0 };
    let reach = if mode == "linear" { 1.0 } else { 2.0 };
    let start = libm::floor(-reach / s) as i64 + 1;
    let end = 2 - start; // exclusive: symmetric about 1/2
    let kernel = |x: f64| {
        let x = x.abs();
        if mode == "linear" {
            (1.0 - x).max(0.0)
        } else if x <= 1.0 {
            ((a + 2.0) * x - (a + 3.0)) * x * x + 1.0
        } else if x < 2.0 {
            ((a * x - 5.0 * a) * x + 8.0 * a) * x - 4.0 * a
        } else {
            0.0
        }
    };
    let mut w: Vec<f64> = (start..end).map(|i| kernel((i as f64 - t) * s)).collect();
    if antialias {
        let sum: f64 = w.iter().sum();
        w.iter_mut().for_each(|w| *w /= sum);
    }
    (start, w)
}

fn nearest(mode: &str, pos: f64, err: f64) -> OpResult<(i64, Vec<i64>)> {
    let pick = |p: f64| -> OpResult<i64> {
        Ok(match mode {
            "round_prefer_floor" => libm::ceil(p - 0.5),
            "round_prefer_ceil" => libm::floor(p + 0.5),
            "floor" => libm::floor(p),
            "ceil" => libm::ceil(p),
            m => return invalid(format!("unknown nearest_mode `{m}`")),
        } as i64)
    };
    let at = pick(pos)?;
    let others = if err == 0.0 { vec![] } else { vec![pick(pos - err)?, pick(pos + err)?] };
    Ok((at, others.into_iter().filter(|&o| o != at).collect()))
}

fn points(a: &Args<'_>, s: &AxisScale, u: f64) -> OpResult<Vec<Point>> {
    let (mode, coord) = (a.str("mode")?, a.str("coordinate_transformation_mode")?);
    let (antialias, exclude) = (a.flag("antialias")?, a.flag("exclude_outside")?);
    let n = s.input as i64;
    if n == 0 && s.output > 0 {
        return invalid("an empty axis cannot be resized");
    }
    let clamp = |i: i64| i.clamp(0, n - 1) as usize;
    let cubic_a = a.f64("cubic_coeff_a")?;
    let mut out = Vec::with_capacity(s.output);
    for o in 0..s.output {
        let p = position(coord, s, o)?;
        let pos = p.at;
        let err = if p.exact || p.written && mode == "nearest" { 0.0 } else { 6.0 * u * (pos.abs() + 1.0) };
        let outside = coord == "tf_crop_and_resize" && (pos < -err || pos > (n - 1) as f64 + err);
        let floor = libm::floor(pos);
        let (base, t) = (floor as i64, pos - floor);
        out.push(match mode {
            "nearest" => {
                let (at, others) = nearest(a.str("nearest_mode")?, pos, err)?;
                let others = others.into_iter().map(clamp).collect();
                Point {
                    taps: vec![(clamp(at), 1.0)],
                    idle: vec![],
                    err,
                    cells: (clamp(at), clamp(at)),
                    others,
                    outside,
                }
            }
            "linear" | "cubic" => {
                let (start, w) = weights(mode, t, s.scale, cubic_a, antialias);
                let mut taps: Vec<(i64, f64)> =
                    w.iter().enumerate().map(|(k, &w)| (base + start + k as i64, w)).collect();
                if exclude {
                    taps.retain(|t| (0..n).contains(&t.0));
                    let sum: f64 = taps.iter().map(|t| t.1).sum();
                    taps.iter_mut().for_each(|t| t.1 /= sum);
                }
                let near = i64::from(t <= 2.0 * err || t >= 1.0 - 2.0 * err);
                let cells = (clamp(base + start - near), clamp(base + start + w.len() as i64 - 1 + near));
                let idle = taps.iter().filter(|t| t.1 == 0.0).map(|t| clamp(t.0)).collect();
                let taps = taps.into_iter().filter(|t| t.1 != 0.0).map(|(i, w)| (clamp(i), w)).collect();
                Point { taps, idle, err, cells, others: vec![], outside }
            }
            m => return invalid(format!("unknown mode `{m}`")),
        });
    }
    Ok(out)
}

/// Resize.
pub fn resize(a: &Args<'_>) -> OpResult<Bounded> {
    let x = a.x(0)?;
    let plan = plan(a, x)?;
    let dims: Vec<usize> = plan.iter().map(|s| s.output).collect();
    a.cx.alloc(&dims)?;
    let u = a.cx.u(x.dtype);
    let crop = a.str("coordinate_transformation_mode")? == "tf_crop_and_resize";
    let moved = |s: &AxisScale| s.scale != 1.0 || s.input != s.output || crop && s.roi != (0.0, 1.0);
    let mut all: Vec<Option<Vec<Point>>> = Vec::new();
    for s in &plan {
        all.push(if moved(s) { Some(points(a, s, u)?) } else { None });
    }
    let y = if a.str("mode")? == "nearest" { by_index(x, &all, &dims)? } else { by_weight(a, x, &all)? };
    if all.iter().flatten().flatten().any(|p| p.outside) {
        return extrapolate(a, y, &all);
    }
    Ok(y)
}

fn by_index(x: &Bounded, all: &[Option<Vec<Point>>], dims: &[usize]) -> OpResult<Bounded> {
    let (from, to) = (strides(&x.dims), strides(dims));
    let n = count(dims);
    let choices = |i: usize, k: usize| -> Vec<usize> {
        let o = i / to[k] % dims[k];
        match &all[k] {
            None => vec![o],
            Some(p) => std::iter::once(p[o].taps[0].0).chain(p[o].others.iter().copied()).collect(),
        }
    };
    let mut src = Vec::with_capacity(n);
    let mut more: Vec<(usize, usize)> = Vec::new();
    for i in 0..n {
        let mut at = vec![0];
        for k in 0..dims.len() {
            let c = choices(i, k);
            at = c.iter().flat_map(|c| at.iter().map(move |p| (p, c))).map(|(p, c)| p + c * from[k]).collect();
        }
        src.push(at[0]);
        more.extend(at[1..].iter().map(|&s| (i, s)));
    }
    let mut y = x.take(&src, dims.to_vec());
    for (at, s) in more {
        super::index::widen(&mut y, at, x, s);
    }
    Ok(y)
}

fn by_weight(a: &Args<'_>, x: &Bounded, all: &[Option<Vec<Point>>]) -> OpResult<Bounded> {
    let f = x.float()?;
    let cubic = a.str("mode")? == "cubic" || a.flag("antialias")?;
    let mut dims = x.dims.clone();
    let (mut v, mut m, mut eb) = (f.value.clone(), f.m().into_owned(), clean(f.eb()).into_owned());
    let mut bad: Vec<f64> =
        f.poison().map_or_else(|| vec![0.0; v.len()], |p| p.iter().map(|&b| f64::from(u8::from(b))).collect());
    let (mut d, mut grid, mut special) = (f.d(), f.grid, f.poison().is_some());
    for (k, points) in all.iter().enumerate() {
        let Some(points) = points else { continue };
        let (outer, n, inner) = split_at_axis(&dims, k);
        let pass = |src: &[f64], sign: bool| -> Vec<f64> {
            let mut out = Vec::with_capacity(outer * points.len() * inner);
            for o in 0..outer {
                for p in points {
                    for i in 0..inner {
                        let at = |j: usize| src[(o * n + j) * inner + i];
                        out.push(p.taps.iter().map(|&(j, w)| if sign { w } else { w.abs() } * at(j)).sum());
                    }
                }
            }
            out
        };
        let mut next = pass(&eb, false);
        let mut open = pass(&bad, false);
        let mut r = 0;
        for o in 0..outer {
            for p in points {
                for i in 0..inner {
                    if p.err > 0.0 {
                        next[r] +=
                            p.err * slope(p, cubic, |j| (v[(o * n + j) * inner + i], eb[(o * n + j) * inner + i]));
                    }
                    // A neighbour that the position's error reaches, or that an implementation multiplies by 0.
                    let at = |j: usize| (o * n + j) * inner + i;
                    let near = if p.err > 0.0 { p.cells.0..p.cells.1 + 1 } else { 0..0 };
                    let mut beside = near.chain(p.idle.iter().copied());
                    if beside.any(|j| bad[at(j)] > 0.0 || !v[at(j)].is_finite()) {
                        open[r] = 1.0;
                        special = true;
                    }
                    r += 1;
                }
            }
        }
        (v, m, bad, eb) = (pass(&v, true), pass(&m, false), open, next);
        dims[k] = points.len();
        let taps = points.iter().map(|p| p.taps.len()).max().unwrap_or(0) as f64;
        d += taps + if cubic { 12.0 } else { 3.0 };
        // A partial result that overflows is an infinity for the next axis.
        for (b, &m) in bad.iter_mut().zip(&m) {
            if m.is_finite() && a.cx.may_overflow(m, d, x.dtype) {
                (*b, special) = (1.0, true);
            }
        }
        let weights =
            points.iter().flat_map(|p| p.taps.iter()).map(|t| low_bit_exp(t.1)).try_fold(0, |g, k| k.map(|k| k.min(g)));
        grid = if points.iter().all(|p| p.err == 0.0) && !cubic { grid.zip(weights).map(|(g, w)| g + w) } else { None };
    }
    let poison = special.then(|| bad.iter().map(|&b| b > 0.0).collect());
    Ok(a.cx.linear(x.dtype, dims, Raw { v, eb, m, d, grid, poison, ..Raw::default() }))
}

/// Bound of the derivative with respect to the position.
fn slope(p: &Point, cubic: bool, at: impl Fn(usize) -> (f64, f64)) -> f64 {
    let base = at(p.cells.0);
    let (mut steepest, mut total) = (0.0f64, 0.0);
    let mut before = base;
    for j in p.cells.0..=p.cells.1 {
        let (v, e) = at(j);
        steepest = steepest.max((v - before.0).abs() + e + before.1);
        total += (v - base.0).abs() + e + base.1;
        before = (v, e);
    }
    if cubic { 1.5 * total } else { steepest }
}

fn extrapolate(a: &Args<'_>, mut y: Bounded, all: &[Option<Vec<Point>>]) -> OpResult<Bounded> {
    let value = a.f64("extrapolation_value")?;
    let st = strides(&y.dims);
    let dims = y.dims.clone();
    let hit = |i: usize| (0..dims.len()).any(|k| all[k].as_ref().is_some_and(|p| p[i / st[k] % dims[k]].outside));
    match &mut y.data {
        Data::Float(f) => {
            f.linear = None;
            f.grid = None;
            for i in (0..f.value.len()).filter(|&i| hit(i)) {
                (f.value[i], f.radius[i]) = (value, 0.0);
                if let Some(n) = &mut f.nan {
                    n[i] = false;
                }
            }
        }
        Data::Int(v) => {
            (0..v.value.len()).filter(|&i| hit(i)).for_each(|i| v.value[i] = value as i128);
        }
    }
    Ok(y)
}

/// AffineGrid: `theta [x y (z) 1]^T` on a regular grid in [-1, 1]; linear with up to 4 terms and rounded coordinates.
pub fn affine_grid(a: &Args<'_>) -> OpResult<Bounded> {
    let theta = a.x(0)?;
    let f = theta.float()?;
    let size = a.ints(1)?;
    let r = size.len().saturating_sub(2);
    if !(2..=3).contains(&r) || size.iter().any(|&d| d < 0) || theta.dims != [size[0] as usize, r, r + 1] {
        return invalid(format!("theta of shape {:?} for size {size:?}", theta.dims));
    }
    let align = a.flag("align_corners")?;
    let spatial: Vec<usize> = size[2..].iter().map(|&d| d as usize).collect();
    let mut dims = vec![size[0] as usize];
    dims.extend(&spatial);
    dims.push(r);
    let n = a.cx.alloc(&dims)?;
    let st = strides(&spatial);
    let u = a.cx.u(theta.dtype);
    let at = |i: usize, d: usize| -> f64 {
        if align {
            if d > 1 { 2.0 * i as f64 / (d - 1) as f64 - 1.0 } else { -1.0 }
        } else {
            (2 * i + 1) as f64 / d as f64 - 1.0
        }
    };
    let area = count(&spatial).max(1);
    Ok(super::elementwise::build(a.cx, theta.dtype, dims.clone(), n, |i| {
        let (c, p, b) = (i % r, i / r % area, i / r / area);
        let row = (b * r + c) * (r + 1);
        let (mut v, mut m, mut e) = (f.value[row + r], f.value[row + r].abs(), f.radius[row + r]);
        for k in 0..r {
            // Component k of the grid runs along spatial axis r-1-k: x is the last one.
            let x = at(p / st[r - 1 - k] % spatial[r - 1 - k], spatial[r - 1 - k]);
            v += f.value[row + k] * x;
            m += (f.value[row + k].abs() + f.radius[row + k]) * (x.abs() + 2.0);
            e += f.radius[row + k] * x.abs();
        }
        let nan = (row..=row + r).any(|j| f.may_nan(j) && !f.value[j].is_nan());
        (v, e + a.cx.gamma(r as f64 + 3.0, u) * (m + e), nan)
    }))
}
