//! G: the typed SSA graph. Node order is topological order; values are defined once; constants are values.

use crate::attrs::Attrs;
use crate::ops::Op;
use crate::tensor::Tensor;
use crate::types::TensorType;
use kit::{IdVec, define_id};

define_id!(
    /// A node of a graph.
    NodeId, "n"
);
define_id!(
    /// A value of a graph.
    ValueId, "%"
);

/// Where a node came from: kept by every rewrite, so that reports can name the ONNX node.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct Origin {
    /// Index of the ONNX node in the model.
    pub source: u32,
    /// Its name, or `#index`.
    pub name: String,
}

impl Origin {
    /// An origin from its parts.
    pub fn new(source: u32, name: impl Into<String>) -> Self {
        Self { source, name: name.into() }
    }
}

/// One operation.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Node {
    /// Operator.
    pub op: Op,
    /// Attributes, complete per schema.
    pub attrs: Attrs,
    /// Inputs; `None` for an omitted optional one.
    pub inputs: Vec<Option<ValueId>>,
    /// Outputs; trailing optional ones may be left out.
    pub outputs: Vec<ValueId>,
    /// Provenance.
    pub origin: Origin,
}

impl Node {
    /// Input `i`, if present.
    pub fn input(&self, i: usize) -> Option<ValueId> {
        self.inputs.get(i).copied().flatten()
    }
}

/// How a value comes to be.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Def {
    /// Input number `i` of the graph.
    Input(u32),
    /// A constant. Its tensor's element type is the value's, or f64 where the value's is a float: a *wide* constant,
    /// which the precision pass rounds once to its type.
    Const(Tensor),
    /// Output `index` of `node`.
    Node {
        /// The node.
        node: NodeId,
        /// Which of its outputs.
        index: u32,
    },
}

/// An SSA value.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Value {
    /// Type.
    pub ty: TensorType,
    /// Definition.
    pub def: Def,
    /// ONNX tensor name, where there is one. Inputs always have one.
    pub name: Option<String>,
}

/// A graph output. The name belongs to the output, so that no pass can lose it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Output {
    /// ONNX tensor name.
    pub name: String,
    /// The value.
    pub value: ValueId,
}

/// A typed SSA graph with static shapes.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Graph {
    /// Name.
    pub name: String,
    /// Operations in topological order.
    pub nodes: IdVec<NodeId, Node>,
    /// Values.
    pub values: IdVec<ValueId, Value>,
    /// Inputs in order.
    pub inputs: Vec<ValueId>,
    /// Outputs in order; a value may be output more than once, and an input may be an output.
    pub outputs: Vec<Output>,
}

impl Graph {
    /// Adds an input.
    pub fn add_input(&mut self, name: impl Into<String>, ty: TensorType) -> ValueId {
        let def = Def::Input(u32::try_from(self.inputs.len()).expect("fewer than 2^32 inputs"));
        let v = self.values.push(Value { ty, def, name: Some(name.into()) });
        self.inputs.push(v);
        v
    }
    /// Adds a constant of the tensor's own type.
    pub fn add_const(&mut self, name: Option<String>, t: Tensor) -> ValueId {
        self.values.push(Value { ty: t.ty(), def: Def::Const(t), name })
    }
    /// Adds a constant whose tensor is f64 while its type is a narrower float.
    pub fn add_wide_const(&mut self, name: Option<String>, ty: TensorType, t: Tensor) -> ValueId {
        self.values.push(Value { ty, def: Def::Const(t), name })
    }
    /// Adds a node with outputs of the given types (and names); gives its output values.
    pub fn add_node(
        &mut self,
        op: Op,
        attrs: Attrs,
        inputs: Vec<Option<ValueId>>,
        outputs: Vec<(TensorType, Option<String>)>,
        origin: Origin,
    ) -> Vec<ValueId> {
        let node = self.nodes.next_id();
        let outputs: Vec<ValueId> = outputs
            .into_iter()
            .enumerate()
            .map(|(i, (ty, name))| {
                let index = u32::try_from(i).expect("fewer than 2^32 outputs");
                self.values.push(Value { ty, def: Def::Node { node, index }, name })
            })
            .collect();
        self.nodes.push(Node { op, attrs, inputs, outputs: outputs.clone(), origin });
        outputs
    }
    /// Adds an output.
    pub fn add_output(&mut self, name: impl Into<String>, value: ValueId) {
        self.outputs.push(Output { name: name.into(), value });
    }
    /// Type of a value.
    pub fn ty(&self, v: ValueId) -> &TensorType {
        &self.values[v].ty
    }
    /// The tensor of a constant.
    pub fn constant(&self, v: ValueId) -> Option<&Tensor> {
        match &self.values[v].def {
            Def::Const(t) => Some(t),
            Def::Input(_) | Def::Node { .. } => None,
        }
    }
    /// The node that defines a value.
    pub fn producer(&self, v: ValueId) -> Option<NodeId> {
        match self.values[v].def {
            Def::Node { node, .. } => Some(node),
            Def::Input(_) | Def::Const(_) => None,
        }
    }
    /// For each value, the nodes that read it (once per reading operand), in node order.
    pub fn users(&self) -> IdVec<ValueId, Vec<NodeId>> {
        let mut users: IdVec<ValueId, Vec<NodeId>> = self.values.values().map(|_| Vec::new()).collect();
        for (id, n) in self.nodes.iter() {
            for v in n.inputs.iter().flatten() {
                users[*v].push(id);
            }
        }
        users
    }
    /// Whether a value is a graph output.
    pub fn is_output(&self, v: ValueId) -> bool {
        self.outputs.iter().any(|o| o.value == v)
    }
    /// Number of nodes as DESIGN.md counts them: all but Constant, QuantizeLinear and DequantizeLinear; and the number of the latter two.
    pub fn node_counts(&self) -> (usize, usize) {
        let qdq = self.nodes.values().filter(|n| matches!(n.op, Op::QuantizeLinear | Op::DequantizeLinear)).count();
        (self.nodes.len() - qdq, qdq)
    }
    /// A printable name of a value: its ONNX name or its id.
    pub fn value_name(&self, v: ValueId) -> String {
        self.values[v].name.clone().unwrap_or_else(|| v.to_string())
    }
}
