//! ConvTranspose as one ordinary convolution for each output phase, the phases interleaved.
//!
//! Along an axis with stride s and dilation d, output `o = s q + p` is the sum over taps t of
//! `w[t] x[(o + begin - t d) / s]` where the division is exact. With g = gcd(d, s) these are the taps `t0 + m s/g`, and
//! they read `x[q + c - m d/g]` with `c = (p + begin - t0 d) / s`: a convolution of stride 1 and dilation d/g with the
//! flipped taps. No zero is put between elements, so that no zero meets an infinite weight.

use super::{Lowered, done};
use crate::passes::build::{Build, Res};
use crate::passes::normalize::sliced;
use crate::types::SliceSpec;
use ir::{Attrs, Node, NodeId, Op, Tensor, TensorType, ValueId};

/// More phases than this are left (each is a convolution).
const MAX_PHASES: usize = 64;

/// One spatial axis.
struct Axis {
    stride: i64,
    dilation: i64,
    kernel: i64,
    begin: i64,
    input: i64,
    output: i64,
}
/// One phase of an axis: which taps, and where they read.
struct Phase {
    first: i64,
    step: i64,
    taps: i64,
    dilation: i64,
    /// Padding before the input, negative to crop.
    before: i64,
}

impl Axis {
    /// Outputs per phase.
    fn rows(&self) -> i64 {
        (self.output + self.stride - 1) / self.stride
    }
    /// The phase of outputs `p, p + s, …`; `None` if no tap reaches them.
    fn phase(&self, p: i64) -> Option<Phase> {
        let fits = |t: &i64| (p + self.begin - t * self.dilation).rem_euclid(self.stride) == 0;
        let first = (0..self.kernel.min(self.stride)).find(fits)?;
        let step = self.stride / gcd(self.stride, self.dilation);
        let dilation = self.dilation / gcd(self.stride, self.dilation);
        let taps = (self.kernel - first - 1) / step + 1;
        let c = (p + self.begin - first * self.dilation).div_euclid(self.stride);
        Some(Phase { first, step, taps, dilation, before: (taps - 1) * dilation - c })
    }
}
fn gcd(a: i64, b: i64) -> i64 {
    if b == 0 { a } else { gcd(b, a % b) }
}

fn axes(n: &Node, input: &[usize], kernel: &[usize], output: &[usize]) -> Vec<Axis> {
    let get = |name: &str, i: usize, default: i64| n.attrs.ints(name).map_or(default, |v| v[i]);
    let auto = n.attrs.str("auto_pad").unwrap_or("NOTSET");
    (0..input.len())
        .map(|i| {
            let (stride, dilation) = (get("strides", i, 1), get("dilations", i, 1));
            let (input, output, kernel) = (input[i] as i64, output[i] as i64, kernel[i] as i64);
            let full = stride * (input - 1) + get("output_padding", i, 0) + (kernel - 1) * dilation + 1;
            let total = full - output;
            let begin = match (n.attrs.has("output_shape"), auto) {
                (false, "NOTSET") => get("pads", i, 0),
                (false, "VALID") => 0,
                (_, "SAME_UPPER") => total.div_euclid(2),
                _ => total - total.div_euclid(2),
            };
            Axis { stride, dilation, kernel, begin, input, output }
        })
        .collect()
}

