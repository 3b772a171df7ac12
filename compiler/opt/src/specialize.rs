//! From a model to a typed graph: symbolic extents and shape-only inputs are bound, shape computations are evaluated,
//! every type is inferred.
//!
//! Only what shapes depend on is evaluated here (exactly in the operators' own types); everything else stays a node, for
//! the passes, under their claims.

use crate::types::{Arg, infer, util};
use crate::{fold, fold::value};
use ir::{Dim, Graph, Model, ModelNode, ModelValue, Op, Origin, Tensor, TensorType, ValueId};
use kit::CompileError;
use std::collections::{BTreeMap, BTreeSet};

/// What the user fixes.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Specialize {
    /// Extents: by symbolic name (`batch`), or by input and axis (`x.2`), which goes first.
    pub dims: BTreeMap<String, usize>,
    /// Values of inputs that decide about shapes; they become constants and are no inputs of the graph any more.
    pub bound: BTreeMap<String, Tensor>,
}

/// Makes the static graph of a model.
///
/// # Errors
/// All problems: extents that nobody fixed (with the option that fixes them), types that do not fit, shapes that depend on
/// run-time data, names that are not defined.
pub fn specialize(model: &Model, s: &Specialize) -> Result<Graph, Vec<CompileError>> {
    let mut b =
        Builder { g: Graph { name: model.name.clone(), ..Graph::default() }, env: BTreeMap::new(), errors: vec![] };
    let wanted = shape_values(model);
    for v in &model.inputs {
        b.input(v, s);
    }
    for name in s.bound.keys() {
        if !model.inputs.iter().any(|v| &v.name == name) {
            b.invalid(name, "input", "a value is bound to it, but the model has no such input".into());
        }
    }
    for (name, t) in &model.initializers {
        let v = b.g.add_const(Some(name.clone()), t.clone());
        b.define(name, Some(v), name);
    }
    for n in &model.nodes {
        b.node(n, model, &wanted);
    }
    for o in &model.outputs {
        match b.env.get(&o.name) {
            Some(Some(v)) => b.g.add_output(o.name.clone(), *v),
            Some(None) => {}
            None => b.invalid(&o.name, "output", "no node computes it".into()),
        }
    }
    if !b.errors.is_empty() {
        return Err(b.errors);
    }
    let g = ir::rebuild::compact(&b.g);
    let broken = ir::verify::verify(&g);
    if broken.is_empty() {
        Ok(g)
    } else {
        Err(broken.iter().map(|v| invalid(&v.at, "graph", v.detail.clone())).collect())
    }
}

fn invalid(node: &str, op: &str, reason: String) -> CompileError {
    CompileError::Invalid { node: node.into(), op: op.into(), reason }
}

/// The inputs of an operator whose values decide about the shape of its output (or about its very meaning).
fn shape_operands(op: Op) -> &'static [usize] {
    use Op::*;
    match op {
        Reshape | Expand | Tile | Squeeze | Unsqueeze | Split | OneHot | TopK | CenterCropPad | AffineGrid
        | ReduceSum | ReduceMean | ReduceMax | ReduceMin | ReduceProd | ReduceL1 | ReduceL2 | ReduceLogSum
        | ReduceLogSumExp | ReduceSumSquare | CumSum | CumProd | Trilu => &[1],
        ConstantOfShape => &[0],
        Range => &[0, 1, 2],
        Slice => &[1, 2, 3, 4],
        Pad => &[1, 3],
        Resize => &[1, 2, 3],
        MaxUnpool | Dropout => &[2],
        Col2Im => &[1, 2],
        _ => &[],
    }
}

/// Names of all values that some shape depends on, transitively.
fn shape_values(model: &Model) -> BTreeSet<&str> {
    let mut wanted: BTreeSet<&str> = BTreeSet::new();
    for n in model.nodes.iter().rev() {
        let operands = shape_operands(n.op);
        wanted.extend(operands.iter().filter_map(|&i| n.inputs.get(i)?.as_deref()));
        let by_shape_only = matches!(n.op, Op::Shape | Op::Size | Op::EyeLike);
        if !by_shape_only && n.outputs.iter().flatten().any(|o| wanted.contains(o.as_str())) {
            wanted.extend(n.inputs.iter().flatten().map(String::as_str));
        }
    }
    wanted
}

