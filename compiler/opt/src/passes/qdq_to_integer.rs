//! `g.qdq-to-integer`: DequantizeLinear, matrix operator, QuantizeLinear become one integer operator.
//!
//! Claim `rounds(qdq to integer)`: `sum (x - zx) sx (w - zw) sw + b sx sw` is `sx sw (sum (x - zx)(w - zw) + b)`, whose
//! bracket is an integer; only the last scaling rounds, and differs from the float graph only near a tie. It fires only if
//! the bias is quantised with exactly the scale `sx sw` (as f32) and zero point 0, the accumulator provably fits in int32,
//! and the matrix operator's result has no other reader. A Relu or Clip before the QuantizeLinear is dropped only if the
//! saturation of the result does the same: for Relu that is `zero_point == qmin`.

use super::GraphPass;
use super::build::{Build, Res, each};
use crate::fold::quant::range;
use crate::fold::value::{floats, ints};
use crate::types::util;
use ir::{Attrs, DType, Graph, Node, NodeId, Op, Tensor, TensorType, ValueId};
use kit::pass::Rounding;
use kit::{Claim, PassCx};

pub(super) const PASS: GraphPass = GraphPass {
    name: "g.qdq-to-integer",
    claim: Claim::Rounds(Rounding::QdqToInteger),
    rules: &["conv", "matmul", "gemm"],
    run,
};

fn run(g: &Graph, cx: &mut PassCx<'_>) -> Res<Graph> {
    let users = g.users();
    let only_reader = |v: ValueId| users[v].len() == 1 && !g.is_output(v);
    each(g, |r, id| {
        let q = &g.nodes[id];
        if q.op != Op::QuantizeLinear {
            return Ok(false);
        }
        let Some(y) = Quantized::of(g, q, q.outputs[0]) else { return Ok(false) };
        let Some(m) = matrix_above(g, q, &y, &only_reader) else { return Ok(false) };
        let n = &g.nodes[m];
        let Some(plan) = Plan::of(g, n) else { return Ok(false) };
        if ![&y, &plan.x, &plan.w].iter().all(|q| q.is_positive(g)) {
            return Ok(false);
        }
        let rule = match n.op {
            Op::Conv => "conv",
            Op::MatMul => "matmul",
            _ => "gemm",
        };
        if !cx.permit(rule, q.origin.source) {
            return Ok(false);
        }
        let mut b = Build::at(r, id);
        let v = plan.build(&mut b, g, n, &y)?;
        b.bind(id, 0, v);
        Ok(true)
    })
}

/// The integer side of a QuantizeLinear or DequantizeLinear.
struct Quantized {
    /// The integer tensor.
    data: ValueId,
    scale: ValueId,
    zero: Option<ValueId>,
    /// Axis of per-axis parameters.
    axis: Option<usize>,
    dtype: DType,
}

impl Quantized {
    /// Of a node without blocks and with f32 scales; `data` is its integer input or output.
    fn of(g: &Graph, n: &Node, data: ValueId) -> Option<Self> {
        let scale = n.input(1)?;
        let per_axis = g.ty(scale).elements() != 1;
        if n.attrs.int("block_size") != Some(0) || g.ty(scale).dtype != DType::F32 {
            return None;
        }
        let axis = if per_axis { Some(util::axis(n.attrs.int("axis")?, g.ty(data).rank()).ok()?) } else { None };
        Some(Self { data, scale, zero: n.input(2), axis, dtype: g.ty(data).dtype })
    }
    /// Of the DequantizeLinear that makes a value, to f32.
    fn above(g: &Graph, v: ValueId) -> Option<Self> {
        let n = &g.nodes[g.producer(v)?];
        if n.op != Op::DequantizeLinear || g.ty(v).dtype != DType::F32 {
            return None;
        }
        Self::of(g, n, n.input(0)?)
    }
    fn is_8bit(&self) -> bool {
        matches!(self.dtype, DType::U8 | DType::I8)
    }
    /// Constant zero points (0 where absent).
    fn zeros(&self, g: &Graph) -> Option<Vec<i128>> {
        match self.zero {
            None => Some(vec![0; g.ty(self.scale).elements()]),
            Some(z) => ints(g.constant(z)?),
        }
    }
    fn scales(&self, g: &Graph) -> Option<Vec<f64>> {
        floats(g.constant(self.scale)?)
    }
    /// Whether the scales are known, finite and positive, as the machine's scaling wants them.
    fn is_positive(&self, g: &Graph) -> bool {
        self.scales(g).is_some_and(|s| s.iter().all(|&s| s > 0.0 && s.is_finite()))
    }
    /// Largest `|q - zero point|`, over the type and all zero points (known or not).
    fn reach(&self, g: &Graph) -> i128 {
        let (lo, hi) = range(self.dtype);
        match self.zeros(g) {
            Some(z) => z.iter().map(|z| (z - lo).max(hi - z)).max().unwrap_or(hi - lo),
            None => hi - lo,
        }
    }
    /// The zero point as a new value; a constant of zeros where absent.
    fn zero_value(&self, b: &mut Build<'_, '_>) -> ValueId {
        match self.zero {
            Some(z) => b.r.value(z),
            None => {
                let dims = b.r.old.ty(self.scale).dims.clone();
                b.r.constant(Tensor::zeros(&TensorType::new(self.dtype, dims)))
            }
        }
    }
}

