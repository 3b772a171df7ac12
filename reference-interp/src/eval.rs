//! Evaluation of graphs, and of groups of nodes from the machine's own inputs.

use crate::contract::{Contract, Format, Storage};
use crate::cx::{Args, EvalCx};
use crate::error::{EvalError, OpError};
use crate::hypothesis::Hypothesis;
use crate::ops;
use crate::round;
use crate::session::{Slot, Store};
use crate::value::{Bounded, Data, Float};
use ir::{Def, Graph, Node, NodeId, Tensor, Value, ValueId};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Default limit of elements of one tensor.
pub const DEFAULT_LIMIT: usize = 1 << 27;

/// How to evaluate.
#[derive(Clone, Copy, Debug)]
pub struct Options<'a> {
    /// Contract.
    pub contract: &'a Contract,
    /// A mistake to make on purpose.
    pub hypothesis: Option<Hypothesis>,
    /// Largest number of elements of one tensor; beyond it evaluation ends with an error.
    pub limit: usize,
    /// Whether to compute bounds.
    pub bounds: bool,
    /// Whether to keep intermediate values; without, only graph outputs stay in memory.
    pub keep_all: bool,
    /// Whether every node's result is rounded to its declared type before another node reads it: the types' own arithmetic, in
    /// which a graph has one result, to the bit. Means something without bounds only.
    pub typed: bool,
}

impl<'a> Options<'a> {
    /// With bounds, everything kept, no hypothesis.
    pub fn new(contract: &'a Contract) -> Self {
        Self { contract, hypothesis: None, limit: DEFAULT_LIMIT, bounds: true, keep_all: true, typed: false }
    }
    /// The types' own arithmetic: rounded after each node, without bounds.
    pub fn typed(contract: &'a Contract) -> Self {
        Self { bounds: false, typed: true, ..Self::new(contract) }
    }
    fn cx(&self) -> EvalCx<'a> {
        EvalCx { contract: self.contract, hypothesis: self.hypothesis, limit: self.limit, bounds: self.bounds }
    }
}

/// What an evaluation computed.
#[derive(Clone, Debug, Default)]
pub struct Evaluation {
    values: BTreeMap<ValueId, Slot>,
    outputs: Vec<ValueId>,
}

impl Evaluation {
    /// The value with its bounds, if it was computed (or given) and kept. Constants appear where a node read them.
    pub fn value(&self, v: ValueId) -> Option<&Bounded> {
        self.values.get(&v).map(|s| &*s.value)
    }
    /// The outputs in order: of the graph, or of the nodes of a group.
    pub fn outputs(&self) -> Vec<&Bounded> {
        self.outputs.iter().filter_map(|v| self.value(*v)).collect()
    }
    /// The same, to be kept without a copy.
    pub fn shared_outputs(&self) -> Vec<Arc<Bounded>> {
        self.outputs.iter().filter_map(|v| self.values.get(v)).map(|s| s.value.clone()).collect()
    }
    /// Ids of [`Evaluation::outputs`].
    pub fn output_ids(&self) -> &[ValueId] {
        &self.outputs
    }
    /// All values, by id.
    pub fn values(&self) -> impl Iterator<Item = (ValueId, &Bounded)> {
        self.values.iter().map(|(k, v)| (*k, &*v.value))
    }
}

/// Evaluates a graph on inputs in graph order, with bounds.
pub fn evaluate(graph: &Graph, inputs: &[Tensor], contract: &Contract) -> Result<Evaluation, EvalError> {
    evaluate_with(graph, inputs, &Options::new(contract))
}

/// Evaluates values only: all radii are 0 and mean nothing. For comparing the cost of bounds.
pub fn evaluate_plain(graph: &Graph, inputs: &[Tensor], contract: &Contract) -> Result<Evaluation, EvalError> {
    evaluate_with(graph, inputs, &Options { bounds: false, ..Options::new(contract) })
}

