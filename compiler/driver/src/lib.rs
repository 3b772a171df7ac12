//! The whole compiler as one function: model → typed graph → passes → groups → tiles → stream → placed → bytes, verified after
//! every step, every artefact kept, every optional rewrite numbered and switchable.
#![deny(missing_docs)]

pub mod inject;
pub mod pipeline;

pub use inject::{Edit, Injection};
pub use pipeline::{Compilation, Options, Precision, Snapshot, Verify, compile, import, pass_names};
