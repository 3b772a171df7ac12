//! GridSample: values at fractional positions given by a grid, one component per spatial axis (the first is the last axis).
//!
//! Position: `((g+1) n - 1)/2`, or `(g+1)/2 (n-1)` with `align_corners`; error `e_g n/2 + 4u(|pos|+1)`. Result: linear in
//! the neighbours with weights that are products over axes; the error of a position counts the range of values around it.
//! Nearest rounds half to even; near a tie the hull of all candidates.

use super::elementwise::{build, hull_radius};
use crate::cx::Args;
use crate::error::{OpResult, invalid};
use crate::index::{Odometer, count, strides};
use crate::value::{Bounded, Float};

/// Which padding.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Padding {
    Zeros,
    Border,
    Reflection,
}

struct Sampler<'a> {
    f: &'a Float,
    spatial: &'a [usize],
    st: Vec<usize>,
    padding: Padding,
    align: bool,
    mode: &'a str,
    u: f64,
    /// What one product may lose to underflow.
    lost: f64,
    /// Whether a partial sum of this magnitude may leave the range.
    overflows: &'a dyn Fn(f64) -> bool,
}

fn reflect(x: f64, lo: f64, hi: f64) -> f64 {
    let range = hi - lo;
    if range <= 0.0 {
        return lo;
    }
    let (d, low) = if x < lo {
        (lo - x, true)
    } else if x > hi {
        (x - hi, false)
    } else {
        return x;
    };
    let n = libm::floor(d / range);
    let r = d - n * range;
    if (libm::fmod(n, 2.0) == 0.0) == low { lo + r } else { hi - r }
}

impl Sampler<'_> {
    fn edges(&self, k: usize) -> (f64, f64) {
        let n = self.spatial[k] as f64;
        if self.align { (0.0, n - 1.0) } else { (-0.5, n - 0.5) }
    }
    /// Position along axis `k`, and its error.
    fn position(&self, k: usize, g: f64, eg: f64) -> (f64, f64) {
        let n = self.spatial[k] as f64;
        let p = if self.align { (g + 1.0) / 2.0 * (n - 1.0) } else { ((g + 1.0) * n - 1.0) / 2.0 };
        let simple = eg == 0.0 && libm::fmod(p * 4096.0, 1.0) == 0.0 && libm::fmod(g * 4096.0, 1.0) == 0.0;
        let err = if simple { 0.0 } else { eg * n / 2.0 + 4.0 * self.u * (p.abs() + 1.0) };
        let (lo, hi) = self.edges(k);
        let inside = match self.padding {
            // Nearest rounds first and pads the whole position, as onnx.reference and ONNX Runtime do.
            _ if self.mode == "nearest" => p,
            Padding::Border => p.clamp(0.0, (n - 1.0).max(0.0)),
            Padding::Reflection => reflect(p, lo, hi),
            Padding::Zeros => p,
        };
        // Far away from the data the position may have any remainder, but its error grows along.
        (inside, err)
    }
    /// Element index along an axis; `None` = the zero padding.
    fn index(&self, k: usize, i: f64) -> Option<usize> {
        let n = self.spatial[k] as f64;
        if i >= 0.0 && i < n {
            return Some(i as usize);
        }
        let (lo, hi) = self.edges(k);
        match self.padding {
            Padding::Zeros => None,
            Padding::Border => Some(i.clamp(0.0, n - 1.0) as usize),
            Padding::Reflection => Some(reflect(i, lo, hi).clamp(0.0, n - 1.0) as usize),
        }
    }
    fn at(&self, base: usize, c: &[f64]) -> (f64, f64, bool) {
        let mut p = base;
        for (k, &i) in c.iter().enumerate() {
            match self.index(k, i) {
                Some(i) => p += i * self.st[k],
                None => return (0.0, 0.0, false),
            }
        }
        (self.f.value[p], self.f.radius[p], self.f.may_nan(p))
    }
    /// All elements at offsets `from..=to` around the floor of the position.
    fn around(&self, base: usize, floor: &[f64], from: i32, to: i32) -> Vec<(Vec<i32>, (f64, f64, bool))> {
        let side = (to - from + 1) as usize;
        let mut odo = Odometer::new(&vec![side; floor.len()]);
        let mut out = Vec::new();
        while let Some(c) = odo.next() {
            let off: Vec<i32> = c.iter().map(|&c| c as i32 + from).collect();
            let at: Vec<f64> = off.iter().zip(floor).map(|(&o, f)| f + f64::from(o)).collect();
            out.push((off, self.at(base, &at)));
        }
        out
    }
    fn sample(&self, base: usize, pos: &[(f64, f64)]) -> (f64, f64, bool) {
        // Beyond half an element the position may leave the cells that are looked at below.
        if pos.iter().any(|p| !p.0.is_finite() || p.1.is_nan() || p.1 > 0.5 || p.0.abs() > 1e15) {
            return (0.0, f64::INFINITY, true);
        }
        if self.mode == "nearest" {
            return self.nearest(base, pos);
        }
        let floor: Vec<f64> = pos.iter().map(|p| libm::floor(p.0)).collect();
        let cubic = self.mode == "cubic";
        let (from, to) = if cubic { (-1, 2) } else { (0, 1) };
        let w: Vec<Vec<f64>> = pos.iter().map(|p| weights(p.0 - libm::floor(p.0), cubic)).collect();
        let (mut v, mut m, mut e, mut nan) = (0.0, 0.0, 0.0, false);
        for (off, (x, ex, n)) in self.around(base, &floor, from, to) {
            let w: f64 = off.iter().enumerate().map(|(k, &o)| w[k][(o - from) as usize]).product();
            if w != 0.0 {
                v += w * x;
                m += w.abs() * (x.abs() + ex);
                e += w.abs() * ex;
                nan |= n;
            } else {
                // An implementation may multiply by the 0 or leave the corner out.
                nan |= n || !x.is_finite() || ex.is_infinite();
            }
        }
        let err: f64 = pos.iter().map(|p| p.1).sum();
        if err > 0.0 {
            let wide = self.around(base, &floor, from - 1, to + 1);
            let lo = wide.iter().map(|x| x.1.0 - x.1.1).fold(f64::INFINITY, f64::min);
            let hi = wide.iter().map(|x| x.1.0 + x.1.1).fold(f64::NEG_INFINITY, f64::max);
            e += err * (hi - lo) * if cubic { 8.0 } else { 1.0 };
        }
        let n = if cubic { 40.0 } else { 4.0 * pos.len() as f64 };
        let g = n * self.u / (1.0 - n * self.u);
        if m.is_finite() && (self.overflows)(m * (1.0 + g)) {
            return (0.0, f64::INFINITY, true);
        }
        let exact = err == 0.0 && !cubic && m == 0.0;
        (v, if exact { 0.0 } else { e + g * m + self.lost * n }, nan)
    }
    fn nearest(&self, base: usize, pos: &[(f64, f64)]) -> (f64, f64, bool) {
        let pick: Vec<f64> = pos.iter().map(|p| libm::rint(p.0)).collect();
        let (v, e, nan) = self.at(base, &pick);
        let both: Vec<Vec<f64>> = pos
            .iter()
            .map(|p| {
                let (a, b) = (libm::rint(p.0 - p.1), libm::rint(p.0 + p.1));
                if a == b { vec![a] } else { vec![a, b] }
            })
            .collect();
        let mut odo = Odometer::new(&both.iter().map(Vec::len).collect::<Vec<_>>());
        let (mut radius, mut flag) = (e, nan);
        while let Some(c) = odo.next() {
            let at: Vec<f64> = c.iter().enumerate().map(|(k, &i)| both[k][i]).collect();
            let (x, ex, n) = self.at(base, &at);
            radius = radius.max(hull_radius(v, x - ex, x + ex));
            flag |= n;
        }
        (v, radius, flag && !v.is_nan())
    }
}