/// Lowers a ConvTranspose over one or two spatial axes.
pub fn lower(b: &mut Build<'_, '_>, id: NodeId, n: &Node) -> Lowered {
    let (x, w) = (b.input(id, 0), b.input(id, 1));
    let (mut dx, mut dw, out) = (b.dims(x), b.dims(w), b.r.old.ty(n.outputs[0]).dims.clone());
    if dx.len() == 5 && !dx.contains(&0) && !out.contains(&0) {
        return volume(b, id, n, &dx, &dw, &out);
    }
    if dx.len() > 4 || dx.contains(&0) || dw.contains(&0) || out.contains(&0) {
        return Ok(None);
    }
    let mut ax = axes(n, &dx[2..], &dw[2..], &out[2..]);
    if dx.len() == 3 {
        ax.insert(0, Axis { stride: 1, dilation: 1, kernel: 1, begin: 0, input: 1, output: 1 });
        dx.insert(2, 1);
        dw.insert(2, 1);
    }
    let [h, v] = ax.as_slice() else { return Ok(None) };
    if (h.stride * v.stride) as usize > MAX_PHASES {
        return Ok(None);
    }
    let group = n.attrs.int("group").unwrap_or(1);
    let x = b.reshape(x, &dx)?;
    let w = b.reshape(w, &dw)?;
    let w = channels_first(b, w, group as usize)?;
    let bias = b.opt_input(id, 2);
    let mut rows = Vec::new();
    for p in 0..h.stride {
        let mut columns = Vec::new();
        for q in 0..v.stride {
            let y = match (h.phase(p), v.phase(q)) {
                (Some(a), Some(c)) => convolution(b, x, w, bias, group, [(h, &a), (v, &c)])?,
                _ => bias_alone(b, x, out[1], bias, [h, v])?,
            };
            columns.push(y);
        }
        rows.push(interleaved(b, &columns, 3)?);
    }
    let y = interleaved(b, &rows, 2)?;
    let y = b.slice_axis(y, 2, 0, h.output as usize)?;
    let y = b.slice_axis(y, 3, 0, v.output as usize)?;
    let y = b.reshape(y, &out)?;
    done(b, id, y)
}

/// Weights `[C, M/g, kh, kw]` as `[M, C/g, kh, kw]`.
fn channels_first(b: &mut Build<'_, '_>, w: ValueId, g: usize) -> Res<ValueId> {
    let d = b.dims(w);
    let y = b.reshape(w, &[g, d[0] / g, d[1], d[2], d[3]])?;
    let y = b.transpose(y, &[0, 2, 1, 3, 4])?;
    b.reshape(y, &[d[1] * g, d[0] / g, d[2], d[3]])
}

fn convolution(
    b: &mut Build<'_, '_>,
    x: ValueId,
    w: ValueId,
    bias: Option<ValueId>,
    group: i64,
    phases: [(&Axis, &Phase); 2],
) -> Res<ValueId> {
    let whole = |n: usize| SliceSpec { start: 0, step: 1, len: n };
    let mut taps: Vec<SliceSpec> = b.dims(w).iter().map(|&n| whole(n)).collect();
    let mut cut: Vec<SliceSpec> = b.dims(x).iter().map(|&n| whole(n)).collect();
    let (mut begin, mut end) = (vec![], vec![]);
    for (i, (a, p)) in phases.iter().enumerate() {
        taps[2 + i] = SliceSpec { start: p.first + (p.taps - 1) * p.step, step: -p.step, len: p.taps as usize };
        // The convolution reads `reach` cells from -before on; what lies outside the input is padding.
        let reach = a.rows() - 1 + (p.taps - 1) * p.dilation + 1;
        let from = (-p.before).clamp(0, a.input);
        let to = (reach - p.before).clamp(from, a.input);
        let pad = if from == to { reach } else { p.before.max(0) };
        cut[2 + i] = SliceSpec { start: from, step: 1, len: (to - from) as usize };
        begin.push(pad);
        end.push(reach - pad - (to - from));
    }
    let (x, w) = (sliced(b, x, &cut)?, sliced(b, w, &taps)?);
    let list = |f: fn(&Phase) -> i64| [f(phases[0].1), f(phases[1].1)];
    let attrs = Attrs::none()
        .with_int("group", group)
        .with_ints("kernel_shape", &list(|p| p.taps))
        .with_ints("strides", &[1, 1])
        .with_ints("dilations", &list(|p| p.dilation))
        .with_ints("pads", &[begin, end].concat());
    let inputs: &[_] = if bias.is_some() { &[Some(x), Some(w), bias] } else { &[Some(x), Some(w)] };
    b.op(Op::Conv, attrs, inputs)
}
/// A phase without taps: the bias, or zeros.
fn bias_alone(b: &mut Build<'_, '_>, x: ValueId, m: usize, bias: Option<ValueId>, ax: [&Axis; 2]) -> Res<ValueId> {
    let v = match bias {
        Some(v) => b.reshape(v, &[1, m, 1, 1])?,
        None => {
            let ty = TensorType::new(b.ty(x).dtype, [1, 1, 1, 1]);
            b.r.constant(Tensor::zeros(&ty))
        }
    };
    let batch = b.ty(x).dims[0];
    b.expand(v, &[batch, m, ax[0].rows() as usize, ax[1].rows() as usize])
}
/// Elements of equal tensors in turn along an axis.
fn interleaved(b: &mut Build<'_, '_>, parts: &[ValueId], axis: usize) -> Res<ValueId> {
    let [first, _, ..] = parts else { return Ok(parts[0]) };
    let mut dims = b.dims(*first);
    let mut stacked = Vec::new();
    for &p in parts {
        let mut d = dims.clone();
        d.insert(axis + 1, 1);
        stacked.push(Some(b.reshape(p, &d)?));
    }
    let y = b.op(Op::Concat, Attrs::none().with_int("axis", axis as i64 + 1), &stacked)?;
    dims[axis] *= parts.len();
    b.reshape(y, &dims)
}

