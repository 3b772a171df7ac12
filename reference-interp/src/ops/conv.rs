//! Conv and ConvTranspose, any number of spatial axes, groups, dilations, pads, strides.
//!
//! Linear (see [`super::linear`]) with `K = C/group * taps` products. Weights: `[O, C/group, k...]` for Conv (correlation, the
//! filter is not reversed), `[C, O/group, k...]` for ConvTranspose. `kernel_shape`, if given, has to agree with the weights.

use super::linear::{Depth, Sum, add_bias, bilinear, bilinear_of};
use super::window::{Run, Window, WindowAttrs};
use crate::cx::{Args, EvalCx};
use crate::error::{OpResult, invalid};
use crate::hypothesis::Hypothesis;
use crate::index::{broadcast_map, count};
use crate::value::Bounded;
use crate::wide::Wide;

/// Shapes of a convolution.
#[derive(Clone, Debug)]
pub struct ConvShape {
    /// Batch.
    pub batch: usize,
    /// Groups.
    pub group: usize,
    /// Input channels of one group.
    pub cin: usize,
    /// Output channels of one group.
    pub cout: usize,
    /// Window.
    pub window: Window,
    runs: Vec<Vec<Run>>,
    flip: bool,
    /// The terms that are added, under a hypothesis.
    part: Option<std::ops::Range<usize>>,
}

impl ConvShape {
    /// From the operands' extents and the node's attributes.
    pub fn new(a: &Args<'_>, x: &[usize], w: &[usize]) -> OpResult<ConvShape> {
        let r = x.len().saturating_sub(2);
        if x.len() < 2 || w.len() != x.len() {
            return invalid(format!("data {x:?} and weights {w:?} are no convolution"));
        }
        let group = a.int("group")?;
        let fits = |g: usize| g.checked_mul(w[1]) == Some(x[1]) && g <= w[0].max(1) && w[0].is_multiple_of(g);
        if group < 1 || !fits(group as usize) {
            return invalid(format!("{group} groups do not fit data {x:?} and weights {w:?}"));
        }
        check_kernel(a, &w[2..])?;
        let window = Window::new(&x[2..], &w[2..], &WindowAttrs::read(a, r)?, false)?;
        let group = group as usize;
        let flip = a.cx.hyp(Hypothesis::FlippedKernel);
        let part = a.cx.hypothesis.and_then(Hypothesis::terms);
        let s = ConvShape { batch: x[0], group, cin: w[1], cout: w[0] / group, runs: Vec::new(), window, flip, part };
        a.cx.alloc(&s.dims())?;
        Ok(ConvShape { runs: s.window.runs(), ..s })
    }
    /// Extents of the result.
    pub fn dims(&self) -> Vec<usize> {
        let mut d = vec![self.batch, self.group * self.cout];
        d.extend(&self.window.out);
        d
    }
    /// Products per result.
    pub fn terms(&self) -> usize {
        self.cin * self.window.taps()
    }
    /// Roundings that a product meets: groups of 16 channels of each tap.
    pub fn depth(&self, cx: &EvalCx<'_>) -> Depth {
        let terms = self.terms() as f64;
        Depth { path: cx.depth(terms, (self.window.taps() * self.cin.div_ceil(16)) as f64), products: terms }
    }
    /// The convolution on plain arrays: `mac(sum, x, w)` adds one product; only the first `terms` of each result.
    pub fn run<T: Copy + Default>(&self, x: &[T], w: &[T], terms: usize, mac: impl Fn(T, T, T) -> T) -> Vec<T> {
        let (pi, po, taps) = (count(&self.window.input), count(&self.window.out), self.window.taps());
        let (ci, co) = (self.group * self.cin, self.group * self.cout);
        let mut y = vec![T::default(); self.batch * co * po];
        for (plane, out) in y.chunks_exact_mut(po.max(1)).enumerate() {
            let (n, o) = (plane / co, plane % co);
            let g = o / self.cout;
            for c in 0..self.cin {
                let src = &x[(n * ci + g * self.cin + c) * pi..][..pi];
                for (t, runs) in self.runs.iter().enumerate() {
                    let missing = self.part.as_ref().is_some_and(|r| !r.contains(&(t * self.cin + c)));
                    if c * taps + t >= terms || missing {
                        continue;
                    }
                    let tw = if self.flip { taps - 1 - t } else { t };
                    let k = w[(o * self.cin + c) * taps + tw];
                    for r in runs {
                        let dst = &mut out[r.out..r.out + r.len];
                        if r.step == 1 {
                            dst.iter_mut().zip(&src[r.src..r.src + r.len]).for_each(|(d, &s)| *d = mac(*d, s, k));
                        } else {
                            dst.iter_mut()
                                .zip(src[r.src..].iter().step_by(r.step))
                                .for_each(|(d, &s)| *d = mac(*d, s, k));
                        }
                    }
                }
            }
        }
        y
    }
    /// [`ConvShape::run`] on floats under a rule for sums.
    pub fn float(&self, x: &[f64], w: &[f64], s: Sum) -> Vec<f64> {
        if s.is_exact() {
            self.run(x, w, self.terms(), |d, x, k| d + x * k)
        } else {
            self.run(x, w, s.terms(self.terms()), |d, x, k| s.add(d, x * k))
        }
    }
}

