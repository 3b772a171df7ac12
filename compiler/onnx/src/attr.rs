//! `AttributeProto` to [`Attr`].

use crate::error::{Problem, short};
use crate::external::External;
use crate::proto::{AttributeProto, GraphProto, SparseTensorProto, attribute_proto::AttributeType};
use crate::tensor;
use ir::Attr;

/// What an attribute holds.
#[derive(Debug)]
pub enum Value {
    /// A kind that the graph has, too.
    Plain(Attr),
    /// The body of a control-flow operator.
    Graph(Box<GraphProto>),
    /// `sparse_value` of `Constant`.
    Sparse(Box<SparseTensorProto>),
}

fn text(bytes: Vec<u8>) -> Result<String, Problem> {
    String::from_utf8(bytes).map_err(|_| Problem::invalid("a string is not UTF-8"))
}

/// The value of an attribute, by its declared type.
pub fn value(a: AttributeProto, external: &mut External) -> Result<Value, Problem> {
    let code = a.r#type.unwrap_or(0);
    let kind = AttributeType::try_from(code).map_err(|_| Problem::invalid(format!("{code} is no attribute type")))?;
    Ok(Value::Plain(match kind {
        // A default value may have been left out on the wire.
        AttributeType::Float => Attr::float(a.f.unwrap_or(0.0)),
        AttributeType::Int => Attr::Int(a.i.unwrap_or(0)),
        AttributeType::String => Attr::Str(text(a.s.unwrap_or_default())?),
        AttributeType::Ints => Attr::Ints(a.ints),
        AttributeType::Floats => Attr::floats(&a.floats),
        AttributeType::Strings => Attr::Strs(a.strings.into_iter().map(text).collect::<Result<_, _>>()?),
        AttributeType::Tensor => {
            let t = a.t.ok_or_else(|| Problem::invalid("the tensor is missing"))?;
            Attr::Tensor(tensor::dense(*t, external)?)
        }
        AttributeType::Graph => {
            return a.g.map(Value::Graph).ok_or_else(|| Problem::invalid("the graph is missing"));
        }
        AttributeType::SparseTensor => {
            return a.sparse_tensor.map(Value::Sparse).ok_or_else(|| Problem::invalid("the sparse tensor is missing"));
        }
        AttributeType::Undefined => return Err(Problem::invalid("the attribute has no type")),
        AttributeType::Graphs
        | AttributeType::Tensors
        | AttributeType::SparseTensors
        | AttributeType::TypeProto
        | AttributeType::TypeProtos => {
            return Err(Problem::unsupported(format!("attributes of type {} are not supported", kind.as_str_name())));
        }
    }))
}

/// An attribute's name for messages.
pub fn name(a: &AttributeProto) -> &str {
    short(a.name.as_deref().unwrap_or(""))
}
