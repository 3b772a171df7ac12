//! Graphs and models to ONNX bytes. The result is read by [`crate::read`] as the same graph, and by other runtimes: its
//! operator set is as old as its nodes permit.

use crate::proto::{
    AttributeProto, GraphProto, ModelProto, NodeProto, OperatorSetIdProto, TensorProto, TensorShapeProto, TypeProto,
    ValueInfoProto, attribute_proto::AttributeType, tensor_shape_proto, type_proto,
};
use crate::scope::Names;
use crate::tensor::to_proto;
use crate::version;
use ir::{
    Attr, Attrs, ControlKind, DType, Def, Dim, Graph, Model, ModelBody, ModelControl, ModelNode, ModelValue, Op,
    SequenceOp, Step, TensorType, ValueId,
};
use prost::Message;
use std::collections::{BTreeMap, BTreeSet};

/// A serialised `ModelProto` of a graph.
///
/// Inputs and outputs keep their names, other values theirs where it is still free; unnamed ones get new names. A wide
/// constant (f64 tensor, narrower type) becomes an f64 initializer and a `Cast`. An output that is an input, or a value
/// that is another output already, becomes an `Identity`. Constants that nothing reads are left out. An output whose
/// name an input has already, without being that input, gets a new name: ONNX cannot say it otherwise.
pub fn write_graph(g: &Graph) -> Vec<u8> {
    GraphWriter::new(g).write().encode_to_vec()
}

/// A serialised `ModelProto` of a model.
pub fn write_model(m: &Model) -> Vec<u8> {
    let mut dtypes: BTreeMap<&str, DType> = m.initializers.iter().map(|(n, t)| (n.as_str(), t.dtype)).collect();
    dtypes.extend(m.inputs.iter().chain(&m.outputs).map(|v| (v.name.as_str(), v.dtype)));
    // Where the type of a value is not known, it may be any that occurs.
    let any: BTreeSet<DType> = dtypes.values().copied().collect();
    let names = NodeNames::new(m.nodes.iter().map(|n| n.name.as_str()));
    let mut writer = ModelWriter { dtypes, any, names, set: version::BASE };
    let node = writer.nodes(&m.nodes, &m.control);
    let graph = GraphProto {
        node,
        name: Some(named(&m.name)),
        initializer: m.initializers.iter().map(|(n, t)| to_proto(n, t)).collect(),
        input: m.inputs.iter().map(model_value).collect(),
        output: m.outputs.iter().map(model_value).collect(),
        ..GraphProto::default()
    };
    model(graph, writer.set).encode_to_vec()
}

struct ModelWriter<'m> {
    dtypes: BTreeMap<&'m str, DType>,
    any: BTreeSet<DType>,
    names: NodeNames,
    set: u32,
}

