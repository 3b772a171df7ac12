//! The toolkit below every IR: dense ids, stages, the pass interface, rewrite numbering, compiler choices, errors.
//!
//! Knows nothing of tensors; nothing of ours stands below it.
#![deny(missing_docs)]

pub mod control;
pub mod error;
pub mod id;
pub mod pass;
pub mod rewrite;
pub mod rng;
pub mod stage;

pub use control::Control;
pub use error::CompileError;
pub use id::IdVec;
pub use pass::{Claim, PassCx, Rounding};
pub use rewrite::{Permit, RewriteId, RewriteLog};
pub use rng::Rng;
pub use stage::{Ir, Stage, Violation};
