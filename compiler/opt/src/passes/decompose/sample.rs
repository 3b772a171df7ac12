//! GridSample and AffineGrid.
//!
//! Positions along an axis become a whole part and a fraction. The whole part is looked up in tables of the axis, which hold the
//! padding: where a neighbour lies, and whether it lies inside. Then one Gather a corner moves pixels with all their channels.

use super::index::{check_pairs, rows};
use super::{Lowered, done, input, scalar_like, with_scalar, work_type};
use crate::fold::value;
use crate::passes::build::{Build, Res};
use ir::{Attrs, DType, Node, NodeId, Op, Tensor, ValueId};

/// More corners than this are left.
const MAX_CORNERS: usize = 256;
/// Whole positions are cut to `-MARGIN..len + MARGIN`: all beyond are as far outside as these.
const MARGIN: i64 = 4;

/// What stands outside of the data.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Padding {
    Zeros,
    Border,
    Reflection,
}

/// One spatial axis.
pub struct Axis {
    /// Its extent.
    pub len: usize,
    /// Elements (pixels) between neighbours.
    pub stride: usize,
    /// What lies outside.
    pub padding: Padding,
    /// Whether the corner pixels' centres are the edges.
    pub align: bool,
}
/// One neighbour along an axis: where it lies (times the stride), whether inside, and its weight.
pub struct Tap {
    /// Place times stride, int64.
    pub place: ValueId,
    /// Whether it lies inside, where outside is 0.
    pub inside: Option<ValueId>,
    /// Its weight, none for 1.
    pub weight: Option<ValueId>,
}

/// Samples `x` at the positions of a grid, whose last component belongs to the first spatial axis.
pub fn grid(b: &mut Build<'_, '_>, id: NodeId, n: &Node) -> Lowered {
    let (x, g) = (b.input(id, 0), b.input(id, 1));
    let (dx, dg) = (b.dims(x), b.dims(g));
    let r = dx.len() - 2;
    let mode = n.attrs.str("mode").unwrap_or("linear");
    let reach: &[i64] = match mode {
        "nearest" => &[0],
        "linear" => &[0, 1],
        _ => &[-1, 0, 1, 2],
    };
    let padding = match n.attrs.str("padding_mode") {
        Some("border") => Padding::Border,
        Some("reflection") => Padding::Reflection,
        _ => Padding::Zeros,
    };
    if dx[2..].contains(&0)
        || reach.len().checked_pow(r as u32).is_none_or(|c| c > MAX_CORNERS)
        || (reach.len() > 1 && !b.ty(x).dtype.is_float())
    {
        return Ok(None);
    }
    let (points, align) = (dg[1..=r].iter().product::<usize>(), n.attrs.flag("align_corners"));
    let g = b.cast(g, DType::F32)?;
    let g = b.reshape(g, &[dx[0], points, r])?;
    let positions = positions(b, g, &dx[2..], align)?;
    let st = value::strides(&dx[2..]);
    let mut axes = Vec::new();
    for k in 0..r {
        let c = b.slice_axis(positions, 2, r - 1 - k, r - k)?;
        let c = b.reshape(c, &[dx[0], points])?;
        let axis = Axis { len: dx[2 + k], stride: st[k], padding, align };
        axes.push(axis.taps(b, c, mode, reach)?);
    }
    // [batch, spatial…, channels], as rows of channels.
    let pixels: Vec<usize> = [0].into_iter().chain(2..2 + r).chain([1]).collect();
    let work = if mode == "nearest" { b.ty(x).dtype } else { work_type(b.ty(x).dtype) };
    let x = b.cast(x, work)?;
    let x = b.transpose(x, &pixels)?;
    let area: usize = dx[2..].iter().product();
    let base = b.positions(&[dx[0], 1], |c| (c[0] * area) as i64);
    let y = corners(b, x, &axes, base, [dx[0], points, dx[1]])?;
    let y = b.transpose(y, &[0, 2, 1])?;
    let out = b.r.old.ty(n.outputs[0]).dims.clone();
    let y = b.reshape(y, &out)?;
    done(b, id, y)
}
/// Grid components as positions, for all axes at once: `((g + 1) n - 1) / 2`, or `(g + 1) / 2 (n - 1)` where corners are
/// aligned. The last component belongs to the first axis.
fn positions(b: &mut Build<'_, '_>, g: ValueId, spatial: &[usize], align: bool) -> Res<ValueId> {
    let p = with_scalar(b, Op::Add, g, 1.0)?;
    let extents = |less: f64| -> Vec<f64> { spatial.iter().rev().map(|&n| n as f64 - less).collect() };
    if align {
        let p = with_scalar(b, Op::Div, p, 2.0)?;
        let n = b.floats(DType::F32, &[spatial.len()], &extents(1.0));
        return b.bin(Op::Mul, p, n);
    }
    let n = b.floats(DType::F32, &[spatial.len()], &extents(0.0));
    let p = b.bin(Op::Mul, p, n)?;
    let p = with_scalar(b, Op::Sub, p, 1.0)?;
    with_scalar(b, Op::Div, p, 2.0)
}
/// The weighted sum over all corners: `[batch, points, channels]`.
fn corners(b: &mut Build<'_, '_>, x: ValueId, axes: &[Vec<Tap>], base: ValueId, dims: [usize; 3]) -> Res<ValueId> {
    let taps = axes[0].len();
    let mut sum: Option<ValueId> = None;
    for corner in 0..taps.pow(axes.len() as u32) {
        let (mut at, mut inside, mut weight): (_, Option<ValueId>, Option<ValueId>) = (base, None, None);
        let mut rest = corner;
        for axis in axes.iter().rev() {
            let t = &axis[rest % taps];
            rest /= taps;
            at = b.bin(Op::Add, at, t.place)?;
            inside = joined(b, Op::And, inside, t.inside)?;
            weight = joined(b, Op::Mul, weight, t.weight)?;
        }
        let mut v = rows(b, x, at, &[dims[2]])?;
        let column = [dims[0], dims[1], 1];
        if let Some(m) = inside {
            let m = b.reshape(m, &column)?;
            let zero = if b.ty(v).dtype == DType::Bool { b.mask(&[], |_| false) } else { scalar_like(b, v, 0.0) };
            v = b.select(m, v, zero)?;
        }
        if let Some(w) = weight {
            let w = b.reshape(w, &column)?;
            let d = b.ty(v).dtype;
            let w = b.cast(w, d)?;
            v = b.bin(Op::Mul, v, w)?;
        }
        sum = joined(b, Op::Add, sum, Some(v))?;
    }
    Ok(sum.expect("there is at least one corner"))
}
fn joined(b: &mut Build<'_, '_>, op: Op, x: Option<ValueId>, y: Option<ValueId>) -> Res<Option<ValueId>> {
    Ok(match (x, y) {
        (Some(x), Some(y)) => Some(b.bin(op, x, y)?),
        (x, y) => x.or(y),
    })
}