fn weights(t: f64, cubic: bool) -> Vec<f64> {
    if !cubic {
        return vec![1.0 - t, t];
    }
    let a = -0.75;
    let near = |x: f64| ((a + 2.0) * x - (a + 3.0)) * x * x + 1.0;
    let far = |x: f64| ((a * x - 5.0 * a) * x + 8.0 * a) * x - 4.0 * a;
    vec![far(1.0 + t), near(t), near(1.0 - t), far(2.0 - t)]
}

/// GridSample.
pub fn grid_sample(a: &Args<'_>) -> OpResult<Bounded> {
    let (x, g) = (a.x(0)?, a.x(1)?);
    let r = x.rank().saturating_sub(2);
    if r == 0 || g.rank() != r + 2 || g.dims[r + 1] != r || g.dims[0] != x.dims[0] {
        return invalid(format!("a grid of shape {:?} for data of shape {:?}", g.dims, x.dims));
    }
    let padding = match a.str("padding_mode")? {
        "zeros" => Padding::Zeros,
        "border" => Padding::Border,
        "reflection" => Padding::Reflection,
        p => return invalid(format!("unknown padding_mode `{p}`")),
    };
    let mode = match a.str("mode")? {
        "linear" | "bilinear" => "linear",
        "cubic" | "bicubic" => "cubic",
        "nearest" => "nearest",
        m => return invalid(format!("unknown mode `{m}`")),
    };
    let spatial = &x.dims[2..];
    if spatial.contains(&0) {
        return invalid("empty data cannot be sampled");
    }
    let gf = g.float()?;
    let overflows = |m: f64| a.cx.may_overflow(m, 2.0, x.dtype);
    let s = Sampler {
        overflows: &overflows,
        f: x.float()?,
        spatial,
        st: strides(spatial),
        padding,
        align: a.flag("align_corners")?,
        mode,
        u: a.cx.u(x.dtype),
        lost: a.cx.eta(a.cx.acc(x.dtype)),
    };
    let (area, places) = (count(spatial), count(&g.dims[1..=r]));
    let channels = x.dims[1];
    let mut dims = x.dims[..2].to_vec();
    dims.extend(&g.dims[1..=r]);
    let n = a.cx.alloc(&dims)?;
    Ok(build(a.cx, x.dtype, dims, n, |i| {
        let (plane, p) = (i / places.max(1), i % places.max(1));
        let at = (plane / channels * places + p) * r;
        let pos: Vec<(f64, f64)> =
            (0..r).map(|k| s.position(k, gf.value[at + r - 1 - k], gf.radius[at + r - 1 - k])).collect();
        s.sample(plane * area, &pos)
    }))
}
