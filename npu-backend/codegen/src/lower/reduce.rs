//! Reductions along constant axes, ArgMax and ArgMin.

use super::elementwise::cvt;
use super::{Lower, Result_, split};
use crate::loops::{Loop, dense, merge};
use ir::{Node, NodeId, Op, ValueId};
use isa::{DType, EwFn, RedFn};
use lir::fused::{Copy, Elementwise, Fill, GroupKind, Layout, Move, Reduce, Src, Step, TensorId, View};

impl<'a> Lower<'a, '_> {
    /// Axes of a reduction, ascending; all without an axes operand, unless `noop_with_empty_axes`.
    fn axes(&self, id: NodeId, node: &Node, rank: usize) -> Result_<Vec<usize>> {
        let given = match self.const_ints(id, 1, "the axes")? {
            Some(a) => Some(a),
            None => node.attrs.ints("axes").map(<[i64]>::to_vec),
        };
        let list = match given {
            Some(a) if !a.is_empty() => a,
            _ if node.attrs.flag("noop_with_empty_axes") => vec![],
            _ => (0..rank as i64).collect(),
        };
        let mut axes = list
            .iter()
            .map(|&a| {
                usize::try_from(if a < 0 { a + rank as i64 } else { a })
                    .ok()
                    .filter(|a| *a < rank)
                    .ok_or_else(|| self.invalid(id, format!("axis {a} of rank {rank}")))
            })
            .collect::<Result_<Vec<usize>>>()?;
        axes.sort_unstable();
        axes.dedup();
        Ok(axes)
    }

    pub(super) fn reduce(&mut self, id: NodeId, node: &'a Node) -> Result_<()> {
        let (x, y) = (self.input(id, 0)?, node.outputs[0]);
        let dims = self.dims(x).to_vec();
        let axes = self.axes(id, node, dims.len())?;
        let dtype = self.dtype(id, x)?;
        let f = match node.op {
            Op::ReduceSum | Op::ReduceMean => RedFn::Sum,
            Op::ReduceMax => RedFn::Max,
            Op::ReduceMin => RedFn::Min,
            _ => RedFn::Prod,
        };
        if dtype.is_bool() || (node.op == Op::ReduceMean && !dtype.is_float()) {
            return Err(self.unsupported(id, format!("of {dtype}")));
        }
        if axes.iter().any(|&a| dims[a] == 0) {
            return self.identity(id, node, dtype);
        }
        let count: usize = axes.iter().map(|&a| dims[a]).product();
        let divide = (node.op == Op::ReduceMean).then_some(count as f32);
        let (mut tensor, strides) = self.source(id, x)?;
        let name = self.name(id);
        // Sums and products of 16-bit floats are kept in f32 and rounded once.
        let narrow = dtype.is_float() && dtype != DType::F32 && matches!(f, RedFn::Sum | RedFn::Prod);
        if narrow {
            let out = self.temporary(DType::F32, dims.clone());
            self.convert(tensor, out, vec![], name.clone());
            tensor = out;
        }
        let (kept, reduced) = reduce_loops(&dims, &strides, &axes);
        if narrow {
            let n: usize = kept.iter().map(|l| l.n).product();
            let sum = self.temporary(DType::F32, vec![n]);
            self.push_reduce(f, tensor, DType::F32, kept, reduced, divide, false, sum, vec![], &name);
            let out = self.out(id, y, Layout::RowMajor)?;
            self.convert(sum, out, vec![id], name);
        } else {
            self.reduce_into(id, f, tensor, dtype, kept, reduced, divide, false, y)?;
        }
        Ok(())
    }

    fn reduce_into(
        &mut self,
        id: NodeId,
        f: RedFn,
        tensor: TensorId,
        dtype: DType,
        kept: Vec<Loop>,
        reduced: Vec<Loop>,
        divide: Option<f32>,
        last: bool,
        y: ValueId,
    ) -> Result_<()> {
        let name = self.name(id);
        let (tensor, kept, reduced) = self.peel(f, tensor, dtype, kept, reduced, &name);
        let out = self.out(id, y, Layout::RowMajor)?;
        self.push_reduce(f, tensor, dtype, kept, reduced, divide, last, out, vec![id], &name);
        Ok(())
    }

    /// While there are more than two reduced loops, reduces the innermost into an intermediate tensor.
    fn peel(
        &mut self,
        f: RedFn,
        mut tensor: TensorId,
        dtype: DType,
        mut kept: Vec<Loop>,
        mut reduced: Vec<Loop>,
        name: &str,
    ) -> (TensorId, Vec<Loop>, Vec<Loop>) {
        while reduced.len() > 2 {
            let last = reduced.pop().expect("more than two");
            let loops: Vec<Loop> = kept.iter().chain(&reduced).cloned().collect();
            let n: Vec<usize> = loops.iter().map(|l| l.n).collect();
            let out = self.temporary(dtype, n.clone());
            let k = kept.len();
            self.push_reduce(f, tensor, dtype, loops, vec![last], None, false, out, vec![], name);
            tensor = out;
            let s = dense(&n);
            let at = |i: usize| Loop { n: n[i], s: vec![s[i]], pinned: false };
            kept = (0..k).map(at).collect();
            reduced = (k..n.len()).map(at).collect();
        }
        (tensor, kept, reduced)
    }

    fn push_reduce(
        &mut self,
        f: RedFn,
        tensor: TensorId,
        _dtype: DType,
        kept: Vec<Loop>,
        reduced: Vec<Loop>,
        divide: Option<f32>,
        last: bool,
        out: TensorId,
        nodes: Vec<NodeId>,
        name: &str,
    ) {
        let (kn, ks) = split(&kept, 1);
        let (rn, rs) = split(&reduced, 1);
        let strides = ks[0].iter().chain(&rs[0]).copied().collect();
        let view = View { input: 0, offset: 0, strides };
        let kind = GroupKind::Reduce(Reduce { f, kept: kn, reduced: rn, view, divide, last });
        self.push(kind, vec![tensor], out, nodes, name.to_owned());
    }

    /// An elementwise conversion of a whole tensor, element by element in physical order.
    fn convert(&mut self, from: TensorId, to: TensorId, nodes: Vec<NodeId>, name: String) {
        let n = self.f.tensors[from].elements();
        let mut st: Step = cvt(Src::View(0), self.f.tensors[to].dtype);
        if self.f.tensors[from].dtype == st.dtype {
            st = super::elementwise::step(EwFn::Mov, Src::View(0), None, st.dtype);
        }
        let views = vec![View { input: 0, offset: 0, strides: vec![1] }];
        self.push(
            GroupKind::Elementwise(Elementwise { space: vec![n], views, steps: vec![st] }),
            vec![from],
            to,
            nodes,
            name,
        );
    }

    /// The result of reducing no element: the identity of the function, NaN for a mean.
    fn identity(&mut self, id: NodeId, node: &Node, dtype: DType) -> Result_<()> {
        let y = node.outputs[0];
        let bits = identity_bits(node.op, dtype);
        let fill = Fill { n: vec![self.g.ty(y).elements()], offset: 0, strides: vec![1], bits };
        let out = self.out(id, y, Layout::RowMajor)?;
        let name = self.name(id);
        self.push(GroupKind::Move(Move { copies: Vec::<Copy>::new(), fills: vec![fill] }), vec![], out, vec![id], name);
        Ok(())
    }

    pub(super) fn arg(&mut self, id: NodeId, node: &'a Node) -> Result_<()> {
        let (x, y) = (self.input(id, 0)?, node.outputs[0]);
        let dims = self.dims(x).to_vec();
        let rank = dims.len() as i64;
        let axis = node.attrs.int("axis").unwrap_or(0);
        let axis = usize::try_from(if axis < 0 { axis + rank } else { axis })
            .ok()
            .filter(|a| *a < dims.len())
            .ok_or_else(|| self.invalid(id, format!("axis {axis} of rank {rank}")))?;
        if dims[axis] == 0 {
            return Err(self.unsupported(id, "the position of an extreme of no element"));
        }
        let f = if node.op == Op::ArgMax { RedFn::ArgMax } else { RedFn::ArgMin };
        let dtype = self.dtype(id, x)?;
        if dtype.is_bool() {
            return Err(self.unsupported(id, "of bool"));
        }
        let (tensor, strides) = self.source(id, x)?;
        let (kept, reduced) = reduce_loops(&dims, &strides, &[axis]);
        let last = node.attrs.flag("select_last_index");
        self.reduce_into(id, f, tensor, dtype, kept, reduced, None, last, y)
    }
}

