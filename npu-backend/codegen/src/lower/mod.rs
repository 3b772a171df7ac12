//! G→F: one group for each core operator, layouts, packed weights, optional fusions.

mod elementwise;
mod matmul;
mod matrix;
mod movement;
mod pool;
mod quant;
mod reduce;
mod weights;

use crate::CodegenOptions;
use crate::loops::{Loop, dense, merge, nest};
use ir::{DType, Def, Graph, Node, NodeId, Op, Tensor, ValueId};
use isa::DType as MDType;
use kit::id::Id;
use kit::{CompileError, IdVec, PassCx};
use lir::fused::{Copy, FTensor, Fused, Group, GroupId, GroupKind, Layout, Move, TensorDef, TensorId, View};

/// Lowers a graph of core operators to groups (pass `g.lower-groups`).
///
/// Layouts: tensors of convolutions and pools are channels-last, elementwise operators follow, others are row-major;
/// what differs is bridged by a `Move`. Fusions ask `cx` for permission.
///
/// # Errors
/// `Unsupported` names the node and the reason; `Invalid` if the graph contradicts itself.
pub fn lower_groups(g: &Graph, options: &CodegenOptions, cx: &mut PassCx<'_>) -> Result<Fused, CompileError> {
    let mut l = Lower::new(g, options, cx)?;
    for (id, node) in g.nodes.iter() {
        if !l.done[id.index()] {
            l.node(id, node)?;
        }
    }
    l.outputs()?;
    Ok(l.f)
}

type Result_<T> = Result<T, CompileError>;

pub(crate) struct Lower<'a, 'c> {
    g: &'a Graph,
    options: CodegenOptions,
    cx: &'a mut PassCx<'c>,
    f: Fused,
    /// The tensor that holds a value row-major, and channels-last.
    rm: Vec<Option<TensorId>>,
    cl: Vec<Option<TensorId>>,
    users: IdVec<ValueId, Vec<NodeId>>,
    /// Nodes already implemented by an earlier group.
    done: Vec<bool>,
}

/// The machine's element type; f64 has none.
pub(crate) fn machine_type(d: DType) -> Option<MDType> {
    Some(match d {
        DType::F32 => MDType::F32,
        DType::F16 => MDType::F16,
        DType::BF16 => MDType::Bf16,
        DType::I8 => MDType::S8,
        DType::U8 => MDType::U8,
        DType::I16 => MDType::S16,
        DType::U16 => MDType::U16,
        DType::I32 => MDType::S32,
        DType::U32 => MDType::U32,
        DType::I64 => MDType::S64,
        DType::U64 => MDType::U64,
        DType::Bool => MDType::Bool,
        DType::F64 => return None,
    })
}

/// Order of the logical dimensions in memory, outermost first.
pub(crate) fn physical_order(rank: usize, layout: Layout) -> Vec<usize> {
    match layout {
        Layout::ChannelsLast if rank >= 3 => std::iter::once(0).chain(2..rank).chain(std::iter::once(1)).collect(),
        _ => (0..rank).collect(),
    }
}

/// Elements between neighbours along each logical dimension.
pub(crate) fn logical_strides(dims: &[usize], layout: Layout) -> Vec<isize> {
    let order = physical_order(dims.len(), layout);
    let phys: Vec<usize> = order.iter().map(|&i| dims[i]).collect();
    let s = dense(&phys);
    let mut out = vec![0; dims.len()];
    for (k, &i) in order.iter().enumerate() {
        out[i] = s[k];
    }
    out
}

/// Whether both layouts put the elements in the same order.
fn layouts_coincide(dims: &[usize]) -> bool {
    dims.len() < 3 || dims[1] == 1 || dims[2..].iter().all(|&d| d == 1)
}

