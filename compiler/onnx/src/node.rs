//! One ONNX node: names resolved, attributes checked, older versions converted, defaults filled in.

use crate::attr;
use crate::control::Flow;
use crate::error::{At, Problem, short};
use crate::opset::{self, Cx, Legacy};
use crate::proto::{AttributeProto, GraphProto, NodeProto};
use crate::read::{Importer, normal_domain};
use crate::scope::{Found, Scope};
use ir::{Attr, AttrDefault, AttrKind, Attrs, DType, Family, ModelNode, Op, Tensor};
use std::collections::{BTreeMap, BTreeSet};

/// No operator or function has more; attribute lists are kept sorted by insertion.
const MAX_ATTRIBUTES: usize = 256;

/// Where a node is, for reports and for [`ModelNode`].
pub fn place(n: &NodeProto, i: usize, outer: Option<&str>, source: Option<u32>) -> At {
    let own = match n.name.as_deref() {
        None | Some("") => format!("#{i}"),
        Some(s) => s.into(),
    };
    let name = outer.map_or_else(|| own.clone(), |o| format!("{}/{}", short(o), short(&own)));
    let index = source.unwrap_or_else(|| u32::try_from(i).unwrap_or(u32::MAX));
    At::Node { name, index, op: op_name(n) }
}

fn op_name(n: &NodeProto) -> String {
    let op = short(n.op_type.as_deref().unwrap_or(""));
    match normal_domain(n.domain.as_deref().unwrap_or("")) {
        "" => op.into(),
        d => format!("{}.{op}", short(d)),
    }
}

/// Attributes of a node by kind.
#[derive(Debug, Default)]
struct Parts {
    plain: Attrs,
    graphs: BTreeMap<String, Box<GraphProto>>,
    sparse: Option<Tensor>,
}

impl Importer {
    /// Imports a node. Its outputs are defined in any case, so that one problem is reported once.
    pub fn node(&mut self, mut n: NodeProto, at: &At, scope: &mut Scope<'_>) {
        let before = self.errors.len();
        let inputs = self.node_inputs(&n.input, at, scope);
        if n.attribute.len() > MAX_ATTRIBUTES {
            let message = format!("has {} attributes, more than {MAX_ATTRIBUTES}", n.attribute.len());
            self.report(Problem::invalid(message), at.clone());
            n.attribute.clear();
        }
        let attributes = self.resolve_attributes(std::mem::take(&mut n.attribute), at, scope);
        let domain = normal_domain(n.domain.as_deref().unwrap_or("")).to_owned();
        let op = n.op_type.clone().unwrap_or_default();
        let key = (domain.clone(), op.clone(), n.overload.clone().unwrap_or_default());
        if let Some(f) = self.functions.get(&key) {
            let outputs = self.node_outputs(&n.output, at, scope);
            if self.errors.len() == before {
                self.call(&f, &inputs, attributes, &outputs, at, scope);
            }
            return;
        }
        let parts = self.parts(attributes, at);
        let outputs = self.node_outputs(&n.output, at, scope);
        if self.errors.len() > before {
            return;
        }
        let done = match (domain.as_str(), op.as_str()) {
            ("", "Constant") => self.constant_node(parts, &outputs),
            ("", "If") => self.branch(parts.graphs, &inputs, &outputs, at, scope),
            ("", "Loop" | "Scan") => {
                let flow = Flow { attrs: parts.plain, graphs: parts.graphs, inputs: &inputs, outputs: &outputs, at };
                if op == "Loop" { self.for_loop(flow, scope) } else { self.scan(flow, scope) }
            }
            ("", _) if !parts.graphs.is_empty() => {
                Err(Problem::unsupported(format!("control flow ({op}) is not supported")))
            }
            ("", _) if self.ops.get(op.as_str()).is_some_and(|o| !o.domain().is_empty()) => Err(opset::unknown(&op)),
            ("", _) if opset::on_sequences(&op) => {
                let flow = Flow { attrs: parts.plain, graphs: parts.graphs, inputs: &inputs, outputs: &outputs, at };
                self.sequence(&op, &flow).unwrap_or_else(|| Err(opset::unknown(&op)))
            }
            ("", _) => self.operator(Legacy { op, attrs: parts.plain, inputs, outputs }, at, scope),
            (d, o) if self.ops.get(o).is_some_and(|o| o.domain() == d) => {
                self.finish(Legacy { op, attrs: parts.plain, inputs, outputs }, at).map(|n| self.model.nodes.push(n))
            }
            (d, _) => Err(Problem::unsupported(format!("operator domain `{}` is not supported", short(d)))),
        };
        if let Err(p) = done {
            self.report(p, at.clone());
        }
    }