struct Builder {
    g: Graph,
    /// Values by name; `None` for those that an error was reported for.
    env: BTreeMap<String, Option<ValueId>>,
    errors: Vec<CompileError>,
}

impl Builder {
    fn invalid(&mut self, node: &str, op: &str, reason: String) {
        self.errors.push(invalid(node, op, reason));
    }
    fn define(&mut self, name: &str, v: Option<ValueId>, node: &str) {
        if self.env.insert(name.into(), v).is_some() {
            self.invalid(node, "value", format!("the name `{name}` is defined twice"));
        }
    }
    fn input(&mut self, v: &ModelValue, s: &Specialize) {
        let dims = match extents(v, &s.dims) {
            Ok(d) => d,
            Err(reasons) if !s.bound.contains_key(&v.name) => {
                self.errors.extend(reasons.into_iter().map(|r| invalid(&v.name, "input", r)));
                return self.define(&v.name, None, &v.name);
            }
            Err(_) => s.bound[&v.name].dims.clone(),
        };
        let ty = TensorType::new(v.dtype, dims);
        if product_too_large(&ty) {
            self.invalid(&v.name, "input", format!("{ty} has too many elements"));
            return self.define(&v.name, None, &v.name);
        }
        let id = match s.bound.get(&v.name) {
            None => self.g.add_input(v.name.clone(), ty),
            Some(t) if t.ty() == ty => self.g.add_const(Some(v.name.clone()), t.clone()),
            Some(t) => {
                self.invalid(&v.name, "input", format!("it is {ty}, the value bound to it {}", t.ty()));
                return self.define(&v.name, None, &v.name);
            }
        };
        self.define(&v.name, Some(id), &v.name);
    }
    /// Adds one node, or the constants that it evaluates to where a shape depends on them.
    fn node(&mut self, n: &ModelNode, model: &Model, wanted: &BTreeSet<&str>) {
        let mut inputs = Vec::with_capacity(n.inputs.len());
        for name in &n.inputs {
            match name.as_ref().map(|s| self.env.get(s)) {
                None => inputs.push(None),
                Some(Some(Some(v))) => inputs.push(Some(*v)),
                Some(Some(None)) => return self.poison(n), // reported where it arose
                Some(None) => {
                    let reason = format!("input `{}` is not defined before it is used", name.as_deref().unwrap_or(""));
                    self.invalid(&n.name, n.op.name(), reason);
                    return self.poison(n);
                }
            }
        }
        while inputs.last() == Some(&None) {
            inputs.pop();
        }
        let mut attrs = n.op.defaults();
        for (k, a) in n.attrs.iter() {
            attrs.set(k, a.clone());
        }
        if n.op == Op::Split && inputs.get(1).copied().flatten().is_none() && !attrs.has("num_outputs") {
            attrs.set("num_outputs", ir::Attr::Int(n.outputs.len() as i64));
        }
        let args: Vec<Option<Arg<'_>>> =
            inputs.iter().map(|i| i.map(|v| Arg { ty: self.g.ty(v), value: self.g.constant(v) })).collect();
        let types = match infer(n.op, &attrs, &args) {
            Ok(t) if t.len() >= n.outputs.len() => t,
            Ok(t) => {
                let reason = format!("it has {} outputs, {} expected", n.outputs.len(), t.len());
                self.invalid(&n.name, n.op.name(), reason);
                return self.poison(n);
            }
            Err(reason) => {
                self.errors.push(explain(n, model, &self.env, &self.g, reason));
                return self.poison(n);
            }
        };
        if n.outputs.iter().flatten().any(|o| wanted.contains(o.as_str()))
            && let Some(values) = fold::evaluate(n.op, &attrs, &args, &types)
            && values.len() >= n.outputs.len()
        {
            for ((name, t), ty) in n.outputs.iter().zip(values).zip(&types) {
                if let Some(name) = name {
                    let v = self.g.add_const(Some(name.clone()), value::rounded(&t, ty.dtype));
                    self.define(name, Some(v), &n.name);
                }
            }
            return;
        }
        let count = n.outputs.iter().rposition(Option::is_some).map_or(0, |i| i + 1);
        if count == 0 {
            return;
        }
        let outs = types.into_iter().zip(n.outputs[..count].iter().cloned()).collect();
        let new = self.g.add_node(n.op, attrs, inputs, outs, Origin::new(n.source, n.name.clone()));
        for (name, v) in n.outputs.iter().zip(new) {
            if let Some(name) = name {
                self.define(name, Some(v), &n.name);
            }
        }
    }
    fn poison(&mut self, n: &ModelNode) {
        for name in n.outputs.iter().flatten() {
            self.define(name, None, &n.name);
        }
    }
}

