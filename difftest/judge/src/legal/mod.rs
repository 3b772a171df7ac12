//! A sampler of legal executions: whole graphs in binary32 (storage binary32 or bfloat16) with every choice that the
//! contract leaves open drawn at random.
//!
//! Written from the ONNX operator documentation and from the contract's text, never from the reference interpreter: if one
//! of them misreads a specification, the other flags it.

pub mod elementwise;
pub mod kernel;
pub mod layout;
pub mod linear;
pub mod norm;
pub mod num;
mod plan;
pub mod quant;
mod resize;
pub mod value;
mod window;

pub use kernel::{Choice, Kernel, Strategy};
pub use plan::Plan;
pub use value::{Lacking, Run, Value};

use crate::bugs::Planted;
use ir::{Def, Graph, Node, NodeId, Op, Tensor, ValueId};
use reference::Contract;
use std::collections::BTreeMap;
use value::{Data, lacking};

/// One execution of a graph.
#[derive(Clone, Debug)]
pub struct Execution {
    values: Vec<Option<Value>>,
    stored: Vec<bool>,
    /// Nodes that were executed together: only what leaves a group was stored.
    pub groups: Vec<Vec<NodeId>>,
    /// The choices in words, node by node, for a report.
    pub choices: Vec<String>,
}

impl Execution {
    /// A stored value as a tensor; `None` for one that stayed inside of its group.
    pub fn tensor(&self, v: ValueId) -> Option<Tensor> {
        let i = v.0 as usize;
        self.values.get(i)?.as_ref().filter(|_| self.stored[i]).map(Value::tensor)
    }
    /// The graph's outputs.
    pub fn outputs(&self, g: &Graph) -> Vec<Tensor> {
        g.outputs.iter().filter_map(|o| self.tensor(o.value)).collect()
    }
    /// The group of a node.
    pub fn group_of(&self, n: NodeId) -> &[NodeId] {
        self.groups.iter().find(|g| g.contains(&n)).map_or(&[], Vec::as_slice)
    }
    /// Everything stored that the nodes of a group read from outside of it; constants are the graph's own.
    pub fn given(&self, g: &Graph, group: &[NodeId]) -> BTreeMap<ValueId, Tensor> {
        let operands = group.iter().flat_map(|&n| g.nodes[n].inputs.iter().copied().flatten());
        operands
            .filter(|&v| g.constant(v).is_none() && g.producer(v).is_none_or(|p| !group.contains(&p)))
            .filter_map(|v| Some((v, self.tensor(v)?)))
            .collect()
    }
}

/// What to execute.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// Graph.
    pub graph: &'a Graph,
    /// Inputs in graph order.
    pub inputs: &'a [Tensor],
    /// The contract whose freedoms are used.
    pub contract: &'a Contract,
    /// Seed of all choices; `None` for the plainest execution.
    pub seed: Option<u64>,
    /// A node that stays a kernel of its own formula (it is not folded or re-associated away), so that a bug can sit in it.
    pub pinned: Option<NodeId>,
    /// The pinned node's result is stored: a flaw of the store needs a store.
    pub pinned_stores: bool,
    /// The bug in that node.
    pub planted: Option<&'a Planted>,
}

/// Executes a graph; an operator or form that the sampler lacks is an error that names it.
pub fn execute(r: &Request<'_>) -> Run<Execution> {
    let g = r.graph;
    let plan = Plan::draw(r);
    let mut e = Execution {
        values: vec![None; g.values.len()],
        stored: vec![true; g.values.len()],
        groups: plan.groups(g),
        choices: Vec::new(),
    };
    for (v, t) in g.inputs.iter().zip(r.inputs) {
        e.values[v.0 as usize] = Some(Value::of(t)?);
    }
    for (v, value) in g.values.iter() {
        if let Def::Const(t) = &value.def {
            if t.dtype != value.ty.dtype {
                return lacking("a wide constant");
            }
            e.values[v.0 as usize] = Some(Value::of(t)?);
        }
    }
    for (id, node) in g.nodes.iter() {
        if plan.is_absorbed(id) {
            mark(&mut e, node);
            continue;
        }
        let planted = r.planted.filter(|p| p.node == id);
        let mut k = Kernel::new(plan.choice(id).clone(), r.contract, planted.and_then(|p| p.flaw), r.seed.is_some());
        let edited = planted.and_then(|p| p.edited.clone());
        let node = edited.as_ref().unwrap_or(node);
        let outs = plan.run(g, id, node, &mut k, &e.values)?;
        e.choices.push(format!("{id} {}: {}", node.op, plan.describe(id)));
        for (&v, mut y) in node.outputs.iter().zip(outs) {
            let unrounded = plan.is_unrounded(id);
            if let (Data::F(xs), Some(f)) = (&mut y.data, num::of(y.dtype)) {
                // What stays inside of a group has more bits, but the accumulator's range: it overflows like one.
                let held = |x: f64| if (x as f32).is_infinite() { f64::from(x as f32) } else { x };
                xs.iter_mut().for_each(|x| *x = if unrounded { held(*x) } else { num::round(*x, f) });
            }
            if y.dtype != g.ty(v).dtype || y.dims != g.ty(v).dims {
                return lacking(format!("{}: declared {}, made {}{:?}", node.op, g.ty(v), y.dtype, y.dims));
            }
            e.stored[v.0 as usize] = !unrounded;
            e.values[v.0 as usize] = Some(y);
        }
    }
    Ok(e)
}

