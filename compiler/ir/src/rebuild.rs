//! The only way to change a graph: copy it in order, replacing, dropping or bypassing nodes. Topological order and dense
//! ids hold by construction, dead code disappears, and the old graph stays as a snapshot.

use crate::attrs::Attrs;
use crate::graph::{Def, Graph, NodeId, Origin, ValueId};
use crate::ops::Op;
use crate::tensor::Tensor;
use crate::types::TensorType;

/// A graph under construction from an old one.
#[derive(Debug)]
pub struct Rebuild<'g> {
    /// The graph that is read.
    pub old: &'g Graph,
    /// The graph that is written.
    pub new: Graph,
    map: Vec<Option<ValueId>>,
}

impl<'g> Rebuild<'g> {
    /// Starts with a copy of the inputs.
    pub fn new(old: &'g Graph) -> Self {
        let mut new = Graph { name: old.name.clone(), ..Graph::default() };
        let mut map = vec![None; old.values.len()];
        for &v in &old.inputs {
            map[v.0 as usize] = Some(new.add_input(old.value_name(v), old.ty(v).clone()));
        }
        Self { old, new, map }
    }
    /// The new value that stands for an old one; constants are copied at first use. Panics if the producer was neither kept nor bound.
    pub fn value(&mut self, v: ValueId) -> ValueId {
        if let Some(n) = self.map[v.0 as usize] {
            return n;
        }
        let old = &self.old.values[v];
        assert!(matches!(old.def, Def::Const(_)), "{v} is used before its producer was rebuilt");
        let n = self.new.values.push(old.clone());
        self.map[v.0 as usize] = Some(n);
        n
    }
    /// Copies a node; gives its new outputs.
    pub fn keep(&mut self, id: NodeId) -> Vec<ValueId> {
        let node = &self.old.nodes[id];
        let inputs = node.inputs.iter().map(|i| i.map(|v| self.value(v))).collect();
        self.keep_with(id, node.op, node.attrs.clone(), inputs)
    }
    /// Copies a node's outputs, types and origin with another operator, attributes or (new) inputs.
    pub fn keep_with(&mut self, id: NodeId, op: Op, attrs: Attrs, inputs: Vec<Option<ValueId>>) -> Vec<ValueId> {
        let node = &self.old.nodes[id];
        let outs = node.outputs.iter().map(|&o| (self.old.ty(o).clone(), self.old.values[o].name.clone())).collect();
        let new = self.new.add_node(op, attrs, inputs, outs, node.origin.clone());
        for (&o, &n) in node.outputs.iter().zip(&new) {
            self.map[o.0 as usize] = Some(n);
        }
        new
    }
    /// Lets a new value stand for an old one.
    pub fn bind(&mut self, old: ValueId, new: ValueId) {
        self.map[old.0 as usize] = Some(new);
    }
    /// Adds a new single-output node; inputs are new values.
    pub fn emit(&mut self, op: Op, attrs: Attrs, inputs: &[ValueId], ty: TensorType, origin: &Origin) -> ValueId {
        let inputs = inputs.iter().map(|&v| Some(v)).collect();
        self.new.add_node(op, attrs, inputs, vec![(ty, None)], origin.clone())[0]
    }
    /// Adds a new constant.
    pub fn constant(&mut self, t: Tensor) -> ValueId {
        self.new.add_const(None, t)
    }
    /// Maps the outputs and drops dead nodes and constants.
    pub fn finish(mut self) -> Graph {
        let outputs: Vec<_> = self.old.outputs.clone();
        for o in outputs {
            let v = self.value(o.value);
            self.new.add_output(o.name, v);
        }
        compact(&self.new)
    }
}

/// A copy without the nodes and constants that no output needs. Inputs stay, used or not.
pub fn compact(g: &Graph) -> Graph {
    let mut live = vec![false; g.values.len()];
    for o in &g.outputs {
        live[o.value.0 as usize] = true;
    }
    let mut keep = vec![false; g.nodes.len()];
    for (id, n) in g.nodes.iter().rev() {
        if n.outputs.iter().any(|o| live[o.0 as usize]) {
            keep[id.0 as usize] = true;
            for v in n.inputs.iter().flatten() {
                live[v.0 as usize] = true;
            }
        }
    }
    let mut out = Graph { name: g.name.clone(), ..Graph::default() };
    let mut map: Vec<Option<ValueId>> = vec![None; g.values.len()];
    for &v in &g.inputs {
        map[v.0 as usize] = Some(out.add_input(g.value_name(v), g.ty(v).clone()));
    }
    let value = |out: &mut Graph, map: &mut Vec<Option<ValueId>>, v: ValueId| {
        *map[v.0 as usize].get_or_insert_with(|| out.values.push(g.values[v].clone()))
    };
    for (id, n) in g.nodes.iter() {
        if !keep[id.0 as usize] {
            continue;
        }
        let inputs = n.inputs.iter().map(|i| i.map(|v| value(&mut out, &mut map, v))).collect();
        let outs = n.outputs.iter().map(|&o| (g.ty(o).clone(), g.values[o].name.clone())).collect();
        let new = out.add_node(n.op, n.attrs.clone(), inputs, outs, n.origin.clone());
        for (&o, &w) in n.outputs.iter().zip(&new) {
            map[o.0 as usize] = Some(w);
        }
    }
    for o in &g.outputs {
        let v = value(&mut out, &mut map, o.value);
        out.add_output(o.name.clone(), v);
    }
    out
}