impl ModelWriter<'_> {
    fn nodes(&mut self, nodes: &[ModelNode], control: &[ModelControl]) -> Vec<NodeProto> {
        let mut out = Vec::with_capacity(nodes.len() + control.len());
        for step in ir::steps(nodes, control) {
            out.push(match step {
                Step::Node(n) => self.node(n),
                Step::Control(c) => self.control(c),
            });
        }
        out
    }
    fn node(&mut self, n: &ModelNode) -> NodeProto {
        let attrs = written(n.op, &n.attrs);
        let operands: Vec<&String> = n.inputs.iter().chain(&n.outputs).flatten().collect();
        let mut types: Vec<DType> = operands.iter().filter_map(|v| self.dtypes.get(v.as_str()).copied()).collect();
        if types.len() < operands.len() {
            types.extend(&self.any);
        }
        self.set = self.set.max(version::needed(n.op, &attrs, &types));
        model_node(n, &attrs, self.names.unique(&n.name))
    }
    fn control(&mut self, c: &ModelControl) -> NodeProto {
        let which: &[&str] = if c.kind == ControlKind::If { &["then_branch", "else_branch"] } else { &["body"] };
        let mut attribute: Vec<AttributeProto> = which.iter().zip(&c.bodies).map(|(n, b)| self.body(n, b)).collect();
        if let ControlKind::Scan { inputs, outputs } = &c.kind {
            let axes = |v: &[(i64, bool)]| Attr::Ints(v.iter().map(|p| p.0).collect());
            let directions = |v: &[(i64, bool)]| Attr::Ints(v.iter().map(|p| i64::from(p.1)).collect());
            let count = i64::try_from(inputs.len()).unwrap_or(i64::MAX);
            attribute.extend([
                self::attribute("num_scan_inputs", &Attr::Int(count)),
                self::attribute("scan_input_axes", &axes(inputs)),
                self::attribute("scan_input_directions", &directions(inputs)),
                self::attribute("scan_output_axes", &axes(outputs)),
                self::attribute("scan_output_directions", &directions(outputs)),
            ]);
        }
        match c.kind {
            ControlKind::Sequence(SequenceOp::Concat { axis, new_axis }) => attribute.extend([
                self::attribute("axis", &Attr::Int(axis)),
                self::attribute("new_axis", &Attr::Int(i64::from(new_axis))),
            ]),
            ControlKind::Sequence(SequenceOp::Split { axis, keepdims }) => attribute.extend([
                self::attribute("axis", &Attr::Int(axis)),
                self::attribute("keepdims", &Attr::Int(i64::from(keepdims))),
            ]),
            _ => {}
        }
        let names = |v: &[Option<String>]| v.iter().map(|x| x.clone().unwrap_or_default()).collect::<Vec<_>>();
        let mut input = names(&c.inputs);
        if c.kind == ControlKind::Loop && input.len() < 2 {
            input.resize(2, String::new());
        }
        NodeProto {
            input,
            output: names(&c.outputs),
            name: Some(self.names.unique(&c.name)),
            op_type: Some(c.kind.name().into()),
            attribute,
            ..NodeProto::default()
        }
    }
    /// Types of formal inputs and results are left out.
    fn body(&mut self, name: &str, b: &ModelBody) -> AttributeProto {
        let values = |v: &[String]| {
            v.iter().map(|s| ValueInfoProto { name: Some(s.clone()), ..ValueInfoProto::default() }).collect()
        };
        let graph = GraphProto {
            name: Some(name.into()),
            node: self.nodes(&b.nodes, &b.control),
            input: values(&b.inputs),
            output: values(&b.outputs),
            ..GraphProto::default()
        };
        AttributeProto {
            name: Some(name.into()),
            r#type: Some(i32::from(AttributeType::Graph)),
            g: Some(Box::new(graph)),
            ..AttributeProto::default()
        }
    }
}

fn named(name: &str) -> String {
    if name.is_empty() { "graph".into() } else { name.into() }
}

/// The domain of a node, where it is not ONNX's own.
fn domain(op: Op) -> Option<String> {
    Some(op.domain()).filter(|d| !d.is_empty()).map(Into::into)
}

fn model(graph: GraphProto, set: u32) -> ModelProto {
    // Every other domain that occurs has had one version only.
    let others: BTreeSet<String> = graph.node.iter().filter_map(|n| n.domain.clone()).collect();
    let versions = [(String::new(), i64::from(set))].into_iter().chain(others.into_iter().map(|d| (d, 1)));
    ModelProto {
        ir_version: Some(version::ir_version(set)),
        opset_import: versions.map(|(d, v)| OperatorSetIdProto { domain: Some(d), version: Some(v) }).collect(),
        producer_name: Some("touchstone".into()),
        graph: Some(graph),
        ..ModelProto::default()
    }
}

/// Names of nodes. Other runtimes want them unique; nodes that a conversion or pass made share that of their origin.
#[derive(Debug, Default)]
struct NodeNames {
    names: Names,
    taken: BTreeSet<String>,
}

impl NodeNames {
    fn new<'a>(names: impl Iterator<Item = &'a str>) -> Self {
        let mut out = Self::default();
        names.for_each(|n| out.names.reserve(n));
        out
    }
    fn unique(&mut self, name: &str) -> String {
        if self.taken.insert(name.into()) { name.into() } else { self.names.fresh(name) }
    }
}

fn model_node(n: &ModelNode, attrs: &Attrs, name: String) -> NodeProto {
    let names = |v: &[Option<String>]| v.iter().map(|x| x.clone().unwrap_or_default()).collect();
    NodeProto {
        input: names(&n.inputs),
        output: names(&n.outputs),
        name: Some(name),
        op_type: Some(n.op.name().into()),
        domain: domain(n.op),
        attribute: attributes(attrs),
        ..NodeProto::default()
    }
}

/// The attributes that are written: those that differ from their default, and required ones.
fn written(op: Op, attrs: &Attrs) -> Attrs {
    let mut out = Attrs::none();
    for (name, value) in attrs.iter() {
        let default = op.attr(name).and_then(|s| s.default.value());
        if default.as_ref() != Some(value) {
            out.set(name, value.clone());
        }
    }
    out
}