    fn node_inputs(&mut self, names: &[String], at: &At, scope: &Scope<'_>) -> Vec<Option<String>> {
        let mut inputs = Vec::with_capacity(names.len());
        for name in names {
            inputs.push(match scope.lookup(name) {
                _ if name.is_empty() => None,
                Found::Value(v) => Some(v.to_owned()),
                Found::Omitted => None,
                Found::Undefined => {
                    let message = format!("input `{}` is not defined anywhere", short(name));
                    self.report(Problem::invalid(message), at.clone());
                    None
                }
            });
        }
        while inputs.last().is_some_and(Option::is_none) {
            inputs.pop();
        }
        inputs
    }

    /// Defines the outputs of a node.
    pub fn node_outputs(&mut self, names: &[String], at: &At, scope: &mut Scope<'_>) -> Vec<Option<String>> {
        let mut outputs = Vec::with_capacity(names.len());
        for name in names {
            outputs.push(if name.is_empty() { None } else { self.define(scope, name, at) });
        }
        while outputs.last().is_some_and(Option::is_none) {
            outputs.pop();
        }
        outputs
    }

    /// Replaces references to attributes of the function around the node.
    fn resolve_attributes(
        &mut self,
        attributes: Vec<AttributeProto>,
        at: &At,
        scope: &Scope<'_>,
    ) -> Vec<AttributeProto> {
        let mut out = Vec::with_capacity(attributes.len());
        for a in attributes {
            let Some(outer) = a.ref_attr_name.as_deref().filter(|r| !r.is_empty()) else {
                out.push(a);
                continue;
            };
            match scope.attrs {
                None => {
                    let message = format!("attribute `{}` refers to a function's attribute", attr::name(&a));
                    self.report(Problem::invalid(message), at.clone());
                }
                // An attribute that the call leaves out is left out here, too.
                Some(attrs) => {
                    if let Some(value) = attrs.get(outer) {
                        out.push(AttributeProto { name: a.name, ..value.clone() });
                    }
                }
            }
        }
        out
    }

    fn parts(&mut self, attributes: Vec<AttributeProto>, at: &At) -> Parts {
        let mut parts = Parts::default();
        let mut seen = BTreeSet::new();
        for a in attributes {
            let name = a.name.clone().unwrap_or_default();
            if name.is_empty() || !seen.insert(name.clone()) {
                let message = if name.is_empty() {
                    "an attribute has no name".into()
                } else {
                    format!("attribute `{}` occurs twice", short(&name))
                };
                self.report(Problem::invalid(message), at.clone());
                continue;
            }
            let value = attr::value(a, &mut self.external).and_then(|v| match v {
                attr::Value::Plain(v) => {
                    parts.plain.set(&name, v);
                    Ok(())
                }
                attr::Value::Graph(g) => {
                    parts.graphs.insert(name.clone(), g);
                    Ok(())
                }
                attr::Value::Sparse(s) => crate::tensor::sparse(*s, &mut self.external).map(|t| parts.sparse = Some(t)),
            });
            if let Err(p) = value {
                let message = format!("attribute `{}`: {}", short(&name), p.message);
                self.report(Problem { kind: p.kind, message }, at.clone());
            }
        }
        parts
    }

