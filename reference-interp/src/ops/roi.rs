//! RoiAlign and DeformConv: bilinear samples at computed positions, then a mean, a maximum or a convolution.
//!
//! A sample: weights that are products of two factors; its error is `8u sum w|x|`, the inherited errors, and the position's error
//! (`8u(|pos|+1)`) times the range of the values around. Outside of the image a sample is 0.

use super::elementwise::build;
use super::window::{Window, WindowAttrs};
use crate::cx::Args;
use crate::error::{OpResult, invalid, unsupported};
use crate::hypothesis::Hypothesis;
use crate::index::strides;
use crate::value::{Bounded, Float};

/// One plane of an image.
#[derive(Clone, Copy)]
struct Plane<'a> {
    f: &'a Float,
    base: usize,
    h: i64,
    w: i64,
    u: f64,
}

impl Plane<'_> {
    fn at(&self, y: i64, x: i64) -> (f64, f64, bool) {
        if y < 0 || x < 0 || y >= self.h || x >= self.w {
            return (0.0, 0.0, false);
        }
        let i = self.base + (y * self.w + x) as usize;
        (self.f.value[i], self.f.radius[i], self.f.may_nan(i))
    }
    /// The four corners around a position with their weights.
    fn corners(&self, y: f64, x: f64) -> [(f64, (f64, f64, bool)); 4] {
        let (fy, fx) = (libm::floor(y), libm::floor(x));
        let (ty, tx, y0, x0) = (y - fy, x - fx, fy as i64, fx as i64);
        [
            ((1.0 - ty) * (1.0 - tx), self.at(y0, x0)),
            ((1.0 - ty) * tx, self.at(y0, x0 + 1)),
            (ty * (1.0 - tx), self.at(y0 + 1, x0)),
            (ty * tx, self.at(y0 + 1, x0 + 1)),
        ]
    }
    /// What a position error `err` in each coordinate can change.
    fn uncertainty(&self, y: f64, x: f64, err: f64) -> f64 {
        if err == 0.0 {
            return 0.0;
        }
        let (y0, x0) = (libm::floor(y) as i64, libm::floor(x) as i64);
        let (mut lo, mut hi) = (f64::INFINITY, f64::NEG_INFINITY);
        for dy in -1..=2 {
            for dx in -1..=2 {
                let (v, e, _) = self.at(y0 + dy, x0 + dx);
                lo = lo.min(v - e);
                hi = hi.max(v + e);
            }
        }
        2.0 * err * (hi - lo)
    }
    fn sample(&self, y: f64, x: f64, err: f64) -> (f64, f64, bool) {
        let (mut v, mut m, mut e, mut nan) = (0.0, 0.0, 0.0, false);
        for (w, (x, ex, n)) in self.corners(y, x) {
            if w != 0.0 {
                v += w * x;
                m += w * (x.abs() + ex);
                e += w * ex;
                nan |= n;
            }
        }
        (v, e + 8.0 * self.u * m + self.uncertainty(y, x, err), nan)
    }
}

/// RoiAlign: means (or maxima) of samples on a regular grid in each bin of each region. `half_pixel` shifts regions by half a pixel
/// and does not force them to be at least one wide. In `max` mode the maximum is over the *weighted corners* of
/// each sample, as onnx.reference and ONNX Runtime have it.
pub fn roi_align(a: &Args<'_>) -> OpResult<Bounded> {
    let (x, rois) = (a.x(0)?, a.x(1)?);
    let batch = a.ints(2)?;
    let &[nb, c, h, w] = &x.dims[..] else { return invalid("data of rank 4 are needed") };
    let (f, r) = (x.float()?, rois.float()?);
    if rois.dims != [batch.len(), 4] || batch.iter().any(|&b| b < 0 || b as usize >= nb) {
        return invalid(format!("regions of shape {:?} for {} batch indices", rois.dims, batch.len()));
    }
    if r.radius.iter().any(|&e| e != 0.0) {
        return unsupported("regions that are undecided");
    }
    let size =
        |n: &str| -> OpResult<usize> { usize::try_from(a.int(n)?).or_else(|_| invalid(format!("negative {n}"))) };
    let (oh, ow) = (size("output_height")?, size("output_width")?);
    let (ratio, scale) = (a.int("sampling_ratio")?, a.f64("spatial_scale")?);
    let half = match a.str("coordinate_transformation_mode")? {
        "half_pixel" => true,
        "output_half_pixel" => false,
        m => return invalid(format!("unknown coordinate_transformation_mode `{m}`")),
    };
    let max = a.str("mode")? == "max";
    let dims = vec![batch.len(), c, oh, ow];
    let n = a.cx.alloc(&dims)?;
    let u = a.cx.u(x.dtype);
    Ok(build(a.cx, x.dtype, dims, n, |i| {
        let (pw, ph, ch, roi) = (i % ow, i / ow % oh, i / ow / oh % c, i / ow / oh / c);
        let shift = if half { 0.5 } else { 0.0 };
        let edge = |k: usize| r.value[roi * 4 + k] * scale - shift;
        let axis = |lo: usize, hi: usize, bins: usize, at: usize| -> Vec<f64> {
            let (start, extent) = (edge(lo), edge(hi) - edge(lo));
            let extent = if half { extent } else { extent.max(1.0) };
            let bin = extent / bins as f64;
            let grid = if ratio > 0 { ratio as f64 } else { libm::ceil(bin) }.clamp(0.0, 4096.0);
            (0..grid as usize).map(|g| start + at as f64 * bin + (g as f64 + 0.5) * bin / grid).collect()
        };
        let plane = Plane { f, base: (batch[roi] as usize * c + ch) * h * w, h: h as i64, w: w as i64, u };
        let (ys, xs) = (axis(1, 3, oh, ph), axis(0, 2, ow, pw));
        pool_samples(&plane, &ys, &xs, max, |k| a.cx.gamma(k, u))
    }))
}