impl<'a, 'c> Lower<'a, 'c> {
    fn new(g: &'a Graph, options: &CodegenOptions, cx: &'a mut PassCx<'c>) -> Result_<Self> {
        let n = g.values.len();
        let mut l = Lower {
            g,
            options: *options,
            cx,
            f: Fused::default(),
            rm: vec![None; n],
            cl: vec![None; n],
            users: g.users(),
            done: vec![false; g.nodes.len()],
        };
        for (i, &v) in g.inputs.iter().enumerate() {
            let ty = g.ty(v);
            let dtype = machine_type(ty.dtype).ok_or_else(|| CompileError::Unsupported {
                node: g.value_name(v),
                op: "graph input".into(),
                reason: format!("element type {}", ty.dtype),
            })?;
            let def = TensorDef::Input(u32::try_from(i).unwrap_or(u32::MAX));
            let t = l.f.tensors.push(FTensor {
                dtype,
                dims: ty.dims.clone(),
                layout: Layout::RowMajor,
                def,
                value: Some(v),
            });
            l.register(v, t, Layout::RowMajor);
            l.f.inputs.push((g.value_name(v), t));
        }
        Ok(l)
    }

    fn register(&mut self, v: ValueId, t: TensorId, layout: Layout) {
        let both = layouts_coincide(&self.g.ty(v).dims);
        if both || layout == Layout::RowMajor {
            self.rm[v.index()] = Some(t);
        }
        if both || layout == Layout::ChannelsLast {
            self.cl[v.index()] = Some(t);
        }
    }

    fn unsupported(&self, id: NodeId, reason: impl Into<String>) -> CompileError {
        let n = &self.g.nodes[id];
        CompileError::Unsupported { node: n.origin.name.clone(), op: n.op.to_string(), reason: reason.into() }
    }
    fn invalid(&self, id: NodeId, reason: impl Into<String>) -> CompileError {
        let n = &self.g.nodes[id];
        CompileError::Invalid { node: n.origin.name.clone(), op: n.op.to_string(), reason: reason.into() }
    }

