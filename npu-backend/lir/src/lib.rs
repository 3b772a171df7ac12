//! The IRs below the graph: F (fused groups), T (tiles), S (stream), A (placed). Data, text form and verifiers; no lowering.
#![deny(missing_docs)]

pub mod fused;
pub mod placed;
pub mod stream;
pub mod tile;
