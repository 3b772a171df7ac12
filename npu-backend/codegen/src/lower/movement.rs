//! Data movement: Transpose, Reshape, Concat, Slice, Pad, Expand, Gather.

use super::{Lower, Result_, logical_strides, make_copy, physical_order};
use ir::{Node, NodeId, ValueId};
use isa::DType;
use lir::fused::{Copy, Fill, Gather, GroupKind, Layout, Move, TensorId};

/// A constant list of at most this many indices is gathered by copies.
const GATHER_BY_COPIES: usize = 64;

impl<'a> Lower<'a, '_> {
    /// A copy of a logical box: extents, source and destination strides by logical dimension, in the order of the destination.
    fn boxed(n: &[usize], input: usize, src: (usize, &[isize]), dst: (usize, &[isize])) -> Copy {
        let mut order: Vec<usize> = (0..n.len()).collect();
        order.sort_by_key(|&i| std::cmp::Reverse(dst.1[i].unsigned_abs()));
        let pick = |s: &[isize]| order.iter().map(|&i| s[i]).collect::<Vec<_>>();
        let ext: Vec<usize> = order.iter().map(|&i| n[i]).collect();
        make_copy(&ext, input, src.0, &pick(src.1), dst.0, &pick(dst.1))
    }

    fn push_move(
        &mut self,
        id: NodeId,
        y: ValueId,
        layout: Layout,
        inputs: Vec<TensorId>,
        copies: Vec<Copy>,
        fills: Vec<Fill>,
    ) -> Result_<()> {
        let out = self.out(id, y, layout)?;
        let name = self.name(id);
        self.push(GroupKind::Move(Move { copies, fills }), inputs, out, vec![id], name);
        Ok(())
    }

    pub(super) fn transpose(&mut self, id: NodeId, node: &'a Node) -> Result_<()> {
        let (x, y) = (self.input(id, 0)?, node.outputs[0]);
        let rank = self.dims(x).len();
        let perm: Vec<usize> = match node.attrs.ints("perm") {
            Some(p) => p.iter().map(|&i| usize::try_from(i).unwrap_or(usize::MAX)).collect(),
            None => (0..rank).rev().collect(),
        };
        if perm.len() != rank || (0..rank).any(|i| !perm.contains(&i)) {
            return Err(self.invalid(id, format!("perm {perm:?} of rank {rank}")));
        }
        let (t, s) = self.source(id, x)?;
        let src: Vec<isize> = perm.iter().map(|&i| s[i]).collect();
        let (n, dst) = (self.dims(y).to_vec(), self.row_major(y));
        let copy = Self::boxed(&n, 0, (0, &src), (0, &dst));
        self.push_move(id, y, Layout::RowMajor, vec![t], vec![copy], vec![])
    }

    pub(super) fn reshape(&mut self, id: NodeId, node: &'a Node) -> Result_<()> {
        let (x, y) = (self.input(id, 0)?, node.outputs[0]);
        let n = self.g.ty(y).elements();
        if self.g.ty(x).elements() != n {
            return Err(self.invalid(id, "the number of elements changes"));
        }
        let t = self.want(id, x, Layout::RowMajor)?;
        let copy = make_copy(&[n], 0, 0, &[1], 0, &[1]);
        self.push_move(id, y, Layout::RowMajor, vec![t], vec![copy], vec![])
    }

    /// Channels-last if the first operand is only that; such results stay so.
    fn follow(&self, x: ValueId) -> Layout {
        if self.is_channels_last(x) && self.dims(x).len() >= 3 { Layout::ChannelsLast } else { Layout::RowMajor }
    }

    pub(super) fn concat(&mut self, id: NodeId, node: &'a Node) -> Result_<()> {
        let y = node.outputs[0];
        let yd = self.dims(y).to_vec();
        let axis = self.axis(id, node.attrs.int("axis").unwrap_or(0), yd.len())?;
        let layout = self.follow(self.input(id, 0)?);
        let dst = logical_strides(&yd, layout);
        let (mut inputs, mut copies, mut at) = (Vec::new(), Vec::new(), 0usize);
        for i in 0..node.inputs.len() {
            let v = self.input(id, i)?;
            let n = self.dims(v).to_vec();
            if n.len() != yd.len() {
                return Err(self.invalid(id, "operands of different rank"));
            }
            if self.g.ty(v).elements() > 0 {
                let (t, s) = self.source(id, v)?;
                let input = position(&mut inputs, t);
                let offset = at * dst[axis].unsigned_abs();
                copies.push(Self::boxed(&n, input, (0, &s), (offset, &dst)));
            }
            at += n[axis];
        }
        self.push_move(id, y, layout, inputs, copies, vec![])
    }

    fn axis(&self, id: NodeId, axis: i64, rank: usize) -> Result_<usize> {
        usize::try_from(if axis < 0 { axis + rank as i64 } else { axis })
            .ok()
            .filter(|a| *a < rank)
            .ok_or_else(|| self.invalid(id, format!("axis {axis} of rank {rank}")))
    }

    pub(super) fn slice(&mut self, id: NodeId, node: &'a Node) -> Result_<()> {
        let (x, y) = (self.input(id, 0)?, node.outputs[0]);
        let (xd, yd) = (self.dims(x).to_vec(), self.dims(y).to_vec());
        let starts = self.const_ints(id, 1, "starts")?.unwrap_or_default();
        let axes = self.const_ints(id, 3, "axes")?.unwrap_or_else(|| (0..starts.len() as i64).collect());
        let steps = self.const_ints(id, 4, "steps")?.unwrap_or_else(|| vec![1; starts.len()]);
        if axes.len() != starts.len() || steps.len() != starts.len() || xd.len() != yd.len() {
            return Err(self.invalid(id, "starts, axes and steps differ in length"));
        }
        let (t, s) = self.source(id, x)?;
        let (mut offset, mut src) = (0isize, s.clone());
        for k in 0..starts.len() {
            let a = self.axis(id, axes[k], xd.len())?;
            let (d, step) = (xd[a] as i64, steps[k]);
            if step == 0 || isize::try_from(step.unsigned_abs()).is_err() {
                return Err(self.invalid(id, format!("step {step}")));
            }
            let start = if starts[k] < 0 { starts[k].saturating_add(d) } else { starts[k] };
            let start = if step > 0 { start.clamp(0, d) } else { start.clamp(-1, d - 1) };
            let last = start as i128 + (yd[a] as i128 - 1) * i128::from(step);
            if start < 0 || start >= d || last < 0 || last >= i128::from(d) {
                return Err(self.invalid(id, format!("the slice of axis {a} leaves the tensor")));
            }
            offset += start as isize * s[a];
            // A step beyond the axis means one element; its stride is never used.
            src[a] = if yd[a] <= 1 { 0 } else { s[a] * step as isize };
        }
        let layout = self.follow(x);
        let dst = logical_strides(&yd, layout);
        let copy = Self::boxed(&yd, 0, (offset.unsigned_abs(), &src), (0, &dst));
        self.push_move(id, y, layout, vec![t], vec![copy], vec![])
    }

    pub(super) fn pad(&mut self, id: NodeId, node: &'a Node) -> Result_<()> {
        let (x, y) = (self.input(id, 0)?, node.outputs[0]);
        let (xd, yd) = (self.dims(x).to_vec(), self.dims(y).to_vec());
        if let Some(mode) = node.attrs.str("mode")
            && mode != "constant"
        {
            return Err(self.unsupported(id, format!("mode {mode}")));
        }
        let pads = self.const_ints(id, 1, "pads")?.unwrap_or_default();
        let axes = self.const_ints(id, 3, "axes")?.unwrap_or_else(|| (0..xd.len() as i64).collect());
        if pads.len() != 2 * axes.len() || xd.len() != yd.len() {
            return Err(self.invalid(id, format!("{} pads for {} axes", pads.len(), axes.len())));
        }
        let bits = match node.input(2) {
            Some(v) => {
                let t = self.need_const(id, v, "the padding value")?;
                if t.elements() == 1 { t.bits(0) } else { 0 }
            }
            None => 0,
        };
        let (mut lo, mut hi) = (vec![0i64; xd.len()], vec![0i64; xd.len()]);
        for (k, &a) in axes.iter().enumerate() {
            let a = self.axis(id, a, xd.len())?;
            (lo[a], hi[a]) = (pads[k], pads[k + axes.len()]);
        }
        // The part of the input that stays, in input and output coordinates.
        let mut part = Vec::new();
        for i in 0..xd.len() {
            let from = (-lo[i]).max(0);
            let to = (xd[i] as i64).saturating_add(hi[i].min(0));
            let at = lo[i].max(0);
            let n = (to - from).max(0).min(yd[i] as i64 - at.min(yd[i] as i64));
            part.push((from as usize, at as usize, n as usize));
        }
        let layout = self.follow(x);
        let dst = logical_strides(&yd, layout);
        let n: Vec<usize> = part.iter().map(|p| p.2).collect();
        let (mut copies, mut inputs) = (Vec::new(), Vec::new());
        if !n.contains(&0) {
            let (t, s) = self.source(id, x)?;
            let src: usize = part.iter().zip(&s).map(|(p, s)| p.0 * s.unsigned_abs()).sum();
            let to: usize = part.iter().zip(&dst).map(|(p, s)| p.1 * s.unsigned_abs()).sum();
            inputs.push(t);
            copies.push(Self::boxed(&n, 0, (src, &s), (to, &dst)));
        }
        let fills = borders(&part, &yd, &dst, physical_order(yd.len(), layout), bits);
        self.push_move(id, y, layout, inputs, copies, fills)
    }

    pub(super) fn expand(&mut self, id: NodeId, node: &'a Node) -> Result_<()> {
        let (x, y) = (self.input(id, 0)?, node.outputs[0]);
        let (xd, yd) = (self.dims(x).to_vec(), self.dims(y).to_vec());
        let (t, s) = self.source(id, x)?;
        if xd.len() > yd.len() {
            return Err(self.invalid(id, "the result has a smaller rank"));
        }
        let shift = yd.len() - xd.len();
        let src: Vec<isize> =
            (0..yd.len()).map(|i| if i < shift || xd[i - shift] == 1 { 0 } else { s[i - shift] }).collect();
        let layout = if xd == yd { self.follow(x) } else { Layout::RowMajor };
        let dst = logical_strides(&yd, layout);
        let copy = Self::boxed(&yd, 0, (0, &src), (0, &dst));
        self.push_move(id, y, layout, vec![t], vec![copy], vec![])
    }

    pub(super) fn gather(&mut self, id: NodeId, node: &'a Node) -> Result_<()> {
        let (x, i, y) = (self.input(id, 0)?, self.input(id, 1)?, node.outputs[0]);
        let xd = self.dims(x).to_vec();
        let axis = self.axis(id, node.attrs.int("axis").unwrap_or(0), xd.len())?;
        let (outer, inner) = (xd[..axis].iter().product::<usize>(), xd[axis + 1..].iter().product::<usize>());
        let indices = self.g.ty(i).elements();
        if !matches!(self.dtype(id, i)?, DType::S32 | DType::S64) {
            return Err(self.unsupported(id, format!("indices of {}", self.g.ty(i).dtype)));
        }
        let t = self.want(id, x, Layout::RowMajor)?;
        if let Some(list) = self.const_tensor(id, i)?.filter(|t| t.elements() <= GATHER_BY_COPIES) {
            let list = list.ints().unwrap_or_default();
            let mut copies = Vec::new();
            for (k, &j) in list.iter().enumerate() {
                let j = usize::try_from(if j < 0 { j + xd[axis] as i64 } else { j })
                    .ok()
                    .filter(|j| *j < xd[axis])
                    .ok_or_else(|| self.invalid(id, format!("index {j} of an axis of {}", xd[axis])))?;
                let (src, dst) = ((xd[axis] * inner).cast_signed(), (list.len() * inner).cast_signed());
                copies.push(make_copy(&[outer, inner], 0, j * inner, &[src, 1], k * inner, &[dst, 1]));
            }
            return self.push_move(id, y, Layout::RowMajor, vec![t], copies, vec![]);
        }
        let it = self.want(id, i, Layout::RowMajor)?;
        let out = self.out(id, y, Layout::RowMajor)?;
        let name = self.name(id);
        let kind = GroupKind::Gather(Gather { outer, len: xd[axis], inner, indices });
        self.push(kind, vec![t, it], out, vec![id], name);
        Ok(())
    }
}