/// The graph's outputs in the types' own arithmetic: every result is computed in binary64 from the operands' stored values and rounded
/// to its type. For graphs that claim the same bits; two that differ in the order of a sum differ here.
pub fn evaluate_typed(graph: &Graph, inputs: &[Tensor], contract: &Contract) -> Result<Vec<Tensor>, EvalError> {
    let options = Options { keep_all: false, ..Options::typed(contract) };
    let e = evaluate_with(graph, inputs, &options)?;
    Ok(e.outputs().into_iter().map(Bounded::to_tensor).collect())
}

/// [`evaluate`] with options.
pub fn evaluate_with(graph: &Graph, inputs: &[Tensor], options: &Options<'_>) -> Result<Evaluation, EvalError> {
    whole(graph, inputs, options, &mut Store::default())
}

/// [`evaluate_with`], sharing results with other evaluations under the same options.
pub(crate) fn whole(
    graph: &Graph,
    inputs: &[Tensor],
    options: &Options<'_>,
    store: &mut Store,
) -> Result<Evaluation, EvalError> {
    let bad = |reason: String| EvalError::Invalid { node: String::new(), op: "input".into(), reason };
    if inputs.len() != graph.inputs.len() {
        return Err(bad(format!("{} inputs given, the graph has {}", inputs.len(), graph.inputs.len())));
    }
    let mut values = BTreeMap::new();
    for (&id, t) in graph.inputs.iter().zip(inputs) {
        let Some(v) = graph.values.get(id) else { return Err(bad(format!("graph input {id} does not exist"))) };
        if t.ty() != v.ty {
            return Err(bad(format!("input `{}` is declared {}, got {}", graph.value_name(id), v.ty, t.ty())));
        }
        values.insert(id, store.given(t));
    }
    let nodes: Vec<NodeId> = graph.nodes.ids().collect();
    let outputs = graph.outputs.iter().map(|o| o.value).collect::<Vec<_>>();
    let mut e = run(graph, &nodes, values, &outputs, options, store)?;
    for &o in &outputs {
        load(graph, o, &mut e.values, options.contract, store).map_err(|r| bad(r.to_string()))?;
    }
    e.outputs = outputs;
    Ok(e)
}

/// Evaluates a group of nodes from given tensors (the machine's own): every operand is given, a constant of the graph,
/// or defined by an earlier node of the group. A given value that a node of the group defines is computed anew.
/// `outputs()` are the outputs of the nodes, in order.
pub fn evaluate_nodes(
    graph: &Graph,
    nodes: &[NodeId],
    given: &BTreeMap<ValueId, Tensor>,
    contract: &Contract,
) -> Result<Evaluation, EvalError> {
    evaluate_nodes_with(graph, nodes, given, &Options::new(contract))
}

/// [`evaluate_nodes`] with options.
pub fn evaluate_nodes_with(
    graph: &Graph,
    nodes: &[NodeId],
    given: &BTreeMap<ValueId, Tensor>,
    options: &Options<'_>,
) -> Result<Evaluation, EvalError> {
    group(graph, nodes, given, options, &mut Store::default())
}

/// [`evaluate_nodes_with`], sharing results with other evaluations under the same options.
pub(crate) fn group(
    graph: &Graph,
    nodes: &[NodeId],
    given: &BTreeMap<ValueId, Tensor>,
    options: &Options<'_>,
    store: &mut Store,
) -> Result<Evaluation, EvalError> {
    let mut sorted = nodes.to_vec();
    sorted.sort_unstable();
    sorted.dedup();
    let outputs: Vec<ValueId> =
        sorted.iter().filter_map(|n| graph.nodes.get(*n)).flat_map(|n| n.outputs.iter().copied()).collect();
    let values = given
        .iter()
        .filter(|(v, _)| !outputs.contains(v))
        .map(|(v, t)| (*v, store.given(t)))
        .collect::<BTreeMap<_, _>>();
    let mut e = run(graph, &sorted, values, &outputs, options, store)?;
    e.outputs = outputs;
    Ok(e)
}