/// Three spatial axes: every tap of the depth is a ConvTranspose over the other two (all depths of the input as one batch),
/// and every depth of the output the sum of the taps that reach it, in their order.
fn volume(b: &mut Build<'_, '_>, id: NodeId, n: &Node, dx: &[usize], dw: &[usize], out: &[usize]) -> Lowered {
    let ax = axes(n, &dx[2..], &dw[2..], &out[2..]);
    let [deep, plane @ ..] = ax.as_slice() else { return Ok(None) };
    if plane.iter().any(|a| a.begin < 0) || (deep.output * deep.kernel) as usize > MAX_PHASES * 4 {
        return Ok(None);
    }
    let full = |a: &Axis| a.stride * (a.input - 1) + (a.kernel - 1) * a.dilation + 1;
    let end = |a: &Axis| full(a) - a.output - a.begin;
    let each = |f: &dyn Fn(&Axis) -> i64| -> Vec<i64> { plane.iter().map(f).collect() };
    let pads = [each(&|a| a.begin), each(&|a| end(a).max(0))].concat();
    let attrs = Attrs::none()
        .with_ints("kernel_shape", &each(&|a| a.kernel))
        .with_ints("strides", &each(&|a| a.stride))
        .with_ints("dilations", &each(&|a| a.dilation))
        .with_ints("output_padding", &each(&|a| (-end(a)).max(0)))
        .with_ints("pads", &pads)
        .with_int("group", n.attrs.int("group").unwrap_or(1));
    let (x, w) = (b.input(id, 0), b.input(id, 1));
    let x = b.transpose(x, &[0, 2, 1, 3, 4])?;
    let x = b.reshape(x, &[dx[0] * dx[2], dx[1], dx[3], dx[4]])?;
    let mut taps = Vec::new();
    for t in 0..dw[2] {
        let part = b.slice_axis(w, 2, t, t + 1)?;
        let part = b.reshape(part, &[dw[0], dw[1], dw[3], dw[4]])?;
        let y = b.op(Op::ConvTranspose, attrs.clone(), &[Some(x), Some(part)])?;
        taps.push(b.reshape(y, &[dx[0], dx[2], out[1], out[3], out[4]])?);
    }
    let slab = [dx[0], out[1], 1, out[3], out[4]];
    let mut slabs = Vec::new();
    for o in 0..deep.output {
        let mut sum: Option<ValueId> = None;
        for (t, &y) in taps.iter().enumerate() {
            let at = o + deep.begin - t as i64 * deep.dilation;
            let i = at.div_euclid(deep.stride);
            if at.rem_euclid(deep.stride) != 0 || !(0..deep.input).contains(&i) {
                continue;
            }
            let v = b.slice_axis(y, 1, i as usize, i as usize + 1)?;
            let v = b.reshape(v, &slab)?;
            sum = Some(match sum {
                None => v,
                Some(s) => b.bin(Op::Add, s, v)?,
            });
        }
        slabs.push(match sum {
            Some(s) => s,
            None => {
                let zero = super::scalar_like(b, x, 0.0);
                b.expand(zero, &slab)?
            }
        });
    }
    let mut y = b.concat(&slabs, 2)?;
    if let Some(bias) = b.opt_input(id, 2) {
        let bias = b.reshape(bias, &[out[1], 1, 1, 1])?;
        y = b.bin(Op::Add, y, bias)?;
    }
    done(b, id, y)
}
