//! The graph definition: the one thing that the compiler and the reference interpreter share.
//!
//! Data, text form and structural verifier; no arithmetic on tensor values, no passes, no type rules.
#![deny(missing_docs)]

pub mod attrs;
pub mod graph;
pub mod hash;
pub mod model;
pub mod ops;
pub mod parse;
pub mod rebuild;
pub mod tensor;
pub mod text;
pub mod types;
pub mod verify;

pub use attrs::{Attr, Attrs};
pub use graph::{Def, Graph, Node, NodeId, Origin, Output, Value, ValueId};
pub use model::{ControlKind, Dim, Model, ModelBody, ModelControl, ModelNode, ModelValue, SequenceOp, Step, steps};
pub use ops::{AttrDefault, AttrKind, AttrSpec, Family, Op, Schema};
pub use rebuild::Rebuild;
pub use tensor::Tensor;
pub use types::{DType, TensorType};
