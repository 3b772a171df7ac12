//! From a model to a typed graph: symbolic extents and shape-only inputs are bound, shape computations are evaluated,
//! every type is inferred.
//!
//! Only what shapes and control flow depend on is evaluated here (exactly in the operators' own types); everything else
//! stays a node, for the passes, under their claims. Branches are inlined and loops unrolled ([`control`]); sequences
//! are lists of values ([`sequence`]).

mod control;
mod demand;
mod sequence;

use crate::types::{Arg, infer, util};
use crate::{fold, fold::value};
pub use demand::Need;
use ir::{
    Attrs, Dim, Graph, Model, ModelControl, ModelNode, ModelValue, Op, Origin, Step, Tensor, TensorType, ValueId,
};
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
    let b = build(model, s);
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

/// The model's inputs that [`specialize`] would have to know besides, and what for. Those behind a value that is unknown itself
/// show up once that is bound.
pub fn needs(model: &Model, s: &Specialize) -> BTreeSet<Need> {
    build(model, s).needs
}

fn build(model: &Model, s: &Specialize) -> Builder {
    let mut b = Builder::new(&model.name, shape_values(model));
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
    b.steps(&model.nodes, &model.control);
    for o in &model.outputs {
        match b.env.get(&o.name) {
            Some(Some(Item::Tensor(v))) => b.g.add_output(o.name.clone(), *v),
            Some(Some(Item::Sequence(_))) => b.invalid(&o.name, "output", "it is a sequence, not a tensor".into()),
            Some(None) => {}
            None => b.invalid(&o.name, "output", "no node computes it".into()),
        }
    }
    b
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

/// The data that the output shape of an operator depends on.
fn data_operands(op: Op) -> &'static [usize] {
    match op {
        Op::NonZero | Op::Unique => &[0],
        Op::Compress => &[1],
        Op::NonMaxSuppression => &[0, 1, 2, 3, 4],
        _ => &[],
    }
}

/// Names of all values that some shape depends on, transitively.
fn shape_values(model: &Model) -> BTreeSet<String> {
    let mut wanted: BTreeSet<&str> = BTreeSet::new();
    for n in model.nodes.iter().rev() {
        let operands = shape_operands(n.op);
        wanted.extend(operands.iter().filter_map(|&i| n.inputs.get(i)?.as_deref()));
        let by_shape_only = matches!(n.op, Op::Shape | Op::Size | Op::EyeLike);
        if !by_shape_only && n.outputs.iter().flatten().any(|o| wanted.contains(o.as_str())) {
            wanted.extend(n.inputs.iter().flatten().map(String::as_str));
        }
    }
    wanted.into_iter().map(String::from).collect()
}

/// What a name stands for.
#[derive(Clone, Debug)]
enum Item {
    /// A value of the graph.
    Tensor(ValueId),
    /// A sequence of such.
    Sequence(Vec<ValueId>),
}

struct Builder {
    g: Graph,
    /// Values by name; `None` for those that an error was reported for.
    env: BTreeMap<String, Option<Item>>,
    /// Names of values of the main graph that some shape depends on.
    wanted: BTreeSet<String>,
    errors: Vec<CompileError>,
    needs: BTreeSet<Need>,
    demand: demand::Memo,
    bodies: control::Bodies,
}