/// The matrix operator above a QuantizeLinear, directly or through a Relu or Clip that saturation absorbs.
fn matrix_above(g: &Graph, q: &Node, y: &Quantized, only_reader: &dyn Fn(ValueId) -> bool) -> Option<NodeId> {
    if y.axis.is_some() || !y.is_8bit() {
        return None;
    }
    let mut v = q.input(0)?;
    let mut p = g.producer(v).filter(|_| only_reader(v))?;
    if let Some((lo, hi)) = bounds(g, &g.nodes[p]) {
        let (s, z) = (*y.scales(g)?.first()?, *y.zeros(g)?.first()?);
        let (qmin, qmax) = range(y.dtype);
        if !(s > 0.0 && lo <= (qmin - z) as f64 * s && hi >= (qmax - z) as f64 * s) {
            return None;
        }
        v = g.nodes[p].input(0)?;
        p = g.producer(v).filter(|_| only_reader(v))?;
    }
    let n = &g.nodes[p];
    (matches!(n.op, Op::Conv | Op::MatMul | Op::Gemm) && g.ty(v).dtype == DType::F32).then_some(p)
}
/// The interval that a Relu or Clip with constant bounds limits to.
fn bounds(g: &Graph, n: &Node) -> Option<(f64, f64)> {
    let get = |i: usize, absent: f64| match n.input(i) {
        None => Some(absent),
        Some(v) => floats(g.constant(v)?)?.first().copied(),
    };
    match n.op {
        Op::Relu => Some((0.0, f64::INFINITY)),
        Op::Clip => Some((get(1, f64::NEG_INFINITY)?, get(2, f64::INFINITY)?)).filter(|b| b.0 <= b.1),
        _ => None,
    }
}

/// A matrix operator whose operands are all quantised.
struct Plan {
    x: Quantized,
    w: Quantized,
    bias: Option<ValueId>,
}

impl Plan {
    fn of(g: &Graph, n: &Node) -> Option<Self> {
        let (x, w) = (Quantized::above(g, n.input(0)?)?, Quantized::above(g, n.input(1)?)?);
        if x.axis.is_some() || !x.is_8bit() || !w.is_8bit() {
            return None;
        }
        let rank = g.ty(w.data).rank();
        let trans = n.attrs.flag("transB");
        let (channel, out) = match n.op {
            Op::Conv => (0, g.ty(w.data).dims[0]),
            Op::MatMul if rank != 2 && w.axis.is_some() => return None,
            Op::MatMul => (rank.checked_sub(1)?, *g.ty(w.data).dims.last()?),
            _ => {
                let plain = n.attrs.f32("alpha") == Some(1.0) && n.attrs.f32("beta") == Some(1.0);
                // The weights are laid out anew, so they have to be constant.
                if !plain || n.attrs.flag("transA") {
                    return None;
                }
                g.constant(w.data)?;
                let c = usize::from(!trans);
                (c, g.ty(w.data).dims[c])
            }
        };
        if w.axis.is_some_and(|a| a != channel) {
            return None;
        }
        let bias = match n.input(2) {
            None => None,
            Some(v) => Some(bias(g, v, &x, &w, out)?),
        };
        let plan = Self { x, w, bias };
        plan.fits_int32(g, n, channel, out).then_some(plan)
    }