fn pool_samples(p: &Plane<'_>, ys: &[f64], xs: &[f64], max: bool, gamma: impl Fn(f64) -> f64) -> (f64, f64, bool) {
    let count = (ys.len() * xs.len()).max(1) as f64;
    let (mut sum, mut m, mut e, mut nan) = (0.0, 0.0, 0.0, false);
    let (mut best, mut best_e) = (f64::NEG_INFINITY, 0.0f64);
    for &y in ys {
        for &x in xs {
            let inside = (-1.0..=p.h as f64).contains(&y) && (-1.0..=p.w as f64).contains(&x);
            let (y1, x1) = (y.clamp(0.0, (p.h - 1) as f64), x.clamp(0.0, (p.w - 1) as f64));
            let err = 8.0 * p.u * (y.abs().max(x.abs()) + 1.0);
            let (v, r, n) = if inside { p.sample(y1, x1, err) } else { (0.0, 0.0, false) };
            sum += v;
            m += v.abs() + r;
            e += r;
            nan |= n;
            for (w, (c, _, _)) in if inside { p.corners(y1, x1) } else { [(0.0, (0.0, 0.0, false)); 4] } {
                best = best.max(w * c);
            }
            best_e = best_e.max(r);
        }
    }
    if max {
        return if best.is_finite() { (best, best_e, nan) } else { (0.0, 0.0, nan) };
    }
    (sum / count, (e + gamma(count + 1.0) * m) / count, nan)
}

/// DeformConv on images: `sum w sample(x, p + offset) mask + b`, offsets in (y, x) pairs per tap and offset group.
pub fn deform_conv(a: &Args<'_>) -> OpResult<Bounded> {
    let (x, w, off) = (a.x(0)?, a.x(1)?, a.x(2)?);
    let (&[n, c, h, wd], &[oc, cg, kh, kw]) = (&x.dims[..], &w.dims[..]) else {
        return unsupported("deformable convolution with other than two spatial axes");
    };
    let (group, og) = (a.int("group")?, a.int("offset_group")?);
    let groups = |g: usize, n: usize| g <= n.max(1) && n.is_multiple_of(g);
    let fits = |g: usize| g.checked_mul(cg) == Some(c) && groups(g, oc);
    if group < 1 || og < 1 || !fits(group as usize) || !groups(og as usize, c) {
        return invalid("groups do not fit the channels");
    }
    let (group, og) = (group as usize, og as usize);
    let win = Window::new(&[h, wd], &[kh, kw], &WindowAttrs::read(a, 2)?, false)?;
    let (oh, ow, taps) = (win.out[0], win.out[1], kh * kw);
    if off.dims != [n, og * taps * 2, oh, ow] || a.opt(4).is_some_and(|m| m.dims != [n, og * taps, oh, ow]) {
        return invalid(format!("offsets of shape {:?} or mask do not fit", off.dims));
    }
    let (f, wf, of) = (x.float()?, w.float()?, off.float()?);
    let bias = a.opt(3).map(Bounded::float).transpose()?;
    let mask = a.opt(4).map(Bounded::float).transpose()?;
    if a.opt(3).is_some_and(|b| b.dims != [oc]) {
        return invalid("one bias per channel is needed");
    }
    let dims = vec![n, oc, oh, ow];
    let total = a.cx.alloc(&dims)?;
    let st = strides(&dims);
    let u = a.cx.u(x.dtype);
    Ok(build(a.cx, x.dtype, dims, total, |i| {
        let (b, o, y, xx) = (i / st[0], i / st[1] % oc, i / st[2] % oh, i % ow);
        let (mut v, mut m, mut e, mut nan) = (0.0, 0.0, 0.0, false);
        for k in 0..cg {
            let ch = o / (oc / group) * cg + k;
            let g = ch / (c / og);
            let plane = Plane { f, base: (b * c + ch) * h * wd, h: h as i64, w: wd as i64, u };
            for t in 0..taps {
                let at = |j: usize, per: usize| ((b * og * taps * per + (g * taps + t) * per + j) * oh + y) * ow + xx;
                let place = |j: usize, o: usize, tap: usize| {
                    (o as i64 * win.strides[j] - win.begin[j] + tap as i64 * win.dilations[j]) as f64
                        + of.value[at(j, 2)]
                };
                let (py, px) = (place(0, y, t / kw), place(1, xx, t % kw));
                let eo = of.radius[at(0, 2)].max(of.radius[at(1, 2)]);
                if !(py.abs() < 1e15 && px.abs() < 1e15 && eo.is_finite()) {
                    return (0.0, f64::INFINITY, true);
                }
                let (s, es, ns) = plane.sample(py, px, eo + 8.0 * u * (py.abs().max(px.abs()) + 1.0));
                let (mv, me) = mask.map_or((1.0, 0.0), |f| (f.value[at(0, 1)], f.radius[at(0, 1)]));
                let j = (o * cg + k) * taps + t;
                let (q, eq) = (wf.value[j], wf.radius[j]);
                v += q * s * mv;
                let top = (q.abs() + eq) * (s.abs() + es) * (mv.abs() + me);
                m += top;
                e += top - q.abs() * s.abs() * mv.abs();
                nan |= ns;
            }
        }
        if let Some(f) = bias.filter(|_| !a.cx.hyp(Hypothesis::MissingBias)) {
            v += f.value[o];
            m += f.value[o].abs() + f.radius[o];
            e += f.radius[o];
        }
        let e = e + a.cx.gamma((cg * taps) as f64 + 3.0, u) * m;
        (v, if e.is_nan() { f64::INFINITY } else { e }, nan || e.is_nan())
    }))
}