impl ConvShape {
    /// [`ConvShape::run`] in two floats.
    pub fn wide(&self, x: &[f64], w: &[f64]) -> Vec<Wide> {
        let widened = |v: &[f64]| v.iter().map(|&x| Wide::of(x)).collect::<Vec<_>>();
        self.run(&widened(x), &widened(w), self.terms(), |d, x, k| d.plus_product(x.hi, k.hi))
    }
}

fn check_kernel(a: &Args<'_>, w: &[usize]) -> OpResult<()> {
    match a.int_list("kernel_shape") {
        Some(k) if k.len() != w.len() || k.iter().zip(w).any(|(&k, &w)| k != w as i64) => {
            invalid(format!("kernel_shape {k:?} and weights {w:?} differ"))
        }
        _ => Ok(()),
    }
}

/// For each element of `dims` its channel (axis 1).
pub fn channel_map(dims: &[usize]) -> Vec<usize> {
    let mut shape = vec![1; dims.len()];
    shape[1] = dims[1];
    broadcast_map(&shape, dims)
}

/// Checks a per-channel bias.
pub fn check_bias(b: &Bounded, channels: usize) -> OpResult<()> {
    if b.dims == [channels] { Ok(()) } else { invalid(format!("a bias of shape {:?} for {channels} channels", b.dims)) }
}

/// Conv.
pub fn conv(a: &Args<'_>) -> OpResult<Bounded> {
    let (x, w) = (a.x(0)?, a.x(1)?);
    let s = ConvShape::new(a, &x.dims, &w.dims)?;
    let dims = s.dims();
    let (f, wide) = (|p: &[f64], q: &[f64], sum: Sum| s.float(p, q, sum), |p: &[f64], q: &[f64]| s.wide(p, q));
    let mut raw = bilinear_of(a.cx, x.dtype, x.float()?, w.float()?, s.depth(a.cx), &f, &wide);
    if let Some(b) = a.opt(2) {
        check_bias(b, dims[1])?;
        add_bias(a.cx, &mut raw, b.float()?, &channel_map(&dims));
    }
    Ok(a.cx.linear(x.dtype, dims, raw))
}

