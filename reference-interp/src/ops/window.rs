//! Sliding windows of convolution and pooling: extents, padding, and which input element each tap of a window reads.

use crate::cx::Args;
use crate::error::{OpResult, invalid};
use crate::index::{Odometer, count, strides};

/// Most taps of one window.
const MAX_TAPS: usize = 1 << 26;
/// Most taps of all windows of one plane.
const MAX_WORK: usize = 1 << 30;

/// Geometry of a window over any number of spatial axes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Window {
    /// Extents of the input.
    pub input: Vec<usize>,
    /// Extents of the window.
    pub kernel: Vec<usize>,
    /// Extents of the result.
    pub out: Vec<usize>,
    /// Steps.
    pub strides: Vec<i64>,
    /// Distances of taps.
    pub dilations: Vec<i64>,
    /// Padding before.
    pub begin: Vec<i64>,
    /// Padding after.
    pub end: Vec<i64>,
}

/// Consecutive results that one tap serves: result `out + j` reads element `src + j * step`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Run {
    /// First result.
    pub out: usize,
    /// First element.
    pub src: usize,
    /// Number of results.
    pub len: usize,
    /// Distance of elements.
    pub step: usize,
}

/// Attributes common to windows.
#[derive(Clone, Debug)]
pub struct WindowAttrs {
    /// `strides`.
    pub strides: Vec<i64>,
    /// `dilations`.
    pub dilations: Vec<i64>,
    /// `pads`: all begins, then all ends.
    pub pads: Vec<i64>,
    /// `auto_pad`.
    pub auto_pad: String,
}

impl WindowAttrs {
    /// Reads and checks them for `r` spatial axes. Operators without `dilations` or `auto_pad` have the defaults.
    pub fn read(a: &Args<'_>, r: usize) -> OpResult<WindowAttrs> {
        let list = |name: &str, d: i64, n: usize| a.int_list(name).map_or_else(|| vec![d; n], <[i64]>::to_vec);
        let auto_pad = a.node.attrs.str("auto_pad").unwrap_or("NOTSET").to_string();
        let w = WindowAttrs {
            strides: list("strides", 1, r),
            dilations: list("dilations", 1, r),
            pads: list("pads", 0, 2 * r),
            auto_pad,
        };
        if w.strides.len() != r || w.dilations.len() != r || w.pads.len() != 2 * r {
            return invalid(format!("strides, dilations or pads do not fit {r} spatial axes"));
        }
        let limit = 1 << 31;
        if w.strides.iter().chain(&w.dilations).any(|&s| !(1..limit).contains(&s)) {
            return invalid("strides and dilations have to be positive");
        }
        if w.pads.iter().any(|&p| p.abs() >= limit) {
            return invalid("pads are out of range");
        }
        Ok(w)
    }
}

