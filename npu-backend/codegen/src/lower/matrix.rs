//! Convolutions, and what convolutions and matrix products share: types, records, bounds, epilogue fusion.

use super::{Lower, Result_, logical_strides};
use crate::pack::{PackShape, pack};
use ir::{Node, NodeId, Op, Tensor, ValueId};
use isa::{DType, MxType};
use lir::fused::{Drain, FTensor, GroupKind, Layout, Matrix, PrmRecord, Problem, TensorDef, TensorId, Weights};

/// Spatial geometry of a convolution or pool, as 2-D (1-D has one row).
#[derive(Clone, Copy, Debug)]
pub(super) struct Window {
    pub ih: usize,
    pub iw: usize,
    pub oh: usize,
    pub ow: usize,
    pub kh: usize,
    pub kw: usize,
    pub sy: usize,
    pub sx: usize,
    pub dy: usize,
    pub dx: usize,
    pub pad_top: usize,
    pub pad_left: usize,
    pub pad_bottom: usize,
    pub pad_right: usize,
}

/// What an integer or float matrix operator adds to the plain product.
#[derive(Clone, Debug, Default)]
pub(super) struct Quant {
    pub zx: i32,
    /// One, or one for each output channel.
    pub zw: Vec<i32>,
    /// Requantisation: scale for each output channel (or one), and zero point.
    pub requant: Option<(Vec<f32>, i32)>,
    /// Bias bits for each output channel.
    pub bias: Option<Vec<u32>>,
}

/// The operand types of the matrix engine, if it takes them.
pub(super) fn mx_type(a: DType, w: DType) -> Option<MxType> {
    MxType::ALL.iter().copied().find(|m| m.activation() == a && m.weight() == w)
}

/// The second K order is chosen by the shape alone: few channels, adjacent taps, and it saves groups.
pub(super) fn use_kpack(c: usize, kw: usize, dx: usize) -> bool {
    kw > 1 && dx == 1 && kw * c <= 32 && (kw * c).div_ceil(16) < kw * c.div_ceil(16)
}