    /// `Constant` in all its forms becomes an initializer.
    fn constant_node(&mut self, mut parts: Parts, outputs: &[Option<String>]) -> Result<(), Problem> {
        let tensor = if let Some(t) = parts.sparse.take() {
            t
        } else {
            let mut attrs = parts.plain.iter();
            let (Some((name, value)), None) = (attrs.next(), attrs.next()) else {
                return Err(Problem::invalid("a Constant has exactly one attribute"));
            };
            match (name, value) {
                ("value", Attr::Tensor(t)) => t.clone(),
                ("value_float", Attr::Float(x)) => Tensor::from_f32([], &[f32::from_bits(*x)]),
                ("value_int", Attr::Int(x)) => Tensor::from_i64([], &[*x]),
                ("value_floats", Attr::Floats(x)) => {
                    Tensor::from_f32([x.len()], &x.iter().map(|b| f32::from_bits(*b)).collect::<Vec<_>>())
                }
                ("value_ints", Attr::Ints(x)) => Tensor::from_i64([x.len()], x),
                ("value_string", Attr::Str(_)) | ("value_strings", Attr::Strs(_)) => {
                    return Err(Problem::unsupported("string constants are not supported"));
                }
                (name, _) => return Err(Problem::invalid(format!("`{}` is no value of a Constant", short(name)))),
            }
        };
        match outputs {
            [Some(name)] => {
                self.add_constant(name.clone(), tensor);
                Ok(())
            }
            _ => Err(Problem::invalid("a Constant has exactly one output")),
        }
    }

    /// A node of the default domain without subgraphs.
    fn operator(&mut self, node: Legacy, at: &At, scope: &Scope<'_>) -> Result<(), Problem> {
        let Some(&version) = scope.versions.get("") else {
            return Err(Problem::invalid("the default operator set is used but not imported"));
        };
        let version = u32::try_from(version).unwrap_or(0).min(opset::NEWEST);
        let mut cx = Cx::new(self);
        let node = opset::convert(&mut cx, node, version)?;
        let Cx { before, after, constants, .. } = cx;
        for (name, t) in constants {
            self.add_constant(name, t);
        }
        for n in before.into_iter().chain([node]).chain(after) {
            let n = self.finish(n, at)?;
            self.infer_dtype(&n);
            self.fold(&n);
            self.model.nodes.push(n);
        }
        Ok(())
    }

    /// Keeps the value of a node where it is small and known.
    fn fold(&mut self, n: &ModelNode) {
        let value = |name: &str| self.folded.get(name).or_else(|| self.constant(name)).cloned();
        let shape = |name: &str| self.shapes.get(name).cloned().or_else(|| self.constant(name).map(|t| t.dims.clone()));
        if let (Some(t), Some(Some(output))) = (crate::fold::fold(n, value, shape), n.outputs.first()) {
            self.folded.insert(output.clone(), t);
        }
    }

    /// A node of the newest operator set, checked against its schema, with all defaults.
    pub fn finish(&self, n: Legacy, at: &At) -> Result<ModelNode, Problem> {
        let Some(&op) = self.ops.get(n.op.as_str()) else {
            return Err(opset::unknown(&n.op));
        };
        let schema = op.schema();
        let mut attrs = op.defaults();
        for (name, value) in n.attrs.iter() {
            let Some(spec) = op.attr(name) else {
                return Err(Problem::invalid(format!("attribute `{}` does not exist", short(name))));
            };
            if !is_kind(value, spec.kind) {
                return Err(Problem::invalid(format!("attribute `{name}` has another type than {:?}", spec.kind)));
            }
            attrs.set(name, value.clone());
        }
        check_type_codes(op, &attrs)?;
        for spec in schema.attrs {
            if spec.default == AttrDefault::Required && !attrs.has(spec.name) {
                return Err(Problem::invalid(format!("required attribute `{}` is missing", spec.name)));
            }
        }
        let (least, most) = schema.inputs;
        let count = n.inputs.len();
        if count < least || count > most {
            return Err(Problem::invalid(format!("has {count} inputs, {}", range(least, most))));
        }
        let required = if most == usize::MAX { count } else { least };
        if let Some(i) = n.inputs.iter().take(required).position(Option::is_none) {
            return Err(Problem::invalid(format!("required input {i} is omitted")));
        }
        let (least, most) = schema.outputs;
        let count = n.outputs.len();
        if count < least || count > most {
            return Err(Problem::invalid(format!("has {count} outputs, {}", range(least, most))));
        }
        if count == 0 {
            return Err(Problem::invalid("has no output"));
        }
        if let Some(i) = n.outputs.iter().take(least).position(Option::is_none) {
            return Err(Problem::invalid(format!("required output {i} is omitted")));
        }
        let At::Node { name, index, .. } = at else { return Err(Problem::invalid("a node outside the graph")) };
        Ok(ModelNode { op, attrs, inputs: n.inputs, outputs: n.outputs, name: name.clone(), source: *index })
    }

