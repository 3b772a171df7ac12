//! The IRs below the graph: F (fused groups), T (tiles), S (stream), A (placed). Data, text form and verifiers; no lowering.
#![deny(missing_docs)]

pub mod accesses;
pub mod contents;
pub mod fused;
mod korder;
pub mod placed;
mod report;
pub mod stream;
pub mod text;
pub mod tile;
pub mod verify_fused;
pub mod verify_placed;
pub mod verify_stream;
pub mod verify_tile;