impl<'a> Lower<'a, '_> {
    /// Geometry from attributes and the types of input and output; `kernel` are the weights' or the attribute's extents.
    pub(super) fn window(&self, id: NodeId, node: &Node, x: ValueId, y: ValueId, kernel: &[usize]) -> Result_<Window> {
        let (xd, yd) = (self.dims(x), self.dims(y));
        let rank = kernel.len();
        if !(1..=2).contains(&rank) || xd.len() != rank + 2 || yd.len() != rank + 2 {
            return Err(self.unsupported(id, format!("{} spatial dimensions", xd.len().saturating_sub(2))));
        }
        match node.attrs.str("auto_pad") {
            None | Some("NOTSET" | "VALID" | "") => {}
            Some(p) => return Err(self.unsupported(id, format!("auto_pad {p} was not resolved"))),
        }
        let list = |name: &str, len: usize, default: i64, lo: i64| -> Result_<Vec<usize>> {
            let v = node.attrs.ints(name).map_or(vec![default; len], <[i64]>::to_vec);
            if v.len() != len || v.iter().any(|&x| x < lo) {
                return Err(self.invalid(id, format!("attribute {name} = {v:?}")));
            }
            Ok(v.iter().map(|&x| usize::try_from(x).unwrap_or(0)).collect())
        };
        let s = list("strides", rank, 1, 1)?;
        let d = list("dilations", rank, 1, 1)?;
        let p = list("pads", 2 * rank, 0, 0)?;
        let two = |v: &[usize], one: usize| if rank == 2 { (v[0], v[1]) } else { (one, v[0]) };
        let ((ih, iw), (oh, ow), (kh, kw)) = (two(&xd[2..], 1), two(&yd[2..], 1), two(kernel, 1));
        let ((sy, sx), (dy, dx)) = (two(&s, 1), two(&d, 1));
        let ((pad_top, pad_left), (pad_bottom, pad_right)) = (two(&p[..rank], 0), two(&p[rank..], 0));
        Ok(Window { ih, iw, oh, ow, kh, kw, sy, sx, dy, dx, pad_top, pad_left, pad_bottom, pad_right })
    }

    pub(super) fn conv(&mut self, id: NodeId, node: &'a Node) -> Result_<()> {
        let (xi, wi) = if node.op == Op::QLinearConv { (0, 3) } else { (0, 1) };
        let (x, w, y) = (self.input(id, xi)?, self.input(id, wi)?, node.outputs[0]);
        let (xd, wd) = (self.dims(x).to_vec(), self.dims(w).to_vec());
        if wd.len() < 3 {
            return Err(self.invalid(id, format!("weights of rank {}", wd.len())));
        }
        let win = self.window(id, node, x, y, &wd[2..])?;
        let groups = usize::try_from(node.attrs.int("group").unwrap_or(1)).unwrap_or(0);
        let (n_all, c) = (wd[0], wd[1]);
        if groups == 0 || n_all % groups != 0 || xd[1] != c * groups {
            return Err(self.invalid(id, format!("group {groups} with {} in and {n_all} out channels", xd[1])));
        }
        let mx = mx_type(self.dtype(id, x)?, self.dtype(id, w)?)
            .ok_or_else(|| self.unsupported(id, format!("{} x {}", self.g.ty(x).dtype, self.g.ty(w).dtype)))?;
        if xd.contains(&0) || wd.contains(&0) {
            return Err(self.unsupported(id, "a convolution over no element"));
        }
        let quant = self.conv_quant(id, node, n_all)?;
        let esz = mx.size() as usize;
        let taps = win.kh * win.kw;
        let reach = ((win.kh - 1) * win.dy + 1) * ((win.kw - 1) * win.dx + 1);
        // By shape only: weights and one window of 16 channels fit the smallest scratchpad.
        let depthwise =
            groups > 1 && c == 1 && n_all == groups && (taps + reach) * 16 * esz <= 3_600 && win.dy.max(win.dx) <= 64;
        let n = if depthwise { n_all } else { n_all / groups };
        let kpack = !depthwise && use_kpack(c, win.kw, win.dx);
        let shape = PackShape { n, c: if depthwise { 1 } else { c }, kh: win.kh, kw: win.kw, kpack, depthwise };
        let copies = if depthwise { 1 } else { groups };
        let per_channel = c * taps;
        let wt = self.const_tensor(id, w)?;
        if !mx.is_float() {
            let weights = wt.as_ref().map(|t| (t, n_all, per_channel));
            self.check_accumulator(id, mx, &quant, weights, per_channel)?;
        }
        let packed = if let Some(wt) = wt {
            let mut bytes = Vec::with_capacity(copies * shape.elems() * esz);
            for g in 0..copies {
                bytes.extend(pack(&shape, &wt.bytes, esz, |o, ch, ky, kx| {
                    (g * n + o) * per_channel + (ch * win.kh + ky) * win.kw + kx
                }));
            }
            self.packed(id, w, bytes)?
        } else {
            self.packed_at_run_time(id, w, &shape, copies)?
        };
        let a = self.want(id, x, Layout::ChannelsLast)?;
        let (ca, co) = (xd[1], n_all);
        let problems = (0..xd[0])
            .flat_map(|b| (0..copies).map(move |g| (b, g)))
            .map(|(b, g)| Problem {
                a: b * win.ih * win.iw * ca + g * c,
                w: g * shape.elems() * esz,
                d: b * win.oh * win.ow * co + g * n,
                prm: g * n,
            })
            .collect();
        let mut m = Matrix {
            mx,
            depthwise,
            kpack,
            problems,
            ih: win.ih,
            iw: win.iw,
            c: if depthwise { n } else { c },
            a_sy: win.iw * ca,
            a_sx: ca,
            oh: win.oh,
            ow: win.ow,
            n,
            d_sy: win.ow * co,
            d_sx: co,
            kh: win.kh,
            kw: win.kw,
            sy: win.sy,
            sx: win.sx,
            dy: win.dy,
            dx: win.dx,
            iy0: -win.pad_top.cast_signed(),
            ix0: -win.pad_left.cast_signed(),
            weights: Weights::Packed { source: w },
            zx: quant.zx,
            zw: 0,
            zw_per_channel: false,
            params: None,
            bias: false,
            drain: Drain::Float,
            relu: false,
        };
        pointwise(&mut m);
        if m.sy > 256 || m.sx > 256 {
            return Err(self.unsupported(id, "a stride beyond 256"));
        }
        self.finish_matrix(id, m, &quant, a, packed, y, Layout::ChannelsLast, n_all)
    }

    /// Fuses what may be fused, fills the records and pushes the group.
    pub(super) fn finish_matrix(
        &mut self,
        id: NodeId,
        mut m: Matrix,
        quant: &Quant,
        a: TensorId,
        w: TensorId,
        y: ValueId,
        layout: Layout,
        channels: usize,
    ) -> Result_<()> {
        let mut quant = quant.clone();
        let (mut nodes, mut value) = (vec![id], y);
        if m.mx.is_float()
            && quant.bias.is_none()
            && let Some((user, bias)) = self.bias_user(value, layout, channels)?
        {
            quant.bias = Some(bias);
            nodes.push(user);
            value = self.g.nodes[user].outputs[0];
        }
        if let Some(user) = self.relu_user(value, &quant) {
            m.relu = true;
            nodes.push(user);
            value = self.g.nodes[user].outputs[0];
        }
        self.set_params(&mut m, &quant, channels);
        let out = self.out(id, value, layout)?;
        let name = self.name(id);
        self.push(GroupKind::Matrix(m), vec![a, w], out, nodes, name);
        Ok(())
    }

    /// A following `Add` of a constant for each channel, if it may become the bias (f32 only: the sum is not rounded before).
    fn bias_user(&mut self, v: ValueId, layout: Layout, channels: usize) -> Result_<Option<(NodeId, Vec<u32>)>> {
        if self.options.opt_level == 0 || self.g.ty(v).dtype != ir::DType::F32 {
            return Ok(None);
        }
        let Some(user) = self.sole_user(v) else { return Ok(None) };
        let node = &self.g.nodes[user];
        if node.op != Op::Add || self.dims(node.outputs[0]) != self.dims(v) {
            return Ok(None);
        }
        let Some(other) = node.inputs.iter().flatten().copied().find(|&o| o != v) else { return Ok(None) };
        let Some(t) = self.const_tensor(user, other)? else { return Ok(None) };
        let (rank, orank) = (self.dims(v).len(), t.dims.len());
        let axis = if layout == Layout::ChannelsLast { 1 } else { rank - 1 };
        let fits = orank <= rank
            && t.dims.iter().enumerate().all(|(i, &d)| d == if i + rank - orank == axis { channels } else { 1 });
        let Some(x) = t.to_f32().filter(|x| fits && x.len() == channels) else { return Ok(None) };
        if !self.cx.permit("fuse-bias", node.origin.source) {
            return Ok(None);
        }
        Ok(Some((user, x.iter().map(|x| x.to_bits()).collect())))
    }

    /// A following `Relu`, if it may be fused: float, s32, or requantised with zero point 0.
    fn relu_user(&mut self, v: ValueId, quant: &Quant) -> Option<NodeId> {
        if self.options.opt_level == 0 {
            return None;
        }
        let user = self.sole_user(v)?;
        let node = &self.g.nodes[user];
        let zero = quant.requant.as_ref().is_none_or(|(_, zp)| *zp == 0);
        (node.op == Op::Relu && zero && self.cx.permit("fuse-relu", node.origin.source)).then_some(user)
    }

    fn set_params(&self, m: &mut Matrix, q: &Quant, channels: usize) {
        let one_zw = q.zw.iter().all(|z| *z == q.zw[0]);
        m.zw = if one_zw { q.zw.first().copied().unwrap_or(0) } else { 0 };
        m.zw_per_channel = !one_zw;
        m.bias = q.bias.is_some();
        m.drain = match (&q.requant, m.mx.is_float()) {
            (Some(_), _) => Drain::RequantF32,
            (None, true) => Drain::Float,
            (None, false) => Drain::Int32,
        };
        if q.bias.is_none() && q.requant.is_none() && one_zw {
            return;
        }
        let pick = |v: &[f32], i: usize| if v.len() == 1 { v[0] } else { v[i] };
        let records = (0..channels).map(|i| PrmRecord {
            bias: q.bias.as_ref().map_or(0, |b| b[i]),
            mult: q.requant.as_ref().map_or(0, |(s, _)| pick(s, i).to_bits()),
            zp: q.requant.as_ref().map_or(0, |(_, z)| *z),
            shift: 0,
            zw: if one_zw { 0 } else { q.zw[i] as i16 },
        });
        m.params = Some(records.collect());
    }

    /// A packed constant in R0.
    pub(super) fn packed(&mut self, id: NodeId, source: ValueId, bytes: Vec<u8>) -> Result_<TensorId> {
        let ty = self.g.ty(source).dtype;
        let dims = vec![bytes.len() / ty.size()];
        let dtype = self.dtype(id, source)?;
        let tensor = Tensor::new(ty, dims.clone(), bytes).map_err(|e| self.invalid(id, e.to_string()))?;
        let def = TensorDef::Const(tensor);
        Ok(self.f.tensors.push(FTensor { dtype, dims, layout: Layout::Packed, def, value: None }))
    }

    /// The sum of every output channel stays within s32 for all inputs (NPU.md 3.1), else Unsupported.
    pub(super) fn check_accumulator(
        &self,
        id: NodeId,
        mx: MxType,
        q: &Quant,
        weights: Option<(&Tensor, usize, usize)>,
        k: usize,
    ) -> Result_<()> {
        let far = |t: DType, z: i32| {
            let (lo, hi) = t.int_range().unwrap_or((0, 0));
            (lo - i128::from(z)).abs().max((hi - i128::from(z)).abs())
        };
        let x_far = far(mx.activation(), q.zx);
        let zw = |n: usize| q.zw.get(if q.zw.len() == 1 { 0 } else { n }).copied().unwrap_or(0);
        let bias = |n: usize| q.bias.as_ref().map_or(0, |b| i128::from(b[n].cast_signed()).abs());
        let worst = match weights {
            Some((t, n, per)) => (0..n)
                .map(|o| {
                    let sum: i128 =
                        (o * per..(o + 1) * per).map(|i| (t.int(i).unwrap_or(0) - i128::from(zw(o))).abs()).sum();
                    sum * x_far + bias(o)
                })
                .max()
                .unwrap_or(0),
            None => {
                let n = q.zw.len().max(q.bias.as_ref().map_or(1, Vec::len)).max(1);
                let w_far = (0..n).map(|o| far(mx.weight(), zw(o))).max().unwrap_or(0);
                k as i128 * x_far * w_far + (0..q.bias.as_ref().map_or(0, Vec::len)).map(bias).max().unwrap_or(0)
            }
        };
        if worst >= 1 << 31 {
            return Err(self.unsupported(id, format!("a sum of {k} products can reach {worst}, beyond 32 bits")));
        }
        Ok(())
    }

    fn conv_quant(&self, id: NodeId, node: &Node, n: usize) -> Result_<Quant> {
        let bias = |i: usize| -> Result_<Option<Vec<u32>>> {
            let Some(v) = node.input(i) else { return Ok(None) };
            let t = self.need_const(id, v, "the bias")?;
            bias_bits(&t)
                .filter(|b| b.len() == n)
                .map(Some)
                .ok_or_else(|| self.invalid(id, format!("bias of type {} for {n} channels", t.ty())))
        };
        match node.op {
            Op::Conv => Ok(Quant { bias: bias(2)?, ..Quant::default() }),
            Op::ConvInteger => {
                Ok(Quant { zx: self.zero_point(id, 2)?, zw: self.zero_points(id, 3, n)?, ..Quant::default() })
            }
            _ => self.qlinear(id, [1, 2, 4, 5, 6, 7], n, bias(8)?),
        }
    }

    /// Parameters of QLinearConv or QLinearMatMul from inputs (x_scale, x_zp, w_scale, w_zp, y_scale, y_zp).
    /// The scale of a channel is `RNE32(RNE32(x_scale · w_scale) / y_scale)`, as ONNX Runtime computes it.
    pub(super) fn qlinear(&self, id: NodeId, at: [usize; 6], n: usize, bias: Option<Vec<u32>>) -> Result_<Quant> {
        let xs = self.scales(id, at[0], 1)?[0];
        let ws = self.scales(id, at[2], n)?;
        let ys = self.scales(id, at[4], 1)?[0];
        if ys == 0.0 {
            return Err(self.unsupported(id, "an output scale of 0"));
        }
        let scale: Vec<f32> = ws.iter().map(|w| xs * w / ys).collect();
        if let Some(s) = scale.iter().find(|s| !s.is_finite()) {
            return Err(self.unsupported(id, format!("the requantisation scale is {s}")));
        }
        Ok(Quant {
            zx: self.zero_point(id, at[1])?,
            zw: self.zero_points(id, at[3], n)?,
            requant: Some((scale, self.zero_point(id, at[5])?)),
            bias,
        })
    }

    /// Constant scales: one or `n`, finite and not negative.
    pub(super) fn scales(&self, id: NodeId, i: usize, n: usize) -> Result_<Vec<f32>> {
        let v = self.input(id, i)?;
        let t = self.need_const(id, v, "a scale")?;
        let s = floats(&t).ok_or_else(|| self.unsupported(id, format!("a scale of type {}", t.dtype)))?;
        if s.len() != 1 && s.len() != n {
            return Err(self.unsupported(id, format!("{} scales where 1 or {n} can be", s.len())));
        }
        if let Some(bad) = s.iter().find(|s| !s.is_finite() || s.is_sign_negative()) {
            return Err(self.unsupported(id, format!("a scale of {bad}")));
        }
        Ok(s)
    }
    fn zero_point(&self, id: NodeId, i: usize) -> Result_<i32> {
        self.zero_points(id, i, 1).map(|z| z.first().copied().unwrap_or(0))
    }
    /// Constant zero points: none (0), one or `n`.
    pub(super) fn zero_points(&self, id: NodeId, i: usize, n: usize) -> Result_<Vec<i32>> {
        let Some(z) = self.const_ints(id, i, "a zero point")? else { return Ok(vec![0]) };
        if z.len() != 1 && z.len() != n {
            return Err(self.unsupported(id, format!("{} zero points where 1 or {n} can be", z.len())));
        }
        z.iter().map(|&z| i32::try_from(z).map_err(|_| self.unsupported(id, format!("zero point {z}")))).collect()
    }
    /// Strides of a value's row-major tensor.
    pub(super) fn row_major(&self, v: ValueId) -> Vec<isize> {
        logical_strides(self.dims(v), Layout::RowMajor)
    }
}