fn attributes(attrs: &Attrs) -> Vec<AttributeProto> {
    attrs.iter().map(|(name, value)| attribute(name, value)).collect()
}

fn attribute(name: &str, value: &Attr) -> AttributeProto {
    let mut a = AttributeProto { name: Some(name.into()), ..AttributeProto::default() };
    let kind = match value {
        Attr::Int(x) => {
            a.i = Some(*x);
            AttributeType::Int
        }
        Attr::Float(x) => {
            a.f = Some(f32::from_bits(*x));
            AttributeType::Float
        }
        Attr::Str(x) => {
            a.s = Some(x.clone().into_bytes());
            AttributeType::String
        }
        Attr::Ints(x) => {
            a.ints = x.clone();
            AttributeType::Ints
        }
        Attr::Floats(x) => {
            a.floats = x.iter().map(|b| f32::from_bits(*b)).collect();
            AttributeType::Floats
        }
        Attr::Strs(x) => {
            a.strings = x.iter().map(|s| s.clone().into_bytes()).collect();
            AttributeType::Strings
        }
        Attr::Tensor(t) => {
            a.t = Some(Box::new(to_proto("", t)));
            AttributeType::Tensor
        }
    };
    a.r#type = Some(i32::from(kind));
    a
}

fn type_proto(dtype: DType, dims: Option<Vec<tensor_shape_proto::dimension::Value>>) -> TypeProto {
    let dim = |value| tensor_shape_proto::Dimension { value: Some(value), denotation: None };
    let shape = dims.map(|d| TensorShapeProto { dim: d.into_iter().map(dim).collect() });
    let tensor = type_proto::Tensor { elem_type: Some(dtype.onnx_code()), shape };
    TypeProto { value: Some(type_proto::Value::TensorType(tensor)), denotation: None }
}

fn fixed(n: usize) -> tensor_shape_proto::dimension::Value {
    tensor_shape_proto::dimension::Value::DimValue(i64::try_from(n).unwrap_or(i64::MAX))
}

fn model_value(v: &ModelValue) -> ValueInfoProto {
    let dim = |d: &Dim| match d {
        Dim::Fixed(n) => fixed(*n),
        Dim::Named(s) => tensor_shape_proto::dimension::Value::DimParam(s.clone()),
    };
    let dims = v.dims.as_ref().map(|d| d.iter().map(dim).collect());
    ValueInfoProto { name: Some(v.name.clone()), r#type: Some(type_proto(v.dtype, dims)), ..ValueInfoProto::default() }
}

fn value_info(name: &str, ty: &TensorType) -> ValueInfoProto {
    let dims = ty.dims.iter().map(|&d| fixed(d)).collect();
    ValueInfoProto {
        name: Some(name.into()),
        r#type: Some(type_proto(ty.dtype, Some(dims))),
        ..ValueInfoProto::default()
    }
}

#[derive(Debug)]
struct GraphWriter<'g> {
    g: &'g Graph,
    names: Names,
    /// Name of each value, once it has one.
    name_of: Vec<Option<String>>,
    /// Names of the graph outputs, in order.
    output_names: Vec<String>,
    nodes: Vec<NodeProto>,
    initializers: Vec<TensorProto>,
    set: u32,
}

/// Position of a value in a table.
fn at(v: ValueId) -> usize {
    kit::id::Id::index(v)
}

impl<'g> GraphWriter<'g> {
    fn new(g: &'g Graph) -> Self {
        Self {
            g,
            names: Names::default(),
            name_of: vec![None; g.values.len()],
            output_names: Vec::new(),
            nodes: Vec::new(),
            initializers: Vec::new(),
            set: version::BASE,
        }
    }