    /// Input `i` of a node.
    fn input(&self, id: NodeId, i: usize) -> Result_<ValueId> {
        self.g.nodes[id].input(i).ok_or_else(|| self.invalid(id, format!("input {i} is missing")))
    }
    fn dims(&self, v: ValueId) -> &'a [usize] {
        &self.g.ty(v).dims
    }
    fn dtype(&self, id: NodeId, v: ValueId) -> Result_<MDType> {
        let d = self.g.ty(v).dtype;
        machine_type(d).ok_or_else(|| self.unsupported(id, format!("element type {d}")))
    }

    /// The constant's tensor in the value's own type (a wide f64 constant of an f32 value is rounded once).
    fn const_tensor(&self, id: NodeId, v: ValueId) -> Result_<Option<Tensor>> {
        let Some(t) = self.g.constant(v) else { return Ok(None) };
        let want = self.g.ty(v).dtype;
        if t.dtype == want {
            return Ok(Some(t.clone()));
        }
        match (t.to_f64(), want) {
            (Some(x), DType::F32) => {
                let x: Vec<f32> = x.iter().map(|x| *x as f32).collect();
                Ok(Some(Tensor::from_f32(t.dims.clone(), &x)))
            }
            _ => Err(self.invalid(id, format!("a constant of {} holds {}", want, t.dtype))),
        }
    }
    /// A constant operand that the lowering needs the value of.
    fn need_const(&self, id: NodeId, v: ValueId, what: &str) -> Result_<Tensor> {
        self.const_tensor(id, v)?.ok_or_else(|| self.unsupported(id, format!("{what} is computed at run time")))
    }
    /// Constant integers of an optional input.
    fn const_ints(&self, id: NodeId, i: usize, what: &str) -> Result_<Option<Vec<i64>>> {
        let Some(v) = self.g.nodes[id].input(i) else { return Ok(None) };
        let t = self.need_const(id, v, what)?;
        t.ints().map(Some).ok_or_else(|| self.invalid(id, format!("{what} is not of an integer type")))
    }

    /// The tensor that holds a value in a layout, bridged by a `Move` if need be.
    fn want(&mut self, id: NodeId, v: ValueId, layout: Layout) -> Result_<TensorId> {
        let slot = if layout == Layout::ChannelsLast { self.cl[v.index()] } else { self.rm[v.index()] };
        if let Some(t) = slot {
            return Ok(t);
        }
        let dims = self.dims(v).to_vec();
        if let Some(t) = self.const_tensor(id, v)? {
            return self.const_in(id, v, t, layout);
        }
        let from = self.rm[v.index()].or(self.cl[v.index()]);
        let Some(from) = from else {
            return Err(self.invalid(id, format!("{v} is used before it is defined")));
        };
        let from_layout = if self.rm[v.index()].is_some() { Layout::RowMajor } else { Layout::ChannelsLast };
        let order = physical_order(dims.len(), layout);
        let s = logical_strides(&dims, from_layout);
        let n: Vec<usize> = order.iter().map(|&i| dims[i]).collect();
        let src: Vec<isize> = order.iter().map(|&i| s[i]).collect();
        let copy = make_copy(&n, 0, 0, &src, 0, &dense(&n));
        let name = format!("{} (layout)", self.g.value_name(v));
        let out = self.out(id, v, layout)?;
        self.push(GroupKind::Move(Move { copies: vec![copy], fills: vec![] }), vec![from], out, vec![], name);
        Ok(out)
    }

    fn const_in(&mut self, id: NodeId, v: ValueId, t: Tensor, layout: Layout) -> Result_<TensorId> {
        let dtype = self.dtype(id, v)?;
        let dims = t.dims.clone();
        let order = physical_order(dims.len(), layout);
        let phys: Vec<usize> = order.iter().map(|&i| dims[i]).collect();
        let tensor = if layouts_coincide(&dims) || layout == Layout::RowMajor {
            t
        } else {
            let s = logical_strides(&dims, Layout::RowMajor);
            let src: Vec<isize> = order.iter().map(|&i| s[i]).collect();
            let bytes = permute(&t.bytes, t.dtype.size(), &phys, &src);
            Tensor::new(t.dtype, phys, bytes).map_err(|e| self.invalid(id, e.to_string()))?
        };
        let layout = if layouts_coincide(&dims) { Layout::RowMajor } else { layout };
        let def = TensorDef::Const(tensor);
        let out = self.f.tensors.push(FTensor { dtype, dims, layout, def, value: Some(v) });
        self.register(v, out, layout);
        Ok(out)
    }

    /// A tensor that holds the value in whatever layout there is, with its logical strides.
    fn source(&mut self, id: NodeId, v: ValueId) -> Result_<(TensorId, Vec<isize>)> {
        let dims = self.dims(v).to_vec();
        if self.rm[v.index()].is_none() && self.cl[v.index()].is_some() {
            let t = self.want(id, v, Layout::ChannelsLast)?;
            return Ok((t, logical_strides(&dims, Layout::ChannelsLast)));
        }
        let t = self.want(id, v, Layout::RowMajor)?;
        Ok((t, logical_strides(&dims, Layout::RowMajor)))
    }
    /// Whether a value exists channels-last only.
    fn is_channels_last(&self, v: ValueId) -> bool {
        self.rm[v.index()].is_none() && self.cl[v.index()].is_some()
    }

    /// A new tensor for a value, written by the next group.
    fn out(&mut self, id: NodeId, v: ValueId, layout: Layout) -> Result_<TensorId> {
        let dtype = self.dtype(id, v)?;
        let dims = self.dims(v).to_vec();
        let layout = if layouts_coincide(&dims) { Layout::RowMajor } else { layout };
        let def = TensorDef::Group(self.f.groups.next_id());
        let t = self.f.tensors.push(FTensor { dtype, dims, layout, def, value: Some(v) });
        self.register(v, t, layout);
        Ok(t)
    }
    /// A tensor for an intermediate result that no value of G' names, written by the next group.
    fn temporary(&mut self, dtype: MDType, dims: Vec<usize>) -> TensorId {
        let def = TensorDef::Group(self.f.groups.next_id());
        self.f.tensors.push(FTensor { dtype, dims, layout: Layout::RowMajor, def, value: None })
    }
    /// A row-major constant that no value of G' names.
    fn const_temporary(&mut self, dtype: MDType, t: Tensor) -> TensorId {
        let dims = t.dims.clone();
        self.f.tensors.push(FTensor { dtype, dims, layout: Layout::RowMajor, def: TensorDef::Const(t), value: None })
    }

    fn push(
        &mut self,
        kind: GroupKind,
        inputs: Vec<TensorId>,
        output: TensorId,
        nodes: Vec<NodeId>,
        name: String,
    ) -> GroupId {
        for n in &nodes {
            self.done[n.index()] = true;
        }
        self.f.groups.push(Group { kind, inputs, output, nodes, name })
    }
    fn name(&self, id: NodeId) -> String {
        self.g.nodes[id].origin.name.clone()
    }

    /// The only user of a value, if fusion may hide the value: one reader, not a graph output.
    fn sole_user(&self, v: ValueId) -> Option<NodeId> {
        match self.users[v].as_slice() {
            [u] if !self.g.is_output(v) => Some(*u),
            _ => None,
        }
    }

    fn node(&mut self, id: NodeId, node: &'a Node) -> Result_<()> {
        for &o in &node.outputs {
            self.dtype(id, o)?;
        }
        if node.outputs.iter().all(|&o| self.g.ty(o).elements() == 0) {
            return self.empty(id, node);
        }
        match node.op {
            Op::Conv | Op::QLinearConv | Op::ConvInteger => self.conv(id, node),
            Op::MatMul | Op::QLinearMatMul | Op::MatMulInteger => self.matmul(id, node),
            Op::MaxPool | Op::AveragePool => self.pool(id, node),
            Op::ReduceSum | Op::ReduceMean | Op::ReduceMax | Op::ReduceMin | Op::ReduceProd => self.reduce(id, node),
            Op::ArgMax | Op::ArgMin => self.arg(id, node),
            Op::Transpose => self.transpose(id, node),
            // A BitCast moves bits to a tensor of another type.
            Op::Reshape | Op::Flatten | Op::Squeeze | Op::Unsqueeze | Op::Identity | Op::BitCast => {
                self.reshape(id, node)
            }
            Op::Concat => self.concat(id, node),
            Op::Slice => self.slice(id, node),
            Op::Pad => self.pad(id, node),
            Op::Expand => self.expand(id, node),
            Op::Gather => self.gather(id, node),
            Op::QuantizeLinear | Op::DequantizeLinear => self.quantize(id, node),
            op if elementwise::is_elementwise(op) => self.elementwise(id, node),
            _ => Err(self.unsupported(id, "not a core operator of this compiler")),
        }
    }

    /// Empty outputs: groups that write nothing.
    fn empty(&mut self, id: NodeId, node: &'a Node) -> Result_<()> {
        for &o in &node.outputs {
            let t = self.out(id, o, Layout::RowMajor)?;
            let name = self.name(id);
            self.push(GroupKind::Move(Move { copies: vec![], fills: vec![] }), vec![], t, vec![id], name);
        }
        Ok(())
    }

    /// Makes every graph output a row-major tensor of its own that a group writes and none reads (R3 is write-only).
    fn outputs(&mut self) -> Result_<()> {
        let mut read = vec![false; self.f.tensors.len()];
        for g in self.f.groups.values() {
            for t in &g.inputs {
                read[t.index()] = true;
            }
        }
        for o in &self.g.outputs {
            let v = o.value;
            let node = self.g.producer(v).unwrap_or(NodeId(0));
            let direct = self.rm[v.index()].filter(|t| {
                matches!(self.f.tensors[*t].def, TensorDef::Group(_))
                    && !read.get(t.index()).copied().unwrap_or(false)
                    && self.g.outputs.iter().filter(|p| self.rm[p.value.index()] == Some(*t)).count() == 1
            });
            if let Some(t) = direct {
                self.f.outputs.push((o.name.clone(), t));
                continue;
            }
            let (src, s) = if self.g.nodes.is_empty() && self.rm[v.index()].is_none() {
                let Def::Const(t) = &self.g.values[v].def else { unreachable!("a graph without nodes") };
                (self.const_output(&o.name, v, t.clone())?, logical_strides(self.dims(v), Layout::RowMajor))
            } else {
                self.source(node, v)?
            };
            let dims = self.dims(v).to_vec();
            let (rm, cl) = (self.rm[v.index()], self.cl[v.index()]);
            let out = {
                let ft = &self.f.tensors[src];
                let def = TensorDef::Group(self.f.groups.next_id());
                let t = FTensor { dtype: ft.dtype, dims: dims.clone(), layout: Layout::RowMajor, def, value: Some(v) };
                self.f.tensors.push(t)
            };
            (self.rm[v.index()], self.cl[v.index()]) = (rm, cl);
            let copies = if dims.contains(&0) { vec![] } else { vec![make_copy(&dims, 0, 0, &s, 0, &dense(&dims))] };
            let name = format!("{} (output)", o.name);
            let inputs = if copies.is_empty() { vec![] } else { vec![src] };
            self.push(GroupKind::Move(Move { copies, fills: vec![] }), inputs, out, vec![], name);
            if let Some(r) = read.get_mut(src.index()) {
                *r = true;
            }
            self.f.outputs.push((o.name.clone(), out));
        }
        Ok(())
    }

    fn const_output(&mut self, name: &str, v: ValueId, t: Tensor) -> Result_<TensorId> {
        let dtype = machine_type(t.dtype).ok_or_else(|| CompileError::Unsupported {
            node: name.into(),
            op: "graph output".into(),
            reason: format!("element type {}", t.dtype),
        })?;
        let out = self.const_temporary(dtype, t);
        self.f.tensors[out].value = Some(v);
        self.register(v, out, Layout::RowMajor);
        Ok(out)
    }
}