/// A 1×1 kernel without padding reads only the pixels it needs; rows that follow each other become one.
fn pointwise(m: &mut Matrix) {
    // Padding below or on the right leaves outputs whose only tap is outside.
    let inside = (m.oh - 1) * m.sy < m.ih && (m.ow - 1) * m.sx < m.iw;
    if m.kh != 1 || m.kw != 1 || m.iy0 != 0 || m.ix0 != 0 || !inside {
        return;
    }
    (m.a_sy, m.a_sx) = (m.a_sy * m.sy, m.a_sx * m.sx);
    (m.ih, m.iw, m.sy, m.sx) = (m.oh, m.ow, 1, 1);
    (m.dy, m.dx) = (1, 1);
    if m.a_sy == m.ow * m.a_sx && m.d_sy == m.ow * m.d_sx {
        (m.ow, m.iw) = (m.oh * m.ow, m.oh * m.ow);
        (m.oh, m.ih) = (1, 1);
    }
}

/// Bits of an s32 bias, or of a float bias as f32.
fn bias_bits(t: &Tensor) -> Option<Vec<u32>> {
    if let Some(b) = t.to_i32() {
        return Some(b.iter().map(|x| x.cast_unsigned()).collect());
    }
    floats(t).map(|f| f.iter().map(|x| x.to_bits()).collect())
}

