//! M normalised: named values, operators of the newest opset, no types on intermediates. The importer makes it, the
//! exporter takes it, `opt::specialize` turns it into a typed [`crate::Graph`].

use crate::attrs::Attrs;
use crate::ops::Op;
use crate::tensor::Tensor;
use crate::types::DType;

/// An extent of a model input: known, or a name to be bound with `--dim`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Dim {
    /// Known.
    Fixed(usize),
    /// Symbolic (`dim_param`), or anonymous with the empty name.
    Named(String),
}

/// A declared input (or output) of the model.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ModelValue {
    /// ONNX tensor name.
    pub name: String,
    /// Element type.
    pub dtype: DType,
    /// Extents, if the model declares a shape.
    pub dims: Option<Vec<Dim>>,
}

/// One node, inputs and outputs by name.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ModelNode {
    /// Operator of the newest opset.
    pub op: Op,
    /// Attributes with defaults filled in.
    pub attrs: Attrs,
    /// Input names; `None` for an omitted optional input.
    pub inputs: Vec<Option<String>>,
    /// Output names; `None` for an omitted optional output.
    pub outputs: Vec<Option<String>>,
    /// Name of the ONNX node, or `#index` where it has none.
    pub name: String,
    /// Index of the ONNX node in the file; nodes that an opset conversion made share it.
    pub source: u32,
}

/// A whole model, in topological order.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Model {
    /// Graph name.
    pub name: String,
    /// Inputs without initializers.
    pub inputs: Vec<ModelValue>,
    /// Outputs, in order. The shape is informative only.
    pub outputs: Vec<ModelValue>,
    /// Initializers.
    pub initializers: Vec<(String, Tensor)>,
    /// Nodes.
    pub nodes: Vec<ModelNode>,
}
