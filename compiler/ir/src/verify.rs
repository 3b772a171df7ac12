//! Structural verifier of G.
//!
//! *Proves*: operands exist and are defined before use; arity, attribute names and kinds fit the operator's schema;
//! definitions and uses agree; names of inputs are present and unique; constants have the bytes their types need; no
//! size overflows. *Assumes* nothing. *Cannot see*: whether the types of a node's outputs follow from its inputs (that
//! is `opt::types`, and `difftest` compares it with what the reference measures).

use crate::attrs::Attr;
use crate::graph::{Def, Graph, NodeId, ValueId};
use crate::ops::{AttrDefault, AttrKind};
use crate::types::DType;
use kit::Violation;
use std::collections::BTreeSet;

/// Largest number of elements of one tensor: keeps every later size computation inside u64 and out of memory trouble.
pub const MAX_ELEMENTS: usize = 1 << 31;

/// All broken rules of a graph.
pub fn verify(g: &Graph) -> Vec<Violation> {
    let mut out = Vec::new();
    let mut bad = |rule, at: String, detail: String| out.push(Violation { rule, at, detail });
    for (v, value) in g.values.iter() {
        let huge = value.ty.dims.iter().try_fold(1usize, |a, &d| a.checked_mul(d)).is_none_or(|n| n > MAX_ELEMENTS);
        if huge || value.ty.dims.iter().any(|&d| d > MAX_ELEMENTS) {
            bad("value-too-large", v.to_string(), format!("{} has more than {MAX_ELEMENTS} elements", value.ty));
            continue;
        }
        match &value.def {
            Def::Input(i) => {
                if g.inputs.get(*i as usize) != Some(&v) {
                    bad("input-index", v.to_string(), format!("is not input {i} of the graph"));
                }
                if value.name.is_none() {
                    bad("input-name", v.to_string(), "an input has no name".into());
                }
            }
            Def::Const(t) => {
                let wide = t.dtype == DType::F64 && value.ty.dtype.is_float();
                if t.dims != value.ty.dims || !(t.dtype == value.ty.dtype || wide) {
                    bad("const-type", v.to_string(), format!("constant of {} holds {}", value.ty, t.ty()));
                }
                if t.dtype == DType::Bool && t.bytes.iter().any(|&b| b > 1) {
                    bad("const-bool", v.to_string(), "a bool constant holds a byte other than 0 and 1".into());
                }
            }
            Def::Node { node, index } => {
                if g.nodes.get(*node).and_then(|n| n.outputs.get(*index as usize)) != Some(&v) {
                    bad("def-output", v.to_string(), format!("is not output {index} of {node}"));
                }
            }
        }
    }
    let mut names = BTreeSet::new();
    for &v in &g.inputs {
        match g.values.get(v) {
            None => bad("input-range", v.to_string(), "graph input does not exist".into()),
            Some(value) if !names.insert(value.name.clone()) => {
                bad("input-duplicate", v.to_string(), format!("two inputs are named {:?}", value.name));
            }
            Some(_) => {}
        }
    }
    let mut names = BTreeSet::new();
    for o in &g.outputs {
        if g.values.get(o.value).is_none() {
            bad("output-range", o.value.to_string(), format!("output `{}` does not exist", o.name));
        }
        if !names.insert(&o.name) {
            bad("output-duplicate", o.value.to_string(), format!("two outputs are named `{}`", o.name));
        }
    }
    for id in g.nodes.ids() {
        node(g, id, &mut bad);
    }
    out
}

fn node(g: &Graph, id: NodeId, bad: &mut impl FnMut(&'static str, String, String)) {
    let n = &g.nodes[id];
    let s = n.op.schema();
    let at = || format!("{id} ({} `{}`)", n.op, n.origin.name);
    if n.inputs.len() < s.inputs.0 || n.inputs.len() > s.inputs.1 {
        bad("arity", at(), format!("{} inputs, the schema allows {} to {}", n.inputs.len(), s.inputs.0, s.inputs.1));
    }
    if n.outputs.len() < s.outputs.0.max(1) || n.outputs.len() > s.outputs.1 {
        bad(
            "arity",
            at(),
            format!("{} outputs, the schema allows {} to {}", n.outputs.len(), s.outputs.0, s.outputs.1),
        );
    }
    let before = |v: ValueId| match g.values.get(v).map(|x| &x.def) {
        None => Err("does not exist"),
        Some(Def::Node { node, .. }) if *node >= id => Err("is defined later"),
        Some(_) => Ok(()),
    };
    for (i, v) in n.inputs.iter().enumerate() {
        match v {
            None if i < s.inputs.0 && s.inputs.1 != usize::MAX => {
                bad("input-missing", at(), format!("required input {i} is omitted"));
            }
            None => {}
            Some(v) => {
                if let Err(e) = before(*v) {
                    bad("use-before-def", at(), format!("input {i}, {v}, {e}"));
                }
            }
        }
    }
    for (name, a) in n.attrs.iter() {
        let fits = |k| {
            matches!(
                (k, a),
                (AttrKind::Int, Attr::Int(_))
                    | (AttrKind::Float, Attr::Float(_))
                    | (AttrKind::Str, Attr::Str(_))
                    | (AttrKind::Ints, Attr::Ints(_))
                    | (AttrKind::Floats, Attr::Floats(_))
                    | (AttrKind::Strs, Attr::Strs(_))
                    | (AttrKind::Tensor, Attr::Tensor(_))
            )
        };
        match n.op.attr(name) {
            None => bad("attr-unknown", at(), format!("has no attribute `{name}`")),
            Some(spec) if !fits(spec.kind) => bad("attr-kind", at(), format!("attribute `{name}` is {a:?}")),
            Some(_) => {}
        }
    }
    for spec in s.attrs {
        if spec.default != AttrDefault::Optional && !n.attrs.has(spec.name) {
            bad("attr-missing", at(), format!("attribute `{}` is missing", spec.name));
        }
    }
}

impl kit::Ir for Graph {
    const STAGE: kit::Stage = kit::Stage::Graph;
    fn verify(&self) -> Vec<Violation> {
        verify(self)
    }
    fn text(&self) -> String {
        crate::text::print(self)
    }
}