impl Window {
    /// The window of a convolution or pooling.
    pub fn new(input: &[usize], kernel: &[usize], w: &WindowAttrs, ceil: bool) -> OpResult<Window> {
        let r = input.len();
        let (mut begin, mut end, mut out) = (vec![0; r], vec![0; r], vec![0; r]);
        if kernel.contains(&0) || count(kernel) > MAX_TAPS {
            return invalid(format!("a window of {kernel:?}"));
        }
        for k in 0..r {
            let (n, s) = (input[k] as i64, w.strides[k]);
            let span = (kernel[k] as i64 - 1) * w.dilations[k] + 1;
            let ceil_div = |p: i64| p.div_euclid(s) + i64::from(p.rem_euclid(s) != 0);
            match w.auto_pad.as_str() {
                "SAME_UPPER" | "SAME_LOWER" => {
                    out[k] = ceil_div(n) as usize;
                    let total = ((out[k] as i64 - 1) * s + span - n).max(0);
                    let (small, big) = (total / 2, total - total / 2);
                    (begin[k], end[k]) = if w.auto_pad == "SAME_UPPER" { (small, big) } else { (big, small) };
                    continue;
                }
                "VALID" => {}
                "NOTSET" => (begin[k], end[k]) = (w.pads[k], w.pads[k + r]),
                other => return invalid(format!("unknown auto_pad `{other}`")),
            }
            let room = n + begin[k] + end[k] - span;
            if room < 0 {
                return invalid(format!("the window of {span} does not fit the extent {n} with its padding"));
            }
            let mut o = if ceil { ceil_div(room) } else { room.div_euclid(s) } + 1;
            if ceil && (o - 1) * s >= n + begin[k] {
                o -= 1; // the last window would begin in the end padding
            }
            out[k] = o as usize;
        }
        if count(&out).saturating_mul(count(kernel)) > MAX_WORK {
            return invalid(format!("{out:?} windows of {kernel:?} are too many"));
        }
        let (strides, dilations) = (w.strides.clone(), w.dilations.clone());
        Ok(Window { input: input.to_vec(), kernel: kernel.to_vec(), out, strides, dilations, begin, end })
    }
    /// Number of taps.
    pub fn taps(&self) -> usize {
        count(&self.kernel)
    }
    /// For each tap (row-major in the window) its runs.
    pub fn runs(&self) -> Vec<Vec<Run>> {
        let r = self.input.len();
        if r == 0 {
            return vec![vec![Run { out: 0, src: 0, len: 1, step: 1 }]];
        }
        let (si, so) = (strides(&self.input), strides(&self.out));
        let mut all = Vec::with_capacity(self.taps());
        let mut taps = Odometer::new(&self.kernel);
        while let Some(t) = taps.next() {
            let first: Vec<i64> = (0..r).map(|k| t[k] as i64 * self.dilations[k] - self.begin[k]).collect();
            let mut runs: Vec<Run> = Vec::new();
            let mut outer = Odometer::new(&self.out[..r - 1]);
            let (lo, hi) = self.valid(r - 1, first[r - 1]);
            while let Some(o) = outer.next() {
                if lo >= hi {
                    break;
                }
                let at = |k: usize| o[k] as i64 * self.strides[k] + first[k];
                if (0..r - 1).any(|k| at(k) < 0 || at(k) >= self.input[k] as i64) {
                    continue;
                }
                let src: usize = (0..r - 1).map(|k| at(k) as usize * si[k]).sum();
                let out: usize = (0..r - 1).map(|k| o[k] * so[k]).sum();
                let step = self.strides[r - 1] as usize;
                let x = (lo as i64 * self.strides[r - 1] + first[r - 1]) as usize;
                let run = Run { out: out + lo, src: src + x, len: hi - lo, step };
                match runs.last_mut() {
                    Some(p) if step == 1 && p.out + p.len == run.out && p.src + p.len == run.src => p.len += run.len,
                    _ => runs.push(run),
                }
            }
            all.push(runs);
        }
        all
    }
    /// Results along axis `k` whose tap with offset `first` lies inside of the input.
    fn valid(&self, k: usize, first: i64) -> (usize, usize) {
        let (s, n) = (self.strides[k], self.input[k] as i64);
        let lo = if first >= 0 { 0 } else { (-first + s - 1) / s };
        let hi = if first >= n { 0 } else { (n - 1 - first) / s + 1 };
        (lo as usize, (hi.max(0) as usize).min(self.out[k]))
    }
    /// For each result, how many taps lie inside of the padded input: what `count_include_pad` divides by.
    pub fn padded_counts(&self) -> Vec<f64> {
        let inside = |k: usize, o: usize| {
            let end = self.input[k] as i64 + self.end[k];
            let at = |t: usize| o as i64 * self.strides[k] - self.begin[k] + t as i64 * self.dilations[k];
            (0..self.kernel[k]).filter(|&t| at(t) < end).count() as f64
        };
        let mut out = Vec::with_capacity(count(&self.out));
        let mut odo = Odometer::new(&self.out);
        while let Some(o) = odo.next() {
            out.push(o.iter().enumerate().map(|(k, &o)| inside(k, o)).product());
        }
        out
    }
}
