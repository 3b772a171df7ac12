//! ONNX in and out: protobuf bytes to [`ir::Model`], graphs and models back to bytes.
//!
//! Control flow that is not decided on import stays ([`ir::ModelControl`]); specialisation resolves it. The importer ([`read`]) accepts operator sets 6 to 28 and gives operators of the newest; older versions are
//! converted by the table in [`conversions`]. It never panics, never reads outside the model's directory, and reports every
//! problem with the node or tensor that has it. The exporter ([`write_graph`], [`write_model`]) is its inverse.
#![deny(missing_docs, clippy::as_conversions)]

mod attr;
mod control;
mod error;
mod external;
mod fold;
mod inline;
mod node;
mod opset;
mod order;
#[allow(missing_docs, clippy::as_conversions, clippy::doc_markdown, reason = "generated code")]
#[rustfmt::skip]
pub mod proto;
mod read;
mod scan;
mod scope;
mod tensor;
mod version;
mod write;

pub use error::{At, ErrorKind, ImportError, ImportErrors};
pub use opset::{Conversion, NEWEST, OLDEST, conversions};
pub use read::read;
pub use tensor::{TensorError, read_tensor, write_tensor};

pub use write::{write_graph, write_model};
