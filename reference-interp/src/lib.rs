//! The reference interpreter: slow, obviously correct, with an error radius for every element.
//!
//! *Proves*: which results a legal execution of a graph under a declared [`Contract`] can give, element by element: a
//! value and a radius for floats, a hull of integers where an upstream rounding decision is open. *Assumes* the graph's
//! structure (`ir::verify`) and the types of its inputs and constants; it never reads the type of a node's output, it
//! measures shapes from data. *Cannot see* how the graph came to be: passes, folders and kernels of the compiler are
//! not among its dependencies.
//!
//! Formulas: `NUMERICS.md` section 3; each operator's own formula stands in its doc comment under [`ops`].
#![deny(missing_docs)]

pub mod check;
pub mod contract;
pub mod cx;
pub mod error;
pub mod eval;
pub mod extreme;
pub mod hypothesis;
pub mod index;
pub mod ops;
pub mod round;
pub mod session;
pub mod value;
pub mod wide;

pub use check::{BoundReport, Outside};
pub use contract::{
    Accumulator, Contract, Flush, Format, Func, NanRule, Order, Reassociate, Requant, Storage, UlpTable,
};
pub use error::{EvalError, OpError};
pub use eval::{Evaluation, Options, evaluate, evaluate_nodes, evaluate_plain, evaluate_typed, evaluate_with};
pub use hypothesis::Hypothesis;
pub use session::Session;
pub use value::{Bounded, Data, Float, Int, Linear};