impl Builder {
    fn new(name: &str, wanted: BTreeSet<String>) -> Self {
        Self {
            g: Graph { name: name.into(), ..Graph::default() },
            env: BTreeMap::new(),
            wanted,
            errors: Vec::new(),
            needs: BTreeSet::new(),
            demand: demand::Memo::default(),
            bodies: control::Bodies::default(),
        }
    }
    fn steps(&mut self, nodes: &[ModelNode], control: &[ModelControl]) {
        for step in ir::steps(nodes, control) {
            match step {
                Step::Node(n) => self.node(n),
                Step::Control(c) => self.control(c),
            }
        }
    }
    fn invalid(&mut self, node: &str, op: &str, reason: String) {
        self.errors.push(invalid(node, op, reason));
    }
    fn define(&mut self, name: &str, v: Option<ValueId>, node: &str) {
        self.define_item(name, v.map(Item::Tensor), node);
    }
    fn define_item(&mut self, name: &str, v: Option<Item>, node: &str) {
        if self.env.insert(name.into(), v).is_some() {
            self.invalid(node, "value", format!("the name `{name}` is defined twice"));
        }
        self.bodies.defined(name);
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
    /// The operands of a node by name; `None` after an error, which is reported if it is not the follower of another.
    fn items(&mut self, names: &[Option<String>], node: &str, op: &str) -> Option<Vec<Option<Item>>> {
        let mut inputs = Vec::with_capacity(names.len());
        for name in names {
            match name.as_ref().map(|s| self.env.get(s)) {
                None => inputs.push(None),
                Some(Some(Some(v))) => inputs.push(Some(v.clone())),
                Some(Some(None)) => return None, // reported where it arose
                Some(None) => {
                    let reason = format!("input `{}` is not defined before it is used", name.as_deref().unwrap_or(""));
                    self.invalid(node, op, reason);
                    return None;
                }
            }
        }
        while inputs.last().is_some_and(Option::is_none) {
            inputs.pop();
        }
        Some(inputs)
    }
    /// The same where all are tensors.
    fn operands(&mut self, names: &[Option<String>], node: &str, op: &str) -> Option<Vec<Option<ValueId>>> {
        let mut inputs = Vec::with_capacity(names.len());
        for (item, name) in self.items(names, node, op)?.into_iter().zip(names) {
            inputs.push(match item {
                None => None,
                Some(Item::Tensor(v)) => Some(v),
                Some(Item::Sequence(_)) => {
                    let reason = format!("input `{}` is a sequence, not a tensor", name.as_deref().unwrap_or(""));
                    self.invalid(node, op, reason);
                    return None;
                }
            });
        }
        Some(inputs)
    }
    /// Adds one node, or the constants that it evaluates to where a shape depends on them.
    fn node(&mut self, n: &ModelNode) {
        let Some(mut inputs) = self.operands(&n.inputs, &n.name, n.op.name()) else {
            return self.poison(&n.outputs, &n.name);
        };
        let mut attrs = n.op.defaults();
        for (k, a) in n.attrs.iter() {
            attrs.set(k, a.clone());
        }
        if n.op == Op::Split && inputs.get(1).copied().flatten().is_none() && !attrs.has("num_outputs") {
            attrs.set("num_outputs", ir::Attr::Int(n.outputs.len() as i64));
        }
        for &i in shape_operands(n.op).iter().chain(data_operands(n.op)) {
            if let Some(Some(v)) = inputs.get_mut(i) {
                *v = self.constant(*v).unwrap_or(*v);
            }
        }
        let args: Vec<Option<Arg<'_>>> =
            inputs.iter().map(|i| i.map(|v| Arg { ty: self.g.ty(v), value: self.g.constant(v) })).collect();
        let types = match infer(n.op, &attrs, &args) {
            Ok(t) if t.len() >= n.outputs.len() => t,
            Ok(t) => {
                let reason = format!("it has {} outputs, {} expected", n.outputs.len(), t.len());
                self.invalid(&n.name, n.op.name(), reason);
                return self.poison(&n.outputs, &n.name);
            }
            Err(reason) => {
                self.explain(n, &inputs, reason);
                return self.poison(&n.outputs, &n.name);
            }
        };
        if n.outputs.iter().flatten().any(|o| self.wanted.contains(o.as_str()))
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
        let named = |s: &Option<String>| s.as_ref().map(|s| self.bodies.name_of(s));
        let outs = types.into_iter().zip(n.outputs[..count].iter().map(named)).collect();
        let new = self.g.add_node(n.op, attrs, inputs, outs, Origin::new(n.source, n.name.clone()));
        for (name, v) in n.outputs.iter().zip(new) {
            if let Some(name) = name {
                self.define(name, Some(v), &n.name);
            }
        }
    }
    /// Adds a node of our own; gives its one output.
    fn emit(&mut self, op: Op, attrs: Attrs, inputs: &[ValueId], origin: &Origin) -> Result<ValueId, String> {
        let mut all = op.defaults();
        attrs.iter().for_each(|(k, a)| all.set(k, a.clone()));
        let args: Vec<_> = inputs.iter().map(|&v| Some(Arg { ty: self.g.ty(v), value: self.g.constant(v) })).collect();
        let ty = infer(op, &all, &args)?.into_iter().next().ok_or("an operator without output")?;
        let inputs = inputs.iter().map(|&v| Some(v)).collect();
        Ok(self.g.add_node(op, all, inputs, vec![(ty, None)], origin.clone())[0])
    }
    fn poison(&mut self, outputs: &[Option<String>], node: &str) {
        for name in outputs.iter().flatten() {
            self.define(name, None, node);
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

#[cfg(test)]
mod tests;
