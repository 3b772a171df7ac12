//! Small models, written as protobuf messages by hand, and a text form of what was read.
#![allow(dead_code, reason = "each test file uses a part")]

use ir::{Attr, Model, Tensor};
use prost::Message;
use std::collections::BTreeMap;
use touchstone_onnx::proto::{
    AttributeProto, GraphProto, ModelProto, NodeProto, OperatorSetIdProto, TensorProto, TensorShapeProto, TypeProto,
    ValueInfoProto, attribute_proto::AttributeType, tensor_shape_proto, type_proto,
};

pub fn int(name: &str, x: i64) -> AttributeProto {
    AttributeProto { i: Some(x), ..attribute(name, AttributeType::Int) }
}
pub fn float(name: &str, x: f32) -> AttributeProto {
    AttributeProto { f: Some(x), ..attribute(name, AttributeType::Float) }
}
pub fn text(name: &str, x: &str) -> AttributeProto {
    AttributeProto { s: Some(x.into()), ..attribute(name, AttributeType::String) }
}
pub fn ints(name: &str, x: &[i64]) -> AttributeProto {
    AttributeProto { ints: x.to_vec(), ..attribute(name, AttributeType::Ints) }
}
pub fn floats(name: &str, x: &[f32]) -> AttributeProto {
    AttributeProto { floats: x.to_vec(), ..attribute(name, AttributeType::Floats) }
}
pub fn tensor(name: &str, t: TensorProto) -> AttributeProto {
    AttributeProto { t: Some(Box::new(t)), ..attribute(name, AttributeType::Tensor) }
}
pub fn graph_attribute(name: &str, g: GraphProto) -> AttributeProto {
    AttributeProto { g: Some(Box::new(g)), ..attribute(name, AttributeType::Graph) }
}
pub fn attribute(name: &str, kind: AttributeType) -> AttributeProto {
    AttributeProto { name: Some(name.into()), r#type: Some(kind.into()), ..AttributeProto::default() }
}

/// Names separated by blanks; `_` stands for an omitted one.
fn names(s: &str) -> Vec<String> {
    s.split_whitespace().map(|n| if n == "_" { String::new() } else { n.into() }).collect()
}

pub fn node(op: &str, inputs: &str, outputs: &str, attribute: Vec<AttributeProto>) -> NodeProto {
    NodeProto {
        op_type: Some(op.into()),
        input: names(inputs),
        output: names(outputs),
        attribute,
        ..NodeProto::default()
    }
}

/// A value of element type `code` (1 is f32) without a shape.
pub fn value(name: &str, code: i32) -> ValueInfoProto {
    let tensor = type_proto::Tensor { elem_type: Some(code), shape: None };
    let r#type = Some(TypeProto { value: Some(type_proto::Value::TensorType(tensor)), denotation: None });
    ValueInfoProto { name: Some(name.into()), r#type, ..ValueInfoProto::default() }
}

/// A value with a shape.
pub fn shaped(name: &str, code: i32, dims: &[i64]) -> ValueInfoProto {
    let dim = |&n: &i64| tensor_shape_proto::Dimension {
        value: Some(tensor_shape_proto::dimension::Value::DimValue(n)),
        denotation: None,
    };
    let shape = Some(TensorShapeProto { dim: dims.iter().map(dim).collect() });
    let tensor = type_proto::Tensor { elem_type: Some(code), shape };
    let r#type = Some(TypeProto { value: Some(type_proto::Value::TensorType(tensor)), denotation: None });
    ValueInfoProto { name: Some(name.into()), r#type, ..ValueInfoProto::default() }
}

/// A graph with f32 inputs and outputs.
pub fn graph(inputs: &str, outputs: &str, nodes: Vec<NodeProto>) -> GraphProto {
    GraphProto {
        name: Some("g".into()),
        node: nodes,
        input: names(inputs).iter().map(|n| value(n, 1)).collect(),
        output: names(outputs).iter().map(|n| value(n, 1)).collect(),
        ..GraphProto::default()
    }
}

pub fn model(set: i64, graph: GraphProto) -> ModelProto {
    ModelProto {
        ir_version: Some(8),
        opset_import: vec![OperatorSetIdProto { domain: None, version: Some(set) }],
        graph: Some(graph),
        ..ModelProto::default()
    }
}

/// Reads a model, or gives the text of the errors.
pub fn read(m: &ModelProto) -> Result<Model, String> {
    touchstone_onnx::read(&m.encode_to_vec(), None).map_err(|e| format!("{:?}: {e}", e.kind()))
}

pub fn f32_data(name: &str, dims: &[i64], x: &[f32]) -> TensorProto {
    TensorProto {
        name: Some(name.into()),
        data_type: Some(1),
        dims: dims.to_vec(),
        float_data: x.to_vec(),
        ..TensorProto::default()
    }
}

/// The nodes as text: generated names are numbered in order (`t0`, ..), constants stand as values, attributes only
/// where they differ from the default.
pub fn show(m: &Model, given: &str) -> Vec<String> {
    let mut known: BTreeMap<String, String> = names(given).into_iter().map(|n| (n.clone(), n)).collect();
    for v in m.inputs.iter().chain(&m.outputs) {
        known.insert(v.name.clone(), v.name.clone());
    }
    for (name, t) in &m.initializers {
        known.insert(name.clone(), literal(t));
    }
    let mut next = 0;
    let mut out = Vec::new();
    for n in &m.nodes {
        let mut name = |x: &Option<String>| match x {
            None => "_".to_owned(),
            Some(x) => known
                .entry(x.clone())
                .or_insert_with(|| {
                    next += 1;
                    format!("t{}", next - 1)
                })
                .clone(),
        };
        let inputs: Vec<String> = n.inputs.iter().map(&mut name).collect();
        let outputs: Vec<String> = n.outputs.iter().map(&mut name).collect();
        let defaults = n.op.defaults();
        let attrs: Vec<String> = n
            .attrs
            .iter()
            .filter(|(k, v)| defaults.get(k) != Some(v))
            .map(|(k, v)| format!("{k}={}", attr_text(v)))
            .collect();
        let attrs = if attrs.is_empty() { String::new() } else { format!("{{{}}}", attrs.join(",")) };
        out.push(format!("{} = {}{attrs}({})", outputs.join(", "), n.op.name(), inputs.join(", ")));
    }
    out
}

fn literal(t: &Tensor) -> String {
    let values = match (t.ints(), t.to_f32()) {
        (Some(x), _) => x.iter().map(ToString::to_string).collect::<Vec<_>>(),
        (None, Some(x)) => x.iter().map(|v| format!("{v:?}")).collect(),
        (None, None) => vec![t.ty().to_string()],
    };
    if t.dims.is_empty() { values.join("") } else { format!("[{}]", values.join(" ")) }
}

fn attr_text(a: &Attr) -> String {
    match a {
        Attr::Int(x) => x.to_string(),
        Attr::Float(x) => format!("{:?}", f32::from_bits(*x)),
        Attr::Str(x) => x.clone(),
        Attr::Ints(x) => format!("{x:?}"),
        Attr::Floats(x) => format!("{x:?}"),
        Attr::Strs(x) => format!("{x:?}"),
        Attr::Tensor(t) => literal(t),
    }
}
