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
    /// Control flow between the nodes, in order.
    pub control: Vec<ModelControl>,
}

/// Control flow that the import could not resolve, since it needs shapes or values, and operators on sequences. Specialisation
/// inlines, unrolls and resolves them; a typed [`crate::Graph`] has none.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ModelControl {
    /// Number of nodes of the same body that stand before it.
    pub before: usize,
    /// What it does.
    pub kind: ControlKind,
    /// Operands by name: condition; trip count, condition, carried values; or carried and scanned values.
    pub inputs: Vec<Option<String>>,
    /// Results by name: of the branch; or carried values and stacked ones.
    pub outputs: Vec<Option<String>>,
    /// Then and else branch, or the body.
    pub bodies: Vec<ModelBody>,
    /// Name of the ONNX node, or `#index` where it has none.
    pub name: String,
    /// Index of the ONNX node in the file.
    pub source: u32,
}

/// Kinds of control flow, with the newest operator set's meaning.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ControlKind {
    /// `If`.
    If,
    /// `Loop`.
    Loop,
    /// `Scan`.
    Scan {
        /// Axis and direction (true: backwards) of each scanned operand.
        inputs: Vec<(i64, bool)>,
        /// Axis and direction (true: stacked in front) of each stacked result.
        outputs: Vec<(i64, bool)>,
    },
    /// An operator on a sequence of tensors. Sequences exist at compile time only.
    Sequence(SequenceOp),
}

/// Operators that make, change or read a sequence.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SequenceOp {
    /// `SequenceEmpty`.
    Empty,
    /// `SequenceConstruct`.
    Construct,
    /// `SequenceInsert`.
    Insert,
    /// `SequenceErase`.
    Erase,
    /// `SequenceAt`.
    At,
    /// `SequenceLength`.
    Length,
    /// `ConcatFromSequence`.
    Concat {
        /// Along this axis.
        axis: i64,
        /// Which is a new one.
        new_axis: bool,
    },
    /// `SplitToSequence`.
    Split {
        /// Along this axis.
        axis: i64,
        /// Which stays where nothing else than single slices is asked for.
        keepdims: bool,
    },
}

impl SequenceOp {
    /// ONNX `op_type`.
    pub fn name(self) -> &'static str {
        match self {
            SequenceOp::Empty => "SequenceEmpty",
            SequenceOp::Construct => "SequenceConstruct",
            SequenceOp::Insert => "SequenceInsert",
            SequenceOp::Erase => "SequenceErase",
            SequenceOp::At => "SequenceAt",
            SequenceOp::Length => "SequenceLength",
            SequenceOp::Concat { .. } => "ConcatFromSequence",
            SequenceOp::Split { .. } => "SplitToSequence",
        }
    }
}

impl ControlKind {
    /// ONNX `op_type`.
    pub fn name(&self) -> &'static str {
        match self {
            ControlKind::If => "If",
            ControlKind::Loop => "Loop",
            ControlKind::Scan { .. } => "Scan",
            ControlKind::Sequence(op) => op.name(),
        }
    }
}

/// A branch or the body of a loop. Names are unique in the whole model; those of bodies around it are visible.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ModelBody {
    /// Formal inputs.
    pub inputs: Vec<String>,
    /// Results.
    pub outputs: Vec<String>,
    /// Nodes.
    pub nodes: Vec<ModelNode>,
    /// Control flow between the nodes.
    pub control: Vec<ModelControl>,
}

/// One step of a body.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Step<'a> {
    /// A node.
    Node(&'a ModelNode),
    /// Control flow.
    Control(&'a ModelControl),
}

/// Nodes and control flow of a body, in order.
pub fn steps<'a>(nodes: &'a [ModelNode], control: &'a [ModelControl]) -> Vec<Step<'a>> {
    let mut out = Vec::with_capacity(nodes.len() + control.len());
    let mut control = control.iter().peekable();
    for i in 0..=nodes.len() {
        while let Some(c) = control.next_if(|c| c.before <= i) {
            out.push(Step::Control(c));
        }
        out.extend(nodes.get(i).map(Step::Node));
    }
    out.extend(control.map(Step::Control));
    out
}