impl Axis {
    fn edges(&self) -> (f64, f64) {
        let n = self.len as f64;
        if self.align { (0.0, n - 1.0) } else { (-0.5, n - 0.5) }
    }
    /// The position brought inside by the padding mode.
    fn padded(&self, b: &mut Build<'_, '_>, p: ValueId) -> Res<ValueId> {
        let (lo, hi) = self.edges();
        match self.padding {
            Padding::Zeros => Ok(p),
            Padding::Border => {
                let (lo, hi) = (scalar_like(b, p, 0.0), scalar_like(b, p, self.len as f64 - 1.0));
                b.op(Op::Clip, Attrs::none(), &[Some(p), Some(lo), Some(hi)])
            }
            Padding::Reflection if hi <= lo => {
                let p = with_scalar(b, Op::Mul, p, 0.0)?;
                with_scalar(b, Op::Add, p, lo)
            }
            // A triangle wave of period 2 (hi - lo): continuous, so that it does not matter on which side a rounding falls.
            Padding::Reflection => {
                let period = 2.0 * (hi - lo);
                let v = with_scalar(b, Op::Sub, p, lo)?;
                let q = with_scalar(b, Op::Div, v, period)?;
                let q = b.un(Op::Floor, q)?;
                let q = with_scalar(b, Op::Mul, q, period)?;
                let up = b.bin(Op::Sub, v, q)?;
                let top = scalar_like(b, p, period);
                let down = b.bin(Op::Sub, top, up)?;
                let d = b.bin(Op::Min, up, down)?;
                with_scalar(b, Op::Add, d, lo)
            }
        }
    }
    /// The neighbours `reach` of the positions `p`, with their weights.
    pub fn taps(&self, b: &mut Build<'_, '_>, p: ValueId, mode: &str, reach: &[i64]) -> Res<Vec<Tap>> {
        if mode == "nearest" {
            // Rounded first, then padded, as ONNX's reference and ONNX Runtime do.
            let p = b.un(Op::Round, p)?;
            let p = self.padded(b, p)?;
            let p = if self.padding == Padding::Reflection { b.un(Op::Round, p)? } else { p };
            let whole = self.whole(b, p)?;
            return Ok(vec![self.tap(b, whole, 0, None)?]);
        }
        let p = self.padded(b, p)?;
        let low = b.un(Op::Floor, p)?;
        let t = b.bin(Op::Sub, p, low)?;
        let whole = self.whole(b, low)?;
        let mut out = Vec::new();
        for &k in reach {
            let w = if reach.len() == 2 { linear(b, t, k)? } else { cubic(b, t, k)? };
            out.push(self.tap(b, whole, k, Some(w))?);
        }
        Ok(out)
    }
    /// A whole position as an index of the tables. Cut after the conversion, so that NaN has a place too.
    fn whole(&self, b: &mut Build<'_, '_>, p: ValueId) -> Res<ValueId> {
        // Far positions are cut before as well: a conversion that overflows is not defined.
        let far = (self.len as i64 + MARGIN) as f64;
        let (lo, hi) = (scalar_like(b, p, -far), scalar_like(b, p, far));
        let p = b.op(Op::Clip, Attrs::none(), &[Some(p), Some(lo), Some(hi)])?;
        let i = b.cast(p, DType::I64)?;
        let (lo, hi) = (b.whole(DType::I64, &[], &[-3]), b.whole(DType::I64, &[], &[self.len as i128 + 1]));
        let i = b.bin(Op::Max, i, lo)?;
        let i = b.bin(Op::Min, i, hi)?;
        let margin = b.whole(DType::I64, &[], &[i128::from(MARGIN)]);
        b.bin(Op::Add, i, margin)
    }
    fn tap(&self, b: &mut Build<'_, '_>, whole: ValueId, k: i64, weight: Option<ValueId>) -> Res<Tap> {
        let n = self.len as i64;
        let around = || (-MARGIN + k)..(n + MARGIN + k);
        let place: Vec<i64> = around().map(|i| self.source(i) * self.stride as i64).collect();
        let place = b.ints(&place);
        let place = b.bin(Op::Gather, place, whole)?;
        let inside = if self.padding == Padding::Zeros {
            let inside: Vec<bool> = around().map(|i| (0..n).contains(&i)).collect();
            let inside = b.r.constant(Tensor::from_bool([inside.len()], &inside));
            Some(b.bin(Op::Gather, inside, whole)?)
        } else {
            None
        };
        Ok(Tap { place, inside, weight })
    }
    /// The element that stands at whole position `i`; any one where padding is 0.
    fn source(&self, i: i64) -> i64 {
        let n = self.len as i64;
        if self.padding != Padding::Reflection {
            return i.clamp(0, n - 1);
        }
        let period = if self.align { 2 * (n - 1) } else { 2 * n };
        if period == 0 {
            return 0;
        }
        let p = i.rem_euclid(period);
        if p < n { p } else { period - p - i64::from(!self.align) }
    }
}
fn linear(b: &mut Build<'_, '_>, t: ValueId, k: i64) -> Res<ValueId> {
    if k == 1 {
        return Ok(t);
    }
    let one = scalar_like(b, t, 1.0);
    b.bin(Op::Sub, one, t)
}
/// Cubic convolution with a = -0.75 at distance `|t - k|`.
fn cubic(b: &mut Build<'_, '_>, t: ValueId, k: i64) -> Res<ValueId> {
    let a = -0.75;
    let d = match k {
        -1 => with_scalar(b, Op::Add, t, 1.0)?,
        0 => t,
        _ => {
            let k = scalar_like(b, t, k as f64);
            b.bin(Op::Sub, k, t)?
        }
    };
    // Horner's scheme of the inner and the outer polynomial.
    let c = if (0..=1).contains(&k) { [a + 2.0, -(a + 3.0), 0.0, 1.0] } else { [a, -5.0 * a, 8.0 * a, -4.0 * a] };
    let mut y = with_scalar(b, Op::Mul, d, c[0])?;
    for (i, &c) in c[1..].iter().enumerate() {
        if c != 0.0 {
            y = with_scalar(b, Op::Add, y, c)?;
        }
        if i < 2 {
            y = b.bin(Op::Mul, y, d)?;
        }
    }
    Ok(y)
}

/// AffineGrid: the base grid (with ones) times `theta^T`.
pub fn affine(b: &mut Build<'_, '_>, id: NodeId, n: &Node) -> Lowered {
    let theta = input(b, id, 0)?;
    let out = b.r.old.ty(n.outputs[0]).dims.clone();
    let (r, work) = (out.len() - 2, b.ty(theta).dtype);
    let size = &out[1..=r];
    check_pairs(b, n, size)?;
    let align = n.attrs.flag("align_corners");
    let at = |i: usize, len: usize| match (align, len) {
        (true, 1) => -1.0,
        (true, _) => -1.0 + 2.0 * i as f64 / (len as f64 - 1.0),
        _ => (2.0 * i as f64 + 1.0) / len as f64 - 1.0,
    };
    let st = value::strides(size);
    let mut base = Vec::new();
    for p in 0..size.iter().product() {
        base.extend((0..r).rev().map(|k| at(p / st[k] % size[k], size[k])));
        base.push(1.0);
    }
    let base = b.floats(work, &[base.len() / (r + 1), r + 1], &base);
    let t = b.transpose(theta, &[0, 2, 1])?;
    let y = b.bin(Op::MatMul, base, t)?;
    let y = b.reshape(y, &out)?;
    done(b, id, y)
}