    fn write(mut self) -> ModelProto {
        let identities = self.assign_names();
        self.constants();
        let mut names = NodeNames::new(self.g.nodes.values().map(|n| n.origin.name.as_str()));
        for n in self.g.nodes.values() {
            let attrs = written(n.op, &n.attrs);
            let types: Vec<DType> = n.inputs.iter().flatten().chain(&n.outputs).map(|&v| self.g.ty(v).dtype).collect();
            self.set = self.set.max(version::needed(n.op, &attrs, &types));
            let node = NodeProto {
                input: n.inputs.iter().map(|v| v.map(|v| self.name(v)).unwrap_or_default()).collect(),
                output: n.outputs.iter().map(|&v| self.name(v)).collect(),
                name: Some(names.unique(&n.origin.name)),
                op_type: Some(n.op.name().into()),
                domain: domain(n.op),
                attribute: attributes(&attrs),
                ..NodeProto::default()
            };
            self.nodes.push(node);
        }
        for (value, output) in identities {
            let input = self.name(value);
            self.nodes.push(NodeProto {
                input: vec![input],
                output: vec![output],
                op_type: Some(Op::Identity.name().into()),
                ..NodeProto::default()
            });
        }
        let graph = GraphProto {
            name: Some(named(&self.g.name)),
            input: self.g.inputs.iter().map(|&v| value_info(&self.name(v), self.g.ty(v))).collect(),
            output: self
                .g
                .outputs
                .iter()
                .zip(&self.output_names)
                .map(|(o, name)| value_info(name, self.g.ty(o.value)))
                .collect(),
            value_info: self.intermediates(),
            node: self.nodes,
            initializer: self.initializers,
            ..GraphProto::default()
        };
        model(graph, self.set)
    }

    fn name(&self, v: ValueId) -> String {
        self.name_of.get(at(v)).cloned().flatten().unwrap_or_else(|| v.to_string())
    }

    /// Gives every value its name: inputs first, then outputs, then the others. Returns the outputs that need an
    /// `Identity`: value and output name.
    fn assign_names(&mut self) -> Vec<(ValueId, String)> {
        let g = self.g;
        for v in g.values.values() {
            self.names.reserve(v.name.as_deref().unwrap_or(""));
        }
        let mut taken: BTreeSet<String> = BTreeSet::new();
        for &v in &g.inputs {
            let name = g.value_name(v);
            taken.insert(name.clone());
            self.name_of[at(v)] = Some(name);
        }
        for o in &g.outputs {
            self.names.reserve(&o.name);
        }
        let mut identities = Vec::new();
        for o in &g.outputs {
            let own = self.name_of[at(o.value)].clone();
            let name = match own {
                Some(n) if n == o.name => n,
                own => {
                    let name = if taken.contains(&o.name) { self.names.fresh(&o.name) } else { o.name.clone() };
                    match own {
                        Some(_) => identities.push((o.value, name.clone())),
                        None => self.name_of[at(o.value)] = Some(name.clone()),
                    }
                    name
                }
            };
            taken.insert(name.clone());
            self.output_names.push(name);
        }
        for (v, value) in g.values.iter() {
            if self.name_of[at(v)].is_some() {
                continue;
            }
            let name = match value.name.as_deref() {
                Some(n) if !n.is_empty() && !taken.contains(n) => n.to_owned(),
                Some(n) if !n.is_empty() => self.names.fresh(n),
                _ => self.names.fresh(&v.to_string().replace('%', "v")),
            };
            taken.insert(name.clone());
            self.name_of[at(v)] = Some(name);
        }
        identities
    }

    /// Initializers for the constants that something reads; wide ones are cast.
    fn constants(&mut self) {
        let g = self.g;
        let mut used = vec![false; g.values.len()];
        for v in g.nodes.values().flat_map(|n| n.inputs.iter().flatten()).chain(g.outputs.iter().map(|o| &o.value)) {
            used[at(*v)] = true;
        }
        for (v, value) in g.values.iter() {
            let Def::Const(t) = &value.def else { continue };
            if !used[at(v)] {
                continue;
            }
            let name = self.name(v);
            if t.dtype == value.ty.dtype {
                self.initializers.push(to_proto(&name, t));
                continue;
            }
            let wide = self.names.fresh(&name);
            self.initializers.push(to_proto(&wide, t));
            self.nodes.push(NodeProto {
                input: vec![wide],
                output: vec![name],
                op_type: Some(Op::Cast.name().into()),
                attribute: vec![attribute("to", &Attr::Int(i64::from(value.ty.dtype.onnx_code())))],
                ..NodeProto::default()
            });
        }
    }

    /// Types of the values between inputs and outputs.
    fn intermediates(&self) -> Vec<ValueInfoProto> {
        let outputs: BTreeSet<&String> = self.output_names.iter().collect();
        let nodes = self.g.values.iter().filter(|(_, v)| match &v.def {
            Def::Node { .. } => true,
            Def::Const(t) => t.dtype != v.ty.dtype,
            Def::Input(_) => false,
        });
        nodes
            .map(|(v, value)| value_info(&self.name(v), &value.ty))
            .filter(|i| i.name.as_ref().is_none_or(|n| !outputs.contains(n)))
            .collect()
    }
}