/// A float tensor as f32, exactly.
pub(super) fn floats(t: &Tensor) -> Option<Vec<f32>> {
    match t.dtype {
        ir::DType::F32 => t.to_f32(),
        ir::DType::BF16 => Some((0..t.elements()).map(|i| f32::from_bits((t.bits(i) as u32) << 16)).collect()),
        ir::DType::F16 => Some((0..t.elements()).map(|i| half_to_f32(t.bits(i) as u16)).collect()),
        _ => None,
    }
}

/// binary16 to binary32, exactly.
fn half_to_f32(h: u16) -> f32 {
    let sign = u32::from(h >> 15) << 31;
    let (e, m) = (u32::from(h >> 10) & 31, u32::from(h) & 0x3FF);
    match e {
        0 => {
            let v = m as f32 * f32::from_bits(0x3380_0000); // 2^-24
            f32::from_bits(v.to_bits() | sign)
        }
        31 => f32::from_bits(sign | 0x7F80_0000 | m << 13),
        _ => f32::from_bits(sign | (e + 112) << 23 | m << 13),
    }
}

#[cfg(test)]
mod tests {
    use super::half_to_f32;

    #[test]
    fn halves_widen_exactly() {
        for (h, f) in [(0x3C00u16, 1.0f32), (0xC000, -2.0), (0x0001, 5.960_464_5e-8), (0x7BFF, 65504.0), (0x8000, -0.0)]
        {
            assert_eq!(half_to_f32(h).to_bits(), f.to_bits(), "{h:#x}");
        }
        assert!(half_to_f32(0x7C00).is_infinite() && half_to_f32(0x7E00).is_nan());
    }
}
