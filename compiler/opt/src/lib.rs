//! The graph optimiser: type rules, specialisation of models to static graphs, constant folding, and the passes on G.
//!
//! Everything here is a function from graph to graph; which pass claims what stands in [`passes`].
#![deny(missing_docs)]

pub mod core;
pub mod fold;
pub mod passes;
pub mod specialize;
#[allow(missing_docs, reason = "the rules of one family are internal; `infer` documents them")]
pub mod types;

pub use core::{is_core, unsupported};
pub use passes::{GraphPass, MANDATORY, PASSES};
pub use specialize::{Need, Specialize, needs, specialize};
pub use types::{Arg, check_types, infer};