fn mark(e: &mut Execution, node: &Node) {
    node.outputs.iter().for_each(|v| e.stored[v.0 as usize] = false);
}

/// One node as its own kernel.
pub fn apply(k: &mut Kernel<'_>, g: &Graph, node: &Node, ins: &[Option<&Value>]) -> Run<Vec<Value>> {
    let opt = |i: usize| ins.get(i).copied().flatten();
    let x = |i: usize| opt(i).ok_or_else(|| Lacking(format!("{}: operand {i} is missing", node.op)));
    let all = || ins.iter().copied().flatten().collect::<Vec<_>>();
    let out = |i: usize| g.ty(node.outputs[i]);
    let is_float = |v: &Value| matches!(v.data, Data::F(_));
    let one = match node.op {
        Op::Reshape
        | Op::Flatten
        | Op::Squeeze
        | Op::Unsqueeze
        | Op::Transpose
        | Op::Expand
        | Op::Tile
        | Op::Slice
        | Op::DepthToSpace
        | Op::SpaceToDepth => layout::rearranged(k, node, ins, &out(0).dims)?,
        Op::Identity | Op::Dropout => layout::rearranged(k, node, ins, &out(0).dims)?,
        Op::Concat => layout::concat(node, &all())?,
        Op::Split => {
            let outs: Vec<Vec<usize>> = node.outputs.iter().map(|&v| g.ty(v).dims.clone()).collect();
            return Ok(layout::split(node, x(0)?, &outs));
        }
        Op::Pad => layout::pad(node, x(0)?, x(1)?, opt(2), &out(0).dims)?,
        Op::Gather => layout::gather(node, x(0)?, x(1)?)?,
        Op::Add | Op::Sub | Op::Mul | Op::Div | Op::Pow | Op::Mod | Op::PRelu => {
            elementwise::binary(k, node, x(0)?, x(1)?)?
        }
        Op::Max | Op::Min | Op::Sum | Op::Mean => elementwise::variadic(k, node, &all())?,
        Op::Clip if is_float(x(0)?) => elementwise::clip(x(0)?, opt(1), opt(2))?,
        Op::Greater | Op::GreaterOrEqual | Op::Less | Op::LessOrEqual | Op::Equal => {
            elementwise::compare(node, x(0)?, x(1)?)?
        }
        Op::Where => elementwise::select(x(0)?, x(1)?, x(2)?)?,
        Op::MatMul => linear::matmul(k, x(0)?, x(1)?, None)?,
        Op::Gemm => linear::gemm(k, node, x(0)?, x(1)?, opt(2))?,
        Op::Conv => linear::conv(k, node, x(0)?, x(1)?, opt(2), None)?,
        Op::MaxPool | Op::AveragePool | Op::GlobalAveragePool | Op::GlobalMaxPool => window::pool(k, node, x(0)?)?,
        Op::Softmax | Op::LogSoftmax => norm::softmax(k, node, x(0)?)?,
        Op::LayerNormalization | Op::RMSNormalization => return norm::layer(k, node, x(0)?, x(1)?, opt(2)),
        Op::InstanceNormalization | Op::GroupNormalization => norm::group(k, node, x(0)?, x(1)?, x(2)?)?,
        Op::BatchNormalization => return norm::batch(k, node, [x(0)?, x(1)?, x(2)?, x(3)?, x(4)?]),
        Op::ReduceSum
        | Op::ReduceMean
        | Op::ReduceMax
        | Op::ReduceMin
        | Op::ReduceProd
        | Op::ReduceL1
        | Op::ReduceL2
        | Op::ReduceSumSquare
        | Op::ReduceLogSumExp => norm::reduce(k, node, x(0)?, opt(1))?,
        Op::ArgMax | Op::ArgMin => norm::arg_extremum(node, x(0)?)?,
        Op::Resize => resize::resize(k, node, x(0)?, opt(2))?,
        Op::QuantizeLinear => quant::quantize(k, node, x(0)?, x(1)?, opt(2), out(0).dtype)?,
        Op::DequantizeLinear => quant::dequantize(k, node, x(0)?, x(1)?, opt(2))?,
        Op::Cast => quant::cast(k, x(0)?, out(0).dtype)?,
        _ => elementwise::unary(k, node, x(0)?)?,
    };
    Ok(vec![one])
}