/// Kept loops in the output's order and reduced loops in memory order, outermost first, both merged.
fn reduce_loops(dims: &[usize], strides: &[isize], axes: &[usize]) -> (Vec<Loop>, Vec<Loop>) {
    let kept: Vec<usize> = (0..dims.len()).filter(|i| !axes.contains(i)).collect();
    let at = |i: &usize| Loop { n: dims[*i], s: vec![strides[*i]], pinned: false };
    let mut red: Vec<usize> = axes.to_vec();
    red.sort_by_key(|&i| std::cmp::Reverse(strides[i]));
    (merge(kept.iter().map(at).collect()), merge(red.iter().map(at).collect()))
}

fn identity_bits(op: Op, t: DType) -> u64 {
    let float = |f16: u64, bf16: u64, f32_: u64| match t {
        DType::F16 => f16,
        DType::Bf16 => bf16,
        _ => f32_,
    };
    let mask = if t.bits() == 64 { u64::MAX } else { (1 << t.bits()) - 1 };
    match (op, t.int_range()) {
        (Op::ReduceSum, _) => 0,
        (Op::ReduceProd, None) => float(0x3C00, 0x3F80, 0x3F80_0000),
        (Op::ReduceProd, Some(_)) => 1,
        (Op::ReduceMax, None) => float(0xFC00, 0xFF80, 0xFF80_0000),
        (Op::ReduceMax, Some((lo, _))) => lo as u64 & mask,
        (Op::ReduceMin, None) => float(0x7C00, 0x7F80, 0x7F80_0000),
        (Op::ReduceMin, Some((_, hi))) => hi as u64 & mask,
        _ => float(0x7E00, 0x7FC0, 0x7FC0_0000),
    }
}