fn run(
    graph: &Graph,
    nodes: &[NodeId],
    values: BTreeMap<ValueId, Slot>,
    outputs: &[ValueId],
    options: &Options<'_>,
    store: &mut Store,
) -> Result<Evaluation, EvalError> {
    let cx = options.cx();
    let mut e = Evaluation { values, outputs: Vec::new() };
    let mut last_use = vec![0; graph.values.len()];
    for (at, n) in nodes.iter().enumerate() {
        let Some(n) = graph.nodes.get(*n) else {
            return Err(EvalError::Invalid { node: n.to_string(), op: String::new(), reason: "no such node".into() });
        };
        for v in n.inputs.iter().flatten().chain(&n.outputs) {
            if let Some(last) = last_use.get_mut(v.0 as usize) {
                *last = at;
            }
        }
    }
    for (at, &id) in nodes.iter().enumerate() {
        let node = &graph.nodes[id];
        let out = one(graph, node, &mut e.values, (&cx, options.typed), store).map_err(|err| located(node, err))?;
        for (v, b) in node.outputs.iter().zip(out) {
            e.values.insert(*v, b);
        }
        if !options.keep_all {
            for v in node.inputs.iter().flatten().chain(&node.outputs) {
                if last_use.get(v.0 as usize) == Some(&at) && !outputs.contains(v) {
                    e.values.remove(v);
                }
            }
        }
    }
    Ok(e)
}

fn located(node: &Node, err: OpError) -> EvalError {
    let (name, op) = (node.origin.name.clone(), node.op.to_string());
    match err {
        OpError::Unsupported(reason) => EvalError::Unsupported { node: name, op, reason },
        OpError::Invalid(reason) => EvalError::Invalid { node: name, op, reason },
    }
}

/// Makes sure that a constant is among the values.
fn load(
    graph: &Graph,
    id: ValueId,
    values: &mut BTreeMap<ValueId, Slot>,
    contract: &Contract,
    store: &mut Store,
) -> Result<(), OpError> {
    if values.contains_key(&id) {
        return Ok(());
    }
    match graph.values.get(id) {
        Some(v) => match &v.def {
            Def::Const(t) => {
                values.insert(id, store.constant(v, t, contract));
                Ok(())
            }
            Def::Input(_) | Def::Node { .. } => {
                Err(OpError::Invalid(format!("operand {} is neither given nor computed", graph.value_name(id))))
            }
        },
        None => Err(OpError::Invalid(format!("operand {id} does not exist"))),
    }
}

/// A constant. A wide one (f64 data of a narrower type) is rounded once to its type, or kept where the real meaning is asked for.
pub(crate) fn constant(v: &Value, t: &Tensor, contract: &Contract) -> Bounded {
    let mut b = Bounded::from_tensor(t);
    if t.dtype == v.ty.dtype {
        return b;
    }
    if let (Data::Float(f), Some(fmt)) = (&b.data, Format::of(v.ty.dtype)) {
        if contract.storage == Storage::ByDtype {
            b.data = Data::Float(Float::exact(f.value.iter().map(|&x| round::round(x, fmt)).collect()));
        }
        b.dtype = v.ty.dtype;
    }
    b
}

fn one(
    graph: &Graph,
    node: &Node,
    values: &mut BTreeMap<ValueId, Slot>,
    (cx, typed): (&EvalCx<'_>, bool),
    store: &mut Store,
) -> Result<Vec<Slot>, OpError> {
    for v in node.inputs.iter().flatten() {
        load(graph, *v, values, cx.contract, store)?;
    }
    let operands: Vec<Option<Slot>> = node.inputs.iter().map(|v| v.and_then(|v| values.get(&v).cloned())).collect();
    let (least, _) = node.op.schema().inputs;
    for i in 0..least {
        if operands.get(i).is_none_or(Option::is_none) {
            return Err(OpError::Invalid(format!("operand {i} is missing")));
        }
    }
    store.node(node, &operands, || {
        let inputs: Vec<Option<&Bounded>> = operands.iter().map(|o| o.as_ref().map(|s| &*s.value)).collect();
        let out = ops::eval(&Args { cx, node, inputs: &inputs })?;
        if out.len() < node.outputs.len() {
            return Err(OpError::Unsupported(format!("output {} is not computed", out.len())));
        }
        for b in &out {
            cx.alloc(&b.dims)?;
        }
        let round = |b: Bounded| if typed { Bounded::from_tensor(&b.to_tensor()) } else { b };
        Ok(out.into_iter().map(round).collect())
    })
}