    /// Whether no accumulator can leave int32: `sum |w - zw| * max |x - zx| + |b|`, exactly for constant weights.
    fn fits_int32(&self, g: &Graph, n: &Node, channel: usize, out: usize) -> bool {
        let dims = &g.ty(self.w.data).dims;
        let reach = self.x.reach(g);
        let k = match n.op {
            Op::Conv => util::product(&dims[1..]),
            Op::MatMul if dims.len() > 1 => dims[dims.len() - 2] as i128,
            Op::MatMul => dims[0] as i128,
            _ => dims[1 - channel] as i128,
        };
        let mut worst = vec![k.saturating_mul(self.w.reach(g)); out.max(1)];
        if let (Some(w), Some(z), true) = (g.constant(self.w.data).and_then(ints), self.w.zeros(g), dims.len() != 1) {
            worst = vec![0; out.max(1)];
            let step: usize = dims[channel + 1..].iter().product();
            for (i, &v) in w.iter().enumerate() {
                let c = i / step % dims[channel];
                worst[c] += (v - if z.len() == 1 { z[0] } else { z[c] }).abs();
            }
            // A product of rank above 2 sums every matrix of the stack into the same entry: an upper bound.
        }
        let bias = match self.bias {
            None => vec![0; out.max(1)],
            Some(v) => match g.constant(v).and_then(ints) {
                Some(b) => b,
                None => return false,
            },
        };
        let max = i128::from(i32::MAX);
        worst.iter().zip(&bias).all(|(w, b)| w.saturating_mul(reach).saturating_add(b.abs()) <= max)
    }

    fn build(&self, b: &mut Build<'_, '_>, g: &Graph, n: &Node, y: &Quantized) -> Res<ValueId> {
        let (x, w) = (b.r.value(self.x.data), b.r.value(self.w.data));
        let (xs, ws, ys) = (b.r.value(self.x.scale), b.r.value(self.w.scale), b.r.value(y.scale));
        let (xz, wz, yz) = (self.x.zero_value(b), self.w.zero_value(b), y.zero_value(b));
        let quantized = |x, w| [x, xs, xz, w, ws, wz, ys, yz].map(Some).to_vec();
        let bias = self.bias.map(|v| b.r.value(v));
        match n.op {
            Op::MatMul => b.op(Op::QLinearMatMul, Attrs::none(), &quantized(x, w)),
            Op::Conv => {
                let mut inputs = quantized(x, w);
                inputs.extend(bias.map(Some));
                b.op(Op::QLinearConv, n.attrs.clone(), &inputs)
            }
            _ => {
                // x [M, K] as M images of one pixel, weights [N, K] as a 1 by 1 kernel: the one integer operator with a bias.
                let w = if n.attrs.flag("transB") { w } else { b.transpose(w, &[1, 0])? };
                let (dx, dw) = (b.dims(x), b.dims(w));
                let x = b.reshape(x, &[dx[0], dx[1], 1, 1])?;
                let w = b.reshape(w, &[dw[0], dw[1], 1, 1])?;
                let mut inputs = quantized(x, w);
                inputs.extend(bias.map(Some));
                let y = b.op(Op::QLinearConv, Attrs::none(), &inputs)?;
                b.reshape(y, &g.ty(n.outputs[0]).dims)
            }
        }
    }
}

/// The int32 tensor `[out]` of a bias whose scale is that of the products.
fn bias(g: &Graph, v: ValueId, x: &Quantized, w: &Quantized, out: usize) -> Option<ValueId> {
    let b = Quantized::above(g, v)?;
    if b.dtype != DType::I32 || g.ty(b.data).dims != [out] || b.zeros(g)?.iter().any(|&z| z != 0) {
        return None;
    }
    let (sb, sx, sw) = (b.scales(g)?, *x.scales(g)?.first()?, w.scales(g)?);
    let at = |v: &[f64], i: usize| if v.len() == 1 { v[0] } else { v[i] };
    // The product as f32, as quantisers compute it, or the product itself (exact in f64), as g.expand-qlinear writes it.
    let same = |i| at(&sb, i) == f64::from(sx as f32 * at(&sw, i) as f32) || at(&sb, i) == sx * at(&sw, i);
    (0..out.max(1)).all(same).then_some(b.data)
}