/// ConvTranspose: scatters each input element over a window of the result. `output_shape` sets the padding
/// (the odd one goes to the end for SAME_UPPER, to the beginning otherwise).
pub fn conv_transpose(a: &Args<'_>) -> OpResult<Bounded> {
    let (x, w) = (a.x(0)?, a.x(1)?);
    let r = x.rank().saturating_sub(2);
    let group = a.int("group")?;
    if x.rank() < 2
        || w.rank() != x.rank()
        || group < 1
        || w.dims[0] != x.dims[1]
        || group as usize > x.dims[1].max(1)
        || !x.dims[1].is_multiple_of(group as usize)
    {
        return invalid(format!("data {:?} and weights {:?} are no transposed convolution", x.dims, w.dims));
    }
    check_kernel(a, &w.dims[2..])?;
    let group = group as usize;
    let (input, kernel) = (&x.dims[2..], &w.dims[2..]);
    let at = WindowAttrs::read(a, r)?;
    let (out, begin) = transpose_extents(a, input, kernel, &at)?;
    let (cin, cout) = (x.dims[1] / group, w.dims[1]);
    let mut dims = vec![x.dims[0], cout * group];
    dims.extend(&out);
    let n = a.cx.alloc(&dims)?;
    // The transposed map: a window over the result whose results are the input's elements.
    let window = Window {
        input: out,
        kernel: kernel.to_vec(),
        out: input.to_vec(),
        strides: at.strides,
        dilations: at.dilations,
        end: vec![0; r],
        begin,
    };
    let runs = window.runs();
    let (pi, po, taps) = (count(input), count(&window.input), window.taps());
    let run = |p: &[f64], q: &[f64], s: Sum| {
        let mut y = vec![0.0; n];
        let terms = s.terms(cin * taps);
        for (plane, dst) in y.chunks_exact_mut(po.max(1)).enumerate() {
            let (b, o) = (plane / (cout * group), plane % (cout * group));
            let (g, o) = (o / cout, o % cout);
            for c in 0..cin {
                let src = &p[(b * cin * group + g * cin + c) * pi..][..pi];
                for (t, runs) in runs.iter().enumerate().filter(|(t, _)| c * taps + t < terms) {
                    let k = q[((g * cin + c) * cout + o) * taps + t];
                    for r in runs {
                        for j in 0..r.len {
                            let d = &mut dst[r.src + j * r.step];
                            *d = s.add(*d, src[r.out + j] * k);
                        }
                    }
                }
            }
        }
        y
    };
    let mut raw = bilinear(a.cx, x.float()?, w.float()?, Depth::chain(cin * taps), &run);
    if let Some(b) = a.opt(2) {
        check_bias(b, dims[1])?;
        add_bias(a.cx, &mut raw, b.float()?, &channel_map(&dims));
    }
    Ok(a.cx.linear(x.dtype, dims, raw))
}

fn transpose_extents(
    a: &Args<'_>,
    input: &[usize],
    kernel: &[usize],
    at: &WindowAttrs,
) -> OpResult<(Vec<usize>, Vec<i64>)> {
    let r = input.len();
    let extra = a.int_list("output_padding").map_or_else(|| vec![0; r], <[i64]>::to_vec);
    let same = at.auto_pad.starts_with("SAME");
    let want = match a.int_list("output_shape") {
        Some(s) if s.len() >= r => Some(s[s.len() - r..].to_vec()),
        Some(_) => return invalid("output_shape is too short"),
        None if same => Some((0..r).map(|k| input[k] as i64 * at.strides[k]).collect()),
        None => None,
    };
    let sane = |v: &[i64]| v.iter().all(|&p| (0..1 << 31).contains(&p));
    if extra.len() != r || !sane(&extra) || want.as_ref().is_some_and(|w| !sane(w)) {
        return invalid("output_padding or output_shape does not fit");
    }
    let (mut out, mut begin) = (Vec::new(), Vec::new());
    for k in 0..r {
        let full = (input[k] as i64 - 1) * at.strides[k] + extra[k] + (kernel[k] as i64 - 1) * at.dilations[k] + 1;
        let (o, b) = match &want {
            Some(w) => {
                let total = (full - w[k]).max(0);
                (w[k], if at.auto_pad == "SAME_UPPER" { total / 2 } else { total - total / 2 })
            }
            None if at.auto_pad == "VALID" => (full, 0),
            None => (full - at.pads[k] - at.pads[k + r], at.pads[k]),
        };
        if o < 0 {
            return invalid("the padding removes more than there is");
        }
        out.push(o as usize);
        begin.push(b);
    }
    Ok((out, begin))
}
