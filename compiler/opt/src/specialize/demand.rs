//! Values on demand: what a shape, a trip count or a condition is, evaluated from the nodes before it; and the model inputs
//! that stand in the way.

use super::{Builder, data_operands, invalid, shape_operands};
use crate::fold;
use crate::fold::value;
use crate::types::Arg;
use ir::{Def, ModelNode, Node, NodeId, Op, ValueId};
use kit::CompileError;
use std::collections::{BTreeMap, BTreeSet};

/// Most bytes of constants that are evaluated on demand in one model.
const MAX_BYTES: usize = 512 << 20;

/// A model input whose value has to be known.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Need {
    /// Name of the input.
    pub input: String,
    /// Whether it decides about shapes only as a shape, axis, amount or the like does; otherwise as data or as the condition or
    /// trip count of control flow.
    pub shape_like: bool,
}

/// What was evaluated so far.
#[derive(Default)]
pub struct Memo {
    known: BTreeMap<ValueId, Option<ValueId>>,
    bytes: usize,
}

/// Operators whose value follows from the types of their inputs.
fn by_type_only(op: Op) -> bool {
    matches!(op, Op::Shape | Op::Size | Op::EyeLike)
}

impl Builder {
    /// The constant that a value is, evaluated if it follows from constants and types; `None` if it does not.
    pub(super) fn constant(&mut self, v: ValueId) -> Option<ValueId> {
        if self.g.constant(v).is_some() {
            return Some(v);
        }
        for id in self.cone(v) {
            self.evaluate(id);
        }
        self.demand.known.get(&v).copied().flatten()
    }
    /// The nodes in front of a value that were not evaluated yet, in order.
    fn cone(&self, v: ValueId) -> BTreeSet<NodeId> {
        let mut cone = BTreeSet::new();
        let mut stack = vec![v];
        while let Some(v) = stack.pop() {
            let Def::Node { node, .. } = self.g.values[v].def else { continue };
            if self.demand.known.contains_key(&v) || !cone.insert(node) {
                continue;
            }
            let n = &self.g.nodes[node];
            if !by_type_only(n.op) {
                stack.extend(n.inputs.iter().flatten());
            }
        }
        cone
    }
    fn evaluate(&mut self, id: NodeId) {
        let n: Node = self.g.nodes[id].clone();
        let at = |v: ValueId| self.demand.known.get(&v).copied().flatten().unwrap_or(v);
        let inputs: Vec<Option<ValueId>> = n.inputs.iter().map(|i| i.map(at)).collect();
        let args: Vec<Option<Arg<'_>>> =
            inputs.iter().map(|i| i.map(|v| Arg { ty: self.g.ty(v), value: self.g.constant(v) })).collect();
        let types: Vec<_> = n.outputs.iter().map(|&o| self.g.ty(o).clone()).collect();
        let size: usize = types.iter().map(|t| t.elements().saturating_mul(t.dtype.size())).sum();
        let values = match self.demand.bytes.saturating_add(size) {
            total if total > MAX_BYTES => None,
            _ => fold::evaluate(n.op, &n.attrs, &args, &types).filter(|v| v.len() >= n.outputs.len()),
        };
        for (i, (&o, ty)) in n.outputs.iter().zip(&types).enumerate() {
            let known = values.as_ref().map(|v| {
                let name = self.g.values[o].name.clone();
                self.g.add_const(name, value::rounded(&v[i], ty.dtype))
            });
            self.demand.bytes += known.map_or(0, |_| ty.elements() * ty.dtype.size());
            self.demand.known.insert(o, known);
        }
    }
    /// Model inputs that an unknown value is computed from.
    fn sources(&self, v: ValueId) -> BTreeSet<ValueId> {
        let (mut out, mut seen, mut stack) = (BTreeSet::new(), BTreeSet::new(), vec![v]);
        while let Some(v) = stack.pop() {
            match self.g.values[v].def {
                Def::Input(_) => {
                    out.insert(v);
                }
                Def::Const(_) => {}
                Def::Node { node, .. } => {
                    let n = &self.g.nodes[node];
                    if !matches!(self.demand.known.get(&v), Some(Some(_))) && !by_type_only(n.op) && seen.insert(node) {
                        stack.extend(n.inputs.iter().flatten());
                    }
                }
            }
        }
        out
    }
    /// Reports that a value has to be known; names the model inputs that it comes from.
    pub(super) fn unknown(&mut self, node: &str, op: &str, v: &[ValueId], shape_like: bool, mut reason: String) {
        let from: BTreeSet<ValueId> = v.iter().flat_map(|&v| self.sources(v)).collect();
        if let Some(&first) = from.first() {
            reason +=
                &format!("; it comes from the model input `{}`: bind that input to a value", self.g.value_name(first));
        }
        let needs = from.iter().map(|&v| Need { input: self.g.value_name(v), shape_like });
        self.needs.extend(needs);
        self.errors.push(CompileError::Unsupported { node: node.into(), op: op.into(), reason });
    }
    /// The error of a type rule: of the model, of a shape that depends on data, or of what we do not have.
    pub(super) fn explain(&mut self, n: &ModelNode, inputs: &[Option<ValueId>], reason: String) {
        let (node, op) = (n.name.as_str(), n.op.name());
        if reason.contains("known at compile time") || reason.contains("run-time data") {
            let shape_like = data_operands(n.op).is_empty();
            let at = if shape_like { shape_operands(n.op) } else { data_operands(n.op) };
            let open: Vec<ValueId> = at
                .iter()
                .filter_map(|&i| inputs.get(i).copied().flatten())
                .filter(|&v| self.g.constant(v).is_none())
                .collect();
            return self.unknown(node, op, &open, shape_like, reason);
        }
        self.errors.push(if reason.contains("not supported") {
            CompileError::Unsupported { node: node.into(), op: op.into(), reason }
        } else {
            invalid(node, op, reason)
        });
    }
}
