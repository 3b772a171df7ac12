//! What an explanation is about: the smallest piece of a graph that the machine got wrong, on the machine's own inputs, and what the
//! machine gave.

use ir::{Def, Graph, NodeId, Op, Tensor, ValueId};
use reference::{Bounded, Contract, Hypothesis, Options};
use std::collections::{BTreeMap, BTreeSet};

/// A graph of its own: a group, or the whole graph before a pass.
#[derive(Clone, Debug)]
pub struct Scope {
    /// The graph; its inputs are what the machine read.
    pub graph: Graph,
    /// The contract under which it is judged.
    pub contract: Contract,
    /// Whether it is evaluated in the types' own arithmetic, to the bit: for a pass that claims the same bits.
    pub typed: bool,
    /// Its name in reports.
    pub at: String,
}

/// What the side that is held to blame gave.
#[derive(Clone, Debug)]
pub enum Device {
    /// Bits of a machine or of a stage interpreter.
    Bits(Tensor),
    /// The meaning of a graph after a pass: all its outputs.
    Meaning(Vec<Bounded>),
}

/// One run.
#[derive(Clone, Debug)]
pub struct Evidence {
    /// Inputs of the scope, in graph order.
    pub inputs: Vec<Tensor>,
    /// The result.
    pub device: Device,
    /// What the neighbouring stage gave, where the arrow compares bits.
    pub before: Option<Tensor>,
}

impl Scope {
    /// The outputs under the reference, or under a hypothesis. `None` where the reference has no kernel or the graph no meaning.
    pub fn evaluate(&self, graph: &Graph, inputs: &[Tensor], hypothesis: Option<Hypothesis>) -> Option<Vec<Bounded>> {
        let base = if self.typed { Options::typed(&self.contract) } else { Options::new(&self.contract) };
        let e = reference::evaluate_with(graph, inputs, &Options { keep_all: false, hypothesis, ..base }).ok()?;
        let one = |b: &Bounded| if self.typed { Bounded::from_tensor(&b.to_tensor()) } else { b.clone() };
        graph.outputs.iter().map(|o| e.value(o.value).map(one)).collect()
    }
    /// The outputs under the plain reference.
    pub fn plain(&self, inputs: &[Tensor]) -> Option<Vec<Bounded>> {
        self.evaluate(&self.graph, inputs, None)
    }
    /// Operators in order.
    pub fn operators(&self) -> String {
        self.graph.nodes.values().map(|n| n.op.name()).collect::<Vec<_>>().join(", ")
    }
}

/// Operators that only move or decode constants: they are computed while the scope is cut, so that hypotheses can edit what they give.
fn decodes(op: Op) -> bool {
    matches!(
        op,
        Op::DequantizeLinear
            | Op::Transpose
            | Op::Reshape
            | Op::Identity
            | Op::Unsqueeze
            | Op::Squeeze
            | Op::Slice
            | Op::Concat
            | Op::Expand
    )
}

/// Cuts some nodes out of a graph. Operands from outside become inputs; their old ids are given in order. `target` must be among
/// the nodes' outputs.
pub fn cut(g: &Graph, nodes: &BTreeSet<NodeId>, target: ValueId, contract: &Contract) -> Option<(Graph, Vec<ValueId>)> {
    let mut new = Graph { name: g.name.clone(), ..Graph::default() };
    let mut map: BTreeMap<ValueId, ValueId> = BTreeMap::new();
    let mut sources = Vec::new();
    for &n in nodes {
        let node = g.nodes.get(n)?;
        for &v in node.inputs.iter().flatten() {
            if map.contains_key(&v) {
                continue;
            }
            let id = if let Def::Const(_) = &g.values[v].def {
                new.values.push(g.values[v].clone())
            } else if g.producer(v).is_some_and(|p| nodes.contains(&p)) {
                // Its producer comes earlier and has put it there.
                return None;
            } else {
                sources.push(v);
                new.add_input(format!("{}.{}", g.value_name(v), v.0), g.ty(v).clone())
            };
            map.insert(v, id);
        }
        let inputs: Vec<Option<ValueId>> = node.inputs.iter().map(|i| i.map(|v| map[&v])).collect();
        let outs = node.outputs.iter().map(|&o| (g.ty(o).clone(), g.values[o].name.clone())).collect();
        let constant = decodes(node.op) && inputs.iter().flatten().all(|&v| new.constant(v).is_some());
        let made = new.add_node(node.op, node.attrs.clone(), inputs, outs, node.origin.clone());
        if constant && let Some(t) = folded(&new, made[0], contract) {
            let c = new.add_const(g.values[node.outputs[0]].name.clone(), t);
            map.insert(node.outputs[0], c);
        } else {
            map.extend(node.outputs.iter().copied().zip(made));
        }
    }
    new.add_output("y", *map.get(&target)?);
    Some((ir::rebuild::compact(&new), sources))
}

fn folded(g: &Graph, v: ValueId, contract: &Contract) -> Option<Tensor> {
    let n = g.producer(v)?;
    let e = reference::evaluate_nodes(g, &[n], &BTreeMap::new(), contract).ok()?;
    e.value(v).map(Bounded::to_tensor)
}

/// A scope that copies its input: for a copy in another layout that differs from its source.
pub fn copy_of(ty: &ir::TensorType, contract: &Contract, at: String) -> Scope {
    let mut graph = Graph { name: "copy".into(), ..Graph::default() };
    let x = graph.add_input("x", ty.clone());
    let origin = ir::Origin::new(0, "copy");
    let y = graph.add_node(Op::Identity, ir::Attrs::none(), vec![Some(x)], vec![(ty.clone(), None)], origin)[0];
    graph.add_output("y", y);
    Scope { graph, contract: contract.clone(), typed: false, at }
}