/// The position of a tensor in a list, added if it is new.
fn position(list: &mut Vec<TensorId>, t: TensorId) -> usize {
    list.iter().position(|x| *x == t).unwrap_or_else(|| {
        list.push(t);
        list.len() - 1
    })
}

/// Boxes that cover the output outside the kept part once: for each dimension the slabs before and after it, inside the
/// kept range of the dimensions treated before.
fn borders(part: &[(usize, usize, usize)], yd: &[usize], dst: &[isize], order: Vec<usize>, bits: u64) -> Vec<Fill> {
    let mut fills = Vec::new();
    let mut range: Vec<(usize, usize)> = yd.iter().map(|&d| (0, d)).collect();
    for &i in &order {
        let (at, n) = (part[i].1, part[i].2);
        for (from, to) in [(0, at), (at + n, yd[i])] {
            if from >= to {
                continue;
            }
            let mut r = range.clone();
            r[i] = (from, to);
            if r.iter().any(|(a, b)| a >= b) {
                continue;
            }
            let offset = r.iter().zip(dst).map(|((a, _), s)| a * s.unsigned_abs()).sum();
            let n: Vec<usize> = order.iter().map(|&k| r[k].1 - r[k].0).collect();
            let s: Vec<isize> = order.iter().map(|&k| dst[k]).collect();
            fills.push(merge_fill(&n, &s, offset, bits));
        }
        range[i] = (at, at + n);
        if n == 0 {
            break;
        }
    }
    fills
}

fn merge_fill(n: &[usize], s: &[isize], offset: usize, bits: u64) -> Fill {
    let loops = crate::loops::merge(crate::loops::nest(n, &[s]));
    let (n, s) = super::split(&loops, 1);
    Fill { n, offset, strides: s[0].clone(), bits }
}