    /// Notes the element type of a node's first output where it follows simply from the operator. Only conversions of
    /// older versions ask, and they manage without.
    fn infer_dtype(&mut self, n: &ModelNode) {
        let first = n.inputs.first().cloned().flatten().and_then(|v| self.dtypes.get(&v).copied());
        let dtype = match (n.op, n.op.schema().family) {
            (Op::Cast, _) => n.attrs.int("to").and_then(|c| i32::try_from(c).ok()).and_then(DType::from_onnx_code),
            (Op::IsNaN | Op::IsInf, _) => Some(DType::Bool),
            (Op::CastLike | Op::BitCast | Op::Where | Op::ArgMax | Op::ArgMin, _) => None,
            (Op::MatMulInteger | Op::QLinearMatMul | Op::ConvInteger | Op::QLinearConv, _) => None,
            (_, Family::Compare) => Some(DType::Bool),
            (Op::Shape | Op::Size, _) => Some(DType::I64),
            (
                _,
                Family::Unary
                | Family::Binary
                | Family::Linear
                | Family::Conv
                | Family::Pool
                | Family::Norm
                | Family::Reduce
                | Family::Layout,
            ) => first,
            (Op::Gather | Op::GatherElements | Op::GatherND | Op::ScatterElements | Op::ScatterND | Op::Resize, _) => {
                first
            }
            _ => None,
        };
        if let (Some(d), Some(Some(name))) = (dtype, n.outputs.first()) {
            self.dtypes.entry(name.clone()).or_insert(d);
        }
    }
}

/// Attributes that name an element type name one that we have; 0 stands for the default one where there is a default.
fn check_type_codes(op: Op, attrs: &Attrs) -> Result<(), Problem> {
    for name in ["to", "dtype", "output_dtype", "softmax_precision"] {
        let Some(code) = attrs.int(name) else { continue };
        if code == 0 && op.attr(name).is_some_and(|s| s.default != AttrDefault::Required) {
            continue;
        }
        let dtype = i32::try_from(code)
            .map_err(|_| Problem::invalid(format!("{code} is no element type")))
            .and_then(crate::tensor::dtype);
        if let Err(p) = dtype {
            return Err(Problem { kind: p.kind, message: format!("attribute `{name}`: {}", p.message) });
        }
    }
    Ok(())
}

fn range(least: usize, most: usize) -> String {
    match most {
        usize::MAX => format!("at least {least} expected"),
        _ if most == least => format!("{least} expected"),
        _ => format!("{least} to {most} expected"),
    }
}

fn is_kind(a: &Attr, k: AttrKind) -> bool {
    matches!(
        (a, k),
        (Attr::Int(_), AttrKind::Int)
            | (Attr::Float(_), AttrKind::Float)
            | (Attr::Str(_), AttrKind::Str)
            | (Attr::Ints(_), AttrKind::Ints)
            | (Attr::Floats(_), AttrKind::Floats)
            | (Attr::Strs(_), AttrKind::Strs)
            | (Attr::Tensor(_), AttrKind::Tensor)
    )
}