/// A copy with merged loops.
pub(crate) fn make_copy(
    n: &[usize],
    input: usize,
    src_offset: usize,
    src: &[isize],
    dst_offset: usize,
    dst: &[isize],
) -> Copy {
    let loops = merge(nest(n, &[src, dst]));
    let (n, s) = split(&loops, 2);
    Copy {
        n,
        src: View { input, offset: src_offset, strides: s[0].clone() },
        offset: dst_offset,
        strides: s[1].clone(),
    }
}

/// Extents and the strides of each of `k` operands; never without a loop.
pub(crate) fn split(loops: &[Loop], k: usize) -> (Vec<usize>, Vec<Vec<isize>>) {
    if loops.is_empty() {
        return (vec![1], vec![vec![0]; k]);
    }
    (loops.iter().map(|l| l.n).collect(), (0..k).map(|i| loops.iter().map(|l| l.s[i]).collect()).collect())
}

/// Elements of `src` in the order of a dense loop nest over `n` with source strides `s`.
pub(crate) fn permute(src: &[u8], esz: usize, n: &[usize], s: &[isize]) -> Vec<u8> {
    let loops = merge(nest(n, &[s]));
    let mut out = Vec::with_capacity(src.len());
    if n.contains(&0) {
        return out;
    }
    let (n, s) = split(&loops, 1);
    let s = &s[0];
    let mut at = vec![0usize; n.len()];
    loop {
        let o = at.iter().zip(s).fold(0isize, |o, (i, s)| o + i.cast_signed() * s).cast_unsigned() * esz;
        out.extend_from_slice(&src[o..o + esz]);
        let mut d = n.len();
        loop {
            if d == 0 {
                return out;
            }
            d -= 1;
            at[d] += 1;
            if at[d] < n[d] {
                break;
            }
            at[d] = 0;
        }
    }
}
