//! Executes the three IRs between the graph and the machine: F on whole tensors, T on virtual buffers, S on instructions
//! whose addresses are relative to virtual buffers.
//!
//! The three interpreters are written from the specification (npu-backend/SPEC.md, sections 3 and 4) one by one. They share
//! data types, the little-endian access of [`bytes`], the layouts of [`relayout`], and the pinned functions of section 11
//! ([`pinned`]: one text, one copy here; the simulator and the ISA oracle have their own). No loop, no rounding and no
//! element function is shared, so one wrong kernel in one of them turns exactly its own arrows red.
#![deny(missing_docs)]

pub mod bytes;
pub mod error;
pub mod group;
pub mod pinned;
pub mod relayout;
pub mod run;
pub mod stream;
pub mod tile;

#[cfg(test)]
mod testutil;

pub use error::{Fault, StageError};
pub use run::Run;