fn product_too_large(ty: &TensorType) -> bool {
    let max = ir::verify::MAX_ELEMENTS;
    util::product(&ty.dims) > max as i128 || ty.dims.iter().any(|&d| d > max)
}

/// The extents of an input, or one sentence for each that nobody fixed.
fn extents(v: &ModelValue, dims: &BTreeMap<String, usize>) -> Result<Vec<usize>, Vec<String>> {
    let by_axis = |i: usize| dims.get(&format!("{}.{i}", v.name)).copied();
    let Some(declared) = &v.dims else {
        let given: Vec<usize> = (0..).map_while(by_axis).collect();
        if given.is_empty() {
            return Err(vec![format!("the model declares no shape: give every extent as --dim {}.AXIS=N", v.name)]);
        }
        return Ok(given);
    };
    let mut bad = Vec::new();
    let mut out = Vec::with_capacity(declared.len());
    for (i, d) in declared.iter().enumerate() {
        let axis = format!("{}.{i}", v.name);
        match (d, by_axis(i)) {
            (Dim::Fixed(n), Some(m)) if *n != m => bad.push(format!("dimension {i} is {n} in the model, not {m}")),
            (Dim::Fixed(n), _) => out.push(*n),
            (Dim::Named(_), Some(m)) => out.push(m),
            (Dim::Named(name), None) => match dims.get(name).filter(|_| !name.is_empty()) {
                Some(n) => out.push(*n),
                None if name.is_empty() => bad.push(format!("dimension {i} is not fixed: give --dim {axis}=N")),
                None => {
                    bad.push(format!("dimension {i}, `{name}`, is not fixed: give --dim {name}=N (or --dim {axis}=N)"))
                }
            },
        }
    }
    if bad.is_empty() { Ok(out) } else { Err(bad) }
}

/// The error of a type rule; where a shape depends on data, it names the model input that the data come from.
fn explain(
    n: &ModelNode,
    model: &Model,
    env: &BTreeMap<String, Option<ValueId>>,
    g: &Graph,
    reason: String,
) -> CompileError {
    let (node, op) = (n.name.clone(), n.op.name().to_string());
    let data_dependent = reason.contains("known at compile time") || reason.contains("run-time data");
    if !data_dependent {
        return CompileError::Invalid { node, op, reason };
    }
    let unknown = |s: &&str| env.get(*s).copied().flatten().is_some_and(|v| g.constant(v).is_none());
    let operands = shape_operands(n.op).iter().filter_map(|&i| n.inputs.get(i)?.as_deref());
    let mut stack: Vec<&str> = operands.filter(unknown).collect();
    let mut seen = BTreeSet::new();
    while let Some(name) = stack.pop() {
        if !seen.insert(name) {
            continue;
        }
        if model.inputs.iter().any(|i| i.name == name) {
            let reason = format!("{reason}; it comes from the model input `{name}`: bind that input to a value");
            return CompileError::Unsupported { node, op, reason };
        }
        if let Some(p) = model.nodes.iter().find(|p| p.outputs.iter().flatten().any(|o| o == name)) {
            stack.extend(p.inputs.iter().flatten().map(String::as_str).filter(unknown));
        }
    }
    CompileError::Unsupported { node, op, reason }
}

#[cfg(test)]
mod tests;
